/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state machines of UDP, ICMP, SCTP and everything without ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/model/track_scenario.h"

/* ---------------------------------------------------------- UDP, ICMP, the rest */

static struct packet plain(uint8_t protocol)
{
	return (struct packet){ .tuple = { .protocol = protocol }, .family = FAMILY_IPV4 };
}

static void expect_class(uint8_t protocol, enum timeout first, enum timeout replied)
{
	struct settings settings = track_scenario_settings();
	struct packet packet = plain(protocol);
	union track track;
	struct track_result result = track_open(&track, &packet, &settings);

	assert_true(result.reason == REASON_NONE && result.timeout == first && result.refresh && !result.assured);
	result = track_packet(&track, first, &packet, ORIG, false, &settings);
	assert_true(result.reason == REASON_NONE && result.timeout == first && result.refresh && !result.assured);
	result = track_packet(&track, first, &packet, REPLY, false, &settings);
	assert_true(result.reason == REASON_NONE && result.timeout == replied && result.refresh && !result.assured);
	result = track_packet(&track, replied, &packet, ORIG, true, &settings);
	assert_true(result.reason == REASON_NONE && result.timeout == replied && result.refresh && result.assured);
	assert_false(result.end || result.reopen);
	assert_string_equal(track_state_name(protocol, &track, replied), "");
}

static void udp_is_a_stream_once_answered(void **state)
{
	(void)state;
	expect_class(PROTOCOL_UDP, TIMEOUT_UDP_UNREPLIED, TIMEOUT_UDP_STREAM);
	expect_class(PROTOCOL_UDPLITE, TIMEOUT_UDP_UNREPLIED, TIMEOUT_UDP_STREAM);
}

static void the_rest_is_generic(void **state)
{
	(void)state;
	expect_class(PROTOCOL_GRE, TIMEOUT_GENERIC, TIMEOUT_GENERIC);
	expect_class(PROTOCOL_ESP, TIMEOUT_GENERIC, TIMEOUT_GENERIC);
	expect_class(253, TIMEOUT_GENERIC, TIMEOUT_GENERIC);
}

static void RFC5508_REQ_1_icmp_queries(void **state)
{
	struct settings settings = track_scenario_settings();
	struct packet request = plain(PROTOCOL_ICMP), reply = request, error = request;
	union track track;

	(void)state;
	request.icmp.query = true;
	reply.icmp.reply = true;
	error.icmp.error = true;
	assert_int_equal(track_open(&track, &reply, &settings).reason, REASON_INVALID);
	assert_int_equal(track_open(&track, &error, &settings).reason, REASON_INVALID);
	assert_int_equal(track_open(&track, &request, &settings).timeout, TIMEOUT_ICMP);
	assert_int_equal(track_packet(&track, TIMEOUT_ICMP, &request, ORIG, false, &settings).reason, REASON_NONE);
	assert_int_equal(track_packet(&track, TIMEOUT_ICMP, &request, REPLY, false, &settings).reason, REASON_INVALID);
	assert_int_equal(track_packet(&track, TIMEOUT_ICMP, &reply, ORIG, false, &settings).reason, REASON_INVALID);
	assert_int_equal(track_packet(&track, TIMEOUT_ICMP, &reply, REPLY, false, &settings).reason, REASON_NONE);
	assert_true(track_packet(&track, TIMEOUT_ICMP, &reply, REPLY, false, &settings).refresh);
}

static void later_fragments_open_and_change_nothing(void **state)
{
	struct settings settings = track_scenario_settings();
	struct packet packet = plain(PROTOCOL_TCP);
	union track track = { 0 }, before;
	struct track_result result;

	(void)state;
	packet.fragment = packet.later_fragment = true;
	assert_int_equal(track_open(&track, &packet, &settings).reason, REASON_INVALID);
	memset(&track, 0x5a, sizeof(track));
	before = track;
	result = track_packet(&track, TIMEOUT_TCP_ESTABLISHED, &packet, REPLY, true, &settings);
	assert_true(result.reason == REASON_NONE && !result.refresh && result.timeout == TIMEOUT_TCP_ESTABLISHED);
	assert_memory_equal(&track, &before, sizeof(track));
}

/* ------------------------------------------------------------------------- SCTP */

#define INIT 1
#define INIT_ACK 2
#define DATA 0
#define HEARTBEAT 4
#define HEARTBEAT_ACK 5
#define ABORT 6
#define SHUTDOWN 7
#define SHUTDOWN_ACK 8
#define COOKIE_ECHO 10
#define COOKIE_ACK 11
#define SHUTDOWN_COMPLETE 14
#define T_BIT 0x100
#define NOTHING 0xff

/**
 * struct chunk_row - an SCTP packet and what must become of it
 * @chunks: types, T_BIT added for that flag; NOTHING ends the list early
 * @initiate: the tag in an INIT or INIT ACK
 * @expect: as in struct row; "." when the session ends with it
 */
struct chunk_row {
	enum direction direction;
	uint32_t tag;
	int chunks[2];
	uint32_t initiate;
	const char *expect;
};

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static struct packet sctp_packet(const struct chunk_row *row, uint8_t bytes[128])
{
	struct packet packet = plain(PROTOCOL_SCTP);
	uint32_t length = 12;

	memset(bytes, 0, 128);
	put32(bytes + 4, row->tag);
	for (int i = 0; i < 2 && row->chunks[i] != NOTHING; i++) {
		uint8_t kind = (uint8_t)row->chunks[i], *chunk = bytes + length;

		chunk[0] = kind;
		chunk[1] = row->chunks[i] & T_BIT ? 1 : 0;
		chunk[3] = kind == INIT || kind == INIT_ACK ? 20 : 6;
		put32(chunk + 4, row->initiate);
		length += (chunk[3] + 3U) & ~3U;
	}
	packet.bytes = bytes;
	packet.l4_length = length;
	return packet;
}

static void play_chunks(bool loose, const struct chunk_row *rows, size_t count)
{
	struct settings settings = track_scenario_settings();
	union track track = { 0 }, before;
	bool open = false, seen_reply = false;

	settings.tcp_loose = loose;
	for (size_t i = 0; i < count; i++) {
		uint8_t bytes[128];
		struct packet packet = sctp_packet(&rows[i], bytes);
		struct track_result result;
		char got[64], want[64];

		before = track;
		if (open)
			result =
			    track_packet(&track, TIMEOUT_GENERIC, &packet, rows[i].direction, seen_reply, &settings);
		else
			result = track_open(&track, &packet, &settings);
		assert_true(result.timeout == TIMEOUT_GENERIC);
		if (result.reason != REASON_NONE && open)
			assert_memory_equal(&track, &before, sizeof(track));
		open |= result.reason == REASON_NONE;
		seen_reply |= result.reason == REASON_NONE && rows[i].direction == REPLY;
		snprintf(got, sizeof(got), "row %zu: %s%s", i,
			 result.reason != REASON_NONE ? "!"
			 : result.reopen	      ? "~"
			 : result.end		      ? "."
			 : result.refresh	      ? ""
						      : "=",
			 result.reason != REASON_NONE  ? reason_key(result.reason)
			 : result.reopen || result.end ? ""
						       : track_state_name(PROTOCOL_SCTP, &track, result.timeout));
		snprintf(want, sizeof(want), "row %zu: %s", i, rows[i].expect);
		assert_string_equal(got, want);
	}
}

#define PLAY_CHUNKS(rows) play_chunks(false, rows, COUNT(rows))

/* clang-format off */
#define ASSOCIATE \
	{ ORIG, 0, { INIT, NOTHING }, 0xa, "COOKIE_WAIT" }, \
	{ REPLY, 0xa, { INIT_ACK, NOTHING }, 0xb, "COOKIE_WAIT" }, \
	{ ORIG, 0xb, { COOKIE_ECHO, DATA }, 0, "COOKIE_ECHOED" }, \
	{ REPLY, 0xa, { COOKIE_ACK, DATA }, 0, "ESTABLISHED" }
/* clang-format on */

static void RFC9260_association(void **state)
{
	static const struct chunk_row rows[] = {
		ASSOCIATE,
		{ ORIG, 0xb, { DATA, NOTHING }, 0, "ESTABLISHED" },
		{ REPLY, 0xa, { HEARTBEAT, NOTHING }, 0, "ESTABLISHED" },
		{ ORIG, 0xb, { SHUTDOWN, NOTHING }, 0, "SHUTDOWN_SENT" },
		{ REPLY, 0xa, { SHUTDOWN_ACK, NOTHING }, 0, "SHUTDOWN_ACK_SENT" },
		{ ORIG, 0xb, { SHUTDOWN_COMPLETE, NOTHING }, 0, "=CLOSED" },
		{ REPLY, 0xa, { SHUTDOWN_ACK, NOTHING }, 0, "=CLOSED" },
		{ ORIG, 0xa, { SHUTDOWN_COMPLETE | T_BIT, NOTHING }, 0, "=CLOSED" },
		{ ORIG, 0, { INIT, NOTHING }, 0xc, "~" },
	};
	static const struct chunk_row collision[] = {
		{ ORIG, 0, { INIT, NOTHING }, 0xa, "COOKIE_WAIT" },
		{ REPLY, 0, { INIT, NOTHING }, 0xb, "COOKIE_WAIT" },
		{ ORIG, 0xb, { INIT_ACK, NOTHING }, 0xa, "COOKIE_WAIT" },
		{ REPLY, 0xa, { COOKIE_ECHO, NOTHING }, 0, "COOKIE_ECHOED" },
		{ ORIG, 0xb, { COOKIE_ACK, NOTHING }, 0, "ESTABLISHED" },
	};

	(void)state;
	PLAY_CHUNKS(rows);
	PLAY_CHUNKS(collision);
}

static void RFC9260_verification_tags(void **state)
{
	static const struct chunk_row rows[] = {
		{ ORIG, 5, { INIT, NOTHING }, 0xa, "!invalid" },
		{ ORIG, 0, { INIT, NOTHING }, 0, "!invalid" },
		{ ORIG, 0, { INIT, DATA }, 0xa, "!invalid" },
		{ ORIG, 5, { ABORT, NOTHING }, 0, "!invalid" },
		{ ORIG, 5, { DATA, NOTHING }, 0, "!invalid" },
		ASSOCIATE,
		{ ORIG, 0xa, { DATA, NOTHING }, 0, "!invalid" },
		{ REPLY, 0xb, { DATA, NOTHING }, 0, "!invalid" },
		{ REPLY, 0, { DATA, NOTHING }, 0, "!invalid" },
		{ REPLY, 0xa, { NOTHING, NOTHING }, 0, "!invalid" },
		{ REPLY, 7, { ABORT, NOTHING }, 0, "!invalid" },
		{ REPLY, 0xb, { ABORT, NOTHING }, 0, "!invalid" },
		{ REPLY, 7, { SHUTDOWN_COMPLETE, NOTHING }, 0, "!invalid" },
		{ REPLY, 0xb, { ABORT | T_BIT, NOTHING }, 0, "." },
	};
	static const struct chunk_row refused[] = {
		{ ORIG, 0, { INIT, NOTHING }, 0xa, "COOKIE_WAIT" },
		{ REPLY, 0xb, { ABORT, NOTHING }, 0, "!invalid" },
		{ REPLY, 0xa, { ABORT, NOTHING }, 0, "." },
	};

	(void)state;
	PLAY_CHUNKS(rows);
	PLAY_CHUNKS(refused);
}

static void RFC9260_5_2_restart(void **state)
{
	static const struct chunk_row rows[] = {
		ASSOCIATE,
		/* Anybody can send an INIT: the association goes on beside it. */
		{ ORIG, 0, { INIT, NOTHING }, 0xc, "=ESTABLISHED" },
		{ REPLY, 0xc, { INIT_ACK, NOTHING }, 0xd, "=ESTABLISHED" },
		{ ORIG, 0xb, { DATA, NOTHING }, 0, "ESTABLISHED" },
		{ REPLY, 0xc, { DATA, NOTHING }, 0, "!invalid" },
		{ REPLY, 0xe, { INIT_ACK, NOTHING }, 0xf, "!invalid" },
		{ ORIG, 0xe, { COOKIE_ECHO, NOTHING }, 0, "!invalid" },
		{ ORIG, 0xd, { COOKIE_ECHO, NOTHING }, 0, "COOKIE_ECHOED" },
		{ ORIG, 0xb, { DATA, NOTHING }, 0, "!invalid" },
		{ REPLY, 0xc, { COOKIE_ACK, NOTHING }, 0, "ESTABLISHED" },
	};

	(void)state;
	PLAY_CHUNKS(rows);
}

static void sctp_second_path_and_pick_up(void **state)
{
	static const struct chunk_row path[] = {
		{ ORIG, 0xb, { HEARTBEAT, NOTHING }, 0, "HEARTBEAT_SENT" },
		{ ORIG, 0xc, { HEARTBEAT, NOTHING }, 0, "!invalid" },
		{ REPLY, 0xa, { HEARTBEAT_ACK, NOTHING }, 0, "ESTABLISHED" },
		{ REPLY, 0xd, { DATA, NOTHING }, 0, "!invalid" },
		{ REPLY, 0xa, { SHUTDOWN, NOTHING }, 0, "SHUTDOWN_RECD" },
	};
	static const struct chunk_row middle[] = {
		{ ORIG, 0xb, { DATA, NOTHING }, 0, "ESTABLISHED" },
		{ REPLY, 0xa, { DATA, NOTHING }, 0, "ESTABLISHED" },
		{ ORIG, 0xb, { SHUTDOWN_ACK, NOTHING }, 0, "SHUTDOWN_ACK_SENT" },
	};

	(void)state;
	PLAY_CHUNKS(path);
	play_chunks(true, middle, COUNT(middle));
}

/* Truncated and garbled chunk lists: nothing is read past the end, no illegal move is made. */
static void sctp_survives_anything(void **state)
{
	static const int kinds[] = { INIT,
				     INIT_ACK,
				     DATA,
				     HEARTBEAT,
				     ABORT,
				     SHUTDOWN,
				     SHUTDOWN_ACK,
				     COOKIE_ECHO,
				     COOKIE_ACK,
				     SHUTDOWN_COMPLETE,
				     ABORT | T_BIT,
				     NOTHING,
				     SHUTDOWN_COMPLETE | T_BIT };
	struct settings settings = track_scenario_settings();
	uint64_t random = UINT64_C(0x5eed0001);
	union track track = { 0 };
	bool open = false;

	(void)state;
	print_message("seed %#llx\n", (unsigned long long)random);
	settings.tcp_loose = true;
	for (int step = 0; step < 300000; step++) {
		struct chunk_row row = {
			(enum direction)track_wire_below(&random, 2),
			track_wire_below(&random, 3),
			{ kinds[track_wire_below(&random, COUNT(kinds))],
			  track_wire_below(&random, 3) ? NOTHING : kinds[track_wire_below(&random, COUNT(kinds))] },
			track_wire_below(&random, 3),
			NULL
		};
		uint8_t bytes[128], *exact;
		struct packet packet = sctp_packet(&row, bytes);
		struct track_result result;
		union track before = track;

		if (track_wire_below(&random, 10) == 0)
			packet.l4_length = track_wire_below(&random, packet.l4_length + 1);
		if (track_wire_below(&random, 10) == 0)
			bytes[track_wire_below(&random, 40)] = (uint8_t)track_wire_random(&random);
		/* Exactly that long, so that a sanitizer sees a read past the end. */
		exact = malloc(packet.l4_length + 1);
		assert_non_null(exact);
		memcpy(exact + 1, bytes, packet.l4_length);
		packet.bytes = exact;
		packet.l4_offset = 1;
		if (!open)
			result = track_open(&track, &packet, &settings);
		else
			result = track_packet(&track, TIMEOUT_GENERIC, &packet, row.direction, true, &settings);
		if (open && result.reason != REASON_NONE)
			assert_memory_equal(&track, &before, sizeof(track));
		open = (open || result.reason == REASON_NONE) && !result.end && !result.reopen &&
		       track_wire_below(&random, 200);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_is_a_stream_once_answered),
		cmocka_unit_test(the_rest_is_generic),
		cmocka_unit_test(RFC5508_REQ_1_icmp_queries),
		cmocka_unit_test(later_fragments_open_and_change_nothing),
		cmocka_unit_test(RFC9260_association),
		cmocka_unit_test(RFC9260_verification_tags),
		cmocka_unit_test(RFC9260_5_2_restart),
		cmocka_unit_test(sctp_second_path_and_pick_up),
		cmocka_unit_test(sctp_survives_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
