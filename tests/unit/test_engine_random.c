/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fuzzer's plays on the whole engine (tests/model/engine_play.h), from a seeded
 * generator. SEED repeats a run, STEPS says how many steps it takes at least.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/model/engine_play.h"

#define STEPS_DEFAULT 100000
#define PLAY_SIZE 6000
#define DAMAGED_PLAYS 60

static void test_plays_that_survive(void **state)
{
	static struct play play = { .survive = true };
	static uint8_t script[PLAY_SIZE];
	const char *wanted = getenv("STEPS");
	uint64_t limit = wanted ? strtoull(wanted, NULL, 0) : STEPS_DEFAULT;
	uint64_t seed = wire_seed(), random = seed, steps = 0, survived = 0;

	(void)state;
	while (steps < limit) {
		const char *wrong;

		for (size_t i = 0; i < sizeof(script); i++)
			script[i] = (uint8_t)(wire_random(&random) >> 32);
		wrong = play_run(&play, script, sizeof(script));
		steps += play.steps;
		survived += play.survived;
		if (wrong)
			fail_msg("SEED=%llu, step %llu: %s", (unsigned long long)seed, (unsigned long long)steps,
				 wrong);
	}
	print_message("%llu steps, %llu sessions survived\n", (unsigned long long)steps, (unsigned long long)survived);
	assert_true(survived > steps / 100);
}

static void play_damaged(bool forged)
{
	static struct play play;
	static uint8_t script[PLAY_SIZE];
	uint64_t seed = wire_seed(), random = seed, damaged = 0;

	play.survive = play.damage = true;
	play.forged = forged;
	for (unsigned int i = 0; i < DAMAGED_PLAYS; i++) {
		const char *wrong;

		for (size_t at = 0; at < sizeof(script); at++)
			script[at] = (uint8_t)(wire_random(&random) >> 32);
		wrong = play_run(&play, script, sizeof(script));
		damaged += play.survived;
		if (wrong)
			fail_msg("SEED=%llu, play %u: %s", (unsigned long long)seed, i, wrong);
	}
	assert_true(damaged > DAMAGED_PLAYS / 2);
}

static void test_damaged_memory(void **state)
{
	(void)state;
	play_damaged(false);
}

static void test_forged_memory(void **state)
{
	(void)state;
	play_damaged(true);
}

static void test_plays(void **state)
{
	static struct play play;
	static uint8_t script[PLAY_SIZE];
	const char *wanted = getenv("STEPS");
	uint64_t limit = wanted ? strtoull(wanted, NULL, 0) : STEPS_DEFAULT;
	uint64_t seed = wire_seed(), random = seed, steps = 0, accepted = 0, rewritten = 0;

	(void)state;
	while (steps < limit) {
		const char *wrong;

		for (size_t i = 0; i < sizeof(script); i++)
			script[i] = (uint8_t)(wire_random(&random) >> 32);
		wrong = play_run(&play, script, sizeof(script));
		steps += play.steps;
		accepted += play.accepted;
		rewritten += play.rewritten;
		if (wrong)
			fail_msg("SEED=%llu, step %llu: %s", (unsigned long long)seed, (unsigned long long)steps,
				 wrong);
	}
	print_message("%llu steps, %llu times accepted, %llu rewritten\n", (unsigned long long)steps,
		      (unsigned long long)accepted, (unsigned long long)rewritten);
	/* A generator whose packets all die at the door would find nothing. */
	assert_true(accepted > steps / 10 && rewritten > steps / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_plays), cmocka_unit_test(test_plays_that_survive),
					    cmocka_unit_test(test_damaged_memory),
					    cmocka_unit_test(test_forged_memory) };

	return cmocka_run_group_tests_name("engine_random", tests, NULL, NULL);
}
