/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/black_holes.h"

#include "conntrack/hash.h"

void black_holes_init(struct black_holes *holes, const uint64_t key[2])
{
	memset(holes, 0, sizeof(*holes));
	memcpy(holes->key, key, sizeof(holes->key));
}

static uint16_t *bucket_of(struct black_holes *holes, const struct address *destination)
{
	uint64_t hash = hash_bytes(holes->key, destination, sizeof(*destination));

	return &holes->buckets[hash % BLACK_HOLES_BUCKETS];
}

struct black_hole *black_holes_lookup(struct black_holes *holes, const struct address *destination)
{
	uint16_t at;

	if (!holes->count)
		return NULL;
	for (at = *bucket_of(holes, destination); at; at = holes->list[at - 1].next)
		if (address_equal(&holes->list[at - 1].destination, destination))
			return &holes->list[at - 1];
	return NULL;
}

struct black_hole *black_holes_open(struct black_holes *holes, const struct address *destination, struct mono now)
{
	uint16_t *bucket = bucket_of(holes, destination);
	struct black_hole *hole = holes->list;

	if (holes->count == BLACK_HOLES_LIMIT) {
		holes->overlooked++;
		return NULL;
	}
	while (hole->used)
		hole++;
	*hole = (struct black_hole){
		.destination = *destination,
		.since = now,
		.seen = now,
		.used = true,
		.next = *bucket,
	};
	*bucket = (uint16_t)(hole - holes->list + 1);
	holes->count++;
	return hole;
}

void black_holes_close(struct black_holes *holes, struct black_hole *hole)
{
	uint16_t *link = bucket_of(holes, &hole->destination);

	while (&holes->list[*link - 1] != hole)
		link = &holes->list[*link - 1].next;
	*link = hole->next;
	hole->used = false;
	holes->count--;
}

struct black_hole *black_holes_next(struct black_holes *holes, uint32_t *position)
{
	if (!holes->count)
		return NULL;
	while (*position < BLACK_HOLES_LIMIT)
		if (holes->list[(*position)++].used)
			return &holes->list[*position - 1];
	return NULL;
}

bool black_hole_is_old(const struct black_hole *hole, struct mono now)
{
	return mono_ms_between(hole->seen, now) >= BLACK_HOLES_AGE_MS;
}
