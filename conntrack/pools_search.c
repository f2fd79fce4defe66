/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pool of a range of addresses has most room. */
#include "conntrack/pools.h"

static bool search_repeats(const struct pools_search *last, const struct pools_search *now)
{
	return last->most && last->protocol == now->protocol && last->port_first == now->port_first &&
	       last->port_last == now->port_last && address_equal(&last->first, &now->first) &&
	       address_equal(&last->last, &now->last);
}

/* From where the last look ended; POOL_NONE: none has as much room as the roomiest had then. */
static uint32_t search_on(struct pools *pools)
{
	struct pools_search *search = &pools->search;

	for (uint32_t i = search->at; i < pools->count; i++) {
		const struct pool *pool = &pools->list[i];

		if (pool->free < search->most || pool->protocol != search->protocol ||
		    !address_within(&pool->address, &search->first, &search->last) ||
		    pools_room(pools, i, search->port_first, search->port_last) != search->most)
			continue;
		search->at = i;
		return i;
	}
	return POOL_NONE;
}

static uint32_t search_all(struct pools *pools)
{
	struct pools_search *search = &pools->search;
	uint32_t best = POOL_NONE;

	for (uint32_t i = 0; i < pools->count; i++) {
		const struct pool *pool = &pools->list[i];
		uint32_t room;

		if (pool->protocol != search->protocol ||
		    !address_within(&pool->address, &search->first, &search->last))
			continue;
		search->present++;
		/* What is free anywhere bounds what is free in the range. */
		if (pool->free <= search->most)
			continue;
		room = pools_room(pools, i, search->port_first, search->port_last);
		if (room <= search->most)
			continue;
		search->most = room;
		search->at = best = i;
	}
	return best;
}

uint32_t pools_roomiest(struct pools *pools, const struct address *first, const struct address *last, uint8_t protocol,
			uint16_t port_first, uint16_t port_last, uint32_t *present)
{
	struct pools_search wanted = { *first, *last, protocol, port_first, port_last, 0, 0, 0 };
	uint32_t best = search_repeats(&pools->search, &wanted) ? search_on(pools) : POOL_NONE;

	if (best == POOL_NONE) {
		pools->search = wanted;
		best = search_all(pools);
	}
	*present = pools->search.present;
	return best;
}
