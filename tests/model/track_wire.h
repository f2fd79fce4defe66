/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsed TCP packets for the tests of the protocol state machines, without a wire. */
#ifndef TESTS_MODEL_TRACK_WIRE_H
#define TESTS_MODEL_TRACK_WIRE_H

#include "conntrack/track.h"

#define TRACK_WIRE_NO_SCALE 0xff

/**
 * struct track_wire - a TCP segment as its endpoint means it; host order
 * @scale: of the window scale option, TRACK_WIRE_NO_SCALE: none
 * @sack_left, @sack_right: one SACK block, when they differ
 */
struct track_wire {
	uint8_t flags;
	uint32_t sequence, acknowledgement;
	uint32_t length;
	uint16_t window;
	uint8_t scale;
	bool sack_permitted, timestamps;
	uint32_t timestamp, echo;
	uint32_t sack_left, sack_right;
};

/**
 * track_wire_packet() - the packet the parser would make of @wire
 * @options: room for its options; the packet refers to it
 */
struct packet track_wire_packet(const struct track_wire *wire, uint8_t options[40]);

/* xorshift64*, for tests: the seed is any number but 0. */
uint64_t track_wire_random(uint64_t *state);
uint32_t track_wire_below(uint64_t *state, uint32_t limit);

#endif
