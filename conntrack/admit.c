/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May this new session be? Quota of its source, room in the table, and what is
 * given up to make room.
 *
 * When the table is full, sessions are given up that were never judged, never
 * answered, or are closing; the source that holds the most of these loses its
 * oldest. So one source that opens all it can only displaces itself, and an
 * established session is never given up for a new one (RFC 6888 REQ-11D).
 */
#include "conntrack/engine_private.h"

static bool is_expendable(unsigned int list)
{
	static const bool expendable[LIST_COUNT] = {
		[TIMEOUT_TCP_SYN_SENT] = true,	 [TIMEOUT_TCP_SYN_RECEIVED] = true, [TIMEOUT_TCP_FIN_WAIT] = true,
		[TIMEOUT_TCP_LAST_ACK] = true,	 [TIMEOUT_TCP_TIME_WAIT] = true,    [TIMEOUT_TCP_CLOSE] = true,
		[TIMEOUT_TCP_CLOSE_WAIT] = true, [TIMEOUT_UDP_UNREPLIED] = true,    [TIMEOUT_ICMP] = true,
	};

	return expendable[list];
}

/* ------------------------------------------------------ expendable sessions */

static void crowd_enter(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct tally_entry *source = &engine->sources.entries[session->source];

	session->crowd_previous = source->newest;
	session->crowd_next = SESSION_NONE;
	if (source->newest == SESSION_NONE)
		source->oldest = index;
	else
		table_session(&engine->table, source->newest)->crowd_next = index;
	source->newest = index;
	rank_increment(&engine->sources.expendable, session->source);
	rank_increment(&engine->destinations.expendable, session->destination);
}

static void crowd_leave(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct tally_entry *source = &engine->sources.entries[session->source];

	if (session->crowd_previous == SESSION_NONE)
		source->oldest = session->crowd_next;
	else
		table_session(&engine->table, session->crowd_previous)->crowd_next = session->crowd_next;
	if (session->crowd_next == SESSION_NONE)
		source->newest = session->crowd_previous;
	else
		table_session(&engine->table, session->crowd_next)->crowd_previous = session->crowd_previous;
	rank_decrement(&engine->sources.expendable, session->source);
	rank_decrement(&engine->destinations.expendable, session->destination);
}

void admit_count(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct tuple original = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);
	struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);

	session->source = tally_add(&engine->sources, &original.source.address);
	session->destination = tally_add(&engine->destinations, &reply.source.address);
	if (is_expendable(session->list))
		crowd_enter(engine, index);
}

void admit_uncount(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);

	if (is_expendable(session->list))
		crowd_leave(engine, index);
	tally_remove(&engine->sources, session->source);
	tally_remove(&engine->destinations, session->destination);
}

void admit_reclass(struct engine *engine, uint32_t index, unsigned int before)
{
	bool was = is_expendable(before), is = is_expendable(table_session(&engine->table, index)->list);

	if (was && !is)
		crowd_leave(engine, index);
	else if (!was && is)
		crowd_enter(engine, index);
}

/* ----------------------------------------------------------------- admission */

static bool evict_one(struct engine *engine)
{
	uint32_t victim = engine->table.lists[LIST_UNCONFIRMED].head, source;

	if (victim == SESSION_NONE) {
		source = rank_first(&engine->sources.expendable);
		if (source == RANK_NONE)
			return false;
		victim = engine->sources.entries[source].oldest;
		engine->counters.evicted++;
	}
	engine_end_session(engine, victim);
	return true;
}

static enum reason refuse_source(struct passage *passage)
{
	passage->engine->alerts.quota_source = passage->original.source.address;
	return REASON_SOURCE_QUOTA;
}

enum reason admit(struct passage *passage, uint32_t *index)
{
	struct engine *engine = passage->engine;
	uint32_t quota = engine->settings.sessions_per_source;
	uint32_t source;

	*index = SESSION_NONE;
	if (quota) {
		source = tally_lookup(&engine->sources, &passage->original.source.address);
		if (tally_held(&engine->sources, source) >= quota)
			return refuse_source(passage);
	}
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
