/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/checksum.h"
#include "conntrack/compose.h"
#include "conntrack/parse.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER 20
#define ICMP_HEADER 8
#define IPV4_ERROR_LIMIT 576  /* what every host can take (RFC 1812 section 4.3.2.3) */
#define IPV6_ERROR_LIMIT 1280 /* RFC 4443 section 2.4 (c) */
#define QUOTE_MINIMUM 8	      /* bytes of transport that an error must quote */
#define HOP_LIMIT 64
#define PRECEDENCE_INTERNETWORK_CONTROL 0xc0 /* RFC 1812 section 4.3.2.5 */

static void put16(uint8_t *at, uint32_t value)
{
	checksum_store16(at, be16_from_host((uint16_t)value).raw);
}

static void put32(uint8_t *at, uint32_t value)
{
	struct be32 wire = be32_from_host(value);

	memcpy(at, &wire.raw, sizeof(wire.raw));
}

static size_t header_length(enum family family)
{
	return family == FAMILY_IPV4 ? IPV4_HEADER : IPV6_HEADER;
}

/* A new checksum for an IPv4 header with whatever options it has. */
static void seal_ipv4(uint8_t *header)
{
	checksum_store16(header + 10, 0);
	checksum_store16(header + 10, checksum_finish(checksum_add(0, header, (header[0] & 0xfU) * 4U)));
}

/* Identification 0 is right for a packet that is never fragmented (RFC 6864 section 4.1). */
static void put_ipv4(uint8_t *at, const struct tuple *tuple, uint8_t service, size_t length)
{
	memset(at, 0, IPV4_HEADER);
	at[0] = 0x45;
	at[1] = service;
	put16(at + 2, (uint32_t)length);
	at[6] = 0x40;
	at[8] = HOP_LIMIT;
	at[9] = tuple->protocol;
	memcpy(at + 12, tuple->source.address.bytes + 12, 4);
	memcpy(at + 16, tuple->destination.address.bytes + 12, 4);
	seal_ipv4(at);
}

static void put_ipv6(uint8_t *at, const struct tuple *tuple, size_t length)
{
	memset(at, 0, IPV6_HEADER);
	at[0] = 0x60;
	put16(at + 4, (uint32_t)(length - IPV6_HEADER));
	at[6] = tuple->protocol;
	at[7] = HOP_LIMIT;
	memcpy(at + 8, tuple->source.address.bytes, 16);
	memcpy(at + 24, tuple->destination.address.bytes, 16);
}

/* Put the IP header before a transport header whose checksum field is zero, and fill that in. */
static void put_ip(uint8_t *buffer, enum family family, const struct tuple *tuple, uint8_t service, size_t length)
{
	size_t l3 = header_length(family);
	uint8_t *l4 = buffer + l3;
	uint64_t sum = 0;

	if (family == FAMILY_IPV4)
		put_ipv4(buffer, tuple, service, length);
	else
		put_ipv6(buffer, tuple, length);
	if (tuple->protocol != PROTOCOL_ICMP)
		sum = checksum_pseudo(family, buffer + (family == FAMILY_IPV4 ? 12 : 8),
				      buffer + (family == FAMILY_IPV4 ? 16 : 24), tuple->protocol,
				      (uint32_t)(length - l3));
	checksum_store16(l4 + checksum_field_offset(tuple->protocol),
			 checksum_finish(checksum_add(sum, l4, length - l3)));
}

/* Zero, loopback, multicast, the reserved class E and broadcast: not one host. */
static bool names_one_host(const struct address *address)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	const uint8_t *bytes = address->bytes;

	if (address_is_unspecified(address))
		return false;
	if (address_is_ipv4(address))
		return bytes[12] != 0 && bytes[12] != 127 && bytes[12] < 224;
	return bytes[0] != 0xff && memcmp(bytes, loopback6, sizeof(loopback6)) != 0;
}

size_t compose_tcp_reset(const struct packet *to, uint8_t *buffer, size_t size)
{
	size_t l3 = header_length(to->family), length = l3 + TCP_HEADER;
	uint8_t *tcp = buffer + l3;
	struct tuple tuple;

	if (!packet_is_tcp(to) || to->tcp.flags & TCP_RST || size < length)
		return 0;
	if (!names_one_host(&to->tuple.source.address) || !names_one_host(&to->tuple.destination.address))
		return 0;
	tuple = tuple_invert(&to->tuple);
	memset(tcp, 0, TCP_HEADER);
	checksum_store16(tcp, tuple.source.port.raw);
	checksum_store16(tcp + 2, tuple.destination.port.raw);
	tcp[12] = TCP_HEADER / 4 << 4;
	if (to->tcp.flags & TCP_ACK) {
		put32(tcp + 4, to->tcp.acknowledgement);
		tcp[13] = TCP_RST;
	} else {
		uint32_t occupied = to->payload_length + !!(to->tcp.flags & TCP_SYN) + !!(to->tcp.flags & TCP_FIN);

		put32(tcp + 8, to->tcp.sequence + occupied);
		tcp[13] = TCP_RST | TCP_ACK;
	}
	put_ip(buffer, to->family, &tuple, 0, length);
	return length;
}

size_t compose_tcp_part(const struct packet *of, uint32_t sequence, size_t payload, uint8_t *buffer, size_t size)
{
	size_t length = of->payload_offset + payload;
	uint8_t *tcp = buffer + of->l4_offset;
	uint64_t sum;

	if (!packet_is_tcp(of) || of->fragment || payload > of->payload_length || size < length)
		return 0;
	memcpy(buffer, of->bytes, length);
	if (of->family == FAMILY_IPV4) {
		put16(buffer + 2, (uint32_t)length);
		seal_ipv4(buffer);
	} else {
		put16(buffer + 4, (uint32_t)(length - IPV6_HEADER));
	}
	put32(tcp + 4, sequence);
	if (payload < of->payload_length)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	checksum_store16(tcp + 16, 0);
	length -= of->l4_offset;
	sum = checksum_pseudo(of->family, buffer + of->pseudo_source, buffer + of->pseudo_destination, PROTOCOL_TCP,
			      (uint32_t)length);
	checksum_store16(tcp + 16, checksum_finish(checksum_add(sum, tcp, length)));
	return of->l4_offset + length;
}

/* Must the sender of @about hear of errors at all? */
static bool may_be_told(const struct packet *about)
{
	if (about->later_fragment)
		return false;
	if (!names_one_host(&about->tuple.source.address) || !names_one_host(&about->tuple.destination.address))
		return false;
	if (!packet_is_icmp(about))
		return true;
	if (about->icmp.error)
		return false;
	/* Unknown ICMPv6 types below 128 are errors too (RFC 4443 section 2.1). */
	return about->tuple.protocol != PROTOCOL_ICMPV6 ||
	       (about->icmp.type >= 128 && about->icmp.type != ICMP6_TYPE_REDIRECT);
}

static bool carries_mtu(enum family family, uint8_t type, uint8_t code)
{
	if (family == FAMILY_IPV6)
		return type == ICMP6_TYPE_PACKET_TOO_BIG;
	return type == ICMP4_TYPE_UNREACHABLE && code == ICMP4_CODE_FRAGMENTATION_NEEDED;
}

size_t compose_icmp_error(const struct packet *about, const struct address *from, uint8_t type, uint8_t code,
			  uint32_t mtu, uint8_t *buffer, size_t size)
{
	bool ipv4 = about->family == FAMILY_IPV4;
	size_t limit = ipv4 ? IPV4_ERROR_LIMIT : IPV6_ERROR_LIMIT;
	size_t l3 = header_length(about->family), headers = l3 + ICMP_HEADER;
	size_t needed = about->l4_offset + (about->l4_length < QUOTE_MINIMUM ? about->l4_length : QUOTE_MINIMUM);
	uint8_t *icmp = buffer + l3;
	uint8_t service = ipv4 ? (about->bytes[1] & 0x1e) | PRECEDENCE_INTERNETWORK_CONTROL : 0;
	size_t quoted;
	struct tuple tuple = {
		.source.address = *from,
		.destination.address = about->tuple.source.address,
		.protocol = ipv4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6,
	};

	if (address_family(from) != about->family || !may_be_told(about))
		return 0;
	if (size < limit)
		limit = size;
	if (limit < headers + needed)
		return 0;
	quoted = limit - headers < about->length ? limit - headers : about->length;
	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = type;
	icmp[1] = code;
	if (carries_mtu(about->family, type, code)) {
		if (ipv4)
			put16(icmp + 6, mtu > UINT16_MAX ? UINT16_MAX : mtu);
		else
			put32(icmp + 4, mtu);
	}
	memcpy(icmp + ICMP_HEADER, about->bytes, quoted);
	/* What records its way may have a wrong one here (parse.c), and who translates the error looks at it. */
	if (ipv4)
		seal_ipv4(icmp + ICMP_HEADER);
	put_ip(buffer, about->family, &tuple, service, headers + quoted);
	return headers + quoted;
}
