/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of a packet to bytes. */
#include "rules/program.h"

/* Linux's ARPHRD_ETHER. */
#define DEVICE_ETHER 1

static bool put(uint8_t *at, const struct datatype *type, uint64_t number)
{
	unsigned int bytes = type_bytes(type);

	for (unsigned int i = bytes; i-- > 0; number >>= 8)
		at[i] = (uint8_t)number;
	return true;
}

static bool put_address(uint8_t *at, const struct datatype *type, const struct address *address)
{
	if (type == &type_ipv4)
		memcpy(at, address->bytes + 12, 4);
	else
		memcpy(at, address->bytes, 16);
	return true;
}

/* @bits at bit @offset of the packet, right-justified. */
static bool put_bits(uint8_t *at, const struct field *field, const uint8_t *bytes, size_t length)
{
	size_t first = field->offset / 8U, end = ((size_t)field->offset + field->bits + 7) / 8;
	uint64_t number = 0;

	if (!bytes || end > length)
		return false;
	if (field->bits > 32) {
		if (field->offset % 8)
			return false;
		memcpy(at, bytes + first, field->bits / 8U);
		return true;
	}
	for (size_t i = first; i < end; i++)
		number = number << 8 | bytes[i];
	number >>= end * 8 - field->offset - field->bits;
	number &= (UINT64_C(1) << field->bits) - 1;
	return put(at, field->type, number);
}

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE ||
	       protocol == PROTOCOL_SCTP || protocol == PROTOCOL_DCCP;
}

static bool put_transport(uint8_t *at, const struct field *field, const struct packet *packet)
{
	if (packet->later_fragment || !packet->bytes || packet->l4_offset > packet->length)
		return false;
	return put_bits(at, field, packet->bytes + packet->l4_offset, packet->length - packet->l4_offset);
}

/* `th` asks for these bytes whatever the protocol is; only real ports are translated. */
static bool put_port(uint8_t *at, const struct field *field, const struct rule_context *context)
{
	const struct tuple *view = &context->view;

	if (context->packet->later_fragment)
		return false;
	if (!has_ports(view->protocol))
		return put_transport(at, field, context->packet);
	return put(at, field->type,
		   be16_to_host(field->load == LOAD_SOURCE_PORT ? view->source.port : view->destination.port));
}

/* The option of that kind, from its first byte on, and its length; NULL: there is none. */
static const uint8_t *find_option(const struct packet *packet, unsigned int kind, size_t *size)
{
	const struct packet_tcp *tcp = &packet->tcp;
	size_t offset = 0, length = tcp->options_length;
	const uint8_t *options;

	if (!packet->bytes || (size_t)tcp->options_offset + length > packet->length)
		return NULL;
	options = packet->bytes + tcp->options_offset;
	while (offset < length) {
		*size = 1;
		if (options[offset] > 1) {
			if (offset + 2 > length || options[offset + 1] < 2 || offset + options[offset + 1] > length)
				return NULL;
			*size = options[offset + 1];
		}
		if (options[offset] == kind)
			return options + offset;
		if (options[offset] == 0)
			return NULL;
		offset += *size;
	}
	return NULL;
}

static bool put_tcp_option(uint8_t *at, const struct field *field, const struct packet *packet)
{
	size_t size;
	const uint8_t *option = find_option(packet, field->offset, &size);

	/* A field of no bits asks whether the option is there. */
	if (!field->bits)
		return put(at, field->type, option != NULL);
	if (!option || size < 2U + field->bits / 8U)
		return false;
	memcpy(at, option + 2, field->bits / 8U);
	return true;
}

/* Extension headers up to the transport's, of which the parser has seen that they hold. */
static bool put_routing(uint8_t *at, const struct field *field, const struct packet *packet)
{
	size_t offset = 40;
	uint8_t header;

	if (!packet->bytes || packet->length < offset)
		return false;
	for (header = packet->bytes[6]; offset + 8 <= packet->l4_offset && offset + 8 <= packet->length;) {
		const uint8_t *bytes = packet->bytes + offset;

		if (header == 43)
			return put_bits(at, field, bytes, packet->length - offset);
		if (header != 0 && header != 44 && header != PROTOCOL_AH && header != 60)
			return false;
		offset += header == 44 ? 8 : header == PROTOCOL_AH ? (bytes[1] + 2U) * 4 : (bytes[1] + 1U) * 8;
		header = bytes[0];
	}
	return false;
}

static bool put_link(uint8_t *at, const struct field *field, const struct link *link)
{
	if (!link)
		return false;
	switch (field->load) {
	case LOAD_IIF_NAME:
	case LOAD_OIF_NAME:
		memcpy(at, link->name, INTERFACE_NAME_SIZE);
		return true;
	case LOAD_IIF_GROUP:
	case LOAD_OIF_GROUP:
		return put(at, field->type, link->group);
	default:
		return put(at, field->type, link->type);
	}
}

/* The link layer is not seen here, but the destination shows which kind it was. */
static unsigned int packet_type(const struct rule_context *context)
{
	const struct address *destination = &context->packet->tuple.destination.address;
	const struct oracle *oracle = context->oracle;
	static const uint8_t limited[4] = { 255, 255, 255, 255 };

	if (!address_is_ipv4(destination))
		return destination->bytes[0] == 0xff ? 2 : 0;
	if ((destination->bytes[12] & 0xf0) == 0xe0)
		return 2;
	if (memcmp(destination->bytes + 12, limited, 4) == 0)
		return 1;
	if (oracle && oracle->address_type &&
	    oracle->address_type(oracle->context, destination, NULL) == ADDRESS_TYPE_BROADCAST)
		return 1;
	return 0;
}

static bool put_ct(uint8_t *at, const struct field *field, enum direction direction, const struct rule_context *context)
{
	const struct tuple *tuple = direction == DIRECTION_ORIGINAL ? context->ct_original : context->ct_reply;

	if (field->load == LOAD_CT_STATE)
		return put(at, field->type, context->ct_state);
	/* As in nft: a packet without a connection has none of its properties, not even a mark of 0. */
	if (context->ct_state == CT_STATE_INVALID || context->ct_state == CT_STATE_UNTRACKED)
		return false;
	switch (field->load) {
	case LOAD_CT_STATUS:
		return put(at, field->type, context->ct_status);
	case LOAD_CT_MARK:
		return put(at, field->type, context->ct_mark);
	case LOAD_CT_DIRECTION:
		return put(at, field->type, context->ct_direction == DIRECTION_REPLY);
	default:
		break;
	}
	if (!tuple)
		return false;
	if (field->family && (unsigned int)address_family(&tuple->source.address) != field->family)
		return false;
	switch (field->load) {
	case LOAD_CT_PROTOCOL:
		return put(at, field->type, tuple->protocol);
	case LOAD_CT_L3PROTO:
		return put(at, field->type, address_is_ipv4(&tuple->source.address) ? 2 : 10);
	case LOAD_CT_SOURCE:
		return put_address(at, field->type, &tuple->source.address);
	case LOAD_CT_DESTINATION:
		return put_address(at, field->type, &tuple->destination.address);
	case LOAD_CT_SOURCE_PORT:
		return put(at, field->type, be16_to_host(tuple->source.port));
	default:
		return put(at, field->type, be16_to_host(tuple->destination.port));
	}
}

static bool put_network(uint8_t *at, const struct field *field, const struct rule_context *context)
{
	const struct packet *packet = context->packet;

	switch (field->load) {
	case LOAD_SOURCE:
		return put_address(at, field->type, &context->view.source.address);
	case LOAD_DESTINATION:
		return put_address(at, field->type, &context->view.destination.address);
	case LOAD_TTL:
		return put(at, field->type, packet->ttl);
	case LOAD_DSCP:
		return put(at, field->type, packet->dscp);
	case LOAD_LENGTH:
		return put(at, field->type, packet->length);
	case LOAD_PROTOCOL:
		return put(at, field->type, context->view.protocol);
	case LOAD_NFPROTO:
		return put(at, field->type, packet->family == FAMILY_IPV4 ? 2 : 10);
	case LOAD_ETHER_TYPE:
		if (!context->iif || context->iif->type != DEVICE_ETHER)
			return false;
		return put(at, field->type, packet->family == FAMILY_IPV4 ? 0x0800 : 0x86dd);
	case LOAD_ETHERTYPE:
		return put(at, field->type, packet->family == FAMILY_IPV4 ? 0x0800 : 0x86dd);
	case LOAD_MARK:
		return put(at, field->type, context->mark);
	case LOAD_PACKET_TYPE:
		return put(at, field->type, packet_type(context));
	default:
		return put_bits(at, field, packet->bytes, packet->length);
	}
}

bool register_load(const struct field *field, enum direction direction, const struct rule_context *context, uint8_t *at)
{
	const struct packet *packet = context->packet;
	bool ct = field->load >= LOAD_CT_STATE && field->load <= LOAD_CT_DESTINATION_PORT;

	if (ct)
		return put_ct(at, field, direction, context);
	if (field->family && (unsigned int)packet->family != field->family)
		return false;
	if (field->transport && (context->view.protocol != field->transport || packet->later_fragment))
		return false;
	switch (field->load) {
	case LOAD_SOURCE_PORT:
	case LOAD_DESTINATION_PORT:
		return put_port(at, field, context);
	case LOAD_TRANSPORT:
		return put_transport(at, field, packet);
	case LOAD_ROUTING:
		return put_routing(at, field, packet);
	case LOAD_TCP_FLAGS:
		return put(at, field->type, packet->tcp.flags);
	case LOAD_TCP_OPTION:
		return put_tcp_option(at, field, packet);
	case LOAD_ICMP_TYPE:
		return put(at, field->type, packet->icmp.type);
	case LOAD_ICMP_CODE:
		return put(at, field->type, packet->icmp.code);
	case LOAD_IIF_NAME:
	case LOAD_IIF_GROUP:
	case LOAD_IIF_TYPE:
		return put_link(at, field, context->iif);
	case LOAD_OIF_NAME:
	case LOAD_OIF_GROUP:
	case LOAD_OIF_TYPE:
		return put_link(at, field, context->oif);
	default:
		return put_network(at, field, context);
	}
}
