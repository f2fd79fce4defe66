/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a packet. What parses is put through all that changes or answers it,
 * and whatever had right checksums before must have right ones after, by an oracle
 * that computes them anew.
 *
 * Input: 8 bytes that seed the translation, then the packet.
 */
#include <stdlib.h>

#include "conntrack/compose.h"
#include "conntrack/icmp_error.h"
#include "conntrack/mss.h"
#include "conntrack/parse.h"
#include "conntrack/rewrite.h"
#include "tests/model/wire_model.h"

#define REQUIRE(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Of the tuple's own family and protocol. ICMP keeps the type of the request where it
 * is, and has an identifier only in a message of type @type that has one.
 */
static struct tuple random_target(uint64_t *state, const struct tuple *from, uint8_t type)
{
	struct tuple to = wire_random_tuple(state, address_family(&from->source.address), from->protocol);
	struct be16 id = to.source.port;
	enum icmp_kind kind;

	if (from->protocol != PROTOCOL_ICMP && from->protocol != PROTOCOL_ICMPV6)
		return to;
	kind = icmp_kind(from->protocol, type);
	to.source.port = kind == ICMP_KIND_QUERY ? id : from->source.port;
	to.destination.port = kind == ICMP_KIND_REPLY ? id : from->destination.port;
	return to;
}

/* Blind mutation seldom hits a checksum: help it past those of IPv4, quoted ones too. */
static void correct_headers(uint8_t *bytes, size_t size)
{
	size_t header = size ? (bytes[0] & 15u) * 4 : 0;

	wire_seal_ipv4(bytes, size);
	if (size > header + 8 && bytes[0] >> 4 == 4)
		wire_seal_ipv4(bytes + header + 8, size - header - 8);
}

/* Of these a quote names ports, or the number of a query: it must have them. */
static bool is_told_by_ports(uint8_t protocol)
{
	static const uint8_t protocols[] = { PROTOCOL_TCP,  PROTOCOL_UDP,  PROTOCOL_UDPLITE, PROTOCOL_DCCP,
					     PROTOCOL_SCTP, PROTOCOL_ICMP, PROTOCOL_ICMPV6 };

	return memchr(protocols, protocol, sizeof(protocols)) != NULL;
}

static void check_bounds(const struct packet *packet, size_t length)
{
	REQUIRE(packet->length <= length);
	REQUIRE(packet->l4_offset + packet->l4_length == packet->length);
	REQUIRE(packet->payload_offset >= packet->l4_offset);
	REQUIRE(packet->payload_offset + packet->payload_length <= packet->length);
	REQUIRE(packet->tuple.zero == 0);
	if (packet_is_tcp(packet))
		REQUIRE(packet->tcp.options_offset + packet->tcp.options_length == packet->payload_offset);
	if (packet_is_icmp_error(packet)) {
		const struct packet_quote *quote = &packet->icmp.quote;

		REQUIRE(quote->l3_offset < quote->l4_offset && quote->l4_offset + quote->l4_length <= packet->length);
		REQUIRE(quote->fragment || quote->l4_length >= 8 || !is_told_by_ports(quote->tuple.protocol));
	}
}

/* Where the kernel records its address the checksum of an IPv4 header may be wrong: it stays as wrong as it was. */
static bool is_sealed(const struct packet *packet)
{
	return packet->family != FAMILY_IPV4 || wire_sum(0, packet->bytes, (packet->bytes[0] & 15u) * 4) == 0xffff;
}

/* A verdict's bytes are parsed again in the next hook: they must say what was meant. */
static void check_again(const struct packet *packet, bool right)
{
	struct packet again;

	REQUIRE(packet_parse(&again, packet->bytes, packet->length) == REASON_NONE);
	REQUIRE(tuple_equal(&again.tuple, &packet->tuple));
	if (!right)
		return;
	REQUIRE(packet_checksum_valid(&again));
	REQUIRE(wire_checksums_right(&again));
}

static void check_answers(const struct packet *packet)
{
	static uint8_t buffer[COMPOSE_LIMIT];
	bool v4 = packet->family == FAMILY_IPV4;
	struct address from = wire_address(v4 ? "192.0.2.1" : "2001:db8::1");
	struct packet answer;
	size_t length = compose_tcp_reset(packet, buffer, sizeof(buffer));

	if (length) {
		REQUIRE(packet_parse(&answer, buffer, length) == REASON_NONE);
		REQUIRE(packet_checksum_valid(&answer) && answer.tcp.flags & TCP_RST);
	}
	length = compose_icmp_error(packet, &from, v4 ? 3 : 2, v4 ? 4 : 0, 1400, buffer, sizeof(buffer));
	if (length && packet->l4_length >= 8) {
		REQUIRE(length <= (v4 ? 576 : 1280));
		REQUIRE(packet_parse(&answer, buffer, length) == REASON_NONE);
		REQUIRE(packet_checksum_valid(&answer));
		REQUIRE(tuple_equal(&answer.icmp.quote.tuple, &packet->tuple));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet;
	struct tuple to, quoted;
	uint64_t state;
	uint8_t *bytes;
	bool right, sealed;

	if (size < 8 || size - 8 > WIRE_SIZE)
		return 0;
	memcpy(&state, data, 8);
	size -= 8;
	bytes = malloc(size + !size);
	memcpy(bytes, data + 8, size);
	if (state & 1)
		correct_headers(bytes, size);
	if (packet_parse(&packet, bytes, size) != REASON_NONE) {
		free(bytes);
		return 0;
	}
	check_bounds(&packet, size);
	check_answers(&packet);
	if (state & 2)
		wire_correct(&packet);
	right = wire_checksums_right(&packet);
	sealed = is_sealed(&packet);
	if (right)
		REQUIRE(packet_checksum_valid(&packet));
	mss_clamp(&packet, (uint16_t)wire_random(&state), false);
	check_again(&packet, right);
	to = random_target(&state, &packet.tuple, packet.l4_length ? bytes[packet.l4_offset] : 0);
	if (packet.later_fragment)
		to.source.port = to.destination.port = (struct be16){ 0 };
	if (packet_is_icmp_error(&packet)) {
		quoted = random_target(&state, &packet.icmp.quote.tuple,
				       packet.icmp.quote.fragment || !packet.icmp.quote.l4_length
					   ? 0
					   : bytes[packet.icmp.quote.l4_offset]);
		icmp_error_rewrite(&packet, &to, &quoted);
	} else {
		rewrite_tuple(&packet, &to, false);
	}
	check_again(&packet, right);
	rewrite_finish_checksum(&packet);
	check_again(&packet, sealed);
	free(bytes);
	return 0;
}
