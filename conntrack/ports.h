/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has which port: one exact allocator over the 65,536 ports (identifiers, call
 * numbers) of one external address and protocol.
 *
 * Theory of operation. Even and odd ports are kept in two halves of 32,768 bits, so
 * that keeping a port's parity (RFC 4787 REQ-4) is a choice of half. Each half counts
 * its free bits in blocks of 128 and groups of 2,048. A random port is taken by rank:
 * draw k below the number of free ports in the range, then find the k-th free one by
 * walking 16 groups, 16 blocks, two words and six halvings of a word. Hence
 *   - every free port of the range is equally likely (RFC 6056 section 3.3.1 without its
 *     bias towards ports that follow a run of taken ones);
 *   - the work does not depend on the fill, down to the last free port;
 *   - a full range is noticed by its count being 0, with no search.
 *
 * A port is free, or any of: used (a mapping has it), reserved (a port forward or a
 * local service has it: never handed out). Held marks a used port whose mappings
 * only wait for their quarantine to end; it is there to tell the two kinds of
 * exhaustion apart. What the four bits of 64 ports say lies in half a cache line.
 */
#ifndef CONNTRACK_PORTS_H
#define CONNTRACK_PORTS_H

#include "sluice/types.h"

#define PORTS_COUNT 65536
#define PORTS_HALF_BITS 32768
#define PORTS_HALF_WORDS (PORTS_HALF_BITS / 64)
#define PORTS_BLOCK_BITS 128
#define PORTS_GROUP_BITS 2048
#define PORTS_HALF_BLOCKS (PORTS_HALF_BITS / PORTS_BLOCK_BITS)
#define PORTS_HALF_GROUPS (PORTS_HALF_BITS / PORTS_GROUP_BITS)

/* Ports below are well known: they map among themselves (RFC 4787 REQ-3a). */
#define PORTS_WELL_KNOWN 1024

#define PORT_NONE (-1)

/* Invariant: free == ~(used | reserved); held is a subset of used. */
struct ports_word {
	uint64_t free, used, reserved, held;
};

struct ports_half {
	struct ports_word words[PORTS_HALF_WORDS];
	uint8_t blocks[PORTS_HALF_BLOCKS];  /* free ports in each block */
	uint16_t groups[PORTS_HALF_GROUPS]; /* free ports in each group */
	uint32_t free;
};

struct ports {
	struct ports_half halves[2]; /* even, odd */
	uint32_t used, held;
};

/**
 * struct ports_wish - which port would do
 * @first, @last: the allowed range, inclusive
 * @port: what the inner side uses
 * @preserve: @port itself, if it is free
 * @parity: else one of the same parity, if one is free (RFC 4787 REQ-4)
 * @well_known: below 1024 when @port is, from 1024 on when it is not, where the
 *	range reaches there and has one free (RFC 4787 REQ-3a)
 * @random: fresh and unpredictable
 *
 * Wishes are given up, last to first, before a free port of the range is refused.
 */
struct ports_wish {
	uint16_t first, last, port;
	bool preserve, parity, well_known;
	uint32_t random;
};

/* All ports free. */
void ports_init(struct ports *ports);

/**
 * ports_take() - take the free port that fits @wish best
 *
 * Return: the port, or PORT_NONE when no port of the range is free.
 */
int32_t ports_take(struct ports *ports, const struct ports_wish *wish);

/**
 * ports_occupy() - mark @port used by one who has it by right, reserved or not
 *
 * Return: false when it was used already.
 */
bool ports_occupy(struct ports *ports, uint16_t port);

/* A used port becomes free (unless reserved), held or not. */
void ports_release(struct ports *ports, uint16_t port);

/* A used port goes into quarantine, and comes back from it to its old owner. */
void ports_hold(struct ports *ports, uint16_t port);
void ports_unhold(struct ports *ports, uint16_t port);

/* Ports that mappings get never again until ports_unreserve(); used ones stay used. */
void ports_reserve(struct ports *ports, uint16_t first, uint16_t last);
void ports_unreserve(struct ports *ports, uint16_t first, uint16_t last);

bool ports_is_used(const struct ports *ports, uint16_t port);
/* Asks for the memory in which that port's bits lie. */
void ports_prefetch(const struct ports *ports, uint16_t port);
bool ports_is_reserved(const struct ports *ports, uint16_t port);

/* Free ports from @first to @last, inclusive. */
uint32_t ports_free(const struct ports *ports, uint16_t first, uint16_t last);

/* Is a port from @first to @last, other than reserved ones, in quarantine? */
bool ports_any_held(const struct ports *ports, uint16_t first, uint16_t last);

/* Ports from @first to @last that are not reserved: what the range can serve at most. */
uint32_t ports_span(const struct ports *ports, uint16_t first, uint16_t last);

#endif
