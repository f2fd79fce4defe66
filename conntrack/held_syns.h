/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connection requests from outside that a mapping's filtering refused, held for a
 * while before they are answered (RFC 5382 REQ-4): when the inside opens the same
 * connection meanwhile, both sides open it at once and must not hear an error.
 *
 * Theory of operation. All are held for the same time, so a ring is in the order of
 * their end. It is small: a flood fills it, and what finds no room is dropped with no
 * answer, as is what a host inside has answered. Each is known by a hash first.
 */
#ifndef SLUICE_CONNTRACK_HELD_SYNS_H
#define SLUICE_CONNTRACK_HELD_SYNS_H

#include "sluice/packet.h"

#define HELD_SYNS 256
#define HELD_SYN_MS 6000
/* What of a request is kept to be quoted: the longest IPv4 header and eight bytes; IPv6 with few extensions. */
#define HELD_SYN_BYTES 128

/**
 * struct held_syn
 * @tuple: as it arrived
 * @length: bytes kept; 0: answered from inside
 */
struct held_syn {
	struct tuple tuple;
	struct mono due;
	uint16_t length;
	uint8_t bytes[HELD_SYN_BYTES];
};

struct held_syns {
	struct held_syn *list;
	uint32_t first, count;
	uint32_t hashes[HELD_SYNS];
	uint64_t key[2];
};

/* Return: 0 or -ENOMEM. */
int held_syns_init(struct held_syns *held, const uint64_t key[2]);
void held_syns_fini(struct held_syns *held);

/* A request that was refused; @packet reads as it came in as @tuple. One that is held already stays as it is. */
void held_syns_add(struct held_syns *held, const struct packet *packet, const struct tuple *tuple, struct mono now);

/* The inside opens the connection of @tuple itself. */
void held_syns_cancel(struct held_syns *held, const struct tuple *tuple);

/**
 * held_syns_next() - take the oldest request whose time is over
 *
 * Return: valid until the next call; NULL when none is due.
 */
struct held_syn *held_syns_next(struct held_syns *held, struct mono now);

#endif
