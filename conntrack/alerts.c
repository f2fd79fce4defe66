/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/alerts.h"

#include <stdio.h>

#include "conntrack/engine_private.h"
#include "rules/address_text.h"

/* Refusals this long ago are over. */
#define REFUSAL_MS 30000

static struct effect *alert(struct engine *engine, bool raised, const char *name, const char *subject,
			    struct mono now)
{
	struct effect *effect = outbox_add(&engine->outbox, EFFECT_ALERT, now);

	if (!effect)
		return NULL;
	effect->alert.raised = raised;
	effect->alert.name = name;
	snprintf(effect->alert.subject, sizeof(effect->alert.subject), "%s", subject);
	return effect;
}

static void print_address(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	if (address_is_ipv4(address))
		address_text_print_ipv4(address->bytes + 12, text);
	else
		address_text_print_ipv6(address->bytes, text);
}

/* "93.4 % full, 120 a second more: full in 14 s" */
static void describe(char *text, size_t size, const struct snapshot_pressure *pressure)
{
	int length = snprintf(text, size, "%s: %.1f %% in use", pressure_level_name(pressure->level),
			      pressure->fill * 100);

	if (length > 0 && (size_t)length < size && pressure->seconds_to_full >= 0)
		snprintf(text + length, size - (size_t)length, ", %.0f a second more, full in %.0f s", pressure->rate,
			 pressure->seconds_to_full);
}

static void update_table(struct engine *engine, struct mono now)
{
	struct snapshot_pressure pressure =
		pressure_snapshot(&engine->pressure, engine->table.confirmed, engine->table.capacity);
	struct effect *effect;

	if (pressure.level == engine->alerts.table_level)
		return;
	engine->alerts.table_level = pressure.level;
	effect = alert(engine, pressure.level != PRESSURE_NORMAL, "table-pressure", "sessions", now);
	if (effect)
		describe(effect->alert.text, sizeof(effect->alert.text), &pressure);
}

static void update_quota(struct engine *engine, struct mono now)
{
	struct alerts *alerts = &engine->alerts;
	uint64_t refused = engine->counters.refusals[REFUSAL_SOURCE_QUOTA];
	bool more = refused != alerts->quota_refused;
	char source[ADDRESS_TEXT_SIZE];
	struct effect *effect;

	alerts->quota_refused = refused;
	if (more)
		alerts->quota_at = now;
	if (more == alerts->quota || (!more && mono_ms_between(alerts->quota_at, now) < REFUSAL_MS))
		return;
	alerts->quota = more;
	effect = alert(engine, more, "source-quota", "sources", now);
	if (!effect)
		return;
	print_address(&alerts->quota_source, source);
	snprintf(effect->alert.text, sizeof(effect->alert.text), "%s holds all the sessions or ports it may", source);
}

static void update_pool(struct engine *engine, uint32_t index, const struct snapshot_pool *pool, struct mono now)
{
	struct alerts_pool *known = &engine->alerts.pools[index];
	bool more = pool->refused != known->refused;
	char address[ADDRESS_TEXT_SIZE], subject[64];
	struct effect *effect;

	print_address(&pool->address, address);
	snprintf(subject, sizeof(subject), "%s protocol %u", address, pool->protocol);
	if (pool->pressure.level != known->level) {
		known->level = (uint8_t)pool->pressure.level;
		effect = alert(engine, known->level != PRESSURE_NORMAL, "pool-pressure", subject, now);
		if (effect)
			describe(effect->alert.text, sizeof(effect->alert.text), &pool->pressure);
	}
	known->refused = pool->refused;
	if (more)
		known->refused_at = now;
	if (more == known->exhausted || (!more && mono_ms_between(known->refused_at, now) < REFUSAL_MS))
		return;
	known->exhausted = more;
	effect = alert(engine, more, "port-exhaustion", subject, now);
	if (effect)
		snprintf(effect->alert.text, sizeof(effect->alert.text), "%u of %u ports in use, %llu sessions refused",
			 pool->used, pool->ports, (unsigned long long)pool->refused);
}

void alerts_update(struct engine *engine, struct mono now)
{
	struct snapshot_pool pool;
	uint32_t position = 0;

	update_table(engine, now);
	update_quota(engine, now);
	while (pools_next(mappings_pools_const(engine->mappings), &position, &pool))
		if (position <= ALERTS_POOLS)
			update_pool(engine, position - 1, &pool, now);
}
