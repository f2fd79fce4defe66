/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes to struct packet. The main packet is refused when anything about it is
 * malformed; what an ICMP error quotes is believed only as far as its bytes reach.
 */
#include "conntrack/checksum.h"
#include "conntrack/extension.h"
#include "conntrack/parse.h"
#include "sluice/cursor.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define IPV4_OPTION_END 0
#define IPV4_OPTION_NOP 1
#define IPV4_OPTION_RECORD_ROUTE 7
#define IPV4_OPTION_TIMESTAMP 68
#define IPV4_OPTION_LOOSE_ROUTE 131
#define IPV4_OPTION_STRICT_ROUTE 137
#define QUOTED_TRANSPORT 8 /* bytes of the transport header that every quote has (RFC 792) */
#define RFC4884_QUOTE 128  /* what a quote is padded to when extensions follow it */

static uint16_t host16(const uint8_t *at)
{
	return be16_to_host((struct be16){ checksum_load16(at) });
}

static uint32_t host32(const uint8_t *at)
{
	return be32_to_host((struct be32){ checksum_load32(at) });
}

static struct be16 wire16(const uint8_t *at)
{
	return (struct be16){ checksum_load16(at) };
}

/* @recorded: the gateway's own kernel writes into one of them. Source routes are nobody's to choose (RFC 7126). */
static bool ipv4_options_valid(const uint8_t *options, size_t length, bool *recorded)
{
	size_t i = 0;

	while (i < length && options[i] != IPV4_OPTION_END) {
		if (options[i] == IPV4_OPTION_NOP) {
			i++;
			continue;
		}
		if (options[i] == IPV4_OPTION_LOOSE_ROUTE || options[i] == IPV4_OPTION_STRICT_ROUTE)
			return false;
		if (length - i < 2 || options[i + 1] < 2 || options[i + 1] > length - i)
			return false;
		*recorded |= options[i] == IPV4_OPTION_RECORD_ROUTE || options[i] == IPV4_OPTION_TIMESTAMP;
		i += options[i + 1];
	}
	return true;
}

/* Addresses that no packet on a wire can have, wherever it goes. */
static bool ipv4_martian(const uint8_t *source, const uint8_t *destination)
{
	bool multicast = (source[0] & 0xf0) == 0xe0;

	return multicast || checksum_load32(source) == UINT32_MAX || checksum_load32(destination) == 0;
}

static bool ipv6_martian(const struct tuple *tuple)
{
	return tuple->source.address.bytes[0] == 0xff || address_is_unspecified(&tuple->destination.address) ||
	       address_is_ipv4(&tuple->source.address) || address_is_ipv4(&tuple->destination.address);
}

/*
 * @offset is of the fragment in bytes, @length of what it carries, @before of what
 * stands before it in the whole packet. A second fragment that starts at 8 could
 * rewrite what the first one's transport header said (RFC 1858, RFC 3128).
 */
static bool fragment_valid(uint32_t offset, bool more, uint32_t length, uint32_t before)
{
	if (more && (length == 0 || length % 8 != 0))
		return false;
	return offset != 8 && before + offset + length <= UINT16_MAX;
}

static enum reason parse_ipv4(struct packet *packet, struct cursor *cursor)
{
	const uint8_t *header = cursor_take(cursor, IPV4_HEADER);
	uint32_t header_length, total, offset;
	bool more, recorded = false;

	if (!header)
		return REASON_SHORT_HEADER;
	header_length = (header[0] & 0x0fu) * 4;
	total = host16(header + 2);
	if (header_length < IPV4_HEADER || total < header_length || total > cursor->length)
		return REASON_BAD_IP_HEADER;
	if (!ipv4_options_valid(header + IPV4_HEADER, header_length - IPV4_HEADER, &recorded))
		return REASON_BAD_IP_HEADER;
	/* The kernel has checked it at arrival; where it records its address, it makes a new one behind forward. */
	if (!recorded && checksum_fold(checksum_add(0, header, header_length)) != 0xffff)
		return REASON_BAD_IP_CHECKSUM;
	if (ipv4_martian(header + 12, header + 16))
		return REASON_MARTIAN;
	if (header[9] == PROTOCOL_ICMPV6)
		return REASON_BAD_L4_HEADER;
	packet->family = FAMILY_IPV4;
	packet->length = total;
	packet->ttl = header[8];
	packet->dscp = header[1] >> 2;
	packet->tuple.protocol = header[9];
	packet->tuple.source.address = address_from_ipv4(header + 12);
	packet->tuple.destination.address = address_from_ipv4(header + 16);
	packet->pseudo_source = 12;
	packet->pseudo_destination = 16;
	packet->l4_offset = (uint16_t)header_length;
	packet->dont_fragment = header[6] & 0x40;
	offset = (host16(header + 6) & 0x1fffu) * 8;
	more = header[6] & 0x20;
	packet->fragment = more || offset;
	packet->later_fragment = offset != 0;
	if (packet->fragment && !fragment_valid(offset, more, total - header_length, header_length))
		return REASON_BAD_FRAGMENT;
	return REASON_NONE;
}

static enum reason parse_ipv6(struct packet *packet, struct cursor *cursor)
{
	const uint8_t *header = cursor_take(cursor, IPV6_HEADER);
	struct extension_walk walk;
	enum reason reason;

	if (!header)
		return REASON_SHORT_HEADER;
	packet->length = IPV6_HEADER + host16(header + 4);
	if (packet->length > cursor->length)
		return REASON_BAD_IP_HEADER;
	cursor->length = packet->length;
	packet->family = FAMILY_IPV6;
	packet->ttl = header[7];
	packet->dscp = (uint8_t)((host16(header) >> 6) & 0x3f);
	packet->tuple.source.address = address_from_ipv6(header + 8);
	packet->tuple.destination.address = address_from_ipv6(header + 24);
	if (ipv6_martian(&packet->tuple))
		return REASON_MARTIAN;
	reason = extension_walk(&walk, cursor, header[6]);
	packet->fragment = walk.fragment_offset || walk.more_fragments;
	packet->later_fragment = walk.fragment_offset != 0;
	if (reason != REASON_NONE) /* RFC 7112: a first fragment holds the whole chain of headers */
		return packet->fragment && reason == REASON_SHORT_HEADER ? REASON_BAD_FRAGMENT : reason;
	if (walk.protocol == PROTOCOL_ICMP)
		return REASON_BAD_L4_HEADER;
	packet->tuple.protocol = walk.protocol;
	packet->pseudo_source = walk.home_address ? walk.home_address : 8;
	packet->pseudo_destination = walk.routing_address ? walk.routing_address : 24;
	packet->l4_offset = (uint16_t)cursor->offset;
	packet->dont_fragment = true;
	if (packet->fragment &&
	    !fragment_valid(walk.fragment_offset, walk.more_fragments, (uint32_t)(cursor->length - walk.fragment_start),
			    (uint32_t)walk.fragment_start - IPV6_HEADER - EXTENSION_FRAGMENT))
		return REASON_BAD_FRAGMENT;
	return REASON_NONE;
}

static void set_ports(struct tuple *tuple, const uint8_t *l4)
{
	tuple->source.port = wire16(l4);
	tuple->destination.port = wire16(l4 + 2);
}

/* See tuple.h for what an ICMP query has in place of ports. */
static void set_identifier(struct tuple *tuple, enum icmp_kind kind, const uint8_t *l4)
{
	if (kind == ICMP_KIND_QUERY) {
		tuple->source.port = wire16(l4 + 4);
		tuple->destination.port = be16_from_host(l4[0]);
	} else if (kind == ICMP_KIND_REPLY) {
		tuple->source.port = be16_from_host(icmp_request_type(tuple->protocol, l4[0]));
		tuple->destination.port = wire16(l4 + 4);
	}
}

static enum reason parse_tcp(struct packet *packet, const uint8_t *l4)
{
	uint32_t header_length = (uint32_t)(l4[12] >> 4) * 4;

	if (header_length < 20)
		return REASON_BAD_L4_HEADER;
	if (header_length > packet->l4_length)
		return packet->fragment ? REASON_BAD_FRAGMENT : REASON_BAD_L4_HEADER;
	set_ports(&packet->tuple, l4);
	if (packet->tuple.source.port.raw == 0 || packet->tuple.destination.port.raw == 0)
		return REASON_BAD_L4_HEADER;
	packet->tcp = (struct packet_tcp){
		.sequence = host32(l4 + 4),
		.acknowledgement = host32(l4 + 8),
		.window = host16(l4 + 14),
		.flags = l4[13],
		.options_offset = (uint16_t)(packet->l4_offset + 20),
		.options_length = (uint16_t)(header_length - 20),
	};
	packet->payload_offset = packet->l4_offset + header_length;
	packet->payload_length = packet->l4_length - header_length;
	return REASON_NONE;
}

/* A source port of 0 means that no answer is wanted (RFC 768). */
static enum reason parse_udp(struct packet *packet, const uint8_t *l4)
{
	uint32_t length = host16(l4 + 4);

	set_ports(&packet->tuple, l4);
	if (packet->tuple.destination.port.raw == 0)
		return REASON_BAD_L4_HEADER;
	packet->payload_offset = packet->l4_offset + 8u;
	packet->payload_length = packet->l4_length - 8;
	if (packet->tuple.protocol == PROTOCOL_UDPLITE) {
		bool whole = length == 0; /* the field is the checksum's coverage */

		if ((!whole && length < 8) || (length > packet->l4_length && !packet->fragment))
			return REASON_BAD_L4_HEADER;
		return checksum_load16(l4 + 6) ? REASON_NONE : REASON_BAD_L4_HEADER;
	}
	if (length < 8 || (length > packet->l4_length && !packet->fragment))
		return REASON_BAD_L4_HEADER;
	if (length < packet->l4_length)
		packet->payload_length = length - 8;
	return REASON_NONE;
}

static enum reason parse_dccp(struct packet *packet, const uint8_t *l4)
{
	uint32_t header_length = l4[4] * 4u, coverage = l4[5] & 0x0fu;
	bool extended = l4[8] & 1;

	if (header_length < (extended ? 16 : 12) || header_length > packet->l4_length)
		return REASON_BAD_L4_HEADER;
	set_ports(&packet->tuple, l4);
	packet->payload_offset = packet->l4_offset + header_length;
	packet->payload_length = packet->l4_length - header_length;
	if (coverage > 1 && (coverage - 1) * 4 > packet->payload_length)
		return REASON_BAD_L4_HEADER;
	return REASON_NONE;
}

static enum reason parse_gre(struct packet *packet, const uint8_t *l4)
{
	packet->gre = parse_gre_header(l4, packet->l4_length);
	if (packet->gre.cut)
		return packet->fragment ? REASON_BAD_FRAGMENT : REASON_BAD_L4_HEADER;
	return REASON_NONE;
}

/* The least that a transport header takes; 0: not one that sluice reads. */
static uint32_t header_minimum(uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return 20;
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return 8;
	case PROTOCOL_SCTP:
	case PROTOCOL_DCCP:
		return 12;
	case PROTOCOL_GRE:
		return GRE_HEADER;
	default:
		return 0;
	}
}

/* The part of an error that is quoted packet: RFC 4884 puts extensions behind it. */
static size_t quoted_bytes(const struct packet *packet, const uint8_t *l4)
{
	size_t all = packet->payload_length, quoted = 0;

	if (packet->tuple.protocol == PROTOCOL_ICMP) {
		if (l4[0] == ICMP4_TYPE_UNREACHABLE || l4[0] == ICMP4_TYPE_TIME_EXCEEDED ||
		    l4[0] == ICMP4_TYPE_PARAMETER_PROBLEM)
			quoted = (size_t)l4[5] * 4;
	} else if (l4[0] == ICMP6_TYPE_UNREACHABLE || l4[0] == ICMP6_TYPE_TIME_EXCEEDED) {
		quoted = (size_t)l4[4] * 8;
	}
	/* Older senders leave anything in what were unused bytes. */
	return quoted >= RFC4884_QUOTE && quoted < all ? quoted : all;
}

/* Return: the bytes left of the quoted transport, or false when the header cannot be. */
static bool parse_quoted_ipv4(struct packet_quote *quote, struct cursor *cursor)
{
	const uint8_t *header = cursor_take(cursor, IPV4_HEADER);
	uint32_t header_length, total;

	if (!header || header[0] >> 4 != 4 || header[9] == PROTOCOL_ICMPV6)
		return false;
	header_length = (header[0] & 0x0fu) * 4;
	if (header_length < IPV4_HEADER || !cursor_take(cursor, header_length - IPV4_HEADER))
		return false;
	if (checksum_fold(checksum_add(0, header, header_length)) != 0xffff)
		return false;
	quote->tuple.protocol = header[9];
	quote->tuple.source.address = address_from_ipv4(header + 12);
	quote->tuple.destination.address = address_from_ipv4(header + 16);
	quote->fragment = host16(header + 6) & 0x1fff;
	total = host16(header + 2);
	if (total >= header_length + QUOTED_TRANSPORT && total - header_length < cursor_left(cursor))
		cursor->length = cursor->offset + (total - header_length);
	return true;
}

static bool parse_quoted_ipv6(struct packet_quote *quote, struct cursor *cursor)
{
	const uint8_t *header = cursor_take(cursor, IPV6_HEADER);
	struct extension_walk walk;
	size_t end;

	if (!header || header[0] >> 4 != 6)
		return false;
	end = cursor->offset + host16(header + 4);
	if (end > cursor->offset && end < cursor->length)
		cursor->length = end;
	quote->tuple.source.address = address_from_ipv6(header + 8);
	quote->tuple.destination.address = address_from_ipv6(header + 24);
	if (address_is_ipv4(&quote->tuple.source.address) || address_is_ipv4(&quote->tuple.destination.address))
		return false;
	if (extension_walk(&walk, cursor, header[6]) != REASON_NONE || walk.protocol == PROTOCOL_ICMP)
		return false;
	quote->tuple.protocol = walk.protocol;
	quote->fragment = walk.fragment_offset != 0;
	quote->foreign_source = walk.home_address != 0;
	quote->foreign_destination = walk.routing_address != 0;
	return true;
}

/* No error is ever sent about an error (RFC 1122 section 3.2.2): such a quote is forged. */
static enum reason parse_quote(struct packet *packet, const uint8_t *l4)
{
	struct packet_quote *quote = &packet->icmp.quote;
	struct cursor cursor = cursor_over(packet->bytes, packet->payload_offset + quoted_bytes(packet, l4));
	const uint8_t *transport;

	cursor_skip(&cursor, packet->payload_offset);
	*quote = (struct packet_quote){ .l3_offset = (uint16_t)packet->payload_offset };
	if (packet->family == FAMILY_IPV4 ? !parse_quoted_ipv4(quote, &cursor) : !parse_quoted_ipv6(quote, &cursor))
		return REASON_ICMP_INVALID;
	quote->l4_offset = (uint16_t)cursor.offset;
	quote->l4_length = (uint32_t)cursor_left(&cursor);
	if (quote->fragment)
		return REASON_NONE;
	/* A packet that had less is quoted whole; nothing of a protocol without ports is looked for there. */
	if (quote->tuple.protocol == PROTOCOL_GRE && quote->l4_length >= GRE_HEADER)
		quote->gre = parse_gre_header(packet->bytes + quote->l4_offset, quote->l4_length);
	if (!header_minimum(quote->tuple.protocol) || quote->tuple.protocol == PROTOCOL_GRE)
		return REASON_NONE;
	transport = cursor_take(&cursor, QUOTED_TRANSPORT);
	if (!transport)
		return REASON_ICMP_INVALID;
	switch (quote->tuple.protocol) {
	case PROTOCOL_TCP:
		quote->tcp_sequence = host32(transport + 4);
		set_ports(&quote->tuple, transport);
		break;
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
		set_ports(&quote->tuple, transport);
		break;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6: {
		enum icmp_kind kind = icmp_kind(quote->tuple.protocol, transport[0]);

		if (kind == ICMP_KIND_ERROR)
			return REASON_ICMP_INVALID;
		set_identifier(&quote->tuple, kind, transport);
		break;
	}
	default:
		break;
	}
	return REASON_NONE;
}

static enum reason parse_icmp(struct packet *packet, const uint8_t *l4)
{
	enum icmp_kind kind = icmp_kind(packet->tuple.protocol, l4[0]);
	struct packet_icmp *icmp = &packet->icmp;

	packet->payload_offset = packet->l4_offset + 8u;
	packet->payload_length = packet->l4_length - 8;
	*icmp = (struct packet_icmp){
		.type = l4[0],
		.code = l4[1],
		.query = kind == ICMP_KIND_QUERY,
		.reply = kind == ICMP_KIND_REPLY,
		.error = kind == ICMP_KIND_ERROR,
	};
	set_identifier(&packet->tuple, kind, l4);
	if (icmp->query || icmp->reply)
		icmp->id = wire16(l4 + 4);
	if (!icmp->error)
		return REASON_NONE;
	if (packet->fragment) /* its checksum cannot be judged, and none is ever that long */
		return REASON_BAD_FRAGMENT;
	if (packet->tuple.protocol == PROTOCOL_ICMPV6 && icmp->type == ICMP6_TYPE_PACKET_TOO_BIG)
		icmp->mtu = host32(l4 + 4);
	else if (packet->tuple.protocol == PROTOCOL_ICMP && icmp->type == ICMP4_TYPE_UNREACHABLE &&
		 icmp->code == ICMP4_CODE_FRAGMENTATION_NEEDED)
		icmp->mtu = host16(l4 + 6);
	return parse_quote(packet, l4);
}

static enum reason parse_transport(struct packet *packet)
{
	const uint8_t *l4 = packet->bytes + packet->l4_offset;

	if (packet->l4_length < header_minimum(packet->tuple.protocol))
		return packet->fragment ? REASON_BAD_FRAGMENT : REASON_SHORT_HEADER;
	switch (packet->tuple.protocol) {
	case PROTOCOL_TCP:
		return parse_tcp(packet, l4);
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
		return parse_udp(packet, l4);
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return parse_icmp(packet, l4);
	case PROTOCOL_DCCP:
		return parse_dccp(packet, l4);
	case PROTOCOL_GRE:
		return parse_gre(packet, l4);
	case PROTOCOL_SCTP:
		set_ports(&packet->tuple, l4);
		packet->payload_offset = packet->l4_offset + 12u;
		packet->payload_length = packet->l4_length - 12;
		return REASON_NONE;
	default:
		return REASON_NONE;
	}
}

enum reason packet_parse(struct packet *packet, uint8_t *bytes, size_t length)
{
	struct cursor cursor = cursor_over(bytes, length);
	enum reason reason;

	if (length == 0)
		return REASON_SHORT_HEADER;
	packet->bytes = bytes;
	packet->tuple.source.port = packet->tuple.destination.port = (struct be16){ 0 };
	packet->tuple.zero = 0;
	switch (bytes[0] >> 4) {
	case 4:
		reason = parse_ipv4(packet, &cursor);
		break;
	case 6:
		reason = parse_ipv6(packet, &cursor);
		break;
	default:
		return REASON_BAD_IP_HEADER;
	}
	if (reason != REASON_NONE)
		return reason;
	packet->l4_length = packet->length - packet->l4_offset;
	packet->payload_offset = packet->l4_offset;
	packet->payload_length = packet->l4_length;
	return packet->later_fragment ? REASON_NONE : parse_transport(packet);
}

bool packet_checksum_valid(const struct packet *packet)
{
	const uint8_t *l4 = packet->bytes + packet->l4_offset;
	uint8_t protocol = packet->tuple.protocol;

	if (packet->fragment || checksum_field_offset(protocol) < 0)
		return true;
	if (protocol == PROTOCOL_SCTP)
		return checksum_load32(l4 + 8) == checksum_crc32c(l4, packet->l4_length);
	if (protocol == PROTOCOL_UDP && checksum_load16(l4 + 6) == 0)
		return true;
	return checksum_fold(checksum_transport(packet)) == 0xffff;
}
