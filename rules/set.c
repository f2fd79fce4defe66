/* SPDX-License-Identifier: GPL-2.0-or-later */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "rules/set.h"
#include "rules/set_private.h"

/* How many slots an insertion into a full set looks at to find one that timed out. */
#define SWEEP_STEPS 32

uint32_t set_hash(const struct set *set, const uint8_t *key, uint32_t group)
{
	return (uint32_t)XXH3_64bits_withSeed(key, set->key_size, set->seed + group) & set->bucket_mask;
}

void set_buckets_create(struct set *set, struct arena *arena, uint32_t entries)
{
	uint32_t size = 8;

	while (size < entries && size < SET_SIZE_LIMIT * 2)
		size *= 2;
	set->bucket_mask = size - 1;
	set->buckets = arena_array(arena, size, sizeof(*set->buckets));
	memset(set->buckets, 0xff, size * sizeof(*set->buckets));
	set->next = arena_array(arena, entries ? entries : 1, sizeof(*set->next));
}

static const uint8_t *key_of(const struct set *set, uint32_t element)
{
	return set->keys + (size_t)element * set->key_size;
}

bool set_is_live(const struct set *set, uint32_t element, struct mono now)
{
	uint64_t expires = set->expires_ns[element];

	/* The highest bit pattern marks a slot that is free. */
	return expires == 0 || (expires != UINT64_MAX && expires > now.ns);
}

static uint32_t find_point(const struct set *set, const uint8_t *key)
{
	uint32_t element = set->buckets[set_hash(set, key, 0)];

	while (element != SET_NONE && memcmp(key_of(set, element), key, set->key_size) != 0)
		element = set->next[element];
	return element;
}

/* How many intervals begin at or before @key; small keys are compared as numbers. */
static uint32_t count_before(const struct set *set, const uint8_t *key)
{
	uint32_t low = 0, high = set->interval_count;
	uint64_t number;

	if (set->first_numbers) {
		number = set_key_number(key, set->key_size);
		while (low < high) {
			uint32_t middle = low + (high - low) / 2;

			if (set->first_numbers[middle] > number)
				high = middle;
			else
				low = middle + 1;
		}
		return low;
	}
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (memcmp(set->firsts + (size_t)middle * set->key_size, key, set->key_size) > 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static uint32_t find_interval(const struct set *set, const uint8_t *key)
{
	uint32_t before = count_before(set, key);

	if (before == 0 || memcmp(set->lasts + (size_t)(before - 1) * set->key_size, key, set->key_size) < 0)
		return SET_NONE;
	return set->elements[before - 1];
}

static uint32_t find_masked(const struct set *set, const uint8_t *key, struct mono now)
{
	uint32_t best = SET_NONE;
	uint8_t masked[KEY_SIZE];

	for (uint32_t group = 0; group < set->group_count; group++) {
		const uint8_t *mask = set->masks + (size_t)group * set->key_size;
		uint32_t entry;

		for (unsigned int i = 0; i < set->key_size; i++)
			masked[i] = key[i] & mask[i];
		entry = set->buckets[set_hash(set, masked, group)];
		for (; entry != SET_NONE; entry = set->next[entry]) {
			if (set->entry_groups[entry] != group || set->entry_elements[entry] >= best ||
			    memcmp(set->entry_keys + (size_t)entry * set->key_size, masked, set->key_size) != 0)
				continue;
			if (set_is_live(set, set->entry_elements[entry], now))
				best = set->entry_elements[entry];
		}
	}
	return best;
}

uint32_t set_lookup(const struct set *set, const uint8_t *key, struct mono now)
{
	uint32_t element;

	if (set->shape == SET_MASKED)
		element = find_masked(set, key, now);
	else
		element = set->shape == SET_POINTS ? find_point(set, key) : find_interval(set, key);
	if (element != SET_NONE && set_is_live(set, element, now))
		return element;
	return set->star != SET_NONE && set_is_live(set, set->star, now) ? set->star : SET_NONE;
}

/* ----------------------------------------------------------- dynamic sets */

static void unlink_element(struct set *set, uint32_t element)
{
	uint32_t *at = &set->buckets[set_hash(set, key_of(set, element), 0)];

	while (*at != element)
		at = &set->next[*at];
	*at = set->next[element];
	set->next[element] = set->free;
	set->free = element;
	set->expires_ns[element] = UINT64_MAX;
	set->count--;
	if (set->connlimits)
		connlimit_clear(set->pool, &set->connlimits[element]);
}

/* A free slot; when there is none, one whose time is over, within a bound. */
static uint32_t take_slot(struct set *set, struct mono now)
{
	uint32_t element;

	for (unsigned int step = 0; set->free == SET_NONE && step < SWEEP_STEPS && step < set->capacity; step++) {
		set->sweep = set->sweep + 1 < set->capacity ? set->sweep + 1 : 0;
		if (set->expires_ns[set->sweep] != UINT64_MAX && !set_is_live(set, set->sweep, now))
			unlink_element(set, set->sweep);
	}
	element = set->free;
	if (element != SET_NONE)
		set->free = set->next[element];
	return element;
}

static void element_state_init(struct set *set, uint32_t element)
{
	if (set->counters)
		set->counters[element] = (struct counter_values){ 0 };
	if (set->limits)
		limit_init(&set->limits[element], &set->limit_template);
	if (set->quotas)
		set->quotas[element].values = set->quota_template;
	if (set->connlimits)
		set->connlimits[element] = (struct connlimit_state){ .head = CONNLIMIT_NONE };
}

uint32_t set_insert(struct set *set, const uint8_t *key, const uint8_t *data, uint64_t timeout_ms, bool refresh,
		    struct mono now)
{
	uint32_t element = find_point(set, key), *bucket;

	if (element != SET_NONE && !set_is_live(set, element, now)) {
		unlink_element(set, element);
		element = SET_NONE;
	}
	if (element != SET_NONE) {
		if (refresh && set->timeouts_ms[element])
			set->expires_ns[element] =
			    now.ns + (timeout_ms ? timeout_ms : set->timeouts_ms[element]) * NS_PER_MS;
		return element;
	}
	element = take_slot(set, now);
	if (element == SET_NONE)
		return SET_NONE;
	if (!timeout_ms)
		timeout_ms = set->default_timeout_ms;
	memcpy(set->keys + (size_t)element * set->key_size, key, set->key_size);
	if (set->data_size)
		memcpy(set->data + (size_t)element * set->data_size, data, set->data_size);
	set->timeouts_ms[element] = timeout_ms;
	set->expires_ns[element] = timeout_ms ? now.ns + timeout_ms * NS_PER_MS : 0;
	element_state_init(set, element);
	bucket = &set->buckets[set_hash(set, key, 0)];
	set->next[element] = *bucket;
	*bucket = element;
	set->count++;
	return element;
}

void set_remove(struct set *set, const uint8_t *key, struct mono now)
{
	uint32_t element = find_point(set, key);

	(void)now;
	if (element != SET_NONE)
		unlink_element(set, element);
}

void set_start(struct set *set, struct mono now)
{
	uint32_t elements = set->dynamic ? set->capacity : set->count;

	for (uint32_t i = 0; i < elements; i++) {
		if (set->timeouts_ms[i] && set->expires_ns[i] == 0)
			set->expires_ns[i] = now.ns + set->timeouts_ms[i] * NS_PER_MS;
	}
}

void set_reseed(struct set *set, uint64_t seed)
{
	uint32_t entries = set->shape == SET_MASKED ? set->entry_count : set->dynamic ? set->capacity : set->count;

	set->seed = seed;
	if (set->shape == SET_INTERVALS)
		return;
	memset(set->buckets, 0xff, ((size_t)set->bucket_mask + 1) * sizeof(*set->buckets));
	for (uint32_t i = 0; i < entries; i++) {
		uint32_t *bucket;

		if (set->shape == SET_POINTS && (set->expires_ns[i] == UINT64_MAX || i == set->star))
			continue;
		bucket =
		    &set->buckets[set->shape == SET_MASKED
				      ? set_hash(set, set->entry_keys + (size_t)i * set->key_size, set->entry_groups[i])
				      : set_hash(set, key_of(set, i), 0)];
		set->next[i] = *bucket;
		*bucket = i;
	}
}
