/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as what an ICMP error quotes. Two connections and a flow of datagrams are there, and the errors come
 * from outside about them, or about nothing. No error begins or ends a session, and what it lets through has a right
 * checksum.
 *
 * Input: a byte that says which session the quote is made to fit and whether its header is kept, type, code, and
 * the quote, or what is put over the right one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/two_links.h"
#include "tests/model/invariants.h"

#define SESSIONS 3
#define SESSIONS_MOST 40
#define OUTER 28 /* IPv4 and the header of ICMP */
#define QUOTE_MOST 600

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As they left: what an honest error would quote. */
static struct wire left[SESSIONS];

static void open_sessions(struct gateway *gateway)
{
	static const uint8_t protocols[SESSIONS] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP };
	uint64_t random = 7;

	for (unsigned int i = 0; i < SESSIONS; i++) {
		uint16_t port = protocols[i] == PROTOCOL_ICMP ? 4000 : 80;
		struct wire_shape shape = {
			.tuple = {
				.source = { wire_address("10.0.0.2"), be16_from_host(4000) },
				.destination = { wire_address("203.0.113.5"), be16_from_host(port) },
				.protocol = protocols[i],
			},
			.payload = 40,
			.tcp_flags = TCP_SYN,
		};

		wire_build(&left[i], &shape, &random);
		if (gateway_send(gateway, gateway_find_link(gateway, "lan")->index, &left[i]).reason != REASON_NONE)
			abort();
	}
}

/* Puts the quote together at @at. Return: its length. */
static size_t put_quote(uint8_t *at, uint8_t choice, const uint8_t *data, size_t size)
{
	const struct wire *wire = &left[choice % 4 % SESSIONS];
	size_t kept = choice & 4 ? 28 : choice & 8 ? 20 : 0, length = size;

	if (length > QUOTE_MOST - kept)
		length = QUOTE_MOST - kept;
	memcpy(at, wire->bytes, kept);
	memcpy(at + kept, data, length);
	return kept + length;
}

static void start(struct gateway *gateway)
{
	memset(gateway, 0, sizeof(*gateway));
	two_links_start(gateway);
	open_sessions(gateway);
}

static bool is_error(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t outer[20] = { 0x45, 0, 0, 0, 0, 1, 0, 0, 60, 1, 0, 0, 203, 0, 113, 9, 198, 51, 100, 1 };
	static struct gateway gateway;
	static struct wire wire;
	struct gateway_verdict verdict;
	uint32_t before;
	size_t length;
	uint16_t sum;

	if (size < 7)
		return 0;
	if (!gateway.engine)
		start(&gateway);
	before = gateway.engine->table.confirmed;
	memset(&wire, 0, sizeof(wire));
	memcpy(wire.bytes, outer, sizeof(outer));
	wire.bytes[20] = data[1];
	wire.bytes[21] = data[2];
	memcpy(wire.bytes + 24, data + 3, 4);
	length = OUTER + put_quote(wire.bytes + OUTER, data[0], data + 7, size - 7);
	wire.length = (uint32_t)length;
	wire.bytes[2] = (uint8_t)(length >> 8);
	wire.bytes[3] = (uint8_t)length;
	wire_seal_ipv4(wire.bytes, sizeof(outer));
	sum = (uint16_t)~wire_sum(0, wire.bytes + 20, length - 20);
	wire.bytes[22] = (uint8_t)(sum >> 8);
	wire.bytes[23] = (uint8_t)sum;
	verdict = gateway_send(&gateway, gateway_find_link(&gateway, "wan")->index, &wire);
	if (is_error(data[1]) && gateway.engine->table.confirmed != before)
		abort();
	if (verdict.reason == REASON_NONE && wire_sum(0, wire.bytes + 20, wire.length - 20) != 0xffff)
		abort();
	if (invariants_check(gateway.engine)) {
		fprintf(stderr, "%s\n", invariants_check(gateway.engine));
		abort();
	}
	/* A query opens a session: not too many. To begin anew for each input would take most of the time. */
	if (gateway.engine->table.confirmed > SESSIONS_MOST) {
		gateway_stop(&gateway);
		gateway.engine = NULL;
	}
	return 0;
}
