/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May this new session be? Room in the table, and what to give up for it.
 */
#include "conntrack/engine_private.h"

/*
 * What is given up first when the table is full: packets that were never judged,
 * closed sessions, sessions that no one answered. An established session with
 * traffic is never given up for a new one (RFC 6888 REQ-11D).
 */
static const uint8_t eviction_order[] = {
	LIST_UNCONFIRMED,     TIMEOUT_TCP_CLOSE,    TIMEOUT_TCP_TIME_WAIT,    TIMEOUT_TCP_LAST_ACK,
	TIMEOUT_TCP_SYN_SENT, TIMEOUT_UDP_UNREPLIED, TIMEOUT_TCP_SYN_RECEIVED, TIMEOUT_ICMP,
	TIMEOUT_TCP_FIN_WAIT, TIMEOUT_TCP_CLOSE_WAIT,
};

static bool evict_one(struct engine *engine)
{
	for (size_t i = 0; i < sizeof(eviction_order); i++) {
		uint32_t victim = engine->table.lists[eviction_order[i]].head;

		if (victim == SESSION_NONE)
			continue;
		if (eviction_order[i] != LIST_UNCONFIRMED)
			engine->counters.evicted++;
		engine_end_session(engine, victim);
		return true;
	}
	return false;
}

enum reason admit(struct passage *passage, uint32_t *index)
{
	struct engine *engine = passage->engine;

	*index = table_reserve(&engine->table, passage->now);
	if (*index == SESSION_NONE && engine->settings.table_full == TABLE_FULL_EVICT && evict_one(engine))
		*index = table_reserve(&engine->table, passage->now);
	return *index == SESSION_NONE ? REASON_TABLE_FULL : REASON_NONE;
}

void admit_count_refusal(struct engine *engine, enum reason reason)
{
	static const struct {
		enum reason reason;
		enum refusal refusal;
	} causes[] = {
		{ REASON_POOL_EXHAUSTED, REFUSAL_POOL_EXHAUSTED },
		{ REASON_DESTINATION_EXHAUSTED, REFUSAL_DESTINATION_EXHAUSTED },
		{ REASON_SOURCE_QUOTA, REFUSAL_SOURCE_QUOTA },
		{ REASON_HOLD_DOWN, REFUSAL_HOLD_DOWN },
		{ REASON_TABLE_FULL, REFUSAL_TABLE_FULL },
	};

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i].reason == reason)
			engine->counters.refusals[causes[i].refusal]++;
}
