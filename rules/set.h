/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets and maps of keys that are byte strings of one size.
 *
 * Theory of operation. Three structures, chosen by what the elements are:
 *   points      a chained hash with a secret seed; also all dynamic sets, which
 *               take their whole memory when they are made
 *   intervals   of a single value: sorted disjoint ranges, binary search
 *   masked      concatenations with intervals: each range is cut into prefixes, and
 *               elements are grouped by the mask that results; one hash probe for
 *               each distinct mask (tuple space search, Srinivasan 1999). The cost
 *               grows with the number of different prefix lengths in use, not with
 *               the number of elements: typical sets have one to ten.
 * Nothing is ever scanned. Where elements of a masked set overlap, the one written
 * first is found.
 */
#ifndef SLUICE_RULES_SET_H
#define SLUICE_RULES_SET_H

#include "rules/state.h"

#define SET_NONE UINT32_MAX
#define SET_DEFAULT_SIZE 65536
#define SET_SIZE_LIMIT (1U << 24)

/** struct set_item - one element while a set is built; keys are key.size bytes */
struct set_item {
	const uint8_t *first, *last;
	const uint8_t *data;
	uint64_t timeout_ms; /* 0: none */
	const struct expression *written;
};

struct set {
	const struct set_declaration *declaration;
	unsigned int key_size, data_size;
	unsigned int part_count, part_sizes[KEY_PARTS];
	uint64_t default_timeout_ms;
	uint64_t seed;
	bool dynamic;
	enum { SET_POINTS, SET_INTERVALS, SET_MASKED } shape;
	/* elements, by their number; a dynamic set's memory is all here from the start */
	uint32_t capacity, count, star;
	uint8_t *keys, *data;
	uint64_t *timeouts_ms, *expires_ns;
	struct counter_values *counters;
	struct limit_state *limits;
	struct quota_state *quotas;
	struct connlimit_state *connlimits;
	struct limit_values limit_template;
	struct quota_values quota_template;
	struct connlimit_pool *pool;
	/* SET_POINTS: chains of elements; SET_MASKED: chains of entries */
	uint32_t *buckets, *next;
	uint32_t bucket_mask, free, sweep;
	/* SET_INTERVALS */
	uint8_t *firsts, *lasts;
	uint64_t *first_numbers; /* the same as @firsts for keys of 8 bytes or less, else NULL */
	uint32_t *elements;
	uint32_t interval_count;
	/* SET_MASKED */
	uint8_t *masks;
	uint8_t *entry_keys;
	uint32_t *entry_groups, *entry_elements;
	uint32_t group_count, entry_count;
};

/** struct set_conflict - two items that overlap and may not */
struct set_conflict {
	const struct set_item *one, *other;
};

/**
 * set_build() - put @count items into @set, whose sizes are filled in
 * @overlap: receives the first two items that overlap, if any do
 *
 * Return: false when a concatenation's ranges need more memory than is reasonable.
 */
bool set_build(struct set *set, struct arena *arena, struct set_item *items, uint32_t count,
	       struct set_conflict *overlap);

/** set_start() - from now on timeouts of elements in the configuration run */
void set_start(struct set *set, struct mono now);

/** set_reseed() - hash with another secret; elements stay */
void set_reseed(struct set *set, uint64_t seed);

/** set_lookup() - the live element that holds @key, or SET_NONE */
uint32_t set_lookup(const struct set *set, const uint8_t *key, struct mono now);

/** set_insert() - add or refresh an element of a dynamic set; SET_NONE when it is full */
uint32_t set_insert(struct set *set, const uint8_t *key, const uint8_t *data, uint64_t timeout_ms, bool refresh,
		    struct mono now);
void set_remove(struct set *set, const uint8_t *key, struct mono now);

/** set_is_live() - does element number @element exist and has not timed out? */
bool set_is_live(const struct set *set, uint32_t element, struct mono now);

#endif
