/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal addresses that have mappings: how many, and which external address each
 * is paired with (RFC 4787 REQ-2). A host is known exactly as long as it has a
 * mapping. A host that is paired in several ranges, or paired and not, has one entry
 * for each; all entries of a host are in one hash chain.
 *
 * An IPv6 host changes its address as it likes within its /64, so it is the /64 whose
 * mappings are counted, in an entry of its own.
 */
#ifndef CONNTRACK_HOSTS_H
#define CONNTRACK_HOSTS_H

#include "sluice/tuple.h"

#define HOST_NONE UINT32_MAX

/**
 * struct host
 * @external: what it is paired with; all zeros: mappings that are not paired; all ones: the entry
 *	counts for @internal as a network
 * @mappings: that refer to this entry; 0: the entry is free
 */
struct host {
	struct address internal, external;
	uint32_t mappings;
	uint32_t next; /* in its hash bucket, or in the list of free entries */
};

struct hosts {
	uint32_t capacity, count; /* entries from @count on were never used */
	uint32_t used;		  /* entries of hosts, networks not counted: @capacity at most */
	uint32_t free;
	struct host *list;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint64_t key[2];
};

/* Return: 0 or -ENOMEM. */
int hosts_init(struct hosts *hosts, uint32_t capacity, const uint64_t key[2]);
void hosts_fini(struct hosts *hosts);

/* Bytes taken, every index counted. */
uint64_t hosts_bytes(const struct hosts *hosts);

/**
 * hosts_paired() - the entry whose external address lies from @first to @last
 *
 * Return: index, or HOST_NONE when the host is not paired in that range.
 */
uint32_t hosts_paired(const struct hosts *hosts, const struct address *internal, const struct address *first,
		      const struct address *last);

/* As tally_prefetch() and tally_prefetch_entry(). */
const uint32_t *hosts_prefetch(const struct hosts *hosts, const struct address *internal);
void hosts_prefetch_entry(const struct hosts *hosts, const uint32_t *bucket);

/**
 * hosts_acquire() - one mapping more
 * @external: what the host is paired with; NULL: it is not
 *
 * Return: index, or HOST_NONE when a new entry finds no room.
 */
uint32_t hosts_acquire(struct hosts *hosts, const struct address *internal, const struct address *external);

/* One mapping less. */
void hosts_release(struct hosts *hosts, uint32_t index);

/* Mappings of an internal address that is paired with @external, or with none; of an IPv6 one: of its /64, all. */
uint32_t hosts_mappings_on(const struct hosts *hosts, const struct address *internal, const struct address *external);

/* Mappings of an internal address, of an IPv6 one: of its /64, in sum. */
uint32_t hosts_mappings(const struct hosts *hosts, const struct address *internal);

#endif
