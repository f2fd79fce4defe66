/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/events.h"
#include "rules/address_text.h"

static const struct {
	const char *word;
	bool privileged;
	enum { TAKES_NOTHING, TAKES_FILTER, TAKES_LIMIT, TAKES_ADDRESS, TAKES_TUPLE } takes;
} verbs[REQUEST_VERB_COUNT] = {
#define REQUEST_VERB_ENTRY(name, word, privileged, takes) { word, privileged, TAKES_##takes },
	REQUEST_VERBS(REQUEST_VERB_ENTRY)
#undef REQUEST_VERB_ENTRY
};

bool request_is_privileged(enum request_verb verb)
{
	return verb >= REQUEST_VERB_COUNT || verbs[verb].privileged;
}

const char *request_verb_word(enum request_verb verb)
{
	return verb < REQUEST_VERB_COUNT ? verbs[verb].word : "unknown";
}

static int parse_limit(const struct request_text *text, bool wanted, struct request *request, char *error, size_t size)
{
	request->limit = REQUEST_LIMIT_DEFAULT;
	if (!text->limited)
		return 0;
	if (!wanted) {
		snprintf(error, size, "%s takes no limit", text->command);
		return -EINVAL;
	}
	if (text->limit < 1 || text->limit > (int64_t)REQUEST_LIMIT_MOST) {
		snprintf(error, size, "bad limit: %" PRId64 " (1 to %u)", text->limit, REQUEST_LIMIT_MOST);
		return -EINVAL;
	}
	request->limit = (uint32_t)text->limit;
	return 0;
}

static int take_address(const struct request_text *text, bool wanted, struct request *request, char *error, size_t size)
{
	uint8_t wire[16];

	if (!*text->address)
		return 0;
	if (!wanted) {
		snprintf(error, size, "%s takes no address", text->command);
		return -EINVAL;
	}
	request->has_address = true;
	if (address_text_parse_ipv4(text->address, wire)) {
		request->address = address_from_ipv4(wire);
	} else if (address_text_parse_ipv6(text->address, wire)) {
		request->address = address_from_ipv6(wire);
	} else {
		snprintf(error, size, "not an address: %.40s", text->address);
		return -EINVAL;
	}
	return 0;
}

static unsigned int kind_of_word(const char *word)
{
	if (strcmp(word, "session") == 0)
		return EVENT_KIND_SESSION;
	if (strcmp(word, "alert") == 0)
		return EVENT_KIND_ALERT;
	return strcmp(word, "mapping") == 0 ? EVENT_KIND_MAPPING : 0;
}

static int take_kinds(const struct request_text *text, struct request *request, char *error, size_t size)
{
	request->kinds = text->kind_count ? 0 : EVENT_KINDS_DEFAULT;
	if (text->kind_count && request->verb != REQUEST_EVENTS) {
		snprintf(error, size, "%s takes no kinds", text->command);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < text->kind_count; i++) {
		unsigned int kind = kind_of_word(text->kinds[i]);

		if (!kind) {
			snprintf(error, size, "no kind of event: %s (session, alert or mapping)", text->kinds[i]);
			return -EINVAL;
		}
		request->kinds |= kind;
	}
	return 0;
}

int request_parse(const struct request_text *text, struct request *request, char *error, size_t size)
{
	struct request parsed = { .verb = REQUEST_STATUS };

	while (parsed.verb < REQUEST_VERB_COUNT && strcmp(verbs[parsed.verb].word, text->command) != 0)
		parsed.verb++;
	if (parsed.verb == REQUEST_VERB_COUNT) {
		snprintf(error, size, "unknown command: %s", text->command);
		return -ENOSYS;
	}
	if (text->field_count && verbs[parsed.verb].takes != TAKES_FILTER) {
		snprintf(error, size, "%s takes no filter", text->command);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < text->field_count; i++) {
		int failed = filter_add(&parsed.filter, text->fields[i].name, text->fields[i].value, error, size);

		if (failed)
			return failed;
	}
	if (parse_limit(text, verbs[parsed.verb].takes == TAKES_LIMIT, &parsed, error, size) ||
	    take_address(text, verbs[parsed.verb].takes == TAKES_ADDRESS, &parsed, error, size) ||
	    take_kinds(text, &parsed, error, size))
		return -EINVAL;
	if (*text->tuple ? verbs[parsed.verb].takes != TAKES_TUPLE : verbs[parsed.verb].takes == TAKES_TUPLE) {
		snprintf(error, size, *text->tuple ? "%s takes no tuple" : "%s needs a tuple", text->command);
		return -EINVAL;
	}
	memcpy(parsed.tuple, text->tuple, sizeof(parsed.tuple));
	/* Ending every session must not be what a forgotten argument does. */
	if (parsed.verb == REQUEST_DELETE && filter_is_empty(&parsed.filter)) {
		snprintf(error, size, "delete needs a filter");
		return -EINVAL;
	}
	*request = parsed;
	return 0;
}
