/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions of an earlier process go on.
 *
 * Theory of operation. The slots lie in memory that both processes had (storage.h), and
 * stay where they are: handles stay valid. One pass finds those that are whole. A
 * second one puts them into the hash and gives each its mapping back, in the manner it had,
 * a group at a time: what they wait for is memory.
 * Sessions that entered by a mapping come after all others: nearly always the mapping is
 * there by then. A third pass, in the order of last use, puts them into their lists
 * and tallies. Whatever does not fit, because the memory lied or the configuration
 * has changed, is given up alone.
 *
 * What the engine knew beside the slots is gone: helpers, holes, the watch on paths, what
 * rests. Flags that speak of it are taken away. Connections that the fast path
 * had when the process died go on there, when it is the same (fastpath_adopt()). Else they went on without
 * telling anybody; the next packet of each tells its numbers anew, as when a connection is picked up in the middle.
 */
#include "conntrack/census.h"
#include "conntrack/storage.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Every session leads to a dozen places that nothing tells beforehand, most of them not in any cache. A
 * group of them asks for its places before the first is used; when they are listed, so many ahead.
 */
#define GROUP 16u
#define AHEAD 16u

struct engine *engine_create_in(const struct settings *settings, const struct engine_secrets *secrets, struct mono now,
				void *memory)
{
	struct engine *engine = engine_create(settings, secrets, now);
	struct storage_parts parts;

	if (!engine || !memory)
		return engine;
	parts = storage_parts(memory, settings->capacity);
	table_adopt(&engine->table, parts.sessions, parts.seals, parts.addresses);
	engine->storage = parts.head;
	return engine;
}

/* Has this memory been an engine's whose times were of this clock? */
static bool is_usable(const struct engine *engine, struct mono now)
{
	const struct storage *storage = engine->storage;

	return storage->capacity == engine->table.capacity && storage->epoch_ns && storage->epoch_ns <= now.ns;
}

static void clean_session(struct engine *engine, struct session *session)
{
	const unsigned int kept = SESSION_SEEN_REPLY | SESSION_ASSURED | SESSION_RELATED | SESSION_LOCAL |
				  SESSION_CONFIRMED | SESSION_ENTERED | SESSION_LENT;

	session->flags &= kept;
	if (!place_is_sound(engine, session->rule))
		session->rule = 0;
}

/**
 * struct survivor - a session that is about to go on
 * @own: for the mapping that its source has, where it has one
 * @entrance: for the mapping that it entered by, where it did
 */
struct survivor {
	uint32_t index;
	struct table_key original, reply, peer;
	struct mapping_request own, entrance;
	struct mapping_expected own_expected, entrance_expected;
};

static struct table_key expect_key(const struct table *table, const struct tuple *tuple)
{
	struct table_key key = table_key(table, tuple);

	nodes_prefetch(&table->nodes, key.hash);
	return key;
}

/* What its restoring will ask for, of memory too. */
static void expect(const struct engine *engine, struct survivor *survivor, uint32_t index)
{
	const struct table *table = &engine->table;
	const struct session *session = table_session(table, index);
	struct tuple original = table_tuple(table, session, DIRECTION_ORIGINAL);
	struct tuple reply = table_tuple(table, session, DIRECTION_REPLY);
	struct endpoint peer = table_peer(table, session);

	survivor->index = index;
	survivor->original = expect_key(table, &original);
	survivor->reply = expect_key(table, &reply);
	if (session->mapping != MAPPING_NONE) {
		survivor->peer = table_peer_key(table, session->protocol, &reply.destination, &peer.address);
		nodes_prefetch(&table->nodes, survivor->peer.hash);
		survivor->own = mapping_in_manner(session->mapped_as[0], session->protocol, &original.source, &peer,
						  &reply.destination);
		mapping_expect(engine->mappings, &survivor->own, &reply.destination, &survivor->own_expected);
	}
	if (session->flags & SESSION_ENTERED) {
		survivor->entrance = mapping_in_manner(session->mapped_as[1], session->protocol, &reply.source,
						       &reply.destination, &original.destination);
		mapping_expect(engine->mappings, &survivor->entrance, &original.destination,
			       &survivor->entrance_expected);
	}
}

static bool restore_mapping(struct engine *engine, const struct survivor *survivor)
{
	struct session *session = table_session(&engine->table, survivor->index);
	enum reason reason;

	if (session->mapping == MAPPING_NONE)
		return true;
	session->mapping = mapping_restore(engine->mappings, &survivor->own, &survivor->reply.tuple.destination,
					   &survivor->own_expected, &reason);
	return session->mapping != MAPPING_NONE;
}

/* When no session from inside has the mapping any more that it entered by, that is made anew. */
static bool restore_entrance(struct engine *engine, const struct survivor *survivor)
{
	const struct session *session = table_session(&engine->table, survivor->index);
	enum reason reason;
	uint32_t mapping;

	if (!(session->flags & SESSION_ENTERED))
		return true;
	mapping = enter_mapping_of(engine, session);
	if (mapping != MAPPING_NONE) {
		mapping_use(engine->mappings, mapping, &survivor->reply.tuple.destination);
		return true;
	}
	return mapping_restore(engine->mappings, &survivor->entrance, &survivor->original.tuple.destination,
			       &survivor->entrance_expected, &reason) != MAPPING_NONE;
}

/*
 * Which ports a pool may deal is told by the sessions that ask for one. Until the
 * first does, the settings say it, so that survivors do not look like a crowd.
 */
static void widen_pools(struct engine *engine)
{
	struct pools *pools = mappings_pools(engine->mappings);

	for (uint32_t i = 0; i < pools->count; i++)
		if (pools->list[i].active && engine->settings.port_last)
			pools_widen(pools, i, engine->settings.port_first, engine->settings.port_last);
}

/*
 * Into the hash, with what it holds; false: nothing of it is left. No two sessions can have
 * the same tuple, unless somebody forged their seals: then one of them is not found, and
 * that is all. To look for that would cost a third of the time.
 */
static bool restore(struct engine *engine, const struct survivor *survivor)
{
	struct session *session = table_session(&engine->table, survivor->index);
	struct endpoint peer = table_peer(&engine->table, session);

	if (restore_mapping(engine, survivor)) {
		if (restore_entrance(engine, survivor)) {
			table_link_as(&engine->table, survivor->index, &survivor->original, &survivor->reply,
				      &survivor->peer);
			return true;
		}
		if (session->mapping != MAPPING_NONE)
			mapping_cancel(engine->mappings, session->mapping, &peer);
	}
	table_discard(&engine->table, survivor->index);
	return false;
}

/* Puts those that are not lost into @kept, which may be @list itself. Return: how many. */
static uint32_t restore_all(struct engine *engine, const uint32_t *list, uint32_t count, uint32_t *kept)
{
	struct survivor group[GROUP];
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i += GROUP) {
		uint32_t size = count - i < GROUP ? count - i : GROUP;

		for (uint32_t j = i + GROUP; j < i + 2 * GROUP && j < count; j++)
			table_prefetch(&engine->table, list[j]);
		for (uint32_t j = 0; j < size; j++)
			expect(engine, &group[j], list[i + j]);
		for (uint32_t j = 0; j < size; j++)
			if (restore(engine, &group[j]))
				kept[left++] = group[j].index;
	}
	return left;
}

/* Into lists and tallies, the oldest first. */
static void list_all(struct engine *engine, struct census *census, const uint32_t *list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (i + AHEAD < count)
			table_prefetch(&engine->table, list[i + AHEAD]);
		if (i + AHEAD / 2 < count)
			census_expect(engine, list[i + AHEAD / 2]);
		table_enlist(&engine->table, list[i]);
		census_count(census, engine, list[i]);
	}
	census_settle(census, engine);
}

/* @found: room for the capacity; @spare: for twice as many */
static void recover_sessions(struct engine *engine, struct census *census, uint32_t *found, uint64_t *spare,
			     struct engine_recovery *recovery)
{
	struct table *table = &engine->table;
	uint32_t count = table_gather(table, found, engine->now), first = 0, later = 0, kept;
	uint32_t *entered = (uint32_t *)spare;

	for (uint32_t i = 0; i < count; i++) {
		struct session *session = table_session(table, found[i]);

		clean_session(engine, session);
		if (session->flags & SESSION_ENTERED)
			entered[later++] = found[i];
		else
			found[first++] = found[i];
	}
	kept = restore_all(engine, found, first, found);
	kept += restore_all(engine, entered, later, found + kept);
	widen_pools(engine);
	table_order(table, found, spare, kept);
	list_all(engine, census, found, kept);
	for (uint32_t i = 0; i < kept; i++)
		if (table_session(table, found[i])->flags & SESSION_LENT)
			fastpath_adopt(engine, found[i]);
	/* For this engine they begin here: as many begin as end. */
	engine->counters.created += kept;
	recovery->recovered = kept;
	recovery->lost = count - kept;
}

/* Nothing of what is there can be meant for us. Fresh memory is left untouched. */
static void begin_anew(struct engine *engine, struct mono now)
{
	struct storage_parts parts = storage_parts(engine->storage, engine->table.capacity);

	if (engine->storage->epoch_ns || engine->storage->capacity) {
		memset(engine->storage, 0, sizeof(*engine->storage));
		memset(parts.seals, 0, (size_t)engine->table.capacity * sizeof(*parts.seals));
		memset(parts.sessions, 0, (size_t)engine->table.capacity * sizeof(*parts.sessions));
	}
	engine->storage->epoch_ns = now.ns;
	engine->storage->capacity = engine->table.capacity;
}

int engine_recover(struct engine *engine, struct mono now, struct engine_recovery *recovery)
{
	struct table *table = &engine->table;
	struct census census;
	uint32_t *found;
	uint64_t *spare;

	*recovery = (struct engine_recovery){ 0 };
	if (!engine->storage)
		return 0;
	engine->now = now;
	if (!is_usable(engine, now)) {
		begin_anew(engine, now);
		table->epoch = now;
		engine->recovered = true;
		return 0;
	}
	spare = malloc((size_t)table->capacity * (2 * sizeof(*spare) + sizeof(*found)));
	if (!spare || census_init(&census, engine) < 0) {
		free(spare);
		return -ENOMEM;
	}
	found = (uint32_t *)(spare + 2 * (size_t)table->capacity);
	table->epoch = (struct mono){ engine->storage->epoch_ns };
	if (!place_adopt(engine, engine->storage->place_files))
		memset(engine->storage->place_files, 0, sizeof(engine->storage->place_files));
	recover_sessions(engine, &census, found, spare, recovery);
	engine->recovered = true;
	census_fini(&census);
	free(spare);
	return 0;
}

void engine_leave(struct engine *engine, struct mono now)
{
	if (!engine->recovered)
		return;
	engine_recall_all(engine, now);
}
