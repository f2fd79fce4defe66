/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pools used to the last port, through the whole engine: with many addresses nothing is refused until
 * all are full, and where ports are not preserved nobody can tell the next one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/lan_wan.h"

#define ADDRESSES 64
#define PORTS 256
#define DRAWS 20000
#define BUCKETS 128

static struct gateway gateway;
static uint64_t random_state = 1;

static void raise_gateway(const char *settings, const char *translation)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "gateway { capacity 65536; sessions-per-source 0; %s }\n"
		 "table ip gateway {\n"
		 "	chain postrouting {\n"
		 "		type nat hook postrouting priority srcnat;\n"
		 "		oifname \"wan\" meta l4proto udp %s\n"
		 "	}\n"
		 "}\n",
		 settings, translation);
	lan_wan_start(&gateway, text);
}

static int lower_gateway(void **unused)
{
	(void)unused;
	gateway_stop(&gateway);
	return 0;
}

/* Session @number: of which of @hosts hosts, from a port of its own. */
static enum reason open_session(uint32_t number, uint32_t hosts, struct endpoint *external)
{
	uint8_t inside[4] = { 10, 0, (uint8_t)(1 + number % hosts / 250), (uint8_t)(2 + number % hosts % 250) };
	struct tuple tuple = { { address_from_ipv4(inside), be16_from_host((uint16_t)(1024 + number / hosts)) },
			       { wire_address("203.0.113.9"), be16_from_host(53) },
			       PROTOCOL_UDP,
			       0 };
	enum reason reason = gateway_send_tuple(&gateway, LAN_INDEX(&gateway), &tuple, &random_state);

	*external = gateway.event.session.reply.destination;
	return reason;
}

/* Every port of every address is used before anything is refused; each address says it is full. */
static void fill_all(const char *settings, uint32_t hosts)
{
	char range[128];
	struct snapshot_cursor cursor = { 0 };
	struct snapshot_pool pool;
	struct endpoint external;
	uint32_t full = 0;

	snprintf(range, sizeof(range), "snat to 192.0.2.64-192.0.2.%d:20000-%d", 64 + ADDRESSES - 1, 20000 + PORTS - 1);
	raise_gateway(settings, range);
	for (uint32_t i = 0; i < ADDRESSES * PORTS; i++) {
		enum reason reason = open_session(i, hosts, &external);

		if (reason != REASON_NONE)
			fail_msg("session %u of %d is refused: %s", i, ADDRESSES * PORTS, reason_key(reason));
	}
	assert_int_equal(open_session(ADDRESSES * PORTS, hosts, &external), REASON_POOL_EXHAUSTED);
	while (snapshot_next_pool(gateway.engine, &cursor, &pool) == 1)
		full += pool.used == PORTS && pool.ports == PORTS && pool.pressure.level == PRESSURE_FULL;
	assert_int_equal(full, ADDRESSES);
}

static void arbitrary_pooling_loses_nothing(void **unused)
{
	(void)unused;
	fill_all("mapping address-and-port-dependent; port-overloading no; pooling arbitrary", 1);
}

static void paired_then_any_loses_nothing(void **unused)
{
	(void)unused;
	fill_all("mapping address-and-port-dependent; port-overloading no; pooling paired-then-any", 100);
}

static void blocks_lose_nothing(void **unused)
{
	(void)unused;
	/* Each host fills its blocks to the last port: 64 hosts of 256 sessions. */
	fill_all("mapping address-and-port-dependent; pooling arbitrary; port-block 32", ADDRESSES);
}

/* --------------------------------------------------------------- unpredictability */

/* Pearson's sum over equally likely buckets: its mean is BUCKETS - 1, its deviation sqrt(2 * that). */
static double chi_square(const uint32_t buckets[BUCKETS], uint32_t draws)
{
	double expected = (double)draws / BUCKETS, sum = 0;

	for (int i = 0; i < BUCKETS; i++)
		sum += (buckets[i] - expected) * (buckets[i] - expected) / expected;
	return sum;
}

/* Five deviations above the mean: one run in a million would be. */
#define CHI_SQUARE_MOST (BUCKETS - 1 + 5 * 16.0)

/*
 * RFC 6056: neither the port, nor its distance from the one before, nor from the one that the same
 * host had before it, favours any value.
 */
static void fully_random_ports_cannot_be_told(void **unused)
{
	static const char *const names[] = { "port", "distance", "distance of the same host" };
	static uint32_t buckets[3][BUCKETS];
	uint16_t before[50] = { 0 }, last = 0;
	uint32_t preserved = 0;

	(void)unused;
	raise_gateway("", "snat to 192.0.2.1:1024-65535 fully-random");
	for (uint32_t i = 0; i < DRAWS; i++) {
		struct endpoint external;
		uint16_t port;

		assert_int_equal(open_session(i, 50, &external), REASON_NONE);
		port = (uint16_t)(be16_to_host(external.port) - 1024);
		buckets[0][port / (64512 / BUCKETS)]++;
		buckets[1][(uint32_t)(port + 64512 - last) % 64512 / (64512 / BUCKETS)]++;
		buckets[2][(uint32_t)(port + 64512 - before[i % 50]) % 64512 / (64512 / BUCKETS)]++;
		preserved += port == i / 50;
		before[i % 50] = last = port;
	}
	for (int i = 0; i < 3; i++) {
		double sum = chi_square(buckets[i], DRAWS);

		print_message("%s: chi square %.1f, of %d\n", names[i], sum, BUCKETS - 1);
		assert_true(sum < CHI_SQUARE_MOST);
	}
	/* The inside port itself is one of 64512. */
	assert_true(preserved < 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(arbitrary_pooling_loses_nothing, lower_gateway),
		cmocka_unit_test_teardown(paired_then_any_loses_nothing, lower_gateway),
		cmocka_unit_test_teardown(blocks_lose_nothing, lower_gateway),
		cmocka_unit_test_teardown(fully_random_ports_cannot_be_told, lower_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
