/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ICMP error on its way through a translator: its own addresses change, and the
 * packet that it quotes is made to look as its receiver once sent it.
 */
#ifndef SLUICE_ICMP_ERROR_H
#define SLUICE_ICMP_ERROR_H

#include "sluice/packet.h"

/**
 * icmp_error_valid() - does an error make sense by itself?
 *
 * It goes back to where the quoted packet says it came from, and that packet was one
 * that may be answered with an error. Holds on either side of a translator, before
 * and after. Its checksum is packet_checksum_valid()'s business, its session the
 * caller's.
 */
bool icmp_error_valid(const struct packet *error);

/**
 * icmp_error_rewrite() - translate an ICMP error inside and out (RFC 5508 section 4.2)
 * @error: a packet for which packet_is_icmp_error() holds; its tuples are updated
 * @outer: new addresses of the error itself; its ports do not matter
 * @quoted: new addresses and ports of the quoted packet, of the same protocol
 *
 * Follows with every checksum: the IPv4 headers', the error's own, and the quoted
 * transport's as far as it is quoted (SCTP's CRC cannot be followed without the whole
 * packet and stays). Lengths and extensions of RFC 4884 are not touched. An error
 * whose own checksum is unfinished needs rewrite_finish_checksum() afterwards.
 */
void icmp_error_rewrite(struct packet *error, const struct tuple *outer, const struct tuple *quoted);

#endif
