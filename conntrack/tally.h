/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who holds how much: exact counts for each source, or each destination, of live
 * sessions. An IPv4 address counts by itself, an IPv6 address by its /64.
 *
 * Bounded: when every entry is taken, further parties are counted together under
 * entry 0, "the rest", which no quota limits. For each source there is also the
 * list of its sessions that may be given up, oldest first, so that eviction takes
 * from whoever holds the most of them without a search.
 */
#ifndef SLUICE_CONNTRACK_TALLY_H
#define SLUICE_CONNTRACK_TALLY_H

#include "conntrack/rank.h"
#include "sluice/tuple.h"

#define TALLY_NONE UINT32_MAX
#define TALLY_REST 0

struct tally_entry {
	struct address address;
	uint32_t hash_next;
	uint32_t oldest, newest; /* sessions that may be given up; SESSION_NONE: none */
};

struct tally {
	struct tally_entry *entries;
	uint32_t *buckets;
	uint32_t bucket_mask, capacity, free, untouched;
	uint64_t key[2];
	struct rank sessions;	/* by all sessions */
	struct rank expendable; /* by those that may be given up */
};

/**
 * tally_init() - parties counted one by one, @capacity at most
 * @sessions: there can be
 *
 * Return: 0 or -ENOMEM.
 */
int tally_init(struct tally *tally, uint32_t capacity, uint32_t sessions, const uint64_t key[2]);
void tally_fini(struct tally *tally);

/* Bytes taken, every index counted. */
uint64_t tally_bytes(const struct tally *tally);

/* What an address counts under: itself, or its /64. */
struct address tally_key(const struct address *address);

/* The entry of @address, or TALLY_NONE when it holds nothing or is among the rest. */
uint32_t tally_lookup(const struct tally *tally, const struct address *address);

/* Ask for the bucket of @address; tally_prefetch_entry() with it, when it has come, asks for what it leads to. */
const uint32_t *tally_prefetch(const struct tally *tally, const struct address *address);
void tally_prefetch_entry(const struct tally *tally, const uint32_t *bucket);

/*
 * tally_add() for many sessions at once: the entry is found or made, its sessions are for the caller to count and
 * to rank_load() afterwards. Nothing may be removed before.
 */
uint32_t tally_place(struct tally *tally, const struct address *address);

/* One session more; returns the entry for tally_remove(). */
uint32_t tally_add(struct tally *tally, const struct address *address);

/* One session less; an entry that holds nothing is free again. */
void tally_remove(struct tally *tally, uint32_t entry);

/* Sessions counted under @entry; 0 for TALLY_NONE and for the rest, which have no quota. */
uint32_t tally_held(const struct tally *tally, uint32_t entry);

#endif
