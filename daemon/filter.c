/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/filter.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "daemon/words.h"

/* A whole decimal number up to @limit; strtoul() alone would take signs and blanks. */
static bool parse_number(const char *text, unsigned long limit, unsigned long *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return *end == '\0' && errno == 0 && *number <= limit;
}

static bool parse_protocol(struct filter *filter, const char *value)
{
	unsigned long number;

	if (words_find_protocol(value, &filter->protocol)) {
		filter->has_protocol = true;
		return true;
	}
	if (!parse_number(value, UINT8_MAX, &number))
		return false;
	filter->protocol = (uint8_t)number;
	filter->has_protocol = true;
	return true;
}

static bool parse_family(struct filter *filter, const char *value)
{
	if (strcasecmp(value, "ipv4") == 0)
		filter->family = FAMILY_IPV4;
	else if (strcasecmp(value, "ipv6") == 0)
		filter->family = FAMILY_IPV6;
	else
		return false;
	filter->has_family = true;
	return true;
}

static bool parse_prefix(struct filter_prefix *prefix, const char *value)
{
	char text[FILTER_TEXT_SIZE];
	struct filter_prefix parsed = { .set = true };
	unsigned long length;
	unsigned int width;
	uint8_t wire[16];
	char *slash;

	if ((size_t)snprintf(text, sizeof(text), "%s", value) >= sizeof(text))
		return false;
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, text, wire) == 1) {
		parsed.address = address_from_ipv4(wire);
		width = 32;
	} else if (inet_pton(AF_INET6, text, wire) == 1) {
		parsed.address = address_from_ipv6(wire);
		width = 128;
	} else {
		return false;
	}
	length = width;
	if (slash && !parse_number(slash + 1, width, &length))
		return false;
	parsed.bits = (uint8_t)(128 - width + length);
	*prefix = parsed;
	return true;
}

static bool parse_port(struct filter_port *port, const char *value)
{
	unsigned long number;

	if (!parse_number(value, UINT16_MAX, &number))
		return false;
	*port = (struct filter_port){ .set = true, .port = (uint16_t)number };
	return true;
}

static bool parse_state(struct filter *filter, const char *value)
{
	if (!words_is_state(value))
		return false;
	snprintf(filter->state, sizeof(filter->state), "%s", value);
	return true;
}

static bool parse_status(struct filter *filter, const char *value)
{
	if (strcasecmp(value, "assured") == 0)
		filter->status = FILTER_STATUS_ASSURED;
	else if (strcasecmp(value, "unreplied") == 0)
		filter->status = FILTER_STATUS_UNREPLIED;
	else if (strcasecmp(value, "seen_reply") == 0)
		filter->status = FILTER_STATUS_SEEN_REPLY;
	else
		return false;
	return true;
}

/* The member for an address or port word, reply_ or not; -1: no such word. */
static int parse_endpoint(struct filter *filter, const char *name, const char *value)
{
	int way = DIRECTION_ORIGINAL;

	if (strncmp(name, "reply_", 6) == 0) {
		way = DIRECTION_REPLY;
		name += 6;
	}
	if (strcmp(name, "src") == 0)
		return parse_prefix(&filter->source[way], value);
	if (strcmp(name, "dst") == 0)
		return parse_prefix(&filter->destination[way], value);
	if (strcmp(name, "sport") == 0)
		return parse_port(&filter->source_port[way], value);
	if (strcmp(name, "dport") == 0)
		return parse_port(&filter->destination_port[way], value);
	return -1;
}

int filter_add(struct filter *filter, const char *name, const char *value, char *error, size_t size)
{
	int good;

	if (strcmp(name, "protocol") == 0)
		good = parse_protocol(filter, value);
	else if (strcmp(name, "family") == 0)
		good = parse_family(filter, value);
	else if (strcmp(name, "state") == 0)
		good = parse_state(filter, value);
	else if (strcmp(name, "status") == 0)
		good = parse_status(filter, value);
	else
		good = parse_endpoint(filter, name, value);
	if (good > 0)
		return 0;
	if (good < 0)
		snprintf(error, size, "unknown filter word: %.40s", name);
	else
		snprintf(error, size, "bad %s: %.60s", name, value);
	return -EINVAL;
}

static bool prefix_match(const struct filter_prefix *prefix, const struct address *address)
{
	unsigned int whole = prefix->bits / 8, rest = prefix->bits % 8;

	if (!prefix->set)
		return true;
	if (address_family(&prefix->address) != address_family(address))
		return false;
	if (memcmp(prefix->address.bytes, address->bytes, whole) != 0)
		return false;
	return rest == 0 || ((prefix->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}

static bool port_match(const struct filter_port *port, const struct snapshot_session *session,
		       const struct endpoint *endpoint)
{
	if (!port->set)
		return true;
	return words_has_ports(session->tuples[0].protocol) && be16_to_host(endpoint->port) == port->port;
}

static bool state_match(const char *state, const struct snapshot_session *session)
{
	if (!*state)
		return true;
	if (session->state_name && strcasecmp(state, session->state_name) == 0)
		return true;
	return strcasecmp(state, words_timeout_state(session->state)) == 0;
}

static bool status_match(enum filter_status status, const struct snapshot_session *session)
{
	switch (status) {
	case FILTER_STATUS_ASSURED:
		return session->assured;
	case FILTER_STATUS_UNREPLIED:
		return !session->seen_reply;
	case FILTER_STATUS_SEEN_REPLY:
		return session->seen_reply;
	case FILTER_STATUS_ANY:
		break;
	}
	return true;
}

bool filter_match(const struct filter *filter, const struct snapshot_session *session)
{
	if (filter->has_protocol && filter->protocol != session->tuples[0].protocol)
		return false;
	if (filter->has_family && filter->family != address_family(&session->tuples[0].source.address))
		return false;
	for (int way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++) {
		const struct tuple *tuple = &session->tuples[way];

		if (!prefix_match(&filter->source[way], &tuple->source.address) ||
		    !prefix_match(&filter->destination[way], &tuple->destination.address) ||
		    !port_match(&filter->source_port[way], session, &tuple->source) ||
		    !port_match(&filter->destination_port[way], session, &tuple->destination))
			return false;
	}
	return state_match(filter->state, session) && status_match(filter->status, session);
}

bool filter_is_empty(const struct filter *filter)
{
	for (int way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++)
		if (filter->source[way].set || filter->destination[way].set || filter->source_port[way].set ||
		    filter->destination_port[way].set)
			return false;
	return !filter->has_protocol && !filter->has_family && !*filter->state && filter->status == FILTER_STATUS_ANY;
}
