/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/session_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "daemon/words.h"

struct line {
	char *text;
	size_t size, length; /* @length at @size or beyond: it did not fit */
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
	va_list arguments;
	int added;

	if (line->length >= line->size)
		return;
	va_start(arguments, format);
	added = vsnprintf(line->text + line->length, line->size - line->length, format, arguments);
	va_end(arguments);
	line->length += (size_t)added;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e || *text == '"' || *text == '\\')
			return false;
	return true;
}

static const char *flag(bool value)
{
	return value ? "true" : "false";
}

/* As answer_put_tuple() has it, and what passed this way. */
static void put_direction(struct line *line, const struct snapshot_session *session, enum direction way)
{
	const struct tuple *tuple = &session->tuples[way];
	unsigned int source = be16_to_host(tuple->source.port), destination = be16_to_host(tuple->destination.port);
	char from[WORDS_ADDRESS_SIZE], to[WORDS_ADDRESS_SIZE];

	words_address(&tuple->source.address, from);
	words_address(&tuple->destination.address, to);
	put(line, ",\"%s\":{\"src\":\"%s\",\"dst\":\"%s\"", way == DIRECTION_ORIGINAL ? "original" : "reply", from, to);
	if (tuple->protocol != PROTOCOL_ICMP && tuple->protocol != PROTOCOL_ICMPV6)
		put(line, ",\"sport\":%u,\"dport\":%u", source, destination);
	else if (way == DIRECTION_ORIGINAL)
		put(line, ",\"type\":%u,\"code\":0,\"id\":%u", destination, source);
	else
		put(line, ",\"type\":%d,\"code\":0,\"id\":%u", words_icmp_reply(tuple->protocol, (int)source),
		    destination);
	put(line, ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", session->packets[way], session->bytes[way]);
}

size_t session_line(char *line, size_t size, const struct snapshot_session *session)
{
	struct line written = { .size = size };
	const uint8_t protocol = session->tuples[0].protocol;
	const char *state = session->state_name;

	written.text = line;
	if (session->rule_file && !is_plain(session->rule_file))
		return 0;
	if (!state || !*state)
		state = words_timeout_state(session->state);
	put(&written,
	    "{\"id\":\"%u.%u\",\"protocol\":\"%s\",\"protocol_number\":%u,\"state\":\"%s\",\"timeout_s\":%u,"
	    "\"assured\":%s,\"seen_reply\":%s",
	    session->handle.index, session->handle.generation, words_protocol(protocol), protocol, state,
	    session->timeout_s, flag(session->assured), flag(session->seen_reply));
	put_direction(&written, session, DIRECTION_ORIGINAL);
	put_direction(&written, session, DIRECTION_REPLY);
	put(&written, ",\"nat\":\"%s\",\"rule\":", words_nat(session->nat));
	if (session->rule_file)
		put(&written, "{\"file\":\"%s\",\"line\":%u}", session->rule_file, session->rule_line);
	else
		put(&written, "null");
	put(&written, ",\"fastpath\":%s,\"path_mtu\":", flag(session->fastpath));
	if (session->path_mtu)
		put(&written, "%u", session->path_mtu);
	else
		put(&written, "null");
	put(&written, ",\"mark\":%u", session->mark);
	if (session->keyed)
		put(&written, ",\"key\":%u", session->key);
	put(&written, "}\n");
	return written.length < size ? written.length : 0;
}
