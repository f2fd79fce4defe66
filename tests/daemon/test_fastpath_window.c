/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast path's program and TCP: the bounds of the window to the number, and random
 * connections of which one is lent and one is not: after every packet both must be
 * told apart by nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conntrack/track_protocol.h"
#include "tests/daemon/fastpath_stage.h"

#define BACK 66000u /* how far a late duplicate may lie behind, at least */
#define PLAYS 150
#define STEPS 120

/* ------------------------------------------------------------------- the four bounds */

static const struct edge {
	const char *what;
	size_t payload;
	uint32_t sequence, acknowledgement;
	bool passes;
} edges[] = {
	{ "data at the right edge", 10, STAGE_EDGE, STAGE_HEARD, true },
	{ "data beyond the right edge", 10, STAGE_EDGE + 1, STAGE_HEARD, false },
	{ "no data, one beyond the right edge", 0, STAGE_EDGE + 1, STAGE_HEARD, true },
	{ "no data, two beyond the right edge", 0, STAGE_EDGE + 2, STAGE_HEARD, false },
	{ "the oldest duplicate", 10, STAGE_ACKED - BACK - 10, STAGE_HEARD, true },
	{ "a duplicate older than that", 10, STAGE_ACKED - BACK - 11, STAGE_HEARD, false },
	{ "all that was heard is acknowledged", 10, STAGE_SENT, STAGE_HEARD, true },
	{ "more than was heard is acknowledged", 10, STAGE_SENT, STAGE_HEARD + 1, false },
	{ "the oldest acknowledgement", 10, STAGE_SENT, STAGE_REACHED - BACK, true },
	{ "an acknowledgement older than that", 10, STAGE_SENT, STAGE_REACHED - BACK - 1, false },
	{ "numbers of another connection", 10, STAGE_SENT + (1u << 31), STAGE_HEARD + (1u << 31), false },
};

static void test_edges(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (size_t i = 0; i < 2 * sizeof(edges) / sizeof(edges[0]); i++) {
		const struct edge *edge = &edges[i / 2];

		stage_make(&stage, i & 1 ? FAMILY_IPV6 : FAMILY_IPV4, PROTOCOL_TCP, edge->payload);
		stage_number(&stage, edge->sequence, edge->acknowledgement);
		if (edge->passes)
			stage_assert_forwarded(&stage, edge->what);
		else
			stage_assert_up(&stage, edge->what);
		stage_clear(&stage);
	}
}

/* A larger window lets older duplicates pass, and what is learned is kept. */
static void test_learned(void **state)
{
	static struct stage stage;
	struct fastpath_side *sender, *receiver;

	(void)state;
	stage_begin(&stage);
	stage_make(&stage, FAMILY_IPV4, PROTOCOL_TCP, 100);
	sender = &run_slots()[STAGE_SLOT].side[stage.flow.direction];
	receiver = &run_slots()[STAGE_SLOT].side[!stage.flow.direction];
	sender->scale = 7;
	stage_assert_forwarded(&stage, "new data");
	assert_int_equal(sender->end, STAGE_SENT + 100);
	assert_int_equal(sender->maxack, STAGE_HEARD);
	assert_int_equal(sender->maxwin, 0x1000u << 7);
	assert_int_equal(receiver->maxend, STAGE_HEARD + (0x1000u << 7));
	assert_int_equal(sender->retransmissions, 0);
	stage_build(&stage);
	stage_assert_forwarded(&stage, "the same data");
	assert_int_equal(sender->retransmissions, 1);
	assert_int_equal(run_slots()[STAGE_SLOT].last_packet & 7, 2u | stage.flow.direction);
	/* Old numbers move nothing back. */
	stage_number(&stage, STAGE_SENT - 400, STAGE_REACHED - 10);
	stage_assert_forwarded(&stage, "a late duplicate");
	assert_int_equal(sender->end, STAGE_SENT + 100);
	assert_int_equal(sender->maxack, STAGE_HEARD);
	assert_int_equal(receiver->maxend, STAGE_HEARD + (0x1000u << 7));
	receiver->maxwin = 200000;
	stage_number(&stage, STAGE_ACKED - 200000 - 100, STAGE_HEARD);
	stage_assert_forwarded(&stage, "an old duplicate in a large window");
	stage_number(&stage, STAGE_ACKED - 200001 - 100, STAGE_HEARD);
	stage_assert_up(&stage, "one that is older");
	stage_clear(&stage);
}

/* --------------------------------------------------------------------- SACK blocks */

#define STAMP 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2
/* Right edges around 0x80, up to which the other side has sent. */
#define BLOCK(right) 0, 0, 0, 1, 0, 0, 0, right

static const struct layout {
	const char *what;
	bool passes, without; /* without SACK agreed on */
	size_t length;
	uint8_t bytes[40];
} layouts[] = {
	{ "timestamps", true, true, 12, { STAMP } },
	{ "timestamps and a block", true, true, 24, { STAMP, 1, 1, 5, 10, BLOCK(0x80) } },
	{ "a block too high", false, true, 24, { STAMP, 1, 1, 5, 10, BLOCK(0x81) } },
	{ "two blocks", true, true, 32, { STAMP, 1, 1, 5, 18, BLOCK(0x70), BLOCK(0x80) } },
	{ "the second too high", false, true, 32, { STAMP, 1, 1, 5, 18, BLOCK(0x70), BLOCK(0x81) } },
	{ "three blocks", true, true, 40, { STAMP, 1, 1, 5, 26, BLOCK(0x70), BLOCK(0x60), BLOCK(0x80) } },
	{ "the third too high", false, true, 40, { STAMP, 1, 1, 5, 26, BLOCK(0x70), BLOCK(0x60), BLOCK(0x81) } },
	{ "the first too high", false, true, 40, { STAMP, 1, 1, 5, 26, BLOCK(0x99), BLOCK(0x60), BLOCK(0x80) } },
	{ "a block alone", false, false, 12, { 1, 1, 5, 10, BLOCK(0x80) } },
	{ "a block before the timestamps", false, false, 24, { 1, 1, 5, 10, BLOCK(0x80), STAMP } },
	{ "a block of odd length", false, false, 24, { STAMP, 1, 1, 5, 11, BLOCK(0x80) } },
	{ "fewer blocks than room", false, false, 32, { STAMP, 1, 1, 5, 10, BLOCK(0x80), BLOCK(0x81) } },
	{ "more blocks than room", false, false, 24, { STAMP, 1, 1, 5, 18, BLOCK(0x80) } },
	{ "no block in the option", false, false, 16, { STAMP, 1, 1, 5, 2 } },
	{ "padding", false, false, 4, { 1, 1, 1, 0 } },
	{ "twelve bytes of padding", false, false, 12, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0 } },
	{ "timestamps at the end", false, false, 12, { 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1 } },
};

static void check_layout(struct stage *stage, const struct layout *layout, bool sack)
{
	bool passes = sack ? layout->passes : layout->without;

	stage->shape.tcp_options = layout->bytes;
	stage->shape.tcp_options_length = layout->length;
	stage_build(stage);
	stage_number(stage, STAGE_SENT, 0x10);
	stage_reset_slot(stage);
	if (!sack)
		run_slots()[STAGE_SLOT].flags = 0;
	if (passes)
		stage_assert_forwarded(stage, layout->what);
	else
		stage_assert_up(stage, layout->what);
}

static void test_sack(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (size_t i = 0; i < 2 * sizeof(layouts) / sizeof(layouts[0]); i++) {
		stage_make(&stage, i & 1 ? FAMILY_IPV6 : FAMILY_IPV4, PROTOCOL_TCP, i % 3 * 50);
		check_layout(&stage, &layouts[i / 2], true);
		check_layout(&stage, &layouts[i / 2], false);
		stage_clear(&stage);
	}
}

/* --------------------------------------------------------- two tracks of one connection */

/**
 * struct twins - one connection, tracked twice
 * @alone: every packet is judged there
 * @lent: with the fast path's help
 * @options: of the packet on its way
 */
struct twins {
	struct stage stage;
	struct run_flow flows[2];
	struct settings settings;
	union track alone, lent;
	enum timeout timeout, lent_timeout;
	uint8_t options[40];
	unsigned long forwarded, judged;
};

static uint32_t below(struct twins *twins, uint32_t limit)
{
	return wire_below(&twins->stage.random, limit);
}

static void put32(uint8_t *at, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The layouts that endpoints use, and one that the program leaves to the daemon. */
static void choose_options(struct twins *twins, uint32_t top)
{
	static const uint8_t stamp[] = { STAMP };
	struct wire_shape *shape = &twins->stage.shape;
	uint32_t kind = below(twins, 8), blocks = kind >= 5 ? kind - 4 : 0;

	shape->tcp_options = twins->options;
	shape->tcp_options_length = kind < 2 ? 0 : 12 + (blocks ? 4 + 8 * blocks : 0);
	memcpy(twins->options, stamp, sizeof(stamp));
	memcpy(twins->options + 12, (uint8_t[]){ 1, 1, 5, (uint8_t)(2 + 8 * blocks) }, 4);
	for (uint32_t i = 0; i < blocks; i++) {
		put32(twins->options + 16 + 8 * i, top - 200);
		put32(twins->options + 20 + 8 * i, top - 100 + (below(twins, 30) == 0 ? 101 : below(twins, 101)));
	}
	if (kind == 4)
		memcpy(twins->options, (uint8_t[]){ 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1 }, 12);
}

/* Mostly what is due, often around it, sometimes anything. */
static uint32_t aim(struct twins *twins, uint32_t due)
{
	static const uint32_t jumps[] = { 1, 2, 100, 1000, 1460, 30000, 65535, 65999, 66000, 66001, 200000 };
	uint32_t jump = jumps[below(twins, sizeof(jumps) / sizeof(jumps[0]))];

	switch (below(twins, 24)) {
	case 0:
		return due + jump;
	case 1:
	case 2:
		return due - jump;
	case 3:
		return due - below(twins, 3000);
	case 4:
		return due + (jump << below(twins, 10));
	case 5:
		return below(twins, 8) ? due : (uint32_t)wire_random(&twins->stage.random);
	default:
		return due;
	}
}

/* @flags 0: some of a connection that goes on. */
static void compose(struct twins *twins, enum direction direction, uint8_t flags)
{
	const struct tcp_side *sender = &twins->alone.tcp.side[direction];
	const struct tcp_side *receiver = &twins->alone.tcp.side[!direction];
	struct stage *stage = &twins->stage;
	uint32_t rare = below(twins, 200);

	stage->flow = twins->flows[direction];
	stage->shape = (struct wire_shape){ .tuple = stage->flow.arrives, .tcp_flags = TCP_ACK };
	stage->shape.payload = below(twins, 3) ? below(twins, 1000) : 0;
	stage->shape.tcp_flags |= below(twins, 2) ? TCP_PSH : 0;
	if (rare < 5)
		stage->shape.tcp_flags =
		    (uint8_t[]){ TCP_SYN, TCP_SYN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_ACK | TCP_URG }[rare];
	if (flags)
		stage->shape.tcp_flags = flags;
	choose_options(twins, receiver->end);
	stage_build(stage);
	memcpy(stage->wire.bytes + stage->wire.l4 + 14, (uint8_t[]){ (uint8_t)below(twins, 256), 0 }, 2);
	if (below(twins, 30) == 0)
		stage->wire.bytes[stage->wire.l4 + 14] = 0;
	put32(stage->wire.bytes + stage->wire.l4 + 4, aim(twins, sender->end));
	put32(stage->wire.bytes + stage->wire.l4 + 8, aim(twins, receiver->end));
	wire_seal(&stage->wire);
	run_frame_make(&stage->frame, &stage->wire, stage->flow.interface);
}

/* ----------------------------------------------------------------------- handshake */

static size_t offer(struct twins *twins, uint8_t *options)
{
	size_t length = 0;

	if (below(twins, 4)) {
		memcpy(options, (uint8_t[]){ 3, 3, (uint8_t)below(twins, 15), 1 }, 4);
		length = 4;
	}
	if (below(twins, 4)) {
		memcpy(options + length, (uint8_t[]){ 4, 2, 1, 1 }, 4);
		length += 4;
	}
	return length;
}

static struct packet parsed(struct twins *twins)
{
	static uint8_t copy[RUN_FRAME];
	struct packet packet;

	memcpy(copy, twins->stage.wire.bytes, twins->stage.wire.length);
	assert_int_equal(packet_parse(&packet, copy, twins->stage.wire.length), REASON_NONE);
	return packet;
}

static struct packet greeting(struct twins *twins, enum direction direction, uint8_t flags, uint32_t sequence,
			      uint32_t acknowledgement)
{
	struct stage *stage = &twins->stage;

	stage->flow = twins->flows[direction];
	stage->shape = (struct wire_shape){ .tuple = stage->flow.arrives, .tcp_flags = flags };
	if (flags & TCP_SYN) {
		stage->shape.tcp_options = twins->options;
		stage->shape.tcp_options_length = offer(twins, twins->options);
	}
	stage_build(stage);
	stage_number(stage, sequence, acknowledgement);
	return parsed(twins);
}

static void shake_hands(struct twins *twins)
{
	uint32_t original = (uint32_t)wire_random(&twins->stage.random);
	uint32_t reply = below(twins, 2) ? 0xfffffff0u : (uint32_t)wire_random(&twins->stage.random);
	struct packet packet = greeting(twins, DIRECTION_ORIGINAL, TCP_SYN, original, 0);
	struct track_result result = track_open(&twins->alone, &packet, &twins->settings);

	assert_int_equal(result.reason, REASON_NONE);
	packet = greeting(twins, DIRECTION_REPLY, TCP_SYN | TCP_ACK, reply, original + 1);
	result = track_packet(&twins->alone, result.timeout, &packet, DIRECTION_REPLY, false, &twins->settings);
	assert_int_equal(result.reason, REASON_NONE);
	packet = greeting(twins, DIRECTION_ORIGINAL, TCP_ACK, original + 1, reply + 1);
	result = track_packet(&twins->alone, result.timeout, &packet, DIRECTION_ORIGINAL, true, &twins->settings);
	assert_int_equal(result.reason, REASON_NONE);
	assert_true(track_may_lend(PROTOCOL_TCP, &twins->alone));
	twins->timeout = result.timeout;
}

/* ------------------------------------------------------------------------- the duel */

static void complain(const struct twins *twins, const char *what)
{
	const struct track_tcp *tracks[] = { &twins->alone.tcp, &twins->lent.tcp };

	for (unsigned int i = 0; i < 4; i++) {
		const struct track_tcp *tcp = tracks[i / 2];
		const struct tcp_side *side = &tcp->side[i & 1];

		print_message(
		    "%s side %u: end %08x maxend %08x maxack %08x maxwin %u << %u flags %02x; %04x x%u from %u\n",
		    i / 2 ? "lent " : "alone", i & 1, side->end, side->maxend, side->maxack, side->maxwin, side->scale,
		    side->flags, tcp->last_packet, tcp->repeats, tcp->last_direction);
	}
	fail_msg("SEED=%llu: %s", (unsigned long long)stage_seed(), what);
}

static void compare(const struct twins *twins, const struct track_result *wanted, const struct track_result *got)
{
	if (got->reason != wanted->reason)
		complain(twins, "the daemon judges otherwise");
	if (memcmp(&twins->alone.tcp, &twins->lent.tcp, sizeof(twins->alone.tcp)) != 0)
		complain(twins, "the connections differ");
	if (wanted->reason == REASON_NONE && got->refresh != wanted->refresh)
		complain(twins, "one timer starts anew, the other does not");
	if (wanted->refresh && got->timeout != wanted->timeout)
		complain(twins, "the timeouts differ");
}

/* Are these options that the program reads? */
static bool is_plain(const struct wire_shape *shape)
{
	return !(shape->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_URG)) &&
	       (!shape->tcp_options_length || shape->tcp_options[0] == 1);
}

/* What the daemon does with a packet of a lent session. */
static struct track_result judge(struct twins *twins, const struct packet *packet, enum direction direction)
{
	struct fastpath_slot *slot = &run_slots()[STAGE_SLOT];
	struct track_result got =
	    track_packet(&twins->lent, twins->lent_timeout, packet, direction, true, &twins->settings);

	twins->judged++;
	if (packet->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) {
		if (track_may_lend(PROTOCOL_TCP, &twins->lent))
			track_lend(PROTOCOL_TCP, &twins->lent, slot);
	} else {
		track_share(PROTOCOL_TCP, &twins->lent, slot);
	}
	return got;
}

static void duel(struct twins *twins, enum direction direction)
{
	struct fastpath_slot *slot = &run_slots()[STAGE_SLOT], before = *slot;
	struct packet packet = parsed(twins);
	struct track_result wanted =
	    track_packet(&twins->alone, twins->timeout, &packet, direction, true, &twins->settings);
	struct track_result got;
	int action = run_frame_pass(&twins->stage.frame);

	if (action == RUN_REDIRECTED) {
		got = track_regain(PROTOCOL_TCP, &twins->lent, slot, &twins->settings);
		twins->forwarded++;
		if (slot->side[direction].retransmissions - before.side[direction].retransmissions !=
		    wanted.retransmission)
			complain(twins, "one sees data again, the other does not");
	} else {
		if (action != RUN_UP || memcmp(&before, slot, sizeof(before)) != 0)
			complain(twins, "a packet that goes up leaves traces");
		if (wanted.reason == REASON_NONE && is_plain(&twins->stage.shape))
			complain(twins, "a packet goes up without need");
		got = judge(twins, &packet, direction);
	}
	compare(twins, &wanted, &got);
	if (wanted.refresh)
		twins->timeout = wanted.timeout;
	if (got.refresh)
		twins->lent_timeout = got.timeout;
}

static void play(struct twins *twins, unsigned int number)
{
	enum family family = number & 1 ? FAMILY_IPV6 : FAMILY_IPV4;
	struct tuple arrives = wire_random_tuple(&twins->stage.random, family, PROTOCOL_TCP);
	struct tuple leaves = wire_random_tuple(&twins->stage.random, family, PROTOCOL_TCP);

	twins->flows[0] = twins->flows[1] = (struct run_flow){ .slot = STAGE_SLOT, .interface = 4, .mtu = 1500 };
	twins->flows[0].arrives = arrives;
	twins->flows[0].leaves = leaves;
	twins->flows[1].arrives = tuple_invert(&leaves);
	twins->flows[1].leaves = tuple_invert(&arrives);
	twins->flows[1].direction = DIRECTION_REPLY;
	shake_hands(twins);
	twins->lent = twins->alone;
	twins->lent_timeout = twins->timeout;
	track_lend(PROTOCOL_TCP, &twins->lent, &run_slots()[STAGE_SLOT]);
	run_install(&twins->flows[0]);
	run_install(&twins->flows[1]);
	for (unsigned int i = 0; i < STEPS && track_may_lend(PROTOCOL_TCP, &twins->alone); i++) {
		enum direction direction = (enum direction)below(twins, 2);
		unsigned int times = below(twins, 12) ? 1 : 1 + below(twins, 6);

		compose(twins, direction, i + 1 == STEPS ? TCP_FIN | TCP_ACK : 0);
		while (times-- && track_may_lend(PROTOCOL_TCP, &twins->alone)) {
			run_frame_make(&twins->stage.frame, &twins->stage.wire, 4);
			duel(twins, direction);
		}
	}
	run_remove(&twins->flows[0]);
	run_remove(&twins->flows[1]);
}

static void test_same_as_alone(void **state)
{
	static struct twins twins;

	(void)state;
	stage_begin(&twins.stage);
	twins.settings = settings_default();
	twins.settings.tcp_loose = twins.settings.tcp_liberal = false;
	for (unsigned int i = 0; i < PLAYS; i++)
		play(&twins, i);
	print_message("%lu packets forwarded, %lu judged\n", twins.forwarded, twins.judged);
	assert_true(twins.forwarded > PLAYS * 10 && twins.judged > PLAYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_learned),
		cmocka_unit_test(test_sack),
		cmocka_unit_test(test_same_as_alone),
	};

	return cmocka_run_group_tests_name("fastpath_window", tests, stage_open, stage_close);
}
