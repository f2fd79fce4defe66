/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/parse.h"

#define FLAG_CHECKSUM 0x80
#define FLAG_ROUTING 0x40
#define FLAG_KEY 0x20
#define VERSION_MASK 0x07
#define FIELD 4 /* checksum and offset, key, sequence number: each is that long */

struct packet_gre parse_gre_header(const uint8_t *header, size_t length)
{
	size_t at = GRE_HEADER + (header[0] & (FLAG_CHECKSUM | FLAG_ROUTING) ? FIELD : 0);
	uint32_t key = 0;

	if ((header[1] & VERSION_MASK) != 0 || !(header[0] & FLAG_KEY))
		return (struct packet_gre){ .keyed = false };
	if (length < at + FIELD)
		return (struct packet_gre){ .cut = true };
	for (size_t i = 0; i < FIELD; i++)
		key = key << 8 | header[at + i];
	return (struct packet_gre){ .keyed = true, .key = key };
}
