/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/rank.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int rank_init(struct rank *rank, uint32_t capacity, uint32_t total)
{
	/* While an entry moves there may be one ring more than different counts. */
	uint32_t rings = 1;

	assert(capacity > 0);
	while (rings <= capacity && (uint64_t)rings * (rings + 1) / 2 <= (uint64_t)total + 1)
		rings++;
	rings++;
	*rank = (struct rank){ .ring_count = rings, .top = RANK_NONE, .bottom = RANK_NONE };
	rank->entries = malloc((size_t)capacity * sizeof(*rank->entries));
	rank->rings = malloc((size_t)rings * sizeof(*rank->rings));
	if (!rank->entries || !rank->rings) {
		rank_fini(rank);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < capacity; i++)
		rank->entries[i].ring = RANK_NONE;
	for (uint32_t i = 0; i < rings; i++)
		rank->rings[i].lower = i + 1 < rings ? i + 1 : RANK_NONE;
	return 0;
}

void rank_fini(struct rank *rank)
{
	free(rank->entries);
	free(rank->rings);
	rank->entries = NULL;
	rank->rings = NULL;
}

/* A ring for @count, just below @higher (RANK_NONE: on top). */
static uint32_t ring_insert(struct rank *rank, uint32_t count, uint32_t higher)
{
	uint32_t ring = rank->free, lower = higher == RANK_NONE ? rank->top : rank->rings[higher].lower;

	assert(ring != RANK_NONE);
	rank->free = rank->rings[ring].lower;
	rank->rings[ring] = (struct rank_ring){ count, RANK_NONE, higher, lower };
	if (higher == RANK_NONE)
		rank->top = ring;
	else
		rank->rings[higher].lower = ring;
	if (lower == RANK_NONE)
		rank->bottom = ring;
	else
		rank->rings[lower].higher = ring;
	return ring;
}

static void ring_remove(struct rank *rank, uint32_t ring)
{
	uint32_t higher = rank->rings[ring].higher, lower = rank->rings[ring].lower;

	if (higher == RANK_NONE)
		rank->top = lower;
	else
		rank->rings[higher].lower = lower;
	if (lower == RANK_NONE)
		rank->bottom = higher;
	else
		rank->rings[lower].higher = higher;
	rank->rings[ring].lower = rank->free;
	rank->free = ring;
}

static void enter(struct rank *rank, uint32_t entry, uint32_t ring)
{
	uint32_t first = rank->rings[ring].first;

	rank->entries[entry] = (struct rank_entry){ RANK_NONE, first, ring };
	if (first != RANK_NONE)
		rank->entries[first].previous = entry;
	rank->rings[ring].first = entry;
}

/* Takes the entry out of its ring, and the ring away when that empties it. */
static void leave(struct rank *rank, uint32_t entry)
{
	struct rank_entry *at = &rank->entries[entry];
	struct rank_ring *ring = &rank->rings[at->ring];

	if (at->previous == RANK_NONE)
		ring->first = at->next;
	else
		rank->entries[at->previous].next = at->next;
	if (at->next != RANK_NONE)
		rank->entries[at->next].previous = at->previous;
	if (ring->first == RANK_NONE)
		ring_remove(rank, at->ring);
	at->ring = RANK_NONE;
}

static int compare_falling(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return (*left < *right) - (*left > *right);
}

void rank_load(struct rank *rank, uint64_t *counted, uint32_t length)
{
	qsort(counted, length, sizeof(*counted), compare_falling);
	for (uint32_t i = 0; i < length; i++) {
		uint32_t count = (uint32_t)(counted[i] >> 32), entry = (uint32_t)counted[i], ring = rank->bottom;

		assert(count && rank->entries[entry].ring == RANK_NONE);
		if (ring == RANK_NONE || rank->rings[ring].count != count)
			ring = ring_insert(rank, count, ring);
		enter(rank, entry, ring);
	}
}

void rank_increment(struct rank *rank, uint32_t entry)
{
	uint32_t old = rank->entries[entry].ring, target, count;

	if (old == RANK_NONE) {
		target = rank->bottom;
		if (target == RANK_NONE || rank->rings[target].count != 1)
			target = ring_insert(rank, 1, target);
	} else {
		count = rank->rings[old].count + 1;
		target = rank->rings[old].higher;
		if (target == RANK_NONE || rank->rings[target].count != count)
			target = ring_insert(rank, count, target);
		leave(rank, entry);
	}
	enter(rank, entry, target);
}

void rank_decrement(struct rank *rank, uint32_t entry)
{
	uint32_t old = rank->entries[entry].ring, target, count;

	assert(old != RANK_NONE);
	count = rank->rings[old].count - 1;
	target = rank->rings[old].lower;
	if (count && (target == RANK_NONE || rank->rings[target].count != count))
		target = ring_insert(rank, count, old);
	leave(rank, entry);
	if (count)
		enter(rank, entry, target);
}

uint32_t rank_count(const struct rank *rank, uint32_t entry)
{
	uint32_t ring = rank->entries[entry].ring;

	return ring == RANK_NONE ? 0 : rank->rings[ring].count;
}

uint32_t rank_first(const struct rank *rank)
{
	return rank->top == RANK_NONE ? RANK_NONE : rank->rings[rank->top].first;
}

uint32_t rank_next(const struct rank *rank, uint32_t entry)
{
	const struct rank_entry *at = &rank->entries[entry];
	uint32_t lower;

	if (at->next != RANK_NONE)
		return at->next;
	lower = rank->rings[at->ring].lower;
	return lower == RANK_NONE ? RANK_NONE : rank->rings[lower].first;
}
