/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FTP in the play: a control connection that may really work, with announcements, repetitions,
 * cuts and gaps, and attempts at what was announced.
 */
#include "tests/model/engine_play.h"

#include <arpa/inet.h>
#include <stdio.h>

enum speaker {
	CLIENT,
	SERVER,
};

/**
 * struct talk - both ends' own counts
 * @tuple: what each end's packets carry when it sends them; the server's is known once it heard
 * @sent: the next number of its own; @heard: what it has seen of the other's
 */
struct talk {
	struct tuple tuple[2];
	uint32_t iif[2];
	uint32_t sent[2], heard[2];
	bool connected;
	struct play_packet last[2];
};

/* Sends, and lets the other end hear what arrived. */
static void send_packet(struct play *play, struct talk *talk, enum speaker speaker, struct play_packet *packet)
{
	unsigned int before = play->memory_next;
	const struct play_packet *left;
	struct packet parsed;
	uint8_t copy[PLAY_PACKET];

	talk->last[speaker] = *packet;
	play_send(play, packet);
	if (play->memory_next == before || play->failure)
		return;
	left = &play->memory[before % PLAY_MEMORY].left;
	memcpy(copy, left->bytes, left->length);
	if (packet_parse(&parsed, copy, left->length) != REASON_NONE || !packet_is_tcp(&parsed))
		return;
	talk->heard[!speaker] = parsed.tcp.sequence + parsed.payload_length + !!(parsed.tcp.flags & TCP_SYN);
	if (speaker == CLIENT) {
		talk->tuple[SERVER] = tuple_invert(&parsed.tuple);
		talk->iif[SERVER] = left->oif;
		talk->connected = true;
	}
}

static void say(struct play *play, struct talk *talk, enum speaker speaker, uint8_t flags, const char *text)
{
	static struct wire wire;
	struct wire_shape shape = {
		.tuple = talk->tuple[speaker],
		.payload = strlen(text),
		.tcp_flags = flags,
	};
	struct play_packet packet = { .valid = true, .iif = talk->iif[speaker] };
	uint32_t numbers[2] = { htonl(talk->sent[speaker]), htonl(flags & TCP_ACK ? talk->heard[speaker] : 0) };

	wire_build(&wire, &shape, &play->random);
	memcpy(wire.bytes + wire.l4 + 4, numbers, sizeof(numbers));
	wire.bytes[wire.l4 + 14] = 0x40;
	memcpy(wire.bytes + wire.length - shape.payload, text, shape.payload);
	wire_seal(&wire);
	packet.head = (struct wire_head){ wire.family, wire.protocol, (uint16_t)wire.l4 };
	packet.length = (uint16_t)wire.length;
	memcpy(packet.bytes, wire.bytes, wire.length);
	talk->sent[speaker] += (uint32_t)shape.payload + !!(flags & TCP_SYN);
	send_packet(play, talk, speaker, &packet);
}

/* A line that announces the speaker's own address, or another's. */
static void announce(struct play *play, const struct talk *talk, enum speaker speaker, char *line, size_t size)
{
	const struct address *own = &talk->tuple[speaker].source.address;
	bool v4 = address_is_ipv4(own);
	uint8_t bytes[4], port = (uint8_t)play_below(play, 4);
	char text[INET6_ADDRSTRLEN];

	memcpy(bytes, own->bytes + 12, 4);
	bytes[3] ^= play_below(play, 16) == 1;
	inet_ntop(v4 ? AF_INET : AF_INET6, own->bytes + (v4 ? 12 : 0), text, sizeof(text));
	if (speaker == CLIENT && (!v4 || play_below(play, 2)))
		snprintf(line, size, "EPRT |%d|%s|%u|\r\n", v4 ? 1 : 2, text, 1023u + port);
	else if (speaker == CLIENT)
		snprintf(line, size, "PORT %u,%u,%u,%u,4,%u\r\n", bytes[0], bytes[1], bytes[2], bytes[3], port);
	else if (!v4 || play_below(play, 2))
		snprintf(line, size, "229 x (|||%u|)\r\n", 1023u + port);
	else
		snprintf(line, size, "227 x (%u,%u,%u,%u,4,%u)\r\n", bytes[0], bytes[1], bytes[2], bytes[3], port);
}

/* Somebody connects to what may have been announced. */
static void try_data(struct play *play, const struct talk *talk)
{
	enum speaker speaker = play_below(play, 2) ? CLIENT : SERVER;
	static struct wire wire;
	struct wire_shape shape = { .tuple = talk->tuple[speaker], .tcp_flags = TCP_SYN };
	struct play_packet packet = { .valid = true, .iif = talk->iif[speaker] };

	shape.tuple.source.port = be16_from_host((uint16_t)(20 + play_below(play, 3)));
	shape.tuple.destination.port = be16_from_host((uint16_t)(1023 + play_below(play, 4)));
	wire_build(&wire, &shape, &play->random);
	packet.head = (struct wire_head){ wire.family, wire.protocol, (uint16_t)wire.l4 };
	packet.length = (uint16_t)wire.length;
	memcpy(packet.bytes, wire.bytes, wire.length);
	play_send(play, &packet);
}

static void turn(struct play *play, struct talk *talk)
{
	static const char *const words[] = { "NOOP\r\n",	   "PASV\r\n",	 "EPSV\r\n",
					     "GET / HTTP/1.1\r\n", "200 ok\r\n", "NO" };
	enum speaker speaker = play_below(play, 2) ? SERVER : CLIENT;
	uint8_t choice = play_byte(play);
	struct play_packet again;
	char line[80];

	if (choice < 60) {
		announce(play, talk, CLIENT, line, sizeof(line));
		say(play, talk, CLIENT, TCP_ACK | TCP_PSH, line);
	} else if (choice < 110) {
		say(play, talk, CLIENT, TCP_ACK | TCP_PSH, words[1 + (choice & 1)]);
		announce(play, talk, SERVER, line, sizeof(line));
		say(play, talk, SERVER, TCP_ACK | TCP_PSH, line);
	} else if (choice < 150) {
		again = talk->last[speaker];
		/* The same again, or less of it. */
		if (choice & 1 && again.length > 60)
			again.length = (uint16_t)(again.length - choice % 8);
		if (again.length)
			send_packet(play, talk, speaker, &again);
	} else if (choice < 190) {
		try_data(play, talk);
	} else if (choice < 210) {
		talk->sent[speaker] += choice & 7;
	} else {
		say(play, talk, speaker, choice < 240 ? TCP_ACK : TCP_ACK | TCP_FIN, words[choice % 6]);
	}
}

void play_converse(struct play *play, uint32_t iif, const struct tuple *tuple)
{
	static struct talk talk;
	unsigned int turns = play_below(play, 12);

	talk = (struct talk){ .tuple = { *tuple }, .iif = { iif }, .sent = { 0xffffffc0, 5000 } };
	talk.tuple[CLIENT].protocol = PROTOCOL_TCP;
	talk.tuple[CLIENT].destination.port = be16_from_host(21);
	say(play, &talk, CLIENT, TCP_SYN, "");
	if (!talk.connected || play->failure)
		return;
	say(play, &talk, SERVER, TCP_SYN | TCP_ACK, "");
	say(play, &talk, CLIENT, TCP_ACK, "");
	if (!play->failure && play_below(play, 8) != 1)
		say(play, &talk, SERVER, TCP_ACK | TCP_PSH, "220 x\r\n");
	while (turns-- && !play->failure)
		turn(play, &talk);
}
