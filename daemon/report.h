/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON: the only file of the daemon that knows its library. Requests come in as
 * lines; what goes out is put together member by member.
 */
#ifndef SLUICE_DAEMON_REPORT_H
#define SLUICE_DAEMON_REPORT_H

#include "daemon/request.h"

/**
 * report_parse_request() - read a client's line
 * @error: receives what is wrong, in words
 *
 * Return: 0; -EBADMSG: not a JSON object with a command; -EINVAL: it is one, with
 * members that no command has.
 */
int report_parse_request(const char *line, size_t length, struct request_text *text, char *error, size_t size);

/**
 * struct report - an object or a list in the making
 *
 * Without memory it is NULL, which every function here takes; only the line at
 * the end fails.
 */
struct report;

struct report *report_object(void);

/* Members, in the order in which they are put. A text that is not UTF-8 loses its foreign letters. */
void report_put_text(struct report *report, const char *name, const char *text);
void report_put_bytes(struct report *report, const char *name, const char *bytes, size_t length);
void report_put_number(struct report *report, const char *name, uint64_t value);
void report_put_real(struct report *report, const char *name, double value);
void report_put_flag(struct report *report, const char *name, bool value);
void report_put_null(struct report *report, const char *name);

/* An object or a list inside @report, to be filled; it belongs to @report. */
struct report *report_put_object(struct report *report, const char *name);
struct report *report_put_list(struct report *report, const char *name);

/* The same with one that is made already; @report owns @child from then on. */
void report_put_child(struct report *report, const char *name, struct report *child);

/* A text at the end of a list. */
void report_append_text(struct report *list, const char *text);

/** report_append() - put @element at the end of @list, which owns it from then on */
void report_append(struct report *list, struct report *element);

/**
 * report_line() - the text of @report and a newline; @report is gone
 * Return: malloc()ed, NULL without memory.
 */
char *report_line(struct report *report);

/**
 * report_line_into() - the same into @line
 * Return: its length, 0 when @size was too small or memory ran out.
 */
size_t report_line_into(struct report *report, char *line, size_t size);

#endif
