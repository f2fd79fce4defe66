/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/track_wire.h"

static size_t put32(uint8_t *at, size_t offset, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		at[offset++] = (uint8_t)(value >> shift);
	return offset;
}

struct packet track_wire_packet(const struct track_wire *wire, uint8_t options[40])
{
	struct packet packet = {
		.bytes = options,
		.tuple = { .protocol = PROTOCOL_TCP },
		.family = FAMILY_IPV4,
		.payload_length = wire->length,
		.tcp = { .sequence = wire->sequence,
			 .acknowledgement = wire->acknowledgement,
			 .window = wire->window,
			 .flags = wire->flags },
	};
	size_t length = 0;

	if (wire->scale != TRACK_WIRE_NO_SCALE) {
		memcpy(options + length, (uint8_t[]){ 3, 3, wire->scale, 1 }, 4);
		length += 4;
	}
	if (wire->sack_permitted) {
		memcpy(options + length, (uint8_t[]){ 1, 1, 4, 2 }, 4);
		length += 4;
	}
	if (wire->timestamps) {
		memcpy(options + length, (uint8_t[]){ 1, 1, 8, 10 }, 4);
		length = put32(options, length + 4, wire->timestamp);
		length = put32(options, length, wire->echo);
	}
	if (wire->sack_left != wire->sack_right) {
		memcpy(options + length, (uint8_t[]){ 1, 1, 5, 10 }, 4);
		length = put32(options, length + 4, wire->sack_left);
		length = put32(options, length, wire->sack_right);
	}
	packet.tcp.options_length = (uint16_t)length;
	return packet;
}

uint64_t track_wire_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

uint32_t track_wire_below(uint64_t *state, uint32_t limit)
{
	return limit ? (uint32_t)((track_wire_random(state) >> 32) * limit >> 32) : 0;
}
