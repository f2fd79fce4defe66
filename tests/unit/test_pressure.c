/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "conntrack/pressure.h"

static enum pressure_level level_at(struct pressure *pressure, uint32_t used)
{
	enum pressure_level before = pressure->level;
	bool changed = pressure_update(pressure, used, 1000);

	assert_int_equal(changed, before != pressure->level);
	return pressure->level;
}

static void levels_go_up_at_once_and_down_late(void **unused)
{
	struct pressure pressure = { 0 };

	(void)unused;
	assert_int_equal(level_at(&pressure, 699), PRESSURE_NORMAL);
	assert_int_equal(level_at(&pressure, 700), PRESSURE_ELEVATED);
	assert_int_equal(level_at(&pressure, 651), PRESSURE_ELEVATED);
	assert_int_equal(level_at(&pressure, 650), PRESSURE_NORMAL);
	assert_int_equal(level_at(&pressure, 850), PRESSURE_HIGH);
	assert_int_equal(level_at(&pressure, 801), PRESSURE_HIGH);
	assert_int_equal(level_at(&pressure, 800), PRESSURE_ELEVATED);
	assert_int_equal(level_at(&pressure, 999), PRESSURE_HIGH);
	assert_int_equal(level_at(&pressure, 1000), PRESSURE_FULL);
	assert_int_equal(level_at(&pressure, 951), PRESSURE_FULL);
	assert_int_equal(level_at(&pressure, 950), PRESSURE_HIGH);
	assert_int_equal(level_at(&pressure, 0), PRESSURE_NORMAL);
}

/* One entry more, one less, a thousand times: one change of level. */
static void hovering_at_a_threshold_is_one_change(void **unused)
{
	struct pressure pressure = { 0 };
	unsigned int changes = 0;

	(void)unused;
	for (int i = 0; i < 1000; i++)
		changes += pressure_update(&pressure, 700 - i % 2, 1000);
	assert_int_equal(changes, 1);
}

static void no_capacity_is_full(void **unused)
{
	struct pressure pressure = { 0 };

	(void)unused;
	assert_true(pressure_update(&pressure, 0, 0));
	assert_int_equal(pressure.level, PRESSURE_FULL);
	assert_true(pressure_snapshot(&pressure, 0, 0).fill == 1.0);
	/* And back, when there is some. */
	assert_true(pressure_update(&pressure, 0, 10));
	assert_int_equal(pressure.level, PRESSURE_NORMAL);
}

/* Ten more each second for two minutes, then none for two minutes. */
static void forecast_follows_the_growth(void **unused)
{
	struct pressure pressure = { 0 };
	struct snapshot_pressure snapshot;
	uint64_t now_ms = 5000;
	uint32_t used = 0;

	(void)unused;
	for (int i = 0; i < 120; i++, now_ms += 1000, used += 10)
		pressure_sample(&pressure, used, mono_from_ms(now_ms));
	snapshot = pressure_snapshot(&pressure, used, 2200);
	assert_true(snapshot.rate > 9.9 && snapshot.rate < 10.1);
	assert_true(snapshot.seconds_to_full > 99 && snapshot.seconds_to_full < 102);
	/* Called too often, it does not listen. */
	pressure_sample(&pressure, 0, mono_from_ms(now_ms - 950));
	assert_true(pressure.rate == snapshot.rate);
	for (int i = 0; i < 120; i++, now_ms += 1000)
		pressure_sample(&pressure, used, mono_from_ms(now_ms));
	snapshot = pressure_snapshot(&pressure, used, 2200);
	assert_true(snapshot.rate < 0.01);
	/* Shrinking: not at this rate. */
	for (int i = 0; i < 20; i++, now_ms += 1000, used -= 10)
		pressure_sample(&pressure, used, mono_from_ms(now_ms));
	assert_true(pressure_snapshot(&pressure, used, 2200).seconds_to_full < 0);
	assert_true(pressure_snapshot(&pressure, 2200, 2200).seconds_to_full == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_go_up_at_once_and_down_late),
		cmocka_unit_test(hovering_at_a_threshold_is_one_change),
		cmocka_unit_test(no_capacity_is_full),
		cmocka_unit_test(forecast_follows_the_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
