/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port allocators for crowded destinations.
 *
 * Once external ports serve several destinations each, "is a port free?" has another
 * answer for each destination. Guessing a port and asking the session table is
 * enough for a destination that uses few of them. One that uses nearly all of them would
 * need thousands of guesses; it gets an allocator of its own here, in which
 * a port is used when a session towards that destination has it.
 *
 * Theory of operation. A new allocator knows nothing and takes every port for free.
 * What it offers is judged before it counts, by asking the session table; a port that
 * turns out to be in use is used here from then on. The mappings tell of each session
 * that comes or goes afterwards. So each session is come upon once at most for each
 * allocator, and after that a full destination is refused without looking. A wrong
 * entry costs time, never a wrong translation.
 *
 * The number is fixed; the one not asked for the longest time makes room.
 */
#ifndef CONNTRACK_DESTINATIONS_H
#define CONNTRACK_DESTINATIONS_H

#include "conntrack/ports.h"
#include "sluice/tuple.h"

#define DESTINATION_NONE UINT32_MAX

/* Whether a mapping towards one peer may use an external port. */
enum port_state {
	PORT_USABLE,
	PORT_IN_USE,  /* a session or mapping towards this very peer has it */
	PORT_BLOCKED, /* a mapping of it rests; destinations_rested() tells of the end */
};

/** struct destination - an allocator for one pool and one peer */
struct destination {
	struct ports ports;
	struct endpoint peer;
	uint32_t pool;	/* POOL_NONE: nobody's */
	uint32_t next;	/* in its hash bucket */
	uint64_t asked; /* when last, in requests */
};

struct destinations {
	uint32_t limit, count;
	uint64_t asked;
	struct destination *list;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint64_t key[2];
};

/**
 * struct port_judge - asks about one port towards the peer at hand
 */
struct port_judge {
	enum port_state (*state)(const void *context, uint16_t port);
	const void *context;
};

/* Return: 0 or -ENOMEM. */
int destinations_init(struct destinations *destinations, uint32_t limit, const uint64_t key[2]);
void destinations_fini(struct destinations *destinations);

uint32_t destinations_lookup(const struct destinations *destinations, uint32_t pool, const struct endpoint *peer);

/* The same, made if need be; never fails. */
uint32_t destinations_open(struct destinations *destinations, uint32_t pool, const struct endpoint *peer);

/**
 * destinations_take() - a port that @wish allows and @judge finds usable
 * @pool_ports: of the pool itself; its reserved ports are not for sharing
 *
 * The port counts as used from now on.
 * Return: the port, or PORT_NONE.
 */
int32_t destinations_take(struct destinations *destinations, uint32_t index, const struct ports *pool_ports,
			  const struct ports_wish *wish, const struct port_judge *judge);

/* A session towards @peer has, or has no longer, that port. */
void destinations_used(struct destinations *destinations, uint32_t pool, const struct endpoint *peer, uint16_t port);
void destinations_freed(struct destinations *destinations, uint32_t pool, const struct endpoint *peer, uint16_t port);

/* A mapping on that port rests no more, whether it ended or is in use again: every destination may look anew. */
void destinations_rested(struct destinations *destinations, uint32_t pool, uint16_t port);

/* Forget every allocator: the reserved ports changed, or a pool got a new owner. */
void destinations_clear(struct destinations *destinations);

#endif
