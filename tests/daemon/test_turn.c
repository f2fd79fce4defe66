/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who opens sessions leaves turns to others who wait, and only to these. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/turn.h"

#define BATCH 64u

/* How many of @rounds a queue serves whose every batch opens @opened sessions. */
static unsigned int served(unsigned int rounds, unsigned int opened, bool others)
{
	struct turn turn = { 0 };
	unsigned int count = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		if (turn_is_let_pass(&turn, others, BATCH))
			continue;
		count++;
		turn_taken(&turn, opened);
	}
	return count;
}

static void test_opens_nothing(void **unused)
{
	(void)unused;
	assert_int_equal(served(100, 0, true), 100);
	assert_int_equal(served(100, 0, false), 100);
}

static void test_alone(void **unused)
{
	(void)unused;
	assert_int_equal(served(100, BATCH, false), 100);
}

static void test_others_wait(void **unused)
{
	(void)unused;
	assert_int_equal(served(100 * TURN_OPENING_WEIGHT, BATCH, true), 100);
	/* A few sessions among much else cost one turn. */
	assert_int_equal(served(100, 1, true), 50);
}

static void test_forgiven(void **unused)
{
	struct turn turn = { 0 };

	(void)unused;
	turn_taken(&turn, BATCH);
	assert_true(turn_is_let_pass(&turn, true, BATCH));
	assert_false(turn_is_let_pass(&turn, false, BATCH));
	assert_false(turn_is_let_pass(&turn, true, BATCH));
}

/*
 * A flood without end that is answered: each session it opens brings one packet to the queue of
 * the answers, where @backlog wait, and two when so many wait that the session is gone by then. Does
 * that queue ever become shorter than a batch?
 */
static void test_answers_catch_up(void **unused)
{
	struct turn flood = { 0 };
	unsigned int waiting = 8192, rounds = 0;

	(void)unused;
	while (waiting >= BATCH && rounds++ < 10000) {
		waiting -= BATCH;
		if (turn_is_let_pass(&flood, true, BATCH))
			continue;
		turn_taken(&flood, BATCH);
		waiting += 2 * BATCH;
	}
	assert_true(rounds < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens_nothing),	 cmocka_unit_test(test_alone),
		cmocka_unit_test(test_others_wait),	 cmocka_unit_test(test_forgiven),
		cmocka_unit_test(test_answers_catch_up),
	};

	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
