/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New sessions a second, against a naive bucket; who is exempt; who holds how many ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "conntrack/hosts.h"
#include "conntrack/quota.h"
#include "tests/model/wire_model.h"

static uint64_t seed;
static const uint64_t key[2] = { 1, 2 };

static unsigned int taken(struct quota *quota, const char *source, const struct settings_rate *rate, uint64_t now_ms,
			  unsigned int tries)
{
	struct address address = wire_address(source);
	unsigned int granted = 0;

	for (unsigned int i = 0; i < tries; i++)
		granted += quota_take(quota, &address, rate, mono_from_ms(now_ms));
	return granted;
}

static void a_burst_then_the_rate(void **unused)
{
	const struct settings_rate rate = { .count = 100, .period_s = 1, .burst = 200 };
	struct quota quota;

	(void)unused;
	assert_int_equal(quota_init(&quota, 64, key), 0);
	assert_int_equal(taken(&quota, "10.0.0.1", &rate, 5000, 1000), 200);
	assert_int_equal(taken(&quota, "10.0.0.2", &rate, 5000, 1000), 200);
	assert_int_equal(taken(&quota, "10.0.0.1", &rate, 5009, 1000), 0);
	assert_int_equal(taken(&quota, "10.0.0.1", &rate, 5010, 1000), 1);
	assert_int_equal(taken(&quota, "10.0.0.1", &rate, 6010, 1000), 100);
	assert_int_equal(taken(&quota, "10.0.0.1", &rate, 60000, 1000), 200);
	quota_fini(&quota);
}

/* An IPv6 customer has 2^64 addresses, and one bucket. */
static void ipv6_counts_by_its_64(void **unused)
{
	const struct settings_rate rate = { .count = 1, .period_s = 60, .burst = 3 };
	struct quota quota;

	(void)unused;
	assert_int_equal(quota_init(&quota, 64, key), 0);
	assert_int_equal(taken(&quota, "2001:db8:0:1::1", &rate, 5000, 2), 2);
	assert_int_equal(taken(&quota, "2001:db8:0:1:ffff::9", &rate, 5000, 2), 1);
	assert_int_equal(taken(&quota, "2001:db8:0:2::1", &rate, 5000, 9), 3);
	quota_fini(&quota);
}

/* The bucket as one would explain it: tokens, refilled as time passes. */
static void as_a_bucket_of_tokens(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	for (int round = 0; round < 200; round++) {
		struct settings_rate rate = {
			.count = 1 + wire_below(&state, 20),
			.period_s = 1 + wire_below(&state, 3),
			.burst = 1 + wire_below(&state, 10),
		};
		uint64_t token_ns = rate.period_s * NS_PER_S / rate.count, now_ns = 9 * NS_PER_S;
		/* In nanoseconds of waiting that are saved up. */
		uint64_t saved_ns = rate.burst * token_ns;
		struct address source = wire_address("10.0.0.1");
		struct quota quota;

		assert_int_equal(quota_init(&quota, 4, key), 0);
		for (int step = 0; step < 1000; step++) {
			uint64_t passed = wire_below(&state, token_ns < UINT32_MAX ? (uint32_t)token_ns : UINT32_MAX);
			bool wanted;

			now_ns += passed;
			saved_ns += passed;
			if (saved_ns > rate.burst * token_ns)
				saved_ns = rate.burst * token_ns;
			wanted = saved_ns >= token_ns;
			if (quota_take(&quota, &source, &rate, (struct mono){ now_ns }) != wanted)
				fail_msg("round %d, step %d", round, step);
			saved_ns -= wanted ? token_ns : 0;
		}
		quota_fini(&quota);
	}
}

/* Rates at both ends of what a configuration can say do not overflow. */
static void extreme_rates(void **unused)
{
	const struct settings_rate slow = { .count = 1, .period_s = 604800, .burst = 1000000000 };
	const struct settings_rate fast = { .count = 1000000000, .period_s = 1, .burst = 1000000000 };
	struct quota quota;

	(void)unused;
	assert_int_equal(quota_init(&quota, 4, key), 0);
	assert_int_equal(taken(&quota, "10.0.0.1", &slow, 5000, 5000), 5000);
	assert_int_equal(taken(&quota, "10.0.0.2", &fast, 5000, 5000), 5000);
	quota_fini(&quota);
}

static void exempt_by_network_and_by_interface(void **unused)
{
	struct settings settings = { .exempt_count = 2, .management_count = 2 };
	struct address inside = wire_address("10.1.2.77"), next = wire_address("10.1.2.128");
	struct address six = wire_address("2001:db8:7::1"), other = wire_address("2001:db8:8::1");

	(void)unused;
	settings.exempt[0] = (struct settings_network){ wire_address("10.1.2.0"), 96 + 25 };
	settings.exempt[1] = (struct settings_network){ wire_address("2001:db8:7::"), 48 };
	strcpy(settings.management[0], "eth2");
	strcpy(settings.management[1], "wg*");
	assert_true(quota_is_exempt(&settings, "eth0", &inside));
	assert_false(quota_is_exempt(&settings, "eth0", &next));
	assert_true(quota_is_exempt(&settings, NULL, &six));
	assert_false(quota_is_exempt(&settings, NULL, &other));
	assert_true(quota_is_exempt(&settings, "eth2", &other));
	assert_false(quota_is_exempt(&settings, "eth20", &other));
	assert_true(quota_is_exempt(&settings, "wg7", &other));
	assert_false(quota_is_exempt(&settings, "w", &other));
}

/* Ports are counted for an IPv4 address and for an IPv6 /64, however many addresses it uses. */
static void ports_of_a_64(void **unused)
{
	struct address one = wire_address("2001:db8:0:1::1"), two = wire_address("2001:db8:0:1::2");
	struct address far = wire_address("2001:db8:0:2::1"), four = wire_address("10.0.0.1");
	struct address external = wire_address("203.0.113.1"), another = wire_address("203.0.113.2");
	struct hosts hosts;
	uint32_t a, b, c, d;

	(void)unused;
	assert_int_equal(hosts_init(&hosts, 4, key), 0);
	a = hosts_acquire(&hosts, &one, NULL);
	b = hosts_acquire(&hosts, &two, NULL);
	c = hosts_acquire(&hosts, &far, NULL);
	d = hosts_acquire(&hosts, &four, &external);
	assert_int_equal(hosts_acquire(&hosts, &two, NULL), b);
	assert_int_equal(hosts_mappings(&hosts, &one), 3);
	assert_int_equal(hosts_mappings(&hosts, &two), 3);
	assert_int_equal(hosts_mappings(&hosts, &far), 1);
	assert_int_equal(hosts_mappings_on(&hosts, &four, &external), 1);
	assert_int_equal(hosts_mappings_on(&hosts, &four, &another), 0);
	/* Networks take no host's place. */
	assert_int_equal(hosts_acquire(&hosts, &external, NULL), HOST_NONE);
	hosts_release(&hosts, a);
	hosts_release(&hosts, c);
	assert_int_equal(hosts_mappings(&hosts, &one), 2);
	assert_int_equal(hosts_mappings(&hosts, &far), 0);
	hosts_release(&hosts, b);
	hosts_release(&hosts, b);
	hosts_release(&hosts, d);
	assert_int_equal(hosts_mappings(&hosts, &one), 0);
	assert_int_equal(hosts.used, 0);
	hosts_fini(&hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_then_the_rate), cmocka_unit_test(ipv6_counts_by_its_64),
		cmocka_unit_test(as_a_bucket_of_tokens), cmocka_unit_test(extreme_rates),
		cmocka_unit_test(ports_of_a_64),	 cmocka_unit_test(exempt_by_network_and_by_interface),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
