/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One JSON line from or for the daemon: the only file of sluicectl that knows the
 * library. Members are named by a dotted path; one that is absent reads as empty.
 */
#ifndef SLUICE_CTL_DOCUMENT_H
#define SLUICE_CTL_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct document;

/** document_parse() - Return: NULL when @line is no JSON object. */
struct document *document_parse(const char *line, size_t length);
void document_destroy(struct document *document);

/* "" when absent; lives as long as @document. */
const char *document_text(const struct document *document, const char *path);
int64_t document_integer(const struct document *document, const char *path);
double document_real(const struct document *document, const char *path);
bool document_flag(const struct document *document, const char *path);
/* Is it there, and not null? */
bool document_has(const struct document *document, const char *path);

/* Members of an object or elements of an array; 0 when absent. */
size_t document_count(const struct document *document, const char *path);

/**
 * document_each() - visit the members of an object or the elements of an array
 * @visit: @name is "" in an array; the child's own value is at path ""
 */
void document_each(const struct document *document, const char *path,
		   void (*visit)(void *context, const char *name, const struct document *child), void *context);

/* Visit the object at @path, if it is there; @name is "". */
void document_with(const struct document *document, const char *path,
		   void (*visit)(void *context, const char *name, const struct document *child), void *context);

/** struct document_word - one word of a filter */
struct document_word {
	const char *name, *value;
};

/**
 * document_request() - a request as a line
 * @argument: a member beside the filter, such as an address; value NULL: none
 * @limit: at most that many lines; 0: as the daemon likes
 *
 * Return: malloc()ed, NULL without memory or for text that is not UTF-8.
 */
char *document_request(const char *command, struct document_word argument, unsigned int limit,
		       const struct document_word *words, size_t count);

#endif
