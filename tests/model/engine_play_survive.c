/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process dies between two packets, and another one goes on with its sessions. */
#include <stdlib.h>

#include "conntrack/storage.h"
#include "tests/model/engine_play.h"
#include "tests/model/engine_play_survive.h"
#include "tests/model/invariants.h"

struct engine *play_create_engine(struct play *play, const struct settings *settings)
{
	static const struct engine_secrets secrets = { { 1, 2 }, { 3, 4, 5, 6 } };

	if (!play->survive)
		return engine_create(settings, &secrets, play->now);
	if (!play->storage) {
		size_t size = (storage_size(settings->capacity) + 63) / 64 * 64;

		play->storage = aligned_alloc(64, size);
		if (!play->storage)
			return NULL;
		memset(play->storage, 0, size);
	}
	return engine_create_in(settings, &secrets, play->now, play->storage);
}

/* What must be there again, as it was. */
struct witnessed {
	bool present;
	struct session_handle handle;
	struct tuple tuples[2];
	uint8_t list;
	uint32_t refreshed, mark;
	bool mapped;
};

static uint32_t remember(const struct table *table, struct witnessed *before)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < table->untouched; i++) {
		const struct session *session = table_session(table, i);

		if (session->list >= TIMEOUT_COUNT || session->flags & SESSION_HOLE)
			continue;
		before[i] = (struct witnessed){
			.present = true,
			.handle = table_handle(table, i),
			.tuples = { table_tuple(table, session, DIRECTION_ORIGINAL),
				    table_tuple(table, session, DIRECTION_REPLY) },
			.list = session->list,
			.refreshed = session->refreshed,
			.mark = session->mark,
			.mapped = session->mapping != MAPPING_NONE,
		};
		count++;
	}
	return count;
}

static const char *compare(const struct table *table, const struct witnessed *before)
{
	for (uint32_t i = 0; i < table->capacity; i++) {
		const struct session *session = table_session(table, i);
		enum direction direction;

		if (!before[i].present)
			continue;
		INVARIANT(table_resolve(table, before[i].handle) == i, "a session did not survive");
		for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++) {
			uint32_t found = table_lookup(table, &before[i].tuples[way], &direction);

			INVARIANT(found == i, "a session that survived is not found");
		}
		INVARIANT(session->list == before[i].list && session->refreshed == before[i].refreshed,
			  "a session that survived has another time left");
		INVARIANT(session->mark == before[i].mark, "a session that survived lost its mark");
		INVARIANT((session->mapping != MAPPING_NONE) == before[i].mapped,
			  "a session that survived lost its mapping");
	}
	return NULL;
}

static bool start_again(struct play *play, struct engine_recovery *recovery)
{
	struct configuration *configuration = play->configurations[play->configuration_count - 1];

	/* The capacity is the table's, whatever a later configuration said. */
	configuration->settings.capacity = play->configurations[0]->settings.capacity;
	play->engine = play_create_engine(play, &configuration->settings);
	if (!play->engine || engine_apply(play->engine, configuration, play->now) != 0)
		return false;
	play_set_links(play, play->links);
	engine_set_oracle(play->engine, &(struct oracle){ .route_interface = play_route });
	return engine_recover(play->engine, play->now, recovery) == 0;
}

/* Bytes of the memory change, in the slots above all; seals too, unless they are to fit afterwards. */
static void damage(struct play *play)
{
	const struct table *table = &play->engine->table;
	size_t size = storage_size(table->capacity);
	uint8_t *memory = play->storage;
	unsigned int count = 1 + play_byte(play) % 32U;

	while (count--) {
		uint32_t slot = play_byte(play) % (table->untouched + 1) % table->capacity;
		size_t at =
		    (size_t)((uint8_t *)&table->sessions[slot] - memory) + play_byte(play) % sizeof(struct session);

		if (play_byte(play) % 4 == 0)
			at = ((size_t)play_byte(play) << 16 | (size_t)play_byte(play) << 8 | play_byte(play)) % size;
		memory[at] = play_byte(play);
	}
	for (uint32_t i = 0; play->forged && i < table->untouched; i++) {
		const struct session *session = table_session(table, i);

		if (addresses_holds(&table->addresses, session->source_after) &&
		    addresses_holds(&table->addresses, session->destination_after))
			table->seals[i] = table_seal(table, i);
	}
}

/* Whatever came back must be able to end. */
static void survive_damage(struct play *play)
{
	struct engine_recovery recovery = { 0 };

	play->survived++;
	damage(play);
	engine_destroy(play->engine);
	if (!start_again(play, &recovery)) {
		play_fail(play, "no memory");
		return;
	}
	if (!play->forged) {
		play_fail(play, invariants_check(play->engine));
		play_fail(play, invariants_check_ports(play->engine));
	}
	play->now.ns += 30 * 86400 * NS_PER_S;
	while (engine_tick(play->engine, play->now, 1000))
		;
	if (play->engine->table.confirmed)
		play_fail(play, "sessions of a damaged memory do not end");
	play->offset = play->size;
}

void play_survive(struct play *play, bool in_order)
{
	const struct table *table = &play->engine->table;
	struct witnessed *before = calloc(table->capacity, sizeof(*before));
	struct engine_recovery recovery = { 0 };
	uint32_t count;

	if (!before)
		return;
	if (play->damage) {
		survive_damage(play);
		free(before);
		return;
	}
	count = remember(table, before);
	if (in_order)
		engine_leave(play->engine, play->now);
	engine_destroy(play->engine);
	play->survived += count;
	if (!start_again(play, &recovery)) {
		play_fail(play, "no memory");
	} else {
		play_fail(play, compare(&play->engine->table, before));
		if (recovery.recovered != count || recovery.lost)
			play_fail(play, "sessions were lost that nobody remembers");
		play_fail(play, invariants_check(play->engine));
		play_fail(play, invariants_check_tunnels(play->engine));
		play_fail(play, invariants_check_ports(play->engine));
	}
	free(before);
}
