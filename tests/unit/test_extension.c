/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv6: addresses that must not be there, and chains of extension headers. */
#include "tests/unit/parse_common.h"

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
	{ "routing type 2, two segments",
	  43,
	  24,
	  { UDP, 2, 2, 2, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
	  REASON_BAD_EXTENSION },
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

static void RFC8200_4_extension_headers_are_bounded(void **unused)
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
	chain(chains[17].bytes, 8, 44);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_false(packet.fragment || packet.later_fragment);
	assert_true(packet_checksum_valid(&packet));
	chain(chains[18].bytes, 8, 44);
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_true(packet.fragment && !packet.later_fragment);
	assert_int_equal(be16_to_host(packet.tuple.destination.port), 443);
	chain(chains[19].bytes, 8, 44);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapped_addresses),
		cmocka_unit_test(extension_headers),
		cmocka_unit_test(RFC8200_4_extension_headers_are_bounded),
		cmocka_unit_test(fragment_fields),
		cmocka_unit_test(mobile_addresses),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
