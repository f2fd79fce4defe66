/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What statements do: translations, rejections, limits, dynamic sets, logs, marks. */
#include "tests/rules/evaluate.h"

#define TCP PROTOCOL_TCP
#define UDP PROTOCOL_UDP

static struct fixture fixture;

static void load_nat(const char *hook, const char *rules)
{
	char text[4096];

	snprintf(text, sizeof(text), "table inet t {\nchain c {\ntype nat hook %s priority 0;\n%s\n}\n}\n", hook,
		 rules);
	fixture_load(&fixture, text);
}

static void assert_nat(enum hook hook, const char *first, const char *last, uint16_t port_first, uint16_t port_last)
{
	const struct nat_request *nat = &fixture.outcome.nat;
	struct address address;

	assert_int_equal(fixture_run(&fixture, hook), RULE_NAT);
	assert_int_equal(nat->has_address, first != NULL);
	if (first) {
		address = address_of(first);
		assert_true(address_equal(&nat->address_first, &address));
		address = address_of(last);
		assert_true(address_equal(&nat->address_last, &address));
	}
	assert_int_equal(nat->port_first, port_first);
	assert_int_equal(nat->port_last, port_last);
}

static void test_nat_constant(void **state)
{
	(void)state;
	load_nat("prerouting", "tcp dport 80 dnat ip to 10.0.0.5:8080-8090 random,persistent");
	fixture_packet(&fixture, TCP, "1.1.1.1", 1, "2.2.2.2", 80);
	assert_nat(HOOK_PREROUTING, "10.0.0.5", "10.0.0.5", 8080, 8090);
	assert_int_equal(fixture.outcome.nat.kind, NAT_DNAT);
	assert_true(fixture.outcome.nat.random && fixture.outcome.nat.persistent && !fixture.outcome.nat.fully_random);
	fixture_packet(&fixture, TCP, "::1", 1, "::2", 80);
	assert_int_equal(fixture_run(&fixture, HOOK_PREROUTING), RULE_ACCEPT);
	assert_int_equal(fixture.outcome.rule, RULE_NONE);
	fixture_fini(&fixture);

	load_nat("postrouting", "snat ip6 to [2001:db8::1]-[2001:db8::9]:100-200");
	fixture_packet(&fixture, TCP, "::1", 1, "::2", 80);
	assert_nat(HOOK_POSTROUTING, "2001:db8::1", "2001:db8::9", 100, 200);
	fixture_fini(&fixture);

	load_nat("postrouting", "ip saddr 10.0.0.0/8 masquerade to :1024-2048 fully-random\nmasquerade");
	fixture_packet(&fixture, TCP, "10.0.0.1", 1, "1.2.3.4", 80);
	assert_nat(HOOK_POSTROUTING, NULL, NULL, 1024, 2048);
	assert_int_equal(fixture.outcome.nat.kind, NAT_MASQUERADE);
	fixture_packet(&fixture, TCP, "::1", 1, "::2", 80);
	assert_nat(HOOK_POSTROUTING, NULL, NULL, 0, 0);
	fixture_fini(&fixture);

	load_nat("prerouting", "udp dport 53 redirect to :5353\nredirect");
	fixture_packet(&fixture, UDP, "::1", 1, "::2", 53);
	assert_nat(HOOK_PREROUTING, NULL, NULL, 5353, 5353);
	assert_int_equal(fixture.outcome.nat.kind, NAT_REDIRECT);
	fixture_fini(&fixture);
}

static void test_nat_map(void **state)
{
	(void)state;
	load_nat("prerouting", "dnat ip addr . port to tcp dport map { 80 : 10.0.0.1 . 8080, 443 : 10.0.0.2 . 8443 }");
	fixture_packet(&fixture, TCP, "1.1.1.1", 1, "2.2.2.2", 443);
	assert_nat(HOOK_PREROUTING, "10.0.0.2", "10.0.0.2", 8443, 8443);
	fixture_packet(&fixture, TCP, "1.1.1.1", 1, "2.2.2.2", 444);
	assert_int_equal(fixture_run(&fixture, HOOK_PREROUTING), RULE_ACCEPT);
	fixture_fini(&fixture);

	load_nat("prerouting", "dnat ip to numgen inc mod 3 map { 0 : 10.0.0.1, 1 : 10.0.0.2, 2 : 10.0.0.3-10.0.0.9 }");
	fixture_packet(&fixture, TCP, "1.1.1.1", 1, "2.2.2.2", 443);
	assert_nat(HOOK_PREROUTING, "10.0.0.1", "10.0.0.1", 0, 0);
	assert_nat(HOOK_PREROUTING, "10.0.0.2", "10.0.0.2", 0, 0);
	assert_nat(HOOK_PREROUTING, "10.0.0.3", "10.0.0.9", 0, 0);
	assert_nat(HOOK_PREROUTING, "10.0.0.1", "10.0.0.1", 0, 0);
	fixture_fini(&fixture);

	load_nat("prerouting",
		 "tcp dport 1-9 redirect to :tcp dport map { 1 : 11, 2 : 12 }\n"
		 "tcp dport 1-9 dnat ip to ip saddr map { 1.0.0.0/8 : 10.0.0.8 }:tcp dport map { 3 : 33 }");
	fixture_packet(&fixture, TCP, "1.1.1.1", 1, "2.2.2.2", 2);
	assert_nat(HOOK_PREROUTING, NULL, NULL, 12, 12);
	fixture_packet(&fixture, TCP, "1.1.1.1", 1, "2.2.2.2", 3);
	assert_nat(HOOK_PREROUTING, "10.0.0.8", "10.0.0.8", 33, 33);
	fixture_fini(&fixture);

	load_nat("postrouting", "snat ip prefix to ip saddr map { 10.141.11.0/24 : 192.168.2.0/24 }");
	fixture_packet(&fixture, TCP, "10.141.11.7", 1, "2.2.2.2", 2);
	assert_nat(HOOK_POSTROUTING, "192.168.2.0", "192.168.2.255", 0, 0);
	assert_true(fixture.outcome.nat.prefix);
	assert_int_equal(fixture.outcome.nat.prefix_length, 24);
	fixture_fini(&fixture);
}

static void test_reject(void **state)
{
	(void)state;
	fixture_rules(&fixture,
		      "reject with tcp reset\nip protocol udp reject\nip6 nexthdr 0 reject\n"
		      "meta nfproto ipv4 reject with icmpx host-unreachable\nreject with icmpv6 type no-route");
	fixture_packet(&fixture, TCP, "1.1.1.1", 1, "2.2.2.2", 2);
	assert_int_equal(fixture_run(&fixture, HOOK_FORWARD), RULE_REJECT);
	assert_int_equal(fixture.outcome.reject_with, REJECT_TCP_RESET);
	fixture_packet(&fixture, UDP, "1.1.1.1", 1, "2.2.2.2", 2);
	assert_int_equal(fixture_run(&fixture, HOOK_FORWARD), RULE_REJECT);
	assert_int_equal(fixture.outcome.reject_with, REJECT_ICMP);
	assert_int_equal(fixture.outcome.reject_code, 3);
	assert_int_equal(ruleset_rule_place(fixture.configuration->ruleset, fixture.outcome.rule).line, 6);
	fixture_packet(&fixture, PROTOCOL_ICMP, "1.1.1.1", 1, "2.2.2.2", 2);
	assert_int_equal(fixture_run(&fixture, HOOK_FORWARD), RULE_REJECT);
	assert_int_equal(fixture.outcome.reject_code, 1);
	fixture_packet(&fixture, UDP, "::1", 1, "::2", 2);
	assert_int_equal(fixture_run(&fixture, HOOK_FORWARD), RULE_REJECT);
	assert_int_equal(fixture.outcome.reject_code, 4);
	fixture_fini(&fixture);
}

static unsigned int run_accepted(unsigned int packets, uint64_t ms_between)
{
	unsigned int accepted = 0;

	for (unsigned int i = 0; i < packets; i++) {
		accepted += fixture_accepts(&fixture);
		fixture.context.now.ns += ms_between * NS_PER_MS;
	}
	return accepted;
}

static void test_limit(void **state)
{
	(void)state;
	fixture_rules(&fixture, "limit rate 10/second burst 5 packets accept");
	fixture_packet(&fixture, UDP, "1.1.1.1", 1, "2.2.2.2", 2);
	assert_int_equal(run_accepted(20, 0), 5);
	fixture.context.now.ns += 300 * NS_PER_MS;
	assert_int_equal(run_accepted(20, 0), 3);
	fixture.context.now.ns += 3600 * NS_PER_S;
	assert_int_equal(run_accepted(20, 0), 5);
	assert_int_equal(run_accepted(100, 200), 99); /* the first finds the bucket empty */
	fixture_fini(&fixture);

	fixture_rules(&fixture, "limit rate over 10/second burst 5 packets drop\naccept");
	fixture_packet(&fixture, UDP, "1.1.1.1", 1, "2.2.2.2", 2);
	assert_int_equal(run_accepted(20, 0), 5);
	fixture_fini(&fixture);

	/* A bucket of a second's bytes and the burst: 1000 + 500 bytes in packets of 100. */
	fixture_rules(&fixture, "limit rate 1000 bytes/second burst 500 bytes accept");
	fixture_packet(&fixture, UDP, "1.1.1.1", 1, "2.2.2.2", 2);
	assert_int_equal(run_accepted(50, 0), 15);
	fixture_fini(&fixture);
}

static void test_quota(void **state)
{
	(void)state;
	fixture_rules(&fixture, "quota 1000 bytes accept");
	fixture_packet(&fixture, UDP, "1.1.1.1", 1, "2.2.2.2", 2);
	assert_int_equal(run_accepted(20, 0), 9); /* the tenth reaches it: the kernel compares with >= */
	fixture_fini(&fixture);
	fixture_rules(&fixture, "quota over 1000 bytes used 500 bytes drop\naccept");
	fixture_packet(&fixture, UDP, "1.1.1.1", 1, "2.2.2.2", 2);
	assert_int_equal(run_accepted(20, 0), 4);
	fixture_fini(&fixture);
}

static const char *const dynamic_set = "table inet t {\n"
				       "set s { type ipv4_addr; flags dynamic,timeout; size 3; timeout 10s; }\n"
				       "set l { type ipv4_addr; flags dynamic; size 4; }\n"
				       "chain c { type filter hook forward priority 0; policy drop;\n"
				       "tcp dport 1 add @s { ip saddr } accept\n"
				       "tcp dport 2 update @s { ip saddr timeout 20s } accept\n"
				       "tcp dport 3 ip saddr @s accept\n"
				       "tcp dport 4 delete @s { ip saddr }\n"
				       "tcp dport 5 add @l { ip saddr limit rate 1/second burst 2 packets } accept\n"
				       "}\n}\n";

static bool touch(const char *source, uint16_t sport, uint16_t dport)
{
	struct mono now = fixture.context.now;

	fixture_packet(&fixture, TCP, source, sport, "9.9.9.9", dport);
	fixture.context.now = now;
	return fixture_accepts(&fixture);
}

static void test_dynamic_set(void **state)
{
	(void)state;
	fixture_load(&fixture, dynamic_set);
	ruleset_seed(fixture.configuration->ruleset, 42);
	assert_false(touch("1.0.0.1", 1, 3));
	assert_true(touch("1.0.0.1", 1, 1));
	assert_true(touch("1.0.0.1", 1, 3));
	assert_true(touch("1.0.0.2", 1, 1));
	assert_true(touch("1.0.0.3", 1, 1));
	assert_false(touch("1.0.0.4", 1, 1)); /* full */
	assert_true(touch("1.0.0.1", 1, 1));  /* there already */
	fixture.context.now.ns += 9 * NS_PER_S;
	assert_true(touch("1.0.0.1", 1, 1)); /* add does not refresh */
	assert_true(touch("1.0.0.2", 1, 2)); /* update does, to 20 s */
	fixture.context.now.ns += 2 * NS_PER_S;
	assert_false(touch("1.0.0.1", 1, 3));
	assert_true(touch("1.0.0.2", 1, 3));
	assert_true(touch("1.0.0.4", 1, 1)); /* room again: the others timed out */
	touch("1.0.0.4", 1, 4);
	assert_false(touch("1.0.0.4", 1, 3));

	assert_true(touch("1.0.0.1", 1, 5) && touch("1.0.0.1", 1, 5));
	assert_false(touch("1.0.0.1", 1, 5));
	assert_true(touch("1.0.0.2", 1, 5)); /* a bucket of its own */
	fixture_fini(&fixture);
}

static void test_dynamic_map(void **state)
{
	(void)state;
	fixture_load(&fixture, "table inet t {\nmap m { type ipv4_addr : mark; flags dynamic; size 4; }\n"
			       "chain c { type filter hook forward priority 0; policy drop;\n"
			       "tcp dport 6 add @m { ip saddr : tcp sport } accept\n"
			       "tcp dport 7 meta mark set ip saddr map @m accept\n}\n}\n");
	assert_false(touch("1.0.0.1", 77, 7));
	assert_true(touch("1.0.0.1", 77, 6));
	assert_true(touch("1.0.0.1", 5, 7));
	assert_int_equal(fixture.context.mark, 77);
	fixture_fini(&fixture);
}

static void test_meter(void **state)
{
	(void)state;
	fixture_load(&fixture,
		     "table inet t {\nchain c { type filter hook forward priority 0; policy drop;\n"
		     "tcp dport 1 meter m { ip saddr timeout 10s limit rate 1/minute burst 2 packets } accept\n"
		     "tcp dport 2 jump { tcp sport 1 accept; tcp sport 2 drop; }\n"
		     "tcp dport 2 accept\n}\n}\n");
	assert_true(touch("1.0.0.1", 1, 1) && touch("1.0.0.1", 1, 1));
	assert_false(touch("1.0.0.1", 1, 1));
	assert_true(touch("1.0.0.2", 1, 1));
	fixture.context.now.ns += 9 * NS_PER_S;
	assert_false(touch("1.0.0.1", 1, 1)); /* refreshed, as a meter with a timeout is */
	fixture.context.now.ns += 9 * NS_PER_S;
	assert_false(touch("1.0.0.1", 1, 1));
	fixture.context.now.ns += 11 * NS_PER_S;
	assert_true(touch("1.0.0.1", 1, 1)); /* forgotten, so new */
	assert_true(touch("1.0.0.1", 1, 2));
	assert_false(touch("1.0.0.1", 2, 2));
	assert_true(touch("1.0.0.1", 3, 2));
	fixture_fini(&fixture);
}

static void test_inherit(void **state)
{
	struct fixture *next = calloc(1, sizeof(*next));

	(void)state;
	fixture_load(&fixture, dynamic_set);
	assert_true(touch("1.0.0.1", 1, 1));
	fixture.context.now.ns += 5 * NS_PER_S;
	fixture_load(next, dynamic_set);
	ruleset_seed(next->configuration->ruleset, 7);
	ruleset_inherit(next->configuration->ruleset, fixture.configuration->ruleset);
	configuration_destroy(fixture.configuration);
	fixture.configuration = next->configuration;
	assert_true(touch("1.0.0.1", 1, 3));
	assert_false(touch("1.0.0.2", 1, 3));
	fixture.context.now.ns += 6 * NS_PER_S;
	assert_false(touch("1.0.0.1", 1, 3));
	fixture_fini(&fixture);
	free(next);
}

static bool alive[8];

static bool session_alive(void *context, const struct tuple *original)
{
	(void)context;
	return alive[be16_to_host(original->source.port) & 7];
}

static void test_ct_count(void **state)
{
	(void)state;
	fixture_load(&fixture, "table inet t {\nset s { type ipv4_addr; flags dynamic; size 4; }\n"
			       "chain c { type filter hook forward priority 0; policy accept;\n"
			       "tcp dport 1 ct count over 2 drop\n"
			       "tcp dport 2 add @s { ip saddr ct count over 2 } drop\n}\n}\n");
	fixture.oracle.session_alive = session_alive;
	memset(alive, 1, sizeof(alive));
	for (uint16_t dport = 1; dport <= 2; dport++) {
		assert_true(touch("1.0.0.1", 1, dport));
		assert_true(touch("1.0.0.1", 2, dport));
		assert_true(touch("1.0.0.1", 2, dport));
		assert_false(touch("1.0.0.1", 3, dport));
		alive[1] = alive[3] = false;
		assert_true(touch("1.0.0.1", 4, dport));
		assert_false(touch("1.0.0.1", 5, dport));
		alive[1] = alive[3] = true;
	}
	assert_true(touch("1.0.0.2", 1, 2));
	fixture_fini(&fixture);
}

static enum address_type type_of(void *context, const struct address *address, const struct link *link)
{
	(void)context;
	(void)link;
	return address->bytes[15] == 1 ? ADDRESS_TYPE_LOCAL : ADDRESS_TYPE_UNICAST;
}

static uint32_t route_of(void *context, const struct address *address, uint32_t via, uint32_t mark)
{
	(void)context;
	(void)via;
	(void)mark;
	return address->bytes[12] == 10 ? 1 : address->bytes[12] == 20 ? 2 : 0;
}

static void test_fib(void **state)
{
	(void)state;
	fixture_rules(&fixture, "fib daddr type local accept\nfib saddr . iif oif missing drop\n"
				"fib daddr oifname \"wan0\" accept");
	fixture_packet(&fixture, TCP, "10.0.0.9", 1, "20.0.0.2", 2);
	assert_false(fixture_accepts(&fixture)); /* nobody to ask */
	fixture.oracle.address_type = type_of;
	fixture.oracle.route_interface = route_of;
	assert_true(fixture_accepts(&fixture));
	fixture.context.view.destination.address = address_of("30.0.0.1");
	assert_true(fixture_accepts(&fixture));
	fixture.context.view.destination.address = address_of("20.0.0.2");
	fixture.context.view.source.address = address_of("20.0.0.7"); /* comes from the wrong side */
	assert_false(fixture_accepts(&fixture));
	fixture_fini(&fixture);
}

static void test_outcome_parts(void **state)
{
	struct rule_listing listing;
	uint32_t position = 0;

	(void)state;
	fixture_rules(&fixture,
		      "log prefix \"seen: \" level info counter\ntcp flags syn tcp option maxseg size set rt mtu\n"
		      "tcp option maxseg size set 1400\nnotrack\nlog\nlog\nlog\nlog\naccept");
	fixture_packet(&fixture, TCP, "10.0.0.9", 1, "20.0.0.2", 2);
	fixture.packet.tcp.flags = TCP_ACK;
	assert_true(fixture_accepts(&fixture));
	assert_int_equal(fixture.outcome.mss, 0);
	assert_false(fixture.outcome.mss_route);
	fixture.packet.tcp.flags = TCP_SYN;
	assert_true(fixture_accepts(&fixture));
	assert_int_equal(fixture.outcome.mss, 1400);
	assert_true(fixture.outcome.mss_route);
	assert_true(fixture.outcome.notrack);
	assert_int_equal(fixture.outcome.log_count, RULE_LOG_LIMIT);
	assert_string_equal(fixture.outcome.logs[0].prefix, "seen: ");
	assert_int_equal(fixture.outcome.logs[0].level, 6);
	assert_int_equal(fixture.outcome.logs[1].level, 4);
	do {
		assert_true(ruleset_next_rule(fixture.configuration->ruleset, &position, &listing));
	} while (!listing.has_counter);
	assert_string_equal(listing.place.text, "log prefix \"seen: \" level info counter");
	assert_string_equal(listing.chain, "c");
	assert_int_equal(listing.place.line, 5);
	assert_int_equal(listing.packets, 2);
	assert_int_equal(listing.bytes, 200);
	ruleset_reset_counters(fixture.configuration->ruleset);
	position--;
	assert_true(ruleset_next_rule(fixture.configuration->ruleset, &position, &listing));
	assert_int_equal(listing.packets, 0);
	fixture_fini(&fixture);
}

/* Chains in order of priority, and each table sees its own family. */
static void test_base_chains(void **state)
{
	const struct base_chain *const *chains;
	size_t count;

	(void)state;
	fixture_load(&fixture, "table ip a {\nchain late { type filter hook input priority 10; }\n"
			       "chain early { type filter hook input priority -10; }\n}\n"
			       "table ip6 b {\nchain middle { type filter hook input priority 0; }\n}\n"
			       "table inet off {\nflags dormant\nchain x { type filter hook input priority 0; }\n}\n");
	chains = ruleset_base_chains(fixture.configuration->ruleset, HOOK_INPUT, &count);
	assert_int_equal(count, 3);
	assert_int_equal(base_chain_priority(chains[0]), -10);
	assert_int_equal(base_chain_priority(chains[2]), 10);
	assert_true(base_chain_sees(chains[1], FAMILY_IPV6));
	assert_false(base_chain_sees(chains[1], FAMILY_IPV4));
	assert_int_equal(base_chain_type(chains[0]), CHAIN_FILTER);
	fixture_fini(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nat_constant), cmocka_unit_test(test_nat_map),
		cmocka_unit_test(test_reject),	     cmocka_unit_test(test_limit),
		cmocka_unit_test(test_quota),	     cmocka_unit_test(test_dynamic_set),
		cmocka_unit_test(test_dynamic_map),  cmocka_unit_test(test_inherit),
		cmocka_unit_test(test_meter),	     cmocka_unit_test(test_ct_count),
		cmocka_unit_test(test_fib),	     cmocka_unit_test(test_outcome_parts),
		cmocka_unit_test(test_base_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
