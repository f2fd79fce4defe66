/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/daemon/fastpath_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *absent;
static uint64_t seed;

int stage_open(void **state)
{
	(void)state;
	absent = run_open();
	seed = wire_seed();
	return 0;
}

int stage_close(void **state)
{
	(void)state;
	run_close();
	return 0;
}

void stage_begin(struct stage *stage)
{
	if (absent) {
		print_message("skipped: %s\n", absent);
		skip();
	}
	stage->random = seed;
}

uint64_t stage_seed(void)
{
	return seed;
}

static void put32(uint8_t *at, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

void stage_number(struct stage *stage, uint32_t sequence, uint32_t acknowledgement)
{
	uint8_t *tcp = stage->wire.bytes + stage->wire.l4;

	put32(tcp + 4, sequence);
	put32(tcp + 8, acknowledgement);
	memcpy(tcp + 14, "\x10\x00", 2);
	wire_seal(&stage->wire);
	run_frame_make(&stage->frame, &stage->wire, stage->flow.interface);
}

void stage_reset_slot(const struct stage *stage)
{
	enum direction direction = stage->flow.direction;
	struct fastpath_slot *slot = &run_slots()[STAGE_SLOT];
	struct fastpath_side *sender = &slot->side[direction], *receiver = &slot->side[!direction];

	*slot = (struct fastpath_slot){ .flags = FASTPATH_SACK(0) | FASTPATH_SACK(1), .last_window = 1 };
	*sender = (struct fastpath_side){
		.end = STAGE_SENT, .maxend = STAGE_EDGE, .maxack = STAGE_REACHED, .maxwin = STAGE_WINDOW
	};
	*receiver = (struct fastpath_side){
		.end = STAGE_HEARD, .maxend = STAGE_HEARD + 10000, .maxack = STAGE_ACKED, .maxwin = STAGE_WINDOW
	};
}

void stage_build(struct stage *stage)
{
	wire_build(&stage->wire, &stage->shape, &stage->random);
	stage->wire.bytes[stage->wire.family == FAMILY_IPV4 ? 8 : 7] = 64;
	if (stage->wire.protocol == PROTOCOL_TCP)
		stage_number(stage, STAGE_SENT, STAGE_HEARD);
	else
		wire_seal(&stage->wire);
	run_frame_make(&stage->frame, &stage->wire, stage->flow.interface);
}

void stage_make(struct stage *stage, enum family family, uint8_t protocol, size_t payload)
{
	stage->flow = (struct run_flow){ .slot = STAGE_SLOT, .interface = STAGE_INTERFACE, .mtu = STAGE_MTU };
	stage->flow.arrives = wire_random_tuple(&stage->random, family, protocol);
	stage->flow.leaves = wire_random_tuple(&stage->random, family, protocol);
	stage->flow.direction = (enum direction)wire_below(&stage->random, 2);
	stage->shape = (struct wire_shape){ .tuple = stage->flow.arrives, .payload = payload, .tcp_flags = TCP_ACK };
	stage_reset_slot(stage);
	run_install(&stage->flow);
	stage_build(stage);
}

void stage_clear(struct stage *stage)
{
	run_remove(&stage->flow);
}

void stage_expect(const struct stage *stage, struct wire *expected)
{
	*expected = stage->wire;
	expected->bytes[expected->family == FAMILY_IPV4 ? 8 : 7]--;
	wire_translate(expected, &stage->flow.leaves);
}

void stage_assert_forwarded(struct stage *stage, const char *what)
{
	static struct wire expected;
	size_t length = stage->frame.length;
	struct fastpath_side *side = &run_slots()[STAGE_SLOT].side[stage->flow.direction];
	uint64_t packets = side->packets, bytes = side->bytes;
	int action = run_frame_pass(&stage->frame);

	stage_expect(stage, &expected);
	if (action != RUN_REDIRECTED)
		fail_msg("%s is not forwarded: %d", what, action);
	assert_int_equal(stage->frame.length, length);
	for (size_t i = 0; i < expected.length; i++)
		if (stage->frame.bytes[RUN_ETHERNET + i] != expected.bytes[i])
			fail_msg("%s: byte %zu is %02x instead of %02x", what, i, stage->frame.bytes[RUN_ETHERNET + i],
				 expected.bytes[i]);
	assert_int_equal(side->packets, packets + 1);
	assert_int_equal(side->bytes, bytes + expected.length);
	assert_true(side->used_ns > 0);
}

void stage_assert_up(struct stage *stage, const char *what)
{
	static struct run_frame before;
	struct fastpath_slot slot = run_slots()[STAGE_SLOT];
	int action;

	before = stage->frame;
	action = run_frame_pass(&stage->frame);
	if (action != RUN_UP)
		fail_msg("%s is not left to the daemon: %d", what, action);
	if (stage->frame.length != before.length || memcmp(stage->frame.bytes, before.bytes, before.length) != 0)
		fail_msg("%s goes up changed", what);
	if (memcmp(&slot, &run_slots()[STAGE_SLOT], sizeof(slot)) != 0)
		fail_msg("%s changes the session", what);
}
