/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line that is written at once and the one that is put together are the same, byte by
 * byte. SEED repeats a run. Says what each costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "daemon/answer.h"
#include "daemon/answer_parts.h"
#include "daemon/loop.h"
#include "daemon/session_line.h"
#include "tests/model/wire_model.h"

#define ROUNDS 3000
#define PLAIN "/etc/sluice/sluice.conf"

static struct snapshot_session session_any(uint64_t *random)
{
	static const uint8_t protocols[] = { 6, 17, 1, 58, 132, 47, 50, 250 };
	static const char *const states[] = { "", NULL, "ESTABLISHED", "SYN_SENT" };
	struct snapshot_session session;
	uint64_t choice = wire_random(random);

	for (size_t i = 0; i < sizeof(session); i++)
		((uint8_t *)&session)[i] = (uint8_t)wire_random(random);
	session.state = (enum timeout)(choice % TIMEOUT_COUNT);
	session.state_name = states[choice >> 8 & 3];
	session.nat = (enum session_nat)(choice >> 10 & 3);
	session.assured = choice >> 12 & 1;
	session.seen_reply = choice >> 13 & 1;
	session.fastpath = choice >> 14 & 1;
	session.keyed = choice >> 25 & 1;
	session.rule_file = choice >> 15 & 1 ? PLAIN : NULL;
	session.path_mtu = choice >> 16 & 1 ? session.path_mtu : 0;
	for (int way = 0; way < 2; way++) {
		session.tuples[way].protocol = protocols[choice >> 20 & 7];
		/* The library counts to 2^63. */
		session.packets[way] >>= 1;
		session.bytes[way] >>= 1;
		if (choice >> 24 & 1)
			memcpy(session.tuples[way].source.address.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	}
	return session;
}

static void test_same_bytes(void **state)
{
	uint64_t random = wire_seed(), written_ns = UINT64_MAX, built_ns = UINT64_MAX;
	char written[ANSWER_LINE_SIZE], built[ANSWER_LINE_SIZE];

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct snapshot_session session = session_any(&random);
		struct mono start = loop_now(), middle, end;
		size_t length, expected;

		length = session_line(written, sizeof(written), &session);
		middle = loop_now();
		expected = report_line_into(answer_session_object(&session, true), built, sizeof(built));
		end = loop_now();
		if (middle.ns - start.ns < written_ns)
			written_ns = middle.ns - start.ns;
		if (end.ns - middle.ns < built_ns)
			built_ns = end.ns - middle.ns;
		assert_int_equal(length, expected);
		assert_memory_equal(written, built, length);
	}
	print_message("at best a line is written in %llu ns, put together in %llu\n", (unsigned long long)written_ns,
		      (unsigned long long)built_ns);
}

static void test_what_is_not_plain_is_put_together(void **state)
{
	uint64_t random = 1;
	struct snapshot_session session = session_any(&random);
	char line[ANSWER_LINE_SIZE];

	(void)state;
	session.rule_file = "/tmp/\"quoted\".conf";
	assert_int_equal(session_line(line, sizeof(line), &session), 0);
	assert_true(answer_session(line, sizeof(line), &session) > 0);
	assert_non_null(strstr(line, "\\\"quoted\\\""));
	session.rule_file = PLAIN;
	assert_int_equal(session_line(line, 100, &session), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_what_is_not_plain_is_put_together),
	};

	return cmocka_run_group_tests_name("session_line", tests, NULL, NULL);
}
