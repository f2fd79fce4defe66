/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv6 extension headers (RFC 8200 section 4, RFC 4302, RFC 6275). */
#ifndef SLUICE_EXTENSION_H
#define SLUICE_EXTENSION_H

#include "sluice/cursor.h"
#include "sluice/reasons.h"

#define EXTENSION_LIMIT 8    /* headers in one packet; senders use two or three */
#define EXTENSION_FRAGMENT 8 /* bytes of a fragment header */

/**
 * struct extension_walk - what the chain of extension headers says
 * @protocol: the first header that is not an extension; behind a later fragment's
 *	header, what that names
 * @more_fragments, @fragment_offset: in bytes; both zero without a fragment header,
 *	and for an atomic fragment (RFC 6946), which is a whole packet
 * @fragment_start: offset of what the fragment carries
 * @home_address: offset of the address in a Home Address option, or 0
 * @routing_address: offset of the final destination in a type 2 routing header
 *	that is still to be taken, or 0
 */
struct extension_walk {
	uint8_t protocol;
	bool more_fragments;
	uint32_t fragment_offset;
	size_t fragment_start;
	uint16_t home_address, routing_address;
};

/**
 * extension_walk() - walk to the transport header
 * @cursor: over the packet, behind the fixed IPv6 header; left at the transport header
 * @next_header: of the fixed header
 *
 * A later fragment ends the walk at what it carries. The Authentication Header is
 * walked; ESP hides all that follows and counts as a transport.
 *
 * Return: REASON_NONE, REASON_SHORT_HEADER or REASON_BAD_EXTENSION; then what was
 * found about fragments is valid all the same.
 */
enum reason extension_walk(struct extension_walk *walk, struct cursor *cursor, uint8_t next_header);

#endif
