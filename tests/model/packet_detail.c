/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What scenarios ask of a packet besides its endpoints. */
#include <arpa/inet.h>
#include <stdio.h>

#include "tests/model/packet_words.h"

uint16_t packet_words_mss(const struct packet *packet)
{
	const uint8_t *at = packet->bytes + packet->tcp.options_offset, *end = at + packet->tcp.options_length;

	if (!packet_is_tcp(packet))
		return 0;
	while (at + 1 < end && *at != 0) {
		if (*at == 2 && at + 3 < end)
			return (uint16_t)(at[2] << 8 | at[3]);
		at += *at == 1 || at[1] < 2 ? 1 : at[1];
	}
	return 0;
}

/* One line, its end left out; what is no letter of it reads as in the scenario. */
static void describe_text(const struct packet *packet, char *text, size_t size)
{
	size_t length = packet->payload_length < size - 1 ? packet->payload_length : size - 1;
	const uint8_t *payload = packet->bytes + packet->payload_offset;

	if (length >= 2 && payload[length - 1] == '\n' && payload[length - 2] == '\r')
		length -= 2;
	for (size_t i = 0; i < length; i++)
		text[i] = payload[i] == ' ' ? '_' : payload[i] == '\n' ? '~' : (char)payload[i];
	text[length] = '\0';
}

static void describe_sack(const struct packet *packet, char *text, size_t size)
{
	const uint8_t *at = packet->bytes + packet->tcp.options_offset, *end = at + packet->tcp.options_length;
	uint32_t edges[2] = { 0, 0 };

	while (at + 9 < end && *at != 5)
		at += *at == 1 || at[1] < 2 ? 1 : at[1];
	if (at + 9 < end)
		memcpy(edges, at + 2, sizeof(edges));
	snprintf(text, size, "%u-%u", ntohl(edges[0]), ntohl(edges[1]));
}

bool packet_words_detail(const struct packet *packet, const char *what, char *text, size_t size)
{
	if (!packet_is_tcp(packet))
		return false;
	if (strcmp(what, "says") == 0)
		describe_text(packet, text, size);
	else if (strcmp(what, "seq") == 0)
		snprintf(text, size, "%u", packet->tcp.sequence);
	else if (strcmp(what, "ack") == 0)
		snprintf(text, size, "%u", packet->tcp.acknowledgement);
	else if (strcmp(what, "sack") == 0)
		describe_sack(packet, text, size);
	else if (strcmp(what, "len") == 0)
		snprintf(text, size, "%u", packet->payload_length);
	else if (strcmp(what, "mss") == 0)
		snprintf(text, size, "%u", packet_words_mss(packet));
	else
		return false;
	return true;
}
