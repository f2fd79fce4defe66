/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of ICMP errors: every type and code, about every protocol, through source
 * translation, destination translation, both at once and none, from either side; through
 * the whole engine. What must come out is put together from the packet as its sender sent
 * it, which the gateway's tables know nothing of, and compared byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/model/gateway.h"
#include "tests/model/wire_model.h"

#define PAYLOAD 1400
#define MTU 1300

static const char config[] = "table inet gateway {\n"
			     "	chain forward {\n"
			     "		type filter hook forward priority filter; policy accept;\n"
			     "	}\n"
			     "	chain prerouting {\n"
			     "		type nat hook prerouting priority dstnat;\n"
			     "		ip daddr 198.51.100.1 dnat ip to 10.0.0.10\n"
			     "		ip6 daddr 2001:db8::1 dnat ip6 to fd00:0:0:1::10\n"
			     "	}\n"
			     "	chain postrouting {\n"
			     "		type nat hook postrouting priority srcnat;\n"
			     "		oifname \"wan\" ip saddr 10.0.0.2 masquerade\n"
			     "		oifname \"wan\" ip6 saddr fd00:0:0:1::2 masquerade\n"
			     "	}\n"
			     "}\n";

/* Addresses of one family. */
struct place {
	const char *client, *plain, *inside, *external, *peer, *router;
};

static const struct place places[2] = {
	{ "10.0.0.2", "10.0.0.3", "10.0.0.10", "198.51.100.1", "203.0.113.9", "192.0.2.7" },
	{ "fd00:0:0:1::2", "fd00:0:0:1::3", "fd00:0:0:1::10", "2001:db8::1", "2001:db8:9::9", "2001:db8:7::7" },
};

struct kind {
	uint8_t type, code;
	bool extensible; /* RFC 4884 */
};

static const struct kind kinds4[] = { { 3, 0, true },  { 3, 1, true },	{ 3, 2, true },	 { 3, 3, true },
				      { 3, 4, true },  { 3, 9, true },	{ 3, 10, true }, { 3, 13, true },
				      { 11, 0, true }, { 11, 1, true }, { 12, 0, true }, { 12, 2, true } };
static const struct kind kinds6[] = {
	{ 1, 0, true }, { 1, 1, true }, { 1, 3, true },	 { 1, 4, true },  { 2, 0, false },
	{ 3, 0, true }, { 3, 1, true }, { 4, 0, false }, { 4, 1, false }, { 4, 2, false }
};

static const uint8_t protocols[] = { PROTOCOL_TCP,  PROTOCOL_UDP,  PROTOCOL_ICMP, PROTOCOL_UDPLITE,
				     PROTOCOL_DCCP, PROTOCOL_SCTP, PROTOCOL_GRE,  PROTOCOL_ESP };

static struct gateway gateway;
static struct wire before, after, answer_before, error, expected;
static uint64_t seed;
static unsigned int checked;

static void start(void)
{
	char why[400];

	assert_true(gateway_add_link(&gateway, "lan=10.0.0.1/24,fd00:0:0:1::1/64"));
	assert_true(gateway_add_link(&gateway, "wan=198.51.100.1/24,2001:db8::1/64"));
	if (!gateway_start(&gateway, "table", config, why, sizeof(why)))
		fail_msg("%s", why);
}

/* ------------------------------------------------------------------- packets */

/* An SCTP packet is its chunks: one INIT over all of the payload. */
static void put_init(struct wire *wire)
{
	uint8_t *l4 = wire->bytes + wire->l4;

	memset(l4 + 4, 0, 4);
	memcpy(l4 + 12, (uint8_t[]){ 1, 0, PAYLOAD >> 8, PAYLOAD & 0xff, 1, 2, 3, 4 }, 8);
	wire_seal(wire);
}

/* A DCCP Request with its service code, which is the payload's beginning here. */
static void put_request(struct wire *wire)
{
	uint8_t *l4 = wire->bytes + wire->l4;

	l4[4] = 5;
	l4[5] = 0;
	l4[8] = 1;
	wire_seal(wire);
}

static void build(struct wire *wire, const struct tuple *tuple, bool reply, unsigned int options)
{
	struct wire_shape shape = {
		.tuple = *tuple,
		.payload = PAYLOAD,
		.reply = reply,
		.tcp_flags = reply ? TCP_SYN | TCP_ACK : TCP_SYN,
		.options = options,
	};

	wire_build(wire, &shape, &seed);
	wire->bytes[wire->family == FAMILY_IPV4 ? 8 : 7] = 60;
	/* What may be fragmented gets another identification on its way, so that fragments stay apart. */
	if (wire->family == FAMILY_IPV4)
		wire->bytes[6] |= 0x40;
	if (tuple->protocol == PROTOCOL_SCTP)
		put_init(wire);
	if (tuple->protocol == PROTOCOL_DCCP)
		put_request(wire);
	wire_seal(wire);
}

/* What answers @before: of TCP, its acknowledgement fits. */
static void build_answer(struct wire *wire, const struct tuple *tuple)
{
	const uint8_t *asked = before.bytes + before.l4;
	uint32_t next =
	    ((uint32_t)asked[4] << 24 | (uint32_t)asked[5] << 16 | (uint32_t)asked[6] << 8 | asked[7]) + 1 + PAYLOAD;
	uint8_t *l4;

	build(wire, tuple, true, 0);
	l4 = wire->bytes + wire->l4;
	if (tuple->protocol == PROTOCOL_TCP)
		memcpy(l4 + 8,
		       (uint8_t[]){ (uint8_t)(next >> 24), (uint8_t)(next >> 16), (uint8_t)(next >> 8), (uint8_t)next },
		       4);
	wire_seal(wire);
}

static void build_error(struct wire *wire, const struct wire *about, const char *source, const char *destination,
			struct kind kind, size_t quoted, size_t padding, size_t extension)
{
	struct tuple outer = {
		.source.address = wire_address(source),
		.destination.address = wire_address(destination),
		.protocol = about->family == FAMILY_IPV4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6,
	};
	uint8_t *icmp;

	wire_quote(wire, about, &outer, kind.type, kind.code, quoted, padding, extension);
	icmp = wire->bytes + wire->l4;
	if (about->family == FAMILY_IPV4 ? kind.type == 3 && kind.code == 4 : kind.type == 2) {
		icmp[6] = MTU >> 8;
		icmp[7] = MTU & 0xff;
	}
	wire_seal(wire);
}

/* -------------------------------------------------------------------- one row */

/**
 * struct row - who hears what from whom
 * @iif: where the error comes in
 * @source, @destination: its own addresses there; @source_after, @destination_after: as it leaves
 */
struct row {
	const char *iif;
	const char *source, *destination, *source_after, *destination_after;
};

/* What a translator cannot follow stays as the error's sender saw it. */
static void keep_unfollowed(struct wire *sent, const struct wire *seen, size_t quoted)
{
	if (sent->protocol == PROTOCOL_SCTP)
		memcpy(sent->bytes + sent->l4 + 8, seen->bytes + seen->l4 + 8, 4);
	if (sent->protocol == PROTOCOL_TCP && quoted < sent->l4 + 18)
		memcpy(sent->bytes + sent->l4 + 16, seen->bytes + seen->l4 + 16, 2);
}

static void check(const struct row *row, const struct wire *sent, const struct wire *seen, struct kind kind,
		  size_t quoted, size_t padding, size_t extension)
{
	static struct wire as_sent;
	const struct link *iif = gateway_find_link(&gateway, row->iif);
	struct gateway_verdict verdict;

	as_sent = *sent;
	keep_unfollowed(&as_sent, seen, quoted);
	build_error(&error, seen, row->source, row->destination, kind, quoted, padding, extension);
	build_error(&expected, &as_sent, row->source_after, row->destination_after, kind, quoted, padding, extension);
	verdict = gateway_send(&gateway, iif->index, &error);
	if (verdict.reason != REASON_NONE)
		fail_msg("protocol %u, type %u code %u, %zu quoted: dropped: %s", seen->protocol, kind.type, kind.code,
			 quoted, reason_key(verdict.reason));
	if (memcmp(error.bytes, expected.bytes, expected.length) != 0)
		fail_msg("protocol %u, type %u code %u, %zu quoted, extension %zu: not the expected bytes",
			 seen->protocol, kind.type, kind.code, quoted, extension);
	checked++;
}

/* Every type and code, with quotes of several lengths and with extensions, about one packet. */
static void check_all(const struct row *row, const struct wire *sent, const struct wire *seen)
{
	bool v4 = seen->family == FAMILY_IPV4;
	const struct kind *kinds = v4 ? kinds4 : kinds6;
	size_t count = v4 ? sizeof(kinds4) / sizeof(kinds4[0]) : sizeof(kinds6) / sizeof(kinds6[0]);
	const size_t quotes[] = { seen->l4 + 8, seen->l4 + 12, seen->l4 + 20, v4 ? 548 : 1232 };

	for (size_t k = 0; k < count; k++) {
		for (size_t q = 0; q < sizeof(quotes) / sizeof(quotes[0]); q++)
			check(row, sent, seen, kinds[k], quotes[q], 0, 0);
		if (!kinds[k].extensible)
			continue;
		check(row, sent, seen, kinds[k], 128, 0, 12);
		check(row, sent, seen, kinds[k], seen->l4 + 8, 128 - (seen->l4 + 8), 20);
	}
}

/* ------------------------------------------------------------------ the table */

static struct tuple flow(const char *source, const char *destination, uint8_t protocol, enum family family)
{
	static uint16_t used; /* a second flow from the same port would be the first one's, with other numbers */
	struct tuple tuple;

	do
		tuple = wire_random_tuple(&seed, family, protocol);
	while (tuple.source.port.raw && tuple.source.port.raw == used);
	used = tuple.source.port.raw;
	tuple.source.address = wire_address(source);
	tuple.destination.address = wire_address(destination);
	return tuple;
}

/* One packet through the gateway; what left is in @after. */
static void send(const char *iif, const struct wire *packet)
{
	struct gateway_verdict verdict;

	after = *packet;
	verdict = gateway_send(&gateway, gateway_find_link(&gateway, iif)->index, &after);
	if (verdict.reason != REASON_NONE)
		fail_msg("protocol %u: dropped: %s", packet->protocol, reason_key(verdict.reason));
}

static void for_each(void (*each)(const struct place *place, uint8_t protocol, enum family family,
				  unsigned int options))
{
	start();
	for (unsigned int v6 = 0; v6 < 2; v6++)
		for (size_t p = 0; p < sizeof(protocols); p++)
			for (unsigned int options = 0; options <= 3; options += 3)
				each(&places[v6], v6 && protocols[p] == PROTOCOL_ICMP ? PROTOCOL_ICMPV6 : protocols[p],
				     v6 ? FAMILY_IPV6 : FAMILY_IPV4, options);
	gateway_stop(&gateway);
	print_message("%u errors compared\n", checked);
	checked = 0;
}

static void each_source(const struct place *place, uint8_t protocol, enum family family, unsigned int options)
{
	struct tuple tuple = flow(place->client, place->peer, protocol, family);
	const struct row row = { "wan", place->router, place->external, place->router, place->client };

	build(&before, &tuple, false, options);
	send("lan", &before);
	check_all(&row, &before, &after);
}

static void each_untranslated(const struct place *place, uint8_t protocol, enum family family, unsigned int options)
{
	struct tuple tuple = flow(place->plain, place->peer, protocol, family);
	const struct row row = { "wan", place->router, place->plain, place->router, place->plain };

	build(&before, &tuple, false, options);
	send("lan", &before);
	check_all(&row, &before, &after);
}

static void each_destination(const struct place *place, uint8_t protocol, enum family family, unsigned int options)
{
	struct tuple tuple = flow(place->peer, place->external, protocol, family);
	const struct row row = { "lan", place->inside, place->peer, place->external, place->peer };

	build(&before, &tuple, false, options);
	send("wan", &before);
	check_all(&row, &before, &after);
}

/* About the answer of a server behind a port forward. */
static void each_answer(const struct place *place, uint8_t protocol, enum family family, unsigned int options)
{
	struct tuple tuple = flow(place->peer, place->external, protocol, family), back;
	const struct row row = { "wan", place->router, place->external, place->router, place->inside };

	/* Their answers would need the opening packet's tags and numbers. */
	if (protocol == PROTOCOL_SCTP || protocol == PROTOCOL_DCCP)
		return;
	build(&before, &tuple, false, options);
	send("wan", &before);
	back = tuple_invert(&tuple);
	back.source.address = wire_address(place->inside);
	build_answer(&answer_before, &back);
	send("lan", &answer_before);
	check_all(&row, &answer_before, &after);
}

static void each_hairpin(const struct place *place, uint8_t protocol, enum family family, unsigned int options)
{
	struct tuple tuple = flow(place->client, place->external, protocol, family);
	const struct row row = { "lan", place->inside, place->external, place->external, place->client };

	build(&before, &tuple, false, options);
	send("lan", &before);
	check_all(&row, &before, &after);
}

/* RFC5508-REQ-4, RFC5382-REQ-9, RFC4890-4.3.1, RFC4787-REQ-12 */
static void source_translated(void **unused)
{
	(void)unused;
	for_each(each_source);
}

static void untranslated(void **unused)
{
	(void)unused;
	for_each(each_untranslated);
}

/* RFC5508-REQ-5: the sender inside shows the external address. */
static void destination_translated(void **unused)
{
	(void)unused;
	for_each(each_destination);
}

static void about_an_answer(void **unused)
{
	(void)unused;
	for_each(each_answer);
}

/* RFC5508-REQ-7 */
static void hairpinned(void **unused)
{
	(void)unused;
	for_each(each_hairpin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{ "RFC5508-REQ-4 RFC5382-REQ-9 RFC4890-4.3.1 every error about packets whose source is translated",
		  source_translated, NULL, NULL, NULL },
		{ "RFC4890-4.3.1 every error about packets that are not translated", untranslated, NULL, NULL, NULL },
		{ "RFC5508-REQ-5 every error from a host inside about packets whose destination is translated",
		  destination_translated, NULL, NULL, NULL },
		{ "RFC4787-REQ-12 every error about the answers of a server behind a port forward", about_an_answer,
		  NULL, NULL, NULL },
		{ "RFC5508-REQ-7 every error about packets that are translated both ways", hairpinned, NULL, NULL,
		  NULL },
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
