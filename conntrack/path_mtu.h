/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the path to a destination carries, as learned from ICMP errors that proved
 * to be about packets of ours (RFC 1191, RFC 8201).
 *
 * Theory of operation. One entry for each destination address as it is seen beyond
 * the gateway, in a keyed hash and in a list ordered by age. A lower value replaces
 * a higher one; the same value again makes it young; a higher one changes nothing,
 * since the sender that was told less is still right. An entry counts for ten
 * minutes (RFC 1191 section 6.3). The number is fixed: the oldest entry makes room,
 * so a flood of errors can make the gateway forget, never grow. IPv6 addresses of
 * one /64 share a bucket, so that what is known of a network is found in one walk.
 */
#ifndef CONNTRACK_PATH_MTU_H
#define CONNTRACK_PATH_MTU_H

#include "sluice/packet.h"

/* What hosts take at the least: Linux's ip_rt_min_pmtu, and RFC 8200 section 5. */
#define PATH_MTU_LEAST_4 552
#define PATH_MTU_LEAST_6 1280

#define PATH_MTU_ENTRIES 4096
#define PATH_MTU_AGE_MS (10 * 60 * 1000)

struct path_mtu;
struct path_mtus;

/* Return: NULL without memory. */
struct path_mtus *path_mtus_create(uint32_t capacity, const uint64_t key[2]);
void path_mtus_destroy(struct path_mtus *mtus);

/**
 * path_mtus_learn() - the path to @destination carries no more than @mtu bytes
 *
 * The caller has seen that whoever says so may (RFC 5927 section 7.2).
 * Return: true when that is news: nothing, or more, was known.
 */
bool path_mtus_learn(struct path_mtus *mtus, const struct address *destination, uint16_t mtu, struct mono now);

/* Bytes of an IP packet that the path to @destination carries; 0: nothing learned. */
uint16_t path_mtus_lookup(const struct path_mtus *mtus, const struct address *destination, struct mono now);

/* The lowest of all destinations that are counted as one with @address: an IPv6 /64, else the address itself. */
uint16_t path_mtus_lookup_network(const struct path_mtus *mtus, const struct address *address, struct mono now);

/* Entries that are not too old; walks them all. */
uint32_t path_mtus_count(const struct path_mtus *mtus, struct mono now);

static inline uint16_t path_mtu_least(enum family family)
{
	return family == FAMILY_IPV4 ? PATH_MTU_LEAST_4 : PATH_MTU_LEAST_6;
}

/**
 * path_mtu_of_error() - the MTU that a fragmentation-needed or packet-too-big asks for
 *
 * Where an old router says none, the next lower plateau below the quoted packet
 * (RFC 1191 section 7). Whether the error is to be believed is another question:
 * see path_mtu_plausible().
 * Return: bytes, at most 65535; 0 for other errors.
 */
uint16_t path_mtu_of_error(const struct packet *error);

/**
 * path_mtu_plausible() - can that be what a router on the path said?
 *
 * An MTU below what every link must carry only slows the sender down, and one that
 * is not below the quoted packet's own length would have let it pass. True for other errors.
 */
bool path_mtu_plausible(const struct packet *error);

#endif
