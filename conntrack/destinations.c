/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/destinations.h"
#include "conntrack/hash.h"

#include <errno.h>
#include <stdlib.h>

int destinations_init(struct destinations *destinations, uint32_t limit, const uint64_t key[2])
{
	uint32_t buckets = 1;

	while (buckets < limit)
		buckets *= 2;
	*destinations = (struct destinations){
		.limit = limit,
		.bucket_mask = buckets - 1,
		.key = { key[0], key[1] },
	};
	destinations->list = calloc(limit, sizeof(*destinations->list));
	destinations->buckets = malloc(buckets * sizeof(*destinations->buckets));
	if (!destinations->list || !destinations->buckets) {
		destinations_fini(destinations);
		return -ENOMEM;
	}
	destinations_clear(destinations);
	return 0;
}

void destinations_fini(struct destinations *destinations)
{
	free(destinations->list);
	free(destinations->buckets);
	*destinations = (struct destinations){ 0 };
}

static uint32_t *bucket_of(const struct destinations *destinations, uint32_t pool, const struct endpoint *peer)
{
	uint8_t bytes[sizeof(pool) + sizeof(*peer)];

	memcpy(bytes, &pool, sizeof(pool));
	memcpy(bytes + sizeof(pool), peer, sizeof(*peer));
	return &destinations->buckets[hash_bytes(destinations->key, bytes, sizeof(bytes)) & destinations->bucket_mask];
}

uint32_t destinations_lookup(const struct destinations *destinations, uint32_t pool, const struct endpoint *peer)
{
	uint32_t index;

	/* Nearly always so: nothing is crowded. */
	if (destinations->count == 0)
		return DESTINATION_NONE;
	index = *bucket_of(destinations, pool, peer);
	while (index != DESTINATION_NONE &&
	       (destinations->list[index].pool != pool || !endpoint_equal(&destinations->list[index].peer, peer)))
		index = destinations->list[index].next;
	return index;
}

static void unlink_destination(struct destinations *destinations, uint32_t index)
{
	struct destination *old = &destinations->list[index];
	uint32_t *link = bucket_of(destinations, old->pool, &old->peer);

	while (*link != index)
		link = &destinations->list[*link].next;
	*link = old->next;
}

static uint32_t find_place(struct destinations *destinations)
{
	uint32_t oldest = 0;

	if (destinations->count < destinations->limit)
		return destinations->count++;
	for (uint32_t i = 1; i < destinations->count; i++)
		if (destinations->list[i].asked < destinations->list[oldest].asked)
			oldest = i;
	unlink_destination(destinations, oldest);
	return oldest;
}

uint32_t destinations_open(struct destinations *destinations, uint32_t pool, const struct endpoint *peer)
{
	uint32_t index = destinations_lookup(destinations, pool, peer);
	struct destination *destination;
	uint32_t *bucket;

	if (index != DESTINATION_NONE)
		return index;
	index = find_place(destinations);
	bucket = bucket_of(destinations, pool, peer);
	destination = &destinations->list[index];
	ports_init(&destination->ports);
	destination->peer = *peer;
	destination->pool = pool;
	destination->next = *bucket;
	*bucket = index;
	return index;
}

int32_t destinations_take(struct destinations *destinations, uint32_t index, const struct ports *pool_ports,
			  const struct ports_wish *wish, const struct port_judge *judge)
{
	struct destination *destination = &destinations->list[index];
	int32_t port;

	destination->asked = ++destinations->asked;
	for (;;) {
		port = ports_take(&destination->ports, wish);
		if (port == PORT_NONE)
			return port;
		/* Not for sharing, at rest, or in use though nobody told: it stays used here until somebody tells. */
		if (!ports_is_reserved(pool_ports, (uint16_t)port) &&
		    judge->state(judge->context, (uint16_t)port) == PORT_USABLE)
			return port;
	}
}

void destinations_used(struct destinations *destinations, uint32_t pool, const struct endpoint *peer, uint16_t port)
{
	uint32_t index = destinations_lookup(destinations, pool, peer);

	if (index != DESTINATION_NONE)
		ports_occupy(&destinations->list[index].ports, port);
}

void destinations_rested(struct destinations *destinations, uint32_t pool, uint16_t port)
{
	for (uint32_t i = 0; i < destinations->count; i++)
		if (destinations->list[i].pool == pool)
			ports_release(&destinations->list[i].ports, port);
}

void destinations_freed(struct destinations *destinations, uint32_t pool, const struct endpoint *peer, uint16_t port)
{
	uint32_t index = destinations_lookup(destinations, pool, peer);

	if (index != DESTINATION_NONE)
		ports_release(&destinations->list[index].ports, port);
}

void destinations_clear(struct destinations *destinations)
{
	destinations->count = 0;
	memset(destinations->buckets, 0xff, (destinations->bucket_mask + 1) * sizeof(*destinations->buckets));
}
