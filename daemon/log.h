/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: lines on stderr; under systemd entries of the journal, with fields of ours that
 * a program can ask for (journalctl SLUICE_ALERT=pool-pressure).
 */
#ifndef SLUICE_DAEMON_LOG_H
#define SLUICE_DAEMON_LOG_H

#include "sluice/types.h"

/* The priorities of syslog(3), which journald and nft's `log level` share. */
enum log_level {
	LOG_LEVEL_EMERGENCY,
	LOG_LEVEL_ALERT,
	LOG_LEVEL_CRITICAL,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/**
 * log_init() - choose what is shown
 * @verbosity: 0: notices and above; 1: information too; 2: everything
 *
 * Looks at JOURNAL_STREAM: when stderr is journald's stream, lines go to the journal by its
 * own protocol; should it not take one, that line goes to stderr with <N> before it.
 */
void log_init(unsigned int verbosity);

/** log_write() - one line, without newline; %m is strerror(errno) */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** log_always() - as log_write(), also when lines of @level are not shown: a rule asked for it */
void log_always(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** struct log_field - SLUICE_@name=@value in the journal; not shown elsewhere */
struct log_field {
	const char *name, *value;
};

/* Fields of one entry; more are left out. */
#define LOG_FIELD_LIMIT 8

/**
 * log_event() - one line with fields
 * @fields: end with a NULL name; those with a NULL value are left out
 * @always: as log_always()
 */
void log_event(enum log_level level, bool always, const struct log_field *fields, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** log_shown() - is a line of @level written at all? */
bool log_shown(enum log_level level);

/** log_lines() - every line of @text, one log line each */
void log_lines(enum log_level level, const char *text);

/**
 * struct log_limit - at most @burst lines of one kind in each @interval_ms
 * @began, @count, @suppressed: of the interval that is running; start with zeros
 */
struct log_limit {
	uint32_t burst, interval_ms;
	struct mono began;
	uint32_t count;
	uint64_t suppressed;
};

/**
 * log_limit_pass() - may one more line be written at @now?
 * @suppressed: receives how many were held back in the interval that just ended,
 *	to be told with the first line of the new one; else 0
 */
bool log_limit_pass(struct log_limit *limit, struct mono now, uint64_t *suppressed);

#endif
