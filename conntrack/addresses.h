/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses that many refer to, kept once: a reference is four bytes, not sixteen.
 *
 * Translated addresses are few beside the sessions that have them: the gateway's
 * external ones, and servers behind it. An address is there as long as somebody refers to
 * it; the number of different ones at a time is fixed, and more are refused.
 */
#ifndef SLUICE_CONNTRACK_ADDRESSES_H
#define SLUICE_CONNTRACK_ADDRESSES_H

#include "conntrack/nodes.h"

/* No address: for references that may lack one. */
#define ADDRESS_NONE 0

/** struct addresses_entry - @uses: 0: free, and @address starts with the number of the next free one */
struct addresses_entry {
	struct address address;
	uint32_t uses;
};

struct addresses {
	struct addresses_entry *list; /* [0] is no address */
	uint32_t capacity, untouched; /* entries from @untouched on were never used */
	uint32_t free;		      /* ADDRESS_NONE: none */
	struct nodes nodes;
	uint64_t key[2];
	bool borrowed; /* @list is somebody else's memory */
};

/* Room for @capacity different addresses. Return: 0 or -ENOMEM. */
int addresses_init(struct addresses *addresses, uint32_t capacity, const uint64_t key[2]);
void addresses_fini(struct addresses *addresses);

/* Bytes taken, every index counted. */
uint64_t addresses_bytes(const struct addresses *addresses);

/**
 * addresses_acquire() - one reference more to an address
 *
 * Return: what stands for it, or ADDRESS_NONE when a new one finds no room.
 */
uint32_t addresses_acquire(struct addresses *addresses, const struct address *address);

/* One reference less; ADDRESS_NONE is allowed. */
void addresses_release(struct addresses *addresses, uint32_t reference);

/**
 * addresses_adopt() - go on with a list that another table left
 * @list: capacity + 1 entries, of which nothing is believed but the addresses
 *
 * The table must be new. First nobody refers to any of them: each reference is claimed,
 * then addresses_settle() frees the others. Nothing may be acquired before.
 */
void addresses_adopt(struct addresses *addresses, struct addresses_entry *list);
/* Could @reference be one? Says nothing of the address behind. */
static inline bool addresses_holds(const struct addresses *addresses, uint32_t reference)
{
	return reference <= addresses->capacity;
}
void addresses_claim(struct addresses *addresses, uint32_t reference);
void addresses_settle(struct addresses *addresses);

static inline const struct address *addresses_get(const struct addresses *addresses, uint32_t reference)
{
	return &addresses->list[reference].address;
}

#endif
