/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Somebody inside sends each packet from another address. There is room for fewer hosts with
 * mappings than for sessions: who comes late must not be refused for it, and nobody who is
 * answered may be given up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/unit/lan_wan.h"

#define CAPACITY 131072
#define HOSTS (CAPACITY / 16)
#define HONEST 200
#define FLOOD (3 * HOSTS)

static struct gateway gateway;
static uint64_t random_state = 1;

static void raise_gateway(const char *settings)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "gateway { capacity %d; sessions-per-source 0; pooling arbitrary; %s }\n"
		 "table ip gateway {\n"
		 "	chain postrouting {\n"
		 "		type nat hook postrouting priority srcnat;\n"
		 "		oifname \"wan\" snat ip to 198.51.100.2-198.51.100.9\n"
		 "	}\n"
		 "}\n",
		 CAPACITY, settings);
	lan_wan_start(&gateway, text);
}

static int lower_gateway(void **unused)
{
	(void)unused;
	gateway_stop(&gateway);
	return 0;
}

static enum reason pass(uint32_t iif, const struct tuple *tuple)
{
	return gateway_send_tuple(&gateway, iif, tuple, &random_state);
}

/* The first packet of the inside host @number; its answer when @answered. */
static enum reason talk(uint32_t number, uint8_t net, uint8_t last, bool answered)
{
	uint8_t inside[4] = { 10, net, (uint8_t)(number >> 8), (uint8_t)number };
	uint8_t outside[4] = { 203, 0, last, (uint8_t)(1 + number % 250) };
	struct tuple tuple = { { address_from_ipv4(inside), be16_from_host(4000) },
			       { address_from_ipv4(outside), be16_from_host(53) },
			       PROTOCOL_UDP,
			       0 };
	enum reason reason = pass(LAN_INDEX(&gateway), &tuple);

	gateway.now.ns += 10000;
	return reason == REASON_NONE && answered ? pass(WAN_INDEX(&gateway), &gateway.event.session.reply) : reason;
}

static uint32_t answered_sessions(void)
{
	struct snapshot_status status;

	snapshot_status(gateway.engine, &status);
	return status.sessions.by_state[TIMEOUT_UDP_STREAM];
}

static void invented_sources_displace_each_other(void **unused)
{
	struct snapshot_status status;

	(void)unused;
	raise_gateway("");
	for (uint32_t i = 0; i < HONEST; i++) {
		assert_int_equal(talk(i, 1, 113, true), REASON_NONE);
		assert_int_equal(talk(i, 1, 113, false), REASON_NONE);
	}
	assert_int_equal(answered_sessions(), HONEST);
	for (uint32_t i = 0; i < FLOOD; i++)
		assert_int_equal(talk(i, 2, 114, false), REASON_NONE);
	/* Who comes now is served, and was there before goes on. */
	for (uint32_t i = 0; i < HONEST; i++)
		assert_int_equal(talk(i, 3, 115, true), REASON_NONE);
	for (uint32_t i = 0; i < HONEST; i++)
		assert_int_equal(talk(i, 1, 113, false), REASON_NONE);
	snapshot_status(gateway.engine, &status);
	assert_int_equal(status.refusals[REFUSAL_TABLE_FULL], 0);
	assert_int_equal(status.sessions.evicted, FLOOD + 2 * HONEST - HOSTS);
	assert_int_equal(status.sessions.current, HOSTS);
}

static void nobody_is_given_up_where_that_is_not_wanted(void **unused)
{
	struct snapshot_status status;
	uint32_t refused = 0;

	(void)unused;
	raise_gateway("table-full refuse");
	for (uint32_t i = 0; i < HOSTS + 100; i++)
		refused += talk(i, 2, 114, false) == REASON_TABLE_FULL;
	snapshot_status(gateway.engine, &status);
	assert_int_equal(refused, 100);
	assert_int_equal(status.sessions.evicted, 0);
}

/* A host that scans, with mappings bound to their peers: of those there is room for an eighth. */
static void a_scanner_displaces_itself(void **unused)
{
	struct snapshot_status status;

	(void)unused;
	raise_gateway("mapping address-dependent");
	for (uint32_t i = 0; i < HONEST; i++)
		assert_int_equal(talk(i, 1, 113, true), REASON_NONE);
	for (uint32_t i = 0; i < CAPACITY / 8 + 5000; i++) {
		uint8_t inside[4] = { 10, 2, 0, 1 },
			outside[4] = { 192, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
		struct tuple tuple = { { address_from_ipv4(inside), be16_from_host((uint16_t)(1024 + i % 60000)) },
				       { address_from_ipv4(outside), be16_from_host(53) },
				       PROTOCOL_UDP,
				       0 };

		if (i % 256 != 0 && i % 256 != 255)
			assert_int_equal(pass(LAN_INDEX(&gateway), &tuple), REASON_NONE);
	}
	assert_int_equal(talk(7, 3, 115, true), REASON_NONE);
	snapshot_status(gateway.engine, &status);
	assert_int_equal(status.refusals[REFUSAL_TABLE_FULL], 0);
	assert_int_equal(answered_sessions(), HONEST + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(invented_sources_displace_each_other, lower_gateway),
		cmocka_unit_test_teardown(nobody_is_given_up_where_that_is_not_wanted, lower_gateway),
		cmocka_unit_test_teardown(a_scanner_displaces_itself, lower_gateway),
	};

	return cmocka_run_group_tests_name("crowd of hosts", tests, NULL, NULL);
}
