/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What single conditions say about single packets: a table of rule, packet, answer. */
#include "tests/rules/evaluate.h"

#define TCP PROTOCOL_TCP
#define UDP PROTOCOL_UDP
#define ICMP PROTOCOL_ICMP
#define ICMPV6 PROTOCOL_ICMPV6

struct row {
	const char *rules;
	uint8_t protocol;
	const char *source;
	uint16_t sport;
	const char *destination;
	uint16_t dport;
	bool accepted;
};

/* clang-format off */
static const struct row rows[] = {
	{ "accept", TCP, "10.0.0.1", 1, "10.0.0.2", 2, true },
	{ "drop", TCP, "10.0.0.1", 1, "10.0.0.2", 2, false },
	{ "", TCP, "10.0.0.1", 1, "10.0.0.2", 2, false },
	{ "tcp dport 80 accept", TCP, "10.0.0.1", 1, "10.0.0.2", 80, true },
	{ "tcp dport 80 accept", TCP, "10.0.0.1", 80, "10.0.0.2", 81, false },
	{ "tcp dport 80 accept", UDP, "10.0.0.1", 1, "10.0.0.2", 80, false },
	{ "tcp dport != 80 accept", TCP, "10.0.0.1", 1, "10.0.0.2", 81, true },
	{ "tcp dport != 80 accept", UDP, "10.0.0.1", 1, "10.0.0.2", 81, false },
	{ "th dport 80 accept", UDP, "10.0.0.1", 1, "10.0.0.2", 80, true },
	{ "tcp dport 80-90 accept", TCP, "10.0.0.1", 1, "10.0.0.2", 90, true },
	{ "tcp dport 80-90 accept", TCP, "10.0.0.1", 1, "10.0.0.2", 91, false },
	{ "tcp dport != 80-90 accept", TCP, "10.0.0.1", 1, "10.0.0.2", 85, false },
	{ "tcp dport != 80-90 accept", TCP, "10.0.0.1", 1, "10.0.0.2", 79, true },
	{ "tcp dport { 22, 80-90, 443 } accept", TCP, "10.0.0.1", 1, "10.0.0.2", 443, true },
	{ "tcp dport { 22, 80-90, 443 } accept", TCP, "10.0.0.1", 1, "10.0.0.2", 84, true },
	{ "tcp dport { 22, 80-90, 443 } accept", TCP, "10.0.0.1", 1, "10.0.0.2", 442, false },
	{ "tcp dport != { 22, 443 } accept", TCP, "10.0.0.1", 1, "10.0.0.2", 442, true },
	{ "tcp dport != { 22, 443 } accept", TCP, "10.0.0.1", 1, "10.0.0.2", 22, false },
	{ "tcp dport != { 22, 443 } accept", UDP, "10.0.0.1", 1, "10.0.0.2", 442, false },
	{ "tcp dport > 1023 tcp sport < 5 accept", TCP, "10.0.0.1", 1, "10.0.0.2", 1024, true },
	{ "tcp dport > 1023 accept", TCP, "10.0.0.1", 1, "10.0.0.2", 1023, false },
	{ "tcp dport >= 1023 tcp dport <= 1023 accept", TCP, "10.0.0.1", 1, "10.0.0.2", 1023, true },
	{ "ip saddr 10.0.0.0/8 accept", TCP, "10.255.0.1", 1, "10.0.0.2", 2, true },
	{ "ip saddr 10.0.0.0/8 accept", TCP, "11.0.0.1", 1, "10.0.0.2", 2, false },
	{ "ip saddr 0.0.0.0/0 accept", TCP, "11.0.0.1", 1, "10.0.0.2", 2, true },
	{ "ip saddr 0.0.0.0/0 accept", TCP, "::1", 1, "::2", 2, false },
	{ "ip saddr != 10.0.0.0/8 accept", TCP, "::1", 1, "::2", 2, false },
	{ "ip saddr 10.0.0.5-10.0.0.9 accept", TCP, "10.0.0.9", 1, "10.0.0.2", 2, true },
	{ "ip saddr 10.0.0.5-10.0.0.9 accept", TCP, "10.0.0.10", 1, "10.0.0.2", 2, false },
	{ "ip6 saddr fe80::/10 accept", UDP, "febf::1", 1, "fe80::1", 2, true },
	{ "ip6 saddr fe80::/10 accept", UDP, "fec0::1", 1, "fe80::1", 2, false },
	{ "ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 90 } accept", TCP, "10.0.0.2", 1, "10.0.0.9", 90, true },
	{ "ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 90 } accept", TCP, "10.0.0.1", 1, "10.0.0.9", 90, false },
	{ "ip saddr . tcp dport { 10.0.0.0/8 . 80-90, 1.2.3.4 . 22 } accept", TCP, "10.9.9.9", 1, "1.1.1.1", 87, true },
	{ "ip saddr . tcp dport { 10.0.0.0/8 . 80-90, 1.2.3.4 . 22 } accept",
	  TCP, "10.9.9.9", 1, "1.1.1.1", 22, false },
	{ "ip saddr . tcp dport 10.0.0.1 . 80 accept", TCP, "10.0.0.1", 1, "1.1.1.1", 80, true },
	{ "ip saddr . tcp dport != 10.0.0.1 . 80 accept", TCP, "10.0.0.1", 1, "1.1.1.1", 80, false },
	{ "ip saddr . tcp dport != 10.0.0.1 . 80 accept", TCP, "10.0.0.1", 1, "1.1.1.1", 81, true },
	{ "ip protocol tcp accept", TCP, "10.0.0.1", 1, "1.1.1.1", 81, true },
	{ "ip protocol tcp accept", TCP, "::1", 1, "::2", 81, false },
	{ "meta l4proto { tcp, udp } accept", UDP, "::1", 1, "::2", 81, true },
	{ "meta nfproto ipv6 accept", UDP, "::1", 1, "::2", 81, true },
	{ "meta nfproto ipv6 accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, false },
	{ "meta protocol ip accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, true },
	{ "iif lan0 oif wan0 accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, true },
	{ "iifname \"lan*\" oifname != \"lan*\" accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, true },
	{ "iifname \"lan*\" oifname \"lan*\" accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, false },
	{ "iifname \"lan\" accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, false },
	{ "iifname \"*\" accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, true },
	{ "iifname { \"x*\", \"lan0\" } accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, true },
	{ "iifname . oifname { \"lan*\" . \"wan0\" } accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, true },
	{ "iifgroup 10 oifgroup 11 accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, true },
	{ "iiftype ether ether type ip accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, true },
	{ "ether type arp accept", UDP, "1.2.3.4", 1, "1.2.3.4", 81, false },
	{ "pkttype multicast accept", UDP, "1.2.3.4", 1, "224.0.0.1", 81, true },
	{ "meta pkttype broadcast accept", UDP, "1.2.3.4", 1, "255.255.255.255", 81, true },
	{ "meta pkttype host accept", UDP, "1.2.3.4", 1, "2.3.4.5", 81, true },
	{ "ip ttl 64 ip length 100 meta length 100 accept", UDP, "1.2.3.4", 1, "2.3.4.5", 81, true },
	{ "ip6 hoplimit > 64 accept", UDP, "::1", 1, "::2", 81, false },
	{ "udp dport 53 counter jump other\naccept", UDP, "::1", 1, "::2", 53, false },
	{ "udp dport 53 jump other\naccept", UDP, "::1", 1, "::2", 54, true },
	{ "udp dport vmap { 53 : accept, 54 : drop }", UDP, "::1", 1, "::2", 53, true },
	{ "udp dport vmap { 53 : accept, 54 : drop }\naccept", UDP, "::1", 1, "::2", 54, false },
	{ "udp dport vmap { 53 : drop, 54 : drop }\naccept", UDP, "::1", 1, "::2", 55, true },
	{ "udp dport vmap { 53 : jump other, * : accept }", UDP, "::1", 1, "::2", 55, true },
	{ "udp dport vmap { 0-100 : continue, * : drop } accept", UDP, "::1", 1, "::2", 55, true },
	{ "ip saddr & 255.255.0.255 == 10.1.0.3 accept", UDP, "10.1.77.3", 1, "1.1.1.1", 55, true },
	{ "ip saddr & 255.255.0.255 == 10.1.0.3 accept", UDP, "10.1.77.4", 1, "1.1.1.1", 55, false },
	{ "udp dport & 0xff == 1 udp dport ^ 1 == 256 accept", UDP, "10.1.77.4", 1, "1.1.1.1", 257, true },
	{ "udp dport >> 4 == 16 udp dport << 4 == 0x1010 accept", UDP, "10.1.77.4", 1, "1.1.1.1", 257, true },
	{ "meta mark set 7 meta mark 7 accept", UDP, "10.1.77.4", 1, "1.1.1.1", 257, true },
	{ "meta mark set 0x10\nmeta mark set meta mark | 3\nmeta mark set mark ^ 1\nmark 0x12 accept",
	  UDP, "::1", 1, "::2", 1, true },
	{ "ct mark set meta mark\nct mark 0 accept", UDP, "::1", 1, "::2", 1, true },
	{ "meta mark set udp dport map { 1 : 5, 2 : 6 }\nmeta mark 6 accept", UDP, "::1", 1, "::2", 2, true },
	{ "meta mark set numgen inc mod 4 offset 9\nmark 9 accept", UDP, "::1", 1, "::2", 2, true },
	{ "meta mark set udp dport\nmark 2 accept", UDP, "::1", 1, "::2", 2, true },
	{ "numgen random mod 10 < 10 accept", UDP, "::1", 1, "::2", 2, true },
	{ "symhash mod 100 < 100 jhash ip6 saddr mod 5 < 5 accept", UDP, "::1", 1, "::2", 2, true },
	{ "goto other\naccept", UDP, "::1", 1, "::2", 2, false },
	{ "return\naccept", UDP, "::1", 1, "::2", 2, false },
	{ "meta l4proto icmp accept", ICMP, "1.1.1.1", 5, "1.1.1.2", 8, true },
	{ "th dport 8 accept", ICMP, "1.1.1.1", 5, "1.1.1.2", 8, false },
	{ "@nh,0,8 0 accept", ICMP, "1.1.1.1", 5, "1.1.1.2", 8, true },
	{ "@th,0,16 != 0 accept", ICMP, "1.1.1.1", 5, "1.1.1.2", 8, false },
	{ "icmp type echo-request accept", ICMPV6, "::1", 5, "::2", 8, false },
};
/* clang-format on */

static void test_rows(void **state)
{
	static struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		fixture_rules(&fixture, row->rules);
		fixture_packet(&fixture, row->protocol, row->source, row->sport, row->destination, row->dport);
		if (fixture_accepts(&fixture) != row->accepted)
			fail_msg("row %zu: \"%s\" should %s", i, row->rules, row->accepted ? "accept" : "not accept");
		fixture_fini(&fixture);
	}
}

static bool accepts_state(const char *rules, uint8_t ct_state)
{
	static struct fixture fixture;
	bool accepted;

	fixture_rules(&fixture, rules);
	fixture_packet(&fixture, TCP, "10.0.0.1", 1, "10.0.0.2", 2);
	fixture.context.ct_state = ct_state;
	accepted = fixture_accepts(&fixture);
	fixture_fini(&fixture);
	return accepted;
}

/* Without an operator any of the bits; with one, the whole value (nft --debug=netlink shows it). */
static void test_ct_state(void **state)
{
	(void)state;
	assert_true(accepts_state("ct state established,related accept", CT_STATE_RELATED));
	assert_false(accepts_state("ct state established,related accept", CT_STATE_NEW));
	assert_true(accepts_state("ct state { established, related } accept", CT_STATE_RELATED));
	assert_true(accepts_state("ct state != new accept", CT_STATE_RELATED));
	assert_false(accepts_state("ct state != new accept", CT_STATE_NEW));
	assert_true(accepts_state("ct state != established,related accept", CT_STATE_RELATED));
	assert_true(accepts_state("ct state vmap { established : accept, invalid : drop }", CT_STATE_ESTABLISHED));
	assert_false(accepts_state("ct state vmap { established : accept, invalid : drop }\naccept", CT_STATE_INVALID));
	assert_true(accepts_state("ct state untracked accept", CT_STATE_UNTRACKED));
	assert_true(accepts_state("ct state ! new,related accept", CT_STATE_ESTABLISHED));
	assert_false(accepts_state("ct state ! new,related accept", CT_STATE_RELATED));
	/* Without a connection none of its properties can be compared. */
	assert_true(accepts_state("ct mark 0 accept", CT_STATE_NEW));
	assert_false(accepts_state("ct mark 0 accept", CT_STATE_INVALID));
	assert_false(accepts_state("ct status != dnat accept", CT_STATE_UNTRACKED));
}

static bool accepts_flags(const char *rules, uint8_t flags)
{
	static struct fixture fixture;
	bool accepted;

	fixture_rules(&fixture, rules);
	fixture_packet(&fixture, TCP, "10.0.0.1", 1, "10.0.0.2", 2);
	fixture.packet.tcp.flags = flags;
	accepted = fixture_accepts(&fixture);
	fixture_fini(&fixture);
	return accepted;
}

static void test_tcp_flags(void **state)
{
	(void)state;
	assert_true(accepts_flags("tcp flags syn accept", TCP_SYN | TCP_ACK));
	assert_false(accepts_flags("tcp flags == syn accept", TCP_SYN | TCP_ACK));
	assert_true(accepts_flags("tcp flags != syn accept", TCP_SYN | TCP_ACK));
	assert_true(accepts_flags("tcp flags syn,rst accept", TCP_RST));
	assert_true(accepts_flags("tcp flags syn / syn,ack accept", TCP_SYN | TCP_PSH));
	assert_false(accepts_flags("tcp flags syn / syn,ack accept", TCP_SYN | TCP_ACK));
	assert_true(accepts_flags("tcp flags != syn / syn,ack accept", TCP_SYN | TCP_ACK));
	assert_true(accepts_flags("tcp flags & (syn|ack) == syn accept", TCP_SYN));
	assert_true(accepts_flags("tcp flags & (fin|syn) == fin|syn accept", TCP_SYN | TCP_FIN | TCP_ACK));
	assert_true(accepts_flags("tcp flags & (fin|syn|rst|ack) syn accept", TCP_SYN | TCP_PSH));
	assert_false(accepts_flags("tcp flags & (fin|syn|rst|ack) syn accept", TCP_SYN | TCP_ACK));
	assert_true(accepts_flags("tcp flags { syn, syn | ack } accept", TCP_SYN | TCP_ACK));
	assert_false(accepts_flags("tcp flags { syn, syn | ack } accept", TCP_ACK));
	assert_true(accepts_flags("tcp flags & (fin|syn|rst|psh|ack|urg) == 0x0 accept", 0));
}

static void test_fields_of_packet(void **state)
{
	static struct fixture fixture;
	static const uint8_t options[] = { 1, 1, 2, 4, 0x05, 0xb4, 3, 3, 7, 0 };

	(void)state;
	fixture_rules(&fixture, "tcp option maxseg size 1460 tcp option window count 7 tcp option sack-perm missing "
				"tcp option 2 exists ip dscp cs1 tcp window 0x1234 ip id 0xabcd accept");
	fixture_packet(&fixture, TCP, "10.0.0.1", 1, "10.0.0.2", 2);
	fixture.packet.dscp = 8;
	fixture.packet.tcp.options_offset = 40;
	fixture.packet.tcp.options_length = sizeof(options);
	memcpy(fixture.bytes + 40, options, sizeof(options));
	fixture.bytes[4] = 0xab, fixture.bytes[5] = 0xcd;
	fixture.bytes[20 + 14] = 0x12, fixture.bytes[20 + 15] = 0x34;
	assert_true(fixture_accepts(&fixture));
	fixture.packet.later_fragment = true;
	assert_false(fixture_accepts(&fixture));
	fixture_fini(&fixture);

	fixture_rules(&fixture, "icmpv6 type echo-request icmpv6 code 0 icmpv6 id 5 ip6 nexthdr icmpv6 accept");
	fixture_packet(&fixture, ICMPV6, "::1", 5, "::2", 128);
	fixture.packet.icmp.type = 128;
	fixture.bytes[6] = ICMPV6;
	fixture.bytes[45] = 5;
	assert_true(fixture_accepts(&fixture));
	fixture_fini(&fixture);
}

static void test_routing_header(void **state)
{
	static struct fixture fixture;

	(void)state;
	fixture_rules(&fixture, "rt type 0 rt seg-left 1 accept");
	fixture_packet(&fixture, UDP, "::1", 5, "::2", 128);
	assert_false(fixture_accepts(&fixture));
	/* Hop-by-hop options of 8 bytes, then a routing header of 8. */
	fixture.bytes[6] = 0;
	fixture.bytes[40] = 43;
	fixture.bytes[48] = UDP, fixture.bytes[51] = 1;
	fixture.packet.l4_offset = 56;
	assert_true(fixture_accepts(&fixture));
	fixture.bytes[50] = 2;
	assert_false(fixture_accepts(&fixture));
	fixture_fini(&fixture);
}

static void test_ct_tuples(void **state)
{
	static struct fixture fixture;
	struct tuple original, reply;

	(void)state;
	fixture_rules(&fixture, "ct original ip daddr 192.0.2.1 ct original proto-dst 80 ct reply ip saddr 10.0.0.5 "
				"ct status dnat ct direction original ct original protocol tcp accept");
	fixture_packet(&fixture, TCP, "10.0.0.1", 1, "10.0.0.5", 8080);
	assert_false(fixture_accepts(&fixture));
	original = fixture.packet.tuple;
	original.destination.address = address_of("192.0.2.1");
	original.destination.port = be16_from_host(80);
	reply = tuple_invert(&fixture.packet.tuple);
	fixture.context.ct_original = &original;
	fixture.context.ct_reply = &reply;
	fixture.context.ct_status = CT_STATUS_DNAT | CT_STATUS_CONFIRMED;
	assert_true(fixture_accepts(&fixture));
	fixture.context.ct_direction = DIRECTION_REPLY;
	assert_false(fixture_accepts(&fixture));
	fixture_fini(&fixture);
}

/* The view, not the bytes: what earlier chains translated is what this one sees. */
static void test_view(void **state)
{
	static struct fixture fixture;

	(void)state;
	fixture_rules(&fixture, "ip daddr 10.0.0.5 tcp dport 8080 accept");
	fixture_packet(&fixture, TCP, "10.0.0.1", 1, "192.0.2.1", 80);
	assert_false(fixture_accepts(&fixture));
	fixture.context.view.destination.address = address_of("10.0.0.5");
	fixture.context.view.destination.port = be16_from_host(8080);
	assert_true(fixture_accepts(&fixture));
	fixture_fini(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	  cmocka_unit_test(test_ct_state),
		cmocka_unit_test(test_tcp_flags), cmocka_unit_test(test_fields_of_packet),
		cmocka_unit_test(test_routing_header),
		cmocka_unit_test(test_ct_tuples), cmocka_unit_test(test_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
