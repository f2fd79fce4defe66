/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The GRE header, whole and quoted, with every set of fields and cut anywhere; keys that a tunnel knows. */
#include "conntrack/gre.h"
#include "tests/unit/parse_common.h"

#define ROUTING 0x40

static void build_gre(enum family family, uint8_t flags, uint8_t version, uint32_t key, size_t payload)
{
	struct wire_shape shape = {
		.tuple = { .source = { wire_address(family == FAMILY_IPV4 ? "10.0.0.2" : "2001:db8::2"), { 0 } },
			   .destination = { wire_address(family == FAMILY_IPV4 ? "192.0.2.9" : "2001:db8:1::9"),
					    { 0 } },
			   .protocol = PROTOCOL_GRE },
		.payload = payload,
		.gre_flags = flags,
		.gre_version = version,
		.gre_key = key,
	};
	uint64_t state = seed;

	wire_build(&wire, &shape, &state);
}

/* So many bytes of the GRE header and no more. */
static void cut(size_t bytes)
{
	wire.length = wire.l4 + bytes;
	if (wire.family == FAMILY_IPV4) {
		wire.bytes[2] = (uint8_t)(wire.length >> 8);
		wire.bytes[3] = (uint8_t)wire.length;
		seal_header();
	} else {
		wire.bytes[4] = 0;
		wire.bytes[5] = (uint8_t)bytes;
	}
}

static void keys_of_version_0(void **unused)
{
	static const uint32_t keys[] = { 0, 1, 0x0a000001, 0x80000000, UINT32_MAX };
	struct packet packet;

	(void)unused;
	for (unsigned int flags = 0; flags < 256; flags += 16) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			build_gre(i & 1 ? FAMILY_IPV6 : FAMILY_IPV4, (uint8_t)(flags & ~ROUTING), 0, keys[i], 16);
			assert_int_equal(parse(&packet), REASON_NONE);
			assert_int_equal(packet.tuple.source.port.raw, 0);
			assert_int_equal(packet.tuple.destination.port.raw, 0);
			assert_int_equal(packet_is_keyed(&packet), !!(flags & WIRE_GRE_KEY));
			if (flags & WIRE_GRE_KEY)
				assert_int_equal(packet.gre.key, keys[i]);
		}
	}
}

/* RFC 1701: with routing there is an offset, and hence a checksum's place too. */
static void routing_moves_the_key(void **unused)
{
	struct packet packet;

	(void)unused;
	build_gre(FAMILY_IPV4, WIRE_GRE_CHECKSUM | WIRE_GRE_KEY, 0, 77, 16);
	wire.bytes[wire.l4] = ROUTING | WIRE_GRE_KEY;
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_true(packet_is_keyed(&packet));
	assert_int_equal(packet.gre.key, 77);
}

/* Its call number is of one direction only (RFC 2637 section 4.1); later versions are nobody's. */
static void other_versions_have_no_key(void **unused)
{
	struct packet packet;

	(void)unused;
	for (uint8_t version = 1; version < 8; version++) {
		build_gre(FAMILY_IPV4, WIRE_GRE_KEY | WIRE_GRE_SEQUENCE, version, 77, 16);
		assert_int_equal(parse(&packet), REASON_NONE);
		assert_false(packet_is_keyed(&packet));
	}
}

static void headers_cut_off(void **unused)
{
	struct packet packet;

	(void)unused;
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t bytes = 0; bytes < 16; bytes++) {
			const enum family family = v6 ? FAMILY_IPV6 : FAMILY_IPV4;

			build_gre(family, 0, 0, 0, 16);
			cut(bytes);
			assert_int_equal(parse(&packet), bytes < 4 ? REASON_SHORT_HEADER : REASON_NONE);
			build_gre(family, WIRE_GRE_KEY, 0, 5, 16);
			cut(bytes);
			assert_int_equal(parse(&packet), bytes < 4   ? REASON_SHORT_HEADER
							 : bytes < 8 ? REASON_BAD_L4_HEADER
								     : REASON_NONE);
			build_gre(family, WIRE_GRE_KEY | WIRE_GRE_CHECKSUM, 0, 5, 16);
			cut(bytes);
			assert_int_equal(parse(&packet), bytes < 4    ? REASON_SHORT_HEADER
							 : bytes < 12 ? REASON_BAD_L4_HEADER
								      : REASON_NONE);
		}
	}
}

static void fragments(void **unused)
{
	struct packet packet;

	(void)unused;
	build_gre(FAMILY_IPV4, WIRE_GRE_KEY, 0, 5, 16);
	wire.bytes[6] = 0x20;
	seal_header();
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_true(packet_is_keyed(&packet));
	wire.bytes[6] = 0;
	wire.bytes[7] = 9;
	seal_header();
	assert_int_equal(parse(&packet), REASON_NONE);
	assert_false(packet_is_keyed(&packet));
	build_gre(FAMILY_IPV4, WIRE_GRE_KEY | WIRE_GRE_CHECKSUM, 0, 5, 16);
	cut(8);
	wire.bytes[6] = 0x20;
	seal_header();
	assert_int_equal(parse(&packet), REASON_BAD_FRAGMENT);
}

/* An error quotes 8 bytes at least: the key, unless there is a checksum. */
static void quotes(void **unused)
{
	static struct wire about;
	struct packet packet;

	(void)unused;
	for (int checked = 0; checked < 2; checked++) {
		for (size_t quoted = 4; quoted <= 20; quoted++) {
			size_t needed = checked ? 12 : 8;
			struct tuple outer;

			build_gre(FAMILY_IPV4, (uint8_t)(WIRE_GRE_KEY | (checked ? WIRE_GRE_CHECKSUM : 0)), 0,
				  0xfedcba98, 16);
			about = wire;
			outer = (struct tuple){ { wire_address("192.0.2.1"), { 0 } },
						{ wire_address("10.0.0.2"), { 0 } },
						PROTOCOL_ICMP,
						0 };
			wire_quote(&wire, &about, &outer, 3, 1, about.l4 + quoted, 0, 0);
			assert_int_equal(parse(&packet), REASON_NONE);
			assert_int_equal(packet.icmp.quote.gre.keyed, quoted >= needed);
			assert_int_equal(packet.icmp.quote.gre.cut, quoted < needed);
			if (quoted >= needed)
				assert_int_equal(packet.icmp.quote.gre.key, 0xfedcba98);
		}
	}
}

static void send_key(union track *track, uint32_t key, enum direction direction)
{
	static const struct settings settings;
	struct packet packet = { .tuple.protocol = PROTOCOL_GRE, .gre = { .keyed = true, .key = key } };
	struct track_result result = track_packet(track, TIMEOUT_GENERIC, &packet, direction, true, &settings);

	assert_int_equal(result.reason, REASON_NONE);
	assert_int_equal(result.timeout, TIMEOUT_GENERIC);
}

/* Of the far end, whose address others can forge, one key is kept. */
static void a_tunnel_knows_its_keys(void **unused)
{
	static const struct settings settings;
	struct packet packet = { .tuple.protocol = PROTOCOL_GRE, .gre = { .keyed = true, .key = 0 } };
	union track track;

	(void)unused;
	assert_int_equal(track_open(&track, &packet, &settings).reason, REASON_NONE);
	assert_true(track_gre_knows(&track.gre, 0));
	assert_false(track_gre_knows(&track.gre, 100));
	send_key(&track, 100, DIRECTION_REPLY);
	send_key(&track, 101, DIRECTION_REPLY);
	assert_true(track_gre_knows(&track.gre, 100));
	assert_false(track_gre_knows(&track.gre, 101));
	for (uint32_t key = 0; key < TRACK_GRE_KEYS; key++)
		send_key(&track, key, DIRECTION_ORIGINAL);
	assert_true(track_gre_knows(&track.gre, TRACK_GRE_KEYS - 1));
	assert_false(track_gre_knows(&track.gre, TRACK_GRE_KEYS));
	assert_true(track_is_sound(PROTOCOL_GRE, &track, TIMEOUT_GENERIC));
	send_key(&track, 99, DIRECTION_ORIGINAL);
	/* More than it can name: it may have any. */
	assert_true(track_gre_knows(&track.gre, 12345));
	track.gre.count = TRACK_GRE_KEYS + 1;
	assert_false(track_is_sound(PROTOCOL_GRE, &track, TIMEOUT_GENERIC));
}

static void numbers(void **unused)
{
	struct session session = { .protocol = PROTOCOL_GRE };
	struct tuple tuple = { .protocol = PROTOCOL_GRE }, plain;

	(void)unused;
	for (uint32_t key = 0; key < 0x20000; key++) {
		assert_int_not_equal(gre_number(key).raw, 0);
		assert_true(key < 65521 || gre_number(key).raw == gre_number(key - 65521).raw);
		assert_int_not_equal(gre_number(key).raw, gre_number(key + 1).raw);
	}
	tuple = gre_numbered(&tuple, 7);
	plain = tuple_invert(&tuple);
	assert_true(tuple_equal(&plain, &tuple));
	plain = gre_plain(&tuple);
	assert_int_equal(plain.source.port.raw | plain.destination.port.raw, 0);
	assert_true(gre_is_sound(&session));
	session.source.port = gre_number(7);
	assert_false(gre_is_sound(&session));
	session.track.gre = (struct track_gre){ .keys = { 8 }, .count = 1 };
	assert_false(gre_is_sound(&session) || gre_is_of(&session, 7));
	session.track.gre.keys[0] = 7 + 65521;
	assert_true(gre_is_sound(&session));
	assert_false(gre_is_of(&session, 7));
	assert_true(gre_is_of(&session, 7 + 65521));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_version_0), cmocka_unit_test(routing_moves_the_key),
		cmocka_unit_test(headers_cut_off),   cmocka_unit_test(other_versions_have_no_key),
		cmocka_unit_test(fragments),	     cmocka_unit_test(quotes),
		cmocka_unit_test(numbers),	     cmocka_unit_test(a_tunnel_knows_its_keys),
	};

	seed = wire_seed();
	return cmocka_run_group_tests_name("gre", tests, NULL, NULL);
}
