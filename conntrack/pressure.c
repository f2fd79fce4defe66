/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/pressure.h"

/* Per cent of the capacity at which each level begins, and how far below it ends. */
static const uint8_t level_from[] = {
	[PRESSURE_NORMAL] = 0,
	[PRESSURE_ELEVATED] = 70,
	[PRESSURE_HIGH] = 85,
	[PRESSURE_FULL] = 100,
};
#define LEVEL_HYSTERESIS 5

#define SAMPLE_LEAST_NS (100 * NS_PER_MS)
#define RATE_TIME_CONSTANT_S 10.0

bool pressure_update(struct pressure *pressure, uint32_t used, uint32_t capacity)
{
	uint64_t scaled = (uint64_t)used * 100;
	enum pressure_level level = pressure->level;

	if (capacity == 0)
		level = PRESSURE_FULL;
	while (level < PRESSURE_FULL && scaled >= (uint64_t)level_from[level + 1] * capacity)
		level++;
	while (capacity && level > PRESSURE_NORMAL &&
	       scaled <= (uint64_t)(level_from[level] - LEVEL_HYSTERESIS) * capacity)
		level--;
	if (level == pressure->level)
		return false;
	pressure->level = level;
	return true;
}

void pressure_sample(struct pressure *pressure, uint32_t used, struct mono now)
{
	double seconds, growth, weight;

	if (!pressure->primed) {
		pressure->primed = true;
		pressure->sampled = used;
		pressure->sampled_at = now;
		return;
	}
	if (now.ns < pressure->sampled_at.ns + SAMPLE_LEAST_NS)
		return;
	seconds = (double)(now.ns - pressure->sampled_at.ns) / (double)NS_PER_S;
	growth = ((double)used - (double)pressure->sampled) / seconds;
	/* 1 - exp(-t/T) without libm: exact enough at both ends, monotonic between. */
	weight = seconds / (seconds + RATE_TIME_CONSTANT_S);
	pressure->rate += weight * (growth - pressure->rate);
	pressure->sampled = used;
	pressure->sampled_at = now;
}

struct snapshot_pressure pressure_snapshot(const struct pressure *pressure, uint32_t used, uint32_t capacity)
{
	struct snapshot_pressure snapshot = {
		.level = pressure->level,
		.fill = used < capacity ? (double)used / (double)capacity : 1.0,
		.rate = pressure->rate,
		.seconds_to_full = -1.0,
	};

	if (used >= capacity)
		snapshot.seconds_to_full = 0.0;
	else if (pressure->rate > 0.0)
		snapshot.seconds_to_full = (double)(capacity - used) / pressure->rate;
	return snapshot;
}
