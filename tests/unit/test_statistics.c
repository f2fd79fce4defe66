/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/statistics.h"
#include "tests/model/wire_model.h"

#define CAPACITY 64

static const uint64_t key[2] = { 7, 11 };

static struct mono at(uint64_t seconds)
{
	return (struct mono){ (10 * STATISTICS_WINDOW_S + seconds) * NS_PER_S };
}

static struct endpoint party(uint32_t number)
{
	struct endpoint who = { .address = wire_address("10.0.0.0"), .port = be16_from_host((uint16_t)number) };

	memcpy(who.address.bytes + 12, &number, sizeof(number));
	return who;
}

static void count(struct statistics *statistics, uint32_t number, enum statistic statistic, struct mono now)
{
	struct endpoint who = party(number);

	statistics_count(statistics_open(statistics, &who, PROTOCOL_TCP, now), statistic, now);
}

static const struct statistics_entry *find(const struct statistics *statistics, uint32_t number)
{
	struct endpoint who = party(number);

	return statistics_find(statistics, &who, PROTOCOL_TCP);
}

static void evidence_ages_by_windows(void **state)
{
	struct statistics statistics;
	const struct statistics_entry *entry;

	(void)state;
	assert_int_equal(statistics_init(&statistics, CAPACITY, key), 0);
	count(&statistics, 1, STATISTIC_REFUSED, at(10));
	count(&statistics, 1, STATISTIC_REFUSED, at(140));
	entry = find(&statistics, 1);
	assert_int_equal(statistics_recent(entry, STATISTIC_REFUSED, at(149)), 2);
	/* In the next window they still count, in the one after it no more. */
	assert_int_equal(statistics_recent(entry, STATISTIC_REFUSED, at(150)), 2);
	count(&statistics, 1, STATISTIC_REFUSED, at(200));
	assert_int_equal(statistics_recent(entry, STATISTIC_REFUSED, at(299)), 3);
	assert_int_equal(statistics_recent(entry, STATISTIC_REFUSED, at(300)), 1);
	assert_int_equal(statistics_recent(entry, STATISTIC_REFUSED, at(450)), 0);
	assert_int_equal(entry->counters[STATISTIC_REFUSED].since, at(10).ns / NS_PER_S);
	assert_int_equal(entry->counters[STATISTIC_REFUSED].total, 3);
	/* After a silence it begins anew, and the total goes on. */
	count(&statistics, 1, STATISTIC_REFUSED, at(1000));
	assert_int_equal(entry->counters[STATISTIC_REFUSED].since, at(1000).ns / NS_PER_S);
	assert_int_equal(entry->counters[STATISTIC_REFUSED].total, 4);
	statistics_fini(&statistics);
}

static void what_is_taken_back_is_gone(void **state)
{
	struct statistics statistics;
	struct endpoint who = party(1);
	struct statistics_entry *entry;

	(void)state;
	assert_int_equal(statistics_init(&statistics, CAPACITY, key), 0);
	count(&statistics, 1, STATISTIC_UNANSWERED, at(149));
	entry = statistics_open(&statistics, &who, PROTOCOL_TCP, at(151));
	statistics_take_back(entry, STATISTIC_UNANSWERED, at(151));
	assert_int_equal(statistics_recent(entry, STATISTIC_UNANSWERED, at(151)), 0);
	assert_int_equal(entry->counters[STATISTIC_UNANSWERED].total, 0);
	/* Never below zero. */
	statistics_take_back(entry, STATISTIC_UNANSWERED, at(151));
	assert_int_equal(entry->counters[STATISTIC_UNANSWERED].total, 0);
	statistics_fini(&statistics);
}

static void peers_are_told_apart_up_to_a_limit(void **state)
{
	struct statistics statistics;
	struct endpoint who = party(1);
	struct statistics_entry *entry;

	(void)state;
	assert_int_equal(statistics_init(&statistics, CAPACITY, key), 0);
	count(&statistics, 1, STATISTIC_REFUSED, at(0));
	entry = statistics_open(&statistics, &who, PROTOCOL_TCP, at(0));
	for (uint32_t round = 0; round < 3; round++)
		for (uint32_t i = 0; i < 12; i++) {
			struct endpoint peer = party(100 + i);

			statistics_note_peer(entry, &peer.address, 0);
			assert_true(statistics_knows_peer(entry, &peer.address, 0));
		}
	assert_int_equal(entry->peer_count, 12);
	for (uint32_t i = 0; i < 100; i++) {
		struct endpoint peer = party(200 + i);

		statistics_note_peer(entry, &peer.address, 0);
	}
	assert_int_equal(entry->peer_count, STATISTICS_PEERS);
	/* Two windows later nobody is known any more. */
	statistics_count(entry, STATISTIC_OPENED, at(400));
	assert_int_equal(entry->peer_count, 0);
	statistics_fini(&statistics);
}

static void new_sessions_a_second(void **state)
{
	struct statistics statistics;
	double rate;

	(void)state;
	assert_int_equal(statistics_init(&statistics, CAPACITY, key), 0);
	for (uint64_t second = 0; second < 40; second++)
		for (int i = 0; i < 5; i++)
			count(&statistics, 1, STATISTIC_OPENED, at(second));
	rate = statistics_rate(find(&statistics, 1), at(40));
	assert_true(rate > 4 && rate < 6);
	assert_true(statistics_rate(find(&statistics, 1), at(60)) == 0);
	statistics_fini(&statistics);
}

static void times_are_smoothed(void **state)
{
	uint32_t smoothed = 0;

	(void)state;
	statistics_smooth(&smoothed, 8000 * 1000);
	assert_int_equal(smoothed, 8000);
	statistics_smooth(&smoothed, 16000 * 1000);
	assert_int_equal(smoothed, 9000);
	for (int i = 0; i < 100; i++)
		statistics_smooth(&smoothed, 0);
	/* 0 would mean that nothing was measured. */
	assert_true(smoothed >= 1 && smoothed < 10);
}

/* Ten thousand parties once each, past twenty that come again and again. */
static void heavy_ones_stay_and_the_rest_is_summed(void **state)
{
	struct statistics statistics;
	uint64_t total = 0, kept = 0;
	uint32_t position = 0, heavy = 0;
	const struct statistics_entry *entry;

	(void)state;
	assert_int_equal(statistics_init(&statistics, 256, key), 0);
	for (uint32_t i = 0; i < 10000; i++) {
		count(&statistics, 1000 + i, STATISTIC_OPENED, at(i / 100));
		count(&statistics, 1 + i % 20, STATISTIC_OPENED, at(i / 100));
		total += 2;
	}
	while ((entry = statistics_next(&statistics, &position)))
		kept += entry->counters[STATISTIC_OPENED].total;
	assert_int_equal(kept + statistics.rest.counters[STATISTIC_OPENED].total, total);
	for (uint32_t i = 1; i <= 20; i++)
		heavy += find(&statistics, i) && find(&statistics, i)->counters[STATISTIC_OPENED].total == 500;
	/* Eight places a set: more than that of the twenty fall into one only with bad luck, and the key is fixed. */
	assert_int_equal(heavy, 20);
	statistics_fini(&statistics);
}

/* ------------------------------------------------- beside a naive model: exact as long as there is room */

#define PARTIES 40
#define STEPS 200000

static void counts_are_exact(void **state)
{
	static uint64_t total[PARTIES][STATISTIC_COUNT];
	/* Seconds at which each was counted, by window. */
	static uint32_t windows[PARTIES][STATISTIC_COUNT][64];
	struct statistics statistics;
	uint64_t random = wire_seed(), second = 0;

	(void)state;
	/* Sets fill unevenly: sixteen times the room keeps all of them. */
	assert_int_equal(statistics_init(&statistics, PARTIES * 16, key), 0);
	for (uint32_t step = 0; step < STEPS && second / STATISTICS_WINDOW_S < 60; step++) {
		uint32_t who = wire_below(&random, PARTIES);
		enum statistic statistic = (enum statistic)wire_below(&random, STATISTIC_COUNT);
		uint64_t window;

		if (wire_below(&random, 40) == 0)
			second += wire_below(&random, 8);
		window = second / STATISTICS_WINDOW_S;
		count(&statistics, who, statistic, at(second));
		total[who][statistic]++;
		windows[who][statistic][window]++;
		who = wire_below(&random, PARTIES);
		statistic = (enum statistic)wire_below(&random, STATISTIC_COUNT);
		if (!find(&statistics, who))
			continue;
		assert_int_equal(find(&statistics, who)->counters[statistic].total, total[who][statistic]);
		assert_int_equal(statistics_recent(find(&statistics, who), statistic, at(second)),
				 windows[who][statistic][window] + (window ? windows[who][statistic][window - 1] : 0));
	}
	statistics_fini(&statistics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_ages_by_windows),
		cmocka_unit_test(what_is_taken_back_is_gone),
		cmocka_unit_test(peers_are_told_apart_up_to_a_limit),
		cmocka_unit_test(new_sessions_a_second),
		cmocka_unit_test(times_are_smoothed),
		cmocka_unit_test(heavy_ones_stay_and_the_rest_is_summed),
		cmocka_unit_test(counts_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
