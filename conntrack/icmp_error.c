/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>

#include "conntrack/checksum.h"
#include "conntrack/icmp_error.h"
#include "conntrack/parse.h"

#define TCP_DATA_OFFSET 12 /* the byte that holds it */

/*
 * Each change within the quote adds its delta twice: to the quoted checksum that
 * covers it, and to the error's own, which covers all of the quote, those checksum
 * fields included. All offsets in question are even, counted from the error's ICMP
 * header: IPv4 headers are multiples of 4 bytes, extension headers of 4 or 8.
 */

bool icmp_error_valid(const struct packet *error)
{
	const struct tuple *quoted = &error->icmp.quote.tuple;
	const uint8_t *destination = quoted->destination.address.bytes;

	if (!address_equal(&error->tuple.destination.address, &quoted->source.address))
		return false;
	if (address_is_unspecified(&quoted->source.address) || address_is_unspecified(&quoted->destination.address))
		return false;
	if (error->family == FAMILY_IPV4)
		return destination[12] < 224;
	/* A packet to many may be too big, or carry an option that must be known (RFC 4443 section 2.4). */
	return destination[0] != 0xff || error->icmp.type == ICMP6_TYPE_PACKET_TOO_BIG ||
	       error->icmp.type == ICMP6_TYPE_PARAMETER_PROBLEM;
}

/* Put a 16-bit word in place of another. Return: its delta. */
static uint64_t replace16(uint8_t *at, uint16_t raw)
{
	struct be16 before = { checksum_load16(at) };

	checksum_store16(at, raw);
	return checksum_delta16(before, (struct be16){ raw });
}

static uint64_t replace_address(uint8_t *at, const struct address *to, size_t length)
{
	const uint8_t *bytes = to->bytes + sizeof(to->bytes) - length;
	uint64_t delta = checksum_delta(at, bytes, length);

	memcpy(at, bytes, length);
	return delta;
}

/* Update a quoted checksum field by the delta of what it covers. Return: the field's own delta. */
static uint64_t follow(uint8_t *field, uint8_t protocol, uint64_t delta)
{
	struct be16 before = { checksum_load16(field) };

	if (protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE)
		checksum_update_udp(field, delta);
	else
		checksum_update(field, delta);
	return checksum_delta16(before, (struct be16){ checksum_load16(field) });
}

/*
 * The quoted IP header. @transport_delta gets the part that the transport's
 * pseudo-header shares. Return: the delta of all changed bytes.
 */
static uint64_t quote_addresses(uint8_t *l3, const struct packet_quote *quote, enum family family,
				const struct tuple *to, uint64_t *transport_delta)
{
	uint64_t source, destination;

	if (family == FAMILY_IPV4) {
		source = replace_address(l3 + 12, &to->source.address, 4);
		destination = replace_address(l3 + 16, &to->destination.address, 4);
		*transport_delta = source + destination;
		return *transport_delta + follow(l3 + 10, 0, *transport_delta);
	}
	source = replace_address(l3 + 8, &to->source.address, 16);
	destination = replace_address(l3 + 24, &to->destination.address, 16);
	*transport_delta = (quote->foreign_source ? 0 : source) + (quote->foreign_destination ? 0 : destination);
	return source + destination;
}

/* The quoted ports or identifier: 8 bytes of transport header are always there. Return: their delta. */
static uint64_t quote_ports(uint8_t *l4, const struct tuple *to)
{
	switch (to->protocol) {
	case PROTOCOL_TCP:
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
		return replace16(l4, to->source.port.raw) + replace16(l4 + 2, to->destination.port.raw);
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		if (icmp_kind(to->protocol, l4[0]) == ICMP_KIND_QUERY)
			return replace16(l4 + 4, to->source.port.raw);
		if (icmp_kind(to->protocol, l4[0]) == ICMP_KIND_REPLY)
			return replace16(l4 + 4, to->destination.port.raw);
		return 0;
	default:
		return 0;
	}
}

/*
 * Is the quoted transport's checksum field there, and one that can be followed? Behind a
 * shorter quote there may be RFC 4884's padding: zeros, which no TCP header has for its data
 * offset. The checksum alone tells nothing: one in 65,536 is zero.
 */
static bool checksum_quoted(const uint8_t *l4, uint32_t length, uint8_t protocol)
{
	int field = checksum_field_offset(protocol);

	if (field < 0 || protocol == PROTOCOL_SCTP || (uint32_t)field + 2 > length)
		return false;
	return protocol != PROTOCOL_TCP || l4[TCP_DATA_OFFSET] != 0;
}

/* Return: the delta of all changed bytes of the quoted transport header. */
static uint64_t quote_transport(uint8_t *l4, uint32_t length, const struct tuple *to, uint64_t pseudo_delta)
{
	uint64_t ports = quote_ports(l4, to);

	if (!checksum_quoted(l4, length, to->protocol))
		return ports;
	if (to->protocol == PROTOCOL_ICMP)
		pseudo_delta = 0;
	return ports + follow(l4 + checksum_field_offset(to->protocol), to->protocol, pseudo_delta + ports);
}

/*
 * The error's own addresses, and the IPv4 header checksum. Return: the delta for the
 * error's own checksum: ICMPv6 has a pseudo-header (RFC 4443 section 2.3), ICMP none.
 */
static uint64_t outer_addresses(struct packet *error, const struct tuple *to)
{
	bool ipv4 = error->family == FAMILY_IPV4;
	size_t length = ipv4 ? 4 : 16;
	uint8_t *at = error->bytes + (ipv4 ? 12 : 8);
	uint64_t source = replace_address(at, &to->source.address, length);
	uint64_t destination = replace_address(at + length, &to->destination.address, length);

	error->tuple.source.address = to->source.address;
	error->tuple.destination.address = to->destination.address;
	if (ipv4) {
		checksum_update(error->bytes + 10, source + destination);
		return 0;
	}
	return (error->pseudo_source == 8 ? source : 0) + (error->pseudo_destination == 24 ? destination : 0);
}

void icmp_error_rewrite(struct packet *error, const struct tuple *outer, const struct tuple *quoted)
{
	struct packet_quote *quote = &error->icmp.quote;
	uint64_t delta, pseudo_delta;

	assert(packet_is_icmp_error(error) && quoted->protocol == quote->tuple.protocol);
	assert(address_family(&outer->source.address) == error->family);
	assert(address_family(&outer->destination.address) == error->family);
	assert(address_family(&quoted->source.address) == error->family);
	assert(address_family(&quoted->destination.address) == error->family);
	delta = outer_addresses(error, outer);
	delta += quote_addresses(error->bytes + quote->l3_offset, quote, error->family, quoted, &pseudo_delta);
	if (!quote->fragment)
		delta += quote_transport(error->bytes + quote->l4_offset, quote->l4_length, quoted, pseudo_delta);
	checksum_update(error->bytes + error->l4_offset + 2, delta);
	quote->tuple = *quoted;
}
