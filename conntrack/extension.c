/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/extension.h"
#include "sluice/tuple.h"

#define NEXT_HOP_BY_HOP 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_DESTINATION 60

#define ROUTING_TYPE_MOBILE 2
#define OPTION_PAD1 0
#define OPTION_JUMBO 0xc2
#define OPTION_HOME_ADDRESS 0xc9

/*
 * The options of a hop-by-hop or destination options header. A jumbogram's real
 * length is in an option, and nothing here could carry it.
 */
static bool walk_options(struct extension_walk *walk, struct cursor options)
{
	while (cursor_left(&options) > 0) {
		uint8_t type = cursor_u8(&options), length;

		if (type == OPTION_PAD1)
			continue;
		length = cursor_u8(&options);
		if (type == OPTION_JUMBO || (type == OPTION_HOME_ADDRESS && length != 16))
			return false;
		if (type == OPTION_HOME_ADDRESS)
			walk->home_address = (uint16_t)options.offset;
		cursor_skip(&options, length);
		if (options.failed)
			return false;
	}
	return true;
}

/*
 * Type 0 lets a packet wander at its sender's will (RFC 5095). Of the others, only
 * Mobile IPv6's home address has a known final destination; an exhausted header of
 * any type says nothing any more.
 */
static bool routing_valid(struct extension_walk *walk, const uint8_t *header, size_t offset)
{
	uint8_t words = header[1], type = header[2], segments_left = header[3];

	if (type == 0)
		return false;
	if (segments_left == 0)
		return true;
	if (type != ROUTING_TYPE_MOBILE || words != 2 || segments_left != 1)
		return false;
	walk->routing_address = (uint16_t)(offset + 8);
	return true;
}

static void fragment_read(struct extension_walk *walk, const struct cursor *cursor, const uint8_t *header)
{
	uint32_t field = (uint32_t)header[2] << 8 | header[3];

	walk->fragment_offset = field & 0xfff8;
	walk->more_fragments = field & 1;
	walk->fragment_start = cursor->offset;
}

static bool is_extension(uint8_t next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT || next == NEXT_DESTINATION ||
	       next == PROTOCOL_AH;
}

static size_t extension_length(uint8_t kind, const uint8_t *header)
{
	if (kind == NEXT_FRAGMENT)
		return EXTENSION_FRAGMENT;
	return kind == PROTOCOL_AH ? (header[1] + 2u) * 4 : (header[1] + 1u) * 8;
}

enum reason extension_walk(struct extension_walk *walk, struct cursor *cursor, uint8_t next_header)
{
	*walk = (struct extension_walk){ .protocol = next_header };
	for (unsigned int count = 0; is_extension(walk->protocol); count++) {
		size_t offset = cursor->offset, length;
		uint8_t kind = walk->protocol;
		const uint8_t *header;

		if (count == EXTENSION_LIMIT || (kind == NEXT_HOP_BY_HOP && count > 0))
			return REASON_BAD_EXTENSION;
		header = cursor_take(cursor, 8);
		if (!header)
			return REASON_SHORT_HEADER;
		length = extension_length(kind, header);
		if (length < 8)
			return REASON_BAD_EXTENSION;
		cursor_skip(cursor, length - 8);
		if (cursor->failed)
			return REASON_SHORT_HEADER;
		if (kind == NEXT_FRAGMENT) {
			if (walk->fragment_start) /* a fragment of a fragment */
				return REASON_BAD_EXTENSION;
			fragment_read(walk, cursor, header);
		}
		if (kind == NEXT_ROUTING && !routing_valid(walk, header, offset))
			return REASON_BAD_EXTENSION;
		if (kind == NEXT_HOP_BY_HOP || kind == NEXT_DESTINATION) {
			struct cursor options = { cursor->bytes, offset + length, offset + 2, false };

			if (!walk_options(walk, options))
				return REASON_BAD_EXTENSION;
		}
		walk->protocol = header[0];
		if (walk->fragment_offset)
			break;
	}
	return REASON_NONE;
}
