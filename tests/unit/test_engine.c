/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine as a whole, with real rules and real packet bytes: a router with an
 * inside (interface 2, 10.0.0.1) and an outside (interface 3, 198.51.100.1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sluice/engine.h"
#include "sluice/snapshot.h"
#include "tests/model/configuration_text.h"
#include "tests/model/wire_model.h"

#define LAN 2
#define WAN 3

static const char rules[] = "gateway { capacity 64; filtering address-dependent }\n"
			    "table inet gateway {\n"
			    "	chain forward {\n"
			    "		type filter hook forward priority filter; policy drop;\n"
			    "		ct state vmap { established : accept, related : accept, invalid : drop }\n"
			    "		ct status dnat accept\n"
			    "		iifname \"lan\" tcp dport 25 reject with tcp reset\n"
			    "		iifname \"lan\" oifname \"wan\" accept\n"
			    "	}\n"
			    "	chain prerouting {\n"
			    "		type nat hook prerouting priority dstnat;\n"
			    "		ip daddr 198.51.100.1 tcp dport 80 dnat ip to 10.0.0.10:8080\n"
			    "		fib daddr type local tcp dport 81 dnat ip to 10.0.0.10\n"
			    "	}\n"
			    "	chain postrouting {\n"
			    "		type nat hook postrouting priority srcnat;\n"
			    "		ip saddr 10.0.0.0/24 oifname \"wan\" masquerade\n"
			    "	}\n"
			    "}\n";

/* ---------------------------------------------------------------- a router */

struct router {
	struct engine *engine;
	struct configuration *configuration;
	struct mono now;
	uint64_t random;
};

static int setup(void **state)
{
	static const struct engine_secrets secrets = { { 1, 2 }, { 3, 4, 5, 6 } };
	struct link links[2] = { link_with_address(LAN, "lan", "10.0.0.1", 24),
				 link_with_address(WAN, "wan", "198.51.100.1", 24) };
	struct link_table table = { 2, links };
	struct diagnostics diagnostics = { 0 };
	struct router *router = calloc(1, sizeof(*router));
	char text[512];

	router->now.ns = 1000 * NS_PER_S;
	router->random = 1;
	router->configuration = configuration_from_text("test.conf", rules, &diagnostics);
	for (size_t i = 0; i < diagnostics.count; i++) {
		diagnostic_format(&diagnostics.list[i], text, sizeof(text));
		print_message("%s", text);
	}
	diagnostics_fini(&diagnostics);
	assert_non_null(router->configuration);
	router->engine = engine_create(&router->configuration->settings, &secrets, router->now);
	assert_non_null(router->engine);
	assert_int_equal(engine_apply(router->engine, router->configuration, router->now), 0);
	assert_int_equal(engine_set_links(router->engine, &table, router->now), 0);
	*state = router;
	return 0;
}

static int teardown(void **state)
{
	struct router *router = *state;

	engine_destroy(router->engine);
	configuration_destroy(router->configuration);
	free(router);
	return 0;
}

static struct tuple flow(uint8_t protocol, const char *source, uint16_t sport, const char *destination, uint16_t dport)
{
	return (struct tuple){
		{ wire_address(source), be16_from_host(sport) },
		{ wire_address(destination), be16_from_host(dport) },
		protocol,
		0,
	};
}

static void print_tuple(const char *what, const struct tuple *tuple)
{
	print_message("%s %u.%u.%u.%u:%u > %u.%u.%u.%u:%u\n", what, tuple->source.address.bytes[12],
		      tuple->source.address.bytes[13], tuple->source.address.bytes[14], tuple->source.address.bytes[15],
		      be16_to_host(tuple->source.port), tuple->destination.address.bytes[12],
		      tuple->destination.address.bytes[13], tuple->destination.address.bytes[14],
		      tuple->destination.address.bytes[15], be16_to_host(tuple->destination.port));
}

/* Sends one packet into a hook; @tuple becomes what left. */
static struct engine_verdict send_packet(struct router *router, enum hook hook, uint32_t iif, uint32_t oif,
					 struct tuple *tuple, uint8_t flags, bool reply)
{
	static struct wire wire;
	struct wire_shape shape = { .tuple = *tuple, .tcp_flags = flags, .reply = reply };
	struct packet_meta meta = { .hook = hook, .iif = iif, .oif = oif };
	struct engine_verdict verdict;
	struct packet parsed;

	wire_build(&wire, &shape, &router->random);
	if (tuple->protocol == PROTOCOL_TCP) {
		/* Both ends begin at sequence 1000, so 1001 acknowledges either's SYN. */
		memcpy(wire.bytes + wire.l4 + 4, flags & TCP_SYN ? "\0\0\x03\xe8" : "\0\0\x03\xe9", 4);
		memcpy(wire.bytes + wire.l4 + 8, flags & TCP_ACK ? "\0\0\x03\xe9" : "\0\0\0\0", 4);
		wire_seal(&wire);
	}
	verdict = engine_process(router->engine, &meta, wire.bytes, wire.length, router->now);
	if (verdict.verdict == VERDICT_ACCEPT) {
		assert_int_equal(packet_parse(&parsed, wire.bytes, wire.length), REASON_NONE);
		assert_true(wire_checksums_right(&parsed));
		*tuple = parsed.tuple;
	}
	return verdict;
}

/* The whole way of a packet that is routed from @iif to @oif. */
static enum reason route(struct router *router, uint32_t iif, uint32_t oif, struct tuple *tuple, uint8_t flags,
			 bool reply)
{
	struct engine_verdict verdict = send_packet(router, HOOK_PREROUTING, iif, 0, tuple, flags, reply);

	if (verdict.verdict == VERDICT_ACCEPT && !verdict.settled)
		verdict = send_packet(router, HOOK_FORWARD, iif, oif, tuple, flags, reply);
	return verdict.reason;
}

static void assert_flow(const struct tuple *tuple, struct tuple expected)
{
	if (!tuple_equal(tuple, &expected)) {
		print_tuple("got     ", tuple);
		print_tuple("expected", &expected);
		fail();
	}
}

static struct snapshot_status status_of(const struct router *router)
{
	struct snapshot_status status;

	snapshot_status(router->engine, &status);
	return status;
}

/* ------------------------------------------------------------------- tests */

static void test_masquerade_and_back(void **state)
{
	struct router *router = *state;
	struct tuple out = flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.9", 53), back;

	assert_int_equal(route(router, LAN, WAN, &out, 0, false), REASON_NONE);
	assert_flow(&out, flow(PROTOCOL_UDP, "198.51.100.1", 4000, "203.0.113.9", 53));
	back = tuple_invert(&out);
	assert_int_equal(route(router, WAN, LAN, &back, 0, true), REASON_NONE);
	assert_flow(&back, flow(PROTOCOL_UDP, "203.0.113.9", 53, "10.0.0.2", 4000));
	assert_int_equal(status_of(router).sessions.current, 1);
	assert_int_equal(status_of(router).sessions.by_state[TIMEOUT_UDP_STREAM], 1);
}

/* Effects about sessions since the last call. */
static unsigned int told_of_sessions(struct router *router)
{
	struct effect effect;
	unsigned int told = 0;

	while (engine_next_effect(router->engine, &effect))
		told += effect.kind == EFFECT_SESSION_EVENT;
	return told;
}

static void test_sessions_are_told_of_while_watched(void **state)
{
	struct router *router = *state;
	struct tuple first = flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.9", 53), second = first, third = first;

	second.source.port = be16_from_host(4001);
	third.source.port = be16_from_host(4002);
	assert_int_equal(route(router, LAN, WAN, &first, 0, false), REASON_NONE);
	assert_int_equal(told_of_sessions(router), 1);
	engine_watch_sessions(router->engine, false);
	assert_int_equal(route(router, LAN, WAN, &second, 0, false), REASON_NONE);
	assert_int_equal(told_of_sessions(router), 0);
	engine_watch_sessions(router->engine, true);
	assert_int_equal(route(router, LAN, WAN, &third, 0, false), REASON_NONE);
	assert_int_equal(told_of_sessions(router), 1);
	assert_int_equal(status_of(router).sessions.current, 3);
}

static void test_same_port_twice(void **state)
{
	struct router *router = *state;
	struct tuple one = flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.9", 53);
	struct tuple two = flow(PROTOCOL_UDP, "10.0.0.3", 4000, "203.0.113.9", 53), back;

	assert_int_equal(route(router, LAN, WAN, &one, 0, false), REASON_NONE);
	assert_int_equal(route(router, LAN, WAN, &two, 0, false), REASON_NONE);
	assert_false(tuple_equal(&one, &two));
	back = tuple_invert(&two);
	assert_int_equal(route(router, WAN, LAN, &back, 0, true), REASON_NONE);
	assert_flow(&back, flow(PROTOCOL_UDP, "203.0.113.9", 53, "10.0.0.3", 4000));
}

static void test_mapping_is_endpoint_independent(void **state)
{
	struct router *router = *state;
	struct tuple one = flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.9", 53);
	struct tuple two = flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.77", 99);

	route(router, LAN, WAN, &one, 0, false);
	route(router, LAN, WAN, &two, 0, false);
	assert_true(endpoint_equal(&one.source, &two.source));
}

static void test_filtering_is_address_dependent(void **state)
{
	struct router *router = *state;
	struct tuple out = flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.9", 53);
	struct tuple known = flow(PROTOCOL_UDP, "203.0.113.9", 1234, "198.51.100.1", 4000);
	struct tuple stranger = flow(PROTOCOL_UDP, "203.0.113.10", 53, "198.51.100.1", 4000);

	route(router, LAN, WAN, &out, 0, false);
	assert_int_equal(route(router, WAN, LAN, &known, 0, false), REASON_NONE);
	assert_flow(&known, flow(PROTOCOL_UDP, "203.0.113.9", 1234, "10.0.0.2", 4000));
	assert_int_equal(route(router, WAN, LAN, &stranger, 0, false), REASON_FILTERED);
	/* The answer to the known peer goes out by the same mapping. */
	known = tuple_invert(&known);
	assert_int_equal(route(router, LAN, WAN, &known, 0, true), REASON_NONE);
	assert_flow(&known, flow(PROTOCOL_UDP, "198.51.100.1", 4000, "203.0.113.9", 1234));
}

static void test_dnat_from_outside(void **state)
{
	struct router *router = *state;
	struct tuple in = flow(PROTOCOL_TCP, "203.0.113.9", 5000, "198.51.100.1", 80), back;

	assert_int_equal(route(router, WAN, LAN, &in, TCP_SYN, false), REASON_NONE);
	assert_flow(&in, flow(PROTOCOL_TCP, "203.0.113.9", 5000, "10.0.0.10", 8080));
	back = tuple_invert(&in);
	assert_int_equal(route(router, LAN, WAN, &back, TCP_SYN | TCP_ACK, true), REASON_NONE);
	assert_flow(&back, flow(PROTOCOL_TCP, "198.51.100.1", 80, "203.0.113.9", 5000));
}

/* `fib daddr type local` is answered from the interfaces. */
static void test_dnat_to_local_addresses(void **state)
{
	struct router *router = *state;
	struct tuple in = flow(PROTOCOL_TCP, "203.0.113.9", 5000, "198.51.100.1", 81);
	struct tuple past = flow(PROTOCOL_TCP, "10.0.0.2", 5000, "203.0.113.9", 81);

	assert_int_equal(route(router, WAN, LAN, &in, TCP_SYN, false), REASON_NONE);
	assert_flow(&in, flow(PROTOCOL_TCP, "203.0.113.9", 5000, "10.0.0.10", 81));
	assert_int_equal(route(router, LAN, WAN, &past, TCP_SYN, false), REASON_NONE);
	assert_flow(&past, flow(PROTOCOL_TCP, "198.51.100.1", 5000, "203.0.113.9", 81));
}

/* Anybody can make a session with the router itself; no inner client may lose its port by that. */
static void test_stray_packet_blocks_no_port(void **state)
{
	struct router *router = *state;
	struct tuple stray = flow(PROTOCOL_UDP, "203.0.113.9", 53, "198.51.100.1", 4000);
	struct tuple out = flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.9", 53), back;

	assert_int_equal(send_packet(router, HOOK_INPUT, WAN, 0, &stray, 0, false).reason, REASON_NONE);
	assert_int_equal(route(router, LAN, WAN, &out, 0, false), REASON_NONE);
	assert_int_not_equal(be16_to_host(out.source.port), 4000);
	back = tuple_invert(&out);
	assert_int_equal(route(router, WAN, LAN, &back, 0, true), REASON_NONE);
	assert_flow(&back, flow(PROTOCOL_UDP, "203.0.113.9", 53, "10.0.0.2", 4000));
}

static void test_hairpin(void **state)
{
	struct router *router = *state;
	struct tuple in = flow(PROTOCOL_TCP, "10.0.0.2", 5000, "198.51.100.1", 80), back;

	assert_int_equal(route(router, LAN, LAN, &in, TCP_SYN, false), REASON_NONE);
	assert_flow(&in, flow(PROTOCOL_TCP, "198.51.100.1", 5000, "10.0.0.10", 8080));
	back = tuple_invert(&in);
	assert_int_equal(route(router, LAN, LAN, &back, TCP_SYN | TCP_ACK, true), REASON_NONE);
	assert_flow(&back, flow(PROTOCOL_TCP, "198.51.100.1", 80, "10.0.0.2", 5000));
}

static void test_unsolicited_is_dropped(void **state)
{
	struct router *router = *state;
	struct tuple in = flow(PROTOCOL_UDP, "203.0.113.9", 5000, "10.0.0.2", 4000);

	assert_int_equal(route(router, WAN, LAN, &in, 0, false), REASON_POLICY);
	assert_int_equal(status_of(router).drops[REASON_POLICY], 1);
	assert_int_equal(status_of(router).sessions.current, 0);
}

static void test_reject_answers(void **state)
{
	struct router *router = *state;
	struct tuple out = flow(PROTOCOL_TCP, "10.0.0.2", 4000, "203.0.113.9", 25);
	struct effect effect;
	struct packet reset;

	assert_int_equal(route(router, LAN, WAN, &out, TCP_SYN, false), REASON_REJECTED);
	assert_true(engine_next_effect(router->engine, &effect));
	assert_int_equal(effect.kind, EFFECT_INJECT);
	assert_int_equal(packet_parse(&reset, (uint8_t *)(uintptr_t)effect.inject.bytes, effect.inject.length),
			 REASON_NONE);
	assert_flow(&reset.tuple, flow(PROTOCOL_TCP, "203.0.113.9", 25, "10.0.0.2", 4000));
	assert_true(reset.tcp.flags & TCP_RST);
}

static void test_icmp_error_is_translated(void **state)
{
	static struct wire about, error;
	struct router *router = *state;
	struct tuple out = flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.9", 53);
	struct tuple outer = { { wire_address("192.0.2.7"), { 0 } }, { wire_address("198.51.100.1"), { 0 } }, 1, 0 };
	struct packet_meta meta = { .hook = HOOK_PREROUTING, .iif = WAN };
	struct wire_shape shape;
	struct engine_verdict verdict;
	struct packet parsed;
	struct address inner;

	route(router, LAN, WAN, &out, 0, false);
	shape = (struct wire_shape){ .tuple = out, .payload = 20 };
	wire_build(&about, &shape, &router->random);
	wire_quote(&error, &about, &outer, 3, 1, 28, 0, 0);
	verdict = engine_process(router->engine, &meta, error.bytes, error.length, router->now);
	assert_int_equal(verdict.reason, REASON_NONE);
	assert_int_equal(packet_parse(&parsed, error.bytes, error.length), REASON_NONE);
	assert_flow(&parsed.icmp.quote.tuple, flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.9", 53));
	inner = wire_address("10.0.0.2");
	assert_true(address_equal(&parsed.tuple.destination.address, &inner));
	meta.hook = HOOK_FORWARD;
	meta.oif = LAN;
	verdict = engine_process(router->engine, &meta, error.bytes, error.length, router->now);
	assert_int_equal(verdict.reason, REASON_NONE);
	assert_int_equal(status_of(router).icmp.translated, 1);
}

static void test_sessions_expire(void **state)
{
	struct router *router = *state;
	struct tuple out = flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.9", 53);

	route(router, LAN, WAN, &out, 0, false);
	router->now.ns += 119 * NS_PER_S;
	engine_tick(router->engine, router->now, 100);
	assert_int_equal(status_of(router).sessions.current, 1);
	router->now.ns += 2 * NS_PER_S;
	engine_tick(router->engine, router->now, 100);
	assert_int_equal(status_of(router).sessions.current, 0);
	assert_int_equal(status_of(router).sessions.expired, 1);
}

/* One source fills the table with unanswered packets: another still gets in, and stays. */
static void test_full_table_is_fair(void **state)
{
	struct router *router = *state;
	struct tuple good = flow(PROTOCOL_UDP, "10.0.0.3", 1, "203.0.113.9", 53), back;

	for (uint16_t port = 1; port < 200; port++) {
		struct tuple flood = flow(PROTOCOL_UDP, "10.0.0.2", port, "203.0.113.9", 9);

		assert_int_equal(route(router, LAN, WAN, &flood, 0, false), REASON_NONE);
	}
	assert_int_equal(route(router, LAN, WAN, &good, 0, false), REASON_NONE);
	for (uint16_t port = 200; port < 400; port++) {
		struct tuple flood = flow(PROTOCOL_UDP, "10.0.0.2", port, "203.0.113.9", 9);

		assert_int_equal(route(router, LAN, WAN, &flood, 0, false), REASON_NONE);
	}
	back = tuple_invert(&good);
	assert_int_equal(route(router, WAN, LAN, &back, 0, true), REASON_NONE);
	assert_flow(&back, flow(PROTOCOL_UDP, "203.0.113.9", 53, "10.0.0.3", 1));
	assert_int_equal(status_of(router).sessions.current, 64);
}

static unsigned int count_alerts(struct router *router, const char *name, bool raised)
{
	unsigned int count = 0;
	struct effect effect;

	while (engine_next_effect(router->engine, &effect))
		count += effect.kind == EFFECT_ALERT && effect.alert.raised == raised &&
			 strcmp(effect.alert.name, name) == 0;
	return count;
}

static void open_many(struct router *router, uint16_t first, uint16_t last)
{
	for (uint16_t port = first; port <= last; port++) {
		struct tuple out = flow(PROTOCOL_UDP, "10.0.0.2", port, "203.0.113.9", 53);

		assert_int_equal(route(router, LAN, WAN, &out, 0, false), REASON_NONE);
	}
}

static void wait_seconds(struct router *router, unsigned int seconds)
{
	for (unsigned int i = 0; i < seconds; i++) {
		router->now.ns += NS_PER_S;
		engine_tick(router->engine, router->now, 1000);
	}
}

/* One alert for each level on the way up, one when it is over; none while it lasts. */
static void test_pressure_alerts_at_edges(void **state)
{
	struct router *router = *state;

	open_many(router, 1, 40);
	wait_seconds(router, 1);
	assert_int_equal(count_alerts(router, "table-pressure", true), 0);
	open_many(router, 41, 50);
	wait_seconds(router, 3);
	assert_int_equal(count_alerts(router, "table-pressure", true), 1);
	open_many(router, 51, 60);
	wait_seconds(router, 3);
	assert_int_equal(count_alerts(router, "table-pressure", true), 1);
	wait_seconds(router, 130);
	assert_int_equal(count_alerts(router, "table-pressure", false), 1);
	assert_int_equal(status_of(router).sessions.current, 0);
}

/* A full table forgets what nobody answered from half a minute on, an empty one after two. */
static void test_timeouts_shrink_under_pressure(void **state)
{
	struct router *router = *state;
	struct tuple answered = flow(PROTOCOL_UDP, "10.0.0.3", 1, "203.0.113.9", 53), back;

	assert_int_equal(route(router, LAN, WAN, &answered, 0, false), REASON_NONE);
	back = tuple_invert(&answered);
	assert_int_equal(route(router, WAN, LAN, &back, 0, true), REASON_NONE);
	open_many(router, 1, 63);
	wait_seconds(router, 29);
	assert_int_equal(status_of(router).sessions.current, 64);
	wait_seconds(router, 2);
	assert_in_range(status_of(router).sessions.current, 60, 63);
	/* Each that goes makes room, and gives the others longer: linear, as in pf. */
	wait_seconds(router, 29);
	assert_in_range(status_of(router).sessions.current, 50, 58);
	wait_seconds(router, 62);
	assert_int_equal(status_of(router).sessions.current, 1);
	assert_int_equal(status_of(router).sessions.by_state[TIMEOUT_UDP_STREAM], 1);
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_masquerade_and_back),
		ENGINE_TEST(test_sessions_are_told_of_while_watched),
		ENGINE_TEST(test_same_port_twice),
		ENGINE_TEST(test_mapping_is_endpoint_independent),
		ENGINE_TEST(test_filtering_is_address_dependent),
		ENGINE_TEST(test_dnat_from_outside),
		ENGINE_TEST(test_dnat_to_local_addresses),
		ENGINE_TEST(test_stray_packet_blocks_no_port),
		ENGINE_TEST(test_hairpin),
		ENGINE_TEST(test_unsolicited_is_dropped),
		ENGINE_TEST(test_reject_answers),
		ENGINE_TEST(test_icmp_error_is_translated),
		ENGINE_TEST(test_sessions_expire),
		ENGINE_TEST(test_full_table_is_fair),
		ENGINE_TEST(test_pressure_alerts_at_edges),
		ENGINE_TEST(test_timeouts_shrink_under_pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
