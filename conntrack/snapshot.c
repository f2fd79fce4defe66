/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers to questions about the engine: copies, in bounded steps.
 */
#include <errno.h>

#include "conntrack/engine_private.h"
#include "conntrack/gre.h"
#include "sluice/fastpath.h"

const char *pressure_level_name(enum pressure_level level)
{
	static const char *const names[] = { "normal", "elevated", "high", "full" };

	return names[level];
}

const char *refusal_name(enum refusal refusal)
{
	static const char *const names[REFUSAL_COUNT] = {
		[REFUSAL_POOL_EXHAUSTED] = "pool-exhausted", [REFUSAL_DESTINATION_EXHAUSTED] = "destination-exhausted",
		[REFUSAL_SOURCE_QUOTA] = "source-quota",     [REFUSAL_HOLD_DOWN] = "hold-down",
		[REFUSAL_TABLE_FULL] = "table-full",
	};

	return names[refusal];
}

static bool is_between(unsigned int value, unsigned int first, unsigned int last)
{
	return value >= first && value <= last;
}

/* What grows with the capacity, divided by it: a mapping for each session included. */
static uint32_t bytes_each(const struct engine *engine)
{
	uint64_t bytes = table_bytes(&engine->table) + mappings_bytes(engine->mappings) +
			 tally_bytes(&engine->sources) + tally_bytes(&engine->destinations) +
			 quota_bytes(&engine->quota);

	return (uint32_t)((bytes + engine->table.capacity - 1) / engine->table.capacity);
}

void snapshot_status(const struct engine *engine, struct snapshot_status *status)
{
	const struct engine_counters *counters = &engine->counters;

	*status = (struct snapshot_status){
		.sessions = {
			.current = engine->table.confirmed,
			.capacity = engine->table.capacity,
			.reserve = admit_reserve(engine->table.capacity),
			.peak = engine->table.peak,
			.created = counters->created,
			.expired = counters->expired,
			.evicted = counters->evicted,
			.bytes_each = bytes_each(engine),
		},
		.pressure = pressure_snapshot(&engine->pressure, engine->table.confirmed, admit_room(engine)),
		.packets = { counters->received, counters->accepted, counters->dropped, counters->rewritten,
			     counters->truncated },
		.icmp = { counters->icmp_translated, counters->icmp_unmatched, counters->icmp_invalid,
			  counters->icmp_frag_needed },
		.mss_clamped = counters->mss_clamped,
		.fastpath = { engine->lent, counters->fastpath_hits },
		.effects_lost = engine->outbox.lost,
		.generation = engine->generation,
	};
	memcpy(status->refusals, counters->refusals, sizeof(status->refusals));
	memcpy(status->drops, counters->drops, sizeof(status->drops));
	for (unsigned int list = 0; list < TIMEOUT_COUNT; list++) {
		uint32_t sessions = engine->table.lists[list].count;

		status->sessions.by_state[list] = sessions;
		if (is_between(list, TIMEOUT_TCP_SYN_SENT, TIMEOUT_TCP_RETRANSMITTING))
			status->sessions.tcp += sessions;
		else if (is_between(list, TIMEOUT_UDP_UNREPLIED, TIMEOUT_UDP_STREAM))
			status->sessions.udp += sessions;
		else if (list == TIMEOUT_ICMP)
			status->sessions.icmp += sessions;
		else
			status->sessions.other += sessions;
	}
}

/* The lower of both directions'; 0: nothing learned. */
static uint16_t path_mtu_of(const struct engine *engine, const struct snapshot_session *session, struct mono now)
{
	uint16_t there = path_mtus_lookup(engine->path_mtus, &session->tuples[DIRECTION_REPLY].source.address, now);
	uint16_t back = path_mtus_lookup(engine->path_mtus, &session->tuples[DIRECTION_ORIGINAL].source.address, now);

	return there && (!back || there < back) ? there : back;
}

/* What passed on the fast path and was not yet taken from there. */
static void add_unseen(const struct engine *engine, uint32_t index, struct snapshot_session *copy)
{
	const struct fastpath_slot *slot = &engine->fastpath.slots[index];

	copy->fastpath = true;
	for (unsigned int way = 0; way < 2; way++) {
		copy->packets[way] += __atomic_load_n(&slot->side[way].packets, __ATOMIC_RELAXED);
		copy->bytes[way] += __atomic_load_n(&slot->side[way].bytes, __ATOMIC_RELAXED);
	}
}

/* Since its last packet, wherever that passed. */
static uint32_t idle_ticks(const struct engine *engine, uint32_t index, struct mono now)
{
	const struct session *session = table_session(&engine->table, index);
	uint32_t idle = table_ticks(&engine->table, now) - session->refreshed;

	for (unsigned int way = 0; session->flags & SESSION_LENT && way < 2; way++) {
		uint64_t used = __atomic_load_n(&engine->fastpath.slots[index].side[way].used_ns, __ATOMIC_RELAXED);
		uint32_t unused = table_ticks(&engine->table, now) - table_ticks(&engine->table, (struct mono){ used });

		if (used && used <= now.ns && unused < idle)
			idle = unused;
	}
	return idle;
}

void snapshot_copy_session(const struct engine *engine, uint32_t index, struct mono now, struct snapshot_session *copy)
{
	const struct table *table = &engine->table;
	const struct session *session = table_session(table, index);
	enum timeout timeout = session_timeout(session);
	uint32_t idle = idle_ticks(engine, index, now) / (1000 / TABLE_TICK_MS);
	uint32_t allowed = engine_timeout_ticks(engine, timeout) / (1000 / TABLE_TICK_MS);

	*copy = (struct snapshot_session){
		.handle = table_handle(&engine->table, index),
		.tuples = { table_tuple(table, session, DIRECTION_ORIGINAL),
			    table_tuple(table, session, DIRECTION_REPLY) },
		.packets = { session_packets(session, DIRECTION_ORIGINAL), session_packets(session, DIRECTION_REPLY) },
		.bytes = { session_bytes(session, DIRECTION_ORIGINAL), session_bytes(session, DIRECTION_REPLY) },
		.state = timeout,
		.state_name = track_state_name(session_protocol(session), &session->track, timeout),
		.timeout_s = allowed > idle ? allowed - idle : 0,
		.assured = session->flags & SESSION_ASSURED,
		.seen_reply = session->flags & SESSION_SEEN_REPLY,
		.nat = session_nat(session),
		.rule_file = place_file(engine, session->rule),
		.rule_line = place_line(session->rule),
		.mark = session->mark,
	};
	copy->tuples[DIRECTION_ORIGINAL] = gre_plain(&copy->tuples[DIRECTION_ORIGINAL]);
	copy->tuples[DIRECTION_REPLY] = gre_plain(&copy->tuples[DIRECTION_REPLY]);
	copy->keyed = gre_is_keyed(session);
	copy->key = copy->keyed ? session->track.gre.keys[0] : 0;
	copy->path_mtu = path_mtu_of(engine, copy, now);
	if (session->flags & SESSION_LENT)
		add_unseen(engine, index, copy);
}

int snapshot_next_session(const struct engine *engine, struct snapshot_cursor *cursor, struct mono now,
			  unsigned int *steps, struct snapshot_session *session)
{
	for (; cursor->position < engine->table.untouched; cursor->position++) {
		const struct session *candidate = table_session(&engine->table, cursor->position);

		if (!*steps)
			return -EAGAIN;
		(*steps)--;
		if (candidate->list >= TIMEOUT_COUNT)
			continue;
		snapshot_copy_session(engine, cursor->position++, now, session);
		return 1;
	}
	return 0;
}

int snapshot_next_mapping(const struct engine *engine, struct snapshot_cursor *cursor, struct mono now,
			  unsigned int *steps, struct snapshot_mapping *mapping)
{
	int next = mappings_next(engine->mappings, &cursor->position, now, steps, mapping);

	if (next == 1 && mapping->protocol == PROTOCOL_GRE)
		mapping->internal.port = mapping->external.port = mapping->peer.port = (struct be16){ 0 };
	return next;
}

int snapshot_next_pool(const struct engine *engine, struct snapshot_cursor *cursor, struct snapshot_pool *pool)
{
	return pools_next(mappings_pools_const(engine->mappings), &cursor->position, pool);
}

size_t snapshot_black_holes(const struct engine *engine, struct snapshot_black_hole *list, size_t limit)
{
	static const char *const actions[] = { "report", "clamp", "repair" };
	struct black_hole *hole;
	uint32_t position = 0;
	size_t count = 0;

	while (count < limit && (hole = black_holes_next(&engine->pathwatch->holes, &position)))
		list[count++] = (struct snapshot_black_hole){
			.destination = hole->destination,
			.works = hole->works,
			.fails = hole->fails,
			.since = hole->since,
			.datagrams = hole->datagrams,
			.action = actions[hole->datagrams ? BLACK_HOLES_REPORT : engine->settings.black_holes],
		};
	return count;
}
