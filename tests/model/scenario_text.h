/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scenario files: finding the scenarios in them, and the $NAMEs in their lines.
 */
#ifndef SLUICE_SCENARIO_TEXT_H
#define SLUICE_SCENARIO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdint.h>

#define SCENARIO_VARIABLES 64

/** struct script - one file; @path without its folder */
struct script {
	char *path;
	char **lines;
	size_t count;
};

/** struct scenario - the lines from @first to @end, after the first @shared ones */
struct scenario {
	const struct script *script;
	size_t first, end, shared;
	char title[160];
};

struct variables {
	size_t count;
	struct variable {
		char name[24], value[64];
	} list[SCENARIO_VARIABLES];
};

/**
 * scenario_text_read() - all scenarios of all files that match a glob
 * @list: receives them; they and their scripts live as long as the program
 *
 * Return: how many.
 */
size_t scenario_text_read(const char *pattern, struct scenario **list);

/* 2h4m, 119s, 500ms; false: not a duration. */
bool scenario_text_duration(const char *text, uint64_t *ms);

/* The words with a space between them, as much as fits. */
void scenario_text_join(char *const *words, size_t count, char *text, size_t size);

/* False: there is no room. */
bool variables_set(struct variables *variables, const char *name, const char *value);

/* Puts in what is known; an unknown $NAME stays as it is. */
void variables_expand(const struct variables *variables, const char *line, char *out, size_t size);

/* Milliseconds of a text like 2h4m, 119s or 500ms; false: it is none. */
bool scenario_duration(const char *text, uint64_t *ms);

/**
 * variables_match() - does @actual read as @expected?
 *
 * A `*` stands for any rest, up to a `:` that follows it; an unknown $NAME too, and is then remembered.
 */
bool variables_match(struct variables *variables, const char *expected, const char *actual);

#endif
