/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session table: fixed slots, one keyed hash with both directions' tuples in
 * it, one time-ordered list for each timeout class.
 *
 * Theory of operation. Slots are taken once and named by index; a generation
 * counts their use, so that a handle to an earlier tenant is noticed. Each session
 * has two nodes in the hash, its original and its reply tuple. A session that is
 * translated at both ends has a third, the middle node: what its packets look like
 * between prerouting and forward, when the destination is rewritten and the source
 * is not yet. A session that holds a mapping stands under a peer node: to which
 * addresses has this external endpoint sent (RFC 4787 section 5)? Sessions that
 * agree in that share one place in the hash, so none of its lines fills with them. A
 * node is named by slot * 4 + kind (nodes.h). Remote parties choose the tuples, so the
 * hash is keyed.
 *
 * Expiry needs no deadline for each session: within a class all timeouts are equal,
 * so a list ordered by last refresh is ordered by deadline, and shortening a class
 * under pressure takes effect at once. A refresh moves the session to the tail at
 * most once a tick (100 ms), which bounds both the writes and the error.
 */
#ifndef SLUICE_CONNTRACK_TABLE_H
#define SLUICE_CONNTRACK_TABLE_H

#include "conntrack/addresses.h"
#include "conntrack/session.h"

#define TABLE_TICK_MS 100

/** struct table_key - a tuple and its hash, which costs as much as half a lookup */
struct table_key {
	struct tuple tuple;
	uint32_t hash;
};

/* What a session stands under: node number = slot * NODE_KINDS + kind. */
enum node {
	NODE_ORIGINAL = DIRECTION_ORIGINAL,
	NODE_REPLY = DIRECTION_REPLY,
	NODE_MIDDLE,
	NODE_PEER,
	NODE_KINDS,
};

struct table_list {
	uint32_t head, tail;
	uint32_t count;
};

struct table {
	struct session *sessions;
	uint32_t capacity;
	uint32_t confirmed; /* sessions, without those in LIST_UNCONFIRMED */
	uint32_t peak;
	uint32_t free_head;
	uint32_t untouched; /* slots from here on were never used */
	struct nodes nodes;
	struct addresses addresses; /* translated ones */
	uint64_t hash_key[2];
	struct mono epoch;
	uint32_t *seals; /* see storage.h; not NULL: this and @sessions are somebody else's memory */
	struct table_list lists[LIST_COUNT];
};

/* Different translated addresses that a table of @capacity has room for. */
uint32_t table_addresses(uint32_t capacity);

/**
 * table_init() - take all memory for @capacity sessions
 * @hash_key: secret
 *
 * Return: 0 or -ENOMEM.
 */
int table_init(struct table *table, uint32_t capacity, const uint64_t hash_key[2], struct mono now);
void table_fini(struct table *table);

/* Bytes taken, every index counted. */
uint64_t table_bytes(const struct table *table);

static inline struct session *table_session(const struct table *table, uint32_t index)
{
	return &table->sessions[index];
}

/* Ask for a slot; one past the end is allowed. */
static inline void table_prefetch(const struct table *table, uint32_t index)
{
	const char *slot = (const char *)(table->sessions + index);

	for (size_t at = 0; at < sizeof(*table->sessions); at += 64)
		__builtin_prefetch(slot + at);
}

static inline uint32_t table_ticks(const struct table *table, struct mono now)
{
	return (uint32_t)(mono_ms_between(table->epoch, now) / TABLE_TICK_MS);
}

static inline struct endpoint table_source_after(const struct table *table, const struct session *session)
{
	return (struct endpoint){
		.address = session->source_after ? *addresses_get(&table->addresses, session->source_after)
						 : session->source.address,
		.port = session->source_port_after,
	};
}

static inline struct endpoint table_destination_after(const struct table *table, const struct session *session)
{
	return (struct endpoint){
		.address = session->destination_after ? *addresses_get(&table->addresses, session->destination_after)
						      : session->destination.address,
		.port = session->destination_port_after,
	};
}

/* What leaves for a packet that came in as the tuple of @direction. */
static inline struct tuple table_translated(const struct table *table, const struct session *session,
					    enum direction direction)
{
	struct tuple tuple = { .protocol = session->protocol };

	if (direction == DIRECTION_ORIGINAL) {
		tuple.source = table_source_after(table, session);
		tuple.destination = table_destination_after(table, session);
	} else {
		tuple.source = session->destination;
		tuple.destination = session->source;
	}
	return tuple;
}

/* What the session's packets of @direction carry when they arrive. */
static inline struct tuple table_tuple(const struct table *table, const struct session *session,
				       enum direction direction)
{
	struct tuple opposite = table_translated(table, session, direction_opposite(direction));

	return tuple_invert(&opposite);
}

/* The other end as the outside of the session's own mapping sees it. */
static inline struct endpoint table_peer(const struct table *table, const struct session *session)
{
	if (session->flags & SESSION_ENTERED)
		return table_tuple(table, session, DIRECTION_ORIGINAL).destination;
	return table_tuple(table, session, DIRECTION_REPLY).source;
}

/**
 * table_set_tuples() - name a reserved session that is not linked
 * @reply: differs from the inverse of @original where something is translated; may be
 *	set again as long as the session is not linked
 *
 * Return: false when there is no room for another translated address.
 */
bool table_set_tuples(struct table *table, uint32_t index, const struct tuple *original, const struct tuple *reply);

/**
 * table_lookup() - the session that a packet with this very tuple belongs to
 * @direction: receives the packet's direction
 *
 * Return: its index, or SESSION_NONE.
 */
uint32_t table_lookup(const struct table *table, const struct tuple *tuple, enum direction *direction);

/* The same in two steps, for who looks more than once. */
struct table_key table_key(const struct table *table, const struct tuple *tuple);
uint32_t table_find(const struct table *table, const struct table_key *key, enum direction *direction);

/**
 * table_lookup_middle() - as table_lookup(), for a packet whose destination was
 *	translated in prerouting and whose source is still as it arrived
 */
uint32_t table_lookup_middle(const struct table *table, const struct tuple *tuple, enum direction *direction);
/* @inverse: the key of tuple_invert() of @key's tuple */
uint32_t table_find_middle(const struct table *table, const struct table_key *key, const struct table_key *inverse,
			   enum direction *direction);

/* What a session of @external, which holds a mapping, stands under for each address that it has gone to. */
struct table_key table_peer_key(const struct table *table, uint8_t protocol, const struct endpoint *external,
				const struct address *peer);

/* Has a session of @external, which holds a mapping, gone to @peer, whatever the port? */
bool table_knows_peer(const struct table *table, uint8_t protocol, const struct endpoint *external,
		      const struct address *peer);

/**
 * table_reserve() - take a slot, in LIST_UNCONFIRMED and in no hash chain
 *
 * Return: its index, or SESSION_NONE when every slot is taken.
 */
uint32_t table_reserve(struct table *table, struct mono now);

/* Puts the session's tuples into the hash; they must be set and unique. */
void table_link(struct table *table, uint32_t index);
/**
 * table_link_as() - the same for who has the keys already
 * @peer: of a session that holds a mapping, else ignored
 */
void table_link_as(struct table *table, uint32_t index, const struct table_key *original, const struct table_key *reply,
		   const struct table_key *peer);
void table_unlink(struct table *table, uint32_t index);

/* Counts a linked session as live and puts it into its timeout class. */
void table_confirm(struct table *table, uint32_t index, enum timeout timeout, struct mono now);

/* Takes a session out of everything and frees its slot. */
void table_release(struct table *table, uint32_t index);

/**
 * table_refresh() - start a confirmed session's time anew, in its class or in another
 * @when: now, or a little while ago: the list stays in order, and where that would
 *	take a long search the session counts as refreshed a little later
 */
void table_refresh(struct table *table, uint32_t index, enum timeout timeout, struct mono when);

static inline uint64_t table_idle_ms(const struct table *table, uint32_t index, struct mono now)
{
	return (uint64_t)(table_ticks(table, now) - table->sessions[index].refreshed) * TABLE_TICK_MS;
}

/* ----------------------------------------------------------- table_recover.c */

/**
 * table_adopt() - put sessions into memory that outlives the table
 * @sessions, @seals: of the table's capacity; @addresses: table_addresses() + 1
 *
 * The table must be new. Nothing that the memory holds is believed yet.
 */
void table_adopt(struct table *table, struct session *sessions, uint32_t *seals, struct addresses_entry *addresses);

/* What the seal of a confirmed session must be, from its slot and the addresses it refers to. */
uint32_t table_seal(const struct table *table, uint32_t index);

/**
 * table_gather() - the slots of an adopted table that hold a whole session; all others are freed
 * @found: room for the capacity; receives indices, ascending
 * @now: no session can have been used later
 *
 * Those found are in no hash and in no list: table_enlist() or table_discard() is next, after
 * table_link() or without.
 * Return: how many.
 */
uint32_t table_gather(struct table *table, uint32_t *found, struct mono now);

/* Sorts sessions by their last use, the oldest first. @spare: room for twice as many. */
void table_order(const struct table *table, uint32_t *indices, uint64_t *spare, uint32_t count);

/* At the end of its list: a gathered session that is linked, in the order of time. */
void table_enlist(struct table *table, uint32_t index);

/* Gives a gathered session up that is neither linked nor in a list. */
void table_discard(struct table *table, uint32_t index);

/* The index behind a handle, or SESSION_NONE when its session is gone. */
uint32_t table_resolve(const struct table *table, struct session_handle handle);
struct session_handle table_handle(const struct table *table, uint32_t index);

#endif
