/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile packets: each case is a well-formed packet with a few bytes changed, and
 * the reason for which it must be refused.
 */
#include "tests/unit/parse_common.h"

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
		/* The kernel writes its address into a record route, and the checksum later. */
		wire.bytes[23] ^= 0xff;
		if (cases[i].options[0] == 7)
			expect(REASON_NONE);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_of_tcp),      cmocka_unit_test(identifiers_of_queries),
		cmocka_unit_test(padding_is_cut_off), cmocka_unit_test(udp_surplus),
		cmocka_unit_test(checksum_is_judged), cmocka_unit_test(udp_without_checksum),
		cmocka_unit_test(malformed),	      cmocka_unit_test(ipv4_header_checksum),
		cmocka_unit_test(ipv4_options),	      cmocka_unit_test(cut_everywhere),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
