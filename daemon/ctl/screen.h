/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers for people: the status screen and the tables. Colour only where a
 * terminal shows it.
 */
#ifndef SLUICE_CTL_SCREEN_H
#define SLUICE_CTL_SCREEN_H

#include <stdio.h>

#include "daemon/ctl/document.h"

/** screen_init() - find out whether @out is a terminal that shows colour (NO_COLOR is heeded) */
void screen_init(FILE *out);

/** screen_label() - what a line is about, at its beginning */
void screen_label(FILE *out, const char *text);

/** screen_status() - the answer to `status`, at most 24 lines of 80 columns */
void screen_status(FILE *out, const struct document *status);

/* Bold and back, where colour is shown; else "". */
const char *screen_strong(void);
const char *screen_plain(void);

/** screen_fill() - how full the table is, of all of its capacity, and what of that is not for everybody */
void screen_fill(const struct document *status, char *text, size_t size);

/** screen_duration() - 42s, 3m 7s, 2h 4m, 5d 1h */
void screen_duration(FILE *out, int64_t seconds);

/* Lines of the tables; the heads come first, once. */
void screen_mapping_head(FILE *out);
void screen_mapping(FILE *out, const struct document *mapping);
void screen_pool_head(FILE *out);
void screen_pool(FILE *out, const struct document *pool);

void screen_source_head(FILE *out);
void screen_source(FILE *out, const struct document *source);
void screen_destination_head(FILE *out);
void screen_destination(FILE *out, const struct document *destination);

/** screen_rule() - one line of the ruleset, with its place and its counter as a comment */
void screen_rule(FILE *out, const struct document *rule);

#endif
