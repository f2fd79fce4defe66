/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making sets from a configuration's elements. */
#include <stdlib.h>

#include "rules/set_private.h"

/* Prefixes that one concatenation with ranges may be cut into, and all of a set. */
#define ENTRY_LIMIT (1U << 22)
#define GROUP_LIMIT 4096

static void elements_create(struct set *set, struct arena *arena)
{
	uint32_t capacity = set->capacity ? set->capacity : 1;

	set->keys = arena_array(arena, capacity, set->key_size);
	set->data = arena_array(arena, capacity, set->data_size);
	set->timeouts_ms = arena_array(arena, capacity, sizeof(*set->timeouts_ms));
	set->expires_ns = arena_array(arena, capacity, sizeof(*set->expires_ns));
	set->star = SET_NONE;
	set->free = SET_NONE;
	for (const struct statement *statement = set->declaration->statements; statement; statement = statement->next) {
		if (statement->kind == STATEMENT_COUNTER && !set->counters) {
			set->counters = arena_array(arena, capacity, sizeof(*set->counters));
		} else if (statement->kind == STATEMENT_LIMIT && !set->limits) {
			set->limits = arena_array(arena, capacity, sizeof(*set->limits));
			set->limit_template = statement->limit;
		} else if (statement->kind == STATEMENT_QUOTA && !set->quotas) {
			set->quotas = arena_array(arena, capacity, sizeof(*set->quotas));
			set->quota_template = statement->quota;
		} else if (statement->kind == STATEMENT_CONNLIMIT && !set->connlimits) {
			set->connlimits = arena_array(arena, capacity, sizeof(*set->connlimits));
		}
	}
	for (uint32_t i = 0; i < capacity; i++) {
		if (set->limits)
			limit_init(&set->limits[i], &set->limit_template);
		if (set->quotas)
			set->quotas[i].values = set->quota_template;
		if (set->connlimits)
			set->connlimits[i].head = CONNLIMIT_NONE;
	}
}

static void element_fill(struct set *set, uint32_t element, const struct set_item *item)
{
	memcpy(set->keys + (size_t)element * set->key_size, item->first, set->key_size);
	if (set->data_size)
		memcpy(set->data + (size_t)element * set->data_size, item->data, set->data_size);
	set->timeouts_ms[element] = item->timeout_ms ? item->timeout_ms : set->default_timeout_ms;
	for (const struct statement *own = item->written && item->written->options ? item->written->options->statements
										   : NULL;
	     own; own = own->next) {
		if (own->kind == STATEMENT_COUNTER && set->counters)
			set->counters[element] = own->counter;
		if (own->kind == STATEMENT_LIMIT && set->limits)
			limit_init(&set->limits[element], &own->limit);
		if (own->kind == STATEMENT_QUOTA && set->quotas)
			set->quotas[element].values = own->quota;
	}
}

/* ------------------------------------------------------------------ points */

static void build_points(struct set *set, struct arena *arena, const struct set_item *items, uint32_t count,
			 struct set_conflict *overlap)
{
	set_buckets_create(set, arena, set->capacity);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *bucket = &set->buckets[set_hash(set, items[i].first, 0)];
		uint32_t at = *bucket;

		while (at != SET_NONE &&
		       memcmp(set->keys + (size_t)at * set->key_size, items[i].first, set->key_size) != 0)
			at = set->next[at];
		if (at != SET_NONE) {
			if (!overlap->one)
				*overlap = (struct set_conflict){ &items[at], &items[i] };
			set->expires_ns[i] = UINT64_MAX;
			continue;
		}
		set->next[i] = *bucket;
		*bucket = i;
	}
	set->count = count;
	if (!set->dynamic)
		return;
	/* The rest of a dynamic set's slots, lowest first. */
	for (uint32_t i = set->capacity; i-- > count;) {
		set->next[i] = set->free;
		set->free = i;
		set->expires_ns[i] = UINT64_MAX;
	}
}

/* --------------------------------------------------------------- intervals */

struct sort_item {
	const struct set_item *item;
	uint32_t element;
	unsigned int size;
};

static int compare_intervals(const void *a, const void *b)
{
	const struct sort_item *one = a, *other = b;
	int order = memcmp(one->item->first, other->item->first, one->size);

	if (order)
		return order;
	return one->element < other->element ? -1 : 1;
}

static void build_intervals(struct set *set, struct arena *arena, const struct set_item *items, uint32_t count,
			    struct set_conflict *overlap)
{
	struct sort_item *sorted = arena_array(arena, count + 1, sizeof(*sorted));
	const struct set_item *widest = NULL;
	size_t size = set->key_size;
	uint32_t filled = 0;

	for (uint32_t i = 0; i < count; i++)
		sorted[i] = (struct sort_item){ &items[i], i, set->key_size };
	if (count)
		qsort(sorted, count, sizeof(*sorted), compare_intervals);
	set->firsts = arena_array(arena, count + 1, size);
	set->lasts = arena_array(arena, count + 1, size);
	set->elements = arena_array(arena, count + 1, sizeof(*set->elements));
	for (uint32_t i = 0; i < count; i++) {
		const struct set_item *item = sorted[i].item;

		if (filled && memcmp(item->first, set->lasts + (filled - 1) * size, size) <= 0) {
			if (!overlap->one)
				*overlap = (struct set_conflict){ widest, item };
			if (memcmp(item->last, set->lasts + (filled - 1) * size, size) > 0) {
				memcpy(set->lasts + (filled - 1) * size, item->last, size);
				widest = item;
			}
			continue;
		}
		memcpy(set->firsts + filled * size, item->first, size);
		memcpy(set->lasts + filled * size, item->last, size);
		set->elements[filled++] = sorted[i].element;
		widest = item;
	}
	set->interval_count = filled;
	if (size <= sizeof(uint64_t)) {
		set->first_numbers = arena_array(arena, filled + 1, sizeof(uint64_t));
		for (uint32_t i = 0; i < filled; i++)
			set->first_numbers[i] = set_key_number(set->firsts + i * size, set->key_size);
	}
	set->count = count;
}

/* ------------------------------------------- concatenations with intervals */

struct prefixes {
	unsigned int count;
	struct {
		uint8_t bits[VALUE_SIZE], mask[VALUE_SIZE];
	} list[2 * 8 * VALUE_SIZE];
};

static void add_one_at(uint8_t *bytes, unsigned int bit)
{
	unsigned int byte = bit / 8;
	unsigned int sum = bytes[byte] + (1U << (7 - bit % 8));

	bytes[byte] = (uint8_t)sum;
	while (sum > 0xff && byte-- > 0) {
		sum = bytes[byte] + 1U;
		bytes[byte] = (uint8_t)sum;
	}
}

/* The largest aligned block that begins at @first and ends no later than @last. */
static unsigned int block_length(const uint8_t *first, const uint8_t *last, unsigned int size, uint8_t *end)
{
	unsigned int length = size * 8;

	memcpy(end, first, size);
	while (length > 0) {
		uint8_t next[VALUE_SIZE];
		unsigned int bit = length - 1;

		if (first[bit / 8] & (0x80U >> bit % 8))
			break;
		memcpy(next, end, size);
		next[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
		if (memcmp(next, last, size) > 0)
			break;
		memcpy(end, next, size);
		length--;
	}
	return length;
}

static void cut_range(struct prefixes *prefixes, const uint8_t *first, const uint8_t *last, unsigned int size)
{
	uint8_t at[VALUE_SIZE], end[VALUE_SIZE];

	prefixes->count = 0;
	memcpy(at, first, size);
	for (;;) {
		unsigned int length = block_length(at, last, size, end);

		memset(prefixes->list[prefixes->count].mask, 0, VALUE_SIZE);
		for (unsigned int bit = 0; bit < length; bit++)
			prefixes->list[prefixes->count].mask[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
		memcpy(prefixes->list[prefixes->count++].bits, at, size);
		if (memcmp(end, last, size) >= 0)
			return;
		memcpy(at, end, size);
		add_one_at(at, size * 8 - 1);
	}
}

struct masked_builder {
	struct set *set;
	struct arena *arena;
	size_t entry_capacity, group_capacity;
	struct prefixes *parts; /* one for each part of the key */
};

static uint32_t group_of(struct masked_builder *builder, const uint8_t *mask)
{
	struct set *set = builder->set;

	for (uint32_t i = 0; i < set->group_count; i++) {
		if (memcmp(set->masks + (size_t)i * set->key_size, mask, set->key_size) == 0)
			return i;
	}
	if (set->group_count >= GROUP_LIMIT)
		return SET_NONE;
	set->masks = arena_grow(builder->arena, set->masks, set->group_count, &builder->group_capacity, set->key_size);
	memcpy(set->masks + (size_t)set->group_count * set->key_size, mask, set->key_size);
	return set->group_count++;
}

static bool add_entry(struct masked_builder *builder, const uint8_t *key, const uint8_t *mask, uint32_t element)
{
	struct set *set = builder->set;
	uint32_t group = group_of(builder, mask);

	if (group == SET_NONE || set->entry_count >= ENTRY_LIMIT)
		return false;
	if (set->entry_count == builder->entry_capacity) {
		size_t count = set->entry_count, capacity = count ? count * 2 : 64, old;

		old = builder->entry_capacity;
		set->entry_keys = arena_grow(builder->arena, set->entry_keys, count, &old, set->key_size);
		old = builder->entry_capacity;
		set->entry_groups = arena_grow(builder->arena, set->entry_groups, count, &old, sizeof(uint32_t));
		old = builder->entry_capacity;
		set->entry_elements = arena_grow(builder->arena, set->entry_elements, count, &old, sizeof(uint32_t));
		builder->entry_capacity = old < capacity ? old : capacity;
	}
	memcpy(set->entry_keys + (size_t)set->entry_count * set->key_size, key, set->key_size);
	set->entry_groups[set->entry_count] = group;
	set->entry_elements[set->entry_count++] = element;
	return true;
}

/* Every combination of the parts' prefixes is one entry. */
static bool add_combinations(struct masked_builder *builder, unsigned int part, unsigned int offset, uint8_t *key,
			     uint8_t *mask, uint32_t element)
{
	const struct set *set = builder->set;

	if (part == set->part_count)
		return add_entry(builder, key, mask, element);
	for (unsigned int i = 0; i < builder->parts[part].count; i++) {
		memcpy(key + offset, builder->parts[part].list[i].bits, set->part_sizes[part]);
		memcpy(mask + offset, builder->parts[part].list[i].mask, set->part_sizes[part]);
		if (!add_combinations(builder, part + 1, offset + set->part_sizes[part], key, mask, element))
			return false;
	}
	return true;
}

static bool items_overlap(const struct set *set, const struct set_item *one, const struct set_item *other)
{
	unsigned int offset = 0;

	for (unsigned int part = 0; part < set->part_count; part++) {
		unsigned int size = set->part_sizes[part];

		if (memcmp(one->first + offset, other->last + offset, size) > 0 ||
		    memcmp(other->first + offset, one->last + offset, size) > 0)
			return false;
		offset += size;
	}
	return true;
}

static bool build_masked(struct set *set, struct arena *arena, const struct set_item *items, uint32_t count,
			 struct set_conflict *overlap)
{
	struct masked_builder builder = { .set = set, .arena = arena };
	uint8_t key[KEY_SIZE], mask[KEY_SIZE];

	builder.parts = arena_array(arena, KEY_PARTS, sizeof(*builder.parts));
	for (uint32_t i = 0; i < count; i++) {
		unsigned int offset = 0;

		for (unsigned int part = 0; part < set->part_count; part++) {
			cut_range(&builder.parts[part], items[i].first + offset, items[i].last + offset,
				  set->part_sizes[part]);
			offset += set->part_sizes[part];
		}
		if (!add_combinations(&builder, 0, 0, key, mask, i))
			return false;
	}
	set_buckets_create(set, arena, set->entry_count);
	set->count = count;
	set_reseed(set, set->seed);
	/* Quadratic, hence only for sets that somebody wrote by hand. */
	for (uint32_t i = 0; i < count && count <= 500 && !overlap->one; i++) {
		for (uint32_t j = 0; j < i && !overlap->one; j++) {
			if (items_overlap(set, &items[j], &items[i]))
				*overlap = (struct set_conflict){ &items[j], &items[i] };
		}
	}
	return true;
}

bool set_build(struct set *set, struct arena *arena, struct set_item *items, uint32_t count,
	       struct set_conflict *overlap)
{
	bool ranges = false, good = true;
	uint32_t keyed = 0;
	struct set_item *keyed_items = arena_array(arena, count + 1, sizeof(*keyed_items));
	const struct set_item *star = NULL;

	for (uint32_t i = 0; i < count; i++) {
		if (!items[i].first) {
			star = &items[i];
			continue;
		}
		ranges = ranges || memcmp(items[i].first, items[i].last, set->key_size) != 0;
		keyed_items[keyed++] = items[i];
	}
	if (set->capacity < count || !set->dynamic)
		set->capacity = count;
	set->shape = !ranges ? SET_POINTS : set->part_count > 1 ? SET_MASKED : SET_INTERVALS;
	elements_create(set, arena);
	for (uint32_t i = 0; i < keyed; i++)
		element_fill(set, i, &keyed_items[i]);
	if (set->shape == SET_POINTS)
		build_points(set, arena, keyed_items, keyed, overlap);
	else if (set->shape == SET_INTERVALS)
		build_intervals(set, arena, keyed_items, keyed, overlap);
	else
		good = build_masked(set, arena, keyed_items, keyed, overlap);
	if (star && !set->dynamic) {
		struct set_item copy = *star;
		uint8_t none[KEY_SIZE] = { 0 };

		copy.first = none;
		element_fill(set, keyed, &copy);
		set->star = keyed;
		set->count = keyed + 1;
	}
	return good;
}
