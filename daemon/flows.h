/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Elements of the fast path's maps, put together and read: what a session's packets arrive
 * as, and what becomes of them. No libbpf here.
 */
#ifndef SLUICE_DAEMON_FLOWS_H
#define SLUICE_DAEMON_FLOWS_H

#include "daemon/fastpath/maps.h"
#include "daemon/routes.h"
#include "sluice/engine.h"

void flow_key4(struct flow_key4 *key, const struct tuple *arrives, uint32_t interface);
void flow_key6(struct flow_key6 *key, const struct tuple *arrives, uint32_t interface);

/**
 * struct flow_plan - one direction of a session
 * @slot: its index
 * @mtu: of the way that @route names
 */
struct flow_plan {
	uint32_t slot;
	enum direction way;
	const struct engine_flow *flow;
	const struct route *route;
	uint32_t mtu;
};

void flow_value4(struct flow4 *value, const struct flow_plan *plan);
void flow_value6(struct flow6 *value, const struct flow_plan *plan);

/* Is that what becomes of packets that shall leave as @leaves, apart from their way? */
bool flow_leaves4(const struct flow4 *value, const struct tuple *leaves);
bool flow_leaves6(const struct flow6 *value, const struct tuple *leaves);

#endif
