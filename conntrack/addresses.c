/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/addresses.h"

#include <errno.h>
#include <stdlib.h>

int addresses_init(struct addresses *addresses, uint32_t capacity, const uint64_t key[2])
{
	*addresses = (struct addresses){
		.capacity = capacity,
		.untouched = ADDRESS_NONE + 1,
		.key = { key[0], key[1] },
	};
	addresses->list = calloc((size_t)capacity + 1, sizeof(*addresses->list));
	if (!addresses->list || nodes_init(&addresses->nodes, capacity, (uint64_t)capacity + 1) < 0) {
		addresses_fini(addresses);
		return -ENOMEM;
	}
	return 0;
}

void addresses_fini(struct addresses *addresses)
{
	if (!addresses->borrowed)
		free(addresses->list);
	addresses->list = NULL;
	nodes_fini(&addresses->nodes);
}

uint64_t addresses_bytes(const struct addresses *addresses)
{
	return ((uint64_t)addresses->capacity + 1) * sizeof(*addresses->list) + nodes_bytes(&addresses->nodes);
}

static uint32_t hash_of(const struct addresses *addresses, const struct address *address)
{
	return (uint32_t)hash_bytes(addresses->key, address, sizeof(*address));
}

/* A free entry keeps the next free one's number where its address was. */
static uint32_t take_entry(struct addresses *addresses)
{
	uint32_t entry = addresses->free;

	if (entry != ADDRESS_NONE) {
		memcpy(&addresses->free, addresses->list[entry].address.bytes, sizeof(addresses->free));
		return entry;
	}
	return addresses->untouched <= addresses->capacity ? addresses->untouched++ : ADDRESS_NONE;
}

uint32_t addresses_acquire(struct addresses *addresses, const struct address *address)
{
	uint32_t hash = hash_of(addresses, address), entry;
	struct nodes_walk walk = nodes_walk(&addresses->nodes, hash);

	while ((entry = nodes_next(&addresses->nodes, &walk)) != NODE_NONE)
		if (address_equal(&addresses->list[entry].address, address)) {
			addresses->list[entry].uses++;
			return entry;
		}
	entry = take_entry(addresses);
	if (entry == ADDRESS_NONE)
		return ADDRESS_NONE;
	addresses->list[entry] = (struct addresses_entry){ *address, 1 };
	nodes_insert(&addresses->nodes, hash, entry);
	return entry;
}

void addresses_release(struct addresses *addresses, uint32_t reference)
{
	struct addresses_entry *entry = &addresses->list[reference];

	if (reference == ADDRESS_NONE || --entry->uses)
		return;
	nodes_remove(&addresses->nodes, hash_of(addresses, &entry->address), reference);
	memcpy(entry->address.bytes, &addresses->free, sizeof(addresses->free));
	addresses->free = reference;
}

/* ----------------------------------------------------------------- recovery */

void addresses_adopt(struct addresses *addresses, struct addresses_entry *list)
{
	free(addresses->list);
	addresses->list = list;
	addresses->borrowed = true;
	for (uint32_t entry = 0; entry <= addresses->capacity; entry++)
		list[entry].uses = 0;
	list[ADDRESS_NONE].address = (struct address){ 0 };
}

void addresses_claim(struct addresses *addresses, uint32_t reference)
{
	struct addresses_entry *entry = &addresses->list[reference];

	if (reference == ADDRESS_NONE || entry->uses++)
		return;
	nodes_insert(&addresses->nodes, hash_of(addresses, &entry->address), reference);
	if (reference >= addresses->untouched)
		addresses->untouched = reference + 1;
}

void addresses_settle(struct addresses *addresses)
{
	for (uint32_t entry = addresses->untouched; --entry > ADDRESS_NONE;) {
		if (addresses->list[entry].uses)
			continue;
		memcpy(addresses->list[entry].address.bytes, &addresses->free, sizeof(addresses->free));
		addresses->free = entry;
	}
}
