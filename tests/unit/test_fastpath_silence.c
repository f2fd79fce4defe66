/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams in the fast path whose answers stay away: when they are large, the session
 * comes back to where a black hole is noticed; when they are not, it stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/fastpath_world.h"

#define OFFER 16 /* packets of a session, at which it is offered */
#define LARGE 1000
#define SMALL 100

static struct world world;
static struct told forth, back;

/* Through the queue, or through the fast path where that takes it; true: it did. */
static bool go(struct told *told, size_t payload)
{
	static struct wire wire;

	told->payload = payload;
	world_make(&wire, told, &world.random);
	if (fake_fastpath_forward(&world.fake, &wire, world.gateway.now))
		return true;
	assert_int_equal(gateway_send(&world.gateway, told->iif, &wire).reason, REASON_NONE);
	if (told == &forth)
		back = (struct told){ .tuple = world_tuple(&wire), .iif = WORLD_WAN };
	return false;
}

/* What comes back to where the last one left from. */
static bool answer(size_t payload)
{
	struct tuple left = back.tuple;
	bool fast;

	back.tuple = tuple_invert(&left);
	fast = go(&back, payload);
	back.tuple = left;
	return fast;
}

static void begin(const char *rules)
{
	world_start(&world, rules, true);
	forth =
	    (struct told){ .tuple = world_flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.5", 443), .iif = WORLD_LAN };
	for (unsigned int i = 0; i < OFFER / 2; i++) {
		assert_false(go(&forth, SMALL));
		assert_false(answer(SMALL));
	}
	world_install(&world);
	assert_int_equal(fake_fastpath_installed(&world.fake), 1);
}

static int setup(void **unused)
{
	(void)unused;
	begin(WORLD_RULES(""));
	return 0;
}

static int setup_long(void **unused)
{
	(void)unused;
	begin(WORLD_RULES_STREAM("80s", ""));
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	world_stop(&world);
	return 0;
}

/* So many seconds, with two datagrams in each; answered in every so manieth. */
static void stream(unsigned int seconds, size_t payload, unsigned int answered_each)
{
	for (unsigned int i = 0; i < 2 * seconds; i++) {
		go(&forth, payload);
		if (answered_each && i % (2 * answered_each) == 0)
			answer(SMALL);
		gateway_pass(&world.gateway, 500);
	}
}

static void large_ones_without_an_answer_come_back(void **unused)
{
	struct snapshot_black_hole hole;

	(void)unused;
	stream(9, LARGE, 0);
	assert_int_equal(fake_fastpath_installed(&world.fake), 1);
	stream(2, LARGE, 0);
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	/* Now it is watched: only what is small is answered. */
	for (unsigned int i = 0; i < 4; i++) {
		go(&forth, LARGE);
		gateway_pass(&world.gateway, 1500);
		go(&forth, SMALL);
		assert_false(answer(SMALL));
	}
	assert_int_equal(snapshot_black_holes(world.gateway.engine, &hole, 1), 1);
	assert_int_equal(hole.fails, LARGE + 28);
}

static void small_ones_stay(void **unused)
{
	(void)unused;
	stream(30, SMALL, 0);
	assert_int_equal(fake_fastpath_installed(&world.fake), 1);
}

/* A camera, and its viewer's report every five seconds. */
static void what_is_answered_now_and_then_stays(void **unused)
{
	(void)unused;
	stream(60, LARGE, 5);
	assert_int_equal(fake_fastpath_installed(&world.fake), 1);
}

/* It speaks once a minute, and stays; then no more, and is watched by the daemon until it ends when it should. */
static void what_is_silent_for_long_comes_back(void **unused)
{
	(void)unused;
	for (unsigned int i = 0; i < 3; i++) {
		gateway_pass(&world.gateway, 59000);
		assert_int_equal(fake_fastpath_installed(&world.fake), 1);
		assert_true(go(&forth, SMALL));
	}
	gateway_pass(&world.gateway, 61000);
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	gateway_pass(&world.gateway, 18800);
	assert_int_equal(world_sessions(&world), 1);
	gateway_pass(&world.gateway, 400);
	assert_int_equal(world_sessions(&world), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(large_ones_without_an_answer_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(small_ones_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_answered_now_and_then_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_silent_for_long_comes_back, setup_long, teardown),
	};

	return cmocka_run_group_tests_name("silence in the fast path", tests, NULL, NULL);
}
