/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Destinations towards which large packets vanish without a word: one record each,
 * whoever noticed it.
 *
 * A fixed number; when all are taken, further destinations are counted and not
 * recorded, so that a broken uplink cannot make alerts come and go without end. A
 * record that no packet confirms for ten minutes is over, like a learned path MTU
 * (RFC 1191 section 6.3): a path that is still broken will show again.
 */
#ifndef CONNTRACK_BLACK_HOLES_H
#define CONNTRACK_BLACK_HOLES_H

#include "sluice/tuple.h"

#define BLACK_HOLES_LIMIT 256
#define BLACK_HOLES_BUCKETS 256
#define BLACK_HOLES_AGE_MS (10 * 60 * 1000)

/**
 * struct black_hole
 * @works, @fails: bytes of an IP packet; the largest that arrived, 0: none is known,
 *	and the smallest that did not
 * @seen: when a packet last confirmed it
 * @exact: the search between @works and @fails is over
 * @datagrams: seen with UDP only, which nothing here can cure
 */
struct black_hole {
	struct address destination;
	struct mono since, seen;
	uint16_t works, fails;
	bool used, exact, datagrams;
	uint16_t next; /* in its bucket, plus one */
};

struct black_holes {
	uint32_t count;
	uint64_t overlooked; /* found no room */
	uint64_t key[2];
	uint16_t buckets[BLACK_HOLES_BUCKETS]; /* first of each, plus one */
	struct black_hole list[BLACK_HOLES_LIMIT];
};

void black_holes_init(struct black_holes *holes, const uint64_t key[2]);

struct black_hole *black_holes_lookup(struct black_holes *holes, const struct address *destination);

/* Return: a record for a destination that has none; NULL when there is no room. */
struct black_hole *black_holes_open(struct black_holes *holes, const struct address *destination, struct mono now);
void black_holes_close(struct black_holes *holes, struct black_hole *hole);

/* The next record from @position on, or NULL; start with 0. */
struct black_hole *black_holes_next(struct black_holes *holes, uint32_t *position);

bool black_hole_is_old(const struct black_hole *hole, struct mono now);

#endif
