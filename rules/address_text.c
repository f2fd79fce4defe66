/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/address_text.h"

#include <stdio.h>
#include <string.h>

bool address_text_parse_ipv4(const char *text, uint8_t wire[4])
{
	for (int part = 0; part < 4; part++) {
		unsigned int number = 0, digits = 0;

		if (part && *text++ != '.')
			return false;
		for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
			number = number * 10 + (unsigned int)(*text - '0');
		if (!digits || number > 255 || (digits > 1 && text[-(int)digits] == '0'))
			return false;
		wire[part] = (uint8_t)number;
	}
	return *text == '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Groups up to the end or to a `::`; returns the bytes written, or -1. */
static int parse_groups(const char **at, uint8_t *wire, int room)
{
	int filled = 0;

	while (**at && strncmp(*at, "::", 2) != 0) {
		unsigned int number = 0, digits = 0;
		const char *start;

		if (filled && *(*at)++ != ':')
			return -1;
		start = *at;
		for (; hex_digit(**at) >= 0 && digits < 5; (*at)++, digits++)
			number = number << 4 | (unsigned int)hex_digit(**at);
		if (**at == '.') {
			if (filled + 4 > room || !address_text_parse_ipv4(start, wire + filled))
				return -1;
			*at += strlen(*at);
			return filled + 4;
		}
		if (!digits || digits > 4 || filled + 2 > room)
			return -1;
		wire[filled++] = (uint8_t)(number >> 8);
		wire[filled++] = (uint8_t)number;
	}
	return filled;
}

bool address_text_parse_ipv6(const char *text, uint8_t wire[16])
{
	uint8_t tail[16];
	int head = parse_groups(&text, wire, 16), end;

	if (head < 0)
		return false;
	if (!*text)
		return head == 16;
	text += 2; /* the :: */
	end = *text == ':' ? -1 : parse_groups(&text, tail, 14 - head);
	if (end < 0 || *text || head + end > 14)
		return false;
	memset(wire + head, 0, (size_t)(16 - head));
	memcpy(wire + 16 - end, tail, (size_t)end);
	return true;
}

void address_text_print_ipv4(const uint8_t wire[4], char text[ADDRESS_TEXT_SIZE])
{
	snprintf(text, ADDRESS_TEXT_SIZE, "%u.%u.%u.%u", wire[0], wire[1], wire[2], wire[3]);
}

/* The longest run of two or more zero groups, the first of equals (section 4.2). */
static int longest_run(const uint8_t wire[16], int *length)
{
	int best = -1;

	*length = 1;
	for (int group = 0; group < 8; group++) {
		int run = 0;

		while (group + run < 8 && !wire[2 * (group + run)] && !wire[2 * (group + run) + 1])
			run++;
		if (run > *length) {
			*length = run;
			best = group;
		}
	}
	return best;
}

void address_text_print_ipv6(const uint8_t wire[16], char text[ADDRESS_TEXT_SIZE])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	int length, run = longest_run(wire, &length);
	size_t used = 0;

	if (memcmp(wire, mapped, sizeof(mapped)) == 0) {
		snprintf(text, ADDRESS_TEXT_SIZE, "::ffff:%u.%u.%u.%u", wire[12], wire[13], wire[14], wire[15]);
		return;
	}
	text[0] = '\0';
	for (int group = 0; group < 8; group++) {
		if (group == run) {
			used += (size_t)snprintf(text + used, ADDRESS_TEXT_SIZE - used, "::");
			group += length - 1;
			continue;
		}
		used += (size_t)snprintf(text + used, ADDRESS_TEXT_SIZE - used, "%s%x",
					 group && (run < 0 || group != run + length) ? ":" : "",
					 (unsigned int)(wire[2 * group] << 8 | wire[2 * group + 1]));
	}
}
