/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/rewrite.h"
#include "tests/model/wire_model.h"

static uint64_t seed;
static struct wire wire, expected;

static struct tuple random_target(uint64_t *state, const struct wire_shape *shape)
{
	struct tuple to = wire_random_tuple(state, wire.family, wire.protocol);

	if (shape->reply)
		to = tuple_invert(&to);
	if (wire_below(state, 4) == 0) /* a destination alone, as before routing */
		to.source = shape->tuple.source;
	return to;
}

static void rewrite_and_compare(const struct tuple *to, bool unfinished)
{
	struct packet packet, again;

	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	expected = wire;
	wire_translate(&expected, to);
	rewrite_tuple(&packet, to, unfinished);
	assert_memory_equal(wire.bytes, expected.bytes, wire.length);
	assert_true(tuple_equal(&packet.tuple, to));
	assert_int_equal(packet_parse(&again, wire.bytes, wire.length), REASON_NONE);
	assert_true(tuple_equal(&again.tuple, to));
	assert_true(packet_checksum_valid(&again));
	if (packet.tuple.protocol == PROTOCOL_ICMP || packet.tuple.protocol == PROTOCOL_ICMPV6)
		assert_int_equal(packet.icmp.id.raw, again.icmp.id.raw);
}

/* All protocols, options, extension headers, odd lengths: byte for byte what a full recomputation gives. */
static void rewrite_equals_recomputation(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	for (int round = 0; round < 150000; round++) {
		struct wire_shape shape = wire_random_shape(&state, 70);
		struct tuple to;

		wire_build(&wire, &shape, &state);
		to = random_target(&state, &shape);
		rewrite_and_compare(&to, false);
	}
}

static void rewrite_there_and_back_changes_nothing(void **unused)
{
	uint64_t state = seed + 1;

	(void)unused;
	for (int round = 0; round < 30000; round++) {
		struct wire_shape shape = wire_random_shape(&state, 40);
		struct packet packet;
		struct tuple to;

		wire_build(&wire, &shape, &state);
		expected = wire;
		to = random_target(&state, &shape);
		assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
		shape.tuple = packet.tuple;
		rewrite_tuple(&packet, &to, false);
		rewrite_tuple(&packet, &shape.tuple, false);
		assert_memory_equal(wire.bytes, expected.bytes, wire.length);
	}
}

/* 64 KiB segments whose checksum the kernel left to the hardware. */
static void unfinished_checksum_is_computed_in_full(void **unused)
{
	uint64_t state = seed + 2;

	(void)unused;
	for (int round = 0; round < 400; round++) {
		struct wire_shape shape = wire_random_shape(&state, round % 2 ? 65300 : 100);
		struct tuple to;

		shape.tuple.protocol = wire_below(&state, 2) ? PROTOCOL_TCP : PROTOCOL_UDP;
		shape.reply = shape.no_checksum = false;
		shape.tuple =
		    wire_random_tuple(&state, address_family(&shape.tuple.source.address), shape.tuple.protocol);
		wire_build(&wire, &shape, &state);
		wire_unfinish(&wire);
		to = random_target(&state, &shape);
		rewrite_and_compare(&to, true);
	}
}

static void finish_checksum_alone(void **unused)
{
	uint64_t state = seed + 3;

	(void)unused;
	for (int round = 0; round < 20000; round++) {
		struct wire_shape shape = wire_random_shape(&state, 90);
		struct packet packet;

		shape.no_checksum = false;
		wire_build(&wire, &shape, &state);
		expected = wire;
		if (wire.protocol == PROTOCOL_TCP || wire.protocol == PROTOCOL_UDP)
			wire_unfinish(&wire);
		assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
		rewrite_finish_checksum(&packet);
		assert_memory_equal(wire.bytes, expected.bytes, wire.length);
	}
}

/* The checksum a broken sender made stays exactly as wrong: errors must not be hidden (RFC 3022 section 4.1). */
static void wrong_checksum_stays_wrong(void **unused)
{
	uint64_t state = seed + 4;

	(void)unused;
	for (int round = 0; round < 2000; round++) {
		struct wire_shape shape = wire_random_shape(&state, 50);
		struct packet packet;
		struct tuple to;

		shape.tuple = wire_random_tuple(&state, address_family(&shape.tuple.source.address), PROTOCOL_TCP);
		shape.reply = false;
		wire_build(&wire, &shape, &state);
		wire.bytes[wire.l4 + 5] ^= 0x10;
		assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
		assert_false(packet_checksum_valid(&packet));
		to = random_target(&state, &shape);
		rewrite_tuple(&packet, &to, false);
		assert_false(packet_checksum_valid(&packet));
	}
}

static struct wire_shape udp_shape(const char *source, const char *destination, size_t payload)
{
	return (struct wire_shape){
		.tuple = { .source = { wire_address(source), be16_from_host(1000) },
			   .destination = { wire_address(destination), be16_from_host(53) },
			   .protocol = PROTOCOL_UDP },
		.payload = payload,
	};
}

/* A later fragment has no ports: the bytes at their place are payload. */
static void later_fragment_has_only_addresses(void **unused)
{
	struct wire_shape shape = udp_shape("10.0.0.2", "192.0.2.1", 40);
	uint64_t state = seed;
	struct packet packet;
	struct tuple to;

	(void)unused;
	wire_build(&wire, &shape, &state);
	wire.bytes[7] = 10; /* offset 80 */
	wire.no_checksum = false;
	wire.protocol = PROTOCOL_ESP; /* so that sealing leaves the payload alone */
	wire_seal(&wire);
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	assert_true(packet.later_fragment);
	assert_int_equal(packet.tuple.source.port.raw, 0);
	to = shape.tuple;
	to.source.address = wire_address("198.51.100.7");
	to.source.port = be16_from_host(7777);
	expected = wire;
	wire_translate(&expected, &to);
	rewrite_tuple(&packet, &to, false);
	assert_memory_equal(wire.bytes, expected.bytes, wire.length);
	assert_int_equal(packet.tuple.source.port.raw, 0);
}

/* A first fragment holds the checksum of the whole, which follows incrementally. */
static void first_fragment_checksum_follows(void **unused)
{
	struct wire_shape shape = udp_shape("10.0.0.2", "192.0.2.1", 72);
	uint64_t state = seed;
	struct packet packet;
	struct tuple to;

	(void)unused;
	wire_build(&wire, &shape, &state);
	to = shape.tuple;
	to.source = (struct endpoint){ wire_address("198.51.100.7"), be16_from_host(7777) };
	expected = wire;
	wire_translate(&expected, &to);
	/* cut both in the middle, and let the rest be another fragment's */
	wire.length = 60;
	wire.bytes[3] = 60;
	wire.bytes[6] = 0x20;
	wire.protocol = PROTOCOL_ESP;
	wire_seal(&wire);
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	rewrite_tuple(&packet, &to, false);
	assert_memory_equal(wire.bytes + 12, expected.bytes + 12, 48);
}

/* A computed UDP checksum of 0 would mean "none" (RFC 768). */
static void finished_udp_is_never_zero(void **unused)
{
	struct wire_shape shape = udp_shape("10.0.0.2", "192.0.2.1", 10);
	uint64_t state = seed;
	struct packet packet;

	(void)unused;
	wire_build(&wire, &shape, &state);
	wire.bytes[28] = wire.bytes[29] = 0;
	wire_seal(&wire);
	memcpy(wire.bytes + 28, wire.bytes + 26, 2); /* the sum of all the rest is now 0xffff */
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	rewrite_finish_checksum(&packet);
	assert_int_equal(wire.bytes[26] << 8 | wire.bytes[27], 0xffff);
	assert_true(packet_checksum_valid(&packet));
}

/* An echo reply of zeros has the checksum 0xffff, and a receiver refuses 0. */
static void icmp_of_zeros(void **unused)
{
	struct wire_shape shape = { .tuple = { .source = { wire_address("192.0.2.1"), be16_from_host(8) },
					       .destination = { wire_address("10.0.0.2"), be16_from_host(0) },
					       .protocol = PROTOCOL_ICMP },
				    .reply = true };
	uint64_t state = seed;
	struct packet packet;
	struct tuple to = shape.tuple;

	(void)unused;
	wire_build(&wire, &shape, &state);
	memset(wire.bytes + 20, 0, 8);
	wire_seal(&wire);
	assert_int_equal(wire.bytes[22] << 8 | wire.bytes[23], 0xffff);
	to.destination.address = wire_address("198.51.100.7");
	rewrite_and_compare(&to, false);
	to.destination.port = be16_from_host(5);
	rewrite_and_compare(&to, false);
	to.destination.port = be16_from_host(0);
	rewrite_and_compare(&to, false);
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	assert_int_equal(wire.bytes[22] << 8 | wire.bytes[23], 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewrite_equals_recomputation),
		cmocka_unit_test(rewrite_there_and_back_changes_nothing),
		cmocka_unit_test(unfinished_checksum_is_computed_in_full),
		cmocka_unit_test(finish_checksum_alone),
		cmocka_unit_test(wrong_checksum_stays_wrong),
		cmocka_unit_test(later_fragment_has_only_addresses),
		cmocka_unit_test(first_fragment_checksum_follows),
		cmocka_unit_test(finished_udp_is_never_zero),
		cmocka_unit_test(icmp_of_zeros),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
