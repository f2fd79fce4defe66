/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ICMP errors quote, well-formed and not, and any bytes at all. */
#include "tests/unit/parse_common.h"

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

	quote(FAMILY_IPV4, PROTOCOL_TCP, 60); /* rubbish where RFC 4884 has a length: too short to be one */
	wire.bytes[25] = 7;
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_int_equal(packet.icmp.quote.l4_length, 40);

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
		{ "total length of half a port pair", 3, 24, true, REASON_NONE },
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
	quote(FAMILY_IPV4, PROTOCOL_GRE, 20); /* of a packet that had no more */
	expect(REASON_NONE);
	quote(FAMILY_IPV4, PROTOCOL_GRE, 19);
	expect(REASON_ICMP_INVALID);
	quote(FAMILY_IPV6, PROTOCOL_ESP, 43);
	expect(REASON_NONE);
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

			quote(v4 ? FAMILY_IPV4 : FAMILY_IPV6, shape.tuple.protocol,
			      (v4 ? 20 : 40) + wire_below(&state, 40));
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
		cmocka_unit_test(quotes),
		cmocka_unit_test(quotes_broken),
		cmocka_unit_test(random_bytes),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
