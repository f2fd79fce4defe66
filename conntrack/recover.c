/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions of an earlier process go on.
 *
 * Theory of operation. The slots lie in memory that both processes had (storage.h), and
 * stay where they are: handles stay valid. One pass finds those that are whole. A
 * second one puts them into the hash and gives each its mapping back, in the manner it had.
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
#include "conntrack/storage.h"

#include <errno.h>
#include <stdlib.h>

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

/* The mapping that its source has. */
static bool restore_mapping(struct engine *engine, struct session *session)
{
	struct tuple original = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);
	struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);
	struct endpoint peer = table_peer(&engine->table, session);
	struct mapping_request request;
	enum reason reason;

	if (session->mapping == MAPPING_NONE)
		return true;
	request =
	    mapping_in_manner(session->mapped_as[0], session->protocol, &original.source, &peer, &reply.destination);
	session->mapping = mapping_restore(engine->mappings, &request, &reply.destination, &reason);
	return session->mapping != MAPPING_NONE;
}

/* The mapping that it entered by; when no session from inside has it any more, it is made anew. */
static bool restore_entrance(struct engine *engine, const struct session *session)
{
	struct tuple original = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);
	struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);
	struct mapping_request request;
	enum reason reason;
	uint32_t mapping;

	if (!(session->flags & SESSION_ENTERED))
		return true;
	mapping = enter_mapping_of(engine, session);
	if (mapping != MAPPING_NONE) {
		mapping_use(engine->mappings, mapping, &reply.destination);
		return true;
	}
	request = mapping_in_manner(session->mapped_as[1], session->protocol, &reply.source, &reply.destination,
				    &original.destination);
	return mapping_restore(engine->mappings, &request, &original.destination, &reason) != MAPPING_NONE;
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
static bool restore(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct endpoint peer = table_peer(&engine->table, session);

	if (restore_mapping(engine, session)) {
		if (restore_entrance(engine, session)) {
			table_link(&engine->table, index);
			return true;
		}
		if (session->mapping != MAPPING_NONE)
			mapping_cancel(engine->mappings, session->mapping, &peer);
	}
	table_discard(&engine->table, index);
	return false;
}

/* Those that did not enter, or those that did. Lost ones are marked in @found. */
static uint32_t restore_all(struct engine *engine, uint32_t *found, uint32_t count, bool entered)
{
	uint32_t lost = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = found[i];

		if (index == SESSION_NONE ||
		    entered != !!(table_session(&engine->table, index)->flags & SESSION_ENTERED))
			continue;
		if (restore(engine, index))
			continue;
		found[i] = SESSION_NONE;
		lost++;
	}
	return lost;
}

static uint32_t compact(uint32_t *found, uint32_t count)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i++)
		if (found[i] != SESSION_NONE)
			found[left++] = found[i];
	return left;
}

static void recover_sessions(struct engine *engine, uint32_t *found, struct mono now, struct engine_recovery *recovery)
{
	struct table *table = &engine->table;
	uint32_t count = table_gather(table, found, now);

	for (uint32_t i = 0; i < count; i++)
		clean_session(engine, table_session(table, found[i]));
	recovery->lost = restore_all(engine, found, count, false);
	recovery->lost += restore_all(engine, found, count, true);
	widen_pools(engine);
	count = compact(found, count);
	table_order(table, found, found + table->capacity, count);
	for (uint32_t i = 0; i < count; i++) {
		table_enlist(table, found[i]);
		admit_count(engine, found[i]);
	}
	for (uint32_t i = 0; i < count; i++)
		if (table_session(table, found[i])->flags & SESSION_LENT)
			fastpath_adopt(engine, found[i]);
	/* For this engine they begin here: as many begin as end. */
	engine->counters.created += count;
	recovery->recovered = count;
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
	uint32_t *found;

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
	found = malloc(2 * (size_t)table->capacity * sizeof(*found));
	if (!found)
		return -ENOMEM;
	table->epoch = (struct mono){ engine->storage->epoch_ns };
	if (!place_adopt(engine, engine->storage->place_files))
		memset(engine->storage->place_files, 0, sizeof(engine->storage->place_files));
	recover_sessions(engine, found, now, recovery);
	engine->recovered = true;
	free(found);
	return 0;
}

void engine_leave(struct engine *engine, struct mono now)
{
	if (!engine->recovered)
		return;
	engine_recall_all(engine, now);
}
