/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets for the play: new flows, answers, repetitions, errors, and what is none of these. */
#include "tests/model/engine_play.h"

enum side {
	SIDE_LAN,
	SIDE_WAN,
	SIDE_ROUTER,
};

struct party {
	enum side side;
	const char *ipv4, *ipv6;
};

static const struct party parties[] = {
	{ SIDE_LAN, "10.0.0.2", "2001:db8:1::2" },	  { SIDE_LAN, "10.0.0.3", "2001:db8:1::3" },
	{ SIDE_LAN, "10.0.0.10", "2001:db8:1::10" },	  { SIDE_WAN, "203.0.113.5", "2001:db8:5::5" },
	{ SIDE_WAN, "203.0.113.6", "2001:db8:5::6" },	  { SIDE_WAN, "198.51.100.9", "2001:db8:2::9" },
	{ SIDE_ROUTER, "198.51.100.1", "2001:db8:2::1" }, { SIDE_ROUTER, "198.51.100.2", "2001:db8:2::1" },
	{ SIDE_ROUTER, "10.0.0.1", "2001:db8:1::1" },	  { SIDE_WAN, "203.0.113.7", "2001:db8:5::7" },
};

#define PARTIES (sizeof(parties) / sizeof(parties[0]))

static bool is_party(const struct address *address, enum side side)
{
	for (size_t i = 0; i < PARTIES; i++) {
		struct address v4 = wire_address(parties[i].ipv4), v6 = wire_address(parties[i].ipv6);

		if (parties[i].side == side && (address_equal(address, &v4) || address_equal(address, &v6)))
			return true;
	}
	return false;
}

bool play_is_own(const struct address *address)
{
	return is_party(address, SIDE_ROUTER);
}

uint32_t play_route(void *context, const struct address *address, uint32_t via_interface, uint32_t mark)
{
	(void)context;
	(void)via_interface;
	(void)mark;
	return play_is_inside(address) ? PLAY_LAN : PLAY_WAN;
}

bool play_is_inside(const struct address *address)
{
	static const uint8_t v6[8] = { 0x20, 0x01, 0x0d, 0xb8, 0, 1 };

	if (address_is_ipv4(address))
		return address->bytes[12] == 10 && address->bytes[13] == 0 && address->bytes[14] == 0;
	return memcmp(address->bytes, v6, sizeof(v6)) == 0;
}

static struct address address_of(const struct party *party, bool v4)
{
	return wire_address(v4 ? party->ipv4 : party->ipv6);
}

static uint32_t interface_of(enum side side)
{
	return side == SIDE_LAN ? PLAY_LAN : side == SIDE_WAN ? PLAY_WAN : 0;
}

static void keep(struct play_packet *packet, const struct wire *wire)
{
	packet->head = (struct wire_head){ wire->family, wire->protocol, (uint16_t)wire->l4 };
	packet->length = (uint16_t)(wire->length < PLAY_PACKET ? wire->length : PLAY_PACKET);
	memcpy(packet->bytes, wire->bytes, packet->length);
}

static void recall(struct wire *wire, const struct play_packet *packet)
{
	wire->family = packet->head.family;
	wire->protocol = packet->head.protocol;
	wire->l4 = packet->head.l4;
	wire->length = packet->length;
	wire->no_checksum = false;
	memcpy(wire->bytes, packet->bytes, packet->length);
}

static const struct play_memory *remembered(struct play *play)
{
	const struct play_memory *memory = &play->memory[play_below(play, PLAY_MEMORY)];

	return memory->came.valid ? memory : NULL;
}

/* -------------------------------------------------------------------- TCP */

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static uint8_t choose_flags(struct play *play)
{
	static const uint8_t usual[] = { TCP_SYN,	    TCP_SYN | TCP_ACK, TCP_ACK,		 TCP_ACK | TCP_PSH,
					 TCP_ACK | TCP_FIN, TCP_RST,	       TCP_RST | TCP_ACK };
	uint8_t choice = play_byte(play);

	return choice < 224 ? usual[choice % sizeof(usual)] : (uint8_t)(choice << 3 | (choice & 7));
}

/* Sequence space that a segment takes. */
static uint32_t segment_length(const struct play_packet *packet)
{
	const uint8_t *tcp = packet->bytes + packet->head.l4;
	uint32_t header = packet->head.l4 + (tcp[12] >> 4) * 4u;

	return (packet->length > header ? packet->length - header : 0) + !!(tcp[13] & TCP_SYN) + !!(tcp[13] & TCP_FIN);
}

/* Mostly what the other end waits for, sometimes a bit off, sometimes anything. */
static uint32_t bend(struct play *play, uint32_t number)
{
	uint8_t choice = play_byte(play);

	if (choice < 200)
		return number;
	if (choice < 240)
		return number + choice - 220;
	return (uint32_t)wire_random(&play->random);
}

static void number_segment(struct play *play, struct wire *wire, uint32_t sequence, uint32_t acknowledgement)
{
	uint8_t *tcp = wire->bytes + wire->l4;

	put32(tcp + 4, bend(play, sequence));
	put32(tcp + 8, tcp[13] & TCP_ACK ? bend(play, acknowledgement) : 0);
	tcp[14] = 0x40;
	wire_seal(wire);
}

/* ---------------------------------------------------------- kinds of packet */

/* 1 and 65522 have one number (conntrack/gre.h). */
static const uint32_t keys[] = { 1, 65522, 7, UINT32_MAX };

/* Half of the tunnels have a key, few are PPTP's. */
static void choose_key(struct play *play, struct wire_shape *shape)
{
	uint8_t choice = play_byte(play);

	shape->gre_flags = choice & 128 ? WIRE_GRE_KEY : 0;
	if (choice & 32)
		shape->gre_flags |= WIRE_GRE_SEQUENCE;
	if ((choice & 24) == 24)
		shape->gre_flags |= WIRE_GRE_CHECKSUM;
	shape->gre_version = choice % 8 == 7;
	shape->gre_key = keys[choice & 3];
}

static struct wire_shape choose_shape(struct play *play, uint8_t protocol)
{
	static const uint8_t mss[4] = { 2, 4, 0x05, 0xb4 };
	uint8_t choice = play_byte(play);
	struct wire_shape shape = {
		.payload = choice & 7 ? choice & 15 : 40,
		.options = choice >> 6 == 3 ? 1 : 0,
		.no_checksum = choice & 32,
	};

	if (protocol == PROTOCOL_TCP)
		shape.tcp_flags = choose_flags(play);
	if (protocol == PROTOCOL_GRE)
		choose_key(play, &shape);
	if (shape.tcp_flags & TCP_SYN && choice & 16) {
		shape.tcp_options = mss;
		shape.tcp_options_length = sizeof(mss);
	}
	return shape;
}

static uint8_t choose_protocol(struct play *play, bool v4)
{
	static const uint8_t protocols[] = { PROTOCOL_TCP,  PROTOCOL_UDP, PROTOCOL_TCP,	 PROTOCOL_UDP,	  PROTOCOL_ICMP,
					     PROTOCOL_SCTP, PROTOCOL_GRE, PROTOCOL_DCCP, PROTOCOL_UDPLITE };
	uint8_t protocol = protocols[play_below(play, sizeof(protocols))];

	return protocol == PROTOCOL_ICMP && !v4 ? PROTOCOL_ICMPV6 : protocol;
}

static bool compose_new(struct play *play, struct play_packet *packet, struct wire *wire)
{
	static const uint16_t ports[] = { 1024, 1025, 1026, 25, 53, 40000, 0, 5 };
	uint8_t who = play_byte(play), which = play_byte(play);
	const struct party *from = &parties[who % PARTIES], *to = &parties[who / PARTIES % PARTIES];
	bool v4 = play_below(play, 4) != 0;
	uint8_t protocol = choose_protocol(play, v4);
	struct wire_shape shape = choose_shape(play, protocol);

	shape.tuple.protocol = protocol;
	shape.tuple.source = (struct endpoint){ address_of(from, v4), be16_from_host(ports[which & 7]) };
	shape.tuple.destination = (struct endpoint){ address_of(to, v4), be16_from_host(ports[which >> 3 & 7]) };
	wire_build(wire, &shape, &play->random);
	if (protocol == PROTOCOL_TCP)
		number_segment(play, wire, 1000, 2001);
	packet->iif = interface_of(from->side);
	/* What comes in from outside may claim any source. */
	if (which >> 6 == 3)
		packet->iif = PLAY_WAN;
	keep(packet, wire);
	return true;
}

/* From the other end, to what left. */
static bool compose_answer(struct play *play, struct play_packet *packet, struct wire *wire)
{
	const struct play_memory *memory = remembered(play);
	struct wire_shape shape;
	struct packet parsed;

	if (!memory)
		return false;
	keep(packet, &(struct wire){ 0 });
	*packet = memory->left;
	if (packet_parse(&parsed, packet->bytes, packet->length) != REASON_NONE || packet_is_icmp_error(&parsed))
		return false;
	shape = choose_shape(play, parsed.tuple.protocol);
	shape.tuple = tuple_invert(&parsed.tuple);
	shape.reply = packet_is_icmp(&parsed) && parsed.icmp.query;
	/* Mostly with the same key. */
	if (packet_is_keyed(&parsed) && play_below(play, 4)) {
		shape.gre_flags |= WIRE_GRE_KEY;
		shape.gre_version = 0;
		shape.gre_key = parsed.gre.key;
	}
	wire_build(wire, &shape, &play->random);
	if (packet_is_tcp(&parsed) && parsed.tuple.protocol == PROTOCOL_TCP) {
		const uint8_t *tcp = packet->bytes + packet->head.l4;
		uint32_t next = tcp[13] & TCP_ACK ? get32(tcp + 8) : 2000;

		number_segment(play, wire, next, get32(tcp + 4) + segment_length(packet));
	}
	packet->iif = memory->left.oif;
	keep(packet, wire);
	return true;
}

/* Once more from the same end: the next segment, or the same again. */
static bool compose_again(struct play *play, struct play_packet *packet, struct wire *wire)
{
	const struct play_memory *memory = remembered(play);
	uint8_t *tcp;

	if (!memory)
		return false;
	*packet = memory->came;
	recall(wire, packet);
	tcp = wire->bytes + wire->l4;
	if (wire->protocol == PROTOCOL_TCP && play_below(play, 3)) {
		uint32_t next = get32(tcp + 4) + segment_length(packet);

		tcp[13] = choose_flags(play);
		number_segment(play, wire, next, tcp[13] & TCP_ACK && get32(tcp + 8) ? get32(tcp + 8) : 2001);
		keep(packet, wire);
	}
	return true;
}

/* An ICMP error about one that left, or about one on its way, from the end or from halfway. */
static bool compose_error(struct play *play, struct play_packet *packet, struct wire *wire)
{
	static const uint8_t v4_types[] = { 3, 11, 12, 5, 4 }, v6_types[] = { 1, 2, 3, 4, 1 };
	static struct wire about;
	const struct play_memory *memory = remembered(play);
	uint8_t choice = play_byte(play), how = play_byte(play);
	const struct play_packet *quoted;
	struct packet parsed;
	struct tuple outer;
	size_t length;
	bool v4;

	if (!memory)
		return false;
	quoted = choice & 1 ? &memory->came : &memory->left;
	memset(about.bytes, 0, PLAY_PACKET);
	recall(&about, quoted);
	v4 = about.family == FAMILY_IPV4;
	if (packet_parse(&parsed, about.bytes, about.length) != REASON_NONE)
		return false;
	outer = tuple_invert(&parsed.tuple);
	if (choice & 2)
		outer.source.address = address_of(&parties[choice >> 2 & 7], v4);
	if (choice >= 240)
		outer.destination.address = address_of(&parties[how & 7], v4);
	length = how & 1 ? about.length : about.l4 + 8;
	if (how >= 250)
		length = how - 240u;
	length = length > about.length ? about.length : length;
	if (how & 32)
		about.bytes[about.l4 + 4] ^= how;
	wire_quote(wire, &about, &outer, (v4 ? v4_types : v6_types)[choice % 5], how >> 1 & 7, length, 0, 0);
	packet->iif = choice & 2 && play_is_own(&outer.source.address) ? 0
		      : quoted == &memory->came			       ? memory->came.iif
								       : memory->left.oif;
	keep(packet, wire);
	return true;
}

static bool compose_bytes(struct play *play, struct play_packet *packet)
{
	packet->length = play_byte(play);
	packet->head.l4 = 20;
	packet->head.family = FAMILY_IPV4;
	packet->iif = play_below(play, 3) + 1u;
	for (uint16_t i = 0; i < packet->length; i++)
		packet->bytes[i] = play_byte(play);
	wire_seal_ipv4(packet->bytes, packet->length);
	return true;
}

/* ---------------------------------------------------------------- bending */

static void bend_packet(struct play *play, struct play_packet *packet)
{
	uint8_t choice = play_byte(play);
	struct packet parsed;

	if (choice >= 16 || packet->length < 28)
		return;
	if (choice < 4 && packet->bytes[0] >> 4 == 4) {
		packet->bytes[6] = (uint8_t)(choice & 1 ? 0x20 : 0);
		packet->bytes[7] = choice & 2 ? 5 : 0;
	} else if (choice < 12) {
		packet->bytes[play_byte(play) % packet->length] ^= play_byte(play);
	} else {
		packet->length = (uint16_t)(packet->length - play_byte(play) % packet->length);
	}
	wire_seal_ipv4(packet->bytes, packet->length);
	if (choice & 1 && packet_parse(&parsed, packet->bytes, packet->length) == REASON_NONE)
		wire_correct(&parsed);
}

void play_ftp(struct play *play)
{
	uint8_t who = play_byte(play);
	const struct party *from = &parties[who % PARTIES], *to = &parties[who / PARTIES % PARTIES];
	bool v4 = play_below(play, 4) != 0;
	struct tuple tuple = {
		.source = { address_of(from, v4), be16_from_host((uint16_t)(1030 + play_below(play, 4))) },
		.destination = { address_of(to, v4), { 0 } },
	};

	play_converse(play, interface_of(from->side), &tuple);
}

bool play_compose(struct play *play, struct play_packet *packet)
{
	static struct wire wire;
	uint8_t kind = play_byte(play);
	bool made;

	*packet = (struct play_packet){ .valid = true };
	/* Nothing of other packets: a play is a function of its bytes. */
	memset(wire.bytes, 0, PLAY_PACKET);
	if (kind < 90)
		made = compose_new(play, packet, &wire);
	else if (kind < 170)
		made = compose_answer(play, packet, &wire);
	else if (kind < 215)
		made = compose_again(play, packet, &wire);
	else if (kind < 248)
		made = compose_error(play, packet, &wire);
	else
		made = compose_bytes(play, packet);
	packet->unfinished = false;
	packet->mark = 0;
	if (made)
		bend_packet(play, packet);
	return made;
}
