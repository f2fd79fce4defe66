/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, closing and the window of TCP connections: see track_scenario.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/model/track_scenario.h"

/* ------------------------------------------------------------- opening, closing */

static void whole_connection(void **state)
{
	static const struct row rows[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT", CLASS(SYN_SENT)),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV", CLASS(SYN_RECEIVED)),
		ROW(ORIG, "A", 1, 1, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
		ROW(ORIG, "PA", 1, 1, 100, 10000, "ESTABLISHED", CLASS(UNACKNOWLEDGED)),
		ROW(REPLY, "A", 1, 101, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
		ROW(REPLY, "PA", 1, 101, 9000, 10000, "ESTABLISHED"),
		ROW(ORIG, "FA", 101, 9001, 0, 10000, "FIN_WAIT", CLASS(FIN_WAIT)),
		ROW(REPLY, "A", 9001, 102, 0, 10000, "CLOSE_WAIT", CLASS(CLOSE_WAIT)),
		/* Half closed: the other direction still carries data. */
		ROW(REPLY, "PA", 9001, 102, 5000, 10000, "CLOSE_WAIT"),
		ROW(ORIG, "A", 102, 14001, 0, 10000, "CLOSE_WAIT"),
		ROW(REPLY, "FA", 14001, 102, 0, 10000, "LAST_ACK", CLASS(LAST_ACK)),
		ROW(ORIG, "A", 102, 14002, 0, 10000, "TIME_WAIT", CLASS(TIME_WAIT)),
		ROW(REPLY, "FA", 14001, 102, 0, 10000, "TIME_WAIT"),
		ROW(ORIG, "A", 102, 14002, 0, 10000, "=TIME_WAIT"),
		ROW(ORIG, "A", 103, 14002, 1, 10000, "!out-of-window"),
	};

	(void)state;
	PLAY(rows);
}

static void RFC5382_REQ_2a_simultaneous_open(void **state)
{
	static const struct row rows[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"),
		ROW(REPLY, "S", 0, 0, 0, 10000, "SYN_SENT2"),
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT2"),
		ROW(REPLY, "S", 0, 0, 0, 10000, "SYN_SENT2", CLASS(SYN_SENT)),
		ROW(ORIG, "SA", 0, 1, 0, 10000, "SYN_RECV"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 1, 1, 9000, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 1, 9001, 0, 10000, "ESTABLISHED"),
	};
	static const struct row other_way[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT", .scale = 5, .sack_permitted = true),
		ROW(REPLY, "S", 0, 0, 0, 10000, "SYN_SENT2", .scale = 3, .sack_permitted = true),
		ROW(REPLY, "SA", 0, 2, 0, 10000, "!out-of-window"),
		ROW(REPLY, "SA", 7, 1, 0, 10000, "SYN_RECV", .scale = 3),
		ROW(REPLY, "SA", 7, 1, 0, 10000, "SYN_RECV", .scale = 3),
		ROW(ORIG, "A", 1, 8, 0, 10000, "ESTABLISHED"),
	};

	(void)state;
	PLAY(rows);
	PLAY(other_way);
}

static void fin_out_of_order(void **state)
{
	static const struct row rows[] = {
		TALK,
		/* The FIN overtakes the data before it. */
		ROW(ORIG, "FA", 301, 101, 0, 10000, "FIN_WAIT"),
		ROW(REPLY, "A", 101, 101, 0, 10000, "FIN_WAIT"),
		ROW(ORIG, "A", 101, 101, 200, 10000, "FIN_WAIT"),
		ROW(REPLY, "FA", 101, 101, 0, 10000, "LAST_ACK"),
		ROW(REPLY, "A", 102, 302, 0, 10000, "LAST_ACK"),
		ROW(ORIG, "A", 302, 102, 0, 10000, "TIME_WAIT"),
	};
	static const struct row both_at_once[] = {
		TALK,
		ROW(ORIG, "FA", 101, 101, 0, 10000, "FIN_WAIT"),
		ROW(REPLY, "FA", 101, 101, 0, 10000, "LAST_ACK"),
		ROW(ORIG, "A", 102, 102, 0, 10000, "LAST_ACK"),
		ROW(REPLY, "A", 102, 102, 0, 10000, "TIME_WAIT"),
	};

	(void)state;
	PLAY(rows);
	PLAY(both_at_once);
}

static void data_in_fin(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(ORIG, "FPA", 101, 101, 50, 10000, "FIN_WAIT"),
		ROW(REPLY, "A", 101, 151, 0, 10000, "FIN_WAIT"),
		ROW(REPLY, "A", 101, 152, 0, 10000, "CLOSE_WAIT"),
		ROW(REPLY, "A", 101, 153, 0, 10000, "!out-of-window"),
		ROW(ORIG, "A", 152, 101, 1, 10000, "!out-of-window"),
		ROW(REPLY, "FPA", 101, 152, 50, 10000, "LAST_ACK"),
		ROW(ORIG, "A", 152, 152, 0, 10000, "TIME_WAIT"),
	};

	(void)state;
	PLAY(rows);
}

static void FIN_out_of_window_and_forged(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(ORIG, "FA", 10102, 101, 0, 10000, "!out-of-window"),
		ROW(ORIG, "FA", 0xfff00000, 101, 0, 10000, "!out-of-window"),
		ROW(REPLY, "FA", 90000, 101, 0, 10000, "!out-of-window"),
		/* What lies beyond the window is cut off by the receiver, and the FIN with it. */
		ROW(ORIG, "FA", 10101, 101, 1, 10000, "ESTABLISHED"),
	};
	static const struct row forged[] = {
		TALK,
		ROW(ORIG, "FA", 5000, 101, 0, 10000, "FIN_WAIT"),
		ROW(ORIG, "A", 101, 101, 4000, 10000, "FIN_WAIT"),
		/* Data beyond it: it was not the endpoint's. */
		ROW(ORIG, "A", 4101, 101, 4000, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 101, 8101, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
	};

	(void)state;
	PLAY(rows);
	PLAY(forged);
}

static void fast_open(void **state)
{
	static const struct row rows[] = {
		ROW(ORIG, "S", 0, 0, 500, 10000, "SYN_SENT"),	   ROW(REPLY, "SA", 0, 502, 0, 10000, "!out-of-window"),
		ROW(REPLY, "SA", 0, 501, 0, 10000, "SYN_RECV"),	   ROW(REPLY, "A", 1, 501, 700, 10000, "SYN_RECV"),
		ROW(ORIG, "A", 501, 701, 0, 10000, "ESTABLISHED"),
	};
	static const struct row refused[] = {
		ROW(ORIG, "S", 0, 0, 500, 10000, "SYN_SENT"),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV"),
		ROW(ORIG, "A", 1, 1, 500, 10000, "ESTABLISHED"),
	};

	(void)state;
	PLAY(rows);
	PLAY(refused);
}

/* ------------------------------------------------------------------- the window */

static void RFC7323_scaling_only_when_both_offer(void **state)
{
	static const struct row both[] = {
		ROW(ORIG, "S", 0, 0, 0, 60000, "SYN_SENT", .scale = 8),
		ROW(REPLY, "SA", 0, 1, 0, 60000, "SYN_RECV", .scale = 4),
		ROW(ORIG, "A", 1, 1, 0, 60000, "ESTABLISHED"),
		/* A SYN's window is not scaled, the next one's is: 60000 << 7. */
		ROW(REPLY, "A", 7680002, 1, 100, 60000, "!out-of-window"),
		ROW(REPLY, "A", 7680001, 1, 1, 60000, "ESTABLISHED"),
		ROW(ORIG, "A", 480002, 1, 100, 60000, "!out-of-window"),
		ROW(ORIG, "A", 480001, 1, 1, 60000, "ESTABLISHED"),
	};
	static const struct row one[] = {
		ROW(ORIG, "S", 0, 0, 0, 60000, "SYN_SENT", .scale = 8),
		ROW(REPLY, "SA", 0, 1, 0, 60000, "SYN_RECV"),
		ROW(ORIG, "A", 1, 1, 0, 60000, "ESTABLISHED"),
		ROW(REPLY, "A", 60002, 1, 100, 60000, "!out-of-window"),
		ROW(REPLY, "A", 60001, 1, 1, 60000, "ESTABLISHED"),
	};
	static const struct row neither_from_reply[] = {
		ROW(ORIG, "S", 0, 0, 0, 60000, "SYN_SENT"),
		ROW(REPLY, "SA", 0, 1, 0, 60000, "SYN_RECV", .scale = 8),
		ROW(ORIG, "A", 1, 1, 0, 60000, "ESTABLISHED"),
		ROW(ORIG, "A", 60002, 1, 100, 60000, "!out-of-window"),
	};

	(void)state;
	PLAY(both);
	PLAY(one);
	PLAY(neither_from_reply);
}

static void RFC2018_sack(void **state)
{
	static const struct row rows[] = {
		ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT", .sack_permitted = true),
		ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV", .sack_permitted = true),
		ROW(ORIG, "A", 1, 1, 0, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 1001, 1, 1000, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 1, 1, 0, 10000, "ESTABLISHED", .sack = 2001),
		ROW(REPLY, "A", 1, 1, 0, 10000, "!out-of-window", .sack = 2002),
		ROW(ORIG, "A", 1, 1, 1000, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 1, 2001, 0, 10000, "ESTABLISHED", .sack = 1001),
	};
	/* Not agreed on: the option means nothing. */
	static const struct row without[] = {
		HANDSHAKE,
		ROW(REPLY, "A", 1, 1, 0, 10000, "ESTABLISHED", .sack = 50000),
	};

	(void)state;
	PLAY(rows);
	PLAY(without);
}

static void window_bounds(void **state)
{
	static const struct row rows[] = {
		TALK,
		/* I: not beyond what the receiver offered; a probe at the edge is. */
		ROW(ORIG, "A", 10101, 101, 1, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 10102, 101, 1, 10000, "!out-of-window"),
		ROW(ORIG, "A", 0x40000000, 101, 1, 10000, "!out-of-window"),
		/* II: old duplicates, but not of any age. */
		ROW(ORIG, "A", 1, 101, 100, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", (uint32_t)-65899, 101, 0, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", (uint32_t)-65900, 101, 0, 10000, "!out-of-window"),
		/* III: nothing acknowledged that was not sent. */
		ROW(REPLY, "A", 101, 10102, 0, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 101, 10103, 0, 10000, "!out-of-window"),
		/* IV: RFC 5961 section 5.2. */
		ROW(ORIG, "A", 101, (uint32_t)-65899, 0, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 101, (uint32_t)-65900, 0, 10000, "!out-of-window"),
	};

	(void)state;
	PLAY(rows);
}

static void keepalive_and_zero_window(void **state)
{
	static const struct row rows[] = {
		TALK,
		ROW(ORIG, "A", 100, 101, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
		ROW(REPLY, "A", 101, 101, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
		ROW(ORIG, "A", 100, 101, 1, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
		ROW(REPLY, "A", 101, 101, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
		/* The receiver closes its window; the sender probes it with a byte. */
		ROW(ORIG, "A", 101, 101, 10000, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 101, 10101, 0, 0, "ESTABLISHED", CLASS(RETRANSMITTING)),
		ROW(ORIG, "A", 10101, 101, 1, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 101, 10101, 0, 0, "ESTABLISHED"),
		ROW(ORIG, "A", 10100, 101, 0, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 101, 10101, 0, 0, "ESTABLISHED"),
		ROW(REPLY, "A", 101, 10101, 0, 10000, "ESTABLISHED"),
		ROW(ORIG, "A", 10101, 101, 10000, 10000, "ESTABLISHED"),
		ROW(REPLY, "A", 101, 20101, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED)),
	};

	(void)state;
	PLAY(rows);
}

static void segments_of_64_KiB(void **state)
{
	static const struct row rows[] = {
		ROW(ORIG, "S", 0, 0, 0, 65535, "SYN_SENT", .scale = 15),
		ROW(REPLY, "SA", 0, 1, 0, 65535, "SYN_RECV", .scale = 15),
		ROW(ORIG, "A", 1, 1, 0, 65535, "ESTABLISHED"),
		ROW(REPLY, "A", 1, 1, 65483, 65535, "ESTABLISHED"),
		ROW(REPLY, "A", 65484, 1, 65483, 65535, "ESTABLISHED"),
		ROW(REPLY, "A", 130967, 1, 65483, 65535, "ESTABLISHED"),
		ROW(REPLY, "A", 1, 1, 65483, 65535, "ESTABLISHED"),
		ROW(ORIG, "A", 1, 196450, 0, 65535, "ESTABLISHED", CLASS(ESTABLISHED)),
		ROW(REPLY, "A", 1073741824, 1, 65483, 65535, "ESTABLISHED"),
	};

	(void)state;
	PLAY(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_connection),
		cmocka_unit_test(RFC5382_REQ_2a_simultaneous_open),
		cmocka_unit_test(fin_out_of_order),
		cmocka_unit_test(data_in_fin),
		cmocka_unit_test(FIN_out_of_window_and_forged),
		cmocka_unit_test(fast_open),
		cmocka_unit_test(RFC7323_scaling_only_when_both_offer),
		cmocka_unit_test(RFC2018_sack),
		cmocka_unit_test(window_bounds),
		cmocka_unit_test(keepalive_and_zero_window),
		cmocka_unit_test(segments_of_64_KiB),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
