/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crowded destination, and sessions that use external ports without a mapping: packets from
 * outside to the router itself. Their ports are taken for that peer, until they end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "conntrack/mapping.h"
#include "tests/unit/lan_wan.h"

#define FIRST 2000
#define PORTS 100 /* more than are walked one by one: the destination gets an allocator */

static const uint64_t key[2] = { 1, 2 };
static uint16_t stray; /* a port that a session without a mapping has towards the busy peer; 0: none */

static struct endpoint endpoint(const char *address, uint16_t port)
{
	return (struct endpoint){ .address = wire_address(address), .port = be16_from_host(port) };
}

static bool in_use(void *context, uint8_t protocol, const struct endpoint *external, const struct endpoint *peer)
{
	struct endpoint busy = endpoint("198.51.100.2", 443);

	(void)context;
	(void)protocol;
	return stray && be16_to_host(external->port) == stray && endpoint_equal(peer, &busy);
}

static uint32_t ask(struct mappings *mappings, uint16_t internal, const char *peer, enum reason *reason)
{
	struct mapping_request request = {
		.protocol = PROTOCOL_UDP,
		.internal = endpoint("10.0.0.1", internal),
		.peer = endpoint(peer, 443),
		.address_first = wire_address("203.0.113.1"),
		.address_last = wire_address("203.0.113.1"),
		.port_first = FIRST,
		.port_last = FIRST + PORTS - 1,
		.overload = true,
		.random = internal * UINT64_C(0x9e3779b97f4a7c15),
		.in_use = in_use,
	};

	return mapping_acquire(mappings, &request, reason);
}

static void a_stray_session_gives_its_port_back(void **state)
{
	struct mappings *mappings = mappings_create(&(struct mappings_limits){ .capacity = 4096 }, key, 0);
	struct endpoint external = endpoint("203.0.113.1", FIRST + 7), busy = endpoint("198.51.100.2", 443);
	enum reason reason;

	(void)state;
	assert_non_null(mappings);
	for (uint16_t i = 0; i < PORTS; i++)
		assert_int_not_equal(ask(mappings, (uint16_t)(1000 + i), "198.51.100.1", &reason), MAPPING_NONE);
	stray = FIRST + 7;
	for (uint16_t i = 0; i < PORTS - 1; i++)
		assert_int_not_equal(ask(mappings, (uint16_t)(3000 + i), "198.51.100.2", &reason), MAPPING_NONE);
	assert_int_equal(ask(mappings, 4000, "198.51.100.2", &reason), MAPPING_NONE);
	assert_int_equal(reason, REASON_DESTINATION_EXHAUSTED);
	stray = 0;
	mappings_unmapped_ended(mappings, PROTOCOL_UDP, &external, &busy);
	assert_int_not_equal(ask(mappings, 4000, "198.51.100.2", &reason), MAPPING_NONE);
	assert_int_equal(ask(mappings, 4001, "198.51.100.2", &reason), MAPPING_NONE);
	mappings_destroy(mappings);
}

/* ------------------------------------------------------------ the whole engine */

static const char config[] = "gateway { capacity 4096; sessions-per-source 0; port-preservation no }\n"
			     "table ip gateway {\n"
			     "	chain postrouting {\n"
			     "		type nat hook postrouting priority srcnat;\n"
			     "		oifname \"wan\" meta l4proto udp masquerade to :2000-2099\n"
			     "	}\n"
			     "}\n";

static enum reason pass(struct gateway *gateway, uint32_t iif, struct endpoint from, struct endpoint to)
{
	static uint64_t random = 1;
	const struct tuple tuple = { from, to, PROTOCOL_UDP, 0 };

	return gateway_send_tuple(gateway, iif, &tuple, &random);
}

/* A host outside talks to the router itself, on a port of the pool; when that is over, the port is free for it. */
static void the_engine_gives_a_stray_port_back(void **state)
{
	static struct gateway gateway;
	const struct endpoint busy = endpoint("203.0.113.2", 443), self = endpoint("198.51.100.1", FIRST + 7);
	struct session_handle handle;

	(void)state;
	lan_wan_start(&gateway, config);
	assert_int_equal(pass(&gateway, WAN_INDEX(&gateway), busy, self), REASON_NONE);
	handle = gateway.event.session.handle;
	for (uint16_t i = 0; i < PORTS; i++)
		assert_int_equal(pass(&gateway, LAN_INDEX(&gateway), endpoint("10.0.0.2", (uint16_t)(1000 + i)),
				      endpoint("203.0.113.1", 443)),
				 REASON_NONE);
	for (uint16_t i = 0; i < PORTS - 1; i++)
		assert_int_equal(pass(&gateway, LAN_INDEX(&gateway), endpoint("10.0.0.2", (uint16_t)(3000 + i)), busy),
				 REASON_NONE);
	assert_int_equal(pass(&gateway, LAN_INDEX(&gateway), endpoint("10.0.0.2", 4000), busy),
			 REASON_DESTINATION_EXHAUSTED);
	assert_true(engine_delete_session(gateway.engine, handle, gateway.now));
	assert_int_equal(pass(&gateway, LAN_INDEX(&gateway), endpoint("10.0.0.2", 4000), busy), REASON_NONE);
	assert_int_equal(pass(&gateway, LAN_INDEX(&gateway), endpoint("10.0.0.2", 4001), busy),
			 REASON_DESTINATION_EXHAUSTED);
	gateway_stop(&gateway);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stray_session_gives_its_port_back),
		cmocka_unit_test(the_engine_gives_a_stray_port_back),
	};

	return cmocka_run_group_tests_name("crowded", tests, NULL, NULL);
}
