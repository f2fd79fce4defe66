/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Change a packet's addresses and ports in place. Checksums follow incrementally
 * (RFC 1624), except where the kernel handed over an unfinished one.
 */
#ifndef SLUICE_REWRITE_H
#define SLUICE_REWRITE_H

#include "sluice/packet.h"

/**
 * rewrite_tuple() - make the packet's addresses and ports, or ICMP identifier, those of @to
 * @packet: its tuple (and icmp.id) become @to's; later fragments have only addresses
 * @to: of the packet's own family and protocol
 * @checksum_unfinished: the transport checksum field holds only the pseudo-header's
 *	sum: it is computed in full, over the whole segment, and is final afterwards
 *
 * SCTP's CRC is recomputed when a port changes. A packet under an Authentication
 * Header is changed like any other, and its receiver will refuse it.
 * For an ICMP error see icmp_error_rewrite(): this one changes only its outer header.
 */
void rewrite_tuple(struct packet *packet, const struct tuple *to, bool checksum_unfinished);

/**
 * rewrite_finish_checksum() - compute the transport checksum in full
 *
 * For a packet that goes back changed, but not through rewrite_tuple(), while its
 * checksum is unfinished: the kernel takes the bytes of a verdict as final.
 * Does nothing to protocols without a checksum and to fragments.
 */
void rewrite_finish_checksum(struct packet *packet);

#endif
