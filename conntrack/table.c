/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "conntrack/hash.h"

/* How far a late refresh looks for its place in time. */
#define PLACE_STEPS 64
#include "conntrack/mapping.h"

enum node {
	NODE_ORIGINAL = DIRECTION_ORIGINAL,
	NODE_REPLY = DIRECTION_REPLY,
	NODE_MIDDLE,
	NODE_PEER,
	NODE_KINDS,
};

int table_init(struct table *table, uint32_t capacity, const uint64_t hash_key[2], struct mono now)
{
	uint32_t buckets = 64;

	/* Two nodes a session: as many buckets as nodes, rounded up. */
	while (buckets < capacity * UINT64_C(2) && buckets < UINT32_C(1) << 31)
		buckets <<= 1;
	*table = (struct table){
		.capacity = capacity,
		.free_head = SESSION_NONE,
		.bucket_mask = buckets - 1,
		.hash_key = { hash_key[0], hash_key[1] },
		.epoch = now,
	};
	for (unsigned int list = 0; list < LIST_COUNT; list++)
		table->lists[list] = (struct table_list){ SESSION_NONE, SESSION_NONE, 0 };
	table->sessions = calloc(capacity, sizeof(*table->sessions));
	table->buckets = calloc(buckets, sizeof(*table->buckets));
	if (!table->sessions || !table->buckets) {
		table_fini(table);
		return -ENOMEM;
	}
	return 0;
}

void table_fini(struct table *table)
{
	free(table->sessions);
	free(table->buckets);
	table->sessions = NULL;
	table->buckets = NULL;
}

uint32_t table_bytes_each(const struct table *table)
{
	return (uint32_t)(sizeof(struct session) +
			  ((uint64_t)table->bucket_mask + 1) * sizeof(*table->buckets) / table->capacity);
}

bool table_set_tuples(struct table *table, uint32_t index, const struct tuple *original, const struct tuple *reply)
{
	struct session *session = &table->sessions[index];

	session->tuples[DIRECTION_ORIGINAL] = *original;
	session->tuples[DIRECTION_REPLY] = *reply;
	return true;
}

/* -------------------------------------------------------------------- hash */

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
static struct tuple tuple_ordered(const struct tuple *tuple)
{
	if (memcmp(&tuple->source, &tuple->destination, sizeof(tuple->source)) <= 0)
		return *tuple;
	return tuple_invert(tuple);
}

static uint32_t bucket_of(const struct table *table, const struct tuple *tuple)
{
	return hash_tuple(table->hash_key, tuple) & table->bucket_mask;
}

/* What a peer node stands under; the mark keeps it apart from a packet's tuple. */
static struct tuple peer_key(uint8_t protocol, const struct endpoint *external, const struct address *peer)
{
	return (struct tuple){
		.source = { .address = *peer },
		.destination = *external,
		.protocol = protocol,
		.zero = 1,
	};
}

static struct tuple session_peer_key(const struct table *table, const struct session *session)
{
	struct tuple reply = table_tuple(table, session, DIRECTION_REPLY);
	struct endpoint peer = table_peer(table, session);

	return peer_key(reply.protocol, &reply.destination, &peer.address);
}

static uint32_t bucket_of_node(const struct table *table, const struct session *session, unsigned int kind)
{
	struct tuple key;

	if (kind < NODE_MIDDLE) {
		key = table_tuple(table, session, (enum direction)kind);
	} else if (kind == NODE_MIDDLE) {
		key = session_middle(table, session);
		key = tuple_ordered(&key);
	} else {
		key = session_peer_key(table, session);
	}
	return bucket_of(table, &key);
}

static bool is_tuple(const struct table *table, const struct session *session, enum direction direction,
		     const struct tuple *tuple)
{
	struct tuple own = table_tuple(table, session, direction);

	return tuple_equal(&own, tuple);
}

uint32_t table_lookup(const struct table *table, const struct tuple *tuple, enum direction *direction)
{
	uint32_t node = table->buckets[bucket_of(table, tuple)];

	while (node) {
		uint32_t index = (node - 1) / NODE_KINDS, kind = (node - 1) % NODE_KINDS;
		const struct session *session = &table->sessions[index];

		if (kind < NODE_MIDDLE && is_tuple(table, session, (enum direction)kind, tuple)) {
			*direction = (enum direction)kind;
			return index;
		}
		node = session->hash_next[kind];
	}
	return SESSION_NONE;
}

/* A session translated at both ends: the only kind that has a middle node. */
static uint32_t lookup_middle_node(const struct table *table, const struct tuple *tuple, enum direction *direction)
{
	struct tuple ordered = tuple_ordered(tuple);
	uint32_t node = table->buckets[bucket_of(table, &ordered)];

	while (node) {
		uint32_t index = (node - 1) / NODE_KINDS, kind = (node - 1) % NODE_KINDS;
		const struct session *session = &table->sessions[index];

		if (kind == NODE_MIDDLE) {
			struct tuple middle = session_middle(table, session), back = tuple_invert(&middle);

			if (tuple_equal(&middle, tuple) || tuple_equal(&back, tuple)) {
				*direction = tuple_equal(&middle, tuple) ? DIRECTION_ORIGINAL : DIRECTION_REPLY;
				return index;
			}
		}
		node = session->hash_next[kind];
	}
	return SESSION_NONE;
}

uint32_t table_lookup_middle(const struct table *table, const struct tuple *tuple, enum direction *direction)
{
	struct tuple inverse = tuple_invert(tuple);
	enum direction answered;
	uint32_t index = table_lookup(table, &inverse, &answered);

	/* Translated at one end only: what is on its way looks like an answer's inverse. */
	if (index != SESSION_NONE) {
		*direction = direction_opposite(answered);
		return index;
	}
	return lookup_middle_node(table, tuple, direction);
}

/* The session in whose name the peer node stands in the hash, or SESSION_NONE. */
static uint32_t lookup_peer_node(const struct table *table, const struct tuple *key)
{
	uint32_t node = table->buckets[bucket_of(table, key)];

	while (node) {
		uint32_t index = (node - 1) / NODE_KINDS, kind = (node - 1) % NODE_KINDS;
		const struct session *session = &table->sessions[index];
		struct tuple own;

		if (kind == NODE_PEER) {
			own = session_peer_key(table, session);
			if (tuple_equal(&own, key))
				return index;
		}
		node = session->hash_next[kind];
	}
	return SESSION_NONE;
}

bool table_knows_peer(const struct table *table, uint8_t protocol, const struct endpoint *external,
		      const struct address *peer)
{
	struct tuple key = peer_key(protocol, external, peer);

	return lookup_peer_node(table, &key) != SESSION_NONE;
}

static void link_node(struct table *table, uint32_t index, unsigned int kind)
{
	struct session *session = &table->sessions[index];
	uint32_t *bucket = &table->buckets[bucket_of_node(table, session, kind)];

	session->hash_next[kind] = *bucket;
	*bucket = index * NODE_KINDS + kind + 1;
}

static void unlink_node(struct table *table, uint32_t index, unsigned int kind)
{
	struct session *session = &table->sessions[index];
	uint32_t wanted = index * NODE_KINDS + kind + 1;
	uint32_t *link = &table->buckets[bucket_of_node(table, session, kind)];

	while (*link != wanted) {
		assert(*link);
		link = &table->sessions[(*link - 1) / NODE_KINDS].hash_next[(*link - 1) % NODE_KINDS];
	}
	*link = session->hash_next[kind];
}

static void link_peer(struct table *table, uint32_t index)
{
	struct session *session = &table->sessions[index];
	struct tuple key = session_peer_key(table, session);
	uint32_t first = lookup_peer_node(table, &key);

	session->peer_previous = first;
	session->peer_next = SESSION_NONE;
	if (first == SESSION_NONE) {
		link_node(table, index, NODE_PEER);
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
	const struct session *session = &table->sessions[index];

	link_node(table, index, NODE_ORIGINAL);
	link_node(table, index, NODE_REPLY);
	if (session_nat(session) == SESSION_NAT_BOTH)
		link_node(table, index, NODE_MIDDLE);
	if (session->mapping != MAPPING_NONE)
		link_peer(table, index);
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
}

void table_release(struct table *table, uint32_t index)
{
	struct session *session = &table->sessions[index];

	assert(session->list != LIST_FREE);
	list_remove(table, index);
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
