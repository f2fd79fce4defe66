/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/mss.h"
#include "conntrack/rewrite.h"
#include "tests/model/wire_model.h"

static uint64_t seed;
static struct wire wire, expected;

static struct packet syn(const uint8_t *options, size_t length, uint8_t flags, enum family family)
{
	uint64_t state = seed;
	struct wire_shape shape = {
		.tuple = wire_random_tuple(&state, family, PROTOCOL_TCP),
		.tcp_options = options,
		.tcp_options_length = length,
		.tcp_flags = flags,
	};
	struct packet packet;

	wire_build(&wire, &shape, &state);
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	return packet;
}

struct clamp_case {
	const char *name;
	uint8_t before[40], after[40];
	size_t length;
};

/* 1400 is 0x0578, 1460 is 0x05b4. */
static const struct clamp_case clamp_cases[] = {
	{ "alone", { 2, 4, 5, 0xb4 }, { 2, 4, 5, 0x78 }, 4 },
	{ "lower already", { 2, 4, 5, 0x77 }, { 2, 4, 5, 0x77 }, 4 },
	{ "equal", { 2, 4, 5, 0x78 }, { 2, 4, 5, 0x78 }, 4 },
	{ "largest", { 2, 4, 0xff, 0xff }, { 2, 4, 5, 0x78 }, 4 },
	{ "zero is never raised", { 2, 4, 0, 0 }, { 2, 4, 0, 0 }, 4 },
	{ "at an odd offset", { 1, 2, 4, 5, 0xb4, 1, 1, 0 }, { 1, 2, 4, 5, 0x78, 1, 1, 0 }, 8 },
	{ "at an odd offset, far off", { 1, 2, 4, 0xff, 0x01, 1, 1, 0 }, { 1, 2, 4, 5, 0x78, 1, 1, 0 }, 8 },
	{ "at 3 modulo 4", { 1, 1, 1, 2, 4, 5, 0xb4, 0 }, { 1, 1, 1, 2, 4, 5, 0x78, 0 }, 8 },
	{ "behind the others",
	  { 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3, 7, 2, 4, 5, 0xb4, 0 },
	  { 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3, 7, 2, 4, 5, 0x78, 0 },
	  20 },
	{ "twice", { 2, 4, 5, 0xb4, 2, 4, 0x23, 0x28 }, { 2, 4, 5, 0x78, 2, 4, 5, 0x78 }, 8 },
	{ "none", { 1, 1, 4, 2 }, { 1, 1, 4, 2 }, 4 },
	{ "no options", { 0 }, { 0 }, 0 },
	{ "behind the end", { 0, 2, 4, 5, 0xb4, 0, 0, 0 }, { 0, 2, 4, 5, 0xb4, 0, 0, 0 }, 8 },
	{ "cut off", { 1, 1, 2, 4 }, { 1, 1, 2, 4 }, 4 },
	{ "kind alone", { 1, 1, 1, 2 }, { 1, 1, 1, 2 }, 4 },
	{ "value cut off", { 1, 2, 4, 5 }, { 1, 2, 4, 5 }, 4 },
	{ "wrong length", { 2, 3, 5, 1, 1, 1, 1, 1 }, { 2, 3, 5, 1, 1, 1, 1, 1 }, 8 },
	{ "behind length zero", { 8, 0, 1, 1, 2, 4, 5, 0xb4 }, { 8, 0, 1, 1, 2, 4, 5, 0xb4 }, 8 },
	{ "behind length one", { 8, 1, 1, 1, 2, 4, 5, 0xb4 }, { 8, 1, 1, 1, 2, 4, 5, 0xb4 }, 8 },
	{ "behind one that reaches out", { 8, 10, 1, 1, 2, 4, 5, 0xb4 }, { 8, 10, 1, 1, 2, 4, 5, 0xb4 }, 8 },
};

static void clamp_options(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(clamp_cases) / sizeof(clamp_cases[0]); i++) {
		const struct clamp_case *c = &clamp_cases[i];

		for (int v6 = 0; v6 < 2; v6++) {
			struct packet packet = syn(c->before, c->length, TCP_SYN, v6 ? FAMILY_IPV6 : FAMILY_IPV4);
			bool changes = memcmp(c->before, c->after, c->length) != 0;

			print_message("# %s\n", c->name);
			expected = wire;
			memcpy(expected.bytes + expected.l4 + 20, c->after, c->length);
			wire_seal(&expected);
			assert_int_equal(mss_clamp(&packet, 1400, false), changes);
			assert_memory_equal(wire.bytes, expected.bytes, wire.length);
		}
	}
}

/* Random bytes as options, any offset: the checksum stays right and nothing rises. */
static void clamp_random_options(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	for (int round = 0; round < 100000; round++) {
		static const uint8_t common[] = { 0, 1, 1, 1, 2, 2, 2, 3, 4, 4, 4, 5 };
		uint8_t options[40];
		size_t length = wire_below(&state, 11) * 4;
		uint16_t mss = (uint16_t)wire_random(&state);
		struct packet packet;

		for (size_t i = 0; i < length; i++)
			options[i] = wire_below(&state, 3) ? common[wire_below(&state, sizeof(common))]
							   : (uint8_t)wire_random(&state);
		packet = syn(options, length, wire_below(&state, 2) ? TCP_SYN : TCP_SYN | TCP_ACK,
			     wire_below(&state, 2) ? FAMILY_IPV4 : FAMILY_IPV6);
		expected = wire;
		if (!mss_clamp(&packet, mss, false)) {
			assert_memory_equal(wire.bytes, expected.bytes, wire.length);
			continue;
		}
		assert_true(wire_checksums_right(&packet));
		assert_false(mss_clamp(&packet, mss, false));
		assert_memory_equal(wire.bytes, expected.bytes, wire.l4 + 16);
	}
}

static void clamp_only_syn(void **unused)
{
	static const uint8_t option[] = { 2, 4, 5, 0xb4 };
	static const uint8_t flags[] = { TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST, TCP_PSH | TCP_ACK, 0 };
	struct packet packet;

	(void)unused;
	for (size_t i = 0; i < sizeof(flags); i++) {
		packet = syn(option, 4, flags[i], FAMILY_IPV4);
		assert_false(mss_clamp(&packet, 1400, false));
	}
	packet = syn(option, 4, TCP_SYN | TCP_ACK, FAMILY_IPV4);
	assert_true(mss_clamp(&packet, 1400, false));
	packet = syn(option, 4, TCP_SYN | TCP_ECE | TCP_CWR, FAMILY_IPV4);
	assert_false(mss_clamp(&packet, 0, false));
	assert_true(mss_clamp(&packet, 1400, false));
}

/* An unfinished checksum does not move; finished afterwards it is right. */
static void clamp_unfinished(void **unused)
{
	static const uint8_t options[] = { 1, 2, 4, 5, 0xb4, 1, 1, 0 };
	struct packet packet = syn(options, sizeof(options), TCP_SYN, FAMILY_IPV4);
	uint8_t field[2];

	(void)unused;
	wire_unfinish(&wire);
	memcpy(field, wire.bytes + wire.l4 + 16, 2);
	assert_true(mss_clamp(&packet, 1400, true));
	assert_memory_equal(wire.bytes + wire.l4 + 16, field, 2);
	rewrite_finish_checksum(&packet);
	assert_true(wire_checksums_right(&packet));
}

static void mss_from_mtu(void **unused)
{
	(void)unused;
	assert_int_equal(mss_for_mtu(FAMILY_IPV4, 1500), 1460);
	assert_int_equal(mss_for_mtu(FAMILY_IPV6, 1500), 1440);
	assert_int_equal(mss_for_mtu(FAMILY_IPV4, 1400), 1360);
	assert_int_equal(mss_for_mtu(FAMILY_IPV6, 1280), 1220);
	assert_int_equal(mss_for_mtu(FAMILY_IPV4, 40), 0);
	assert_int_equal(mss_for_mtu(FAMILY_IPV6, 0), 0);
	assert_int_equal(mss_for_mtu(FAMILY_IPV4, 65536), 65496);
	assert_int_equal(mss_for_mtu(FAMILY_IPV4, UINT32_MAX), 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clamp_options),  cmocka_unit_test(clamp_random_options),
		cmocka_unit_test(clamp_only_syn), cmocka_unit_test(clamp_unfinished),
		cmocka_unit_test(mss_from_mtu),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
