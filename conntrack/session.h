/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One tracked session: the unit of the table, of the state file and of every
 * listing.
 *
 * Its original tuple is what the first packet carried when it arrived; its reply
 * tuple is what the answer carries when it arrives. A packet in direction d comes in
 * as the tuple of d and goes out as the inverse of the opposite direction's; the
 * difference between the two is the translation. table_tuple() gives a tuple.
 */
#ifndef SLUICE_CONNTRACK_SESSION_H
#define SLUICE_CONNTRACK_SESSION_H

#include "conntrack/track.h"
#include "sluice/settings.h"
#include "sluice/snapshot.h"

#define SESSION_NONE UINT32_MAX

/*
 * A session is in one list at any time: its timeout class's, or that of sessions
 * whose first packet has passed prerouting but was not yet judged.
 */
#define LIST_UNCONFIRMED TIMEOUT_COUNT
#define LIST_COUNT (TIMEOUT_COUNT + 1)
#define LIST_FREE LIST_COUNT

enum session_flag {
	SESSION_SEEN_REPLY = 1,
	SESSION_ASSURED = 2,
	SESSION_RELATED = 4, /* admitted by a mapping or an expectation, not by a rule */
	SESSION_LOCAL = 8,   /* the router itself is one end */
	SESSION_CONFIRMED = 16,
	SESSION_ENTERED = 32,	/* its destination was a mapping's external endpoint: it holds that mapping too */
	SESSION_HOLE = 64,	/* sent to an external endpoint that did not admit it: see enter.c */
	SESSION_FOLLOWED = 128, /* a helper reads it: see follow.c */
	SESSION_WATCHED = 256,	/* the black-hole watch has a record of it */
	SESSION_MARKED = 1024,	/* its packets come from prerouting with a mark: see transit.c */
	SESSION_LENT = 512,	/* the fast path forwards its packets */
};

/**
 * struct session
 *
 * The first line and a half is what a lookup and an established packet look at; what
 * only birth, death and eviction need comes last. The original tuple is kept whole. Of the reply
 * tuple only what differs: the ports as they leave, and references to the addresses
 * as they leave (addresses.h), ADDRESS_NONE where they stay as they are.
 * @packets_high, @bytes_high: counters have 40 and 48 bits: a year at 30 million packets a
 *	second, and 280 terabytes
 * @peer_previous, @peer_next: others of the same external endpoint and peer address
 */
struct session {
	struct endpoint source, destination;
	struct be16 source_port_after, destination_port_after;
	uint32_t source_after, destination_after;
	uint8_t protocol;
	uint8_t list; /* enum timeout, LIST_UNCONFIRMED or LIST_FREE */
	uint16_t flags;
	uint32_t generation; /* odd while the slot is in use */
	uint32_t refreshed;  /* table ticks */
	uint32_t list_previous, list_next;
	uint32_t packets_low[2], bytes_low[2];
	uint16_t bytes_high[2];
	uint8_t packets_high[2];
	uint8_t mapped_as[2]; /* see mapping_manner(): its mapping, and the one that it entered by */
	uint32_t mark;	      /* ct mark */
	union track track;
	uint32_t mapping;			  /* MAPPING_NONE: no external port held */
	uint32_t source_tally, destination_tally; /* valid once confirmed */
	uint32_t crowd_previous, crowd_next;	  /* the source's other expendable sessions */
	uint32_t peer_previous, peer_next;
	uint32_t rule; /* place of the accepting rule, 0: none */
};

_Static_assert(sizeof(struct session) <= 172, "README promises 256 bytes a session with all that belongs to it");

static inline uint8_t session_protocol(const struct session *session)
{
	return session->protocol;
}

static inline bool session_translates_source(const struct session *session, enum direction direction)
{
	if (direction == DIRECTION_ORIGINAL)
		return session->source_after || session->source_port_after.raw != session->source.port.raw;
	return session->destination_after || session->destination_port_after.raw != session->destination.port.raw;
}

static inline bool session_translates_destination(const struct session *session, enum direction direction)
{
	return session_translates_source(session, direction_opposite(direction));
}

static inline enum session_nat session_nat(const struct session *session)
{
	return (session_translates_source(session, DIRECTION_ORIGINAL) ? SESSION_NAT_SNAT : 0) |
	       (session_translates_destination(session, DIRECTION_ORIGINAL) ? SESSION_NAT_DNAT : 0);
}

static inline uint64_t session_packets(const struct session *session, enum direction direction)
{
	return (uint64_t)session->packets_high[direction] << 32 | session->packets_low[direction];
}

static inline uint64_t session_bytes(const struct session *session, enum direction direction)
{
	return (uint64_t)session->bytes_high[direction] << 32 | session->bytes_low[direction];
}

/* So many packets, of so many bytes in sum, more. */
static inline void session_add_packets(struct session *session, enum direction direction, uint64_t packets,
				       uint64_t bytes)
{
	packets += session_packets(session, direction);
	bytes += session_bytes(session, direction);
	session->packets_low[direction] = (uint32_t)packets;
	session->packets_high[direction] = (uint8_t)(packets >> 32);
	session->bytes_low[direction] = (uint32_t)bytes;
	session->bytes_high[direction] = (uint16_t)(bytes >> 32);
}

_Static_assert((SESSION_NAT_SNAT | SESSION_NAT_DNAT) == SESSION_NAT_BOTH, "session_nat() adds them up");

static inline enum timeout session_timeout(const struct session *session)
{
	return session->list < TIMEOUT_COUNT ? (enum timeout)session->list : TIMEOUT_GENERIC;
}

#endif
