/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The external addresses that the engine has ports on: (address, protocol) -> ports.
 *
 * A pool is taken from a slab of fixed size when the first mapping on its address
 * needs it, so a /16 behind one snat rule costs no more than what is in use. When
 * the slab is used up, an idle pool is given to the new address; when none is
 * idle, ranges of several addresses make do with the pools that exist.
 */
#ifndef CONNTRACK_POOLS_H
#define CONNTRACK_POOLS_H

#include "conntrack/port_set.h"
#include "conntrack/pressure.h"

#define POOL_NONE UINT32_MAX

/**
 * struct pool_reservation - ports that belong to a port forward or a local service
 * @address: the external address; unspecified: every one
 * @first, @last: host order, inclusive
 */
struct pool_reservation {
	struct address address;
	uint8_t protocol;
	uint16_t first, last;
};

/**
 * struct pool - one external address and protocol
 * @first, @last: all ranges that were asked for so far lie within
 * @free: free ports of all; here, because the ports themselves are too large to look at 64 of
 * @room: free ports from @room_first to @room_last, the range last asked for; valid when @room_known
 * @span: ports of @first to @last that are not reserved
 * @shared: mappings beyond the first on their port, in sum
 * @dealt: ports that are some source's alone, used or not: what is gone for everybody else
 * @refused: sessions, by cause; causes that are no pool's stay 0
 */
struct pool {
	struct address address;
	uint8_t protocol;
	bool active;
	bool room_known;
	uint16_t first, last;
	uint16_t room_first, room_last;
	uint32_t free, room, span, peak, shared, dealt;
	uint32_t next; /* in its hash bucket */
	uint64_t refused[REFUSAL_COUNT];
	struct pressure pressure;
};

/**
 * struct pools_search - the last look for the roomiest pool of a range of addresses
 * @most: the room it had, and no pool of the range has had more since; 0: not known
 * @at: it; none before it has that much
 * @present: pools of the range
 *
 * The roomiest of many equal pools takes one port and is the roomiest no more: the next one is
 * mostly close behind it.
 */
struct pools_search {
	struct address first, last;
	uint8_t protocol;
	uint16_t port_first, port_last;
	uint32_t most, at, present;
};

struct pools_copy;

struct pools {
	struct pools_search search;
	uint32_t limit, count; /* pools from @count on were never used */
	struct pool *list;
	struct ports *ports;		 /* of each pool */
	uint16_t (*shares)[PORTS_COUNT]; /* mappings beyond the first, by port; untouched until ports are overloaded */
	uint32_t (*owners)[PORTS_COUNT]; /* by port, 1 + the mapping that has it for some peers only; else untouched */
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint64_t key[2];
	struct pool_reservation *reservations;
	size_t reservation_count;
	struct settings_port_set port_sets[SETTINGS_PORT_SET_LIMIT];
	unsigned int port_set_count;
};

/**
 * pools_init() - @limit pools of some 160 KiB address space each
 *
 * Memory is touched only where it is needed: 33 KiB for each pool in use.
 * Return: 0 or -ENOMEM.
 */
int pools_init(struct pools *pools, uint32_t limit, const uint64_t key[2]);
void pools_fini(struct pools *pools);

/**
 * pools_set_reservations() - put the whole list of reserved ports in force
 *
 * Copied. Replaces the old list, so a port that two entries name stays reserved
 * until neither does. Mappings that have such a port already keep it.
 * Return: 0, or -ENOMEM: then the old list stays.
 */
int pools_set_reservations(struct pools *pools, const struct pool_reservation *list, size_t count);

/* The same for the port sets: of an address that has one, all other ports are reserved. */
void pools_set_port_sets(struct pools *pools, const struct settings_port_set *list, unsigned int count);

/* Does the address's port set allow the port? Without a port set all are. */
bool pools_permits(const struct pools *pools, const struct address *address, uint16_t port);

/* The pool's index, or POOL_NONE. */
uint32_t pools_lookup(const struct pools *pools, const struct address *address, uint8_t protocol);

/* Is pool @index, which may be POOL_NONE, that of @address? */
static inline bool pools_is(const struct pools *pools, uint32_t index, const struct address *address, uint8_t protocol)
{
	return index != POOL_NONE && pools->list[index].protocol == protocol &&
	       address_equal(&pools->list[index].address, address);
}

/* The same, made if need be; POOL_NONE when the slab is used up and nothing is idle. */
uint32_t pools_open(struct pools *pools, const struct address *address, uint8_t protocol);

/* A range that mappings may use on this pool: what `ports` and the fill are reckoned by. */
void pools_widen(struct pools *pools, uint32_t index, uint16_t first, uint16_t last);

/* Free ports of a pool from @first to @last; cheap as long as the same range is asked for. */
uint32_t pools_room(struct pools *pools, uint32_t index, uint16_t first, uint16_t last);

/**
 * pools_roomiest() - of the pools that exist from @first to @last, the one with most free ports
 *
 * @present: receives how many of the addresses have a pool
 *
 * Return: its index, or POOL_NONE when none has a free port from @port_first to @port_last.
 */
uint32_t pools_roomiest(struct pools *pools, const struct address *first, const struct address *last, uint8_t protocol,
			uint16_t port_first, uint16_t port_last, uint32_t *present);

/* A port of that pool is taken or given back: counted for overloaded ports. */
int32_t pools_take(struct pools *pools, uint32_t index, const struct ports_wish *wish);
bool pools_share(struct pools *pools, uint32_t index, uint16_t port);
void pools_release(struct pools *pools, uint32_t index, uint16_t port);

/* Does more than one mapping have the port? */
bool pools_is_shared(const struct pools *pools, uint32_t index, uint16_t port);

/* So many ports of the pool are dealt in blocks by now: its fill is reckoned by them. */
void pools_set_dealt(struct pools *pools, uint32_t index, uint32_t ports);

/* A session was refused because of that pool. */
void pools_note_refusal(struct pools *pools, uint32_t index, enum refusal cause);

/**
 * pools_save(), pools_restore() - what a port that was taken and given back leaves behind
 *
 * Peaks, refusals, ranges asked for, pools opened: all as they were. Between the two no
 * port may change hands for good.
 * Return: malloc()ed, NULL without memory. pools_restore() frees it.
 */
struct pools_copy *pools_save(const struct pools *pools);
void pools_restore(struct pools *pools, struct pools_copy *copy);

/* Samples every pool's growth; about once a second. */
void pools_sample(struct pools *pools, struct mono now);

/**
 * pools_next() - copy the next pool for a listing
 * @position: start with 0
 *
 * Return: false at the end.
 */
bool pools_next(const struct pools *pools, uint32_t *position, struct snapshot_pool *pool);

/* ---------------------------------------------------------- ranges of addresses */

bool address_within(const struct address *address, const struct address *first, const struct address *last);

/* Addresses from @first to @last, at most UINT32_MAX; 0 when they are out of order. */
uint32_t address_range_size(const struct address *first, const struct address *last);

/* The address @offset further on. */
struct address address_advance(const struct address *first, uint32_t offset);

#endif
