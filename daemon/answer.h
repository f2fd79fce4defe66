/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the control socket answers: copies of the engine's state made into lines.
 * docs/sluice-control.7 says what every member means. Every text returned ends
 * with a newline.
 */
#ifndef SLUICE_DAEMON_ANSWER_H
#define SLUICE_DAEMON_ANSWER_H

#include "sluice/snapshot.h"
#include "daemon/fastpath.h"
#include "daemon/queues.h"

/* Longest line that one session, mapping or event can need. */
#define ANSWER_LINE_SIZE 1536

/** struct answer_alert - one that was raised and is not cleared */
struct answer_alert {
	const char *name;
	char subject[64], text[320];
	struct mono since;
};

/**
 * struct answer_view - everything that `status` and the metrics are made of
 * @total: counters since the start
 * @counted: the same, since the last reset
 */
struct answer_view {
	struct snapshot_status total, counted;
	const struct snapshot_pool *pools;
	size_t pool_count;
	const struct snapshot_black_hole *black_holes;
	size_t black_hole_count;
	struct queue_statistics queue;
	const struct answer_alert *alerts;
	size_t alert_count;
	const char *fastpath_mode; /* NULL: there is none */
	struct fastpath_failures fastpath_failures;
	struct mono started, now;
};

/* The answer to `status`; malloc()ed, NULL without memory. */
char *answer_status(const struct answer_view *view);

/* Lines of listings. Return: the length, 0 when @size was too small or memory ran out. */
size_t answer_session(char *line, size_t size, const struct snapshot_session *session);
size_t answer_mapping(char *line, size_t size, const struct snapshot_mapping *mapping);
size_t answer_pool(char *line, size_t size, const struct snapshot_pool *pool);
size_t answer_source(char *line, size_t size, const struct snapshot_party *source);
size_t answer_destination(char *line, size_t size, const struct snapshot_party *destination);

/**
 * answer_event() - a session's beginning, change or end, or an alert
 * @wall_us: microseconds since 1970
 * @timeout_s: what the session's class lasts now
 */
size_t answer_event(char *line, size_t size, const struct effect *effect, uint64_t wall_us, uint32_t timeout_s);

/** answer_lost() - @count events are missing here; @wall_us as in answer_event() */
size_t answer_lost(char *line, size_t size, uint64_t wall_us, uint64_t count);

/**
 * answer_rule() - one line of the canonical ruleset
 * @rule: NULL for lines that are no rule
 */
char *answer_rule(const char *text, size_t length, const struct rule_listing *rule);

/* {"ok":true} with one text or one number; malloc()ed, NULL without memory. */
char *answer_ok_text(const char *name, const char *value);
char *answer_ok_number(const char *name, uint64_t value);

/**
 * answer_error() - {"ok":false,"kind":...,"error":...}; malloc()ed, NULL without memory
 * @kind: what a program can act on: `usage`, `denied`, `refused` or `protocol`
 */
char *answer_error(const char *kind, const char *text);

/* The first and the last line of a listing. */
char *answer_stream_begin(const char *name);
char *answer_stream_end(uint64_t count);

#endif
