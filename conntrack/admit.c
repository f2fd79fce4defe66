/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * May this new session be? Quota of its source, room in the table, and what is
 * given up to make room.
 *
 * When the table is full, sessions are given up that were never judged, never
 * answered, or are closing; the source that holds the most of these loses its
 * oldest. So one source that opens all it can only displaces itself, and an
 * established session is never given up for a new one (RFC 6888 REQ-11D). The same
 * holds for what is smaller than the table: hosts with mappings, and their peers.
 */
#include "conntrack/engine_private.h"

/* Of the table, for management and the router itself: so that a full one locks nobody out who could help. */
#define RESERVE_SHARE 100
#define RESERVE_LEAST 64u
#define RESERVE_FROM 1024u
/* Sessions of a list that are looked at for one that may be given up. */
#define HOST_LOOKS 8

bool admit_is_expendable(unsigned int list)
{
	static const bool expendable[LIST_COUNT] = {
		[TIMEOUT_TCP_SYN_SENT] = true,	 [TIMEOUT_TCP_SYN_RECEIVED] = true, [TIMEOUT_TCP_FIN_WAIT] = true,
		[TIMEOUT_TCP_LAST_ACK] = true,	 [TIMEOUT_TCP_TIME_WAIT] = true,    [TIMEOUT_TCP_CLOSE] = true,
		[TIMEOUT_TCP_CLOSE_WAIT] = true, [TIMEOUT_UDP_UNREPLIED] = true,    [TIMEOUT_ICMP] = true,
		[TIMEOUT_DCCP_OPENING] = true,	 [TIMEOUT_DCCP_CLOSING] = true,
	};

	return expendable[list];
}

/* ------------------------------------------------------ expendable sessions */

void admit_join_crowd(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct tally_entry *source = &engine->sources.entries[session->source_tally];

	session->crowd_previous = source->newest;
	session->crowd_next = SESSION_NONE;
	if (source->newest == SESSION_NONE)
		source->oldest = index;
	else
		table_session(&engine->table, source->newest)->crowd_next = index;
	source->newest = index;
}

static void crowd_enter(struct engine *engine, uint32_t index)
{
	const struct session *session = table_session(&engine->table, index);

	admit_join_crowd(engine, index);
	rank_increment(&engine->sources.expendable, session->source_tally);
	rank_increment(&engine->destinations.expendable, session->destination_tally);
}

static void crowd_leave(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct tally_entry *source = &engine->sources.entries[session->source_tally];

	if (session->crowd_previous == SESSION_NONE)
		source->oldest = session->crowd_next;
	else
		table_session(&engine->table, session->crowd_previous)->crowd_next = session->crowd_next;
	if (session->crowd_next == SESSION_NONE)
		source->newest = session->crowd_previous;
	else
		table_session(&engine->table, session->crowd_next)->crowd_previous = session->crowd_previous;
	rank_decrement(&engine->sources.expendable, session->source_tally);
	rank_decrement(&engine->destinations.expendable, session->destination_tally);
}

void admit_count(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct tuple original = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);
	struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);

	session->source_tally = tally_add(&engine->sources, &original.source.address);
	session->destination_tally = tally_add(&engine->destinations, &reply.source.address);
	if (admit_is_expendable(session->list))
		crowd_enter(engine, index);
}

void admit_uncount(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);

	if (admit_is_expendable(session->list))
		crowd_leave(engine, index);
	tally_remove(&engine->sources, session->source_tally);
	tally_remove(&engine->destinations, session->destination_tally);
}

void admit_reclass(struct engine *engine, uint32_t index, unsigned int before)
{
	bool was = admit_is_expendable(before), is = admit_is_expendable(table_session(&engine->table, index)->list);

	if (was && !is)
		crowd_leave(engine, index);
	else if (!was && is)
		crowd_enter(engine, index);
}

/* ----------------------------------------------------------------- admission */

static void evict(struct engine *engine, uint32_t victim)
{
	engine->counters.evicted++;
	engine_end_session(engine, victim);
}

/* The oldest of the source that holds most of what may be given up. */
static bool evict_of_crowd(struct engine *engine)
{
	uint32_t source = rank_first(&engine->sources.expendable);

	if (source == RANK_NONE)
		return false;
	evict(engine, engine->sources.entries[source].oldest);
	return true;
}

static bool evict_one(struct engine *engine)
{
	uint32_t victim = engine->table.lists[LIST_UNCONFIRMED].head;

	if (victim == SESSION_NONE)
		return evict_of_crowd(engine);
	engine_end_session(engine, victim);
	return true;
}

/* Is that session the only thing that its host is remembered for? */
static bool frees_host(const struct engine *engine, const struct session *session)
{
	struct endpoint internal;

	if (session->mapping == MAPPING_NONE)
		return false;
	internal = mapping_internal(engine->mappings, session->mapping);
	return mappings_of_host(engine->mappings, &internal.address) == 1 &&
	       mapping_sessions(engine->mappings, session->mapping) == 1;
}

/*
 * Very many sources with one session each, as somebody inside makes who invents his
 * address: the one whose only session has waited longest is forgotten.
 */
static bool evict_host(struct engine *engine)
{
	uint32_t victim = SESSION_NONE;

	for (unsigned int list = 0; list < TIMEOUT_COUNT; list++) {
		uint32_t index = admit_is_expendable(list) ? engine->table.lists[list].head : SESSION_NONE;

		for (unsigned int looked = 0; looked < HOST_LOOKS && index != SESSION_NONE; looked++) {
			const struct session *session = table_session(&engine->table, index);

			if (frees_host(engine, session)) {
				if (victim == SESSION_NONE ||
				    (int32_t)(session->refreshed - table_session(&engine->table, victim)->refreshed) <
					0)
					victim = index;
				break;
			}
			index = session->list_next;
		}
	}
	if (victim == SESSION_NONE)
		return false;
	evict(engine, victim);
	return true;
}

bool admit_make_room(struct engine *engine)
{
	/* Where ports rest, so do the mappings of whoever had them: nothing would be won. */
	if (engine->settings.table_full != TABLE_FULL_EVICT || engine->settings.port_hold_ms)
		return false;
	return mappings_know_all_hosts(engine->mappings) ? evict_host(engine) : evict_of_crowd(engine);
}

bool admit_is_exempt(const struct passage *passage)
{
	const struct link *link = passage->context.iif;

	return quota_is_exempt(&passage->engine->settings, link ? link->name : NULL, &passage->original.source.address);
}

/* A packet that nobody sent takes nothing of the rate. */
static bool may_open_now(const struct passage *passage)
{
	struct engine *engine = passage->engine;
	const struct address *address = &passage->original.source.address;
	const struct settings_rate *rate = &engine->settings.new_per_source;

	return passage->trace ? quota_has_room(&engine->quota, address, rate, passage->now)
			      : quota_take(&engine->quota, address, rate, passage->now);
}

/* What is dear to find out is asked last: who is refused otherwise may yet be exempt. */
static bool is_over_quota(struct passage *passage)
{
	struct engine *engine = passage->engine;
	const struct settings *settings = &engine->settings;
	const struct address *address = &passage->original.source.address;
	uint32_t most = settings->sessions_per_source;

	if (most && tally_held(&engine->sources, tally_lookup(&engine->sources, address)) >= most)
		return !admit_is_exempt(passage);
	passage->too_fast = settings->new_per_source.count && !may_open_now(passage) && !admit_is_exempt(passage);
	return passage->too_fast;
}

bool admit_could_evict(const struct engine *engine)
{
	return engine->settings.table_full == TABLE_FULL_EVICT &&
	       (engine->table.lists[LIST_UNCONFIRMED].head != SESSION_NONE ||
		rank_first(&engine->sources.expendable) != RANK_NONE);
}

uint32_t admit_reserve(uint32_t capacity)
{
	uint32_t share = capacity / RESERVE_SHARE;

	if (capacity < RESERVE_FROM)
		return 0;
	return share < RESERVE_LEAST ? RESERVE_LEAST : share;
}

uint32_t admit_room(const struct engine *engine)
{
	return engine->table.capacity - admit_reserve(engine->table.capacity);
}

/* How full the table may become by such a session. */
static uint32_t limit_for(const struct passage *passage)
{
	const struct settings *settings = &passage->engine->settings;
	uint32_t capacity = passage->engine->table.capacity, reserve = admit_reserve(capacity);
	const struct link *link = passage->context.iif;

	for (unsigned int i = 0; link && i < settings->management_count; i++)
		if (link_name_matches(settings->management[i], link->name))
			return capacity;
	/* Anybody may send to the router: that must not use up what is left for management. */
	if (passage->meta->hook == HOOK_INPUT || passage->meta->hook == HOOK_OUTPUT)
		return capacity - reserve / 2;
	return admit_room(passage->engine);
}

enum reason admit(struct passage *passage, uint32_t *index)
{
	struct engine *engine = passage->engine;
	struct table *table = &engine->table;

	*index = SESSION_NONE;
	if (is_over_quota(passage))
		return REASON_SOURCE_QUOTA;
	if (table->confirmed + table->lists[LIST_UNCONFIRMED].count < limit_for(passage) ||
	    (!passage->trace && engine->settings.table_full == TABLE_FULL_EVICT && evict_one(engine)))
		*index = table_reserve(table, passage->now);
	return *index == SESSION_NONE ? REASON_TABLE_FULL : REASON_NONE;
}
