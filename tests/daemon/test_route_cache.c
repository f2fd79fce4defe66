/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is remembered of routes is what was answered last, never what was forgotten or is old. SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "daemon/route_cache.h"
#include "tests/model/wire_model.h"

#define QUESTIONS 4096 /* some share their places */
#define ROUNDS 200000

static struct route_cache *cache;
static uint64_t random_state;

/* The number of a question stands in its answer; so does how often it was asked. */
static struct route_question question_of(uint32_t number)
{
	struct route_question question = { .interface = 1 + number % 2, .mark = number / 2 % 2 };

	question.source.bytes[15] = (uint8_t)(number / 4 % 4);
	question.destination.bytes[15] = (uint8_t)(number / 16);
	question.destination.bytes[14] = (uint8_t)(number / 16 >> 8);
	return question;
}

static struct route_answer answer_of(uint32_t number, uint32_t turn)
{
	return (struct route_answer){ .forwards = turn % 2, .route = { .interface = number, .mtu = turn } };
}

static int setup(void **unused)
{
	static const uint64_t secret[2] = { 1, 2 };

	(void)unused;
	random_state = wire_seed();
	cache = route_cache_create(secret);
	return cache ? 0 : -1;
}

static int teardown(void **unused)
{
	(void)unused;
	route_cache_destroy(cache);
	return 0;
}

static void every_part_of_the_question_counts(void **unused)
{
	struct route_question question = question_of(0), other;
	struct route_answer answer = answer_of(7, 1);
	struct mono now = { 1 };

	(void)unused;
	route_cache_store(cache, &question, &answer, now);
	assert_int_equal(route_cache_lookup(cache, &question, now)->route.interface, 7);
	other = question;
	other.source.bytes[0]++;
	assert_null(route_cache_lookup(cache, &other, now));
	other = question;
	other.destination.bytes[0]++;
	assert_null(route_cache_lookup(cache, &other, now));
	other = question;
	other.interface++;
	assert_null(route_cache_lookup(cache, &other, now));
	other = question;
	other.mark++;
	assert_null(route_cache_lookup(cache, &other, now));
}

static void an_answer_ends_with_time(void **unused)
{
	struct route_question question = question_of(3);
	struct route_answer answer = answer_of(3, 1);

	(void)unused;
	route_cache_store(cache, &question, &answer, (struct mono){ 5 * NS_PER_MS });
	assert_non_null(route_cache_lookup(cache, &question, (struct mono){ (5 + ROUTE_CACHE_MS) * NS_PER_MS }));
	assert_null(route_cache_lookup(cache, &question, (struct mono){ (6 + ROUTE_CACHE_MS) * NS_PER_MS }));
}

/* Against a list that remembers all. */
static void it_says_what_was_said_last(void **unused)
{
	uint32_t turns[QUESTIONS] = { 0 };
	uint64_t stored[QUESTIONS] = { 0 };
	bool known[QUESTIONS] = { 0 };
	struct mono now = { NS_PER_MS };
	unsigned long found = 0;

	(void)unused;
	for (uint32_t turn = 1; turn <= ROUNDS; turn++) {
		uint64_t choice = wire_random(&random_state);
		uint32_t number = choice % QUESTIONS;
		struct route_question question = question_of(number);
		struct route_answer answer = answer_of(number, turn);
		const struct route_answer *remembered = route_cache_lookup(cache, &question, now);

		if (remembered) {
			assert_true(known[number] && remembered->forwards == turns[number] % 2);
			assert_int_equal(remembered->route.interface, number);
			assert_int_equal(remembered->route.mtu, turns[number]);
			assert_true(now.ns - stored[number] < (ROUTE_CACHE_MS + 1) * NS_PER_MS);
			found++;
		}
		if (choice >> 32 & 1) {
			route_cache_store(cache, &question, &answer, now);
			known[number] = true;
			turns[number] = turn;
			stored[number] = now.ns;
		}
		if ((choice >> 33) % 20000 == 0) {
			route_cache_forget(cache);
			memset(known, 0, sizeof(known));
		}
		now.ns += (choice >> 48) % 100 ? 0 : NS_PER_MS;
	}
	assert_true(found > ROUNDS / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_part_of_the_question_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_ends_with_time, setup, teardown),
		cmocka_unit_test_setup_teardown(it_says_what_was_said_last, setup, teardown),
	};

	return cmocka_run_group_tests_name("remembered routes", tests, NULL, NULL);
}
