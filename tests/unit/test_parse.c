/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile packets: each case is a well-formed packet with a few bytes changed, and
 * the reason for which it must be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/parse.h"
#include "tests/model/wire_model.h"

static uint64_t seed;
static struct wire wire;

static void build(enum family family, uint8_t protocol, size_t payload)
{
	struct wire_shape shape = {
		.tuple = { .source = { wire_address(family == FAMILY_IPV4 ? "10.0.0.2" : "2001:db8::2"),
				       be16_from_host(40000) },
			   .destination = { wire_address(family == FAMILY_IPV4 ? "192.0.2.9" : "2001:db8:1::9"),
					    be16_from_host(443) },
			   .protocol = protocol },
		.payload = payload,
		.tcp_flags = TCP_ACK,
	};
	uint64_t state = seed;

	wire_build(&wire, &shape, &state);
}

/* The IPv4 header checksum follows: it is not what is tested. */
static void seal_header(void)
{
	uint16_t sum;

	wire.bytes[10] = wire.bytes[11] = 0;
	sum = (uint16_t)~wire_sum(0, wire.bytes, (wire.bytes[0] & 15u) * 4);
	wire.bytes[10] = (uint8_t)(sum >> 8);
	wire.bytes[11] = (uint8_t)sum;
}

/* Parses a copy of exactly that size, so that a sanitizer sees every byte too far. */
static enum reason parse(struct packet *packet)
{
	static uint8_t *copy;
	enum reason reason;

	free(copy);
	copy = malloc(wire.length ? wire.length : 1);
	assert_non_null(copy);
	memcpy(copy, wire.bytes, wire.length);
	memset(packet, 0xa5, sizeof(*packet)); /* nothing may be left as it was */
	reason = packet_parse(packet, copy, wire.length);
	if (reason == REASON_NONE) {
		assert_int_equal(packet->tuple.zero, 0);
		assert_true(packet->length <= wire.length);
		assert_true(packet->payload_offset + packet->payload_length <= packet->length);
		assert_true(packet->l4_offset + packet->l4_length == packet->length);
	}
	return reason;
}

static void expect(enum reason wanted)
{
	struct packet packet;
	enum reason reason = parse(&packet);

	if (reason != wanted)
		fail_msg("%s instead of %s", reason_key(reason), reason_key(wanted));
}

/* ------------------------------------------------------------- well-formed */

static void fields_of_tcp(void **unused)
{
	static const uint8_t options[] = { 2, 4, 5, 0xb4, 1, 1, 1, 0 };
	struct wire_shape shape = {
		.tuple = { .source = { wire_address("10.0.0.2"), be16_from_host(40000) },
			   .destination = { wire_address("192.0.2.9"), be16_from_host(443) },
			   .protocol = PROTOCOL_TCP },
		.options = 3,
		.payload = 11,
		.tcp_options = options,
		.tcp_options_length = sizeof(options),
		.tcp_flags = TCP_SYN | TCP_ECE | TCP_CWR,
	};
	uint64_t state = seed;
	struct packet packet;

	(void)unused;
	wire_build(&wire, &shape, &state);
	wire.bytes[1] = 0xb9; /* DSCP 46, ECN 1 */
	wire.bytes[6] = 0x40;
	wire.bytes[8] = 17;
	memcpy(wire.bytes + wire.l4 + 4, (uint8_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 }, 8);
	memcpy(wire.bytes + wire.l4 + 14, (uint8_t[]){ 0x12, 0x34 }, 2);
	wire_seal(&wire);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_true(tuple_equal(&packet.tuple, &shape.tuple));
	assert_int_equal(packet.family, FAMILY_IPV4);
	assert_int_equal(packet.length, 20 + 12 + 28 + 11);
	assert_int_equal(packet.ttl, 17);
	assert_int_equal(packet.dscp, 46);
	assert_int_equal(packet.l4_offset, 32);
	assert_int_equal(packet.l4_length, 39);
	assert_int_equal(packet.payload_offset, 60);
	assert_int_equal(packet.payload_length, 11);
	assert_true(packet.dont_fragment);
	assert_false(packet.fragment || packet.later_fragment);
	assert_int_equal(packet.tcp.sequence, 0x01020304);
	assert_int_equal(packet.tcp.acknowledgement, 0x05060708);
	assert_int_equal(packet.tcp.window, 0x1234);
	assert_int_equal(packet.tcp.flags, TCP_SYN | TCP_ECE | TCP_CWR);
	assert_int_equal(packet.tcp.options_offset, 52);
	assert_int_equal(packet.tcp.options_length, 8);
	assert_true(packet_checksum_valid(&packet));
}

/* tuple.h: the inverse of a request's tuple is its reply's. */
static void identifiers_of_queries(void **unused)
{
	static const struct {
		enum family family;
		uint8_t protocol, request, reply;
	} pairs[] = {
		{ FAMILY_IPV4, PROTOCOL_ICMP, 8, 0 },	    { FAMILY_IPV4, PROTOCOL_ICMP, 13, 14 },
		{ FAMILY_IPV4, PROTOCOL_ICMP, 15, 16 },	    { FAMILY_IPV4, PROTOCOL_ICMP, 17, 18 },
		{ FAMILY_IPV6, PROTOCOL_ICMPV6, 128, 129 },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct packet request, reply;
		struct tuple inverse;

		build(pairs[i].family, pairs[i].protocol, 20);
		wire.bytes[wire.l4] = pairs[i].request;
		memcpy(wire.bytes + wire.l4 + 4, (uint8_t[]){ 0x12, 0x34 }, 2);
		assert_int_equal(parse(&request), REASON_NONE);
		assert_true(request.icmp.query && !request.icmp.reply && !request.icmp.error);
		assert_int_equal(be16_to_host(request.icmp.id), 0x1234);
		assert_int_equal(be16_to_host(request.tuple.source.port), 0x1234);
		assert_int_equal(be16_to_host(request.tuple.destination.port), pairs[i].request);
		wire.bytes[wire.l4] = pairs[i].reply;
		assert_int_equal(parse(&reply), REASON_NONE);
		assert_true(!reply.icmp.query && reply.icmp.reply);
		inverse = tuple_invert(&request.tuple);
		assert_true(endpoint_equal(&(struct endpoint){ reply.tuple.source.address, inverse.source.port },
					   &(struct endpoint){ reply.tuple.source.address, reply.tuple.source.port }));
		assert_int_equal(reply.tuple.destination.port.raw, inverse.destination.port.raw);
	}
}

static void padding_is_cut_off(void **unused)
{
	struct packet packet;

	(void)unused;
	build(FAMILY_IPV4, PROTOCOL_UDP, 1);
	wire.length += 17;
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_int_equal(packet.length, 29);
	assert_true(packet_checksum_valid(&packet));
	build(FAMILY_IPV6, PROTOCOL_TCP, 1);
	wire.length += 3;
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_int_equal(packet.length, 61);
	assert_true(packet_checksum_valid(&packet));
}

/* What the UDP length leaves over belongs to IP, not to UDP (RFC 9868), nor to its checksum. */
static void udp_surplus(void **unused)
{
	struct packet packet;

	(void)unused;
	build(FAMILY_IPV4, PROTOCOL_UDP, 10);
	wire.bytes[3] = (uint8_t)(wire.length + 6);
	wire.length += 6;
	seal_header();
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_int_equal(packet.payload_length, 10);
	assert_int_equal(packet.l4_length, 24);
	assert_true(packet_checksum_valid(&packet));
}

static void checksum_is_judged(void **unused)
{
	uint64_t state = seed;
	struct packet packet;

	(void)unused;
	for (int round = 0; round < 50000; round++) {
		struct wire_shape shape = wire_random_shape(&state, 60);
		bool covered;

		wire_build(&wire, &shape, &state);
		assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
		assert_true(packet_checksum_valid(&packet));
		/* a change in what every checksum covers: the last byte of a transport header's first 4 */
		covered = wire.protocol != PROTOCOL_GRE && wire.protocol != PROTOCOL_ESP && !wire.no_checksum;
		wire.bytes[wire.l4 + 3] ^= (uint8_t)(1 + wire_below(&state, 255));
		assert_int_equal(packet_checksum_valid(&packet), !covered);
	}
}

/* RFC 6936 section 5: a zero over IPv6 passes; RFC 768: over IPv4 too. */
static void udp_without_checksum(void **unused)
{
	struct packet packet;

	(void)unused;
	for (int v6 = 0; v6 < 2; v6++) {
		build(v6 ? FAMILY_IPV6 : FAMILY_IPV4, PROTOCOL_UDP, 5);
		wire.bytes[wire.l4 + 6] = wire.bytes[wire.l4 + 7] = 0;
		assert_int_equal(parse(&packet), REASON_NONE);
		assert_true(packet_checksum_valid(&packet));
	}
}

/* ------------------------------------------------------------ one byte wrong */

struct broken {
	const char *name;
	enum family family;
	uint8_t protocol;
	unsigned int payload;
	struct {
		uint8_t at, value;
	} set[6];
	int length; /* added to the packet's length */
	enum reason reason;
};

#define V4 FAMILY_IPV4
#define V6 FAMILY_IPV6
#define SET(...) \
	{ \
		__VA_ARGS__ \
	}

static const struct broken broken[] = {
	{ "version 5", V4, PROTOCOL_TCP, 4, SET({ 0, 0x55 }), 0, REASON_BAD_IP_HEADER },
	{ "version 0", V4, PROTOCOL_TCP, 4, SET({ 0, 0x05 }), 0, REASON_BAD_IP_HEADER },
	{ "header length 4", V4, PROTOCOL_TCP, 4, SET({ 0, 0x44 }), 0, REASON_BAD_IP_HEADER },
	{ "header longer than the packet", V4, PROTOCOL_UDP, 0, SET({ 0, 0x4f }), 0, REASON_BAD_IP_HEADER },
	{ "total length 0", V4, PROTOCOL_TCP, 4, SET({ 2, 0 }, { 3, 0 }), 0, REASON_BAD_IP_HEADER },
	{ "total length 19", V4, PROTOCOL_TCP, 4, SET({ 3, 19 }), 0, REASON_BAD_IP_HEADER },
	{ "total length beyond", V4, PROTOCOL_TCP, 4, SET({ 3, 45 }), 0, REASON_BAD_IP_HEADER },
	{ "bytes missing", V4, PROTOCOL_TCP, 4, { { 0 } }, -1, REASON_BAD_IP_HEADER },
	{ "IPv4 header cut", V4, PROTOCOL_UDP, 0, { { 0 } }, -9, REASON_SHORT_HEADER },
	{ "source multicast", V4, PROTOCOL_UDP, 0, SET({ 12, 224 }), 0, REASON_MARTIAN },
	{ "source broadcast", V4, PROTOCOL_UDP, 0, SET({ 12, 255 }, { 13, 255 }, { 14, 255 }, { 15, 255 }), 0,
	  REASON_MARTIAN },
	{ "destination 0.0.0.0", V4, PROTOCOL_UDP, 0, SET({ 16, 0 }, { 17, 0 }, { 18, 0 }, { 19, 0 }), 0,
	  REASON_MARTIAN },
	{ "source 0.0.0.0 (DHCP)", V4, PROTOCOL_UDP, 0, SET({ 12, 0 }, { 13, 0 }, { 14, 0 }, { 15, 0 }), 0,
	  REASON_NONE },
	{ "ICMPv6 in IPv4", V4, PROTOCOL_ICMP, 0, SET({ 9, 58 }), 0, REASON_BAD_L4_HEADER },
	{ "offset 1", V4, PROTOCOL_TCP, 64, SET({ 7, 1 }), 0, REASON_BAD_FRAGMENT },
	{ "offset 1, UDP", V4, PROTOCOL_UDP, 64, SET({ 7, 1 }), 0, REASON_BAD_FRAGMENT },
	{ "offset 2", V4, PROTOCOL_TCP, 64, SET({ 7, 2 }), 0, REASON_NONE },
	{ "beyond 65535", V4, PROTOCOL_TCP, 64, SET({ 6, 0x1f }, { 7, 0xff }), 0, REASON_BAD_FRAGMENT },
	{ "just within 65535", V4, PROTOCOL_UDP, 0, SET({ 6, 0x1f }, { 7, 0xfa }), 0, REASON_NONE },
	{ "middle of odd length", V4, PROTOCOL_UDP, 63, SET({ 6, 0x20 }), 0, REASON_BAD_FRAGMENT },
	{ "first, whole header", V4, PROTOCOL_TCP, 4, SET({ 6, 0x20 }), 0, REASON_NONE },
	{ "tiny first TCP", V4, PROTOCOL_TCP, 4, SET({ 6, 0x20 }, { 3, 36 }), 0, REASON_BAD_FRAGMENT },
	{ "first with half the options", V4, PROTOCOL_TCP, 4, SET({ 6, 0x20 }, { 32, 0x80 }), 0, REASON_BAD_FRAGMENT },
	{ "first without anything", V4, PROTOCOL_UDP, 0, SET({ 6, 0x20 }, { 3, 20 }), 0, REASON_BAD_FRAGMENT },
	{ "first UDP, 8 bytes", V4, PROTOCOL_UDP, 80, SET({ 6, 0x20 }, { 3, 28 }), 0, REASON_NONE },
	{ "first ICMP error", V4, PROTOCOL_ICMP, 64, SET({ 6, 0x20 }, { 20, 3 }), 0, REASON_BAD_FRAGMENT },
	{ "first ICMP echo", V4, PROTOCOL_ICMP, 64, SET({ 6, 0x20 }), 0, REASON_NONE },
	{ "data offset 4", V4, PROTOCOL_TCP, 20, SET({ 32, 0x40 }), 0, REASON_BAD_L4_HEADER },
	{ "data offset 0", V4, PROTOCOL_TCP, 20, SET({ 32, 0 }), 0, REASON_BAD_L4_HEADER },
	{ "data offset beyond", V4, PROTOCOL_TCP, 20, SET({ 32, 0xf0 }), 0, REASON_BAD_L4_HEADER },
	{ "TCP header cut", V4, PROTOCOL_TCP, 0, SET({ 3, 39 }), 0, REASON_SHORT_HEADER },
	{ "TCP source port 0", V4, PROTOCOL_TCP, 0, SET({ 20, 0 }, { 21, 0 }), 0, REASON_BAD_L4_HEADER },
	{ "TCP destination port 0", V4, PROTOCOL_TCP, 0, SET({ 22, 0 }, { 23, 0 }), 0, REASON_BAD_L4_HEADER },
	{ "UDP source port 0", V4, PROTOCOL_UDP, 0, SET({ 20, 0 }, { 21, 0 }), 0, REASON_NONE },
	{ "UDP destination port 0", V4, PROTOCOL_UDP, 0, SET({ 22, 0 }, { 23, 0 }), 0, REASON_BAD_L4_HEADER },
	{ "UDP length 7", V4, PROTOCOL_UDP, 0, SET({ 25, 7 }), 0, REASON_BAD_L4_HEADER },
	{ "UDP length 0", V4, PROTOCOL_UDP, 0, SET({ 25, 0 }), 0, REASON_BAD_L4_HEADER },
	{ "UDP length beyond", V4, PROTOCOL_UDP, 3, SET({ 25, 12 }), 0, REASON_BAD_L4_HEADER },
	{ "UDP header cut", V4, PROTOCOL_UDP, 0, SET({ 3, 27 }), 0, REASON_SHORT_HEADER },
	{ "UDP-Lite coverage 7", V4, PROTOCOL_UDPLITE, 9, SET({ 25, 7 }), 0, REASON_BAD_L4_HEADER },
	{ "UDP-Lite coverage beyond", V4, PROTOCOL_UDPLITE, 9, SET({ 25, 18 }), 0, REASON_BAD_L4_HEADER },
	{ "UDP-Lite without checksum", V4, PROTOCOL_UDPLITE, 9, SET({ 26, 0 }, { 27, 0 }), 0, REASON_BAD_L4_HEADER },
	{ "DCCP data offset 3 of 4", V4, PROTOCOL_DCCP, 9, SET({ 24, 3 }), 0, REASON_BAD_L4_HEADER },
	{ "DCCP data offset beyond", V4, PROTOCOL_DCCP, 9, SET({ 24, 7 }), 0, REASON_BAD_L4_HEADER },
	{ "DCCP coverage beyond", V4, PROTOCOL_DCCP, 9, SET({ 25, 4 }), 0, REASON_BAD_L4_HEADER },
	{ "SCTP header cut", V4, PROTOCOL_SCTP, 0, SET({ 3, 31 }), 0, REASON_SHORT_HEADER },
	{ "ICMP header cut", V4, PROTOCOL_ICMP, 0, SET({ 3, 27 }), 0, REASON_SHORT_HEADER },
	{ "IPv6 header cut", V6, PROTOCOL_UDP, 0, { { 0 } }, -9, REASON_SHORT_HEADER },
	{ "IPv6 payload beyond", V6, PROTOCOL_UDP, 0, SET({ 5, 9 }), 0, REASON_BAD_IP_HEADER },
	{ "IPv6 payload 0", V6, PROTOCOL_UDP, 0, SET({ 5, 0 }), 0, REASON_SHORT_HEADER },
	{ "ICMP in IPv6", V6, PROTOCOL_ICMPV6, 0, SET({ 6, 1 }), 0, REASON_BAD_L4_HEADER },
	{ "IPv6 source multicast", V6, PROTOCOL_UDP, 0, SET({ 8, 0xff }), 0, REASON_MARTIAN },
	{ "no next header", V6, PROTOCOL_UDP, 0, SET({ 6, 59 }, { 5, 0 }), 0, REASON_NONE },
};

static void malformed(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		const struct broken *b = &broken[i];

		print_message("# %s\n", b->name);
		build(b->family, b->protocol, b->payload);
		for (size_t s = 0; s < 6 && (s == 0 || b->set[s].at); s++)
			if (b->set[s].at || b->set[s].value)
				wire.bytes[b->set[s].at] = b->set[s].value;
		wire.length = (size_t)((int)wire.length + b->length);
		if (b->family == FAMILY_IPV4 && (wire.bytes[0] & 15) * 4u <= wire.length)
			seal_header();
		expect(b->reason);
	}
}

static void ipv4_header_checksum(void **unused)
{
	(void)unused;
	for (size_t at = 0; at < 20; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct packet packet;

			build(FAMILY_IPV4, PROTOCOL_UDP, 4);
			wire.bytes[at] ^= (uint8_t)(1 << bit);
			assert_int_not_equal(parse(&packet), REASON_NONE);
		}
	build(FAMILY_IPV4, PROTOCOL_UDP, 4);
	wire.bytes[8] ^= 1;
	expect(REASON_BAD_IP_CHECKSUM);
}

static void ipv4_options(void **unused)
{
	static const struct {
		uint8_t options[8];
		enum reason reason;
	} cases[] = {
		{ { 148, 4, 0, 0, 0 }, REASON_NONE }, /* router alert */
		{ { 1, 148, 4, 0, 0, 1, 1, 0 }, REASON_NONE },
		{ { 7, 7, 4, 0, 0, 0, 0, 0 }, REASON_NONE },   /* record route */
		{ { 0, 131, 7, 4, 0, 0, 0, 0 }, REASON_NONE }, /* behind the end */
		{ { 131, 7, 4, 192, 0, 2, 1, 0 }, REASON_BAD_IP_HEADER },
		{ { 1, 137, 7, 4, 192, 0, 2, 1 }, REASON_BAD_IP_HEADER },
		{ { 148, 0, 0, 0, 0 }, REASON_BAD_IP_HEADER },
		{ { 148, 1, 0, 0, 0 }, REASON_BAD_IP_HEADER },
		{ { 148, 9, 0, 0, 0 }, REASON_BAD_IP_HEADER },
		{ { 1, 1, 1, 1, 1, 1, 1, 148 }, REASON_BAD_IP_HEADER },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_shape shape = {
			.tuple = { .source = { wire_address("10.0.0.2"), be16_from_host(1) },
				   .destination = { wire_address("192.0.2.9"), be16_from_host(2) },
				   .protocol = PROTOCOL_UDP },
			.options = 2,
		};
		uint64_t state = seed;

		wire_build(&wire, &shape, &state);
		memcpy(wire.bytes + 20, cases[i].options, 8);
		seal_header();
		expect(cases[i].reason);
	}
}

/* Every packet cut short at every place: refused, and not a byte read beyond. */
static void cut_everywhere(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	for (int round = 0; round < 150; round++) {
		struct wire_shape shape = wire_random_shape(&state, 20);
		size_t whole;

		wire_build(&wire, &shape, &state);
		whole = wire.length;
		for (wire.length = 0; wire.length < whole; wire.length++) {
			struct packet packet;

			assert_int_not_equal(parse(&packet), REASON_NONE);
		}
	}
}

static void mapped_addresses(void **unused)
{
	static const char *const bad[] = { "::ffff:10.0.0.1", "::ffff:0.0.0.0", "::" };

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		struct address address;

		build(FAMILY_IPV6, PROTOCOL_UDP, 0);
		address = wire_address(bad[i]);
		memcpy(wire.bytes + 24, address.bytes, 16);
		expect(REASON_MARTIAN);
		build(FAMILY_IPV6, PROTOCOL_UDP, 0);
		memcpy(wire.bytes + 8, address.bytes, 16);
		expect(i == 2 ? REASON_NONE : REASON_MARTIAN); /* :: is a source in address autoconfiguration */
	}
}

/* -------------------------------------------------------- extension headers */

/* IPv6 with @chain between the header and 8 bytes of UDP. */
static void chain(const uint8_t *headers, size_t length, uint8_t first)
{
	build(FAMILY_IPV6, PROTOCOL_UDP, 0);
	memmove(wire.bytes + 40 + length, wire.bytes + 40, 8);
	memcpy(wire.bytes + 40, headers, length);
	wire.bytes[6] = first;
	wire.bytes[4] = (uint8_t)((length + 8) >> 8);
	wire.bytes[5] = (uint8_t)(length + 8);
	wire.length = 48 + length;
}

struct chain_case {
	const char *name;
	uint8_t first, length, bytes[48];
	enum reason reason;
};

#define UDP 17
#define PAD4 1, 4, 0, 0, 0, 0

static const struct chain_case chains[] = {
	{ "hop-by-hop", 0, 8, { UDP, 0, PAD4 }, REASON_NONE },
	{ "hop-by-hop, router alert", 0, 8, { UDP, 0, 5, 2, 0, 0, 0, 0 }, REASON_NONE },
	{ "jumbogram", 0, 8, { UDP, 0, 0xc2, 4, 0, 1, 0, 0 }, REASON_BAD_EXTENSION },
	{ "option beyond its header", 60, 8, { UDP, 0, 1, 5, 0, 0, 0, 0 }, REASON_BAD_EXTENSION },
	{ "option without length", 60, 8, { UDP, 0, 0, 0, 0, 0, 0, 1 }, REASON_BAD_EXTENSION },
	{ "hop-by-hop second", 60, 16, { 0, 0, PAD4, UDP, 0, PAD4 }, REASON_BAD_EXTENSION },
	{ "hop-by-hop twice", 0, 16, { 0, 0, PAD4, UDP, 0, PAD4 }, REASON_BAD_EXTENSION },
	{ "destination twice", 60, 16, { 60, 0, PAD4, UDP, 0, PAD4 }, REASON_NONE },
	{ "longer than the packet", 60, 8, { UDP, 3, PAD4 }, REASON_SHORT_HEADER },
	{ "routing type 0", 43, 8, { UDP, 0, 0, 0, 0, 0, 0, 0 }, REASON_BAD_EXTENSION },
	{ "routing type 4, done", 43, 8, { UDP, 0, 4, 0, 0, 0, 0, 0 }, REASON_NONE },
	{ "routing type 4, not done", 43, 8, { UDP, 0, 4, 1, 0, 0, 0, 0 }, REASON_BAD_EXTENSION },
	{ "routing type 2 too short", 43, 8, { UDP, 0, 2, 1, 0, 0, 0, 0 }, REASON_BAD_EXTENSION },
	{ "AH", 51, 12, { UDP, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1 }, REASON_NONE },
	{ "AH of 8 bytes", 51, 8, { UDP, 0, 0, 0, 0, 0, 0, 1 }, REASON_NONE },
	{ "AH longer than the packet", 51, 8, { UDP, 9, 0, 0, 0, 0, 0, 1 }, REASON_SHORT_HEADER },
	{ "atomic fragment", 44, 8, { UDP, 0, 0, 0, 1, 2, 3, 4 }, REASON_NONE },
	{ "first fragment", 44, 8, { UDP, 0, 0, 1, 1, 2, 3, 4 }, REASON_NONE },
	{ "later fragment", 44, 8, { UDP, 0, 0, 16, 1, 2, 3, 4 }, REASON_NONE },
	{ "offset 8", 44, 8, { UDP, 0, 0, 8, 1, 2, 3, 4 }, REASON_BAD_FRAGMENT },
	{ "beyond 65535", 44, 8, { UDP, 0, 0xff, 0xf8, 1, 2, 3, 4 }, REASON_BAD_FRAGMENT },
	{ "fragment of a fragment",
	  44,
	  16,
	  { 44, 0, 0, 1, 0, 0, 0, 1, UDP, 0, 0, 1, 1, 2, 3, 4 },
	  REASON_BAD_EXTENSION },
	{ "fragmented chain", 44, 8, { 60, 0, 0, 1, 1, 2, 3, 4 }, REASON_BAD_FRAGMENT },
	{ "first fragment without TCP", 44, 8, { 6, 0, 0, 1, 1, 2, 3, 4 }, REASON_BAD_FRAGMENT },
};

static void extension_headers(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		const struct chain_case *c = &chains[i];

		print_message("# %s\n", c->name);
		chain(c->bytes, c->length, c->first);
		if (strcmp(c->name, "fragmented chain") == 0) /* the second header reaches out of the fragment */
			memcpy(wire.bytes + 48, ((uint8_t[]){ UDP, 1, PAD4 }), 8);
		expect(c->reason);
	}
}

static void extension_headers_bounded(void **unused)
{
	uint8_t headers[8 * 9];

	(void)unused;
	for (size_t count = 1; count <= 9; count++) {
		for (size_t i = 0; i < count; i++)
			memcpy(headers + 8 * i, ((uint8_t[]){ i + 1 == count ? UDP : 60, 0, PAD4 }), 8);
		chain(headers, 8 * count, 60);
		expect(count <= 8 ? REASON_NONE : REASON_BAD_EXTENSION);
	}
}

/* RFC 6946, and what a fragment says of its ports. */
static void fragment_fields(void **unused)
{
	struct packet packet;

	(void)unused;
	chain(chains[16].bytes, 8, 44);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_false(packet.fragment || packet.later_fragment);
	assert_true(packet_checksum_valid(&packet));
	chain(chains[17].bytes, 8, 44);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_true(packet.fragment && !packet.later_fragment);
	assert_int_equal(be16_to_host(packet.tuple.destination.port), 443);
	chain(chains[18].bytes, 8, 44);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_true(packet.fragment && packet.later_fragment);
	assert_int_equal(packet.tuple.destination.port.raw, 0);
	assert_int_equal(packet.tuple.protocol, PROTOCOL_UDP);
	assert_int_equal(packet.l4_offset, 48);
}

/* RFC 6275 section 6.4, 6.3: the checksum is over the home address, wherever it stands. */
static void mobile_addresses(void **unused)
{
	struct address home = wire_address("2001:db8:99::5");
	uint8_t routing[24] = { UDP, 2, 2, 1 }, option[24] = { UDP, 2, 1, 2, 0, 0, 0xc9, 16 };
	struct packet packet;

	(void)unused;
	memcpy(routing + 8, home.bytes, 16);
	chain(routing, 24, 43);
	/* the checksum as for a packet whose header has the home address */
	build(FAMILY_IPV6, PROTOCOL_UDP, 0);
	memcpy(wire.bytes + 24, home.bytes, 16);
	wire_seal(&wire);
	home = address_from_ipv6(wire.bytes + 8);
	memmove(option, wire.bytes + 40, 8); /* that UDP header */
	chain(routing, 24, 43);
	memcpy(wire.bytes + 64, option, 8);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_int_equal(packet.pseudo_destination, 48);
	assert_int_equal(packet.pseudo_source, 8);
	assert_true(packet_checksum_valid(&packet));

	memcpy(option, (uint8_t[]){ UDP, 2, 1, 2, 0, 0, 0xc9, 16 }, 8);
	memcpy(option + 8, home.bytes, 16);
	chain(option, 24, 60);
	wire.bytes[23] ^= 0x55; /* the care-of address is not covered */
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_int_equal(packet.pseudo_source, 48);
	assert_true(packet_checksum_valid(&packet));
}

/* ------------------------------------------------------------ quoted packets */

static struct wire about;

static void quote(enum family family, uint8_t protocol, size_t quoted)
{
	struct tuple outer;

	build(family, protocol, 32);
	about = wire;
	outer = (struct tuple){ .source.address = wire_address(family == FAMILY_IPV4 ? "192.0.2.77" : "2001:db8::77"),
				.destination.address = wire_address(family == FAMILY_IPV4 ? "10.0.0.2" : "2001:db8::2"),
				.protocol = family == FAMILY_IPV4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6 };
	wire_quote(&wire, &about, &outer, family == FAMILY_IPV4 ? 3 : 1, 1, quoted, 0, 0);
}

static void quotes(void **unused)
{
	struct packet packet;

	(void)unused;
	quote(FAMILY_IPV4, PROTOCOL_TCP, 28);
	memcpy(wire.bytes + 28 + 24, (uint8_t[]){ 9, 8, 7, 6 }, 4);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_true(packet_is_icmp_error(&packet));
	assert_int_equal(packet.tuple.source.port.raw | packet.tuple.destination.port.raw, 0);
	assert_int_equal(packet.icmp.quote.l3_offset, 28);
	assert_int_equal(packet.icmp.quote.l4_offset, 48);
	assert_int_equal(packet.icmp.quote.l4_length, 8);
	assert_int_equal(packet.icmp.quote.tcp_sequence, 0x09080706);
	assert_int_equal(be16_to_host(packet.icmp.quote.tuple.source.port), 40000);
	assert_int_equal(packet.icmp.mtu, 0);
	wire.bytes[21] = 4; /* fragmentation needed */
	memcpy(wire.bytes + 26, (uint8_t[]){ 0x05, 0x78 }, 2);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_int_equal(packet.icmp.mtu, 1400);

	quote(FAMILY_IPV6, PROTOCOL_UDP, 48);
	wire.bytes[40] = 2;
	memcpy(wire.bytes + 44, (uint8_t[]){ 0, 1, 0, 0 }, 4);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_int_equal(packet.icmp.mtu, 65536);

	/* an inner query is matched by its identifier */
	quote(FAMILY_IPV4, PROTOCOL_ICMP, 28);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_int_equal(be16_to_host(packet.icmp.quote.tuple.destination.port), 8);
	assert_int_equal(packet.icmp.quote.tuple.source.port.raw, be16_from_host(40000).raw);
}

/* RFC5508-REQ-3b: a quoted header that is wrong; what merely looks odd passes. */
static void quotes_broken(void **unused)
{
	static const struct {
		const char *name;
		uint8_t at, value; /* of the quoted packet */
		bool seal;
		enum reason reason;
	} cases[] = {
		{ "version", 0, 0x65, true, REASON_ICMP_INVALID },
		{ "header length", 0, 0x44, true, REASON_ICMP_INVALID },
		{ "header longer than the quote", 0, 0x4f, false, REASON_ICMP_INVALID },
		{ "header checksum", 8, 0x01, false, REASON_ICMP_INVALID },
		{ "ICMPv6 within", 9, 58, true, REASON_ICMP_INVALID },
		{ "total length 0", 3, 0, true, REASON_NONE },
		{ "total length too large", 2, 0xff, true, REASON_NONE },
		{ "total length without header", 3, 19, true, REASON_NONE },
		{ "later fragment", 7, 9, true, REASON_NONE },
		{ "TCP data offset 0", 32, 0, false, REASON_NONE },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *header = wire.bytes + 28;

		print_message("# %s\n", cases[i].name);
		quote(FAMILY_IPV4, PROTOCOL_TCP, 40);
		header[cases[i].at] = cases[i].value;
		if (cases[i].seal) {
			uint16_t sum;

			header[10] = header[11] = 0;
			sum = (uint16_t)~wire_sum(0, header, (header[0] & 15u) * 4);
			header[10] = (uint8_t)(sum >> 8);
			header[11] = (uint8_t)sum;
		}
		expect(cases[i].reason);
	}
	quote(FAMILY_IPV4, PROTOCOL_TCP, 27);
	expect(REASON_ICMP_INVALID);
	quote(FAMILY_IPV6, PROTOCOL_TCP, 47);
	expect(REASON_ICMP_INVALID);
	quote(FAMILY_IPV6, PROTOCOL_TCP, 48);
	expect(REASON_NONE);
	memset(wire.bytes + 48 + 8, 0, 10); /* a mapped source in the quote */
	memset(wire.bytes + 48 + 18, 0xff, 2);
	expect(REASON_ICMP_INVALID);
	quote(FAMILY_IPV4, PROTOCOL_ICMP, 28);
	wire.bytes[48] = 3; /* an error about an error */
	expect(REASON_ICMP_INVALID);
	quote(FAMILY_IPV6, PROTOCOL_TCP, 48);
	wire.bytes[48] = 0x45; /* IPv4 quoted in ICMPv6 */
	expect(REASON_ICMP_INVALID);
}

/* Any bytes at all: no crash, and what parses stays within its bounds (see parse()). */
static void random_bytes(void **unused)
{
	uint64_t state = seed;
	unsigned int parsed = 0;

	(void)unused;
	for (int round = 0; round < 200000; round++) {
		struct wire_shape shape = wire_random_shape(&state, 60);
		unsigned int changes = 1 + wire_below(&state, 4);
		struct packet packet;

		if (round % 3 == 0) {
			bool v4 = address_family(&shape.tuple.source.address) == FAMILY_IPV4;

			quote(v4 ? V4 : V6, shape.tuple.protocol, (v4 ? 20 : 40) + wire_below(&state, 40));
		} else {
			wire_build(&wire, &shape, &state);
		}
		for (unsigned int i = 0; i < changes; i++)
			wire.bytes[wire_below(&state, wire.length < 70 ? (uint32_t)wire.length : 70)] =
			    (uint8_t)wire_random(&state);
		if (wire.bytes[0] >> 4 == 4 && wire_below(&state, 8))
			seal_header();
		parsed += parse(&packet) == REASON_NONE;
	}
	print_message("# %u parsed\n", parsed);
	assert_true(parsed > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_of_tcp),
		cmocka_unit_test(identifiers_of_queries),
		cmocka_unit_test(padding_is_cut_off),
		cmocka_unit_test(udp_surplus),
		cmocka_unit_test(checksum_is_judged),
		cmocka_unit_test(udp_without_checksum),
		cmocka_unit_test(malformed),
		cmocka_unit_test(ipv4_header_checksum),
		cmocka_unit_test(ipv4_options),
		cmocka_unit_test(cut_everywhere),
		cmocka_unit_test(mapped_addresses),
		cmocka_unit_test(extension_headers),
		cmocka_unit_test(extension_headers_bounded),
		cmocka_unit_test(fragment_fields),
		cmocka_unit_test(mobile_addresses),
		cmocka_unit_test(quotes),
		cmocka_unit_test(quotes_broken),
		cmocka_unit_test(random_bytes),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
