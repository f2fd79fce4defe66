/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings (RFC 4787): internal endpoint <-> external endpoint.
 *
 * Theory of operation. A mapping belongs to an internal endpoint and, by its
 * behaviour, to no peer, to a peer's address, or to a peer's endpoint. Sessions of the
 * same internal endpoint that agree in that share it; it counts them. A keyed
 * hash finds it from inside and from outside; the peer part is hashed too, so one busy
 * endpoint with ten thousand peers does not fill one place. Addresses are kept
 * once and referred to (addresses.h): 42 bytes a mapping, the hash included.
 *
 * When its last session ends, the mapping stays for the hold time (RFC 6888 REQ-8):
 * its port goes to nobody else, packets from outside find nothing, and the same
 * internal endpoint gets it back when it returns. Held mappings stand in one list in
 * the order of their release. A revived mapping is not searched for in the list:
 * its entry is skipped, or moved back, when its turn comes.
 *
 * A port has one mapping as long as the range has a free port. After that, and
 * only when asked to, an external port serves further mappings, each of them bound to
 * one peer (RFC 7857 section 3): exhaustion is then for each destination. Few
 * destinations are ever crowded; for a crowded one a port allocator of its own is
 * kept (destinations.h), so that also there the last free port is found, at once.
 *
 * Hosts (hosts.h) remember, as long as they have a mapping, which external address
 * they are paired with (RFC 4787 REQ-2), and how many mappings they have.
 *
 * Protocols without ports have one external "port" for each address and peer: 0, or what tells a GRE tunnel
 * from another (gre.h).
 * Nothing here allocates after mappings_create().
 */
#ifndef CONNTRACK_MAPPING_H
#define CONNTRACK_MAPPING_H

#include "conntrack/pools.h"

#define MAPPING_NONE UINT32_MAX

struct mappings;

/**
 * struct mappings_limits - fixed when created; 0 takes the default
 * @capacity: mappings; no default
 * @hosts: internal addresses that have mappings at one time (@capacity)
 * @addresses: external addresses and those of peers that mappings are bound to (@capacity)
 * @pools: external addresses times protocols in use at one time (512, or @capacity)
 * @destinations: crowded destinations that get an allocator of their own (64, or @capacity)
 * @block: ports are dealt in blocks of so many; 0: one by one. With blocks no port is overloaded, and
 *	a host whose address is full goes on where it has blocks, or there is one, if it may spill
 */
struct mappings_limits {
	uint32_t capacity, hosts, addresses, pools, destinations, block;
};

/**
 * struct mapping_news - a mapping or a block of ports came or went
 * @is_block: from @block_first to @block_last of @external's address, for @internal's address
 */
struct mapping_news {
	bool made, is_block;
	uint8_t protocol;
	struct endpoint internal, external;
	uint16_t block_first, block_last;
};

/** struct mappings_watcher - who is told; @tell NULL: nobody */
struct mappings_watcher {
	void (*tell)(void *context, const struct mapping_news *news);
	void *context;
};

/**
 * struct mapping_request - what a new session needs
 * @internal: the session's inner endpoint; its port is the one to preserve
 * @peer: the session's outer endpoint, as the external side sees it
 * @address_first, @address_last: external addresses to choose from
 * @port_first, @port_last: external ports to choose from, host order
 * @behaviour: of the mapping, should a new one be needed
 * @filtering: of the mapping, should a new one be needed: 1 + enum behaviour; 0: see mapping_filtering()
 * @paired: one external address for each internal one; refuse when it is full
 * @spill: but when it is full, another address of the range
 * @preserve: keep the internal port when it is free
 * @fully_random: keep neither port nor parity
 * @overload: one port for several peers once none is free; needs @in_use
 * @static_nat: one-to-one: @address_first and the internal port, nothing to choose
 * @identity: the router's own: @internal is external already. The port stays, reserved or
 *	not, unless a mapping has it; then another one is chosen by the other members
 * @ports_limit: mappings the internal address may have, 0: no limit
 * @random: fresh and unpredictable
 * @in_use: is @external already in use towards @peer? (the session table knows); NULL: never.
 *	An existing mapping for which it says yes is not shared: another one, bound to
 *	the peer, is made
 * @expect: a new mapping will have @external: who will look for it in other tables can have them
 *	fetched; NULL: nobody will
 */
struct mapping_request {
	uint8_t protocol;
	struct endpoint internal, peer;
	struct address address_first, address_last;
	uint16_t port_first, port_last;
	enum behaviour behaviour;
	uint8_t filtering;
	bool paired, spill, preserve, fully_random, overload, static_nat, identity;
	uint32_t ports_limit;
	uint64_t random;
	struct mono now;
	bool (*in_use)(void *context, uint8_t protocol, const struct endpoint *external, const struct endpoint *peer);
	void (*expect)(void *context, uint8_t protocol, const struct endpoint *external, const struct endpoint *peer);
	void *context;
};

/**
 * mappings_create() - an empty table
 * @key: secret, for the hashes
 * @hold_ms: see mappings_set_hold()
 *
 * Return: NULL without memory.
 */
struct mappings *mappings_create(const struct mappings_limits *limits, const uint64_t key[2], uint32_t hold_ms);
void mappings_destroy(struct mappings *mappings);

/* How long a mapping outlives its sessions from now on. 0: not at all, and those that rest end at once. */
void mappings_set_hold(struct mappings *mappings, uint32_t hold_ms);

/* The pools behind, for reservations, listings and samples. */
struct pools *mappings_pools(struct mappings *mappings);
const struct pools *mappings_pools_const(const struct mappings *mappings);

/* As pools_set_reservations(). */
int mappings_set_reservations(struct mappings *mappings, const struct pool_reservation *list, size_t count);

/* As pools_set_port_sets(). */
void mappings_set_port_sets(struct mappings *mappings, const struct settings_port_set *list, unsigned int count);

/**
 * mapping_acquire() - an external endpoint for a new session
 * @reason: why there is none: POOL_EXHAUSTED, DESTINATION_EXHAUSTED (only with @overload or without
 *	ports), HOLD_DOWN, SOURCE_QUOTA, TUPLE_CLASH (static NAT only), TABLE_FULL, NO_EXTERNAL_ADDRESS
 *
 * A mapping that fits is shared, a held one comes back, else one is made. The caller
 * owes one mapping_release() or, if the session does not come to be, mapping_cancel().
 * Return: index, or MAPPING_NONE.
 */
uint32_t mapping_acquire(struct mappings *mappings, const struct mapping_request *request, enum reason *reason);

/**
 * mapping_prefetch() - ask for what mapping_acquire() will read for that request
 *
 * Return: what mapping_prefetch_host() is to be called with when it has come.
 */
const uint32_t *mapping_prefetch(const struct mappings *mappings, uint8_t protocol, const struct endpoint *internal,
				 enum behaviour behaviour, const struct endpoint *peer);
void mapping_prefetch_host(const struct mappings *mappings, const uint32_t *bucket);

/* Whose ports were wanting when mapping_acquire() last refused; unspecified: it was no lack of ports. */
struct address mappings_refused(const struct mappings *mappings);

/* Who is told of what comes and goes from now on; of what goes, whether or not anybody was told when it came. */
void mappings_watch(struct mappings *mappings, const struct mappings_watcher *watcher);

/* A session stays with this mapping: if it is new, it and its block are told of. */
void mapping_announce(struct mappings *mappings, uint32_t index);

/* Ports of each block, as in the limits. */
uint32_t mappings_block(const struct mappings *mappings);

/** struct mapping_expected - what mapping_restore() need not find out again */
struct mapping_expected {
	enum behaviour behaviour;
	uint32_t internal, external; /* hashes */
	uint32_t pool;
};

/* Asks for the memory that mapping_restore() of the same will need. Others may be restored in between. */
void mapping_expect(const struct mappings *mappings, const struct mapping_request *request,
		    const struct endpoint *external, struct mapping_expected *expected);

/**
 * mapping_restore() - put back a mapping that a session had before
 * @external: what it was; @request's ranges do not matter
 * @expected: of the same request, or NULL
 *
 * For sessions that outlived the process. Reserved ports are given too.
 * Return: index, or MAPPING_NONE with @reason when it belongs to another by now.
 */
uint32_t mapping_restore(struct mappings *mappings, const struct mapping_request *request,
			 const struct endpoint *external, const struct mapping_expected *expected, enum reason *reason);

/**
 * mapping_manner() - in one byte, how a mapping was made
 *
 * For a request to mapping_restore(), by mapping_in_manner(). MAPPING_NONE gives 0.
 */
uint8_t mapping_manner(const struct mappings *mappings, uint32_t index);
/* A request to have @external back in that manner, for sessions of @internal with @peer. */
struct mapping_request mapping_in_manner(uint8_t manner, uint8_t protocol, const struct endpoint *internal,
					 const struct endpoint *peer, const struct endpoint *external);

/* One session more shares the mapping, or takes it back from its hold time: one mapping_release() is owed. */
void mapping_use(struct mappings *mappings, uint32_t index, const struct endpoint *peer);

/**
 * mapping_release() - one session less
 * @peer: of that session, as in the request
 */
void mapping_release(struct mappings *mappings, uint32_t index, const struct endpoint *peer, struct mono now);

/**
 * mappings_unmapped_ended() - a session without a mapping had @external towards @peer
 *
 * Its port was taken for that peer as long as it lived (see @in_use), and is not any more.
 */
void mappings_unmapped_ended(struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
			     const struct endpoint *peer);

/*
 * Undo a mapping_acquire() at once: no hold time starts, nothing remains. A mapping that it took
 * out of its hold time goes back there, with the whole time before it.
 */
void mapping_cancel(struct mappings *mappings, uint32_t index, const struct endpoint *peer);

/**
 * mapping_lookup_external() - who has this external endpoint?
 * @peer: who asks; NULL finds endpoint-independent mappings only
 *
 * The one bound to the peer's endpoint comes before the one bound to its address, that before
 * the one bound to none. Held mappings are not found.
 */
uint32_t mapping_lookup_external(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
				 const struct endpoint *peer);

/*
 * The same for a peer that no mapping is bound to: the first mapping that got the port, bound to whomever.
 * Whether the peer may use it is the filtering's business.
 */
uint32_t mapping_lookup_owner(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
			      const struct endpoint *peer);

/* The same from inside; of several on different external addresses, any. */
uint32_t mapping_lookup_internal(const struct mappings *mappings, uint8_t protocol, const struct endpoint *internal,
				 const struct endpoint *peer);

/* Does a mapping of just that external endpoint and that peer wait for the end of its hold time? */
bool mapping_rests(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
		   const struct endpoint *peer);

/* Both ends of a mapping in use. */
struct endpoint mapping_internal(const struct mappings *mappings, uint32_t index);
struct endpoint mapping_external(const struct mappings *mappings, uint32_t index);
/* One-to-one, without choosing? */
bool mapping_is_static(const struct mappings *mappings, uint32_t index);
enum behaviour mapping_behaviour(const struct mappings *mappings, uint32_t index);
/* What its rule said about filtering; @otherwise when it said nothing. */
enum behaviour mapping_filtering(const struct mappings *mappings, uint32_t index, enum behaviour otherwise);

/* Mappings (external ports) that an internal address has, held ones too; an IPv6 one's /64. */
uint32_t mappings_of_host(const struct mappings *mappings, const struct address *internal);

/* Of those: on one external address, where the internal one is paired with it or with none. */
uint32_t mappings_of_host_on(const struct mappings *mappings, const struct address *internal,
			     const struct address *external);

/* Is there no room for one more internal address? */
bool mappings_know_all_hosts(const struct mappings *mappings);

/* Sessions that a mapping has now. */
uint32_t mapping_sessions(const struct mappings *mappings, uint32_t index);

/* Bytes taken by what grows with the capacity, every index counted. */
uint64_t mappings_bytes(const struct mappings *mappings);

/* Mappings there are, held ones too. */
uint32_t mappings_count(const struct mappings *mappings);

/**
 * mappings_end_address() - an external address is gone
 *
 * Its held mappings end now; those in use are shared no more and end without
 * hold time. The caller ends their sessions. Looks at every mapping once.
 */
void mappings_end_address(struct mappings *mappings, const struct address *external);

/**
 * mappings_tick() - end mappings whose hold time is over
 * @budget: at most that many
 *
 * Return: true when more are due.
 */
bool mappings_tick(struct mappings *mappings, struct mono now, unsigned int budget);

/**
 * mappings_next() - copy the next mapping for a listing
 * @position: start with 0; @steps: slots to look at, at most; counted down
 *
 * Return: 1 copied; 0 the end; -EAGAIN when @steps are used up.
 */
int mappings_next(const struct mappings *mappings, uint32_t *position, struct mono now, unsigned int *steps,
		  struct snapshot_mapping *mapping);

#endif
