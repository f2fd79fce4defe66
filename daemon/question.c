/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/question.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "conntrack/parse.h"
#include "daemon/words.h"

struct parser {
	const struct link_table *links;
	struct question *question;
	char *rest; /* of strtok_r() */
	bool has_type;
	unsigned long type, id;
	char *error;
	size_t size;
};

static bool wrong(struct parser *parser, const char *format, const char *what)
{
	snprintf(parser->error, parser->size, format, what);
	return false;
}

static bool parse_number(const char *text, unsigned long limit, unsigned long *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return *end == '\0' && errno == 0 && *number <= limit;
}

static bool parse_address(const char *text, struct address *address)
{
	uint8_t wire[16];

	if (inet_pton(AF_INET, text, wire) == 1)
		*address = address_from_ipv4(wire);
	else if (inet_pton(AF_INET6, text, wire) == 1)
		*address = address_from_ipv6(wire);
	else
		return false;
	return true;
}

/* ADDRESS:PORT, an IPv6 address in brackets. @text is taken apart. */
static bool parse_endpoint(struct parser *parser, char *text, struct endpoint *endpoint)
{
	char *colon = strrchr(text, ':'), *end = colon;
	unsigned long port;

	if (!colon || (*text == '[' && (colon == text || colon[-1] != ']')))
		return wrong(parser, "no port: %.60s (ADDRESS:PORT, an IPv6 address in brackets)", text);
	if (!parse_number(colon + 1, UINT16_MAX, &port))
		return wrong(parser, "bad port: %.20s", colon + 1);
	if (*text == '[') {
		text++;
		end--;
	}
	*end = '\0';
	if (!parse_address(text, &endpoint->address))
		return wrong(parser, "bad address: %.60s", text);
	endpoint->port = be16_from_host((uint16_t)port);
	return true;
}

static bool parse_plain(struct parser *parser, char *text, struct endpoint *endpoint)
{
	size_t length = strlen(text);

	if (*text == '[' && length && text[length - 1] == ']') {
		text[length - 1] = '\0';
		text++;
	}
	if (!parse_address(text, &endpoint->address))
		return wrong(parser, "bad address: %.60s", text);
	return true;
}

static bool parse_interface(struct parser *parser, const char *name, uint32_t *index)
{
	for (size_t i = 0; i < parser->links->count; i++) {
		if (strncmp(parser->links->links[i].name, name, INTERFACE_NAME_SIZE) != 0)
			continue;
		*index = parser->links->links[i].index;
		return true;
	}
	return wrong(parser, "no such interface: %.40s", name);
}

static bool parse_type(struct parser *parser, const char *word)
{
	static const struct {
		const char *word;
		uint8_t v4, v6;
	} types[] = {
		{ "echo-request", 8, 128 },
		{ "echo-reply", 0, 129 },
		{ "timestamp-request", 13, 13 },
		{ "timestamp-reply", 14, 14 },
	};
	bool v6 = parser->question->tuple.protocol == PROTOCOL_ICMPV6;

	parser->has_type = true;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcasecmp(types[i].word, word) == 0) {
			parser->type = v6 ? types[i].v6 : types[i].v4;
			return true;
		}
	}
	return parse_number(word, UINT8_MAX, &parser->type) || wrong(parser, "bad ICMP type: %.40s", word);
}

static bool is_icmp(const struct parser *parser)
{
	uint8_t protocol = parser->question->tuple.protocol;

	return protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6;
}

/* Decimal, or as conntrack prints it: 0x7. */
static bool parse_key(struct parser *parser, const char *text)
{
	struct question *question = parser->question;
	unsigned long key;
	char *end;

	errno = 0;
	key = strtoul(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || key > UINT32_MAX)
		return wrong(parser, "bad key: %.20s", text);
	question->keyed = true;
	question->key = (uint32_t)key;
	return true;
}

/* A word and its value, behind the addresses. */
static bool parse_option(struct parser *parser, const char *word)
{
	struct question *question = parser->question;
	const char *value = strtok_r(NULL, " \t", &parser->rest);

	if (!value)
		return wrong(parser, "%.40s needs a value", word);
	if (strcmp(word, "iif") == 0)
		return parse_interface(parser, value, &question->iif);
	if (strcmp(word, "oif") == 0)
		return parse_interface(parser, value, &question->oif);
	if (is_icmp(parser) && strcmp(word, "type") == 0)
		return parse_type(parser, value);
	if (is_icmp(parser) && strcmp(word, "id") == 0) {
		question->any_id = false;
		return parse_number(value, UINT16_MAX, &parser->id) || wrong(parser, "bad identifier: %.20s", value);
	}
	if (question->tuple.protocol == PROTOCOL_GRE && strcmp(word, "key") == 0)
		return parse_key(parser, value);
	return wrong(parser, "unknown word: %.40s (iif, oif, for ICMP type and id, for GRE key)", word);
}

static bool parse_protocol(struct parser *parser, const char *word)
{
	unsigned long number;
	uint8_t *protocol = &parser->question->tuple.protocol;

	if (words_find_protocol(word, protocol))
		return true;
	if (!parse_number(word, UINT8_MAX, &number))
		return wrong(parser, "unknown protocol: %.40s", word);
	*protocol = (uint8_t)number;
	return true;
}

/* The asker's "port" is the identifier, the answerer's the type of the request (sluice/tuple.h). */
static bool put_query(struct parser *parser)
{
	struct tuple *tuple = &parser->question->tuple;
	struct be16 id = be16_from_host((uint16_t)parser->id);
	uint8_t type = (uint8_t)parser->type;

	if (!parser->has_type)
		type = tuple->protocol == PROTOCOL_ICMP ? ICMP4_TYPE_ECHO : ICMP6_TYPE_ECHO;
	switch (icmp_kind(tuple->protocol, type)) {
	case ICMP_KIND_QUERY:
		tuple->source.port = id;
		tuple->destination.port = be16_from_host(type);
		return true;
	case ICMP_KIND_REPLY:
		tuple->source.port = be16_from_host(icmp_request_type(tuple->protocol, type));
		tuple->destination.port = id;
		return true;
	default:
		return wrong(parser, "%s", "only ICMP queries and their replies have a session of their own");
	}
}

static bool parse(struct parser *parser, char *text)
{
	struct tuple *tuple = &parser->question->tuple;
	char *words[3], *word = text;

	for (int i = 0; i < 3; i++, word = NULL) {
		words[i] = strtok_r(word, " \t", &parser->rest);
		if (!words[i])
			return wrong(parser, "%s", "a packet is PROTOCOL SOURCE DESTINATION");
	}
	if (!parse_protocol(parser, words[0]))
		return false;
	parser->question->any_id = is_icmp(parser);
	for (int i = 0; i < 2; i++) {
		struct endpoint *end = i ? &tuple->destination : &tuple->source;

		if (words_has_ports(tuple->protocol) ? !parse_endpoint(parser, words[i + 1], end)
						     : !parse_plain(parser, words[i + 1], end))
			return false;
	}
	if (address_family(&tuple->source.address) != address_family(&tuple->destination.address))
		return wrong(parser, "%s", "one address is IPv4, the other IPv6");
	/* People say icmp and mean the one of that family. */
	if (tuple->protocol == PROTOCOL_ICMP && !address_is_ipv4(&tuple->source.address))
		tuple->protocol = PROTOCOL_ICMPV6;
	while ((word = strtok_r(NULL, " \t", &parser->rest)) != NULL)
		if (!parse_option(parser, word))
			return false;
	return !is_icmp(parser) || put_query(parser);
}

int question_parse(const char *text, const struct link_table *links, struct question *question, char *error,
		   size_t size)
{
	struct question parsed = { .iif = 0 };
	struct parser parser = { .links = links, .question = &parsed, .size = size };
	char copy[QUESTION_SIZE];

	parser.error = error;
	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy)) {
		wrong(&parser, "%s", "too long");
		return -EINVAL;
	}
	if (!parse(&parser, copy))
		return -EINVAL;
	*question = parsed;
	return 0;
}
