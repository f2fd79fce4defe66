/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a client asks for: names and texts, as they stood on its line, made into a
 * verb and a filter. Knows neither JSON nor sockets.
 */
#ifndef SLUICE_DAEMON_REQUEST_H
#define SLUICE_DAEMON_REQUEST_H

#include "daemon/filter.h"

/*        name      word         privileged  filter */
#define REQUEST_VERBS(X) \
	X(STATUS, "status", false, false) \
	X(SESSIONS, "sessions", false, true) \
	X(MAPPINGS, "mappings", false, false) \
	X(POOLS, "pools", false, false) \
	X(RULES, "rules", false, false) \
	X(EVENTS, "events", false, false) \
	X(METRICS, "metrics", false, false) \
	X(CHECK, "check", false, false) \
	X(RELOAD, "reload", true, false) \
	X(DELETE, "delete", true, true) \
	X(RESET, "reset", true, false)

enum request_verb {
#define REQUEST_VERB_ENUM(name, word, privileged, filter) REQUEST_##name,
	REQUEST_VERBS(REQUEST_VERB_ENUM)
#undef REQUEST_VERB_ENUM
	    REQUEST_VERB_COUNT,
};

/* More words than the filter has make no sense. */
#define REQUEST_FIELD_LIMIT 16

struct request_field {
	char name[24];
	char value[FILTER_TEXT_SIZE];
};

/** struct request_text - a request as it was written; the fields are the filter's words */
struct request_text {
	char command[24];
	unsigned int field_count;
	struct request_field fields[REQUEST_FIELD_LIMIT];
};

struct request {
	enum request_verb verb;
	struct filter filter;
};

/**
 * request_parse() - make sense of @text
 * @error: receives what is wrong, in words
 *
 * Return: 0; -ENOSYS: no such command; -EINVAL: the command is known, its filter is
 * wrong, missing or not wanted.
 */
int request_parse(const struct request_text *text, struct request *request, char *error, size_t size);

/* Does the verb change something, so that only root or the daemon's own user may? */
bool request_is_privileged(enum request_verb verb);

/* The word for @verb; never NULL. */
const char *request_verb_word(enum request_verb verb);

#endif
