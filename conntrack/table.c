/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "conntrack/hash.h"
#include "conntrack/mapping.h"

/* How far a late refresh looks for its place in time. */
#define PLACE_STEPS 64

/* Different translated addresses at a time: an eighth of the sessions, but at least these. */
#define ADDRESSES_LEAST 1024

uint32_t table_addresses(uint32_t capacity)
{
	return capacity / 8 > ADDRESSES_LEAST ? capacity / 8 : ADDRESSES_LEAST;
}

int table_init(struct table *table, uint32_t capacity, const uint64_t hash_key[2], struct mono now)
{
	uint64_t nodes = (uint64_t)capacity * NODE_KINDS;

	*table = (struct table){
		.capacity = capacity,
		.free_head = SESSION_NONE,
		.hash_key = { hash_key[0], hash_key[1] },
		.epoch = now,
	};
	for (unsigned int list = 0; list < LIST_COUNT; list++)
		table->lists[list] = (struct table_list){ SESSION_NONE, SESSION_NONE, 0 };
	table->sessions = calloc(capacity, sizeof(*table->sessions));
	if (!table->sessions || nodes_init(&table->nodes, nodes, nodes) < 0 ||
	    addresses_init(&table->addresses, table_addresses(capacity), hash_key) < 0) {
		table_fini(table);
		return -ENOMEM;
	}
	return 0;
}

void table_fini(struct table *table)
{
	if (!table->seals)
		free(table->sessions);
	table->sessions = NULL;
	nodes_fini(&table->nodes);
	addresses_fini(&table->addresses);
}

uint64_t table_bytes(const struct table *table)
{
	return (uint64_t)table->capacity * sizeof(*table->sessions) + nodes_bytes(&table->nodes) +
	       addresses_bytes(&table->addresses);
}

/* ------------------------------------------------------------------ tuples */

/* A reference to @after where it differs from @before; false: no room for it. */
static bool refer(struct table *table, const struct address *before, const struct address *after, uint32_t *reference)
{
	*reference = ADDRESS_NONE;
	if (address_equal(before, after))
		return true;
	*reference = addresses_acquire(&table->addresses, after);
	return *reference != ADDRESS_NONE;
}

static void forget_translation(struct table *table, struct session *session)
{
	addresses_release(&table->addresses, session->source_after);
	addresses_release(&table->addresses, session->destination_after);
	session->source_after = session->destination_after = ADDRESS_NONE;
}

bool table_set_tuples(struct table *table, uint32_t index, const struct tuple *original, const struct tuple *reply)
{
	struct session *session = &table->sessions[index];
	uint32_t source, destination;

	if (!refer(table, &original->source.address, &reply->destination.address, &source))
		return false;
	if (!refer(table, &original->destination.address, &reply->source.address, &destination)) {
		addresses_release(&table->addresses, source);
		return false;
	}
	forget_translation(table, session);
	session->source = original->source;
	session->destination = original->destination;
	session->protocol = original->protocol;
	session->source_port_after = reply->destination.port;
	session->destination_port_after = reply->source.port;
	session->source_after = source;
	session->destination_after = destination;
	return true;
}

static bool is_endpoint(const struct table *table, const struct endpoint *before, uint32_t after, struct be16 port,
			const struct endpoint *wanted)
{
	return wanted->port.raw == port.raw &&
	       address_equal(after ? addresses_get(&table->addresses, after) : &before->address, &wanted->address);
}

/* Compares without putting the tuple together. */
static bool is_tuple(const struct table *table, const struct session *session, enum direction direction,
		     const struct tuple *tuple)
{
	if (session->protocol != tuple->protocol || tuple->zero)
		return false;
	if (direction == DIRECTION_ORIGINAL)
		return endpoint_equal(&session->source, &tuple->source) &&
		       endpoint_equal(&session->destination, &tuple->destination);
	return is_endpoint(table, &session->source, session->source_after, session->source_port_after,
			   &tuple->destination) &&
	       is_endpoint(table, &session->destination, session->destination_after, session->destination_port_after,
			   &tuple->source);
}

/* -------------------------------------------------------------------- hash */

struct table_key table_key(const struct table *table, const struct tuple *tuple)
{
	return (struct table_key){ *tuple, hash_tuple(table->hash_key, tuple) };
}

/* Between prerouting and forward: translated destination, source as it arrived. */
static struct tuple session_middle(const struct table *table, const struct session *session)
{
	return (struct tuple){
		.source = table_tuple(table, session, DIRECTION_ORIGINAL).source,
		.destination = table_tuple(table, session, DIRECTION_REPLY).source,
		.protocol = session_protocol(session),
	};
}

/* Both directions look for the same middle node: hash it without regard to them. */
static bool is_ordered(const struct tuple *tuple)
{
	return memcmp(&tuple->source, &tuple->destination, sizeof(tuple->source)) <= 0;
}

/* What a peer node stands under; the mark keeps it apart from a packet's tuple. */
static struct tuple tuple_of_peer(uint8_t protocol, const struct endpoint *external, const struct address *peer)
{
	return (struct tuple){
		.source = { .address = *peer },
		.destination = *external,
		.protocol = protocol,
		.zero = 1,
	};
}

struct table_key table_peer_key(const struct table *table, uint8_t protocol, const struct endpoint *external,
				const struct address *peer)
{
	struct tuple tuple = tuple_of_peer(protocol, external, peer);

	return table_key(table, &tuple);
}

static struct tuple session_peer(const struct table *table, const struct session *session)
{
	struct tuple reply = table_tuple(table, session, DIRECTION_REPLY);
	struct endpoint peer = table_peer(table, session);

	return tuple_of_peer(reply.protocol, &reply.destination, &peer.address);
}

static uint32_t hash_of_node(const struct table *table, const struct session *session, unsigned int kind)
{
	struct tuple key;

	if (kind < NODE_MIDDLE) {
		key = table_tuple(table, session, (enum direction)kind);
	} else if (kind == NODE_MIDDLE) {
		key = session_middle(table, session);
		key = is_ordered(&key) ? key : tuple_invert(&key);
	} else {
		key = session_peer(table, session);
	}
	return hash_tuple(table->hash_key, &key);
}

uint32_t table_find(const struct table *table, const struct table_key *key, enum direction *direction)
{
	struct nodes_walk walk = nodes_walk(&table->nodes, key->hash);
	uint32_t node;

	while ((node = nodes_next(&table->nodes, &walk)) != NODE_NONE) {
		uint32_t index = node / NODE_KINDS, kind = node % NODE_KINDS;

		if (kind < NODE_MIDDLE && is_tuple(table, &table->sessions[index], (enum direction)kind, &key->tuple)) {
			*direction = (enum direction)kind;
			return index;
		}
	}
	return SESSION_NONE;
}

uint32_t table_lookup(const struct table *table, const struct tuple *tuple, enum direction *direction)
{
	struct table_key key = table_key(table, tuple);

	return table_find(table, &key, direction);
}

/* A session translated at both ends: the only kind that has a middle node. @hash: of the ordered tuple */
static uint32_t find_middle_node(const struct table *table, const struct tuple *tuple, uint32_t hash,
				 enum direction *direction)
{
	struct nodes_walk walk = nodes_walk(&table->nodes, hash);
	uint32_t node;

	while ((node = nodes_next(&table->nodes, &walk)) != NODE_NONE) {
		uint32_t index = node / NODE_KINDS;
		struct tuple middle, back;

		if (node % NODE_KINDS != NODE_MIDDLE)
			continue;
		middle = session_middle(table, &table->sessions[index]);
		back = tuple_invert(&middle);
		if (tuple_equal(&middle, tuple) || tuple_equal(&back, tuple)) {
			*direction = tuple_equal(&middle, tuple) ? DIRECTION_ORIGINAL : DIRECTION_REPLY;
			return index;
		}
	}
	return SESSION_NONE;
}

uint32_t table_find_middle(const struct table *table, const struct table_key *key, const struct table_key *inverse,
			   enum direction *direction)
{
	uint32_t hash = is_ordered(&key->tuple) ? key->hash : inverse->hash;
	uint32_t index = find_middle_node(table, &key->tuple, hash, direction);
	enum direction answered;

	if (index != SESSION_NONE)
		return index;
	/* Translated at one end only: what is on its way looks like an answer's inverse. */
	index = table_find(table, inverse, &answered);
	if (index != SESSION_NONE)
		*direction = direction_opposite(answered);
	return index;
}

uint32_t table_lookup_middle(const struct table *table, const struct tuple *tuple, enum direction *direction)
{
	struct tuple inverted = tuple_invert(tuple);
	struct table_key key = table_key(table, tuple), inverse = table_key(table, &inverted);

	return table_find_middle(table, &key, &inverse, direction);
}

/* The session in whose name the peer node stands in the hash, or SESSION_NONE. */
static uint32_t find_peer_node(const struct table *table, const struct table_key *key)
{
	struct nodes_walk walk = nodes_walk(&table->nodes, key->hash);
	uint32_t node;

	while ((node = nodes_next(&table->nodes, &walk)) != NODE_NONE) {
		uint32_t index = node / NODE_KINDS;
		struct tuple own;

		if (node % NODE_KINDS != NODE_PEER)
			continue;
		own = session_peer(table, &table->sessions[index]);
		if (tuple_equal(&own, &key->tuple))
			return index;
	}
	return SESSION_NONE;
}

bool table_knows_peer(const struct table *table, uint8_t protocol, const struct endpoint *external,
		      const struct address *peer)
{
	struct table_key key = table_peer_key(table, protocol, external, peer);

	return find_peer_node(table, &key) != SESSION_NONE;
}

static void link_node(struct table *table, uint32_t index, unsigned int kind)
{
	nodes_insert(&table->nodes, hash_of_node(table, &table->sessions[index], kind), index * NODE_KINDS + kind);
}

static void unlink_node(struct table *table, uint32_t index, unsigned int kind)
{
	nodes_remove(&table->nodes, hash_of_node(table, &table->sessions[index], kind), index * NODE_KINDS + kind);
}

static void link_peer(struct table *table, uint32_t index, const struct table_key *key)
{
	struct session *session = &table->sessions[index];
	uint32_t first = find_peer_node(table, key);

	session->peer_previous = first;
	session->peer_next = SESSION_NONE;
	if (first == SESSION_NONE) {
		nodes_insert(&table->nodes, key->hash, index * NODE_KINDS + NODE_PEER);
		return;
	}
	session->peer_next = table->sessions[first].peer_next;
	table->sessions[first].peer_next = index;
	if (session->peer_next != SESSION_NONE)
		table->sessions[session->peer_next].peer_previous = index;
}

static void unlink_peer(struct table *table, uint32_t index)
{
	struct session *session = &table->sessions[index];
	uint32_t next = session->peer_next;

	if (next != SESSION_NONE)
		table->sessions[next].peer_previous = session->peer_previous;
	if (session->peer_previous != SESSION_NONE) {
		table->sessions[session->peer_previous].peer_next = next;
		return;
	}
	unlink_node(table, index, NODE_PEER);
	if (next != SESSION_NONE)
		link_node(table, next, NODE_PEER);
}

void table_link(struct table *table, uint32_t index)
{
	struct tuple tuples[2] = { table_tuple(table, &table->sessions[index], DIRECTION_ORIGINAL),
				   table_tuple(table, &table->sessions[index], DIRECTION_REPLY) };
	struct table_key original = table_key(table, &tuples[0]), reply = table_key(table, &tuples[1]);
	struct tuple tuple = session_peer(table, &table->sessions[index]);
	struct table_key peer = table_key(table, &tuple);

	table_link_as(table, index, &original, &reply, &peer);
}

void table_link_as(struct table *table, uint32_t index, const struct table_key *original, const struct table_key *reply,
		   const struct table_key *peer)
{
	const struct session *session = &table->sessions[index];

	nodes_insert(&table->nodes, original->hash, index * NODE_KINDS + NODE_ORIGINAL);
	nodes_insert(&table->nodes, reply->hash, index * NODE_KINDS + NODE_REPLY);
	if (session_nat(session) == SESSION_NAT_BOTH)
		link_node(table, index, NODE_MIDDLE);
	if (session->mapping != MAPPING_NONE)
		link_peer(table, index, peer);
}

void table_unlink(struct table *table, uint32_t index)
{
	const struct session *session = &table->sessions[index];

	unlink_node(table, index, NODE_ORIGINAL);
	unlink_node(table, index, NODE_REPLY);
	if (session_nat(session) == SESSION_NAT_BOTH)
		unlink_node(table, index, NODE_MIDDLE);
	if (session->mapping != MAPPING_NONE)
		unlink_peer(table, index);
}

/* ------------------------------------------------------------------- lists */

static void list_remove(struct table *table, uint32_t index)
{
	struct session *session = &table->sessions[index];
	struct table_list *list = &table->lists[session->list];

	if (session->list_previous != SESSION_NONE)
		table->sessions[session->list_previous].list_next = session->list_next;
	else
		list->head = session->list_next;
	if (session->list_next != SESSION_NONE)
		table->sessions[session->list_next].list_previous = session->list_previous;
	else
		list->tail = session->list_previous;
	list->count--;
}

/* Behind session @place, or at the head of the list when that is SESSION_NONE. */
static void list_insert(struct table *table, uint32_t index, uint8_t which, uint32_t place)
{
	struct session *session = &table->sessions[index];
	struct table_list *list = &table->lists[which];

	session->list = which;
	session->list_previous = place;
	session->list_next = place != SESSION_NONE ? table->sessions[place].list_next : list->head;
	if (place != SESSION_NONE)
		table->sessions[place].list_next = index;
	else
		list->head = index;
	if (session->list_next != SESSION_NONE)
		table->sessions[session->list_next].list_previous = index;
	else
		list->tail = index;
	list->count++;
}

uint32_t table_reserve(struct table *table, struct mono now)
{
	uint32_t index = table->free_head;
	struct session *session;
	uint32_t generation;

	if (index != SESSION_NONE)
		table->free_head = table->sessions[index].list_next;
	else if (table->untouched < table->capacity)
		index = table->untouched++;
	else
		return SESSION_NONE;
	session = &table->sessions[index];
	table_prefetch(table, table->free_head != SESSION_NONE ? table->free_head : table->untouched);
	generation = session->generation;
	*session = (struct session){
		.generation = generation + 1,
		.refreshed = table_ticks(table, now),
		.mapping = MAPPING_NONE,
	};
	list_insert(table, index, LIST_UNCONFIRMED, table->lists[LIST_UNCONFIRMED].tail);
	return index;
}

void table_confirm(struct table *table, uint32_t index, enum timeout timeout, struct mono now)
{
	struct session *session = &table->sessions[index];

	assert(session->list == LIST_UNCONFIRMED);
	list_remove(table, index);
	session->refreshed = table_ticks(table, now);
	session->flags |= SESSION_CONFIRMED;
	list_insert(table, index, (uint8_t)timeout, table->lists[timeout].tail);
	if (++table->confirmed > table->peak)
		table->peak = table->confirmed;
	if (table->seals)
		table->seals[index] = table_seal(table, index);
}

void table_release(struct table *table, uint32_t index)
{
	struct session *session = &table->sessions[index];

	assert(session->list != LIST_FREE);
	list_remove(table, index);
	forget_translation(table, session);
	if (session->flags & SESSION_CONFIRMED)
		table->confirmed--;
	session->generation++;
	session->list = LIST_FREE;
	session->list_next = table->free_head;
	table->free_head = index;
}

/*
 * The last session of a list that was refreshed no later than @ticks; after some steps
 * the one that is reached, which is a little later.
 */
static uint32_t list_place(const struct table *table, uint8_t which, uint32_t ticks)
{
	uint32_t place = table->lists[which].tail;

	for (unsigned int steps = 0; place != SESSION_NONE && steps < PLACE_STEPS; steps++) {
		if (table->sessions[place].refreshed <= ticks)
			break;
		place = table->sessions[place].list_previous;
	}
	return place;
}

void table_refresh(struct table *table, uint32_t index, enum timeout timeout, struct mono when)
{
	struct session *session = &table->sessions[index];
	uint32_t ticks = table_ticks(table, when), place;

	if (session->list == timeout && session->refreshed == ticks)
		return;
	list_remove(table, index);
	place = list_place(table, (uint8_t)timeout, ticks);
	if (place != SESSION_NONE && table->sessions[place].refreshed > ticks)
		ticks = table->sessions[place].refreshed;
	session->refreshed = ticks;
	list_insert(table, index, (uint8_t)timeout, place);
}

uint32_t table_resolve(const struct table *table, struct session_handle handle)
{
	if (handle.index >= table->untouched || !(handle.generation & 1) ||
	    table->sessions[handle.index].generation != handle.generation)
		return SESSION_NONE;
	return handle.index;
}

struct session_handle table_handle(const struct table *table, uint32_t index)
{
	return (struct session_handle){ index, table->sessions[index].generation };
}
