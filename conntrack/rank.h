/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has the most: entries kept in order of a count that changes by one at a time.
 *
 * Theory of operation. Entries with the same count form a ring; the rings stand in
 * a list by count. One more or one less moves an entry to the neighbouring ring,
 * so every change costs the same, and the first N are read off without a search. Rings
 * are few: k different counts add up to k (k + 1) / 2 at least.
 */
#ifndef SLUICE_CONNTRACK_RANK_H
#define SLUICE_CONNTRACK_RANK_H

#include "sluice/types.h"

#define RANK_NONE UINT32_MAX

struct rank_entry {
	uint32_t previous, next; /* of the same count */
	uint32_t ring;		 /* RANK_NONE: count 0, not in order */
};

struct rank_ring {
	uint32_t count;
	uint32_t first;		/* entry */
	uint32_t higher, lower; /* rings; a free ring's @lower is the next free one */
};

struct rank {
	uint32_t ring_count;
	struct rank_entry *entries;
	struct rank_ring *rings;
	uint32_t top, bottom, free; /* rings */
};

/**
 * rank_init() - entries 0 to @capacity - 1, all with count 0
 * @capacity: at least 1
 * @total: all counts together are never more
 *
 * Return: 0 or -ENOMEM.
 */
int rank_init(struct rank *rank, uint32_t capacity, uint32_t total);
void rank_fini(struct rank *rank);

/**
 * rank_load() - give many entries their counts at once
 * @counted: count << 32 | entry, of each entry once; no count is 0. Is sorted
 *
 * All counts must be 0. The order among equals means nothing, as ever.
 */
void rank_load(struct rank *rank, uint64_t *counted, uint32_t length);

void rank_increment(struct rank *rank, uint32_t entry);
void rank_decrement(struct rank *rank, uint32_t entry);
uint32_t rank_count(const struct rank *rank, uint32_t entry);

/* An entry with the highest count, and the one that follows; RANK_NONE at the end. */
uint32_t rank_first(const struct rank *rank);
uint32_t rank_next(const struct rank *rank, uint32_t entry);

#endif
