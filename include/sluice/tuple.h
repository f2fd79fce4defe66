/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses, endpoints and tuples.
 *
 * Every address is 16 bytes; IPv4 is held mapped (::ffff:a.b.c.d, RFC 4291
 * section 2.5.5.2), so both families share every line of code. A mapped address
 * that arrives inside a real IPv6 header is refused by the parser, hence the
 * prefix alone tells the family.
 *
 * A tuple names one direction of a flow. What a protocol has in place of ports:
 *   TCP, UDP, UDP-Lite, SCTP, DCCP  the ports
 *   ICMP and ICMPv6 queries         the asker's "port" is the identifier, the
 *                                   answerer's "port" is the type of the request
 *                                   (echo request: 8 or 128): inverting a request's
 *                                   tuple therefore gives exactly its reply's tuple,
 *                                   and an identifier is translated like a source port
 *   GRE                             0 and 0 outside the engine; within it, a tunnel
 *                                   that only its key tells from another has the same
 *                                   number, made of the key, at both ends (conntrack/gre.h)
 *   anything else                   0 and 0
 */
#ifndef SLUICE_TUPLE_H
#define SLUICE_TUPLE_H

#include "sluice/types.h"

enum family {
	FAMILY_IPV4 = 4,
	FAMILY_IPV6 = 6,
};

enum protocol {
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_DCCP = 33,
	PROTOCOL_GRE = 47,
	PROTOCOL_ESP = 50,
	PROTOCOL_AH = 51,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_SCTP = 132,
	PROTOCOL_UDPLITE = 136,
};

/** struct address - an IPv6 or IPv4-mapped address, wire order */
struct address {
	uint8_t bytes[16];
};

/** struct endpoint - an address and what stands in for its port */
struct endpoint {
	struct address address;
	struct be16 port;
};

/** struct tuple - one direction of a flow; compare with tuple_equal() */
struct tuple {
	struct endpoint source;
	struct endpoint destination;
	uint8_t protocol;
	uint8_t zero; /* padding, always 0: tuples are compared and hashed as bytes */
};

_Static_assert(sizeof(struct tuple) == 38, "tuples are compared and hashed as bytes");

static inline struct address address_from_ipv4(const uint8_t wire[4])
{
	struct address address = { .bytes = { [10] = 0xff, [11] = 0xff } };

	memcpy(address.bytes + 12, wire, 4);
	return address;
}

static inline struct address address_from_ipv6(const uint8_t wire[16])
{
	struct address address;

	memcpy(address.bytes, wire, 16);
	return address;
}

static inline bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static inline bool address_is_ipv4(const struct address *address)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address->bytes, prefix, sizeof(prefix)) == 0;
}

static inline enum family address_family(const struct address *address)
{
	return address_is_ipv4(address) ? FAMILY_IPV4 : FAMILY_IPV6;
}

/* :: or 0.0.0.0 */
static inline bool address_is_unspecified(const struct address *address)
{
	static const uint8_t zero[16];

	return memcmp(address->bytes + 12, zero, 4) == 0 &&
	       (address_is_ipv4(address) || memcmp(address->bytes, zero, 12) == 0);
}

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/*
 * The same of two tuples of one protocol, part by part: where one was put together a moment
 * ago, a load across several fresh stores would wait for all of them.
 */
static inline bool tuple_same_ends(const struct tuple *a, const struct tuple *b)
{
	return a->source.port.raw == b->source.port.raw && a->destination.port.raw == b->destination.port.raw &&
	       address_equal(&a->source.address, &b->source.address) &&
	       address_equal(&a->destination.address, &b->destination.address);
}

/* The tuple of a packet that answers @tuple, untranslated. */
static inline struct tuple tuple_invert(const struct tuple *tuple)
{
	return (struct tuple){
		.source = tuple->destination,
		.destination = tuple->source,
		.protocol = tuple->protocol,
	};
}

#endif
