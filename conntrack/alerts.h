/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pressure and refusals as alerts: one effect at each edge, never one for each packet.
 */
#ifndef SLUICE_CONNTRACK_ALERTS_H
#define SLUICE_CONNTRACK_ALERTS_H

#include "sluice/snapshot.h"

/* Pools whose alerts are told apart; the default number of pools. */
#define ALERTS_POOLS 512

struct engine;

/* What was last said of one pool. */
struct alerts_pool {
	uint8_t level; /* enum pressure_level */
	bool exhausted;
	uint64_t refused; /* by then */
	struct mono refused_at;
};

struct alerts {
	enum pressure_level table_level;
	bool quota;
	uint64_t quota_refused;
	struct mono quota_at;
	struct alerts_pool pools[ALERTS_POOLS];
};

/**
 * alerts_update() - raise and clear what changed since the last call
 *
 * Meant to be called once a second. Alerts of refusals are cleared after half a
 * minute without one.
 */
void alerts_update(struct engine *engine, struct mono now);

#endif
