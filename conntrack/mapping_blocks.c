/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which external port a new mapping gets where ports are dealt in blocks (blocks.h). */
#include "conntrack/mapping_private.h"

void mapping_blocks_refresh(struct mappings *mappings)
{
	if (!mappings->blocks.size)
		return;
	for (uint32_t pool = 0; pool < mappings->pools.count; pool++)
		if (mappings->pools.list[pool].active)
			blocks_refresh(&mappings->blocks, pool, &mappings->pools.ports[pool]);
}

/* --------------------------------------------------------------------- choosing */

/* A port of the block, within what the request allows. */
static bool take_in(struct search *search, uint32_t pool, uint32_t number)
{
	uint16_t first, last;

	blocks_range(&search->mappings->blocks, number, &first, &last);
	if (first < search->port_first)
		first = search->port_first;
	if (last > search->port_last)
		last = search->port_last;
	return first <= last && search_take(search, pool, first, last);
}

/* The block in which the inner port itself would be had, or BLOCK_NONE. */
static uint32_t preferred_block(const struct search *search, uint32_t pool)
{
	const struct mapping_request *request = search->request;
	uint16_t port = be16_to_host(request->internal.port);

	if (!request->preserve || request->fully_random || port < search->port_first || port > search->port_last ||
	    !ports_free(&search->mappings->pools.ports[pool], port, port))
		return BLOCK_NONE;
	return port / search->mappings->blocks.size;
}

/* From a block that the host has. Those that are full stand behind the others: the first such ends the search. */
static bool take_own(struct search *search, uint32_t pool)
{
	const struct blocks *blocks = &search->mappings->blocks;
	const struct address *source = &search->request->internal.address;
	uint32_t number = blocks_first(blocks, pool, source), preferred;
	uint16_t first, last;

	if (number == BLOCK_NONE)
		return false;
	preferred = preferred_block(search, pool);
	if (preferred != BLOCK_NONE && blocks_is_of(blocks, pool, preferred, source) &&
	    take_in(search, pool, preferred))
		return true;
	for (; number != BLOCK_NONE; number = blocks_at(blocks, pool, number)->next) {
		if (take_in(search, pool, number))
			return true;
		blocks_range(blocks, number, &first, &last);
		if (!ports_free(&search->mappings->pools.ports[pool], first, last))
			return false;
	}
	return false;
}

/* From a block that nobody has. */
static bool take_fresh(struct search *search, uint32_t pool)
{
	const struct blocks *blocks = &search->mappings->blocks;
	uint32_t number = preferred_block(search, pool);

	if (number != BLOCK_NONE && blocks_is_available(blocks, pool, number) && take_in(search, pool, number))
		return true;
	number = blocks_find(blocks, pool, &search->mappings->pools.ports[pool], search->port_first, search->port_last,
			     (uint32_t)(search->request->random >> 16));
	return number != BLOCK_NONE && take_in(search, pool, number);
}

/* Of the pools of the range, one with most blocks to deal; @present: how many addresses have a pool. */
static uint32_t richest(const struct search *search, uint32_t *present)
{
	const struct mapping_request *request = search->request;
	const struct pools *pools = &search->mappings->pools;
	uint32_t best = POOL_NONE, most = 0;

	*present = 0;
	for (uint32_t i = 0; i < pools->count; i++) {
		if (pools->list[i].protocol != request->protocol ||
		    !address_within(&pools->list[i].address, &request->address_first, &request->address_last))
			continue;
		(*present)++;
		if (search->mappings->blocks.free[i] <= most)
			continue;
		most = search->mappings->blocks.free[i];
		best = i;
	}
	return best;
}

/* What the host has on any address of the range. */
static bool take_own_anywhere(struct search *search)
{
	const struct mapping_request *request = search->request;
	const struct pools *pools = &search->mappings->pools;

	for (uint32_t i = 0; i < pools->count; i++)
		if (pools->list[i].protocol == request->protocol &&
		    address_within(&pools->list[i].address, &request->address_first, &request->address_last) &&
		    take_own(search, i))
			return true;
	return false;
}

/* A block nobody has, of whatever pool has one; the richest need not have one in the request's ports. */
static bool take_fresh_anywhere(struct search *search, uint32_t tried)
{
	const struct mapping_request *request = search->request;
	const struct pools *pools = &search->mappings->pools;

	for (uint32_t i = 0; i < pools->count; i++)
		if (i != tried && pools->list[i].protocol == request->protocol &&
		    address_within(&pools->list[i].address, &request->address_first, &request->address_last) &&
		    take_fresh(search, i))
			return true;
	return false;
}

/* From an address that had no pool. */
static bool take_unopened(struct search *search)
{
	uint32_t pool = search_open_unopened(search);

	return pool != POOL_NONE && take_fresh(search, pool);
}

bool search_take_dealt(struct search *search)
{
	const struct mapping_request *request = search->request;
	struct mappings *mappings = search->mappings;
	const struct address *home = &request->address_first;
	uint32_t pool, present;
	bool unopened;

	if (search->paired_host != HOST_NONE)
		home = &mappings->hosts.list[search->paired_host].external;
	if (search->address_count == 1 || search->paired_host != HOST_NONE) {
		pool = search_open_pool(mappings, home, request->protocol);
		if (pool != POOL_NONE && (take_own(search, pool) || take_fresh(search, pool)))
			return true;
		if (search->address_count == 1 || !request->spill)
			return false;
	}
	if (take_own_anywhere(search))
		return true;
	pool = richest(search, &present);
	unopened = present < search->address_count;
	if (unopened && (pool == POOL_NONE || mappings->blocks.free[pool] * 2 < mappings->blocks.per_pool) &&
	    take_unopened(search))
		return true;
	if (pool != POOL_NONE && take_fresh(search, pool))
		return true;
	return take_fresh_anywhere(search, pool) || (unopened && take_unopened(search));
}
