/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection requests that wait for the inside to ask for the same: the ring's bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "conntrack/held_syns.h"

static struct held_syns held;

static int begin(void **state)
{
	(void)state;
	return held_syns_init(&held, (const uint64_t[]){ 1, 2 });
}

static int end(void **state)
{
	(void)state;
	held_syns_fini(&held);
	return 0;
}

static struct tuple tuple_of(uint16_t port)
{
	return (struct tuple){ .source.port = be16_from_host(port), .protocol = PROTOCOL_TCP };
}

static struct mono at(uint64_t ms)
{
	return (struct mono){ .ns = ms * NS_PER_MS };
}

static void add(uint16_t port, uint32_t length, uint64_t ms)
{
	static uint8_t bytes[2 * HELD_SYN_BYTES];
	struct packet packet = { .bytes = bytes, .length = length };
	struct tuple tuple = tuple_of(port);

	bytes[0] = (uint8_t)port;
	held_syns_add(&held, &packet, &tuple, at(ms));
}

static void test_order(void **state)
{
	struct held_syn *syn;

	(void)state;
	add(1, 40, 0);
	add(2, 60, 1000);
	/* Asked again: it neither waits longer nor twice. */
	add(1, 40, 3000);
	assert_null(held_syns_next(&held, at(HELD_SYN_MS - 1)));
	syn = held_syns_next(&held, at(HELD_SYN_MS));
	assert_non_null(syn);
	assert_int_equal(be16_to_host(syn->tuple.source.port), 1);
	assert_int_equal(syn->length, 40);
	assert_null(held_syns_next(&held, at(HELD_SYN_MS)));
	syn = held_syns_next(&held, at(1000 + HELD_SYN_MS));
	assert_non_null(syn);
	assert_int_equal(syn->bytes[0], 2);
	assert_null(held_syns_next(&held, at(100000)));
}

static void test_cancel(void **state)
{
	struct tuple first = tuple_of(1), other = tuple_of(9);

	(void)state;
	add(1, 40, 0);
	add(2, 40, 0);
	held_syns_cancel(&held, &first);
	held_syns_cancel(&held, &other);
	assert_int_equal(be16_to_host(held_syns_next(&held, at(HELD_SYN_MS))->tuple.source.port), 2);
	assert_null(held_syns_next(&held, at(HELD_SYN_MS)));
	/* Cancelled is not held: it may come again. */
	add(1, 40, 7000);
	assert_non_null(held_syns_next(&held, at(20000)));
}

static void test_bound(void **state)
{
	unsigned int came = 0;

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		for (uint16_t port = 1; port <= 2 * HELD_SYNS; port++)
			add(port, 40, round * 10000);
		while (held_syns_next(&held, at(round * 10000 + HELD_SYN_MS)))
			came++;
	}
	assert_int_equal(came, 3 * HELD_SYNS);
	add(1, HELD_SYN_BYTES + 1, 0);
	assert_null(held_syns_next(&held, at(1000000)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, begin, end),
		cmocka_unit_test_setup_teardown(test_cancel, begin, end),
		cmocka_unit_test_setup_teardown(test_bound, begin, end),
	};

	return cmocka_run_group_tests_name("held_syns", tests, NULL, NULL);
}
