/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast path's program, frame by frame: what it forwards is translated to the
 * byte, and what could need a decision goes up as it came.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/daemon/fastpath_stage.h"

#define ROUNDS 400

static const enum family families[] = { FAMILY_IPV4, FAMILY_IPV6 };
static void test_translation(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		enum family family = i & 1 ? FAMILY_IPV6 : FAMILY_IPV4;
		uint8_t protocol = i & 2 ? PROTOCOL_UDP : PROTOCOL_TCP;

		stage_make(&stage, family, protocol, wire_below(&stage.random, 1200));
		stage_assert_forwarded(&stage, "a packet of a session");
		stage_clear(&stage);
	}
}

/* Only addresses, only ports, or nothing changes: each part of the checksum on its own. */
static void test_partial_translation(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		stage_make(&stage, i & 1 ? FAMILY_IPV6 : FAMILY_IPV4, i & 2 ? PROTOCOL_UDP : PROTOCOL_TCP, i % 7);
		run_remove(&stage.flow);
		if (i & 4)
			stage.flow.leaves.source.address = stage.flow.arrives.source.address;
		if (i & 8)
			stage.flow.leaves.destination.address = stage.flow.arrives.destination.address;
		if (i & 16)
			stage.flow.leaves.source.port = stage.flow.arrives.source.port;
		if (i & 32)
			stage.flow.leaves.destination.port = stage.flow.arrives.destination.port;
		run_install(&stage.flow);
		stage_assert_forwarded(&stage, "a packet translated in part");
		stage_clear(&stage);
	}
}

static void test_udp_without_checksum(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (unsigned int i = 0; i < 32; i++) {
		stage_make(&stage, FAMILY_IPV4, PROTOCOL_UDP, i);
		stage.shape.no_checksum = true;
		stage_build(&stage);
		stage_assert_forwarded(&stage, "a datagram without a checksum");
		assert_memory_equal(stage.frame.bytes + RUN_ETHERNET + 26, "\0", 2);
		stage_clear(&stage);
	}
}

static void number_ip(struct stage *stage, bool may_fragment, uint16_t number)
{
	stage_build(stage);
	memcpy(stage->wire.bytes + 4, (uint8_t[]){ (uint8_t)(number >> 8), (uint8_t)number, may_fragment ? 0 : 0x40 },
	       3);
	wire_seal_ipv4(stage->wire.bytes, stage->wire.length);
	run_frame_make(&stage->frame, &stage->wire, stage->flow.interface);
}

/* What leaves under another address must not carry the number of another host's packet. */
static void test_identification(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	stage_make(&stage, FAMILY_IPV4, PROTOCOL_UDP, 12);
	stage.flow.counter = 7;
	run_install(&stage.flow);
	run_count_from(7, 0xffff);
	number_ip(&stage, false, 0x1234);
	stage_assert_forwarded(&stage, "a datagram that may not be fragmented");
	assert_int_equal(run_counted(7), 0xffff);
	for (unsigned int i = 0; i < 3; i++) {
		uint16_t number = (uint16_t)(0xffff + i);

		number_ip(&stage, true, 0x1234);
		assert_int_equal(run_frame_pass(&stage.frame), RUN_REDIRECTED);
		assert_int_equal(stage.frame.bytes[RUN_ETHERNET + 4], number >> 8);
		assert_int_equal(stage.frame.bytes[RUN_ETHERNET + 5], number & 0xff);
		assert_int_equal(wire_sum(0, stage.frame.bytes + RUN_ETHERNET, 20), 0xffff);
	}
	number_ip(&stage, true, 0x1234);
	stage.frame.segment_size = 100;
	stage.frame.segments = 9;
	assert_int_equal(run_frame_pass(&stage.frame), RUN_REDIRECTED);
	assert_int_equal(run_counted(7), 0xffff + 3 + 9);
	stage_clear(&stage);
}

/* A checksum that was wrong must not leave as right. */
static void test_wrong_checksum_stays_wrong(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (unsigned int i = 0; i < 32; i++) {
		static struct wire expected;
		size_t at;

		stage_make(&stage, i & 1 ? FAMILY_IPV6 : FAMILY_IPV4, PROTOCOL_TCP, 40);
		at = RUN_ETHERNET + stage.wire.l4 + 16;
		stage.frame.bytes[at] ^= 0x55;
		assert_int_equal(run_frame_pass(&stage.frame), RUN_REDIRECTED);
		stage_expect(&stage, &expected);
		assert_memory_not_equal(stage.frame.bytes + at, expected.bytes + at - RUN_ETHERNET, 2);
		stage_clear(&stage);
	}
}

/* --------------------------------------------------------------------- going up */

static uint8_t *ip_of(struct stage *stage)
{
	return stage->frame.bytes + RUN_ETHERNET;
}

/* The frame holds @stage's wire again, its IPv4 header summed anew. */
static void reseal(struct stage *stage)
{
	wire_seal_ipv4(ip_of(stage), stage->frame.length - RUN_ETHERNET);
}

struct bent {
	const char *what;
	void (*bend)(struct stage *stage, uint32_t value);
	uint32_t value;
};

static void bend_ttl(struct stage *stage, uint32_t value)
{
	ip_of(stage)[stage->wire.family == FAMILY_IPV4 ? 8 : 7] = (uint8_t)value;
	reseal(stage);
}

static void bend_version(struct stage *stage, uint32_t value)
{
	ip_of(stage)[0] = (uint8_t)(value << 4 | (ip_of(stage)[0] & 15));
	if (stage->wire.family == FAMILY_IPV4) {
		/* The sum of a header that claims to be of another version is right all the same. */
		uint8_t *ip = ip_of(stage);
		uint16_t sum;

		ip[10] = ip[11] = 0;
		sum = (uint16_t)~wire_sum(0, ip, 20);
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
	}
}

static void bend_protocol(struct stage *stage, uint32_t value)
{
	ip_of(stage)[stage->wire.family == FAMILY_IPV4 ? 9 : 6] = (uint8_t)value;
	reseal(stage);
}

static void bend_interface(struct stage *stage, uint32_t value)
{
	stage->frame.interface = value;
}

/* The first byte of the destination's address: @value 0 is the host's own. */
static void bend_station(struct stage *stage, uint32_t value)
{
	stage->frame.bytes[0] = (uint8_t)value;
}

static void bend_type(struct stage *stage, uint32_t value)
{
	stage->frame.bytes[12] = (uint8_t)(value >> 8);
	stage->frame.bytes[13] = (uint8_t)value;
}

/* A tag, 802.1Q or 802.1ad, between the addresses and the type. */
static void bend_tag(struct stage *stage, uint32_t value)
{
	memmove(stage->frame.bytes + 16, stage->frame.bytes + 12, stage->frame.length - 12);
	stage->frame.length += 4;
	bend_type(stage, value);
	stage->frame.bytes[14] = 0;
	stage->frame.bytes[15] = 9;
}

static void bend_port(struct stage *stage, uint32_t value)
{
	stage->frame.bytes[RUN_ETHERNET + stage->wire.l4 + value] ^= 1;
}

static void bend_address(struct stage *stage, uint32_t value)
{
	ip_of(stage)[stage->wire.l4 - 1 - value] ^= 1;
	reseal(stage);
}

/* What the IP header says is longer than what came. */
static void bend_cut(struct stage *stage, uint32_t value)
{
	stage->frame.length -= value;
}

static void bend_length(struct stage *stage, uint32_t value)
{
	uint8_t *at = ip_of(stage) + (stage->wire.family == FAMILY_IPV4 ? 2 : 4);

	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	reseal(stage);
}

/* A larger one than its way takes, or segments that would be. */
static void bend_size(struct stage *stage, uint32_t value)
{
	stage->shape.payload = value;
	stage_build(stage);
}

static void bend_segments(struct stage *stage, uint32_t value)
{
	stage->frame.segment_size = value;
}

static const struct bent bent_any[] = {
	{ "TTL 1", bend_ttl, 1 },
	{ "TTL 0", bend_ttl, 0 },
	{ "version 5", bend_version, 5 },
	{ "version 0", bend_version, 0 },
	{ "another protocol", bend_protocol, PROTOCOL_UDPLITE },
	{ "ICMP", bend_protocol, PROTOCOL_ICMP },
	{ "ICMPv6", bend_protocol, PROTOCOL_ICMPV6 },
	{ "another interface", bend_interface, STAGE_INTERFACE + 1 },
	{ "no interface", bend_interface, 0 },
	{ "another station's", bend_station, 2 },
	{ "a multicast frame", bend_station, 1 },
	{ "a tag of 802.1Q", bend_tag, 0x8100 },
	{ "a tag of 802.1ad", bend_tag, 0x88a8 },
	{ "PPPoE", bend_type, 0x8864 },
	{ "ARP", bend_type, 0x0806 },
	{ "another source port", bend_port, 1 },
	{ "another destination port", bend_port, 3 },
	{ "another destination", bend_address, 0 },
	{ "a byte short", bend_cut, 1 },
	{ "a longer length than there is", bend_length, 1000 },
	{ "a length of nothing", bend_length, 0 },
	{ "over the STAGE_MTU", bend_size, STAGE_MTU - 19 },
	{ "segments over the STAGE_MTU", bend_segments, STAGE_MTU - 19 },
};

static void bend_options(struct stage *stage, uint32_t value)
{
	stage->shape.options = value;
	stage_build(stage);
}

static void bend_fragment(struct stage *stage, uint32_t value)
{
	ip_of(stage)[6] = (uint8_t)(value >> 8);
	ip_of(stage)[7] = (uint8_t)value;
	reseal(stage);
}

static void bend_sum(struct stage *stage, uint32_t value)
{
	ip_of(stage)[11] ^= (uint8_t)value;
}

static void bend_header_length(struct stage *stage, uint32_t value)
{
	ip_of(stage)[0] = (uint8_t)(0x40 | value);
	reseal(stage);
}

static const struct bent bent_ipv4[] = {
	{ "one word of options", bend_options, 1 },
	{ "ten words of options", bend_options, 10 },
	{ "the first fragment", bend_fragment, 0x2000 },
	{ "a later fragment", bend_fragment, 0x2005 },
	{ "the last fragment", bend_fragment, 0x0005 },
	{ "a wrong header checksum", bend_sum, 1 },
	{ "a length of seven bytes behind the header", bend_length, 27 },
	{ "a header of 16 bytes", bend_header_length, 4 },
};

static const struct bent bent_ipv6[] = {
	{ "a length of seven bytes", bend_length, 7 },
	{ "an extension header", bend_options, 1 },
	{ "a fragment header", bend_protocol, 44 },
	{ "hop-by-hop options", bend_protocol, 0 },
};

static void bend_flags(struct stage *stage, uint32_t value)
{
	stage->frame.bytes[RUN_ETHERNET + stage->wire.l4 + 13] = (uint8_t)value;
}

static void bend_offset(struct stage *stage, uint32_t value)
{
	stage->frame.bytes[RUN_ETHERNET + stage->wire.l4 + 12] = (uint8_t)(value << 4);
}

static const struct bent bent_tcp[] = {
	{ "SYN", bend_flags, TCP_SYN },
	{ "SYN and ACK", bend_flags, TCP_SYN | TCP_ACK },
	{ "FIN", bend_flags, TCP_FIN | TCP_ACK },
	{ "RST", bend_flags, TCP_RST },
	{ "RST and ACK", bend_flags, TCP_RST | TCP_ACK },
	{ "URG", bend_flags, TCP_URG | TCP_ACK },
	{ "no flags", bend_flags, 0 },
	{ "no ACK", bend_flags, TCP_PSH },
	{ "a data offset of 4", bend_offset, 4 },
	{ "a data offset of 0", bend_offset, 0 },
	{ "a data offset beyond the end", bend_offset, 15 },
};

static void bend_udp_length(struct stage *stage, uint32_t value)
{
	uint8_t *udp = stage->frame.bytes + RUN_ETHERNET + stage->wire.l4;

	udp[4] = (uint8_t)(value >> 8);
	udp[5] = (uint8_t)value;
}

static const struct bent bent_udp[] = {
	{ "a UDP length of 7", bend_udp_length, 7 },
	{ "a UDP length beyond the end", bend_udp_length, 8 + 24 + 1 },
};

static void check_bent(struct stage *stage, enum family family, uint8_t protocol, const struct bent *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		stage_make(stage, family, protocol, 24);
		list[i].bend(stage, list[i].value);
		stage_assert_up(stage, list[i].what);
		/* It is this alone that is wrong: the true packet passes. */
		stage_build(stage);
		stage->shape = (struct wire_shape){ .tuple = stage->flow.arrives, .payload = 24, .tcp_flags = TCP_ACK };
		stage_build(stage);
		stage_assert_forwarded(stage, list[i].what);
		stage_clear(stage);
	}
}

#define CHECK_BENT(stage, family, protocol, list) \
	check_bent(stage, family, protocol, list, sizeof(list) / sizeof(list[0]))

static void test_goes_up(void **state)
{
	static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP };
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_BENT(&stage, FAMILY_IPV4, protocols[i], bent_any);
		CHECK_BENT(&stage, FAMILY_IPV6, protocols[i], bent_any);
		CHECK_BENT(&stage, FAMILY_IPV4, protocols[i], bent_ipv4);
		CHECK_BENT(&stage, FAMILY_IPV6, protocols[i], bent_ipv6);
	}
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_BENT(&stage, families[i], PROTOCOL_TCP, bent_tcp);
		CHECK_BENT(&stage, families[i], PROTOCOL_UDP, bent_udp);
	}
}

/* The program looks at nothing that is not there. The kernel runs no frame without an IP header. */
static void test_short_frames(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (unsigned int i = 0; i < 4; i++) {
		stage_make(&stage, families[i & 1], i & 2 ? PROTOCOL_UDP : PROTOCOL_TCP, 0);
		for (size_t length = stage.frame.length - 1; length >= RUN_ETHERNET + stage.wire.l4; length--) {
			stage_build(&stage);
			stage.frame.length = length;
			stage_assert_up(&stage, "a short frame");
		}
		stage_clear(&stage);
	}
}

/* The padding of a short frame is not part of its packet. */
static void test_padding(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	stage_make(&stage, FAMILY_IPV4, PROTOCOL_UDP, 1);
	memset(stage.frame.bytes + stage.frame.length, 0xaa, 60 - stage.frame.length);
	stage.frame.length = 60;
	stage_assert_forwarded(&stage, "a padded frame");
	stage_clear(&stage);
}

static void test_largest(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (unsigned int i = 0; i < 2; i++) {
		size_t headers = families[i] == FAMILY_IPV4 ? 40 : 60;

		stage_make(&stage, families[i], PROTOCOL_TCP, STAGE_MTU - headers);
		stage_assert_forwarded(&stage, "a packet that just fits");
		stage.frame.segment_size = 0;
		stage.shape.payload++;
		stage_build(&stage);
		stage_assert_up(&stage, "one byte over the MTU");
		stage_reset_slot(&stage);
		stage.frame.segment_size = (uint32_t)(STAGE_MTU - headers);
		stage_assert_forwarded(&stage, "a large packet whose segments just fit");
		stage_build(&stage);
		stage.frame.segment_size = (uint32_t)(STAGE_MTU - headers + 1);
		stage_assert_up(&stage, "a large packet whose segments do not");
		stage_clear(&stage);
	}
}

static void test_removed(void **state)
{
	static struct stage stage;

	(void)state;
	stage_begin(&stage);
	for (unsigned int i = 0; i < 4; i++) {
		stage_make(&stage, families[i & 1], i & 2 ? PROTOCOL_UDP : PROTOCOL_TCP, 9);
		stage_assert_forwarded(&stage, "a packet of a session");
		run_remove(&stage.flow);
		stage_build(&stage);
		stage_assert_up(&stage, "a packet of a session that was taken back");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_translation),
		cmocka_unit_test(test_partial_translation),
		cmocka_unit_test(test_udp_without_checksum),
		cmocka_unit_test(test_identification),
		cmocka_unit_test(test_wrong_checksum_stays_wrong),
		cmocka_unit_test(test_goes_up),
		cmocka_unit_test(test_short_frames),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_removed),
	};

	return cmocka_run_group_tests_name("fastpath_program", tests, stage_open, stage_close);
}
