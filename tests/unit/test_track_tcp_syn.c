/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SYNs of every kind, pick-up, timers and flags of TCP connections: see track_scenario.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/model/track_scenario.h"

/* --------------------------------------------------------------------- the SYN */

static void RFC5961_4_syn_on_established(void **state)
{
	static const struct row challenged[] = {
		TALK,
		/* The client forgot the connection; the server did not. */
		ROW(ORIG, "S", 900000, 0, 0, 10000, "=ESTABLISHED"),
		ROW(REPLY, "A", 101, 101, 0, 10000, "ESTABLISHED"),
		ROW(ORIG, "R", 101, 0, 0, 0, "CLOSE"),
		ROW(ORIG, "S", 900000, 0, 0, 10000, "~"),
	};
	static const struct row forgotten[] = {
		TALK,
		/* Both forgot it: the SYN-ACK answers the new SYN. */
		ROW(ORIG, "S", 900000, 0, 0, 10000, "=ESTABLISHED", .scale = 3),
		ROW(REPLY, "SA", 700000, 900002, 0, 10000, "!out-of-window"),
		ROW(REPLY, "SA", 700000, 900001, 0, 10000, "SYN_RECV", .scale = 3),
		ROW(ORIG, "A", 101, 101, 0, 10000, "!out-of-window"),
		ROW(ORIG, "A", 900001, 700001, 0, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 740001, 900001, 100, 10000, "ESTABLISHED"),
	};
	static const struct row in_the_window[] = {
		TALK,
		ROW(ORIG, "S", 101, 0, 0, 10000, "=ESTABLISHED"),
		ROW(ORIG, "S", 4000, 0, 0, 10000, "=ESTABLISHED"),
		ROW(REPLY, "A", 101, 101, 0, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 101, 101, 100, 10000, "ESTABLISHED"),
	};
	static const struct row refused[] = {
		TALK,
		ROW(ORIG, "S", 900000, 0, 0, 10000, "=ESTABLISHED"),
		ROW(REPLY, "RA", 0, 900001, 0, 0, "=ESTABLISHED"),
	};

	(void)state;
	PLAY(challenged);
	PLAY(forgotten);
	PLAY(in_the_window);
	PLAY(refused);
}

static void syn_from_the_reply_opens_nothing(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(REPLY, "S", 900000, 0, 0, 10000, "=ESTABLISHED"),
		ROW(ORIG, "SA", 700000, 900001, 0, 10000, "!out-of-window"),
		ROW(ORIG, "A", 101, 101, 100, 10000, "ESTABLISHED"),
	};

	static const struct row own_answer[] = {
		TALK,
		ROW(ORIG, "S", 900000, 0, 0, 10000, "=ESTABLISHED"),
		ROW(ORIG, "SA", 700000, 900001, 0, 10000, "!out-of-window"),
	};
	/* With equal initial numbers the second one acknowledges the first to the bit. */
	struct bench equal = { .settings = track_scenario_settings(), .base = { 1000, 1000 } };

	(void)state;
	PLAY(rows);
	for (size_t row = 0; row < COUNT(own_answer); row++) {
		if (!track_scenario_send(&equal, &own_answer[row], row))
			fail_msg("%s", equal.failure);
	}
}

static void retransmitted_syn_with_new_ISN(void **state)
{
	static const struct row rows[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),	   ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(ORIG, "S", 500000, 0, 0, 10000, "SYN_SENT"),   ROW(REPLY, "SA", 0, 1, 0, 10000, "!out-of-window"),
		ROW(REPLY, "SA", 0, 500001, 0, 10000, "SYN_RECV"), ROW(ORIG, "A", 500001, 1, 0, 10000, "ESTABLISHED"),
	};
	/* Without its options, as some do when the first attempts are lost. */
	static const struct row plainer[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT", .scale = 8), ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV"),		ROW(ORIG, "A", 1, 1, 0, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 10002, 1, 1, 10000, "!out-of-window"),
	};

	(void)state;
	PLAY(rows);
	PLAY(plainer);
}

static void RFC9293_half_open_peer(void **state)
{
	static const struct row rows[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		/* The peer still holds an old connection and answers from it. */
		ROW(REPLY, "A", 777, 300000, 0, 10000, "=SYN_SENT"),
		ROW(ORIG, "R", 299999, 0, 0, 0, "!out-of-window"),
		ROW(ORIG, "R", 300000, 0, 0, 0, "=SYN_SENT"),
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV"),
		ROW(ORIG, "A", 1, 1, 0, 10000, "ESTABLISHED"),
	};

	(void)state;
	/* Its acknowledgement counts from the other side's base: the RST's sequence does too. */
	PLAY(rows);
}

static void syn_ack_lost_and_repeated(void **state)
{
	static const struct row rows[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV"),
		/* It was lost behind the gateway. */
		ROW(ORIG, "S", 0, 0, 0, 10000, "=SYN_RECV"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV"),
		ROW(ORIG, "A", 1, 0xfffffff0, 0, 10000, "!out-of-window"),
		ROW(ORIG, "A", 1, 2, 0, 10000, "!out-of-window"),
		ROW(ORIG, "A", 1, 1, 0, 10000, "ESTABLISHED"),
		/* And the acknowledgement too. */
		ROW(REPLY, "SA", 0, 1, 0, 10000, "=ESTABLISHED"),
		ROW(ORIG, "A", 1, 1, 0, 10000, "ESTABLISHED"),
	};
	static const struct row other_server[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV"),
		ROW(REPLY, "SA", 600000, 2, 0, 10000, "!out-of-window"),
		ROW(REPLY, "SA", 600000, 1, 0, 10000, "SYN_RECV"),
		ROW(ORIG, "A", 1, 1, 0, 10000, "!out-of-window"),
		ROW(ORIG, "A", 1, 600001, 0, 10000, "ESTABLISHED"),
	};
	static const struct row client_restarted[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV"),
		ROW(ORIG, "S", 500000, 0, 0, 10000, "=SYN_RECV"),
		ROW(REPLY, "SA", 600000, 500001, 0, 10000, "SYN_RECV"),
		ROW(ORIG, "A", 500001, 600001, 0, 10000, "ESTABLISHED"),
	};

	(void)state;
	PLAY(rows);
	PLAY(other_server);
	PLAY(client_restarted);
}

static void late_duplicates_of_the_handshake(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(ORIG, "S", 0, 0, 0, 10000, "=ESTABLISHED"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "=ESTABLISHED"),
		ROW(ORIG, "A", 1, 1, 0, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 101, 101, 100, 10000, "ESTABLISHED"),
	};

	(void)state;
	PLAY(rows);
}

/* --------------------------------------------------------------- TIME-WAIT reuse */

static void RFC6191_port_reuse_in_time_wait(void **state)
{
	static const struct row higher[] = { CLOSED, ROW(ORIG, "S", 102, 0, 0, 10000, "~") };
	static const struct row from_reply[] = { CLOSED, ROW(REPLY, "S", 5000, 0, 0, 10000, "~") };
	static const struct row lower[] = {
		CLOSED,
		ROW(ORIG, "S", 101, 0, 0, 10000, "=TIME_WAIT"),
		/* The peer was not the one in TIME-WAIT and takes it. */
		ROW(REPLY, "SA", 900000, 102, 0, 10000, "SYN_RECV"),
		ROW(ORIG, "A", 102, 900001, 0, 10000, "ESTABLISHED"),
	};
	static const struct row first_timestamp[] = { CLOSED, ROW(ORIG, "S", 5, 0, 0, 10000, "~", .timestamp = 9) };

	(void)state;
	PLAY(higher);
	PLAY(from_reply);
	PLAY(lower);
	PLAY(first_timestamp);
}

#define CLOSED_WITH_TIMESTAMPS \
	TALK, ROW(ORIG, "FA", 101, 101, 0, 10000, "FIN_WAIT", .timestamp = 500, .echo = 800), \
	    ROW(REPLY, "FA", 101, 102, 0, 10000, "LAST_ACK", .timestamp = 801, .echo = 500), \
	{ \
		ORIG, "A", 102, 102, 0, 10000, "TIME_WAIT", .timestamp = 502, .echo = 801 \
	}

static void RFC6191_timestamps(void **state)
{
	static const struct row newer[] = {
		CLOSED_WITH_TIMESTAMPS,
		ROW(ORIG, "S", 5, 0, 0, 10000, "=TIME_WAIT"),
		ROW(ORIG, "S", 900000, 0, 0, 10000, "=TIME_WAIT", .timestamp = 501),
		ROW(ORIG, "S", 5, 0, 0, 10000, "=TIME_WAIT", .timestamp = 502),
		ROW(ORIG, "S", 900000, 0, 0, 10000, "~", .timestamp = 502),
		ROW(ORIG, "S", 5, 0, 0, 10000, "~", .timestamp = 503),
		ROW(ORIG, "S", 900000, 0, 0, 10000, "~"),
		ROW(REPLY, "S", 5, 0, 0, 10000, "=TIME_WAIT", .timestamp = 801),
		ROW(REPLY, "S", 5, 0, 0, 10000, "~", .timestamp = 802),
		ROW(REPLY, "FA", 101, 102, 0, 10000, "TIME_WAIT", .timestamp = 900, .echo = 502),
		ROW(REPLY, "S", 5, 0, 0, 10000, "=TIME_WAIT", .timestamp = 802),
	};

	(void)state;
	PLAY(newer);
}

/* ------------------------------------------------------- picked up in the middle */

static void picked_up_in_the_middle(void **state)
{
	static const struct row strict[] = { ROW(ORIG, "A", 5000, 7000, 100, 10000, "!invalid") };
	static const struct row loose[] = {
		ROW(ORIG, "A", 50000, 70000, 100, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		/* Data that had passed before is acknowledged; data comes again. */
		ROW(ORIG, "A", 50100, 75000, 0, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 72000, 50050, 1000, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 50100, 76000, 0, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 76000, 50100, 1000, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		ROW(ORIG, "A", 50100, 77000, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
		ROW(ORIG, "A", 0x70000000, 77000, 0, 10000, "!out-of-window"),
		ROW(REPLY, "A", 77000, 0x60000000, 0, 10000, "!out-of-window"),
		ROW(REPLY, "FA", 77000, 50100, 0, 10000, "FIN_WAIT"),
		ROW(ORIG, "FA", 50100, 77001, 0, 10000, "LAST_ACK"),
		ROW(REPLY, "A", 77001, 50101, 0, 10000, "TIME_WAIT"),
	};
	static const struct row fin_first[] = {
		ROW(ORIG, "FA", 5000, 7000, 100, 10000, "FIN_WAIT", CLASS(FIN_WAIT)),
		ROW(REPLY, "FA", 7000, 5101, 0, 10000, "LAST_ACK"),
		ROW(ORIG, "A", 5101, 7001, 0, 10000, "TIME_WAIT"),
	};
	static const struct row never[] = {
		ROW(ORIG, "R", 5000, 0, 0, 0, "!invalid"),
		ROW(ORIG, "RA", 5000, 7000, 0, 0, "!invalid"),
		ROW(ORIG, "F", 5000, 0, 0, 0, "!bad-flags"),
	};

	(void)state;
	PLAY(strict);
	PLAY_LOOSE(loose);
	PLAY_LOOSE(fin_first);
	PLAY_LOOSE(never);
}

static void one_sided_traffic(void **state)
{
	static const struct row original_only[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT", .scale = 8),
		ROW(ORIG, "A", 1, 1, 0, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		ROW(ORIG, "A", 1, 1, 60000, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 900000, 1, 60000, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 960000, 800000, 0, 10000, "ESTABLISHED"),
		/* The other direction finds its way here after all. */
		ROW(REPLY, "A", 800000, 960000, 1000, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 960000, 801000, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
	};
	static const struct row reply_only[] = {
		ROW(ORIG, "SA", 0, 1, 0, 10000, "!invalid"),
		ROW(ORIG, "A", 1, 500, 60000, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		ROW(ORIG, "A", 60001, 90000, 60000, 10000, "ESTABLISHED"),
		ROW(ORIG, "FA", 120001, 90001, 0, 10000, "FIN_WAIT"),
		ROW(ORIG, "R", 120002, 0, 0, 0, "CLOSE"),
	};
	static const struct row strict[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(ORIG, "A", 1, 1, 0, 10000, "!out-of-window"),
	};

	(void)state;
	PLAY_LOOSE(original_only);
	PLAY_LOOSE(reply_only);
	PLAY(strict);
}

static void liberal(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(ORIG, "A", 500000, 101, 100, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 101, 500100, 100, 10000, "ESTABLISHED"),
		/* But no RST is. */
		ROW(REPLY, "R", 0x50000000, 0, 0, 0, "!out-of-window"),
		ROW(REPLY, "FA", 0x60000000, 500100, 0, 10000, "FIN_WAIT"),
		ROW(ORIG, "FA", 500100, 0x60000001, 0, 10000, "LAST_ACK"),
		ROW(ORIG, "A", 0x70000000, 1, 0, 10000, "ESTABLISHED"),
	};
	struct settings settings = track_scenario_settings();

	(void)state;
	settings.tcp_liberal = true;
	PLAY_WITH(settings, rows);
}

/* ----------------------------------------------------------------- timers, flags */

static void retransmission_has_its_own_timer(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(ORIG, "A", 101, 101, 100, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		ROW(ORIG, "A", 101, 101, 100, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		ROW(ORIG, "A", 101, 101, 100, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		ROW(ORIG, "A", 101, 101, 100, 10000, "ESTABLISHED", CLASS(RETRANSMITTING)),
		ROW(ORIG, "A", 101, 101, 100, 10000, "ESTABLISHED", CLASS(RETRANSMITTING)),
		ROW(REPLY, "A", 101, 151, 0, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		ROW(REPLY, "A", 101, 201, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
	};
	struct settings longer = track_scenario_settings();
	static const struct row no_longer[] = {
		TALK,
		ROW(ORIG, "A", 101, 101, 100, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
	};

	(void)state;
	PLAY(rows);
	/* It never makes a timer longer. */
	longer.timeout_s[TIMEOUT_TCP_UNACKNOWLEDGED] = 9000;
	PLAY_WITH(longer, no_longer);
}

static void retransmission_and_progress_are_told(void **state)
{
	static const struct row talk[] = { TALK };
	static const struct row data = ROW(ORIG, "A", 101, 101, 1000, 10000, "ESTABLISHED");
	static const struct row again = ROW(ORIG, "A", 101, 101, 500, 10000, "ESTABLISHED");
	static const struct row answer = ROW(REPLY, "A", 101, 601, 0, 10000, "ESTABLISHED");
	struct bench bench;

	(void)state;
	assert_true(track_scenario_play(&bench, track_scenario_settings(), talk, COUNT(talk)));
	assert_true(track_scenario_send(&bench, &data, 0) && !bench.result.retransmission && !bench.result.progress);
	assert_true(track_scenario_send(&bench, &again, 1) && bench.result.retransmission);
	assert_true(track_scenario_send(&bench, &answer, 2) && bench.result.progress);
	assert_true(track_scenario_send(&bench, &answer, 3) && !bench.result.progress);
	assert_true(track_scenario_send(&bench, &again, 4) && !bench.result.retransmission);
	assert_true(bench.assured);
}

static void RFC5927_quoted_sequence(void **state)
{
	static const struct row talk[] = { TALK, ROW(ORIG, "A", 101, 101, 1000, 10000, "ESTABLISHED") };
	struct bench bench;
	uint32_t base;

	(void)state;
	assert_true(track_scenario_play(&bench, track_scenario_settings(), talk, COUNT(talk)));
	base = bench.base[ORIG];
	assert_false(track_quote_valid(PROTOCOL_TCP, &bench.track, ORIG, base + 100));
	assert_true(track_quote_valid(PROTOCOL_TCP, &bench.track, ORIG, base + 101));
	assert_true(track_quote_valid(PROTOCOL_TCP, &bench.track, ORIG, base + 1101));
	assert_false(track_quote_valid(PROTOCOL_TCP, &bench.track, ORIG, base + 1102));
	assert_true(track_quote_valid(PROTOCOL_TCP, &bench.track, REPLY, bench.base[REPLY] + 101));
	assert_false(track_quote_valid(PROTOCOL_TCP, &bench.track, REPLY, bench.base[REPLY] + 102));
	assert_true(track_quote_valid(PROTOCOL_UDP, &bench.track, REPLY, 0));
	assert_true(track_scenario_play(&bench, track_scenario_settings(), talk, 1));
	base = bench.base[ORIG];
	assert_true(track_quote_valid(PROTOCOL_TCP, &bench.track, ORIG, base));
	assert_false(track_quote_valid(PROTOCOL_TCP, &bench.track, ORIG, base - 1));
	assert_false(track_quote_valid(PROTOCOL_TCP, &bench.track, REPLY, bench.base[REPLY]));
}

static void bad_flags(void **state)
{
	static const uint8_t good[] = { 0x02, 0x22, 0x12, 0x04, 0x14, 0x11, 0x31, 0x10, 0x30 };
	static const struct row talk[] = { TALK };
	struct bench bench;

	(void)state;
	assert_true(track_scenario_play(&bench, track_scenario_settings(), talk, COUNT(talk)));
	for (unsigned int flags = 0; flags < 256; flags++) {
		struct track_wire wire = {
			.flags = (uint8_t)flags,
			.sequence = bench.base[ORIG] + 101,
			.acknowledgement = bench.base[REPLY] + 101,
			.scale = TRACK_WIRE_NO_SCALE,
		};
		uint8_t options[40];
		struct packet packet = track_wire_packet(&wire, options);
		union track track = bench.track, fresh;
		bool valid = memchr(good, (int)(flags & 0x37), sizeof(good));
		enum reason reason = track_packet(&track, bench.timeout, &packet, ORIG, true, &bench.settings).reason;

		/* PSH, ECE and CWR may stand with anything; null, Xmas, SYN+FIN, SYN+RST and so on may not. */
		assert_int_equal(reason, valid ? REASON_NONE : REASON_BAD_FLAGS);
		reason = track_open(&fresh, &packet, &bench.settings).reason;
		if (!valid)
			assert_int_equal(reason, REASON_BAD_FLAGS);
	}
}

static void malformed_options_end_the_list(void **state)
{
	static const struct {
		uint8_t bytes[12];
		uint16_t length;
	} lists[] = {
		{ { 3, 0 }, 2 },      { { 3, 1 }, 2 },	     { { 3 }, 1 },	    { { 3, 3 }, 2 },
		{ { 5, 255, 1 }, 3 }, { { 1, 1, 1, 8 }, 4 }, { { 0, 3, 3, 9 }, 4 }, { { 254, 4, 1, 1, 2, 40 }, 6 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		/* From the heap and exactly that long, so that a sanitizer sees a read past the end. */
		uint8_t *exact = test_malloc(lists[i].length);
		struct packet packet = {
			.bytes = exact,
			.tuple = { .protocol = PROTOCOL_TCP },
			.tcp = { .flags = TCP_SYN, .options_length = lists[i].length },
		};
		struct settings settings = track_scenario_settings();
		union track track;

		memcpy(exact, lists[i].bytes, lists[i].length);
		assert_int_equal(track_open(&track, &packet, &settings).reason, REASON_NONE);
		assert_int_equal(track.tcp.syn_offers_scale, 0);
		test_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(RFC5961_4_syn_on_established),
		cmocka_unit_test(syn_from_the_reply_opens_nothing),
		cmocka_unit_test(retransmitted_syn_with_new_ISN),
		cmocka_unit_test(RFC9293_half_open_peer),
		cmocka_unit_test(syn_ack_lost_and_repeated),
		cmocka_unit_test(late_duplicates_of_the_handshake),
		cmocka_unit_test(RFC6191_port_reuse_in_time_wait),
		cmocka_unit_test(RFC6191_timestamps),
		cmocka_unit_test(picked_up_in_the_middle),
		cmocka_unit_test(one_sided_traffic),
		cmocka_unit_test(liberal),
		cmocka_unit_test(retransmission_has_its_own_timer),
		cmocka_unit_test(retransmission_and_progress_are_told),
		cmocka_unit_test(RFC5927_quoted_sequence),
		cmocka_unit_test(bad_flags),
		cmocka_unit_test(malformed_options_end_the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
