/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions during plays (tests/model/engine_play.h): every answer about a first packet is
 * what then happens, and asking changes nothing. SEED repeats a run, STEPS says how long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/model/engine_play.h"

#define STEPS_DEFAULT 30000
#define PLAY_SIZE 6000

static uint64_t steps_wanted(void)
{
	const char *wanted = getenv("STEPS");

	return wanted ? strtoull(wanted, NULL, 0) : STEPS_DEFAULT;
}

static void fill(uint8_t *script, uint64_t *random)
{
	for (size_t i = 0; i < PLAY_SIZE; i++)
		script[i] = (uint8_t)(wire_random(random) >> 32);
}

static void test_answers(void **state)
{
	static struct play play;
	static uint8_t script[PLAY_SIZE];
	uint64_t limit = steps_wanted(), seed = wire_seed(), random = seed, steps = 0, compared = 0;

	(void)state;
	play.explain = true;
	while (steps < limit) {
		const char *wrong;

		fill(script, &random);
		wrong = play_run(&play, script, sizeof(script));
		steps += play.steps;
		compared += play.compared;
		if (wrong)
			fail_msg("SEED=%llu, step %llu: %s", (unsigned long long)seed, (unsigned long long)steps,
				 wrong);
	}
	print_message("%llu steps, %llu answers compared\n", (unsigned long long)steps, (unsigned long long)compared);
	assert_true(compared > steps / 50);
}

static void test_asking_changes_nothing(void **state)
{
	static struct play asked, silent;
	static uint8_t script[PLAY_SIZE];
	uint64_t limit = steps_wanted(), seed = wire_seed(), random = seed, steps = 0;

	(void)state;
	asked.explain = asked.plain = silent.plain = true;
	while (steps < limit) {
		const char *wrong;

		fill(script, &random);
		wrong = play_run(&asked, script, sizeof(script));
		if (!wrong)
			wrong = play_run(&silent, script, sizeof(script));
		if (!wrong && asked.digest != silent.digest)
			wrong = "asking changed what happened";
		steps += asked.steps;
		if (wrong)
			fail_msg("SEED=%llu, step %llu: %s", (unsigned long long)seed, (unsigned long long)steps,
				 wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_asking_changes_nothing),
	};

	return cmocka_run_group_tests_name("explain_random", tests, NULL, NULL);
}
