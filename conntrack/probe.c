/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/probe.h"
#include "conntrack/parse.h"

#define TTL 64
#define ETHERNET_MSS 1460
#define ICMP6_FIRST_INFORMATIONAL 128

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_ports(uint8_t *at, const struct tuple *tuple)
{
	put16(at, be16_to_host(tuple->source.port));
	put16(at + 2, be16_to_host(tuple->destination.port));
}

/* A SYN offers an MSS: rules that lower it must have something to match. */
static size_t put_tcp(uint8_t *at, const struct tuple *tuple, bool first)
{
	put_ports(at, tuple);
	at[12] = (uint8_t)(first ? 6 << 4 : 5 << 4);
	at[13] = first ? TCP_SYN : TCP_ACK;
	put16(at + 14, UINT16_MAX);
	if (!first)
		return 20;
	at[20] = 2;
	at[21] = 4;
	put16(at + 22, ETHERNET_MSS);
	return 24;
}

/* An INIT chunk opens an association (RFC 9260 section 3.3.2). */
static size_t put_sctp(uint8_t *at, const struct tuple *tuple)
{
	put_ports(at, tuple);
	at[12] = 1;
	put16(at + 14, 20);
	at[19] = 1; /* initiate tag */
	at[22] = 1; /* receiver window: 65536 */
	put16(at + 24, 1);
	put16(at + 26, 1);
	at[31] = 1;
	return 32;
}

static bool is_query(uint8_t protocol, uint16_t type)
{
	return type <= UINT8_MAX && icmp_kind(protocol, (uint8_t)type) == ICMP_KIND_QUERY;
}

/* The identifier is the asker's port and the request's type the answerer's (sluice/tuple.h). */
static size_t put_icmp(uint8_t *at, const struct tuple *tuple)
{
	uint8_t protocol = tuple->protocol;
	uint16_t type = be16_to_host(tuple->destination.port), id = be16_to_host(tuple->source.port);

	if (!is_query(protocol, type) && is_query(protocol, id)) {
		uint16_t request = id;

		id = type;
		type = (uint16_t)(request + 1);
		if (protocol == PROTOCOL_ICMP && request == ICMP4_TYPE_ECHO)
			type = ICMP4_TYPE_ECHO_REPLY;
	}
	if (type > UINT8_MAX || (protocol == PROTOCOL_ICMPV6 && type < ICMP6_FIRST_INFORMATIONAL) ||
	    icmp_kind(protocol, (uint8_t)type) == ICMP_KIND_ERROR)
		return 0;
	at[0] = (uint8_t)type;
	put16(at + 4, id);
	return 20;
}

static size_t put_transport(uint8_t *at, const struct tuple *tuple, bool first)
{
	switch (tuple->protocol) {
	case PROTOCOL_TCP:
		return put_tcp(at, tuple, first);
	case PROTOCOL_SCTP:
		return put_sctp(at, tuple);
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
		put_ports(at, tuple);
		put16(at + 4, 8);
		return 8;
	case PROTOCOL_DCCP: /* a Request with short sequence numbers off (RFC 4340 section 5.1) */
		put_ports(at, tuple);
		at[4] = 5;
		at[8] = 1;
		return 20;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return put_icmp(at, tuple);
	default:
		return 16;
	}
}

static void put_ipv4(uint8_t *bytes, const struct tuple *tuple, size_t length)
{
	uint32_t sum = 0;

	bytes[0] = 0x45;
	put16(bytes + 2, (uint16_t)length);
	bytes[6] = 0x40; /* do not fragment */
	bytes[8] = TTL;
	bytes[9] = tuple->protocol;
	memcpy(bytes + 12, tuple->source.address.bytes + 12, 4);
	memcpy(bytes + 16, tuple->destination.address.bytes + 12, 4);
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(bytes + 10, (uint16_t) ~(sum + (sum >> 16)));
}

static void put_ipv6(uint8_t *bytes, const struct tuple *tuple, size_t payload)
{
	bytes[0] = 0x60;
	put16(bytes + 4, (uint16_t)payload);
	bytes[6] = tuple->protocol;
	bytes[7] = TTL;
	memcpy(bytes + 8, tuple->source.address.bytes, 16);
	memcpy(bytes + 24, tuple->destination.address.bytes, 16);
}

size_t probe_compose(const struct tuple *tuple, bool first, uint8_t bytes[PROBE_SIZE])
{
	enum family family = address_family(&tuple->source.address);
	size_t header = family == FAMILY_IPV4 ? 20 : 40, payload;

	memset(bytes, 0, PROBE_SIZE);
	if (address_family(&tuple->destination.address) != family)
		return 0;
	payload = put_transport(bytes + header, tuple, first);
	if (!payload)
		return 0;
	if (family == FAMILY_IPV4)
		put_ipv4(bytes, tuple, header + payload);
	else
		put_ipv6(bytes, tuple, payload);
	return header + payload;
}

void probe_put_key(const struct tuple *tuple, uint32_t key, uint8_t bytes[PROBE_SIZE])
{
	uint8_t *gre = bytes + (address_is_ipv4(&tuple->source.address) ? 20 : 40);

	gre[0] = 0x20;
	put16(gre + 4, (uint16_t)(key >> 16));
	put16(gre + 6, (uint16_t)key);
}
