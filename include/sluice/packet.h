/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A parsed packet. It is parsed once; every later stage works by these offsets
 * and never looks for a header again. Offsets count from the first byte of the
 * IP header.
 */
#ifndef SLUICE_PACKET_H
#define SLUICE_PACKET_H

#include "sluice/reasons.h"
#include "sluice/tuple.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_ECE 0x40
#define TCP_CWR 0x80

struct packet_tcp {
	uint32_t sequence, acknowledgement; /* host order */
	uint16_t window;		    /* host order, unscaled */
	uint8_t flags;			    /* TCP_FIN ... TCP_CWR */
	uint16_t options_offset, options_length;
};

/**
 * struct packet_gre - what a GRE header tells of its tunnel
 * @keyed: version 0 with a key (RFC 2890): @key counts. A call identifier of PPTP (version 1, RFC 2637)
 *	is none: it differs by direction, and only PPTP's control channel says which two belong together
 * @cut: of a quoted packet: it has a key that was not quoted
 * @key: host order
 */
struct packet_gre {
	bool keyed, cut;
	uint32_t key;
};

/* What the quoted packet in an ICMP error says (RFC 792, RFC 4443). */
struct packet_quote {
	uint16_t l3_offset; /* of the quoted IP header */
	uint16_t l4_offset; /* of the quoted transport header */
	uint32_t l4_length; /* bytes of it that were quoted; 8 at least where the protocol has ports */
	struct tuple tuple;
	uint32_t tcp_sequence;			  /* host order; valid when tuple.protocol is TCP */
	struct packet_gre gre;			  /* valid when tuple.protocol is GRE */
	bool fragment;				  /* a later fragment: no transport header is quoted */
	bool foreign_source, foreign_destination; /* the pseudo-header has another address there */
};

struct packet_icmp {
	uint8_t type, code;
	bool query, reply; /* a request or reply that has an identifier */
	bool error;	   /* quotes a packet: @quote is valid */
	struct be16 id;	   /* queries and replies */
	uint32_t mtu;	   /* host order; type 3 code 4 and ICMPv6 type 2, else 0 */
	struct packet_quote quote;
};

/**
 * struct packet - offsets and fields of one whole IP packet
 * @bytes: the packet, writable, as it left the kernel
 * @length: its length by the IP header; never more than what @bytes holds
 * @tuple: what the headers say, untranslated; see tuple.h for ICMP and others
 * @l4_offset: of the transport header, after options and extension headers
 * @payload_offset: of the transport payload
 * @payload_length: of the transport payload; for UDP by its own length field
 * @pseudo_source, @pseudo_destination: of the addresses that the transport
 *	checksum covers: the header's own, unless a Home Address option or a type 2
 *	routing header carries others (RFC 6275 sections 6.3 and 6.4)
 * @fragment: a fragment that no one has put together; only the first has ports
 * @later_fragment: a fragment other than the first: ports in @tuple are 0
 * @dont_fragment: IPv4 DF; always true for IPv6
 */
struct packet {
	uint8_t *bytes;
	uint32_t length;
	struct tuple tuple;
	enum family family;
	uint8_t ttl;  /* or hop limit */
	uint8_t dscp; /* six bits */
	uint16_t l4_offset;
	uint16_t pseudo_source, pseudo_destination;
	uint32_t l4_length; /* transport header and payload, without link padding */
	uint32_t payload_offset;
	uint32_t payload_length;
	bool fragment, later_fragment, dont_fragment;
	union {
		struct packet_tcp tcp;
		struct packet_icmp icmp;
		struct packet_gre gre;
	};
};

static inline bool packet_is_tcp(const struct packet *packet)
{
	return packet->tuple.protocol == PROTOCOL_TCP && !packet->later_fragment;
}

/* A GRE packet whose key is known. */
static inline bool packet_is_keyed(const struct packet *packet)
{
	return packet->tuple.protocol == PROTOCOL_GRE && !packet->later_fragment && packet->gre.keyed;
}

static inline bool packet_is_icmp(const struct packet *packet)
{
	return (packet->tuple.protocol == PROTOCOL_ICMP || packet->tuple.protocol == PROTOCOL_ICMPV6) &&
	       !packet->later_fragment;
}

/* An ICMP error that quotes another packet. */
static inline bool packet_is_icmp_error(const struct packet *packet)
{
	return packet_is_icmp(packet) && packet->icmp.error;
}

/* Neighbour discovery and multicast listener messages belong to no session (as in nft). */
static inline bool packet_is_stray(const struct packet *packet)
{
	if (packet->tuple.protocol != PROTOCOL_ICMPV6 || !packet_is_icmp(packet))
		return false;
	return (packet->icmp.type >= 130 && packet->icmp.type <= 137) || packet->icmp.type == 143;
}

/**
 * packet_parse() - find every header of one packet
 * @packet: filled in on success
 * @bytes: the packet from its IP header on; kept in @packet
 * @length: bytes there; link padding after the IP packet is cut off
 *
 * IPv4 options and IPv6 extension headers are walked with a bound. IPv4 header
 * checksum and all lengths are checked; the transport checksum is not (see
 * packet_checksum_valid()). Source routes are refused in both families: the rules
 * would judge an address that is not the destination. A quoted packet in an ICMP
 * error is parsed without trust in its lengths (RFC 5508 section 4.2).
 *
 * Return: REASON_NONE, or why the packet must be dropped; @packet is then of no use.
 */
enum reason packet_parse(struct packet *packet, uint8_t *bytes, size_t length);

/**
 * packet_checksum_valid() - check the transport checksum over the whole packet
 *
 * True for protocols without one, for a UDP zero (over IPv6 too: RFC 6936 section
 * 5 asks middleboxes to let it pass), and for unreassembled fragments, which
 * cannot be judged.
 */
bool packet_checksum_valid(const struct packet *packet);

#endif
