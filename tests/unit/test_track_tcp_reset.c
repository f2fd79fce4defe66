/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an RST may do to a TCP connection: see track_scenario.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/model/track_scenario.h"

static void RFC5961_3_reset_on_established(void **state)
{
	static const struct row exact[] = {
		TALK,
		ROW(REPLY, "RA", 101, 101, 0, 0, "CLOSE", CLASS(CLOSE)),
		ROW(REPLY, "R", 101, 0, 0, 0, "=CLOSE"),
		ROW(ORIG, "S", 700000, 0, 0, 10000, "~"),
	};
	static const struct row without_ack[] = { TALK, ROW(ORIG, "R", 101, 0, 0, 0, "CLOSE") };
	static const struct row in_window[] = {
		TALK,
		ROW(REPLY, "R", 102, 0, 0, 0, "=ESTABLISHED", CLASS(ESTABLISHED)),
		ROW(REPLY, "RA", 9000, 101, 0, 0, "=ESTABLISHED"),
		ROW(ORIG, "R", 5000, 0, 0, 0, "=ESTABLISHED"),
		ROW(ORIG, "R", 10101, 0, 0, 0, "=ESTABLISHED"),
		/* The challenge and its answer. */
		ROW(ORIG, "A", 101, 101, 0, 10000, "ESTABLISHED"),
		ROW(REPLY, "R", 101, 0, 0, 0, "CLOSE"),
	};
	static const struct row outside[] = {
		TALK,
		ROW(REPLY, "R", 100, 0, 0, 0, "!out-of-window"),
		ROW(REPLY, "R", 10102, 0, 0, 0, "!out-of-window"),
		ROW(REPLY, "RA", 101, 102, 0, 0, "!out-of-window"),
		ROW(REPLY, "RA", 101, 0x50000000, 0, 0, "!out-of-window"),
		/* From the inside it is no better. */
		ROW(ORIG, "R", 100, 0, 0, 0, "!out-of-window"),
		ROW(ORIG, "R", 90000, 0, 0, 0, "!out-of-window"),
		ROW(ORIG, "A", 101, 101, 0, 10000, "ESTABLISHED"),
	};

	(void)state;
	PLAY(exact);
	PLAY(without_ack);
	PLAY(in_window);
	PLAY(outside);
}

static void reset_with_acknowledgement_0(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(REPLY, "RA", 101, 0, 0, 0, "=ESTABLISHED"),
		ROW(REPLY, "RA", 5000, 0, 0, 0, "=ESTABLISHED"),
		ROW(REPLY, "RA", 90000, 0, 0, 0, "!out-of-window"),
	};
	struct bench bench = { .settings = track_scenario_settings(), .base = { 0x40000000, 0x30000000 } };

	(void)state;
	for (size_t row = 0; row < COUNT(rows); row++) {
		if (!track_scenario_send(&bench, &rows[row], row))
			fail_msg("%s", bench.failure);
	}
}

static void reset_at_the_acknowledgement_before_a_gap(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(ORIG, "A", 101, 101, 500, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		ROW(ORIG, "R", 101, 0, 0, 0, "=ESTABLISHED"),
		ROW(ORIG, "RA", 300, 101, 0, 0, "=ESTABLISHED"),
		ROW(REPLY, "A", 101, 601, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
		ROW(ORIG, "A", 601, 101, 500, 10000, "ESTABLISHED"),
		/* An abort directly after data is exact. */
		ROW(ORIG, "RA", 1101, 101, 0, 0, "CLOSE"),
	};

	(void)state;
	PLAY(rows);
}

static void forged_exact_reset_is_undone(void **state)
{
	static const struct row by_data[] = {
		TALK,
		ROW(REPLY, "R", 101, 0, 0, 0, "CLOSE"),
		ROW(ORIG, "A", 101, 101, 100, 10000, "CLOSE", CLASS(CLOSE)),
		ROW(REPLY, "A", 101, 101, 100, 10000, "ESTABLISHED"),
	};
	static const struct row by_acknowledgement[] = {
		TALK,
		ROW(REPLY, "R", 101, 0, 0, 0, "CLOSE"),
		ROW(REPLY, "A", 101, 101, 0, 10000, "CLOSE"),
		ROW(ORIG, "A", 101, 101, 100, 10000, "CLOSE"),
		ROW(REPLY, "A", 101, 101, 0, 10000, "CLOSE"),
		ROW(REPLY, "A", 101, 201, 0, 10000, "ESTABLISHED"),
	};

	(void)state;
	PLAY(by_data);
	PLAY(by_acknowledgement);
}

static void reset_while_connecting(void **state)
{
	static const struct row refused[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(REPLY, "RA", 0, 2, 0, 0, "!out-of-window"),
		ROW(REPLY, "R", 0, 1, 0, 0, "!out-of-window"),
		ROW(ORIG, "R", 7, 0, 0, 0, "!out-of-window"),
		ROW(REPLY, "RA", 0, 1, 0, 0, "CLOSE", CLASS(CLOSE)),
		ROW(REPLY, "A", 1, 1, 0, 10000, "!out-of-window"),
		ROW(ORIG, "S", 0, 0, 0, 10000, "~"),
	};
	static const struct row after_syn_ack[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV"),
		ROW(ORIG, "R", 2, 0, 0, 0, "=SYN_RECV"),
		ROW(ORIG, "R", 1, 0, 0, 0, "CLOSE"),
	};
	static const struct row server_gone[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(REPLY, "SA", 70000, 1, 0, 10000, "SYN_RECV"),
		ROW(ORIG, "S", 0, 0, 0, 10000, "=SYN_RECV"),
		ROW(REPLY, "RA", 0, 1, 0, 0, "CLOSE"),
	};

	(void)state;
	PLAY(refused);
	PLAY(after_syn_ack);
	PLAY(server_gone);
}

static void RFC1337_reset_in_time_wait(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(ORIG, "FA", 101, 101, 0, 10000, "FIN_WAIT"),
		ROW(REPLY, "FA", 101, 102, 0, 10000, "LAST_ACK"),
		/* Closed endpoints answer with the number of their FIN. */
		ROW(ORIG, "R", 101, 0, 0, 0, "=LAST_ACK"),
		ROW(ORIG, "A", 102, 102, 0, 10000, "TIME_WAIT"),
		ROW(ORIG, "R", 102, 0, 0, 0, "=TIME_WAIT"),
		ROW(REPLY, "RA", 102, 102, 0, 0, "=TIME_WAIT"),
		ROW(REPLY, "R", 9000, 0, 0, 0, "!out-of-window"),
	};

	(void)state;
	PLAY(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(RFC5961_3_reset_on_established),
		cmocka_unit_test(reset_with_acknowledgement_0),
		cmocka_unit_test(reset_at_the_acknowledgement_before_a_gap),
		cmocka_unit_test(forged_exact_reset_is_undone),
		cmocka_unit_test(reset_while_connecting),
		cmocka_unit_test(RFC1337_reset_in_time_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
