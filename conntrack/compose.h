/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole IP packets of the gateway's own, built in the caller's buffer: answers to a
 * packet that is refused. Nothing here amplifies: a reset is never larger than a
 * packet that can cause it, an error is quoted to 576 or 1280 bytes at most, and
 * whether to answer at all is the caller's policy.
 */
#ifndef SLUICE_COMPOSE_H
#define SLUICE_COMPOSE_H

#include "sluice/packet.h"

/* The largest packet that the functions below build. */
#define COMPOSE_LIMIT 1280

/**
 * compose_tcp_reset() - refuse a TCP segment in its destination's name
 * @to: the segment, never a reset itself
 * @buffer, @size: COMPOSE_LIMIT is always enough
 *
 * RFC 9293 section 3.10.7.1: the reset stands where the segment's own
 * acknowledgement says, or acknowledges all that the segment carries.
 *
 * Return: the length, or 0 when nothing must be sent or @size does not do.
 */
size_t compose_tcp_reset(const struct packet *to, uint8_t *buffer, size_t size);

/**
 * compose_tcp_part() - the beginning of a segment, sent by itself
 * @of: its headers and TCP options are kept; the checksum is computed anew
 * @sequence: host order
 * @payload: bytes of its payload to keep; when that is not all, no FIN and no PSH
 * @buffer, @size: the part's whole length is needed
 *
 * Return: the length, or 0 when @of has not so much or @size does not do.
 */
size_t compose_tcp_part(const struct packet *of, uint32_t sequence, size_t payload, uint8_t *buffer, size_t size);

/**
 * compose_icmp_error() - tell the sender of a packet why it goes nowhere
 * @about: quoted as it stands now, as much as fits
 * @from: whom the error says it comes from; of @about's family
 * @type, @code: of ICMP or ICMPv6, by @about's family
 * @mtu: host order; for fragmentation needed and packet too big, else 0
 * @buffer, @size: COMPOSE_LIMIT is always enough
 *
 * RFC 1812 section 4.3.2, RFC 4443 section 2.4: no error about an error or a
 * redirect, about a later fragment, to or from many hosts or nobody. With less room
 * in @buffer the quote is shorter.
 *
 * Return: the length, or 0 when nothing must be sent or @size does not do.
 */
size_t compose_icmp_error(const struct packet *about, const struct address *from, uint8_t type, uint8_t code,
			  uint32_t mtu, uint8_t *buffer, size_t size);

#endif
