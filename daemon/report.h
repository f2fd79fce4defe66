/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON: the only file of the daemon that knows its library. Requests come in as
 * lines, answers leave as lines; every text returned ends with a newline.
 */
#ifndef SLUICE_DAEMON_REPORT_H
#define SLUICE_DAEMON_REPORT_H

#include "sluice/snapshot.h"
#include "daemon/queue.h"
#include "daemon/request.h"

/* Longest line that one session, mapping or event can need. */
#define REPORT_LINE_SIZE 1536

/** struct report_alert - one that was raised and is not cleared */
struct report_alert {
	const char *name;
	char subject[64], text[192];
	struct mono since;
};

/**
 * struct report_view - everything that `status` and the metrics are made of
 * @total: counters since the start
 * @counted: the same, since the last reset
 */
struct report_view {
	struct snapshot_status total, counted;
	const struct snapshot_pool *pools;
	size_t pool_count;
	struct queue_statistics queue;
	const struct report_alert *alerts;
	size_t alert_count;
	struct mono started, now;
};

/**
 * report_parse_request() - read a client's line
 * @error: receives what is wrong, in words
 *
 * Return: 0; -EBADMSG: not a JSON object with a command; -EINVAL: it is one, with
 * members that no command has.
 */
int report_parse_request(const char *line, size_t length, struct request_text *text, char *error, size_t size);

/* The answer to `status`; malloc()ed, NULL without memory. */
char *report_status(const struct report_view *view);

/* Lines of listings. Return: the length, 0 when @size was too small or memory ran out. */
size_t report_session(char *line, size_t size, const struct snapshot_session *session);
size_t report_mapping(char *line, size_t size, const struct snapshot_mapping *mapping);
size_t report_pool(char *line, size_t size, const struct snapshot_pool *pool);

/**
 * report_event() - a session's beginning, change or end, or an alert
 * @wall_us: microseconds since 1970
 * @timeout_s: what the session's class lasts now
 */
size_t report_event(char *line, size_t size, const struct effect *effect, uint64_t wall_us, uint32_t timeout_s);

/**
 * report_rule() - one line of the canonical ruleset
 * @place: NULL for lines that are no rule
 */
char *report_rule(const char *text, size_t length, const struct rule_place *place);

/* {"ok":true} with one text or one number; malloc()ed, NULL without memory. */
char *report_ok_text(const char *name, const char *value);
char *report_ok_number(const char *name, uint64_t value);

/**
 * report_error() - {"ok":false,"kind":...,"error":...}; malloc()ed, NULL without memory
 * @kind: what a program can act on: `usage`, `denied`, `refused` or `protocol`
 */
char *report_error(const char *kind, const char *text);

/* The first and the last line of a listing. */
char *report_stream_begin(const char *name);
char *report_stream_end(uint64_t count);

#endif
