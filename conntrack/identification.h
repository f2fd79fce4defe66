/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The identification field of IPv4 packets that may be fragmented on their way.
 *
 * Theory of operation. Hosts inside number their packets each for itself; behind one
 * external address two of them may use one number at a time, and fragments of both
 * would be put together to a third packet (RFC 6864 section 5.3, RFC 7857 section 10). So what
 * leaves with another source and DF clear is numbered anew, from a counter that the packet's
 * new source, destination and protocol choose by a keyed hash: a counter is used up no
 * sooner than all its users together send 65,536 packets, and tells nobody outside how
 * many others got. Packets with DF are never fragmented: their number means nothing.
 */
#ifndef SLUICE_CONNTRACK_IDENTIFICATION_H
#define SLUICE_CONNTRACK_IDENTIFICATION_H

#include "sluice/fastpath.h"
#include "sluice/packet.h"

/**
 * struct identifications
 * @next: what the next packet gets: @own, or memory that the fast path counts on in, too
 */
struct identifications {
	uint64_t key[2];
	uint64_t *next;
	uint64_t own[FASTPATH_IDENTIFICATIONS];
};

void identifications_init(struct identifications *identifications, const uint64_t key[2]);

/* Goes on counting in @shared, or, when that is NULL, by itself. */
void identifications_share(struct identifications *identifications, uint64_t *shared);

/* The counter for what leaves as @tuple, by its addresses and protocol. */
uint32_t identification_counter(const struct identifications *identifications, const struct tuple *tuple);

/**
 * identification_renew() - number a packet whose source was translated
 * @packet: with its new addresses; IPv6, DF and fragments are left alone
 *
 * A segment that stands for several packets takes as many numbers as it may become.
 * Return: the packet's bytes changed.
 */
bool identification_renew(struct identifications *identifications, struct packet *packet);

#endif
