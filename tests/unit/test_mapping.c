/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <cmocka.h>

#include "conntrack/mapping.h"
#include "tests/model/mapping_model.h"
#include "tests/model/wire_model.h"

static uint64_t seed;
static const uint64_t key[2] = { 1, 2 };

static struct endpoint endpoint(const char *address, uint16_t port)
{
	return (struct endpoint){ .address = wire_address(address), .port = be16_from_host(port) };
}

/* ------------------------------------------------------------------- one by one */

/* What the outside has: external endpoints and who talks to them. */
struct table {
	struct mappings *mappings;
	struct mapping_model sessions;
};

static struct table *table;

static void raise_table(uint32_t capacity, uint32_t hold_ms)
{
	struct mappings_limits limits = { .capacity = capacity, .pools = 80 };

	table = calloc(1, sizeof(*table));
	assert_non_null(table);
	table->mappings = mappings_create(&limits, key, hold_ms);
	assert_non_null(table->mappings);
}

static int clear_table(void **unused)
{
	(void)unused;
	if (table) {
		mappings_destroy(table->mappings);
		free(table);
		table = NULL;
	}
	return 0;
}

static struct mapping_request request_of(const char *internal, uint16_t port, const char *peer)
{
	return (struct mapping_request){
		.protocol = PROTOCOL_UDP,
		.internal = endpoint(internal, port),
		.peer = endpoint(peer, 443),
		.address_first = wire_address("203.0.113.1"),
		.address_last = wire_address("203.0.113.1"),
		.port_first = 1024,
		.port_last = 65535,
		.paired = true,
		.random = wire_random(&seed),
	};
}

static uint32_t acquired(const struct mapping_request *request)
{
	enum reason reason;
	uint32_t index = mapping_acquire(table->mappings, request, &reason);

	assert_int_equal(reason, REASON_NONE);
	assert_int_not_equal(index, MAPPING_NONE);
	return index;
}

static enum reason refused(const struct mapping_request *request)
{
	enum reason reason;

	assert_int_equal(mapping_acquire(table->mappings, request, &reason), MAPPING_NONE);
	return reason;
}

static void rfc4787_req1_endpoint_independent(void **unused)
{
	struct mapping_request first = request_of("10.0.0.1", 5000, "198.51.100.1");
	struct mapping_request second = request_of("10.0.0.1", 5000, "198.51.100.2");
	uint32_t index;

	(void)unused;
	raise_table(100, 0);
	index = acquired(&first);
	assert_int_equal(acquired(&second), index);
	assert_int_equal(mappings_count(table->mappings), 1);
	/* It lives until its last session ends. */
	mapping_release(table->mappings, index, &first.peer, first.now);
	assert_int_equal(mappings_count(table->mappings), 1);
	mapping_release(table->mappings, index, &second.peer, first.now);
	assert_int_equal(mappings_count(table->mappings), 0);
}

static void rfc4787_address_dependent(void **unused)
{
	struct mapping_request first = request_of("10.0.0.1", 5000, "198.51.100.1");
	struct mapping_request second = first;
	uint32_t index;

	(void)unused;
	raise_table(100, 0);
	first.behaviour = second.behaviour = BEHAVIOUR_ADDRESS_DEPENDENT;
	second.peer.port = be16_from_host(80);
	index = acquired(&first);
	assert_int_equal(acquired(&second), index);
	second.peer = endpoint("198.51.100.2", 443);
	assert_int_not_equal(acquired(&second), index);
}

static void rfc4787_address_and_port_dependent(void **unused)
{
	struct mapping_request first = request_of("10.0.0.1", 5000, "198.51.100.1");
	struct mapping_request second = first;
	struct endpoint external, other;
	uint32_t index;

	(void)unused;
	raise_table(100, 0);
	first.behaviour = second.behaviour = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	second.peer.port = be16_from_host(80);
	index = acquired(&first);
	external = mapping_external(table->mappings, index);
	other = mapping_external(table->mappings, acquired(&second));
	/* Not a port for two while there are others (REQ-3). */
	assert_false(endpoint_equal(&external, &other));
	assert_int_equal(mapping_lookup_external(table->mappings, PROTOCOL_UDP, &external, &first.peer), index);
	assert_int_equal(mapping_lookup_external(table->mappings, PROTOCOL_UDP, &external, &second.peer), MAPPING_NONE);
}

static void rfc4787_req2_paired_addresses(void **unused)
{
	struct mapping_request request = request_of("10.0.0.1", 1, "198.51.100.1");
	struct endpoint first, next;

	(void)unused;
	raise_table(1000, 0);
	request.address_last = wire_address("203.0.113.64");
	first = mapping_external(table->mappings, acquired(&request));
	for (uint16_t port = 2; port < 200; port++) {
		request.internal.port = be16_from_host(port);
		request.protocol = port % 3 ? PROTOCOL_TCP : PROTOCOL_UDP;
		request.random = wire_random(&seed);
		next = mapping_external(table->mappings, acquired(&request));
		assert_true(address_equal(&first.address, &next.address));
	}
	assert_int_equal(mappings_of_host(table->mappings, &request.internal.address), 199);
}

/* RFC6888-REQ-2: paired, and its address is full: refused, whatever the others have. */
static void rfc6888_req2_paired_address_full(void **unused)
{
	struct mapping_request request = request_of("10.0.0.1", 1, "198.51.100.1");

	(void)unused;
	raise_table(1000, 0);
	request.address_last = wire_address("203.0.113.2");
	request.port_first = 2000;
	request.port_last = 2099;
	for (uint16_t port = 0; port < 100; port++) {
		request.internal.port = be16_from_host(port);
		(void)acquired(&request);
	}
	request.internal.port = be16_from_host(100);
	assert_int_equal(refused(&request), REASON_POOL_EXHAUSTED);
	/* Another host, or arbitrary pooling, gets the other address. */
	request.paired = false;
	(void)acquired(&request);
	request.paired = true;
	request.internal.address = wire_address("10.0.0.2");
	(void)acquired(&request);
}

/* Nobody is refused while any of 64 addresses has a port; then everybody is. */
static void fill_64_addresses(bool unlucky)
{
	struct mapping_request request = request_of("10.0.0.1", 1, "198.51.100.1");
	uint32_t total = 64 * 100;

	raise_table(total + 1, 0);
	request.address_last = wire_address("203.0.113.64");
	request.paired = false;
	request.port_first = 2000;
	request.port_last = 2099;
	for (uint32_t i = 0; i < total; i++) {
		request.internal.port = be16_from_host((uint16_t)i);
		/* Unlucky: always the same address is drawn, and the others were never heard of. */
		request.random = unlucky ? 0 : wire_random(&seed);
		(void)acquired(&request);
	}
	request.internal.port = be16_from_host((uint16_t)total);
	assert_int_equal(refused(&request), REASON_POOL_EXHAUSTED);
	(void)clear_table(NULL);
}

static void no_loss_until_all_addresses_are_full(void **unused)
{
	(void)unused;
	fill_64_addresses(false);
	fill_64_addresses(true);
}

static void rfc4787_req4_parity_and_preservation(void **unused)
{
	(void)unused;
	raise_table(1000, 0);
	for (uint16_t port = 3000; port < 3400; port++) {
		struct mapping_request request = request_of("10.0.0.1", port, "198.51.100.1");
		struct endpoint external = mapping_external(table->mappings, acquired(&request));

		assert_int_equal(be16_to_host(external.port) % 2, port % 2);
		request = request_of("10.0.0.2", port, "198.51.100.1");
		request.preserve = true;
		request.protocol = PROTOCOL_TCP;
		external = mapping_external(table->mappings, acquired(&request));
		assert_int_equal(be16_to_host(external.port), port);
	}
}

/* RFC6888-REQ-8: a port rests before it has another owner. */
static void rfc6888_req8_hold_time(void **unused)
{
	struct mapping_request request = request_of("10.0.0.1", 5000, "198.51.100.1");
	struct mapping_request other = request_of("10.0.0.2", 5000, "198.51.100.1");
	struct endpoint external;
	uint32_t index;

	(void)unused;
	raise_table(100, 1000);
	request.port_first = request.port_last = other.port_first = other.port_last = 7000;
	index = acquired(&request);
	external = mapping_external(table->mappings, index);
	assert_int_equal(refused(&other), REASON_POOL_EXHAUSTED);
	mapping_release(table->mappings, index, &request.peer, mono_from_ms(5000));
	/* Late packets reach nobody, and nobody else gets the port. */
	assert_int_equal(mapping_lookup_external(table->mappings, PROTOCOL_UDP, &external, &request.peer),
			 MAPPING_NONE);
	other.now = mono_from_ms(5999);
	assert_int_equal(refused(&other), REASON_HOLD_DOWN);
	/* Its old owner gets it back. */
	request.now = mono_from_ms(5999);
	assert_int_equal(acquired(&request), index);
	assert_int_equal(refused(&other), REASON_POOL_EXHAUSTED);
	mapping_release(table->mappings, index, &request.peer, mono_from_ms(6000));
	other.now = mono_from_ms(6999);
	assert_int_equal(refused(&other), REASON_HOLD_DOWN);
	other.now = mono_from_ms(7000);
	(void)acquired(&other);
}

static void cancel_leaves_nothing(void **unused)
{
	struct mapping_request request = request_of("10.0.0.1", 5000, "198.51.100.1");
	struct pools *pools;
	uint32_t position = 0;
	struct snapshot_pool pool;

	(void)unused;
	raise_table(100, 60000);
	pools = mappings_pools(table->mappings);
	mapping_cancel(table->mappings, acquired(&request), &request.peer);
	assert_int_equal(mappings_count(table->mappings), 0);
	assert_int_equal(mappings_of_host(table->mappings, &request.internal.address), 0);
	assert_true(pools_next(pools, &position, &pool));
	assert_int_equal(pool.used, 0);
}

/* REQ-3, then RFC 7857 section 3: exclusive ports first, each to the last; then N for each destination. */
static void overloading_is_exact_for_each_destination(void **unused)
{
	static const char *const peers[] = { "198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4",
					     "198.51.100.5" };
	enum { PORTS = 10000 };

	(void)unused;
	raise_table(5 * PORTS + 1, 0);
	for (size_t p = 0; p < 5; p++) {
		static bool seen[PORTS_COUNT];
		struct mapping_request request = request_of("10.0.0.1", 0, peers[p]);

		memset(seen, 0, sizeof(seen));
		request.overload = true;
		request.behaviour = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
		/* The mappings' own knowledge is enough here: each is bound to its peer. */
		request.in_use = mapping_model_in_use;
		request.context = &table->sessions;
		request.port_first = 20000;
		request.port_last = 20000 + PORTS - 1;
		for (uint32_t i = 0; i < PORTS; i++) {
			struct endpoint external;

			request.internal.port = be16_from_host((uint16_t)i);
			request.random = wire_random(&seed);
			external = mapping_external(table->mappings, acquired(&request));
			assert_in_range(be16_to_host(external.port), 20000, 29999);
			assert_false(seen[be16_to_host(external.port)]);
			seen[be16_to_host(external.port)] = true;
		}
		request.internal.port = be16_from_host(PORTS);
		assert_int_equal(refused(&request), REASON_DESTINATION_EXHAUSTED);
	}
}

/* A protocol without ports: one for each address and peer. */
static void esp_has_one_place_for_each_peer(void **unused)
{
	struct mapping_request first = request_of("10.0.0.1", 0, "198.51.100.1");
	struct mapping_request second = request_of("10.0.0.2", 0, "198.51.100.1");

	(void)unused;
	raise_table(100, 0);
	first.protocol = second.protocol = PROTOCOL_ESP;
	first.peer.port = second.peer.port = be16_from_host(0);
	(void)acquired(&first);
	assert_int_equal(refused(&second), REASON_DESTINATION_EXHAUSTED);
	second.peer.address = wire_address("198.51.100.2");
	(void)acquired(&second);
}

static void reserved_ports_go_to_nobody(void **unused)
{
	struct pool_reservation list[] = {
		{ .protocol = PROTOCOL_UDP, .first = 7000, .last = 7001 },
		{ .address = wire_address("203.0.113.1"), .protocol = PROTOCOL_UDP, .first = 7001, .last = 7002 },
		{ .address = wire_address("203.0.113.2"), .protocol = PROTOCOL_UDP, .first = 7003, .last = 7003 },
		{ .protocol = PROTOCOL_TCP, .first = 7003, .last = 7003 },
	};
	struct mapping_request request = request_of("10.0.0.1", 7001, "198.51.100.1");

	(void)unused;
	raise_table(100, 0);
	assert_int_equal(mappings_set_reservations(table->mappings, list, 4), 0);
	request.port_first = 7000;
	request.port_last = 7003;
	request.preserve = true;
	assert_int_equal(be16_to_host(mapping_external(table->mappings, acquired(&request)).port), 7003);
	request.internal.port = be16_from_host(1);
	assert_int_equal(refused(&request), REASON_POOL_EXHAUSTED);
	assert_int_equal(mappings_set_reservations(table->mappings, list + 1, 3), 0);
	assert_int_equal(be16_to_host(mapping_external(table->mappings, acquired(&request)).port), 7000);
}

/* A connection of the router's own keeps its port, reserved or not, and mappings keep off. */
static void the_routers_own_ports_are_shared_without_collision(void **unused)
{
	struct pool_reservation list = { .protocol = PROTOCOL_UDP, .first = 7000, .last = 7000 };
	struct mapping_request own = request_of("203.0.113.1", 7000, "198.51.100.1");
	struct mapping_request inner = request_of("10.0.0.1", 7002, "198.51.100.1");
	struct endpoint external;

	(void)unused;
	raise_table(100, 0);
	assert_int_equal(mappings_set_reservations(table->mappings, &list, 1), 0);
	own.identity = true;
	external = mapping_external(table->mappings, acquired(&own));
	assert_int_equal(be16_to_host(external.port), 7000);
	own.internal.port = be16_from_host(7001);
	external = mapping_external(table->mappings, acquired(&own));
	assert_int_equal(be16_to_host(external.port), 7001);
	inner.port_first = 7000;
	inner.port_last = 7002;
	inner.preserve = true;
	external = mapping_external(table->mappings, acquired(&inner));
	assert_int_equal(be16_to_host(external.port), 7002);
	/* And where a mapping was first, the router's port gives way. */
	own.internal.port = be16_from_host(7002);
	external = mapping_external(table->mappings, acquired(&own));
	assert_int_not_equal(be16_to_host(external.port), 7002);
	assert_int_equal(mapping_lookup_external(table->mappings, PROTOCOL_UDP, &own.internal, &own.peer),
			 mapping_lookup_internal(table->mappings, PROTOCOL_UDP, &inner.internal, &own.peer));
}

/* RFC6888-REQ-3 and a /16 of addresses: the slab bounds the memory, idle pools change hands. */
static void pools_are_bounded_and_reused(void **unused)
{
	struct mapping_request request = request_of("10.0.0.1", 1, "198.51.100.1");
	uint32_t taken[80];

	(void)unused;
	raise_table(100000, 0);
	request.paired = false;
	for (uint32_t i = 0; i < 80; i++) {
		request.address_first = request.address_last = address_advance(&request.address_first, 1);
		taken[i] = acquired(&request);
	}
	/* All in use: a single address more is refused, a range that reaches one of them is not. */
	request.address_first = request.address_last = address_advance(&request.address_first, 1);
	assert_int_equal(refused(&request), REASON_POOL_EXHAUSTED);
	request.address_first = wire_address("203.0.0.0");
	request.internal.port = be16_from_host(2);
	for (uint32_t i = 0; i < 200; i++) {
		request.random = wire_random(&seed);
		mapping_cancel(table->mappings, acquired(&request), &request.peer);
	}
	mapping_release(table->mappings, taken[40], &request.peer, request.now);
	request.address_first = request.address_last;
	(void)acquired(&request);
}

static void an_address_that_goes_away_ends_its_mappings(void **unused)
{
	struct mapping_request request = request_of("10.0.0.1", 5000, "198.51.100.1");
	struct mapping_request gone = request_of("10.0.0.2", 5000, "198.51.100.1");
	uint32_t live, held;

	(void)unused;
	raise_table(100, 60000);
	live = acquired(&request);
	held = acquired(&gone);
	mapping_release(table->mappings, held, &gone.peer, gone.now);
	assert_int_equal(mappings_count(table->mappings), 2);
	mappings_end_address(table->mappings, &request.address_first);
	assert_int_equal(mappings_count(table->mappings), 1);
	assert_int_not_equal(acquired(&request), live);
	mapping_release(table->mappings, live, &request.peer, request.now);
	assert_int_equal(mappings_count(table->mappings), 1);
}

static void a_session_from_before_gets_its_mapping_back(void **unused)
{
	struct mapping_request request = request_of("10.0.0.1", 5000, "198.51.100.1");
	struct mapping_request other = request_of("10.0.0.2", 5000, "198.51.100.2");
	struct endpoint external = endpoint("203.0.113.1", 6000), found;
	enum reason reason;
	uint32_t index;

	(void)unused;
	raise_table(100, 0);
	index = mapping_restore(table->mappings, &request, &external, NULL, &reason);
	assert_int_equal(reason, REASON_NONE);
	found = mapping_external(table->mappings, index);
	assert_true(endpoint_equal(&found, &external));
	/* A second session shares it, a new one of that host too; another host's was overloaded. */
	assert_int_equal(mapping_restore(table->mappings, &request, &external, NULL, &reason), index);
	assert_int_equal(acquired(&request), index);
	assert_int_not_equal(mapping_restore(table->mappings, &other, &external, NULL, &reason), index);
	assert_int_equal(reason, REASON_NONE);
	assert_int_equal(mapping_lookup_external(table->mappings, PROTOCOL_UDP, &external, &request.peer), index);
	/* But not towards a peer that one of them talks to. */
	other.internal = endpoint("10.0.0.3", 1);
	assert_int_equal(mapping_restore(table->mappings, &other, &external, NULL, &reason), MAPPING_NONE);
	assert_int_equal(reason, REASON_TUPLE_CLASH);
}

static void quota_counts_mappings_of_one_host(void **unused)
{
	struct mapping_request request = request_of("10.0.0.1", 1, "198.51.100.1");

	(void)unused;
	raise_table(100, 0);
	request.ports_limit = 10;
	for (uint16_t port = 0; port < 10; port++) {
		request.internal.port = be16_from_host(port);
		(void)acquired(&request);
		/* Another session on the same mapping needs no port. */
		(void)acquired(&request);
	}
	request.internal.port = be16_from_host(10);
	assert_int_equal(refused(&request), REASON_SOURCE_QUOTA);
	request.internal.address = wire_address("10.0.0.2");
	(void)acquired(&request);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, clear_table)
	const struct CMUnitTest tests[] = {
		TEST(rfc4787_req1_endpoint_independent),
		TEST(rfc4787_address_dependent),
		TEST(rfc4787_address_and_port_dependent),
		TEST(rfc4787_req2_paired_addresses),
		TEST(rfc6888_req2_paired_address_full),
		TEST(no_loss_until_all_addresses_are_full),
		TEST(rfc4787_req4_parity_and_preservation),
		TEST(rfc6888_req8_hold_time),
		TEST(cancel_leaves_nothing),
		TEST(overloading_is_exact_for_each_destination),
		TEST(esp_has_one_place_for_each_peer),
		TEST(reserved_ports_go_to_nobody),
		TEST(the_routers_own_ports_are_shared_without_collision),
		TEST(pools_are_bounded_and_reused),
		TEST(an_address_that_goes_away_ends_its_mappings),
		TEST(a_session_from_before_gets_its_mapping_back),
		TEST(quota_counts_mappings_of_one_host),
	};
#undef TEST

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
