/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the offer of a session and its installation other rules may come into force: today's count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/model/configuration_text.h"
#include "tests/unit/fastpath_world.h"

#define OFFER 16 /* packets of a session, at which it is offered */

static void send_packet(struct world *world, struct told *told, struct tuple *left)
{
	static struct wire wire;

	world_make(&wire, told, &world->random);
	assert_int_equal(gateway_send(&world->gateway, told->iif, &wire).reason, REASON_NONE);
	*left = world_tuple(&wire);
}

static void offer(struct world *world)
{
	struct tuple flow = world_flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.5", 443), left;
	struct told forth = { .tuple = flow, .iif = WORLD_LAN, .payload = 50 };

	for (unsigned int i = 0; i < OFFER / 2; i++) {
		struct told back = { .iif = WORLD_WAN, .payload = 50 };

		send_packet(world, &forth, &left);
		back.tuple = tuple_invert(&left);
		send_packet(world, &back, &left);
	}
	assert_int_equal(world->gateway.offer_count, 1);
}

static void what_waits_is_judged_by_the_rules_of_today(void **unused)
{
	static struct world world;
	static struct diagnostics diagnostics;
	struct configuration *strict = configuration_from_text("strict", WORLD_RULES("log\n"), &diagnostics);

	(void)unused;
	assert_non_null(strict);
	world_start(&world, WORLD_RULES(""), true);
	offer(&world);
	assert_int_equal(engine_apply(world.gateway.engine, strict, world.gateway.now), 0);
	assert_false(fake_fastpath_install(&world.fake, &world.gateway.offers[0]));
	assert_int_equal(engine_apply(world.gateway.engine, world.gateway.configuration, world.gateway.now), 0);
	assert_true(fake_fastpath_install(&world.fake, &world.gateway.offers[0]));
	world_stop(&world);
	configuration_destroy(strict);
	diagnostics_fini(&diagnostics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_is_judged_by_the_rules_of_today),
	};

	return cmocka_run_group_tests_name("rules and the fast path", tests, NULL, NULL);
}
