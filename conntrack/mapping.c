/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table: slots, two hashes, the list of held mappings. */
#include "conntrack/mapping_private.h"

#include <errno.h>
#include <stdlib.h>

#define POOLS_DEFAULT 512
#define DESTINATIONS_DEFAULT 64

/* --------------------------------------------------------------- making the table */

/* More pools, or crowded destinations, than mappings would stand empty. */
static uint32_t limit_or(uint32_t limit, uint32_t usual, uint32_t capacity)
{
	if (limit)
		return limit;
	return capacity < usual ? capacity : usual;
}

static int init_tables(struct mappings *mappings, const struct mappings_limits *limits, const uint64_t key[2])
{
	size_t buckets = (size_t)mappings->bucket_mask + 1;
	int error = 0;

	mappings->list = calloc(limits->capacity, sizeof(*mappings->list));
	mappings->by_internal = malloc(buckets * sizeof(*mappings->by_internal));
	mappings->by_external = malloc(buckets * sizeof(*mappings->by_external));
	mappings->notes = calloc(limits->capacity, sizeof(*mappings->notes));
	if (!mappings->list || !mappings->by_internal || !mappings->by_external || !mappings->notes)
		return -ENOMEM;
	memset(mappings->by_internal, 0xff, buckets * sizeof(*mappings->by_internal));
	memset(mappings->by_external, 0xff, buckets * sizeof(*mappings->by_external));
	error = hosts_init(&mappings->hosts, limits->hosts ? limits->hosts : limits->capacity, key);
	if (!error)
		error = pools_init(&mappings->pools, limit_or(limits->pools, POOLS_DEFAULT, limits->capacity), key);
	if (!error)
		error = destinations_init(&mappings->destinations,
					  limit_or(limits->destinations, DESTINATIONS_DEFAULT, limits->capacity), key);
	if (!error)
		error = blocks_init(&mappings->blocks, limits->block, mappings->pools.limit, limits->capacity, key);
	return error;
}

struct mappings *mappings_create(const struct mappings_limits *limits, const uint64_t key[2], uint32_t hold_ms)
{
	struct mappings *mappings = calloc(1, sizeof(*mappings));
	uint32_t buckets = 1;

	if (!mappings)
		return NULL;
	/* A walk past a stranger costs a cache miss or two; half of the buckets stay empty. */
	while (buckets / 2 < limits->capacity)
		buckets *= 2;
	mappings->capacity = limits->capacity;
	mappings->free = MAPPING_NONE;
	mappings->bucket_mask = buckets - 1;
	mappings->hold_ms = hold_ms;
	mappings->first_held = mappings->last_held = MAPPING_NONE;
	mappings->key[0] = key[0];
	mappings->key[1] = key[1];
	if (init_tables(mappings, limits, key) < 0) {
		mappings_destroy(mappings);
		return NULL;
	}
	return mappings;
}

void mappings_destroy(struct mappings *mappings)
{
	if (!mappings)
		return;
	hosts_fini(&mappings->hosts);
	pools_fini(&mappings->pools);
	destinations_fini(&mappings->destinations);
	blocks_fini(&mappings->blocks);
	free(mappings->notes);
	free(mappings->list);
	free(mappings->by_internal);
	free(mappings->by_external);
	free(mappings);
}

void mappings_set_hold(struct mappings *mappings, uint32_t hold_ms)
{
	mappings->hold_ms = hold_ms;
}

struct pools *mappings_pools(struct mappings *mappings)
{
	return &mappings->pools;
}

const struct pools *mappings_pools_const(const struct mappings *mappings)
{
	return &mappings->pools;
}

int mappings_set_reservations(struct mappings *mappings, const struct pool_reservation *list, size_t count)
{
	int error = pools_set_reservations(&mappings->pools, list, count);

	if (!error)
		destinations_clear(&mappings->destinations);
	mapping_blocks_refresh(mappings);
	return error;
}

/* ----------------------------------------------------------------------- hashing */

/* Both keys are hashed as a tuple; behaviour keeps "no peer" apart from a peer of zeros. */
static uint32_t bucket_of(const struct mappings *mappings, uint8_t protocol, const struct endpoint *end,
			  enum behaviour behaviour, const struct endpoint *part)
{
	struct tuple key = {
		.source = *end,
		.destination = *part,
		.protocol = protocol,
		.zero = (uint8_t)behaviour,
	};

	return hash_tuple(mappings->key, &key) & mappings->bucket_mask;
}

uint32_t *mapping_chain_internal(const struct mappings *mappings, uint8_t protocol, const struct endpoint *internal,
				 enum behaviour behaviour, const struct endpoint *part)
{
	return &mappings->by_internal[bucket_of(mappings, protocol, internal, behaviour, part)];
}

static uint32_t *chain_external(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
				enum behaviour behaviour, const struct endpoint *part)
{
	return &mappings->by_external[bucket_of(mappings, protocol, external, behaviour, part)];
}

uint32_t mapping_match_internal(const struct mappings *mappings, uint32_t index, uint8_t protocol,
				const struct endpoint *internal, enum behaviour behaviour, const struct endpoint *part)
{
	for (; index != MAPPING_NONE; index = mappings->list[index].next_internal) {
		const struct mapping *mapping = &mappings->list[index];

		if (mapping->internal_port.raw == internal->port.raw && mapping->protocol == protocol &&
		    mapping->behaviour == (uint8_t)behaviour && endpoint_equal(&mapping->peer, part) &&
		    address_equal(&mappings->hosts.list[mapping->host].internal, &internal->address))
			return index;
	}
	return MAPPING_NONE;
}

uint32_t mapping_find_external(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
			       enum behaviour behaviour, const struct endpoint *peer)
{
	struct endpoint part = mapping_peer_part(behaviour, peer);
	uint32_t index = *chain_external(mappings, protocol, external, behaviour, &part);

	for (; index != MAPPING_NONE; index = mappings->list[index].next_external) {
		const struct mapping *mapping = &mappings->list[index];

		if (mapping->protocol == protocol && mapping->behaviour == (uint8_t)behaviour &&
		    endpoint_equal(&mapping->external, external) && endpoint_equal(&mapping->peer, &part))
			return index;
	}
	return MAPPING_NONE;
}

/* From the narrowest binding to the widest. */
static const enum behaviour narrowest_first[] = {
	BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT,
	BEHAVIOUR_ADDRESS_DEPENDENT,
	BEHAVIOUR_ENDPOINT_INDEPENDENT,
};

uint32_t mapping_lookup_external(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
				 const struct endpoint *peer)
{
	static const struct endpoint nobody;

	for (size_t i = peer ? 0 : 2; i < 3; i++) {
		uint32_t index =
		    mapping_find_external(mappings, protocol, external, narrowest_first[i], peer ? peer : &nobody);

		if (index != MAPPING_NONE && !mappings->list[index].held)
			return index;
	}
	return MAPPING_NONE;
}

uint32_t mapping_lookup_internal(const struct mappings *mappings, uint8_t protocol, const struct endpoint *internal,
				 const struct endpoint *peer)
{
	static const struct endpoint nobody;

	for (size_t i = peer ? 0 : 2; i < 3; i++) {
		enum behaviour behaviour = narrowest_first[i];
		struct endpoint part = mapping_peer_part(behaviour, peer ? peer : &nobody);
		uint32_t index = *mapping_chain_internal(mappings, protocol, internal, behaviour, &part);

		for (;;) {
			index = mapping_match_internal(mappings, index, protocol, internal, behaviour, &part);
			if (index == MAPPING_NONE)
				break;
			if (!mappings->list[index].held)
				return index;
			index = mappings->list[index].next_internal;
		}
	}
	return MAPPING_NONE;
}

/* ------------------------------------------------------------------ in and out */

static uint32_t pool_of(const struct mappings *mappings, const struct mapping *mapping)
{
	return pools_lookup(&mappings->pools, &mapping->external.address, mapping->protocol);
}

static struct endpoint internal_of(const struct mappings *mappings, const struct mapping *mapping)
{
	return (struct endpoint){
		.address = mappings->hosts.list[mapping->host].internal,
		.port = mapping->internal_port,
	};
}

bool mappings_have_room(const struct mappings *mappings)
{
	return mappings->free != MAPPING_NONE || mappings->used < mappings->capacity;
}

static bool is_unowned(const struct mapping *mapping)
{
	return !mapping->owns_port && protocol_has_ports(mapping->protocol);
}

/* Tell a crowded destination's allocator of a session that comes or goes. */
static void tell_destination(struct mappings *mappings, const struct mapping *mapping, const struct endpoint *peer,
			     bool comes)
{
	uint16_t port = be16_to_host(mapping->external.port);
	uint32_t pool;

	if (mappings->destinations.count == 0 || !mapping->owns_port)
		return;
	pool = pool_of(mappings, mapping);
	if (comes)
		destinations_used(&mappings->destinations, pool, peer, port);
	else
		destinations_freed(&mappings->destinations, pool, peer, port);
}

uint32_t mapping_insert(struct mappings *mappings, const struct mapping_draft *draft, const struct endpoint *peer)
{
	uint32_t *by_internal, *by_external;
	uint32_t index = mappings->free, host;
	struct mapping *mapping;

	if (!mappings_have_room(mappings))
		return MAPPING_NONE;
	host =
	    hosts_acquire(&mappings->hosts, &draft->internal.address, draft->paired ? &draft->external.address : NULL);
	if (host == HOST_NONE)
		return MAPPING_NONE;
	if (index != MAPPING_NONE)
		mappings->free = mappings->list[index].next_internal;
	else
		index = mappings->used++;
	by_internal =
	    mapping_chain_internal(mappings, draft->protocol, &draft->internal, draft->behaviour, &draft->peer);
	by_external = chain_external(mappings, draft->protocol, &draft->external, draft->behaviour, &draft->peer);
	mapping = &mappings->list[index];
	*mapping = (struct mapping){
		.external = draft->external,
		.peer = draft->peer,
		.internal_port = draft->internal.port,
		.protocol = draft->protocol,
		.behaviour = draft->behaviour & 3u,
		.filtering = draft->filtering & 3u,
		.owns_port = draft->owns_port,
		.one_to_one = draft->one_to_one,
		.host = host,
		.sessions = 1,
		.next_internal = *by_internal,
		.next_external = *by_external,
	};
	*by_internal = *by_external = index;
	mappings->count++;
	mappings->unowned += is_unowned(mapping);
	mappings->bound += mapping->behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	mapping_own_port(mappings, index);
	tell_destination(mappings, mapping, peer, true);
	mapping_note_made(mappings, index);
	return index;
}

static void list_held(struct mappings *mappings, uint32_t index)
{
	struct mapping *mapping = &mappings->list[index];

	mapping->previous_held = mappings->last_held;
	mapping->next_held = MAPPING_NONE;
	if (mappings->last_held != MAPPING_NONE)
		mappings->list[mappings->last_held].next_held = index;
	else
		mappings->first_held = index;
	mappings->last_held = index;
}

static void unlist_held(struct mappings *mappings, uint32_t index)
{
	const struct mapping *mapping = &mappings->list[index];

	if (mapping->previous_held != MAPPING_NONE)
		mappings->list[mapping->previous_held].next_held = mapping->next_held;
	else
		mappings->first_held = mapping->next_held;
	if (mapping->next_held != MAPPING_NONE)
		mappings->list[mapping->next_held].previous_held = mapping->previous_held;
	else
		mappings->last_held = mapping->previous_held;
}

static void remove_mapping(struct mappings *mappings, uint32_t index)
{
	struct mapping *mapping = &mappings->list[index];
	struct endpoint internal = internal_of(mappings, mapping);
	uint32_t *link;

	if (mapping->held)
		unlist_held(mappings, index);
	link = mapping_chain_internal(mappings, mapping->protocol, &internal, mapping->behaviour, &mapping->peer);
	while (*link != index)
		link = &mappings->list[*link].next_internal;
	*link = mapping->next_internal;
	link = chain_external(mappings, mapping->protocol, &mapping->external, mapping->behaviour, &mapping->peer);
	while (*link != index)
		link = &mappings->list[*link].next_external;
	*link = mapping->next_external;
	mapping_disown_port(mappings, index);
	if (mapping->owns_port)
		pools_release(&mappings->pools, pool_of(mappings, mapping), be16_to_host(mapping->external.port));
	mapping_note_gone(mappings, index);
	mappings->unowned -= is_unowned(mapping);
	mappings->bound -= mapping->behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	hosts_release(&mappings->hosts, mapping->host);
	mapping->host = HOST_NONE;
	mapping->next_internal = mappings->free;
	mappings->free = index;
	mappings->count--;
}

/* ------------------------------------------------------------- use and hold time */

static void begin_hold(struct mappings *mappings, uint32_t index)
{
	struct mapping *mapping = &mappings->list[index];
	uint16_t port = be16_to_host(mapping->external.port);
	uint32_t pool;

	mapping->held = true;
	mapping->due_ms = (uint32_t)(mappings->now.ns / NS_PER_MS) + mappings->hold_ms;
	list_held(mappings, index);
	if (!mapping->owns_port)
		return;
	pool = pool_of(mappings, mapping);
	if (!pools_is_shared(&mappings->pools, pool, port))
		ports_hold(&mappings->pools.ports[pool], port);
}

/* The last session is gone. */
static void retire(struct mappings *mappings, uint32_t index)
{
	if (mappings->hold_ms && !mappings->list[index].gone)
		begin_hold(mappings, index);
	else
		remove_mapping(mappings, index);
}

void mapping_use(struct mappings *mappings, uint32_t index, const struct endpoint *peer)
{
	struct mapping *mapping = &mappings->list[index];

	if (mapping->held) {
		unlist_held(mappings, index);
		mapping->held = false;
		mapping->sessions = 0;
		if (mapping->owns_port)
			ports_unhold(&mappings->pools.ports[pool_of(mappings, mapping)],
				     be16_to_host(mapping->external.port));
	}
	mapping->kept = true;
	mapping->sessions++;
	tell_destination(mappings, mapping, peer, true);
}

void mapping_release(struct mappings *mappings, uint32_t index, const struct endpoint *peer, struct mono now)
{
	struct mapping *mapping = &mappings->list[index];

	if (now.ns > mappings->now.ns)
		mappings->now = now;
	tell_destination(mappings, mapping, peer, false);
	if (--mapping->sessions == 0)
		retire(mappings, index);
}

void mapping_cancel(struct mappings *mappings, uint32_t index, const struct endpoint *peer)
{
	struct mapping *mapping = &mappings->list[index];

	tell_destination(mappings, mapping, peer, false);
	if (--mapping->sessions)
		return;
	if (mapping->kept)
		retire(mappings, index);
	else
		remove_mapping(mappings, index);
}

/* Times are compared modulo 2^32 ms: 24 days either way. */
static bool hold_is_over(const struct mapping *mapping, struct mono now)
{
	return (int32_t)((uint32_t)(now.ns / NS_PER_MS) - mapping->due_ms) >= 0;
}

bool mappings_tick(struct mappings *mappings, struct mono now, unsigned int budget)
{
	if (now.ns > mappings->now.ns)
		mappings->now = now;
	for (;;) {
		uint32_t index = mappings->first_held;

		if (index == MAPPING_NONE || !hold_is_over(&mappings->list[index], now))
			return false;
		if (budget-- == 0)
			return true;
		remove_mapping(mappings, index);
	}
}

void mappings_end_address(struct mappings *mappings, const struct address *external)
{
	for (uint32_t i = 0; i < mappings->used; i++) {
		struct mapping *mapping = &mappings->list[i];

		if (mapping->host == HOST_NONE || !address_equal(&mapping->external.address, external))
			continue;
		if (mapping->held)
			remove_mapping(mappings, i);
		else
			mapping->gone = true;
	}
}

/* ------------------------------------------------------------------------ asking */

struct endpoint mapping_internal(const struct mappings *mappings, uint32_t index)
{
	return internal_of(mappings, &mappings->list[index]);
}

struct endpoint mapping_external(const struct mappings *mappings, uint32_t index)
{
	return mappings->list[index].external;
}

enum behaviour mapping_behaviour(const struct mappings *mappings, uint32_t index)
{
	return mappings->list[index].behaviour;
}

enum behaviour mapping_filtering(const struct mappings *mappings, uint32_t index, enum behaviour otherwise)
{
	unsigned int filtering = mappings->list[index].filtering;

	return filtering ? (enum behaviour)(filtering - 1) : otherwise;
}

uint32_t mappings_of_host(const struct mappings *mappings, const struct address *internal)
{
	return hosts_mappings(&mappings->hosts, internal);
}

uint32_t mappings_count(const struct mappings *mappings)
{
	return mappings->count;
}
