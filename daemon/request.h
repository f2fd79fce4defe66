/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a client asks for: names and texts, as they stood on its line, made into a
 * verb and a filter. Knows neither JSON nor sockets.
 */
#ifndef SLUICE_DAEMON_REQUEST_H
#define SLUICE_DAEMON_REQUEST_H

#include "daemon/filter.h"

/*        name      word         privileged  takes: nothing, a filter, a limit, an address, a packet's tuple */
#define REQUEST_VERBS(X) \
	X(STATUS, "status", false, NOTHING) \
	X(SESSIONS, "sessions", false, FILTER) \
	X(MAPPINGS, "mappings", false, NOTHING) \
	X(POOLS, "pools", false, NOTHING) \
	X(SOURCES, "sources", false, LIMIT) \
	X(DESTINATIONS, "destinations", false, LIMIT) \
	X(RULES, "rules", false, NOTHING) \
	X(EVENTS, "events", false, NOTHING) \
	X(DIAGNOSE, "diagnose", false, ADDRESS) \
	X(WHY, "why", false, TUPLE) \
	X(METRICS, "metrics", false, NOTHING) \
	X(CHECK, "check", false, NOTHING) \
	X(RELOAD, "reload", true, NOTHING) \
	X(DELETE, "delete", true, FILTER) \
	X(RESET, "reset", true, NOTHING)

enum request_verb {
#define REQUEST_VERB_ENUM(name, word, privileged, takes) REQUEST_##name,
	REQUEST_VERBS(REQUEST_VERB_ENUM)
#undef REQUEST_VERB_ENUM
	    REQUEST_VERB_COUNT,
};

/* More words than the filter has make no sense. */
#define REQUEST_FIELD_LIMIT 16
#define REQUEST_KIND_LIMIT 4

struct request_field {
	char name[24];
	char value[FILTER_TEXT_SIZE];
};

/* How many lines `sources` and `destinations` give, when not told and at most. */
#define REQUEST_LIMIT_DEFAULT 20u
#define REQUEST_LIMIT_MOST 1000u

/* Longest text of a tuple, and the NUL; daemon/question.h says how it is written. */
#define REQUEST_TUPLE_SIZE 256

/** struct request_text - a request as it was written; the fields are the filter's words */
struct request_text {
	char command[24];
	bool limited; /* @limit was given */
	int64_t limit;
	char address[FILTER_TEXT_SIZE]; /* "": none given */
	char tuple[REQUEST_TUPLE_SIZE];
	unsigned int kind_count;	/* of events */
	char kinds[REQUEST_KIND_LIMIT][12];
	unsigned int field_count;
	struct request_field fields[REQUEST_FIELD_LIMIT];
};

struct request {
	enum request_verb verb;
	struct filter filter;
	uint32_t limit; /* lines, for the verbs that take one */
	bool has_address;
	struct address address;
	char tuple[REQUEST_TUPLE_SIZE]; /* as it was written */
	unsigned int kinds; /* of events: enum event_kind, in sum */
};

/**
 * request_parse() - make sense of @text
 * @error: receives what is wrong, in words
 *
 * Return: 0; -ENOSYS: no such command; -EINVAL: the command is known, its filter,
 * limit or address is wrong, missing or not wanted.
 */
int request_parse(const struct request_text *text, struct request *request, char *error, size_t size);

/* Does the verb change something, so that only root or the daemon's own user may? */
bool request_is_privileged(enum request_verb verb);

/* The word for @verb; never NULL. */
const char *request_verb_word(enum request_verb verb);

#endif
