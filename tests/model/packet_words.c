/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/packet_words.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* Words to be read one after another. */
struct words {
	char *const *list;
	size_t count;
	char *why;
	size_t size;
};

/* What the words say of a packet. */
struct said {
	struct wire_shape shape;
	bool has_sequence;
	uint32_t sequence, acknowledgement, window, ttl, mtu, type, code;
	uint8_t options[40];
	const char *text;
	bool whole_line;
	bool bad_checksum, dont_fragment, first, later;
	bool dns, dns_response;
	uint16_t dns_id;
};

#define DNS_HEADER 12
#define UDP_HEADER 8
#define DCCP_HEADER 28

static bool fail(struct words *words, const char *what, const char *word)
{
	snprintf(words->why, words->size, "%s: '%s'", what, word ? word : "end of line");
	return false;
}

static const char *peek(const struct words *words)
{
	return words->count ? words->list[0] : NULL;
}

static const char *take(struct words *words)
{
	const char *word = peek(words);

	if (word) {
		words->list++;
		words->count--;
	}
	return word;
}

static bool is_number(const char *word)
{
	return word && *word >= '0' && *word <= '9' && word[strspn(word, "0123456789")] == '\0';
}

static bool take_number(struct words *words, uint32_t *value)
{
	const char *word = take(words);

	if (!is_number(word))
		return fail(words, "not a number", word);
	*value = (uint32_t)strtoul(word, NULL, 10);
	return true;
}

/* ---------------------------------------------------------------- endpoints */

bool packet_words_protocol(const char *word, uint8_t *protocol)
{
	static const struct {
		const char *word;
		uint8_t number;
	} known[] = { { "tcp", PROTOCOL_TCP },	 { "udp", PROTOCOL_UDP },   { "icmp", PROTOCOL_ICMP },
		      { "sctp", PROTOCOL_SCTP }, { "gre", PROTOCOL_GRE },   { "icmpv6", PROTOCOL_ICMPV6 },
		      { "esp", PROTOCOL_ESP },	 { "dccp", PROTOCOL_DCCP }, { "udplite", PROTOCOL_UDPLITE } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].word, word) == 0) {
			*protocol = known[i].number;
			return true;
		}
	}
	if (strncmp(word, "ip/", 3) == 0 && is_number(word + 3)) {
		*protocol = (uint8_t)atoi(word + 3);
		return true;
	}
	return false;
}

bool packet_words_endpoint(const char *text, struct endpoint *endpoint)
{
	char address[64] = "", *end;
	const char *port = NULL;
	uint8_t wire[16];

	if (text[0] == '[')
		sscanf(text, "[%63[^]]", address);
	else if (strchr(text, ':') == strrchr(text, ':'))
		sscanf(text, "%63[^:]", address);
	else
		snprintf(address, sizeof(address), "%s", text);
	if (text[0] == '[')
		port = strstr(text, "]:") ? strstr(text, "]:") + 2 : NULL;
	else if (strlen(address) < strlen(text))
		port = text + strlen(address) + 1;
	*endpoint = (struct endpoint){ 0 };
	if (port) {
		endpoint->port = be16_from_host((uint16_t)strtoul(port, &end, 10));
		if (!is_number(port))
			return false;
	}
	if (inet_pton(AF_INET, address, wire) == 1)
		endpoint->address = address_from_ipv4(wire);
	else if (inet_pton(AF_INET6, address, wire) == 1)
		endpoint->address = address_from_ipv6(wire);
	else
		return false;
	return true;
}

static void describe(const struct endpoint *endpoint, bool has_port, char text[PACKET_WORDS_ENDPOINT])
{
	bool v4 = address_is_ipv4(&endpoint->address);
	char address[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, endpoint->address.bytes + (v4 ? 12 : 0), address, sizeof(address));
	if (has_port)
		snprintf(text, PACKET_WORDS_ENDPOINT, v4 ? "%s:%u" : "[%s]:%u", address, be16_to_host(endpoint->port));
	else
		snprintf(text, PACKET_WORDS_ENDPOINT, "%s", address);
}

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE ||
	       protocol == PROTOCOL_DCCP || protocol == PROTOCOL_SCTP;
}

void packet_words_describe(const struct packet *packet, char source[PACKET_WORDS_ENDPOINT],
			   char destination[PACKET_WORDS_ENDPOINT])
{
	bool ports = has_ports(packet->tuple.protocol), icmp = packet_is_icmp(packet);

	describe(&packet->tuple.source, ports || (icmp && packet->icmp.query), source);
	describe(&packet->tuple.destination, ports || (icmp && packet->icmp.reply), destination);
}

void packet_words_describe_quote(const struct packet_quote *quote, char source[PACKET_WORDS_ENDPOINT],
				 char destination[PACKET_WORDS_ENDPOINT])
{
	bool ports = has_ports(quote->tuple.protocol);
	bool icmp = quote->tuple.protocol == PROTOCOL_ICMP || quote->tuple.protocol == PROTOCOL_ICMPV6;

	describe(&quote->tuple.source, ports || icmp, source);
	describe(&quote->tuple.destination, ports, destination);
}

/* ------------------------------------------------------------------ building */

static void add_option(struct said *said, const uint8_t *bytes, size_t length)
{
	memcpy(said->options + said->shape.tcp_options_length, bytes, length);
	said->shape.tcp_options_length += length;
}

static void add_timestamp(struct said *said, uint32_t value, uint32_t echo)
{
	uint8_t option[12] = { 1, 1, 8, 10 };

	value = htonl(value);
	echo = htonl(echo);
	memcpy(option + 4, &value, 4);
	memcpy(option + 8, &echo, 4);
	add_option(said, option, sizeof(option));
}

/* At an odd place, where checksums go wrong. */
static void add_sack(struct said *said, uint32_t left, uint32_t right)
{
	uint8_t option[12] = { 1, 5, 10, [11] = 0 };

	left = htonl(left);
	right = htonl(right);
	memcpy(option + 3, &left, 4);
	memcpy(option + 7, &right, 4);
	add_option(said, option, sizeof(option));
}

static bool read_tcp_option(struct words *words, struct said *said, const char *word)
{
	uint32_t value, echo;

	if (said->shape.tcp_options_length > sizeof(said->options) - 12)
		return fail(words, "too many options", word);
	if (strcmp(word, "sackok") == 0) {
		add_option(said, (const uint8_t[]){ 1, 1, 4, 2 }, 4);
		return true;
	}
	if (!take_number(words, &value))
		return false;
	if (strcmp(word, "sack") == 0) {
		if (!take_number(words, &echo))
			return false;
		add_sack(said, value, echo);
		return true;
	}
	if (strcmp(word, "wscale") == 0) {
		add_option(said, (const uint8_t[]){ 1, 3, 3, (uint8_t)value }, 4);
	} else if (strcmp(word, "mss") == 0) {
		add_option(said, (const uint8_t[]){ 2, 4, (uint8_t)(value >> 8), (uint8_t)value }, 4);
	} else {
		if (!take_number(words, &echo))
			return false;
		add_timestamp(said, value, echo);
	}
	return true;
}

static void say_dns(struct said *said, uint32_t id, bool response)
{
	said->dns = true;
	said->dns_id = (uint16_t)id;
	said->dns_response = response;
	said->shape.payload = DNS_HEADER;
}

/* A call's number stands in the key's lower half, beside the payload's length (RFC 2637 section 4.1). */
static void say_key(struct said *said, uint32_t value, bool call)
{
	said->shape.gre_flags |= WIRE_GRE_KEY;
	said->shape.gre_version = call;
	said->shape.gre_key = call ? (uint32_t)said->shape.payload << 16 | (value & 0xffff) : value;
}

/* Words without a number. */
static bool read_flag(struct said *said, const char *word)
{
	said->bad_checksum |= strcmp(word, "badsum") == 0;
	said->dont_fragment |= strcmp(word, "df") == 0;
	said->first |= strcmp(word, "first") == 0;
	said->later |= strcmp(word, "later") == 0;
	if (strcmp(word, "checked") == 0)
		said->shape.gre_flags |= WIRE_GRE_CHECKSUM;
	return strcmp(word, "badsum") == 0 || strcmp(word, "df") == 0 || strcmp(word, "first") == 0 ||
	       strcmp(word, "later") == 0 || strcmp(word, "checked") == 0;
}

static bool read_option(struct words *words, struct said *said)
{
	const char *word = take(words);
	uint32_t value;

	if (read_flag(said, word))
		return true;
	if (strcmp(word, "wscale") == 0 || strcmp(word, "mss") == 0 || strcmp(word, "ts") == 0 ||
	    strcmp(word, "sackok") == 0 || strcmp(word, "sack") == 0)
		return read_tcp_option(words, said, word);
	if (strcmp(word, "says") == 0 || strcmp(word, "part") == 0) {
		said->whole_line = strcmp(word, "says") == 0;
		said->text = take(words);
		if (!said->text)
			return fail(words, "no text", NULL);
		said->shape.payload = strlen(said->text) + (said->whole_line ? 2 : 0);
		return true;
	}
	if (!take_number(words, &value))
		return false;
	if (strcmp(word, "len") == 0)
		said->shape.payload = value;
	else if (strcmp(word, "win") == 0)
		said->window = value;
	else if (strcmp(word, "ttl") == 0)
		said->ttl = value;
	else if (strcmp(word, "mtu") == 0)
		said->mtu = value;
	else if (strcmp(word, "query") == 0 || strcmp(word, "response") == 0)
		say_dns(said, value, *word == 'r');
	else if (strcmp(word, "key") == 0 || strcmp(word, "call") == 0)
		say_key(said, value, *word == 'c');
	else
		return fail(words, "unknown word", word);
	return true;
}

static bool read_tcp(struct words *words, struct said *said)
{
	static const char letters[] = "FSRPAU";
	const char *flags = take(words);

	if (!flags)
		return fail(words, "flags are missing", NULL);
	for (; *flags; flags++) {
		const char *letter = strchr(letters, *flags);

		if (*flags != '-' && !letter)
			return fail(words, "not flags", flags);
		if (letter)
			said->shape.tcp_flags |= (uint8_t)(1 << (letter - letters));
	}
	if (is_number(peek(words))) {
		said->has_sequence = true;
		take_number(words, &said->sequence);
	}
	return !is_number(peek(words)) || take_number(words, &said->acknowledgement);
}

/* TYPE SEQUENCE [ACKNOWLEDGEMENT]; all headers are as long as the longest. */
static bool read_dccp(struct words *words, struct said *said)
{
	static const char *const types[] = { "request",	 "response", "data",  "ack",  "dataack",
					     "closereq", "close",    "reset", "sync", "syncack" };
	const char *word = take(words);

	for (said->type = 0; word && said->type < 10 && strcmp(types[said->type], word) != 0;)
		said->type++;
	if (!word || said->type == 10)
		return fail(words, "not a type of DCCP", word);
	said->shape.payload = DCCP_HEADER - 16;
	return take_number(words, &said->sequence) &&
	       (!is_number(peek(words)) || take_number(words, &said->acknowledgement));
}

static bool read_endpoints(struct words *words, struct tuple *tuple)
{
	const char *source = take(words), *arrow = take(words), *destination = take(words);

	if (!source || !packet_words_endpoint(source, &tuple->source))
		return fail(words, "not an endpoint", source);
	if (!arrow || strcmp(arrow, ">") != 0)
		return fail(words, "not >", arrow);
	if (!destination || !packet_words_endpoint(destination, &tuple->destination))
		return fail(words, "not an endpoint", destination);
	return true;
}

/* An identifier stands with who asks: the other side's "port" is the request's type. */
static void settle_icmp(struct wire_shape *shape)
{
	struct be16 type = be16_from_host(shape->tuple.protocol == PROTOCOL_ICMP ? 8 : 128);

	shape->reply = shape->tuple.source.port.raw == 0 && shape->tuple.destination.port.raw != 0;
	if (shape->reply)
		shape->tuple.source.port = type;
	else
		shape->tuple.destination.port = type;
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, 4);
}

static void put_tcp(struct wire *wire, const struct said *said)
{
	uint8_t *l4 = wire->bytes + wire->l4;

	put32(l4 + 4, said->sequence);
	put32(l4 + 8, said->shape.tcp_flags & TCP_ACK || said->acknowledgement ? said->acknowledgement : 0);
	l4[14] = (uint8_t)(said->window >> 8);
	l4[15] = (uint8_t)said->window;
	l4[18] = l4[19] = 0;
}

/* One question and nothing else is told from an answer by a bit (RFC 1035 section 4.1.1). */
static void put_dns(struct wire *wire, const struct said *said)
{
	uint8_t *message = wire->bytes + wire->l4 + UDP_HEADER;

	memset(message, 0, DNS_HEADER);
	message[0] = (uint8_t)(said->dns_id >> 8);
	message[1] = (uint8_t)said->dns_id;
	message[2] = said->dns_response ? 0x80 : 0;
	message[5] = 1;
}

static void put_dccp(struct wire *wire, const struct said *said)
{
	uint8_t *l4 = wire->bytes + wire->l4;

	memset(l4 + 8, 0, DCCP_HEADER - 8);
	l4[4] = DCCP_HEADER / 4;
	l4[5] = 0;
	l4[8] = (uint8_t)(said->type << 1 | 1);
	put32(l4 + 12, said->sequence);
	put32(l4 + 20, said->acknowledgement);
}

/* The payload is the packet's end. */
static void put_text(struct wire *wire, const struct said *said)
{
	size_t length = strlen(said->text);
	uint8_t *at = wire->bytes + wire->length - said->shape.payload;

	for (size_t i = 0; i < length; i++)
		at[i] = said->text[i] == '_' ? ' ' : said->text[i] == '~' ? '\n' : (uint8_t)said->text[i];
	if (said->whole_line)
		memcpy(at + length, "\r\n", 2);
}

static void finish(struct wire *wire, const struct said *said)
{
	if (said->text)
		put_text(wire, said);
	wire->bytes[wire->family == FAMILY_IPV4 ? 8 : 7] = (uint8_t)said->ttl;
	if (said->dont_fragment && wire->family == FAMILY_IPV4)
		wire->bytes[6] |= 0x40;
	if (said->first && wire->family == FAMILY_IPV4)
		wire->bytes[6] |= 0x20;
	if (said->later && wire->family == FAMILY_IPV4)
		wire->bytes[7] = 100;
	wire_seal(wire);
	if (said->bad_checksum)
		wire->bytes[wire->length - 1] ^= 0x5a;
}

static bool build_plain(struct wire *wire, struct words *words, const char *protocol)
{
	struct said said = { .window = 10000, .ttl = 64 };
	uint64_t random = 1;

	if (!packet_words_protocol(protocol, &said.shape.tuple.protocol))
		return fail(words, "not a protocol", protocol);
	if (!read_endpoints(words, &said.shape.tuple))
		return false;
	if (said.shape.tuple.protocol == PROTOCOL_ICMP || said.shape.tuple.protocol == PROTOCOL_ICMPV6)
		settle_icmp(&said.shape);
	if (said.shape.tuple.protocol == PROTOCOL_TCP && !read_tcp(words, &said))
		return false;
	if (said.shape.tuple.protocol == PROTOCOL_DCCP && !read_dccp(words, &said))
		return false;
	while (words->count)
		if (!read_option(words, &said))
			return false;
	said.shape.tcp_options = said.options;
	wire_build(wire, &said.shape, &random);
	if (said.shape.tuple.protocol == PROTOCOL_TCP)
		put_tcp(wire, &said);
	if (said.shape.tuple.protocol == PROTOCOL_DCCP)
		put_dccp(wire, &said);
	if (said.dns)
		put_dns(wire, &said);
	finish(wire, &said);
	return true;
}

static bool build_error(struct wire *wire, struct words *words)
{
	static struct wire about;
	struct said said = { .ttl = 61 };
	struct tuple outer = { 0 };
	uint8_t *l4;

	if (!read_endpoints(words, &outer) || !take_number(words, &said.type) || !take_number(words, &said.code))
		return false;
	while (peek(words) && strcmp(peek(words), "quoting") != 0)
		if (!read_option(words, &said))
			return false;
	if (!take(words) || !peek(words))
		return fail(words, "nothing quoted", NULL);
	if (!build_plain(&about, words, take(words)))
		return false;
	outer.protocol = about.family == FAMILY_IPV4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
	wire_quote(wire, &about, &outer, (uint8_t)said.type, (uint8_t)said.code,
		   about.length < 576 - 28 ? about.length : 576 - 28, 0, 0);
	l4 = wire->bytes + wire->l4;
	if (wire->family == FAMILY_IPV6)
		put32(l4 + 4, said.mtu);
	else if (said.mtu)
		put32(l4 + 4, said.mtu & 0xffff);
	finish(wire, &said);
	return true;
}

bool packet_words_build(struct wire *wire, char *const *list, size_t count, char *why, size_t size)
{
	struct words words = { list, count, why, size };
	const char *protocol = take(&words);

	if (!protocol)
		return fail(&words, "no packet", NULL);
	if (strcmp(protocol, "error") == 0)
		return build_error(wire, &words);
	return build_plain(wire, &words, protocol);
}
