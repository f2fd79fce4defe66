/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources and destinations: who holds how much, and what was counted of them.
 */
#include <stdlib.h>

#include "conntrack/engine_private.h"
#include "conntrack/hash.h"

static size_t top_of(const struct tally *tally, struct snapshot_party *list, size_t limit)
{
	size_t count = 0;

	for (uint32_t entry = rank_first(&tally->sessions); entry != RANK_NONE && count < limit;
	     entry = rank_next(&tally->sessions, entry))
		list[count++] = (struct snapshot_party){
			.address = tally->entries[entry].address,
			.sessions = rank_count(&tally->sessions, entry),
			.expendable = rank_count(&tally->expendable, entry),
			.statistics = statistics_none(),
		};
	return count;
}

size_t snapshot_sources(const struct engine *engine, struct snapshot_party *list, size_t limit)
{
	size_t count = top_of(&engine->sources, list, limit);

	for (size_t i = 0; i < count; i++) {
		struct endpoint who = { .address = list[i].address };
		const struct statistics_entry *entry = NULL;

		/* Mappings are held by addresses: a /64 and the rest are none. */
		list[i].ports = mappings_of_host(engine->mappings, &list[i].address);
		if (engine->witness)
			entry = address_is_unspecified(&who.address)
				    ? &engine->witness->sources.rest
				    : statistics_find(&engine->witness->sources, &who, 0);
		if (entry)
			statistics_add(&list[i].statistics, entry, engine->now);
	}
	return count;
}

/* A place for each of @count parties, found by address: half of them stay empty. */
struct directory {
	const struct snapshot_party *list;
	uint32_t *places; /* index in @list + 1; 0: none */
	uint32_t mask;
};

static uint32_t *directory_place(const struct directory *directory, const struct address *address)
{
	static const uint64_t key[2] = { UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344) };
	uint32_t at = (uint32_t)hash_bytes(key, address, sizeof(*address)) & directory->mask;

	while (directory->places[at] && !address_equal(&directory->list[directory->places[at] - 1].address, address))
		at = (at + 1) & directory->mask;
	return &directory->places[at];
}

/* Services belong to the party of their address; one pass over them serves all parties. */
static void add_services(const struct engine *engine, struct snapshot_party *list, size_t count)
{
	struct directory directory = { .list = list, .mask = 63 };
	const struct statistics_entry *entry;
	uint32_t position = 0;

	while (directory.mask < count * 2)
		directory.mask = directory.mask * 2 + 1;
	directory.places = calloc((size_t)directory.mask + 1, sizeof(*directory.places));
	if (!directory.places)
		return;
	for (uint32_t i = 0; i < count; i++)
		*directory_place(&directory, &list[i].address) = i + 1;
	while ((entry = statistics_next(&engine->witness->services, &position))) {
		struct address key = tally_key(&entry->who.address);
		uint32_t place = *directory_place(&directory, &key);

		if (place)
			statistics_add(&list[place - 1].statistics, entry, engine->now);
	}
	free(directory.places);
}

size_t snapshot_destinations(const struct engine *engine, struct snapshot_party *list, size_t limit)
{
	size_t count = top_of(&engine->destinations, list, limit);

	for (size_t i = 0; i < count; i++)
		list[i].path_mtu = path_mtus_lookup_network(engine->path_mtus, &list[i].address, engine->now);
	if (!engine->witness)
		return count;
	add_services(engine, list, count);
	for (size_t i = 0; i < count; i++)
		if (address_is_unspecified(&list[i].address))
			statistics_add(&list[i].statistics, &engine->witness->services.rest, engine->now);
	return count;
}

void snapshot_statistics_of(const struct engine *engine, const struct address *address,
			    struct snapshot_statistics *source, struct snapshot_statistics *destination)
{
	struct endpoint who = { .address = tally_key(address) };
	const struct statistics_entry *entry;
	uint32_t position = 0;

	*source = *destination = statistics_none();
	if (!engine->witness)
		return;
	entry = statistics_find(&engine->witness->sources, &who, 0);
	if (entry)
		statistics_add(source, entry, engine->now);
	while ((entry = statistics_next(&engine->witness->services, &position)))
		if (address_equal(&entry->who.address, address))
			statistics_add(destination, entry, engine->now);
}
