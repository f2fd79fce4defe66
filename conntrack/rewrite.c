/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>

#include "conntrack/checksum.h"
#include "conntrack/parse.h"
#include "conntrack/rewrite.h"

#define IPV4_CHECKSUM 10
#define IPV4_SOURCE 12
#define IPV4_DESTINATION 16
#define IPV6_SOURCE 8
#define IPV6_DESTINATION 24

static uint64_t replace_port(uint8_t *at, struct be16 to)
{
	uint64_t delta = checksum_delta16((struct be16){ checksum_load16(at) }, to);

	checksum_store16(at, to.raw);
	return delta;
}

/* Return: the delta for the transport checksum. */
static uint64_t replace_addresses4(struct packet *packet, const struct tuple *to)
{
	uint8_t *bytes = packet->bytes;
	const uint8_t *source = to->source.address.bytes + 12, *destination = to->destination.address.bytes + 12;
	uint64_t delta =
	    checksum_delta(bytes + IPV4_SOURCE, source, 4) + checksum_delta(bytes + IPV4_DESTINATION, destination, 4);

	memcpy(bytes + IPV4_SOURCE, source, 4);
	memcpy(bytes + IPV4_DESTINATION, destination, 4);
	checksum_update(bytes + IPV4_CHECKSUM, delta);
	return delta;
}

/* An address that the pseudo-header takes from elsewhere leaves the transport checksum alone. */
static uint64_t replace_addresses6(struct packet *packet, const struct tuple *to)
{
	uint8_t *bytes = packet->bytes;
	const uint8_t *source = to->source.address.bytes, *destination = to->destination.address.bytes;
	uint64_t delta = 0;

	if (packet->pseudo_source == IPV6_SOURCE)
		delta += checksum_delta(bytes + IPV6_SOURCE, source, 16);
	if (packet->pseudo_destination == IPV6_DESTINATION)
		delta += checksum_delta(bytes + IPV6_DESTINATION, destination, 16);
	memcpy(bytes + IPV6_SOURCE, source, 16);
	memcpy(bytes + IPV6_DESTINATION, destination, 16);
	return delta;
}

static uint64_t replace_ports(uint8_t *l4, const struct tuple *to)
{
	return replace_port(l4, to->source.port) + replace_port(l4 + 2, to->destination.port);
}

/* The identifier stands in for the asker's port (tuple.h). */
static uint64_t replace_identifier(struct packet *packet, uint8_t *l4, const struct tuple *to)
{
	if (packet->icmp.query)
		packet->icmp.id = to->source.port;
	else if (packet->icmp.reply)
		packet->icmp.id = to->destination.port;
	else
		return 0;
	return replace_port(l4 + 4, packet->icmp.id);
}

/*
 * The one message whose bytes may all be zero: an echo reply with identifier and
 * sequence 0. Its checksum is 0xffff, and an incremental update cannot tell the sum 0
 * from the sum 0xffff, which gives 0.
 */
static void update_icmp(struct packet *packet, uint8_t *l4, uint64_t delta)
{
	checksum_update(l4 + 2, delta);
	if (checksum_load32(l4) == 0 && !packet->fragment)
		rewrite_finish_checksum(packet);
}

static void store_crc(uint8_t *l4, uint32_t length)
{
	uint32_t crc = checksum_crc32c(l4, length);

	memcpy(l4 + 8, &crc, sizeof(crc)); /* little-endian, like the machine */
}

/* A first fragment does not hold all that the CRC covers: the sender's stays, and the receiver refuses it. */
static void replace_sctp_ports(struct packet *packet, uint8_t *l4, const struct tuple *to)
{
	bool changed =
	    checksum_load16(l4) != to->source.port.raw || checksum_load16(l4 + 2) != to->destination.port.raw;

	replace_ports(l4, to);
	if (changed && !packet->fragment)
		store_crc(l4, packet->l4_length);
}

void rewrite_finish_checksum(struct packet *packet)
{
	uint8_t *l4 = packet->bytes + packet->l4_offset;
	int offset = checksum_field_offset(packet->tuple.protocol);
	uint16_t check;

	if (offset < 0 || packet->fragment)
		return;
	if (packet->tuple.protocol == PROTOCOL_SCTP) {
		store_crc(l4, packet->l4_length);
		return;
	}
	checksum_store16(l4 + offset, 0);
	check = checksum_finish(checksum_transport(packet));
	if (check == 0 && (packet->tuple.protocol == PROTOCOL_UDP || packet->tuple.protocol == PROTOCOL_UDPLITE))
		check = 0xffff;
	checksum_store16(l4 + offset, check);
}

void rewrite_tuple(struct packet *packet, const struct tuple *to, bool checksum_unfinished)
{
	uint8_t *l4 = packet->bytes + packet->l4_offset;
	uint64_t delta;

	assert(to->protocol == packet->tuple.protocol);
	assert(address_family(&to->source.address) == packet->family);
	assert(address_family(&to->destination.address) == packet->family);
	delta = packet->family == FAMILY_IPV4 ? replace_addresses4(packet, to) : replace_addresses6(packet, to);
	packet->tuple.source.address = to->source.address;
	packet->tuple.destination.address = to->destination.address;
	if (packet->later_fragment)
		return;
	packet->tuple = *to;
	switch (to->protocol) {
	case PROTOCOL_TCP:
		delta += replace_ports(l4, to);
		if (!checksum_unfinished)
			checksum_update(l4 + 16, delta);
		break;
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
		delta += replace_ports(l4, to);
		if (!checksum_unfinished)
			checksum_update_udp(l4 + 6, delta);
		break;
	case PROTOCOL_DCCP:
		delta += replace_ports(l4, to);
		if (!checksum_unfinished)
			checksum_update(l4 + 6, delta);
		break;
	case PROTOCOL_ICMP:
		delta = replace_identifier(packet, l4, to);
		if (!checksum_unfinished)
			update_icmp(packet, l4, delta);
		break;
	case PROTOCOL_ICMPV6:
		delta += replace_identifier(packet, l4, to);
		if (!checksum_unfinished)
			checksum_update(l4 + 2, delta);
		break;
	case PROTOCOL_SCTP:
		replace_sctp_ports(packet, l4, to);
		break;
	default:
		break;
	}
	if (checksum_unfinished)
		rewrite_finish_checksum(packet);
}
