/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the compiler sees in a ruleset: established traffic, and the kernel's prefilter. */
#include "tests/rules/evaluate.h"

static struct fixture fixture;

static bool established(const char *policy, const char *rules, enum family family)
{
	char text[4096];
	bool accepted;

	snprintf(
	    text, sizeof(text),
	    "table inet t {\nchain est { ct state established,related accept; }\nchain noop { tcp dport 1 return; }\n"
	    "chain out { drop; }\nset d { type ipv4_addr; flags dynamic; size 8; }\n"
	    "chain c { type filter hook forward priority 0; policy %s;\n%s\n}\n}\n",
	    policy, rules);
	fixture_load(&fixture, text);
	accepted = ruleset_established_accepted(fixture.configuration->ruleset, HOOK_FORWARD, family);
	fixture_fini(&fixture);
	return accepted;
}

static void test_established(void **state)
{
	static const struct {
		const char *policy, *rules;
		bool accepted;
	} rows[] = {
		{ "accept", "", true },
		{ "drop", "", false },
		{ "drop", "ct state established accept", true },
		{ "drop", "ct state established,related counter accept\ntcp dport 22 drop", true },
		{ "drop", "ct state { established, related } accept", true },
		{ "drop", "ct state vmap { established : accept, invalid : drop }", true },
		{ "drop", "ct state vmap { invalid : drop, established : jump est }", true },
		{ "drop", "ct state != new accept", true },
		{ "drop", "ct state invalid drop\nct state established accept", true },
		{ "drop", "ct state new jump out\nct state established accept", true },
		{ "drop", "tcp dport 22 drop\nct state established accept", false },
		{ "drop", "iifname lan0 accept\nct state established accept", true },
		{ "drop", "iifname lan0 counter accept\nct state established accept", false },
		{ "drop", "iifname lan0 ct state established accept", false },
		{ "drop", "jump est", true },
		{ "drop", "jump noop\njump est", true },
		{ "drop", "goto est", true },
		{ "drop", "tcp dport 5 jump est\ngoto out", false },
		{ "drop", "tcp dport vmap { 1 : accept, 2 : jump noop }\njump est", true },
		{ "drop", "tcp dport vmap { 1 : accept, 2 : jump out }\njump est", false },
		{ "drop", "log\nct state established accept", false },
		{ "drop", "limit rate 5/second accept\nct state established accept", false },
		{ "drop", "tcp flags syn tcp option maxseg size set rt mtu\nct state established accept", true },
		{ "drop", "tcp flags & (fin | syn | rst | ack) == syn log\nct state established accept", true },
		{ "drop", "tcp flags & (syn | ack) == syn | ack drop\nct state established accept", true },
		{ "drop", "tcp flags syn,ack drop\nct state established accept", false },
		{ "drop", "tcp flags & (syn | ack) == ack drop\nct state established accept", false },
		{ "drop", "tcp flags & syn != syn drop\nct state established accept", false },
		{ "drop", "tcp flags & syn == 0 ct state established accept", false },
		{ "drop", "tcp flags ! syn drop\nct state established accept", false },
		{ "drop", "tcp option maxseg size set rt mtu\nct state established accept", false },
		{ "drop", "meta mark & 0 == 0 ct state established accept", true },
		{ "drop", "ct state established accept\ntcp flags syn tcp option maxseg size set rt mtu", true },
		{ "drop", "meta mark set 1\nct state established accept", false },
		{ "drop", "add @d { ip saddr }\nct state established accept", false },
		{ "drop", "ip saddr @d drop\nct state established accept", false },
		{ "drop", "ip saddr @d accept\nct state established accept", true },
		{ "drop", "ct state established return\naccept", false },
		{ "accept", "ct state established return\ndrop", true },
		{ "drop", "ct status assured ct state established accept", false },
		{ "drop", "meta nfproto { ipv4, ipv6 } ct state established accept", true },
		{ "drop", "ct state established continue accept", true },
		{ "drop", "reject", false },
		{ "accept", "ct state established tcp dport 1 reject", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (established(rows[i].policy, rows[i].rules, FAMILY_IPV4) != rows[i].accepted)
			fail_msg("row %zu: policy %s, \"%s\" should be %d", i, rows[i].policy, rows[i].rules,
				 rows[i].accepted);
	}
	assert_true(established("drop", "ip saddr 1.2.3.4 drop\nct state established accept", FAMILY_IPV6));
	assert_false(established("drop", "ip saddr 1.2.3.4 drop\nct state established accept", FAMILY_IPV4));
	assert_true(established("drop", "meta nfproto ipv6 accept", FAMILY_IPV6));
	assert_false(established("drop", "meta nfproto ipv6 accept", FAMILY_IPV4));
}

/* Each counter that every established packet passes counts it, and no other. */
static void test_count_established(void **state)
{
	struct rule_listing listing;
	uint32_t position = 0;

	(void)state;
	fixture_load(
	    &fixture,
	    "table inet t {\nchain est { counter; }\n"
	    "chain c { type filter hook forward priority 0; policy drop;\n"
	    "counter\nct state new counter drop\njump est\nct state established counter accept\ncounter\n}\n}\n");
	assert_true(ruleset_established_accepted(fixture.configuration->ruleset, HOOK_FORWARD, FAMILY_IPV4));
	ruleset_count_established(fixture.configuration->ruleset, HOOK_FORWARD, FAMILY_IPV4, 1, 100);
	ruleset_count_established(fixture.configuration->ruleset, HOOK_FORWARD, FAMILY_IPV4, 1, 50);
	while (ruleset_next_rule(fixture.configuration->ruleset, &position, &listing)) {
		bool counted = listing.place.line == 2 || listing.place.line == 4 || listing.place.line == 7;

		assert_int_equal(listing.packets, counted ? 2 : 0);
		assert_int_equal(listing.bytes, counted ? 150 : 0);
	}
	fixture_fini(&fixture);
}

static const struct prefilter *prefilter_of(const char *prerouting, const char *postrouting)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "table inet t {\nchain sub { tcp dport 25 dnat ip to 10.0.0.25; }\n"
		 "chain pre { type nat hook prerouting priority dstnat;\n%s\n}\n"
		 "chain post { type nat hook postrouting priority srcnat;\n%s\n}\n}\n",
		 prerouting, postrouting);
	fixture_load(&fixture, text);
	return ruleset_prefilter(fixture.configuration->ruleset);
}

static void test_prefilter_matches(void **state)
{
	const struct prefilter *prefilter;
	struct address address = address_of("192.0.2.1");

	(void)state;
	prefilter =
	    prefilter_of("iifname \"wan*\" ip daddr 192.0.2.1 tcp dport { 80, 443-445 } dnat ip to 10.0.0.1", "");
	assert_false(prefilter->everything);
	assert_int_equal(prefilter->match_count, 2);
	assert_string_equal(prefilter->matches[0].interface, "wan*");
	assert_true(address_equal(&prefilter->matches[0].destination_first, &address));
	assert_true(prefilter->matches[0].has_family && prefilter->matches[0].family == FAMILY_IPV4);
	assert_int_equal(prefilter->matches[0].protocol, PROTOCOL_TCP);
	assert_int_equal(prefilter->matches[1].port_first, 443);
	assert_int_equal(prefilter->matches[1].port_last, 445);
	fixture_fini(&fixture);

	prefilter = prefilter_of("iifname wan0 jump sub", "");
	assert_int_equal(prefilter->match_count, 1);
	assert_string_equal(prefilter->matches[0].interface, "wan0");
	assert_int_equal(prefilter->matches[0].port_first, 25);
	fixture_fini(&fixture);

	prefilter = prefilter_of("iifname wan0 dnat ip addr . port to tcp dport map { 80 : 10.0.0.1 . 81 }", "");
	assert_int_equal(prefilter->match_count, 1);
	assert_int_equal(prefilter->matches[0].port_first, 80);
	fixture_fini(&fixture);

	prefilter = prefilter_of("fib daddr type local redirect", "");
	assert_true(prefilter->everything);
	fixture_fini(&fixture);

	prefilter = prefilter_of("accept", "");
	assert_false(prefilter->everything);
	assert_int_equal(prefilter->match_count, 0);
	fixture_fini(&fixture);

	/* A negated condition says nothing that could be put here. */
	prefilter = prefilter_of("iifname != lan0 udp dport 53 redirect", "");
	assert_int_equal(prefilter->match_count, 1);
	assert_false(prefilter->matches[0].has_interface);
	assert_int_equal(prefilter->matches[0].protocol, PROTOCOL_UDP);
	fixture_fini(&fixture);
}

static void test_prefilter_external(void **state)
{
	const struct prefilter *prefilter;

	(void)state;
	prefilter = prefilter_of("", "oifname { wan0, \"ppp*\" } masquerade\noifname wan0 masquerade random\n"
				     "oifname wan1 snat ip to 192.0.2.1-192.0.2.9\n"
				     "snat ip to ip saddr map { 10.0.0.1 : 192.0.2.77 }");
	assert_int_equal(prefilter->masquerade_count, 2);
	assert_string_equal(prefilter->masquerade[1], "ppp*");
	assert_int_equal(prefilter->external_count, 2);
	assert_int_equal(prefilter->external[0].last.bytes[15], 9);
	assert_int_equal(prefilter->external[1].first.bytes[15], 77);
	fixture_fini(&fixture);
	prefilter = prefilter_of("", "masquerade");
	assert_string_equal(prefilter->masquerade[0], "*");
	fixture_fini(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_established),
		cmocka_unit_test(test_count_established),
		cmocka_unit_test(test_prefilter_matches),
		cmocka_unit_test(test_prefilter_external),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
