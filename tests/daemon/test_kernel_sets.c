/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses the kernel's table has to know, against a bitmap of small addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/kernel_sets.h"
#include "tests/model/wire_model.h"

static struct address ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return address_from_ipv4((const uint8_t[]){ a, b, c, d });
}

static struct address ipv6(uint8_t first, uint8_t last)
{
	return (struct address){ .bytes = { [0] = first, [15] = last } };
}

static void test_interface_matches(void **state)
{
	(void)state;
	assert_true(interface_matches("eth0", "eth0"));
	assert_false(interface_matches("eth0", "eth01"));
	assert_false(interface_matches("eth01", "eth0"));
	assert_true(interface_matches("eth*", "eth01"));
	assert_true(interface_matches("*", "wan"));
	assert_false(interface_matches("eth*", "et"));
	assert_true(interface_matches("fifteen_letters", "fifteen_letters"));
}

static void test_address_next(void **state)
{
	struct address address = ipv4(10, 0, 0, 255), expected = ipv4(10, 0, 1, 0);

	(void)state;
	assert_true(address_next(&address));
	assert_true(address_equal(&address, &expected));
	address = ipv4(255, 255, 255, 255);
	assert_false(address_next(&address));
	memset(&address, 0xff, sizeof(address));
	assert_false(address_next(&address));
}

static void test_external_and_local(void **state)
{
	static const char names[][INTERFACE_NAME_SIZE] = { "wan*" };
	const struct prefilter prefilter = { .masquerade_count = 1, .masquerade = names };
	static struct link links[3];
	const struct link_table table = { .count = 3, .links = links };
	struct kernel_sets sets;

	(void)state;
	links[0] = (struct link){ .index = 1, .name = "wan-lo", .loopback = true, .address_count = 1 };
	links[0].addresses[0].address = ipv4(127, 0, 0, 1);
	links[1] = (struct link){ .index = 2, .name = "lan", .address_count = 1 };
	links[1].addresses[0] = (struct link_address){ .address = ipv4(10, 0, 0, 1), .global = true };
	links[2] = (struct link){ .index = 3, .name = "wan0", .address_count = 3 };
	links[2].addresses[0] = (struct link_address){ .address = ipv4(198, 51, 100, 1), .global = true };
	links[2].addresses[1] = (struct link_address){ .address = ipv6(0xfe, 1) };
	links[2].addresses[2] = (struct link_address){ .address = ipv6(0x20, 1), .global = true };
	assert_int_equal(kernel_sets_init(&sets, &prefilter, &table), 0);
	assert_int_equal(sets.set[KERNEL_SET_EXTERNAL4].count, 1);
	assert_true(address_equal(&sets.set[KERNEL_SET_EXTERNAL4].list[0].first, &links[2].addresses[0].address));
	assert_int_equal(sets.set[KERNEL_SET_EXTERNAL6].count, 1);
	assert_true(address_equal(&sets.set[KERNEL_SET_EXTERNAL6].list[0].first, &links[2].addresses[2].address));
	assert_int_equal(sets.set[KERNEL_SET_LOCAL4].count, 3);
	assert_int_equal(sets.set[KERNEL_SET_LOCAL6].count, 2);
	kernel_sets_fini(&sets);
}

/* Ranges within 256 addresses at the end of the space, so that the last one is met too. */
static void random_ranges_once(unsigned int *seed)
{
	struct address_range ranges[12];
	struct prefilter prefilter = { .external = ranges };
	const struct link_table none = { 0 };
	bool wanted[256] = { false }, got[256] = { false };
	struct kernel_sets sets;
	const struct kernel_set_ranges *set = &sets.set[KERNEL_SET_EXTERNAL4];

	prefilter.external_count = (size_t)rand_r(seed) % 13;
	for (size_t i = 0; i < prefilter.external_count; i++) {
		unsigned int first = (unsigned int)rand_r(seed) % 256, last = first + (unsigned int)rand_r(seed) % 24;

		last = last > 255 ? 255 : last;
		ranges[i].first = ipv4(255, 255, 255, (uint8_t)first);
		ranges[i].last = ipv4(255, 255, 255, (uint8_t)last);
		for (unsigned int j = first; j <= last; j++)
			wanted[j] = true;
	}
	assert_int_equal(kernel_sets_init(&sets, &prefilter, &none), 0);
	for (size_t i = 0; i < set->count; i++) {
		unsigned int first = set->list[i].first.bytes[15], last = set->list[i].last.bytes[15];

		assert_true(first <= last);
		/* A gap of one at least: neither overlapping nor adjacent. */
		assert_true(i == 0 || first > set->list[i - 1].last.bytes[15] + 1u);
		for (unsigned int j = first; j <= last; j++)
			got[j] = true;
	}
	assert_memory_equal(wanted, got, sizeof(wanted));
	kernel_sets_fini(&sets);
}

static void test_random_ranges(void **state)
{
	unsigned int seed = (unsigned int)wire_seed();

	(void)state;
	for (unsigned int i = 0; i < 20000; i++)
		random_ranges_once(&seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interface_matches),
		cmocka_unit_test(test_address_next),
		cmocka_unit_test(test_external_and_local),
		cmocka_unit_test(test_random_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
