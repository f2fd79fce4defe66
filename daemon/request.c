/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/request.h"

#include <errno.h>
#include <stdio.h>

static const struct {
	const char *word;
	bool privileged, filter;
} verbs[REQUEST_VERB_COUNT] = {
#define REQUEST_VERB_ENTRY(name, word, privileged, filter) { word, privileged, filter },
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

int request_parse(const struct request_text *text, struct request *request, char *error, size_t size)
{
	struct request parsed = { .verb = REQUEST_STATUS };

	while (parsed.verb < REQUEST_VERB_COUNT && strcmp(verbs[parsed.verb].word, text->command) != 0)
		parsed.verb++;
	if (parsed.verb == REQUEST_VERB_COUNT) {
		snprintf(error, size, "unknown command: %s", text->command);
		return -ENOSYS;
	}
	if (text->field_count && !verbs[parsed.verb].filter) {
		snprintf(error, size, "%s takes no filter", text->command);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < text->field_count; i++) {
		int failed = filter_add(&parsed.filter, text->fields[i].name, text->fields[i].value, error, size);

		if (failed)
			return failed;
	}
	/* Ending every session must not be what a forgotten argument does. */
	if (parsed.verb == REQUEST_DELETE && filter_is_empty(&parsed.filter)) {
		snprintf(error, size, "delete needs a filter");
		return -EINVAL;
	}
	*request = parsed;
	return 0;
}
