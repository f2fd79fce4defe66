/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gateway sees go wrong, and go well, counted for whom it concerns.
 *
 * Theory of operation. Nothing is done for a packet of an established session. A
 * session is looked at when it opens, when its first answer comes, when its TCP
 * handshake ends, when it is reset, when data comes again, when an ICMP error speaks
 * of it, and when it expires; a packet, when it is refused. DNS over UDP is the
 * exception: each of its packets is a question or an answer.
 *
 * A failure is counted once for each connection and kind in a window, under the
 * service it was meant for and under its source: `seen` is a filter of tags, which
 * repetitions of the same packet do not pass. Time decides what was not answered:
 * after ANSWER_MS a question counts as unanswered, and for GIVEN_UP_MS after it was
 * asked an answer, or an ICMP error that explains the silence, takes that back. So
 * a failure has one cause: what an ICMP error explains is not a timeout as well, and
 * what is refused here never became a session.
 *
 * Parties are entries of two tables (statistics.h): sources by address (IPv6: by
 * /64), and services by address, port and protocol. What concerns a whole address,
 * as most ICMP errors do, stands under port 0 and protocol 0.
 */
#ifndef SLUICE_CONNTRACK_WITNESS_H
#define SLUICE_CONNTRACK_WITNESS_H

#include "conntrack/expired.h"
#include "conntrack/pending.h"
#include "conntrack/statistics.h"
#include "conntrack/track.h"
#include "sluice/packet.h"

/* A SYN that was lost is sent again after one second. */
#define WITNESS_ANSWER_MS 2000
#define WITNESS_GIVEN_UP_MS 15000
#define WITNESS_SEEN 4096u
#define WITNESS_OUTSIDE 16
/* What tools that count hops send at most; hosts begin at 64, 128 or 255. */
#define WITNESS_PROBE_TTL 30
/* In an entry's @hook: a chain's policy dropped, no rule. */
#define WITNESS_POLICY 0x80

struct engine;
struct passage;

/**
 * struct witness
 * @gateway: refusals for want of room, which concern everybody
 * @silence: SYNs and queries given up since anything was last answered, and where they went
 * @seen: tags of failures that were counted
 * @outside: interfaces by which translated sessions leave
 */
struct witness {
	struct statistics sources, services;
	struct pending pending;
	struct expired expired;
	struct statistics_entry gateway, silence;
	uint32_t seen[WITNESS_SEEN];
	uint32_t outside[WITNESS_OUTSIDE];
	unsigned int outside_count;
	uint64_t key[2];
};

/**
 * witness_create() - all tables, sized by the sessions there can be, a few MiB at most
 * Return: NULL without memory.
 */
struct witness *witness_create(uint32_t capacity, const uint64_t key[2]);
void witness_destroy(struct witness *witness);

/* Does the witness read every packet like this one? A session of such packets is not lent to anybody. */
static inline bool witness_reads(const struct packet *packet)
{
	return packet->tuple.protocol == PROTOCOL_UDP &&
	       (be16_to_host(packet->tuple.destination.port) == 53 || be16_to_host(packet->tuple.source.port) == 53);
}

/* ------------------------------------- events; each does nothing without a witness */

/* The passage's packet has opened its session. */
void witness_opened(struct passage *passage);

/**
 * witness_advanced() - the passage's packet has changed its session, or repeats data
 * @list, @flags: of the session before
 */
void witness_advanced(struct passage *passage, const struct track_result *result, unsigned int list,
		      unsigned int flags);

/* The fast path has seen so many segments of the session again. */
void witness_repeated(struct engine *engine, uint32_t index, uint32_t segments);

/* The session's time is over; witness_ended() follows. */
void witness_expired(struct engine *engine, uint32_t index);
/* The session ends, for whatever reason. */
void witness_ended(struct engine *engine, uint32_t index);

/* The passage's packet is dropped; after refusal_take_note(). */
void witness_refused(struct passage *passage, enum reason reason);

/* An ICMP error about the passage's session passes, or, without one, leaves the router itself. */
void witness_error(struct passage *passage);

/* Lets time pass for at most @budget questions. */
void witness_tick(struct engine *engine, unsigned int budget);

/* ----------------------------------------------------- between the witness's files */

/**
 * struct witness_parties - where a session goes, and what it counts under: a service, or a whole address
 * @of_source, @of_service: their entries once they were asked for; no other party's may be opened meanwhile
 */
struct witness_parties {
	struct address source;
	struct endpoint service;
	uint8_t protocol;
	struct statistics_entry *of_source, *of_service;
};

/* The parties of a packet that asks; @destination after translation. */
struct witness_parties witness_parties_of(const struct address *source, const struct endpoint *destination,
					  uint8_t protocol);
struct witness_parties witness_parties_of_session(const struct engine *engine, uint32_t index);

/* The same for their whole destination. */
struct witness_parties witness_whole(const struct witness_parties *parties);

/* One more under both; return: the service's entry, valid until the next call. */
struct statistics_entry *witness_count(struct engine *engine, struct witness_parties *parties,
				       enum statistic statistic);
/* A failure: as above, and each is noted as the other's peer. */
struct statistics_entry *witness_blame(struct engine *engine, struct witness_parties *parties,
				       enum statistic statistic);
void witness_take_back(struct engine *engine, struct witness_parties *parties, enum statistic statistic);

/* Is that failure of that connection new? From now on it is not. */
bool witness_is_new(struct witness *witness, const struct tuple *tuple, enum statistic statistic, struct mono now);
/* Was it counted? */
bool witness_was_seen(const struct witness *witness, const struct tuple *tuple, enum statistic statistic,
		      struct mono now);

/* The entries of both. */
struct statistics_entry *witness_source(struct engine *engine, struct witness_parties *parties);
struct statistics_entry *witness_service(struct engine *engine, struct witness_parties *parties);

/* A broadcast or multicast address? */
bool witness_is_many(const struct engine *engine, const struct address *address);

bool witness_is_outside(const struct witness *witness, uint32_t interface);

/**
 * witness_late() - does the passage's packet belong to a session that has expired?
 *
 * Counted when so. FIN and RST end what is over anyway and do not count.
 */
bool witness_late(struct passage *passage);

/* The question behind the session's silence is answered by an ICMP error; true: it came from a probe. */
bool witness_explain(struct engine *engine, uint32_t index);

#endif
