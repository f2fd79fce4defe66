/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GRE tunnels between the same two addresses, told apart by their keys (RFC 2784, RFC 2890).
 *
 * Theory of operation. A tunnel is tracked by its addresses as long as nobody else has them, seen from
 * outside: then any key passes, also one that differs by direction. Whoever opens a further
 * tunnel between the same two addresses gets a session of its own if its packets have a key: a number made
 * of the key stands in both of the tuple's ports, so that an answer with the same key has the inverse tuple.
 * That number lives in tuples of the engine only: no packet has it, and nobody is shown it. The
 * parser leaves the ports 0, and a packet is looked for by its key first and then by its addresses.
 *
 * A number has 16 bits and a key 32: the session knows the key, and a packet of another one is not its
 * own. Two keys of one number cannot both be told from a third tunnel; of 65,521 keys in a row no two agree.
 *
 * A session without a number knows the keys that it used (track_gre.c), and nobody else gets one
 * of those. Once another tunnel was opened beside it, nothing comes to it with a key that it has not used: that is
 * the other's, whose session may be over. The same holds for fragments that nobody put together. (One that
 * begins while there are only tunnels told by keys does not know of them; their own keys are safe from it.) What has
 * no key, like PPTP's version 1 (RFC 2637), goes by addresses: one host for each peer and external address.
 */
#ifndef SLUICE_CONNTRACK_GRE_H
#define SLUICE_CONNTRACK_GRE_H

#include "conntrack/session.h"

struct passage;

/* The largest prime of 16 bits: keys that look like addresses spread well. */
#define GRE_NUMBERS 65521u

/* The number that stands for @key in tuples; never 0. */
static inline struct be16 gre_number(uint32_t key)
{
	return be16_from_host((uint16_t)(key % GRE_NUMBERS + 1));
}

/* @tuple as that of a tunnel told by its key. */
static inline struct tuple gre_numbered(const struct tuple *tuple, uint32_t key)
{
	struct tuple numbered = *tuple;

	numbered.source.port = numbered.destination.port = gre_number(key);
	return numbered;
}

/* @tuple as the world outside the engine knows it: GRE has no ports. */
static inline struct tuple gre_plain(const struct tuple *tuple)
{
	struct tuple plain = *tuple;

	if (plain.protocol == PROTOCOL_GRE)
		plain.source.port = plain.destination.port = (struct be16){ 0 };
	return plain;
}

/* Is the session told by its key? */
static inline bool gre_is_keyed(const struct session *session)
{
	return session->protocol == PROTOCOL_GRE && session->source.port.raw != 0;
}

/* Is it told by that very key? */
static inline bool gre_is_of(const struct session *session, uint32_t key)
{
	return gre_is_keyed(session) && session->track.gre.count && session->track.gre.keys[0] == key;
}

/* Does a session that lay in a file stand under the number of its key? */
static inline bool gre_is_sound(const struct session *session)
{
	return !gre_is_keyed(session) ||
	       (session->track.gre.count && gre_number(session->track.gre.keys[0]).raw == session->source.port.raw);
}

/* The packet is taken for one of a tunnel told by its key; false: it has none. */
bool gre_enter(struct passage *passage);
/* For one told by its addresses. */
void gre_leave(struct passage *passage);

/**
 * gre_judge() - may the passage's session have this packet, which it was found for?
 *
 * Return: REASON_NONE; TUPLE_CLASH: the key is another tunnel's between the same addresses; INVALID or
 * BAD_FRAGMENT: it may have been, and cannot be told.
 */
enum reason gre_judge(const struct passage *passage);

/* Would the passage's new session, which is answered by @reply, and another one want the same key? */
bool gre_contends(const struct passage *passage, const struct tuple *reply);

/**
 * gre_tell_apart() - a new session that its addresses are denied is to be told by its key
 * @reason: for which they were denied
 *
 * Changes the packet's tuple, and that of the passage's session, which is not linked.
 * Return: false: it has no key, or has been told by it already.
 */
bool gre_tell_apart(struct passage *passage, enum reason reason);

/* A reserved session: its later packets are known by the key before one of them is judged. */
void gre_reserve(const struct passage *passage);

/* A session told by its key begins: the one without shares its addresses from now on. */
void gre_begin(const struct passage *passage, const struct tuple *reply);

/* Could a session found by addresses have sent the packet that an error, going in @direction, quotes? */
bool gre_quote_fits(const struct session *session, enum direction direction, const struct packet_quote *quote);

#endif
