/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table: slots, who comes and goes, the list of held mappings. */
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
	uint64_t nodes = (uint64_t)limits->capacity * 2;
	uint32_t addresses = limits->addresses ? limits->addresses : limits->capacity;
	int error;

	mappings->list = calloc(limits->capacity, sizeof(*mappings->list));
	mappings->notes = calloc(limits->capacity, sizeof(*mappings->notes));
	if (!mappings->list || !mappings->notes)
		return -ENOMEM;
	error = nodes_init(&mappings->nodes, nodes, nodes);
	if (!error)
		error = addresses_init(&mappings->addresses, addresses, key);
	if (!error)
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

	if (!mappings)
		return NULL;
	mappings->capacity = limits->capacity;
	mappings->free = MAPPING_NONE;
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
	nodes_fini(&mappings->nodes);
	addresses_fini(&mappings->addresses);
	free(mappings);
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

/* ------------------------------------------------------------------ in and out */

static uint32_t pool_of(const struct mappings *mappings, const struct mapping *mapping)
{
	return pools_lookup(&mappings->pools, addresses_get(&mappings->addresses, mapping->external),
			    mapping->protocol);
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
	uint16_t port = be16_to_host(mapping->external_port);
	uint32_t pool;

	if (mappings->destinations.count == 0)
		return;
	/* One-to-one mappings too, whose port no pool counts: it is in use for this peer all the same. */
	pool = pool_of(mappings, mapping);
	if (pool == POOL_NONE)
		return;
	if (comes)
		destinations_used(&mappings->destinations, pool, peer, port);
	else
		destinations_freed(&mappings->destinations, pool, peer, port);
}

void mappings_unmapped_ended(struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
			     const struct endpoint *peer)
{
	uint32_t pool;

	if (mappings->destinations.count == 0)
		return;
	pool = pools_lookup(&mappings->pools, &external->address, protocol);
	if (pool != POOL_NONE)
		destinations_freed(&mappings->destinations, pool, peer, be16_to_host(external->port));
}

/* Takes references to all of the addresses, or to none. */
static bool refer(struct mappings *mappings, struct mapping *mapping, const struct mapping_draft *draft)
{
	const struct address *paired = draft->paired ? &draft->external.address : NULL;

	mapping->host = hosts_acquire(&mappings->hosts, &draft->internal.address, paired);
	if (mapping->host == HOST_NONE)
		return false;
	mapping->external = addresses_acquire(&mappings->addresses, &draft->external.address);
	if (draft->behaviour != BEHAVIOUR_ENDPOINT_INDEPENDENT)
		mapping->peer = addresses_acquire(&mappings->addresses, &draft->peer.address);
	if (mapping->external != ADDRESS_NONE &&
	    (mapping->peer != ADDRESS_NONE || draft->behaviour == BEHAVIOUR_ENDPOINT_INDEPENDENT))
		return true;
	addresses_release(&mappings->addresses, mapping->external);
	addresses_release(&mappings->addresses, mapping->peer);
	hosts_release(&mappings->hosts, mapping->host);
	return false;
}

uint32_t mapping_insert(struct mappings *mappings, const struct mapping_draft *draft, const struct endpoint *peer)
{
	struct mapping fresh = {
		.internal_port = draft->internal.port,
		.external_port = draft->external.port,
		.peer_port = draft->peer.port,
		.protocol = draft->protocol,
		.behaviour = draft->behaviour & 3u,
		.filtering = draft->filtering & 3u,
		.owns_port = draft->owns_port,
		.one_to_one = draft->one_to_one,
		.sessions = 1,
	};
	uint32_t index = mappings->free;

	if (!mappings_have_room(mappings) || !refer(mappings, &fresh, draft))
		return MAPPING_NONE;
	if (index != MAPPING_NONE)
		mappings->free = mappings->list[index].next_held;
	else
		index = mappings->used++;
	mappings->list[index] = fresh;
	__builtin_prefetch(&mappings->list[mappings->free != MAPPING_NONE ? mappings->free : mappings->used]);
	nodes_insert(&mappings->nodes, draft->hashes[0], index * 2);
	nodes_insert(&mappings->nodes, draft->hashes[1], index * 2 + 1);
	mappings->count++;
	mappings->unowned += is_unowned(&fresh);
	mappings->bound += fresh.behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	mapping_own_port(mappings, index);
	tell_destination(mappings, &fresh, peer, true);
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

	if (mappings->destinations.count && protocol_has_ports(mapping->protocol))
		destinations_rested(&mappings->destinations, pool_of(mappings, mapping),
				    be16_to_host(mapping->external_port));
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

	if (mapping->held)
		unlist_held(mappings, index);
	nodes_remove(&mappings->nodes, mapping_hash(mappings, mapping, false), index * 2);
	nodes_remove(&mappings->nodes, mapping_hash(mappings, mapping, true), index * 2 + 1);
	mapping_disown_port(mappings, index);
	if (mapping->owns_port)
		pools_release(&mappings->pools, pool_of(mappings, mapping), be16_to_host(mapping->external_port));
	mapping_note_gone(mappings, index);
	mappings->unowned -= is_unowned(mapping);
	mappings->bound -= mapping->behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	addresses_release(&mappings->addresses, mapping->external);
	addresses_release(&mappings->addresses, mapping->peer);
	hosts_release(&mappings->hosts, mapping->host);
	mapping->host = HOST_NONE;
	mapping->next_held = mappings->free;
	mappings->free = index;
	mappings->count--;
}

/* ------------------------------------------------------------- use and hold time */

static void begin_hold(struct mappings *mappings, uint32_t index)
{
	struct mapping *mapping = &mappings->list[index];
	uint16_t port = be16_to_host(mapping->external_port);
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
				     be16_to_host(mapping->external_port));
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

void mappings_set_hold(struct mappings *mappings, uint32_t hold_ms)
{
	mappings->hold_ms = hold_ms;
	while (!hold_ms && mappings->first_held != MAPPING_NONE)
		remove_mapping(mappings, mappings->first_held);
}

void mappings_end_address(struct mappings *mappings, const struct address *external)
{
	for (uint32_t i = 0; i < mappings->used; i++) {
		struct mapping *mapping = &mappings->list[i];

		if (mapping->host == HOST_NONE ||
		    !address_equal(addresses_get(&mappings->addresses, mapping->external), external))
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
	return mapping_internal_of(mappings, &mappings->list[index]);
}

struct endpoint mapping_external(const struct mappings *mappings, uint32_t index)
{
	return mapping_external_of(mappings, &mappings->list[index]);
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

bool mappings_know_all_hosts(const struct mappings *mappings)
{
	return mappings->hosts.used == mappings->hosts.capacity;
}

uint32_t mapping_sessions(const struct mappings *mappings, uint32_t index)
{
	return mappings->list[index].held ? 0 : mappings->list[index].sessions;
}

uint64_t mappings_bytes(const struct mappings *mappings)
{
	return (uint64_t)mappings->capacity * (sizeof(*mappings->list) + sizeof(*mappings->notes)) +
	       nodes_bytes(&mappings->nodes) + addresses_bytes(&mappings->addresses) + hosts_bytes(&mappings->hosts);
}

uint32_t mappings_count(const struct mappings *mappings)
{
	return mappings->count;
}
