/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports dealt in blocks: a source has the ports of its blocks to itself, so one log line
 * for each block says who had which port (RFC 6888 section 4, RFC 7422).
 *
 * Theory of operation. Block N of a pool is the ports from N * size on. It is dealt
 * to a source with the first mapping in it, and is free again when the last one is
 * gone, quarantine included. The blocks of a source in one pool form a list, those with
 * a free port first: a look at the head says whether there is room. Blocks without an
 * owner, but with a port that may be used, stand in a bitmap of each pool.
 *
 * Mappings that chose no port (the router's own, one-to-one) take no part: they may have
 * a port in anybody's block, which then has one port less.
 */
#ifndef CONNTRACK_BLOCKS_H
#define CONNTRACK_BLOCKS_H

#include "conntrack/ports.h"
#include "sluice/tuple.h"

#define BLOCK_NONE UINT32_MAX

/** struct block - one of a pool; @owner: BLOCK_NONE: nobody's */
struct block {
	uint32_t owner;
	uint32_t mappings : 31, announced : 1;
	uint32_t previous, next; /* of the owner's; numbers within the pool */
};

/** struct block_owner - a source with blocks in one pool */
struct block_owner {
	struct address source;
	uint32_t pool;
	uint32_t first, last; /* of its blocks, those with room first */
	uint32_t next;	      /* in its hash bucket, or of the free ones */
};

/** struct blocks - @size: ports of each; 0: none are dealt, and nothing below is there */
struct blocks {
	uint32_t size, per_pool, words;
	struct block *list;  /* per_pool for each pool */
	uint64_t *available; /* words for each pool: dealt to nobody, and of use */
	uint32_t *free;	     /* how many, of each pool */
	uint32_t *dealt;     /* blocks that are somebody's, of each pool */
	struct block_owner *owners;
	uint32_t *buckets;
	uint32_t bucket_mask, owner_count, owner_free, owner_limit;
	uint64_t key[2];
};

/* @owners: sources with blocks, for each pool they have some in. Return: 0 or -ENOMEM. */
int blocks_init(struct blocks *blocks, uint32_t size, uint32_t pools, uint32_t owners, const uint64_t key[2]);
void blocks_fini(struct blocks *blocks);

/* A pool was opened, or its reserved ports changed: see anew what is of use and where there is room. */
void blocks_refresh(struct blocks *blocks, uint32_t pool, const struct ports *ports);

/* The ports of block @number, inclusive. */
void blocks_range(const struct blocks *blocks, uint32_t number, uint16_t *first, uint16_t *last);

struct block *blocks_at(const struct blocks *blocks, uint32_t pool, uint32_t number);

/* Is the block dealt to @source? */
bool blocks_is_of(const struct blocks *blocks, uint32_t pool, uint32_t number, const struct address *source);

/* The first block of @source in the pool, the others follow by next; BLOCK_NONE: it has none. */
uint32_t blocks_first(const struct blocks *blocks, uint32_t pool, const struct address *source);

/* May the block be dealt? */
bool blocks_is_available(const struct blocks *blocks, uint32_t pool, uint32_t number);

/**
 * blocks_find() - a block that is nobody's, with a free port from @first to @last
 * @random: fresh and unpredictable
 *
 * Return: its number, or BLOCK_NONE.
 */
uint32_t blocks_find(const struct blocks *blocks, uint32_t pool, const struct ports *ports, uint16_t first,
		     uint16_t last, uint32_t random);

/**
 * blocks_join() - a mapping of @source has taken @port
 *
 * Return: whether it counts in the port's block; false when that is another's.
 */
bool blocks_join(struct blocks *blocks, uint32_t pool, const struct ports *ports, const struct address *source,
		 uint16_t port);

/* Somebody who does not count took or gave back @port: is there still room in its block? */
void blocks_settle(struct blocks *blocks, uint32_t pool, const struct ports *ports, uint16_t port);

/**
 * blocks_leave() - a mapping that counted gave @port back
 *
 * Return: whether the block is nobody's now. Whether that was announced is still to be seen in it.
 */
bool blocks_leave(struct blocks *blocks, uint32_t pool, const struct ports *ports, uint16_t port);

#endif
