/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the mapping table, for mapping.c (the table), mapping_acquire.c (a mapping
 * for a session), mapping_restore.c (the one it had) and mapping_choose.c (which external endpoint).
 */
#ifndef CONNTRACK_MAPPING_PRIVATE_H
#define CONNTRACK_MAPPING_PRIVATE_H

#include "conntrack/addresses.h"
#include "conntrack/blocks.h"
#include "conntrack/destinations.h"
#include "conntrack/hash.h"
#include "conntrack/hosts.h"
#include "conntrack/mapping.h"

/**
 * struct mapping - addresses are kept once (hosts.h, addresses.h), and what only a mapping at
 *	rest needs shares its place with what only one in use needs
 * @host: has the internal address; HOST_NONE: the slot is free, and @next_held leads to another
 * @external, @peer: references; the peer is the part that @behaviour looks at, ADDRESS_NONE
 *	where that is nothing
 * @filtering: 1 + enum behaviour; 0: not its own
 * @held: no session, waiting for the hold time to end; in the list of held ones
 * @owns_port: its pool counts it on its port
 * @one_to_one: made without choosing
 * @gone: its external address is gone
 * @sessions: while not held; @kept: one may have stayed: when the last goes, a hold time begins
 * @due_ms: while held, the end of the hold time modulo 2^32
 */
struct mapping {
	uint32_t host, external, peer;
	struct be16 internal_port, external_port, peer_port;
	uint8_t protocol;
	uint8_t behaviour : 2, filtering : 2;
	bool held : 1, owns_port : 1, one_to_one : 1, gone : 1;
	union {
		struct {
			uint32_t sessions : 31, kept : 1;
		};
		struct {
			uint32_t due_ms, previous_held, next_held;
		};
	};
};

_Static_assert(sizeof(struct mapping) == 32, "README promises 256 bytes a session, and each may have a mapping");

struct mappings {
	uint32_t capacity, used, count; /* slots from @used on were never used; @count mappings there are */
	uint32_t free;
	struct mapping *list;
	struct nodes nodes;	    /* two of each mapping: index * 2, + 1 for its external side */
	struct addresses addresses; /* external ones and peers' */
	uint32_t hold_ms;
	uint32_t first_held, last_held; /* in the order of their end */
	uint32_t unowned;		/* have a port that no pool counts */
	uint32_t bound;			/* to one peer's endpoint */
	struct mono now;		/* the latest time seen */
	struct address refused;		/* see mappings_refused() */
	uint64_t key[2];
	struct hosts hosts;
	struct pools pools;
	struct destinations destinations;
	struct blocks blocks;
	uint8_t *notes; /* of each mapping: NOTE_* */
	struct mappings_watcher watcher;
};

#define NOTE_TOLD 1  /* its watcher was told that it came */
#define NOTE_DEALT 2 /* it counts in a block */

/* What a new mapping will be. */
struct mapping_draft {
	uint8_t protocol;
	struct endpoint internal, external, peer;
	enum behaviour behaviour;
	uint8_t filtering;
	bool owns_port, one_to_one;
	bool paired;	    /* the host is bound to the external address */
	uint32_t hashes[2]; /* what it stands under, from inside and from outside */
};

/* Do ports (or identifiers) tell flows of this protocol apart? */
static inline bool protocol_has_ports(uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
	case PROTOCOL_TCP:
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
		return true;
	default:
		return false;
	}
}

/* What of @peer a mapping of that behaviour is bound to. */
static inline struct endpoint mapping_peer_part(enum behaviour behaviour, const struct endpoint *peer)
{
	struct endpoint part = { 0 };

	if (behaviour != BEHAVIOUR_ENDPOINT_INDEPENDENT)
		part.address = peer->address;
	if (behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT)
		part.port = peer->port;
	return part;
}

static inline struct endpoint mapping_internal_of(const struct mappings *mappings, const struct mapping *mapping)
{
	return (struct endpoint){ mappings->hosts.list[mapping->host].internal, mapping->internal_port };
}

static inline struct endpoint mapping_external_of(const struct mappings *mappings, const struct mapping *mapping)
{
	return (struct endpoint){ *addresses_get(&mappings->addresses, mapping->external), mapping->external_port };
}

static inline struct endpoint mapping_peer_of(const struct mappings *mappings, const struct mapping *mapping)
{
	return (struct endpoint){ *addresses_get(&mappings->addresses, mapping->peer), mapping->peer_port };
}

/**
 * struct mapping_walk - mappings of one internal endpoint, one after another
 * @part: the peer part for @behaviour
 */
struct mapping_walk {
	struct nodes_walk nodes;
	uint8_t protocol;
	enum behaviour behaviour;
	struct endpoint internal, part;
};

struct mapping_walk mapping_walk(const struct mappings *mappings, uint8_t protocol, const struct endpoint *internal,
				 enum behaviour behaviour, const struct endpoint *peer);

/* Those to share for @request, once its hash is known. */
struct mapping_walk mapping_walk_expected(const struct mappings *mappings, const struct mapping_request *request,
					  const struct mapping_expected *expected);

/* The next one, in no order, held or not; MAPPING_NONE at the end. */
uint32_t mapping_walk_next(const struct mappings *mappings, struct mapping_walk *walk);

/* What a mapping that the draft becomes will stand under: fills its hashes in, and has the lines fetched. */
void mapping_draft_hash(const struct mappings *mappings, struct mapping_draft *draft);

/* What a mapping stands under in the hash, from either side. */
uint32_t mapping_hash(const struct mappings *mappings, const struct mapping *mapping, bool external);

/* The same for a mapping that is not there yet: under which its internal or external @end would stand. */
uint32_t mapping_hash_key(const struct mappings *mappings, uint8_t protocol, const struct endpoint *end,
			  enum behaviour behaviour, const struct endpoint *peer);

/* How a mapping is bound that @request makes: without ports there is nothing to share. */
static inline enum behaviour mapping_behaviour_for(const struct mapping_request *request)
{
	return protocol_has_ports(request->protocol) ? request->behaviour : BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
}

/* The mapping of exactly that key, held or not; @peer is cut to what @behaviour looks at. */
uint32_t mapping_find_external(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
			       enum behaviour behaviour, const struct endpoint *peer);

/* A mapping that is bound to a peer comes or goes: strangers find it by its port (mapping_owner.c). */
void mapping_own_port(struct mappings *mappings, uint32_t index);
void mapping_disown_port(struct mappings *mappings, uint32_t index);

/* Is there room for one mapping more? */
bool mappings_have_room(const struct mappings *mappings);

/* Put a mapping with one session in the table; MAPPING_NONE when hosts or mappings are used up. */
uint32_t mapping_insert(struct mappings *mappings, const struct mapping_draft *draft, const struct endpoint *peer);

/* A mapping came to be, or goes, its port given back already: what blocks and watchers must know. */
void mapping_note_made(struct mappings *mappings, uint32_t index);
void mapping_note_gone(struct mappings *mappings, uint32_t index);

/* It was there before this process: it was told of then. */
void mapping_note_known(struct mappings *mappings, uint32_t index);

/* Reserved ports changed. */
void mapping_blocks_refresh(struct mappings *mappings);

/**
 * struct search - what stays the same while one request is looked at
 * @port_first, @port_last: the request's, without what the protocol cannot use
 * @overload: may a port serve several peers?
 * @paired_host: the host's entry in this range, or HOST_NONE
 * @address: whose ports are being judged
 * @expected: NULL, or what is known beforehand
 * @draft: what came of it
 */
struct search {
	struct mappings *mappings;
	const struct mapping_request *request;
	uint16_t port_first, port_last;
	uint32_t address_count;
	bool overload;
	uint32_t paired_host;
	struct address address;
	const struct mapping_expected *expected;
	struct mapping_draft draft;
};

/* A search for @request. Port 0 is a number for identifiers only. */
void search_begin(struct search *search, struct mappings *mappings, const struct mapping_request *request);

/* A mapping to share, or MAPPING_NONE. @clash: one fits, but not towards this peer. */
uint32_t search_share(const struct search *search, bool *clash);

/* Is @external in use towards the request's peer, by what the session table knows? */
static inline bool search_in_use(const struct search *search, const struct endpoint *external)
{
	const struct mapping_request *request = search->request;

	return request->in_use && request->in_use(request->context, request->protocol, external, &request->peer);
}

/* May a mapping bound to the request's peer use @external, whoever else has it? */
enum port_state search_judge(const struct search *search, const struct endpoint *external);

/**
 * search_decide() - choose an external endpoint into @search->draft and take its port
 *
 * Return: REASON_NONE, or why there is none.
 */
enum reason search_decide(struct search *search);

/* The pool of an address, made if need be; POOL_NONE when there is no room for it. */
uint32_t search_open_pool(struct mappings *mappings, const struct address *address, uint8_t protocol);

/* The pool of an address of the range that had none, hence all of its ports; or POOL_NONE. */
uint32_t search_open_unopened(struct search *search);

/* A free port of the pool from @first to @last, into the draft. */
bool search_take(struct search *search, uint32_t pool, uint16_t first, uint16_t last);

/* An exclusive port where ports are dealt in blocks. */
bool search_take_dealt(struct search *search);

/* The addresses that the request may still have: the paired one, or the range. */
void search_addresses(const struct search *search, const struct address **first, const struct address **last);

#endif
