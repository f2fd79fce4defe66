/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is seen of sessions from outside: who holds how many, and what listeners are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/model/gateway.h"
#include "tests/model/packet_words.h"

#define LIMIT 8

static const char rules[] = "gateway { capacity 256 }\n"
			    "table inet gateway {\n"
			    "	chain forward {\n"
			    "		type filter hook forward priority filter; policy accept;\n"
			    "	}\n"
			    "	chain postrouting {\n"
			    "		type nat hook postrouting priority srcnat;\n"
			    "		ip saddr 10.0.0.0/24 oifname \"wan\" masquerade\n"
			    "	}\n"
			    "}\n";

static struct gateway gateway;

static int setup(void **state)
{
	char why[256];

	(void)state;
	gateway = (struct gateway){ .link_count = 0 };
	return gateway_add_link(&gateway, "lan=10.0.0.1/24,fd00:0:0:1::1/64") &&
		       gateway_add_link(&gateway, "wan=198.51.100.1/24,2001:db8::1/64") &&
		       gateway_start(&gateway, "rules", rules, why, sizeof(why))
		   ? 0
		   : -1;
}

static int teardown(void **state)
{
	(void)state;
	gateway_stop(&gateway);
	return 0;
}

static void pass(const char *iif, const char *source, const char *destination)
{
	char words[4][64] = { "udp", "", ">", "" }, why[256];
	char *list[] = { words[0], words[1], words[2], words[3] };
	struct wire wire;

	snprintf(words[1], sizeof(words[1]), "%s", source);
	snprintf(words[3], sizeof(words[3]), "%s", destination);
	assert_true(packet_words_build(&wire, list, 4, why, sizeof(why)));
	assert_int_equal(gateway_send(&gateway, gateway_find_link(&gateway, iif)->index, &wire).reason, REASON_NONE);
}

static void assert_party(const struct snapshot_party *party, const char *address, uint32_t sessions,
			 uint32_t expendable, uint32_t ports)
{
	struct endpoint expected;

	assert_true(packet_words_endpoint(address, &expected));
	assert_memory_equal(&party->address, &expected.address, sizeof(expected.address));
	assert_int_equal(party->sessions, sessions);
	assert_int_equal(party->expendable, expendable);
	assert_int_equal(party->ports, ports);
}

static void test_most_first(void **state)
{
	struct snapshot_party list[LIMIT];

	(void)state;
	pass("lan", "10.0.0.2:1", "203.0.113.9:53");
	pass("lan", "10.0.0.3:1", "203.0.113.9:53");
	pass("lan", "10.0.0.3:2", "203.0.113.9:53");
	/* Two sessions of one endpoint share its external port. */
	pass("lan", "10.0.0.3:2", "203.0.113.10:53");
	assert_int_equal(snapshot_sources(gateway.engine, list, LIMIT), 2);
	assert_party(&list[0], "10.0.0.3", 3, 3, 2);
	assert_party(&list[1], "10.0.0.2", 1, 1, 1);
	assert_int_equal(snapshot_destinations(gateway.engine, list, LIMIT), 2);
	assert_party(&list[0], "203.0.113.9", 3, 3, 0);
	assert_party(&list[1], "203.0.113.10", 1, 1, 0);
	assert_int_equal(snapshot_sources(gateway.engine, list, 1), 1);
	assert_party(&list[0], "10.0.0.3", 3, 3, 2);
}

/* What is answered is not given up, on both sides of the count; what ends is gone from it. */
static void test_expendable_and_gone(void **state)
{
	struct snapshot_party list[LIMIT];

	(void)state;
	pass("lan", "10.0.0.2:4001", "203.0.113.9:53");
	pass("lan", "10.0.0.2:4002", "203.0.113.9:53");
	pass("wan", "203.0.113.9:53", "198.51.100.1:4001");
	assert_int_equal(snapshot_sources(gateway.engine, list, LIMIT), 1);
	assert_party(&list[0], "10.0.0.2", 2, 1, 2);
	assert_int_equal(snapshot_destinations(gateway.engine, list, LIMIT), 1);
	assert_party(&list[0], "203.0.113.9", 2, 1, 0);
	gateway_pass(&gateway, 121000);
	assert_int_equal(snapshot_destinations(gateway.engine, list, LIMIT), 1);
	assert_party(&list[0], "203.0.113.9", 1, 0, 0);
	gateway_pass(&gateway, 300000);
	assert_int_equal(snapshot_sources(gateway.engine, list, LIMIT), 0);
	assert_int_equal(snapshot_destinations(gateway.engine, list, LIMIT), 0);
}

static void test_ipv6_by_its_network(void **state)
{
	struct snapshot_party list[LIMIT];

	(void)state;
	pass("lan", "[fd00:0:0:1::2]:1", "[2001:db8:1::9]:53");
	pass("lan", "[fd00:0:0:1::3]:1", "[2001:db8:1::8]:53");
	assert_int_equal(snapshot_sources(gateway.engine, list, LIMIT), 1);
	assert_party(&list[0], "fd00:0:0:1::", 2, 2, 0);
	assert_int_equal(snapshot_destinations(gateway.engine, list, LIMIT), 1);
	assert_party(&list[0], "2001:db8:1::", 2, 2, 0);
}

/* What listeners are told is what the session is, not what its state suggests. */
static void expect_event(enum session_event event, bool seen_reply, bool assured)
{
	assert_int_equal(gateway.event.session.event, event);
	assert_int_equal(gateway.event.session.seen_reply, seen_reply);
	assert_int_equal(gateway.event.session.assured, assured);
}

static void test_events_tell_flags_and_counters(void **state)
{
	const struct effect *event = &gateway.event;

	(void)state;
	pass("lan", "10.0.0.2:4001", "203.0.113.9:53");
	expect_event(SESSION_NEW, false, false);
	pass("wan", "203.0.113.9:53", "198.51.100.1:4001");
	expect_event(SESSION_UPDATE, true, false);
	pass("lan", "10.0.0.2:4001", "203.0.113.9:53");
	expect_event(SESSION_UPDATE, true, true);
	pass("wan", "203.0.113.9:53", "198.51.100.1:4001");
	pass("wan", "203.0.113.9:53", "198.51.100.1:4001");
	gateway_pass(&gateway, 301000);
	expect_event(SESSION_DESTROY, true, true);
	assert_int_equal(event->session.packets[DIRECTION_ORIGINAL], 2);
	assert_int_equal(event->session.packets[DIRECTION_REPLY], 3);
	assert_int_equal(event->session.bytes[DIRECTION_REPLY] * 2, event->session.bytes[DIRECTION_ORIGINAL] * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_most_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expendable_and_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ipv6_by_its_network, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events_tell_flags_and_counters, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
