/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLUICE_MSS_H
#define SLUICE_MSS_H

#include "sluice/packet.h"

/**
 * mss_clamp() - lower the maximum segment size that a SYN or SYN-ACK announces
 * @mss: host order; 0 clamps nothing
 * @checksum_unfinished: the checksum field holds the pseudo-header's sum, which an
 *	option does not change: it stays, and rewrite_tuple() or
 *	rewrite_finish_checksum() must follow
 *
 * Never raises, and adds no option where there is none. Every one of repeated
 * options is lowered, since receivers differ in which they believe; options behind
 * a malformed one are left alone, as receivers ignore them too.
 *
 * Return: true when bytes changed.
 */
bool mss_clamp(struct packet *packet, uint16_t mss, bool checksum_unfinished);

/**
 * mss_for_mtu() - the largest segment whose packet fits (RFC 6691)
 * @mtu: in bytes
 *
 * Return: 0 when not even the headers fit.
 */
uint16_t mss_for_mtu(enum family family, uint32_t mtu);

#endif
