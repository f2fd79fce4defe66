/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/tally.h"

#include <errno.h>
#include <stdlib.h>

#include "conntrack/hash.h"

int tally_init(struct tally *tally, uint32_t capacity, uint32_t sessions, const uint64_t key[2])
{
	uint32_t buckets = 64;

	while (buckets < capacity)
		buckets <<= 1;
	*tally = (struct tally){
		.capacity = capacity,
		.bucket_mask = buckets - 1,
		.free = TALLY_NONE,
		.untouched = TALLY_REST + 1,
		.key = { key[0], key[1] },
	};
	tally->entries = calloc(capacity, sizeof(*tally->entries));
	tally->buckets = calloc(buckets, sizeof(*tally->buckets));
	if (!tally->entries || !tally->buckets || rank_init(&tally->sessions, capacity, sessions) < 0 ||
	    rank_init(&tally->expendable, capacity, sessions) < 0) {
		tally_fini(tally);
		return -ENOMEM;
	}
	tally->entries[TALLY_REST].oldest = tally->entries[TALLY_REST].newest = UINT32_MAX;
	return 0;
}

void tally_fini(struct tally *tally)
{
	free(tally->entries);
	free(tally->buckets);
	rank_fini(&tally->sessions);
	rank_fini(&tally->expendable);
	tally->entries = NULL;
	tally->buckets = NULL;
}

uint64_t tally_bytes(const struct tally *tally)
{
	uint64_t rings = (uint64_t)tally->sessions.ring_count + tally->expendable.ring_count;

	return (uint64_t)tally->capacity * (sizeof(struct tally_entry) + 2 * sizeof(struct rank_entry)) +
	       rings * sizeof(struct rank_ring) + ((uint64_t)tally->bucket_mask + 1) * sizeof(*tally->buckets);
}

struct address tally_key(const struct address *address)
{
	struct address key = *address;

	if (!address_is_ipv4(address))
		memset(key.bytes + 8, 0, 8);
	return key;
}

static uint32_t *bucket_of(const struct tally *tally, const struct address *key)
{
	return &tally->buckets[hash_bytes(tally->key, key, sizeof(*key)) & tally->bucket_mask];
}

static uint32_t lookup_key(const struct tally *tally, const struct address *key)
{
	uint32_t entry = *bucket_of(tally, key);

	/* Entry 0 is the rest and in no chain, so 0 ends one. */
	while (entry && !address_equal(&tally->entries[entry].address, key))
		entry = tally->entries[entry].hash_next;
	return entry ? entry : TALLY_NONE;
}

uint32_t tally_lookup(const struct tally *tally, const struct address *address)
{
	struct address key = tally_key(address);

	return lookup_key(tally, &key);
}

const uint32_t *tally_prefetch(const struct tally *tally, const struct address *address)
{
	struct address key = tally_key(address);
	const uint32_t *bucket = bucket_of(tally, &key);

	__builtin_prefetch(bucket);
	return bucket;
}

void tally_prefetch_entry(const struct tally *tally, const uint32_t *bucket)
{
	uint32_t entry = *bucket ? *bucket : tally->untouched;

	__builtin_prefetch(&tally->entries[entry]);
	__builtin_prefetch(&tally->sessions.entries[entry]);
	__builtin_prefetch(&tally->expendable.entries[entry]);
}

static uint32_t take_entry(struct tally *tally, const struct address *key)
{
	uint32_t entry = tally->free, *bucket = bucket_of(tally, key);

	if (entry != TALLY_NONE)
		tally->free = tally->entries[entry].hash_next;
	else if (tally->untouched < tally->capacity)
		entry = tally->untouched++;
	else
		return TALLY_REST;
	tally->entries[entry] = (struct tally_entry){ *key, *bucket, UINT32_MAX, UINT32_MAX };
	*bucket = entry;
	return entry;
}

uint32_t tally_place(struct tally *tally, const struct address *address)
{
	struct address key = tally_key(address);
	uint32_t entry = lookup_key(tally, &key);

	return entry == TALLY_NONE ? take_entry(tally, &key) : entry;
}

uint32_t tally_add(struct tally *tally, const struct address *address)
{
	uint32_t entry = tally_place(tally, address);

	rank_increment(&tally->sessions, entry);
	return entry;
}

void tally_remove(struct tally *tally, uint32_t entry)
{
	uint32_t *link;

	rank_decrement(&tally->sessions, entry);
	if (entry == TALLY_REST || rank_count(&tally->sessions, entry))
		return;
	for (link = bucket_of(tally, &tally->entries[entry].address); *link != entry;)
		link = &tally->entries[*link].hash_next;
	*link = tally->entries[entry].hash_next;
	tally->entries[entry].hash_next = tally->free;
	tally->free = entry;
}

uint32_t tally_held(const struct tally *tally, uint32_t entry)
{
	return entry == TALLY_NONE || entry == TALLY_REST ? 0 : rank_count(&tally->sessions, entry);
}
