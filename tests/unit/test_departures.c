/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An external address goes, and thousands of sessions live on it: they end in pieces, every
 * one of them is told, and meanwhile nothing goes on by an address that is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/lan_wan.h"

#define SESSIONS 6000
#define BUDGET 256

static const char config[] = "gateway { capacity 16384; sessions-per-source 0 }\n"
			     "table ip gateway {\n"
			     "	chain postrouting {\n"
			     "		type nat hook postrouting priority srcnat;\n"
			     "		oifname \"wan\" masquerade\n"
			     "	}\n"
			     "}\n";

static struct gateway gateway;
static uint64_t random_state = 1;

static struct gateway_verdict send(uint16_t port, struct endpoint *external)
{
	static struct wire wire;
	struct wire_shape shape = {
		.tuple = { { wire_address("10.0.0.2"), be16_from_host(port) },
			   { wire_address("203.0.113.9"), be16_from_host(53) },
			   PROTOCOL_UDP,
			   0 },
	};
	struct gateway_verdict verdict;

	wire_build(&wire, &shape, &random_state);
	wire.bytes[8] = 64;
	wire_seal(&wire);
	verdict = gateway_send(&gateway, LAN_INDEX(&gateway), &wire);
	external->address = address_from_ipv4(wire.bytes + 12);
	return verdict;
}

static int setup(void **unused)
{
	struct endpoint external;

	(void)unused;
	lan_wan_start(&gateway, config);
	for (uint16_t i = 0; i < SESSIONS; i++)
		assert_int_equal(send((uint16_t)(10000 + i), &external).reason, REASON_NONE);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	gateway_stop(&gateway);
	return 0;
}

static void move_to(const char *address)
{
	gateway.links[1].addresses[0].address = wire_address(address);
	assert_true(gateway_links_changed(&gateway));
}

/* As the shell does it; returns how many sessions have ended. */
static uint32_t drain(void)
{
	struct effect effect;
	uint32_t ended = 0;

	while (engine_next_effect(gateway.engine, &effect))
		ended += effect.kind == EFFECT_SESSION_EVENT && effect.session.event == SESSION_DESTROY;
	return ended;
}

static uint32_t sessions(void)
{
	struct snapshot_status status;

	snapshot_status(gateway.engine, &status);
	assert_int_equal(status.effects_lost, 0);
	assert_int_equal(engine_effects_lost(gateway.engine), 0);
	return status.sessions.current;
}

static void they_end_in_pieces_and_each_is_told(void **unused)
{
	uint32_t told, before, steps = 0;
	bool more;

	(void)unused;
	move_to("198.51.100.2");
	told = drain();
	assert_in_range(told, 1, BUDGET);
	do {
		before = sessions();
		more = engine_tick(gateway.engine, gateway.now, BUDGET);
		assert_in_range(before - sessions(), 0, BUDGET);
		told += drain();
		assert_true(++steps < SESSIONS);
	} while (more);
	assert_int_equal(told, SESSIONS);
	assert_int_equal(sessions(), 0);
}

static void no_packet_goes_on_by_the_old_address(void **unused)
{
	struct address present = wire_address("198.51.100.2");
	struct endpoint external;

	(void)unused;
	move_to("198.51.100.2");
	for (uint16_t i = 0; i < SESSIONS; i += 7) {
		assert_int_equal(send((uint16_t)(10000 + i), &external).reason, REASON_NONE);
		assert_true(address_equal(&external.address, &present));
		if (i % 70 == 0)
			engine_tick(gateway.engine, gateway.now, 8);
		drain();
	}
	while (engine_tick(gateway.engine, gateway.now, BUDGET))
		drain();
	/* What began on the new address has stayed. */
	assert_int_equal(sessions(), (SESSIONS + 6) / 7);
}

static void an_address_that_returns_begins_anew(void **unused)
{
	struct snapshot_status status;
	struct endpoint external;

	(void)unused;
	move_to("198.51.100.2");
	drain();
	assert_true(sessions() > 0);
	move_to("198.51.100.1");
	drain();
	/* None of the old ones is left to be taken for it. */
	assert_int_equal(send(10000, &external).reason, REASON_NONE);
	assert_int_equal(gateway.event.session.event, SESSION_NEW);
	while (engine_tick(gateway.engine, gateway.now, BUDGET))
		drain();
	assert_int_equal(send(10000, &external).reason, REASON_NONE);
	snapshot_status(gateway.engine, &status);
	assert_int_equal(status.sessions.current, 1);
	/* That was too much to tell at once, and it is known how much of it was not. */
	assert_true(engine_effects_lost(gateway.engine) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(they_end_in_pieces_and_each_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(no_packet_goes_on_by_the_old_address, setup, teardown),
		cmocka_unit_test_setup_teardown(an_address_that_returns_begins_anew, setup, teardown),
	};

	return cmocka_run_group_tests_name("departures", tests, NULL, NULL);
}
