/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/icmp_error.h"
#include "conntrack/parse.h"
#include "tests/model/wire_model.h"

static uint64_t seed;
static struct wire about, error, original, expected;

/* The error before and after an SNAT: outside the quote shows the external source, inside the internal one. */
struct translation {
	struct tuple outer_before, outer_after;
	struct tuple quoted_before, quoted_after;
};

static struct translation random_translation(uint64_t *state, const struct wire_shape *shape, enum family family)
{
	struct translation t;
	uint8_t protocol = family == FAMILY_IPV4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;

	t.quoted_before = shape->tuple;
	t.quoted_after = wire_random_tuple(state, family, shape->tuple.protocol);
	if (shape->reply)
		t.quoted_after = tuple_invert(&t.quoted_after);
	t.outer_before = t.outer_after = (struct tuple){ .protocol = protocol };
	t.outer_before.source.address = wire_random_address(state, family);
	t.outer_before.destination.address = t.quoted_before.source.address;
	t.outer_after.source.address =
	    wire_below(state, 2) ? t.outer_before.source.address : wire_random_address(state, family);
	t.outer_after.destination.address = t.quoted_after.source.address;
	return t;
}

/*
 * What the quote must be: the packet translated by the model. SCTP keeps its CRC, and
 * TCP half a checksum.
 */
static void translate_quoted(const struct translation *t, size_t quoted)
{
	bool half = about.protocol == PROTOCOL_TCP && quoted < about.l4 + 18;
	uint8_t *field = about.bytes + about.l4 + (half ? 16 : 8), kept[4];

	memcpy(kept, field, sizeof(kept));
	wire_translate(&about, &t->quoted_after);
	if (half || about.protocol == PROTOCOL_SCTP)
		memcpy(field, kept, sizeof(kept));
}

static void rewrite_and_compare(const struct translation *t)
{
	struct packet packet, again;

	assert_int_equal(packet_parse(&packet, error.bytes, error.length), REASON_NONE);
	assert_true(packet_is_icmp_error(&packet));
	assert_true(packet_checksum_valid(&packet));
	assert_true(icmp_error_valid(&packet));
	assert_true(tuple_equal(&packet.icmp.quote.tuple, &t->quoted_before));
	icmp_error_rewrite(&packet, &t->outer_after, &t->quoted_after);
	assert_memory_equal(error.bytes, expected.bytes, expected.length);
	assert_int_equal(packet_parse(&again, error.bytes, error.length), REASON_NONE);
	assert_true(packet_checksum_valid(&again));
	assert_true(icmp_error_valid(&again));
	assert_true(tuple_equal(&again.icmp.quote.tuple, &t->quoted_after));
	assert_true(tuple_equal(&packet.icmp.quote.tuple, &t->quoted_after));
	assert_true(tuple_equal(&again.tuple, &packet.tuple));
}

struct kind {
	uint8_t type, code;
};

static const struct kind kinds4[] = { { 3, 0 },	 { 3, 1 },  { 3, 2 }, { 3, 3 },	 { 3, 4 },  { 3, 5 },  { 3, 9 },
				      { 3, 10 }, { 3, 13 }, { 4, 0 }, { 11, 0 }, { 11, 1 }, { 12, 0 }, { 12, 2 } };
static const struct kind kinds6[] = { { 1, 0 }, { 1, 1 }, { 1, 3 }, { 1, 4 }, { 2, 0 },
				      { 3, 0 }, { 3, 1 }, { 4, 0 }, { 4, 1 }, { 4, 2 } };

/* One error, quoting @quoted bytes, before and after. */
static void check(uint64_t *state, const struct wire_shape *shape, struct kind kind, size_t quoted, size_t padding,
		  size_t extension)
{
	enum family family = address_family(&shape->tuple.source.address);
	struct translation t = random_translation(state, shape, family);

	wire_build(&about, shape, state);
	if (quoted > about.length)
		quoted = about.length;
	if (extension) { /* RFC 4884 counts words, and asks for 128 bytes at least */
		size_t word = family == FAMILY_IPV4 ? 4 : 8;

		quoted &= ~(size_t)1;
		/* Padding shows by its data offset: who cuts a TCP header, cuts before that. */
		if (about.protocol == PROTOCOL_TCP && quoted > about.l4 + 12 && quoted < about.l4 + 18)
			quoted = about.l4 + 12;
		padding = quoted < 128 ? 128 - quoted : (word - quoted % word) % word;
	}
	wire_quote(&error, &about, &t.outer_before, kind.type, kind.code, quoted, padding, extension);
	translate_quoted(&t, quoted);
	wire_quote(&expected, &about, &t.outer_after, kind.type, kind.code, quoted, padding, extension);
	rewrite_and_compare(&t);
}

/* RFC5508-REQ-3, 4, 5; RFC5382-REQ-9: every type and code, every protocol, every length of quote. */
static void rewrite_table(void **unused)
{
	static const uint8_t protocols[] = { PROTOCOL_TCP,  PROTOCOL_UDP,  PROTOCOL_ICMP, PROTOCOL_UDPLITE,
					     PROTOCOL_DCCP, PROTOCOL_SCTP, PROTOCOL_GRE,  PROTOCOL_ESP };
	uint64_t state = seed;

	(void)unused;
	for (int v6 = 0; v6 < 2; v6++) {
		enum family family = v6 ? FAMILY_IPV6 : FAMILY_IPV4;
		size_t kinds = v6 ? sizeof(kinds6) / sizeof(kinds6[0]) : sizeof(kinds4) / sizeof(kinds4[0]);

		for (size_t k = 0; k < kinds; k++)
			for (size_t p = 0; p < sizeof(protocols); p++)
				for (size_t quoted = 8; quoted <= 40; quoted++) {
					uint8_t protocol =
					    v6 && protocols[p] == PROTOCOL_ICMP ? PROTOCOL_ICMPV6 : protocols[p];
					struct wire_shape shape = {
						.tuple = wire_random_tuple(&state, family, protocol),
						.payload = 32,
						.tcp_flags = TCP_ACK,
					};

					check(&state, &shape, v6 ? kinds6[k] : kinds4[k], (v6 ? 40 : 20) + quoted, 0,
					      0);
				}
	}
}

static void rewrite_random(void **unused)
{
	uint64_t state = seed + 1;

	(void)unused;
	for (int round = 0; round < 60000; round++) {
		struct wire_shape shape = wire_random_shape(&state, 600);
		bool v4 = address_family(&shape.tuple.source.address) == FAMILY_IPV4;
		struct kind kind = v4 ? kinds4[wire_below(&state, sizeof(kinds4) / sizeof(kinds4[0]))]
				      : kinds6[wire_below(&state, sizeof(kinds6) / sizeof(kinds6[0]))];
		size_t headers = v4 ? 20 + shape.options * 4 : 40 + shape.options * 8;
		bool extensible = v4 ? kind.type != 4 : kind.type == 1 || kind.type == 3;
		size_t extension = extensible && wire_below(&state, 2) ? 4 + wire_below(&state, 30) : 0;

		check(&state, &shape, kind, headers + 8 + wire_below(&state, 500), 0, extension);
	}
}

/* RFC 4884: extensions that follow the quote are not taken for a transport checksum. */
static void RFC4884_extension_survives(void **unused)
{
	uint64_t state = seed + 2;
	struct wire_shape shape = { .tuple = wire_random_tuple(&state, FAMILY_IPV4, PROTOCOL_TCP),
				    .tcp_flags = TCP_ACK };
	struct packet packet;

	(void)unused;
	check(&state, &shape, (struct kind){ 11, 0 }, 28, 0, 12);
	for (int i = 0; i < 12; i++)
		assert_int_equal(error.bytes[20 + 8 + 128 + i], 0x20 + i);
	assert_int_equal(error.bytes[25], 32);
	assert_int_equal(packet_parse(&packet, error.bytes, error.length), REASON_NONE);
	/* 28 bytes and padding: the quoted packet's own total length bounds what counts as TCP */
	assert_int_equal(packet.icmp.quote.l4_length, 20);
}

/* The quoted packet was a later fragment: addresses alone. */
static void later_fragment_quoted(void **unused)
{
	uint64_t state = seed + 3;

	(void)unused;
	for (int round = 0; round < 200; round++) {
		struct wire_shape shape = { .tuple = wire_random_tuple(&state, FAMILY_IPV4, PROTOCOL_UDP),
					    .payload = 40 };
		struct translation t = random_translation(&state, &shape, FAMILY_IPV4);
		struct packet packet;

		wire_build(&about, &shape, &state);
		about.bytes[7] = 20;
		about.protocol = PROTOCOL_ESP; /* its payload is no transport header: sealed without */
		wire_seal(&about);
		wire_quote(&error, &about, &t.outer_before, 11, 0, 28, 0, 0);
		wire_translate(&about, &t.quoted_after);
		wire_quote(&expected, &about, &t.outer_after, 11, 0, 28, 0, 0);
		assert_int_equal(packet_parse(&packet, error.bytes, error.length), REASON_NONE);
		assert_true(packet.icmp.quote.fragment);
		icmp_error_rewrite(&packet, &t.outer_after, &t.quoted_after);
		assert_memory_equal(error.bytes, expected.bytes, expected.length);
	}
}

static void by_hand_byte_for_byte(void **unused)
{
	/* An error by hand, 10.0.0.1 about 198.51.100.1:7777 -> 192.0.2.9:53, translated to 10.0.0.2:1000. */
	static const uint8_t before[] = {
		0x45, 0,    0,	 56, 0,	  1,  0,    0,	  64,  1,
		0x54, 0x0e, 192, 0,  2,	  1,  198,  51,	  100, 1, /* outer IP */
		3,    3,    0,	 0,  0,	  0,  0,    0,		  /* ICMP: port unreachable */
		0x45, 0,    0,	 40, 0,	  7,  0x40, 0,	  63,  17,
		0,    0,    198, 51, 100, 1,  192,  0,	  2,   9, /* quoted IP */
		0x1e, 0x61, 0,	 53, 0,	  20, 0xbe, 0xef,	  /* quoted UDP */
	};
	static const uint8_t changed[] = { 16, 17, 18, 19, 40, 41, 42, 43, 48, 49 };
	struct tuple outer = { .source.address = wire_address("192.0.2.1"),
			       .destination.address = wire_address("10.0.0.2"),
			       .protocol = PROTOCOL_ICMP };
	struct tuple quoted = { .source = { wire_address("10.0.0.2"), be16_from_host(1000) },
				.destination = { wire_address("192.0.2.9"), be16_from_host(53) },
				.protocol = PROTOCOL_UDP };
	static const uint8_t values[] = { 10, 0, 0, 2, 10, 0, 0, 2, 0x03, 0xe8 };
	struct packet packet;
	uint16_t sum;

	(void)unused;
	error = (struct wire){ .family = FAMILY_IPV4, .protocol = PROTOCOL_ICMP, .l4 = 20, .length = sizeof(before) };
	memcpy(error.bytes, before, sizeof(before));
	sum = (uint16_t)~wire_sum(0, error.bytes + 28, 20);
	error.bytes[38] = (uint8_t)(sum >> 8);
	error.bytes[39] = (uint8_t)sum;
	wire_seal(&error);
	expected = error;
	for (size_t i = 0; i < sizeof(changed); i++)
		expected.bytes[changed[i]] = values[i];
	expected.bytes[38] = expected.bytes[39] = 0;
	sum = (uint16_t)~wire_sum(0, expected.bytes + 28, 20);
	expected.bytes[38] = (uint8_t)(sum >> 8);
	expected.bytes[39] = (uint8_t)sum;
	/* 0xbeef follows the change of 198.51.100.1:7777 to 10.0.0.2:1000, by RFC 1624 on paper */
	sum = wire_sum(0, (uint8_t[]){ 0x41, 0x10, 0x39, 0xcc, 0x9b, 0xfe, 0xe1, 0x9e, 10, 0, 0, 2, 0x03, 0xe8 }, 14);
	expected.bytes[54] = (uint8_t)(~sum >> 8);
	expected.bytes[55] = (uint8_t)~sum;
	wire_seal(&expected);
	assert_int_equal(packet_parse(&packet, error.bytes, error.length), REASON_NONE);
	icmp_error_rewrite(&packet, &outer, &quoted);
	assert_memory_equal(error.bytes, expected.bytes, sizeof(before));
}

static void error_that_fits_nothing(void **unused)
{
	uint64_t state = seed + 4;
	struct wire_shape shape = { .tuple = wire_random_tuple(&state, FAMILY_IPV4, PROTOCOL_UDP) };
	struct translation t = random_translation(&state, &shape, FAMILY_IPV4);
	struct packet packet;

	(void)unused;
	wire_build(&about, &shape, &state);
	wire_quote(&error, &about, &t.outer_before, 3, 4, 28, 0, 0);
	assert_int_equal(packet_parse(&packet, error.bytes, error.length), REASON_NONE);
	assert_true(icmp_error_valid(&packet));
	packet.tuple.destination.address.bytes[15] ^= 1; /* goes to somebody else */
	assert_false(icmp_error_valid(&packet));
	packet.tuple.destination.address.bytes[15] ^= 1;
	packet.icmp.quote.tuple.destination.address = wire_address("224.0.0.1");
	assert_false(icmp_error_valid(&packet));
	packet.icmp.quote.tuple.destination.address = wire_address("0.0.0.0");
	assert_false(icmp_error_valid(&packet));
}

static uint16_t quoted_checksum(void)
{
	return (uint16_t)(about.bytes[about.l4 + 16] << 8 | about.bytes[about.l4 + 17]);
}

/* Of 65,536 TCP checksums one is zero, before a translation or behind it: it is followed all the same. */
static void tcp_checksum_of_zero(void **unused)
{
	uint64_t state = seed + 6;

	(void)unused;
	for (int round = 0; round < 500; round++) {
		struct wire_shape shape = { .tuple = wire_random_tuple(&state, FAMILY_IPV4, PROTOCOL_TCP) };
		struct translation t = random_translation(&state, &shape, FAMILY_IPV4);
		struct tuple *chosen = round % 2 ? &t.quoted_before : &t.quoted_after;

		wire_build(&about, &shape, &state);
		/* What the sum lacks without its source port is the source port that makes it zero. */
		chosen->source.port = be16_from_host(0);
		wire_translate(&about, chosen);
		chosen->source.port = be16_from_host(quoted_checksum());
		wire_translate(&about, chosen);
		assert_int_equal(quoted_checksum(), 0);
		wire_translate(&about, &t.quoted_before);
		wire_quote(&error, &about, &t.outer_before, 3, 4, 40, 0, 0);
		translate_quoted(&t, 40);
		wire_quote(&expected, &about, &t.outer_after, 3, 4, 40, 0, 0);
		rewrite_and_compare(&t);
	}
}

/* A packet too big that nobody could translate twice: there and back is the identity. */
static void there_and_back(void **unused)
{
	uint64_t state = seed + 5;

	(void)unused;
	for (int round = 0; round < 5000; round++) {
		struct wire_shape shape = wire_random_shape(&state, 100);
		enum family family = address_family(&shape.tuple.source.address);
		struct translation t = random_translation(&state, &shape, family);
		struct packet packet;

		wire_build(&about, &shape, &state);
		wire_quote(&error, &about, &t.outer_before, family == FAMILY_IPV4 ? 3 : 2, 4, about.length, 0, 0);
		original = error;
		assert_int_equal(packet_parse(&packet, error.bytes, error.length), REASON_NONE);
		icmp_error_rewrite(&packet, &t.outer_after, &t.quoted_after);
		icmp_error_rewrite(&packet, &t.outer_before, &t.quoted_before);
		assert_memory_equal(error.bytes, original.bytes, original.length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewrite_table),
		cmocka_unit_test(rewrite_random),
		cmocka_unit_test(RFC4884_extension_survives),
		cmocka_unit_test(later_fragment_quoted),
		cmocka_unit_test(by_hand_byte_for_byte),
		cmocka_unit_test(error_that_fits_nothing),
		cmocka_unit_test(tcp_checksum_of_zero),
		cmocka_unit_test(there_and_back),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
