/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How full something of fixed capacity is, and when it will be full.
 *
 * The level follows the fill at once and has hysteresis, so that a table that
 * hovers at a threshold raises one alert and not thousands. The forecast smooths the
 * net growth over some ten seconds; it needs regular samples.
 */
#ifndef CONNTRACK_PRESSURE_H
#define CONNTRACK_PRESSURE_H

#include "sluice/snapshot.h"

struct pressure {
	enum pressure_level level;
	uint32_t sampled; /* used at @sampled_at */
	struct mono sampled_at;
	double rate; /* net growth a second */
	bool primed; /* there was a first sample */
};

/**
 * pressure_update() - let the level follow the fill
 *
 * Up at 70, 85 and 100 %, down again 5 points lower. A few nanoseconds: meant to be called at
 * every change. A capacity of 0 is full.
 * Return: true when the level changed.
 */
bool pressure_update(struct pressure *pressure, uint32_t used, uint32_t capacity);

/**
 * pressure_sample() - take notice of @used for the rate
 *
 * Call it about once a second; calls within 100 ms of the last are ignored.
 */
void pressure_sample(struct pressure *pressure, uint32_t used, struct mono now);

/* What there is to report. */
struct snapshot_pressure pressure_snapshot(const struct pressure *pressure, uint32_t used, uint32_t capacity);

#endif
