/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the parser share: a packet to change, and its parsing with nothing around it. */
#ifndef SLUICE_PARSE_COMMON_H
#define SLUICE_PARSE_COMMON_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/parse.h"
#include "tests/model/wire_model.h"

static uint64_t seed;
static struct wire wire;

static inline void build(enum family family, uint8_t protocol, size_t payload)
{
	struct wire_shape shape = {
		.tuple = { .source = { wire_address(family == FAMILY_IPV4 ? "10.0.0.2" : "2001:db8::2"),
				       be16_from_host(40000) },
			   .destination = { wire_address(family == FAMILY_IPV4 ? "192.0.2.9" : "2001:db8:1::9"),
					    be16_from_host(443) },
			   .protocol = protocol },
		.payload = payload,
		.tcp_flags = TCP_ACK,
	};
	uint64_t state = seed;

	wire_build(&wire, &shape, &state);
}

/* The IPv4 header checksum follows: it is not what is tested. */
static inline void seal_header(void)
{
	uint16_t sum;

	wire.bytes[10] = wire.bytes[11] = 0;
	sum = (uint16_t)~wire_sum(0, wire.bytes, (wire.bytes[0] & 15u) * 4);
	wire.bytes[10] = (uint8_t)(sum >> 8);
	wire.bytes[11] = (uint8_t)sum;
}

/* Parses a copy of exactly that size, so that a sanitizer sees every byte too far. */
static inline enum reason parse(struct packet *packet)
{
	static uint8_t *copy;
	enum reason reason;

	free(copy);
	copy = malloc(wire.length ? wire.length : 1);
	assert_non_null(copy);
	memcpy(copy, wire.bytes, wire.length);
	memset(packet, 0xa5, sizeof(*packet)); /* nothing may be left as it was */
	reason = packet_parse(packet, copy, wire.length);
	if (reason == REASON_NONE) {
		assert_int_equal(packet->tuple.zero, 0);
		assert_true(packet->length <= wire.length);
		assert_true(packet->payload_offset + packet->payload_length <= packet->length);
		assert_true(packet->l4_offset + packet->l4_length == packet->length);
	}
	return reason;
}

static inline void expect(enum reason wanted)
{
	struct packet packet;
	enum reason reason = parse(&packet);

	if (reason != wanted)
		fail_msg("%s instead of %s", reason_key(reason), reason_key(wanted));
}

#endif
