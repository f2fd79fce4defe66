/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "tests/model/wire_model.h"

uint64_t wire_seed(void)
{
	const char *text = getenv("SEED");
	uint64_t seed = 0;

	if (text)
		seed = strtoull(text, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		abort();
	printf("# SEED=0x%llx\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* splitmix64 */
uint64_t wire_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

struct address wire_address(const char *text)
{
	uint8_t wire[16];

	if (inet_pton(AF_INET, text, wire) == 1)
		return address_from_ipv4(wire);
	if (inet_pton(AF_INET6, text, wire) != 1)
		abort();
	return address_from_ipv6(wire);
}

struct address wire_random_address(uint64_t *state, enum family family)
{
	uint8_t wire[16];

	for (int i = 0; i < 16; i++) /* extremes often */
		wire[i] = wire_below(state, 3) ? (uint8_t)wire_random(state) : (uint8_t)(0 - wire_below(state, 2));
	wire[0] =
	    family == FAMILY_IPV4 ? (uint8_t)(1 + wire_below(state, 222)) : (uint8_t)(0x20 + wire_below(state, 0xd0));
	if (family == FAMILY_IPV4 && wire[0] >= 127) /* not loopback */
		wire[0]++;
	return family == FAMILY_IPV4 ? address_from_ipv4(wire) : address_from_ipv6(wire);
}

static struct be16 random_port(uint64_t *state)
{
	static const uint16_t edges[] = { 1, 0xff, 0x100, 0xff00, 0xfffe, 0xffff };

	return be16_from_host(wire_below(state, 3) ? (uint16_t)(1 + wire_below(state, 65535))
						   : edges[wire_below(state, 6)]);
}

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE ||
	       protocol == PROTOCOL_DCCP || protocol == PROTOCOL_SCTP;
}

struct tuple wire_random_tuple(uint64_t *state, enum family family, uint8_t protocol)
{
	struct tuple tuple = {
		.source.address = wire_random_address(state, family),
		.destination.address = wire_random_address(state, family),
		.protocol = protocol,
	};

	if (has_ports(protocol)) {
		tuple.source.port = random_port(state);
		tuple.destination.port = random_port(state);
	} else if (protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6) {
		tuple.source.port = random_port(state);
		tuple.destination.port = be16_from_host(protocol == PROTOCOL_ICMP ? 8 : 128);
	}
	return tuple;
}

/* ---------------------------------------------------------------- checksums */

uint16_t wire_sum(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static uint32_t naive_crc32c(const uint8_t *bytes, size_t length)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < length; i++) {
		crc ^= i >= 8 && i < 12 ? 0 : bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static size_t field_of(uint8_t protocol)
{
	if (protocol == PROTOCOL_TCP)
		return 16;
	return protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6 ? 2 : 6;
}

/* Source and destination address as the pseudo-header has them, protocol and length. */
static uint16_t pseudo_sum(enum family family, const uint8_t *source, const uint8_t *destination, uint8_t protocol,
			   size_t length)
{
	size_t size = family == FAMILY_IPV4 ? 4 : 16;
	uint8_t tail[4] = { 0, protocol, (uint8_t)(length >> 8), (uint8_t)length };

	return wire_sum(wire_sum(wire_sum(0, source, size), destination, size), tail, 4);
}

static size_t covered(uint8_t protocol, const uint8_t *l4, size_t length)
{
	size_t field = (size_t)l4[4] << 8 | l4[5];

	if (protocol == PROTOCOL_UDP)
		return field;
	if (protocol == PROTOCOL_UDPLITE)
		return field ? field : length;
	if (protocol == PROTOCOL_DCCP && (l4[5] & 15))
		return l4[4] * 4u + ((l4[5] & 15u) - 1) * 4;
	return length;
}

/* The bytes of the checksum field, in wire order, for a transport header at @l4. */
static void transport_checksum(enum family family, const uint8_t *source, const uint8_t *destination, uint8_t protocol,
			       uint8_t *l4, size_t length)
{
	size_t cover = covered(protocol, l4, length), field = field_of(protocol);
	uint16_t sum = 0;

	l4[field] = l4[field + 1] = 0;
	if (protocol != PROTOCOL_ICMP)
		sum = pseudo_sum(family, source, destination, protocol, protocol == PROTOCOL_UDP ? cover : length);
	sum = (uint16_t)~wire_sum(sum, l4, cover);
	if (sum == 0 && (protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE))
		sum = 0xffff;
	l4[field] = (uint8_t)(sum >> 8);
	l4[field + 1] = (uint8_t)sum;
}

static void seal_transport(struct wire *wire)
{
	uint8_t *l4 = wire->bytes + wire->l4;
	bool v4 = wire->family == FAMILY_IPV4;

	if (wire->protocol == PROTOCOL_SCTP) {
		uint32_t crc = naive_crc32c(l4, wire->length - wire->l4);

		for (int i = 0; i < 4; i++)
			l4[8 + i] = (uint8_t)(crc >> 8 * i);
	} else if (wire->no_checksum) {
		l4[6] = l4[7] = 0;
	} else if (has_ports(wire->protocol) || wire->protocol == PROTOCOL_ICMP || wire->protocol == PROTOCOL_ICMPV6) {
		transport_checksum(wire->family, wire->bytes + (v4 ? 12 : 8), wire->bytes + (v4 ? 16 : 24),
				   wire->protocol, l4, wire->length - wire->l4);
	}
}

static void seal_ipv4_header(uint8_t *header)
{
	uint16_t sum;

	header[10] = header[11] = 0;
	sum = (uint16_t)~wire_sum(0, header, (header[0] & 15u) * 4);
	header[10] = (uint8_t)(sum >> 8);
	header[11] = (uint8_t)sum;
}

void wire_seal(struct wire *wire)
{
	if (wire->family == FAMILY_IPV4)
		seal_ipv4_header(wire->bytes);
	seal_transport(wire);
}

void wire_unfinish(struct wire *wire)
{
	bool v4 = wire->family == FAMILY_IPV4;
	uint8_t *field = wire->bytes + wire->l4 + field_of(wire->protocol);
	uint16_t sum = pseudo_sum(wire->family, wire->bytes + (v4 ? 12 : 8), wire->bytes + (v4 ? 16 : 24),
				  wire->protocol, wire->length - wire->l4);

	field[0] = (uint8_t)(sum >> 8);
	field[1] = (uint8_t)sum;
}

void wire_seal_ipv4(uint8_t *header, size_t length)
{
	if (length >= 20 && header[0] >> 4 == 4 && (header[0] & 15u) >= 5 && (header[0] & 15u) * 4 <= length)
		seal_ipv4_header(header);
}

/* A copy of a parsed packet with every checksum as it must be. */
static const uint8_t *corrected(const struct packet *packet)
{
	static struct wire wire;
	uint8_t *l4 = wire.bytes + packet->l4_offset;

	wire.family = packet->family;
	wire.protocol = packet->tuple.protocol;
	wire.length = packet->length;
	wire.l4 = packet->l4_offset;
	memcpy(wire.bytes, packet->bytes, packet->length);
	if (wire.family == FAMILY_IPV4)
		seal_ipv4_header(wire.bytes);
	if (packet->fragment)
		return wire.bytes;
	wire.no_checksum = wire.protocol == PROTOCOL_UDP && l4[6] + l4[7] == 0;
	if (wire.protocol == PROTOCOL_SCTP || wire.no_checksum)
		seal_transport(&wire);
	else if (has_ports(wire.protocol) || packet_is_icmp(packet))
		transport_checksum(wire.family, wire.bytes + packet->pseudo_source,
				   wire.bytes + packet->pseudo_destination, wire.protocol, l4, packet->l4_length);
	return wire.bytes;
}

bool wire_checksums_right(const struct packet *packet)
{
	return memcmp(corrected(packet), packet->bytes, packet->length) == 0;
}

void wire_correct(struct packet *packet)
{
	memcpy(packet->bytes, corrected(packet), packet->length);
}

/* ----------------------------------------------------------------- packets */

static void put_tuple(struct wire *wire, const struct tuple *tuple)
{
	uint8_t *l4 = wire->bytes + wire->l4;

	if (wire->family == FAMILY_IPV4) {
		memcpy(wire->bytes + 12, tuple->source.address.bytes + 12, 4);
		memcpy(wire->bytes + 16, tuple->destination.address.bytes + 12, 4);
	} else {
		memcpy(wire->bytes + 8, tuple->source.address.bytes, 16);
		memcpy(wire->bytes + 24, tuple->destination.address.bytes, 16);
	}
	if (has_ports(wire->protocol)) {
		memcpy(l4, &tuple->source.port, 2);
		memcpy(l4 + 2, &tuple->destination.port, 2);
	} else if (wire->protocol == PROTOCOL_ICMP || wire->protocol == PROTOCOL_ICMPV6) {
		bool query = l4[0] == 8 || l4[0] == 13 || l4[0] == 128;
		bool reply = l4[0] == 0 || l4[0] == 14 || l4[0] == 129;

		if (query)
			memcpy(l4 + 4, &tuple->source.port, 2);
		else if (reply)
			memcpy(l4 + 4, &tuple->destination.port, 2);
	}
}

void wire_translate(struct wire *wire, const struct tuple *to)
{
	put_tuple(wire, to);
	wire_seal(wire);
}

static void fill(uint8_t *bytes, size_t length, uint64_t *state)
{
	uint32_t kind = wire_below(state, 4);

	for (size_t i = 0; i < length; i++)
		bytes[i] = kind == 0 ? 0 : kind == 1 ? 0xff : (uint8_t)wire_random(state);
}

/* Eight bytes at least: so much of it every ICMP error quotes. */
static size_t gre_header(uint8_t *l4, const struct wire_shape *shape)
{
	size_t key = shape->gre_flags & WIRE_GRE_CHECKSUM ? 8 : 4;
	size_t length =
	    key + (shape->gre_flags & WIRE_GRE_KEY ? 4 : 0) + (shape->gre_flags & WIRE_GRE_SEQUENCE ? 4 : 0);

	l4[0] = shape->gre_flags;
	l4[1] = shape->gre_version;
	l4[2] = shape->gre_version ? 0x88 : 0x08;
	l4[3] = shape->gre_version ? 0x0b : 0x00;
	for (int i = 0; shape->gre_flags & WIRE_GRE_KEY && i < 4; i++)
		l4[key + (size_t)i] = (uint8_t)(shape->gre_key >> (24 - 8 * i));
	return length < 8 ? 8 : length;
}

static size_t transport_header(struct wire *wire, const struct wire_shape *shape, uint64_t *state)
{
	uint8_t *l4 = wire->bytes + wire->l4;
	size_t udp_length = 8 + shape->payload;

	fill(l4, 20, state);
	switch (wire->protocol) {
	case PROTOCOL_TCP:
		l4[12] = (uint8_t)((20 + shape->tcp_options_length) / 4 << 4);
		l4[13] = shape->tcp_flags;
		memcpy(l4 + 20, shape->tcp_options ? shape->tcp_options : l4, shape->tcp_options_length);
		return 20 + shape->tcp_options_length;
	case PROTOCOL_UDPLITE:
		udp_length = shape->coverage ? 8u + shape->coverage : 0;
		/* fallthrough */
	case PROTOCOL_UDP:
		l4[4] = (uint8_t)(udp_length >> 8);
		l4[5] = (uint8_t)udp_length;
		return 8;
	case PROTOCOL_DCCP:
		l4[4] = 4;
		l4[5] = shape->coverage & 15;
		l4[8] |= 1;
		return 16;
	case PROTOCOL_SCTP:
		return 12;
	case PROTOCOL_GRE:
		return gre_header(l4, shape);
	case PROTOCOL_ICMP:
		l4[0] = shape->reply ? 0 : 8;
		return 8;
	case PROTOCOL_ICMPV6:
		l4[0] = shape->reply ? 129 : 128;
		return 8;
	default:
		return 8;
	}
}

static void network_header(struct wire *wire, const struct wire_shape *shape, uint64_t *state)
{
	uint8_t *bytes = wire->bytes;

	if (wire->family == FAMILY_IPV4) {
		fill(bytes, 20, state);
		bytes[0] = (uint8_t)(0x45 + shape->options);
		bytes[6] = bytes[7] = 0;
		bytes[9] = wire->protocol;
		memset(bytes + 20, 1, shape->options * 4);
		if (shape->options >= 2) { /* router alert in the middle of odd padding */
			memcpy(bytes + 21, (uint8_t[]){ 148, 4, 0, 0 }, 4);
		}
		wire->l4 = 20 + shape->options * 4;
		return;
	}
	bytes[0] = 0x60;
	bytes[1] = (uint8_t)(wire_random(state) & 0x0f);
	bytes[6] = shape->options ? 60 : wire->protocol;
	bytes[7] = 64;
	wire->l4 = 40;
	for (unsigned int i = 0; i < shape->options; i++, wire->l4 += 8) {
		uint8_t next = i + 1 < shape->options ? 60 : wire->protocol;

		memcpy(bytes + wire->l4, (uint8_t[]){ next, 0, 1, 4, 0, 0, 0, 0 }, 8);
	}
}

static void put_length(struct wire *wire)
{
	size_t length = wire->family == FAMILY_IPV4 ? wire->length : wire->length - 40;
	uint8_t *at = wire->bytes + (wire->family == FAMILY_IPV4 ? 2 : 4);

	at[0] = (uint8_t)(length >> 8);
	at[1] = (uint8_t)length;
}

void wire_build(struct wire *wire, const struct wire_shape *shape, uint64_t *state)
{
	size_t header;

	wire->family = address_family(&shape->tuple.source.address);
	wire->protocol = shape->tuple.protocol;
	wire->no_checksum = shape->no_checksum && wire->protocol == PROTOCOL_UDP;
	network_header(wire, shape, state);
	header = transport_header(wire, shape, state);
	fill(wire->bytes + wire->l4 + header, shape->payload, state);
	wire->length = wire->l4 + header + shape->payload;
	put_length(wire);
	wire_translate(wire, &shape->tuple);
}

struct wire_shape wire_random_shape(uint64_t *state, size_t payload_limit)
{
	static const uint8_t protocols[] = { PROTOCOL_TCP,     PROTOCOL_TCP,  PROTOCOL_UDP,  PROTOCOL_UDP,
					     PROTOCOL_UDPLITE, PROTOCOL_DCCP, PROTOCOL_SCTP, PROTOCOL_ICMP,
					     PROTOCOL_GRE,     PROTOCOL_ESP };
	enum family family = wire_below(state, 2) ? FAMILY_IPV4 : FAMILY_IPV6;
	uint8_t protocol = protocols[wire_below(state, sizeof(protocols))];
	struct wire_shape shape = { .payload = wire_below(state, (uint32_t)payload_limit + 1) };

	if (protocol == PROTOCOL_ICMP && family == FAMILY_IPV6)
		protocol = PROTOCOL_ICMPV6;
	shape.tuple = wire_random_tuple(state, family, protocol);
	if (wire_below(state, 3) == 0)
		shape.options = wire_below(state, family == FAMILY_IPV4 ? 11 : 6);
	shape.no_checksum = wire_below(state, 8) == 0;
	if (protocol == PROTOCOL_UDPLITE)
		shape.coverage = (uint8_t)wire_below(state, (uint32_t)(shape.payload < 200 ? shape.payload : 200) + 1);
	if (protocol == PROTOCOL_DCCP && shape.payload >= 60)
		shape.coverage = (uint8_t)wire_below(state, 16);
	shape.tcp_flags = TCP_ACK;
	if (protocol == PROTOCOL_GRE) {
		shape.gre_flags = wire_random(state) & (WIRE_GRE_CHECKSUM | WIRE_GRE_KEY | WIRE_GRE_SEQUENCE);
		shape.gre_version = wire_below(state, 4) == 0;
		shape.gre_key = (uint32_t)wire_random(state);
	}
	if ((protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6) && wire_below(state, 2)) {
		shape.reply = true;
		shape.tuple = tuple_invert(&shape.tuple);
	}
	return shape;
}

void wire_quote(struct wire *error, const struct wire *about, const struct tuple *outer, uint8_t type, uint8_t code,
		size_t quoted, size_t padding, size_t extension)
{
	bool v4 = about->family == FAMILY_IPV4;
	uint8_t *icmp;

	memset(error->bytes, 0, 48);
	error->family = about->family;
	error->protocol = v4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
	error->no_checksum = false;
	error->l4 = v4 ? 20 : 40;
	error->length = error->l4 + 8 + quoted + padding + extension;
	error->bytes[0] = v4 ? 0x45 : 0x60;
	error->bytes[v4 ? 9 : 6] = error->protocol;
	error->bytes[v4 ? 8 : 7] = 61;
	icmp = error->bytes + error->l4;
	icmp[0] = type;
	icmp[1] = code;
	memcpy(icmp + 8, about->bytes, quoted);
	memset(icmp + 8 + quoted, 0, padding);
	if (extension) {
		icmp[v4 ? 5 : 4] = (uint8_t)((quoted + padding) / (v4 ? 4 : 8));
		for (size_t i = 0; i < extension; i++)
			icmp[8 + quoted + padding + i] = (uint8_t)(0x20 + i);
	}
	put_length(error);
	wire_translate(error, outer);
}
