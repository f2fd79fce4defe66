/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hash of numbers: what stands under a key is for its owner to say.
 *
 * Theory of operation. The hash is an array of cache lines of fifteen entries. A
 * node stands in the first line from its home on that had room, so a lookup reads
 * one line nearly always, and no node has to be read to get past it. Each entry
 * carries bits of its hash beside the number: a stranger is told apart without a look
 * at what it names, but for one in a few hundred. Each line counts the nodes that passed it
 * because it was full; where none did, a lookup ends (folly's F14 does the
 * same). So taking a node out leaves no trace that would have to be cleaned up.
 *
 * Chains through the items would cost as much memory, and a cache miss for each
 * stranger on the way. The caller hashes with a secret key where remote parties choose.
 */
#ifndef SLUICE_CONNTRACK_NODES_H
#define SLUICE_CONNTRACK_NODES_H

#include "conntrack/hash.h"

#define NODE_NONE UINT32_MAX
#define NODES_LINE 15

struct nodes_line {
	uint32_t passed;	      /* nodes that found no room here and stand further on */
	uint32_t entries[NODES_LINE]; /* hash bits above, node + 1 below; the first 0 ends them */
};

_Static_assert(sizeof(struct nodes_line) == 64, "one cache line");

struct nodes {
	struct nodes_line *lines;
	uint32_t line_count;
	unsigned int node_bits; /* of an entry, for the number */
	void *memory;		/* what @lines lies in */
};

/** struct nodes_walk - where nodes_next() is; start with nodes_walk() */
struct nodes_walk {
	const struct nodes_line *line;
	uint32_t tag;
	unsigned int slot;
};

/**
 * nodes_init() - room for @count nodes, numbered below @limit
 * @limit: at most 2^31
 *
 * Return: 0 or -ENOMEM.
 */
int nodes_init(struct nodes *nodes, uint64_t count, uint64_t limit);
void nodes_fini(struct nodes *nodes);

/* Bytes taken. */
uint64_t nodes_bytes(const struct nodes *nodes);

/* Puts a node under @hash; it stands there once at most. Never fails below the count of nodes_init(). */
void nodes_insert(struct nodes *nodes, uint32_t hash, uint32_t node);

/* Takes out a node that stands under @hash. */
void nodes_remove(struct nodes *nodes, uint32_t hash, uint32_t node);

static inline uint32_t nodes_home(const struct nodes *nodes, uint32_t hash)
{
	return hash_scale(hash, nodes->line_count);
}

/* The upper bits of the hash choose the line: the lower ones, turned up, are news. */
static inline uint32_t nodes_tag(const struct nodes *nodes, uint32_t hash)
{
	return hash << nodes->node_bits;
}

/* Ask for the line that a walk under @hash begins with. */
static inline void nodes_prefetch(const struct nodes *nodes, uint32_t hash)
{
	__builtin_prefetch(&nodes->lines[nodes_home(nodes, hash)]);
}

static inline struct nodes_walk nodes_walk(const struct nodes *nodes, uint32_t hash)
{
	return (struct nodes_walk){ &nodes->lines[nodes_home(nodes, hash)], nodes_tag(nodes, hash), 0 };
}

/**
 * nodes_next() - the next node that may stand under the walk's hash
 *
 * The order means nothing. The caller compares keys.
 * Return: the node, or NODE_NONE at the end.
 */
static inline uint32_t nodes_next(const struct nodes *nodes, struct nodes_walk *walk)
{
	uint32_t mask = (UINT32_C(1) << nodes->node_bits) - 1;

	for (;;) {
		const struct nodes_line *line = walk->line;

		while (walk->slot < NODES_LINE) {
			uint32_t entry = line->entries[walk->slot++];

			if (!entry)
				break;
			if ((entry & ~mask) == walk->tag)
				return (entry & mask) - 1;
		}
		if (!line->passed)
			return NODE_NONE;
		walk->line = line + 1 < nodes->lines + nodes->line_count ? line + 1 : nodes->lines;
		walk->slot = 0;
	}
}

#endif
