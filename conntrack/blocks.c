/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "conntrack/hash.h"

int blocks_init(struct blocks *blocks, uint32_t size, uint32_t pools, uint32_t owners, const uint64_t key[2])
{
	uint32_t buckets = 64;

	*blocks = (struct blocks){ .size = size };
	if (!size)
		return 0;
	while (buckets < owners)
		buckets *= 2;
	blocks->per_pool = (PORTS_COUNT + size - 1) / size;
	blocks->words = (blocks->per_pool + 63) / 64;
	blocks->bucket_mask = buckets - 1;
	blocks->owner_free = BLOCK_NONE;
	blocks->owner_limit = owners;
	blocks->key[0] = key[0];
	blocks->key[1] = key[1];
	blocks->list = malloc((size_t)pools * blocks->per_pool * sizeof(*blocks->list));
	blocks->available = calloc((size_t)pools * blocks->words, sizeof(*blocks->available));
	blocks->free = calloc(pools, sizeof(*blocks->free));
	blocks->dealt = calloc(pools, sizeof(*blocks->dealt));
	blocks->owners = calloc(owners, sizeof(*blocks->owners));
	blocks->buckets = malloc(buckets * sizeof(*blocks->buckets));
	if (!blocks->list || !blocks->available || !blocks->free || !blocks->dealt || !blocks->owners ||
	    !blocks->buckets) {
		blocks_fini(blocks);
		return -ENOMEM;
	}
	for (size_t i = 0; i < (size_t)pools * blocks->per_pool; i++)
		blocks->list[i] = (struct block){ .owner = BLOCK_NONE };
	memset(blocks->buckets, 0xff, buckets * sizeof(*blocks->buckets));
	return 0;
}

void blocks_fini(struct blocks *blocks)
{
	free(blocks->list);
	free(blocks->available);
	free(blocks->free);
	free(blocks->dealt);
	free(blocks->owners);
	free(blocks->buckets);
	*blocks = (struct blocks){ 0 };
}

struct block *blocks_at(const struct blocks *blocks, uint32_t pool, uint32_t number)
{
	return &blocks->list[(size_t)pool * blocks->per_pool + number];
}

void blocks_range(const struct blocks *blocks, uint32_t number, uint16_t *first, uint16_t *last)
{
	uint32_t end = (number + 1) * blocks->size - 1;

	*first = (uint16_t)(number * blocks->size);
	*last = (uint16_t)(end < PORTS_COUNT ? end : PORTS_COUNT - 1);
}

/* ---------------------------------------------------------------------- owners */

static uint32_t *bucket_of(const struct blocks *blocks, uint32_t pool, const struct address *source)
{
	uint8_t bytes[20];

	memcpy(bytes, source->bytes, 16);
	memcpy(bytes + 16, &pool, 4);
	return &blocks->buckets[hash_bytes(blocks->key, bytes, sizeof(bytes)) & blocks->bucket_mask];
}

static uint32_t find_owner(const struct blocks *blocks, uint32_t pool, const struct address *source)
{
	uint32_t owner = *bucket_of(blocks, pool, source);

	while (owner != BLOCK_NONE &&
	       (blocks->owners[owner].pool != pool || !address_equal(&blocks->owners[owner].source, source)))
		owner = blocks->owners[owner].next;
	return owner;
}

static uint32_t add_owner(struct blocks *blocks, uint32_t pool, const struct address *source)
{
	uint32_t *bucket = bucket_of(blocks, pool, source), owner = blocks->owner_free;

	if (owner != BLOCK_NONE)
		blocks->owner_free = blocks->owners[owner].next;
	else if (blocks->owner_count < blocks->owner_limit)
		owner = blocks->owner_count++;
	else
		return BLOCK_NONE;
	blocks->owners[owner] = (struct block_owner){
		.source = *source,
		.pool = pool,
		.first = BLOCK_NONE,
		.last = BLOCK_NONE,
		.next = *bucket,
	};
	*bucket = owner;
	return owner;
}

static void remove_owner(struct blocks *blocks, uint32_t owner)
{
	uint32_t *link = bucket_of(blocks, blocks->owners[owner].pool, &blocks->owners[owner].source);

	while (*link != owner)
		link = &blocks->owners[*link].next;
	*link = blocks->owners[owner].next;
	blocks->owners[owner].next = blocks->owner_free;
	blocks->owner_free = owner;
}

/* ----------------------------------------------------------------------- lists */

static void unlist(struct blocks *blocks, uint32_t pool, uint32_t number)
{
	struct block *block = blocks_at(blocks, pool, number);
	struct block_owner *owner = &blocks->owners[block->owner];

	if (block->previous != BLOCK_NONE)
		blocks_at(blocks, pool, block->previous)->next = block->next;
	else
		owner->first = block->next;
	if (block->next != BLOCK_NONE)
		blocks_at(blocks, pool, block->next)->previous = block->previous;
	else
		owner->last = block->previous;
}

/* In front when there is room in it, else at the end. */
static void enlist(struct blocks *blocks, uint32_t pool, uint32_t number, bool room)
{
	struct block *block = blocks_at(blocks, pool, number);
	struct block_owner *owner = &blocks->owners[block->owner];

	block->previous = room ? BLOCK_NONE : owner->last;
	block->next = room ? owner->first : BLOCK_NONE;
	if (block->previous != BLOCK_NONE)
		blocks_at(blocks, pool, block->previous)->next = number;
	else
		owner->first = number;
	if (block->next != BLOCK_NONE)
		blocks_at(blocks, pool, block->next)->previous = number;
	else
		owner->last = number;
}

static bool has_room(const struct blocks *blocks, uint32_t number, const struct ports *ports)
{
	uint16_t first, last;

	blocks_range(blocks, number, &first, &last);
	return ports_free(ports, first, last) > 0;
}

static void set_available(struct blocks *blocks, uint32_t pool, uint32_t number, bool available)
{
	uint64_t *word = &blocks->available[(size_t)pool * blocks->words + number / 64];
	uint64_t bit = UINT64_C(1) << number % 64;

	if (available == !!(*word & bit))
		return;
	*word ^= bit;
	blocks->free[pool] += available ? 1u : UINT32_MAX;
}

static bool is_of_use(const struct blocks *blocks, uint32_t number, const struct ports *ports)
{
	uint16_t first, last;

	blocks_range(blocks, number, &first, &last);
	return ports_span(ports, first, last) > 0;
}

void blocks_refresh(struct blocks *blocks, uint32_t pool, const struct ports *ports)
{
	for (uint32_t number = 0; number < blocks->per_pool; number++) {
		bool dealt = blocks_at(blocks, pool, number)->owner != BLOCK_NONE;

		set_available(blocks, pool, number, !dealt && is_of_use(blocks, number, ports));
		if (!dealt)
			continue;
		unlist(blocks, pool, number);
		enlist(blocks, pool, number, has_room(blocks, number, ports));
	}
}

/* --------------------------------------------------------------------- finding */

bool blocks_is_of(const struct blocks *blocks, uint32_t pool, uint32_t number, const struct address *source)
{
	uint32_t owner = blocks_at(blocks, pool, number)->owner;

	return owner != BLOCK_NONE && address_equal(&blocks->owners[owner].source, source);
}

uint32_t blocks_first(const struct blocks *blocks, uint32_t pool, const struct address *source)
{
	uint32_t owner = find_owner(blocks, pool, source);

	return owner == BLOCK_NONE ? BLOCK_NONE : blocks->owners[owner].first;
}

bool blocks_is_available(const struct blocks *blocks, uint32_t pool, uint32_t number)
{
	return blocks->available[(size_t)pool * blocks->words + number / 64] >> number % 64 & 1;
}

/* Block @number, cut to the range, has a free port. */
static bool offers(const struct blocks *blocks, uint32_t number, const struct ports *ports, uint16_t first,
		   uint16_t last)
{
	uint16_t begin, end;

	blocks_range(blocks, number, &begin, &end);
	return ports_free(ports, begin > first ? begin : first, end < last ? end : last) > 0;
}

/* From block @from to @to, inclusive. */
static uint32_t find_between(const struct blocks *blocks, uint32_t pool, const struct ports *ports, uint16_t first,
			     uint16_t last, uint32_t from, uint32_t to)
{
	for (uint32_t number = from; number <= to; number++) {
		uint64_t rest = blocks->available[(size_t)pool * blocks->words + number / 64] >> number % 64;

		if (!rest) {
			number |= 63;
			continue;
		}
		number += (uint32_t)__builtin_ctzll(rest);
		if (number <= to && offers(blocks, number, ports, first, last))
			return number;
	}
	return BLOCK_NONE;
}

uint32_t blocks_find(const struct blocks *blocks, uint32_t pool, const struct ports *ports, uint16_t first,
		     uint16_t last, uint32_t random)
{
	uint32_t from = first / blocks->size, to = last / blocks->size;
	uint32_t start = from + hash_scale(random, to - from + 1), found;

	if (blocks->free[pool] == 0)
		return BLOCK_NONE;
	found = find_between(blocks, pool, ports, first, last, start, to);
	if (found == BLOCK_NONE && start > from)
		found = find_between(blocks, pool, ports, first, last, from, start - 1);
	return found;
}

/* --------------------------------------------------------------- dealing, giving back */

bool blocks_join(struct blocks *blocks, uint32_t pool, const struct ports *ports, const struct address *source,
		 uint16_t port)
{
	uint32_t number = port / blocks->size, owner;
	struct block *block = blocks_at(blocks, pool, number);

	if (block->owner == BLOCK_NONE) {
		owner = find_owner(blocks, pool, source);
		if (owner == BLOCK_NONE)
			owner = add_owner(blocks, pool, source);
		if (owner == BLOCK_NONE)
			return false;
		*block = (struct block){ .owner = owner };
		blocks->dealt[pool]++;
		set_available(blocks, pool, number, false);
	} else if (!blocks_is_of(blocks, pool, number, source)) {
		return false;
	} else {
		unlist(blocks, pool, number);
	}
	block->mappings++;
	enlist(blocks, pool, number, has_room(blocks, number, ports));
	return true;
}

bool blocks_leave(struct blocks *blocks, uint32_t pool, const struct ports *ports, uint16_t port)
{
	uint32_t number = port / blocks->size, owner;
	struct block *block = blocks_at(blocks, pool, number);

	owner = block->owner;
	unlist(blocks, pool, number);
	if (--block->mappings) {
		enlist(blocks, pool, number, has_room(blocks, number, ports));
		return false;
	}
	block->owner = BLOCK_NONE;
	blocks->dealt[pool]--;
	set_available(blocks, pool, number, is_of_use(blocks, number, ports));
	if (blocks->owners[owner].first == BLOCK_NONE)
		remove_owner(blocks, owner);
	return true;
}

void blocks_settle(struct blocks *blocks, uint32_t pool, const struct ports *ports, uint16_t port)
{
	uint32_t number = port / blocks->size;

	if (blocks_at(blocks, pool, number)->owner == BLOCK_NONE)
		return;
	unlist(blocks, pool, number);
	enlist(blocks, pool, number, has_room(blocks, number, ports));
}
