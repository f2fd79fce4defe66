/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/compose.h"
#include "conntrack/parse.h"
#include "tests/model/wire_model.h"

static uint64_t seed;
static struct wire wire;
static uint8_t buffer[COMPOSE_LIMIT + 1];

static struct packet tcp(enum family family, uint8_t flags, size_t payload)
{
	uint64_t state = seed;
	struct wire_shape shape = {
		.tuple = wire_random_tuple(&state, family, PROTOCOL_TCP),
		.tcp_flags = flags,
		.payload = payload,
	};
	struct packet packet;

	wire_build(&wire, &shape, &state);
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	return packet;
}

static struct packet composed(size_t length)
{
	struct packet packet;

	assert_int_equal(packet_parse(&packet, buffer, length), REASON_NONE);
	assert_int_equal(packet.length, length);
	assert_true(packet_checksum_valid(&packet));
	assert_true(wire_checksums_right(&packet));
	assert_true(packet.dont_fragment);
	return packet;
}

/* RFC 9293 section 3.10.7.1 */
static void reset_answers(void **unused)
{
	static const struct {
		uint8_t flags;
		size_t payload;
		uint32_t occupied;
	} cases[] = {
		{ TCP_SYN, 0, 1 },	     { TCP_SYN, 10, 11 }, /* TCP fast open */
		{ TCP_FIN, 0, 1 },	     { TCP_PSH, 100, 100 },	  { TCP_SYN | TCP_FIN, 5, 7 },
		{ 0, 60000, 60000 },	     { TCP_ACK, 0, 0 },		  { TCP_ACK | TCP_PSH, 33, 0 },
		{ TCP_ACK | TCP_FIN, 0, 0 }, { TCP_SYN | TCP_ACK, 0, 0 },
	};

	(void)unused;
	for (int v6 = 0; v6 < 2; v6++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct packet to = tcp(v6 ? FAMILY_IPV6 : FAMILY_IPV4, cases[i].flags, cases[i].payload);
			size_t length = compose_tcp_reset(&to, buffer, sizeof(buffer));
			struct packet reset = composed(length);
			struct tuple inverse = tuple_invert(&to.tuple);

			assert_int_equal(length, v6 ? 60 : 40);
			assert_true(tuple_equal(&reset.tuple, &inverse));
			if (cases[i].flags & TCP_ACK) {
				assert_int_equal(reset.tcp.flags, TCP_RST);
				assert_int_equal(reset.tcp.sequence, to.tcp.acknowledgement);
				assert_int_equal(reset.tcp.acknowledgement, 0);
			} else {
				assert_int_equal(reset.tcp.flags, TCP_RST | TCP_ACK);
				assert_int_equal(reset.tcp.sequence, 0);
				assert_int_equal(reset.tcp.acknowledgement, to.tcp.sequence + cases[i].occupied);
			}
			assert_int_equal(reset.tcp.window, 0);
			assert_int_equal(reset.payload_length, 0);
		}
}

static void reset_stays_silent(void **unused)
{
	struct packet to = tcp(FAMILY_IPV4, TCP_RST, 0);

	(void)unused;
	assert_int_equal(compose_tcp_reset(&to, buffer, sizeof(buffer)), 0);
	to = tcp(FAMILY_IPV4, TCP_RST | TCP_ACK, 0);
	assert_int_equal(compose_tcp_reset(&to, buffer, sizeof(buffer)), 0);
	to = tcp(FAMILY_IPV4, TCP_SYN, 0);
	assert_int_equal(compose_tcp_reset(&to, buffer, 39), 0);
	assert_int_equal(compose_tcp_reset(&to, buffer, 40), 40);
	to.tuple.destination.address = wire_address("224.0.0.1");
	assert_int_equal(compose_tcp_reset(&to, buffer, sizeof(buffer)), 0);
	to.tuple.destination.address = wire_address("255.255.255.255");
	assert_int_equal(compose_tcp_reset(&to, buffer, sizeof(buffer)), 0);
	to = tcp(FAMILY_IPV4, TCP_SYN, 0);
	to.tuple.source.address = wire_address("0.0.0.0");
	assert_int_equal(compose_tcp_reset(&to, buffer, sizeof(buffer)), 0);
	to = tcp(FAMILY_IPV4, TCP_SYN, 0);
	to.later_fragment = true;
	assert_int_equal(compose_tcp_reset(&to, buffer, sizeof(buffer)), 0);
}

/* RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c): the quote is the packet, byte for byte, up to the limit. */
static void error_quotes(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	for (int round = 0; round < 4000; round++) {
		struct wire_shape shape = wire_random_shape(&state, 1500);
		enum family family = address_family(&shape.tuple.source.address);
		bool v4 = family == FAMILY_IPV4;
		struct address from = wire_random_address(&state, family);
		uint8_t type = v4 ? 3 : 1, code = (uint8_t)wire_below(&state, 4);
		size_t headers = v4 ? 28 : 48, limit = v4 ? 576 : 1280, length;
		struct packet about, packet;

		wire_build(&wire, &shape, &state);
		assert_int_equal(packet_parse(&about, wire.bytes, wire.length), REASON_NONE);
		memset(buffer, 0xee, sizeof(buffer));
		length = compose_icmp_error(&about, &from, type, code, 1400, buffer, sizeof(buffer));
		assert_int_equal(length, wire.length + headers < limit ? wire.length + headers : limit);
		assert_memory_equal(buffer + headers, wire.bytes, length - headers);
		packet = composed(length);
		assert_int_equal(packet.icmp.type, type);
		assert_int_equal(packet.icmp.code, code);
		assert_true(tuple_equal(&packet.icmp.quote.tuple, &about.tuple));
		assert_true(address_equal(&packet.tuple.source.address, &from));
		assert_true(address_equal(&packet.tuple.destination.address, &about.tuple.source.address));
		if (v4) /* RFC 1812 section 4.3.2.5 */
			assert_int_equal(buffer[1], (wire.bytes[1] & 0x1e) | 0xc0);
		assert_int_equal(packet.icmp.mtu, 0);
		assert_int_equal(buffer[headers - 4] | buffer[headers - 3] | buffer[headers - 2] | buffer[headers - 1],
				 0);
	}
}

/* Less than 8 bytes behind the IP header: the error has all there is, and can be read. */
static void error_about_little(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	for (size_t cut = 0; cut <= 8; cut++) {
		struct address from = wire_address("192.0.2.1");
		struct wire_shape shape = { .tuple = wire_random_tuple(&state, FAMILY_IPV4, PROTOCOL_ESP) };
		struct packet about, packet;

		shape.tuple.source.address = wire_address("10.0.0.2");
		shape.tuple.destination.address = wire_address("198.51.100.9");
		wire_build(&wire, &shape, &state);
		wire.length -= cut;
		wire.bytes[3] = (uint8_t)wire.length;
		wire_seal_ipv4(wire.bytes, wire.length);
		assert_int_equal(packet_parse(&about, wire.bytes, wire.length), REASON_NONE);
		packet = composed(compose_icmp_error(&about, &from, 3, 13, 0, buffer, sizeof(buffer)));
		assert_int_equal(packet.icmp.quote.l4_length, 8 - cut);
		assert_true(tuple_equal(&packet.icmp.quote.tuple, &about.tuple));
	}
}

/* The kernel writes its address into such a header and leaves the checksum for later; the quote's must be right. */
static void error_about_a_recorded_way(void **unused)
{
	uint8_t bytes[36] = { 0x47, 0, 0, 36, 0, 0, 0x40, 0, 64, PROTOCOL_UDP, 0, 0, 10, 0, 0, 2, 198, 51,
			      100,  2, 7, 7,  4, 0, 0, 0,    0, 0,  0x10,	  0, 0, 9, 0,  8, 0, 0 };
	static const uint8_t written[] = { 8, 198, 51, 100, 1 };
	struct address from = wire_address("192.0.2.1");
	struct packet about, packet;

	(void)unused;
	wire_seal_ipv4(bytes, sizeof(bytes));
	memcpy(bytes + 22, written, sizeof(written));
	assert_int_not_equal(wire_sum(0, bytes, 28), 0xffff);
	assert_int_equal(packet_parse(&about, bytes, sizeof(bytes)), REASON_NONE);
	packet = composed(compose_icmp_error(&about, &from, 11, 0, 0, buffer, sizeof(buffer)));
	assert_true(tuple_equal(&packet.icmp.quote.tuple, &about.tuple));
	assert_int_equal(wire_sum(0, buffer + 28, 28), 0xffff);
	assert_memory_equal(buffer + 28 + 22, written, sizeof(written));
}

static void error_with_mtu(void **unused)
{
	struct packet about = tcp(FAMILY_IPV4, TCP_ACK, 1400), packet;
	struct address from4 = wire_address("192.0.2.1"), from6 = wire_address("2001:db8::1");

	(void)unused;
	packet = composed(compose_icmp_error(&about, &from4, 3, 4, 1400, buffer, sizeof(buffer)));
	assert_int_equal(packet.icmp.mtu, 1400);
	assert_memory_equal(buffer + 24, ((uint8_t[]){ 0, 0, 0x05, 0x78 }), 4);
	packet = composed(compose_icmp_error(&about, &from4, 3, 4, 70000, buffer, sizeof(buffer)));
	assert_int_equal(packet.icmp.mtu, 65535);
	packet = composed(compose_icmp_error(&about, &from4, 3, 1, 1400, buffer, sizeof(buffer)));
	assert_memory_equal(buffer + 24, ((uint8_t[]){ 0, 0, 0, 0 }), 4);
	assert_int_equal(compose_icmp_error(&about, &from6, 3, 4, 1400, buffer, sizeof(buffer)), 0);

	about = tcp(FAMILY_IPV6, TCP_ACK, 1400);
	packet = composed(compose_icmp_error(&about, &from6, 2, 0, 70000, buffer, sizeof(buffer)));
	assert_int_equal(packet.icmp.mtu, 70000);
	assert_int_equal(compose_icmp_error(&about, &from4, 2, 0, 1400, buffer, sizeof(buffer)), 0);
}

/* The quote shrinks with the room there is, down to 8 bytes of transport; never past it. */
static void error_in_little_room(void **unused)
{
	struct packet about = tcp(FAMILY_IPV4, TCP_ACK, 1000);
	struct address from = wire_address("192.0.2.1");

	(void)unused;
	assert_int_equal(compose_icmp_error(&about, &from, 3, 1, 0, buffer, 55), 0);
	for (size_t size = 56; size < 600; size++) {
		memset(buffer, 0xee, sizeof(buffer));
		assert_int_equal(compose_icmp_error(&about, &from, 3, 1, 0, buffer, size), size < 576 ? size : 576);
		composed(size < 576 ? size : 576);
		for (size_t i = size; i < sizeof(buffer); i++)
			assert_int_equal(buffer[i], 0xee);
	}
}

static struct packet with(enum family family, const char *source, const char *destination)
{
	struct packet packet = tcp(family, TCP_SYN, 0);

	packet.tuple.source.address = wire_address(source);
	packet.tuple.destination.address = wire_address(destination);
	return packet;
}

/* RFC 1122 section 3.2.2, RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 (e) */
static void error_stays_silent(void **unused)
{
	static const char *const pairs[][2] = {
		{ "0.0.0.0", "192.0.2.1" },	    { "127.0.0.1", "192.0.2.1" }, { "224.0.0.5", "192.0.2.1" },
		{ "255.255.255.255", "192.0.2.1" }, { "240.0.0.1", "192.0.2.1" }, { "10.0.0.1", "224.0.0.1" },
		{ "10.0.0.1", "255.255.255.255" },  { "10.0.0.1", "0.0.0.0" },	  { "::", "2001:db8::1" },
		{ "ff02::1", "2001:db8::1" },	    { "2001:db8::1", "ff02::1" }, { "::1", "2001:db8::1" },
	};
	struct address from4 = wire_address("192.0.2.1"), from6 = wire_address("2001:db8::ff");
	struct wire_shape shape = { 0 };
	uint64_t state = seed;
	struct packet packet;
	static struct wire error;

	(void)unused;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		bool v4 = i < 8;

		packet = with(v4 ? FAMILY_IPV4 : FAMILY_IPV6, pairs[i][0], pairs[i][1]);
		assert_int_equal(
		    compose_icmp_error(&packet, v4 ? &from4 : &from6, v4 ? 3 : 1, 1, 0, buffer, sizeof(buffer)), 0);
	}
	packet = tcp(FAMILY_IPV4, TCP_SYN, 0);
	packet.later_fragment = true;
	assert_int_equal(compose_icmp_error(&packet, &from4, 3, 1, 0, buffer, sizeof(buffer)), 0);

	/* about an error, about a redirect, about an ICMPv6 type that may be an error */
	shape.tuple = wire_random_tuple(&state, FAMILY_IPV4, PROTOCOL_UDP);
	wire_build(&wire, &shape, &state);
	shape.tuple.protocol = PROTOCOL_ICMP;
	for (uint8_t type = 3; type <= 12; type++) {
		bool is_error = type <= 5 || type >= 11;

		wire_quote(&error, &wire, &shape.tuple, type, 0, 28, 0, 0);
		assert_int_equal(packet_parse(&packet, error.bytes, error.length), REASON_NONE);
		assert_int_equal(compose_icmp_error(&packet, &from4, 3, 1, 0, buffer, sizeof(buffer)) == 0, is_error);
	}
	shape.tuple = wire_random_tuple(&state, FAMILY_IPV6, PROTOCOL_UDP);
	wire_build(&wire, &shape, &state);
	shape.tuple.protocol = PROTOCOL_ICMPV6;
	for (unsigned int type = 1; type < 256; type++) {
		bool silent = type < 128 || type == 137;

		wire_quote(&error, &wire, &shape.tuple, (uint8_t)type, 0, 48, 0, 0);
		assert_int_equal(packet_parse(&packet, error.bytes, error.length), REASON_NONE);
		assert_int_equal(compose_icmp_error(&packet, &from6, 1, 1, 0, buffer, sizeof(buffer)) == 0, silent);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset_answers),	cmocka_unit_test(reset_stays_silent),
		cmocka_unit_test(error_quotes),		cmocka_unit_test(error_with_mtu),
		cmocka_unit_test(error_in_little_room), cmocka_unit_test(error_stays_silent),
		cmocka_unit_test(error_about_little),	cmocka_unit_test(error_about_a_recorded_way),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
