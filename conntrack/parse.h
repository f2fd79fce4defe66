/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kind of message an ICMP type is, and the names of the types; the GRE header. packet_parse()
 * itself is declared in sluice/packet.h.
 */
#ifndef SLUICE_PARSE_H
#define SLUICE_PARSE_H

#include "sluice/packet.h"

/* ICMP (RFC 792, 950) and ICMPv6 (RFC 4443, 4861) types that sluice knows by name. */
enum icmp4_type {
	ICMP4_TYPE_ECHO_REPLY = 0,
	ICMP4_TYPE_UNREACHABLE = 3,
	ICMP4_TYPE_SOURCE_QUENCH = 4,
	ICMP4_TYPE_REDIRECT = 5,
	ICMP4_TYPE_ECHO = 8,
	ICMP4_TYPE_ROUTER_ADVERTISEMENT = 9,
	ICMP4_TYPE_ROUTER_SOLICITATION = 10,
	ICMP4_TYPE_TIME_EXCEEDED = 11,
	ICMP4_TYPE_PARAMETER_PROBLEM = 12,
	ICMP4_TYPE_TIMESTAMP = 13,
	ICMP4_TYPE_TIMESTAMP_REPLY = 14,
	ICMP4_TYPE_INFORMATION = 15,
	ICMP4_TYPE_INFORMATION_REPLY = 16,
	ICMP4_TYPE_MASK = 17,
	ICMP4_TYPE_MASK_REPLY = 18,
};

enum icmp6_type {
	ICMP6_TYPE_UNREACHABLE = 1,
	ICMP6_TYPE_PACKET_TOO_BIG = 2,
	ICMP6_TYPE_TIME_EXCEEDED = 3,
	ICMP6_TYPE_PARAMETER_PROBLEM = 4,
	ICMP6_TYPE_ECHO = 128,
	ICMP6_TYPE_ECHO_REPLY = 129,
	ICMP6_TYPE_REDIRECT = 137,
};

#define ICMP4_CODE_FRAGMENTATION_NEEDED 4 /* of ICMP4_TYPE_UNREACHABLE */

enum icmp_kind {
	ICMP_KIND_OTHER,
	ICMP_KIND_QUERY, /* a request with an identifier */
	ICMP_KIND_REPLY, /* the answer to one */
	ICMP_KIND_ERROR, /* quotes the packet it is about */
};

static inline enum icmp_kind icmp4_kind(uint8_t type)
{
	switch (type) {
	case ICMP4_TYPE_ECHO:
	case ICMP4_TYPE_TIMESTAMP:
	case ICMP4_TYPE_INFORMATION:
	case ICMP4_TYPE_MASK:
		return ICMP_KIND_QUERY;
	case ICMP4_TYPE_ECHO_REPLY:
	case ICMP4_TYPE_TIMESTAMP_REPLY:
	case ICMP4_TYPE_INFORMATION_REPLY:
	case ICMP4_TYPE_MASK_REPLY:
		return ICMP_KIND_REPLY;
	case ICMP4_TYPE_UNREACHABLE:
	case ICMP4_TYPE_SOURCE_QUENCH:
	case ICMP4_TYPE_REDIRECT:
	case ICMP4_TYPE_TIME_EXCEEDED:
	case ICMP4_TYPE_PARAMETER_PROBLEM:
		return ICMP_KIND_ERROR;
	default:
		return ICMP_KIND_OTHER;
	}
}

static inline enum icmp_kind icmp6_kind(uint8_t type)
{
	switch (type) {
	case ICMP6_TYPE_ECHO:
		return ICMP_KIND_QUERY;
	case ICMP6_TYPE_ECHO_REPLY:
		return ICMP_KIND_REPLY;
	case ICMP6_TYPE_UNREACHABLE:
	case ICMP6_TYPE_PACKET_TOO_BIG:
	case ICMP6_TYPE_TIME_EXCEEDED:
	case ICMP6_TYPE_PARAMETER_PROBLEM:
		return ICMP_KIND_ERROR;
	default:
		return ICMP_KIND_OTHER;
	}
}

/**
 * icmp_kind() - what kind of message a type is
 * @protocol: PROTOCOL_ICMP or PROTOCOL_ICMPV6
 */
static inline enum icmp_kind icmp_kind(uint8_t protocol, uint8_t type)
{
	return protocol == PROTOCOL_ICMP ? icmp4_kind(type) : icmp6_kind(type);
}

/* The type of the request that a reply of @type answers. */
static inline uint8_t icmp_request_type(uint8_t protocol, uint8_t type)
{
	if (protocol == PROTOCOL_ICMPV6)
		return ICMP6_TYPE_ECHO;
	return type == ICMP4_TYPE_ECHO_REPLY ? ICMP4_TYPE_ECHO : (uint8_t)(type - 1);
}

#define GRE_HEADER 4 /* of RFC 2784, without optional fields */

/**
 * parse_gre_header() - the key of version 0 (RFC 2890 section 2.1)
 * @length: bytes there are from @header on, GRE_HEADER at least
 *
 * It stands behind the checksum, whose field is also there for the routing of RFC 1701.
 */
struct packet_gre parse_gre_header(const uint8_t *header, size_t length);

/* What a gateway does not pass on: advice between a host and its own routers (REQUIREMENTS). */
static inline bool icmp_is_link_advice(const struct packet *packet)
{
	if (packet->tuple.protocol != PROTOCOL_ICMP || !packet_is_icmp(packet))
		return false;
	switch (packet->icmp.type) {
	case ICMP4_TYPE_ROUTER_ADVERTISEMENT:
	case ICMP4_TYPE_ROUTER_SOLICITATION:
	case ICMP4_TYPE_MASK:
	case ICMP4_TYPE_MASK_REPLY:
		return true;
	default:
		return false;
	}
}

#endif
