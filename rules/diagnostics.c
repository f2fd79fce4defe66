/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rules/parse.h"

/* A configuration with more mistakes than this is not a configuration. */
#define DIAGNOSTIC_LIMIT 200

void diagnostics_fini(struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++) {
		free(diagnostics->list[i].file);
		free(diagnostics->list[i].text);
		free(diagnostics->list[i].source_line);
	}
	free(diagnostics->list);
	memset(diagnostics, 0, sizeof(*diagnostics));
}

/* The line of @place without its end, and with bytes a terminal would obey made harmless. */
static char *copy_source_line(struct place place)
{
	const char *at, *end, *limit;
	char *copy;

	if (!place.source || !place.line)
		return NULL;
	at = place.source->text;
	limit = at + place.source->length;
	for (unsigned int line = 1; line < place.line; line++) {
		at = memchr(at, '\n', (size_t)(limit - at));
		if (!at)
			return NULL;
		at++;
	}
	end = memchr(at, '\n', (size_t)(limit - at));
	if (!end)
		end = limit;
	if (end > at && end[-1] == '\r')
		end--;
	copy = malloc((size_t)(end - at) + 1);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < (size_t)(end - at); i++)
		copy[i] = ((unsigned char)at[i] < 32 && at[i] != '\t') || at[i] == 127 ? '?' : at[i];
	copy[end - at] = '\0';
	return copy;
}

static void add(struct diagnostics *diagnostics, enum severity severity, struct place place, const char *format,
		va_list arguments)
{
	struct diagnostic *entry;
	char text[512];

	if (severity == SEVERITY_ERROR)
		diagnostics->errors++;
	if (diagnostics->count >= DIAGNOSTIC_LIMIT)
		return;
	if (diagnostics->count == diagnostics->capacity) {
		size_t capacity = diagnostics->capacity ? diagnostics->capacity * 2 : 16;
		struct diagnostic *larger = realloc(diagnostics->list, capacity * sizeof(*larger));

		if (!larger)
			return;
		diagnostics->list = larger;
		diagnostics->capacity = capacity;
	}
	vsnprintf(text, sizeof(text), format, arguments);
	for (char *at = text; *at; at++) {
		if ((unsigned char)*at < 32 || *at == 127)
			*at = '?';
	}
	entry = &diagnostics->list[diagnostics->count++];
	*entry = (struct diagnostic){
		.severity = severity,
		.file = strdup(place.source ? place.source->path : ""),
		.line = place.line,
		.column = place.column,
		.text = strdup(text),
		.source_line = copy_source_line(place),
	};
}

void report_error(struct diagnostics *diagnostics, struct place place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(diagnostics, SEVERITY_ERROR, place, format, arguments);
	va_end(arguments);
}

void report_warning(struct diagnostics *diagnostics, struct place place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(diagnostics, SEVERITY_WARNING, place, format, arguments);
	va_end(arguments);
}

/* The caret stands under its column: tabs before it are repeated. */
static void caret_indent(const struct diagnostic *diagnostic, char *indent, size_t size)
{
	size_t length = 0;

	for (const char *at = diagnostic->source_line; *at && length + 1 < diagnostic->column && length + 1 < size;
	     at++) {
		indent[length++] = *at == '\t' ? '\t' : ' ';
	}
	indent[length] = '\0';
}

size_t diagnostic_format(const struct diagnostic *diagnostic, char *buffer, size_t size)
{
	const char *word = diagnostic->severity == SEVERITY_ERROR ? "error" : "warning";
	const char *file = diagnostic->file ? diagnostic->file : "";
	const char *text = diagnostic->text ? diagnostic->text : "no memory for the message";
	char indent[512];
	int length;

	if (!diagnostic->source_line) {
		length = snprintf(buffer, size, "%s:%u:%u: %s: %s\n", file, diagnostic->line, diagnostic->column, word,
				  text);
	} else {
		caret_indent(diagnostic, indent, sizeof(indent));
		length = snprintf(buffer, size, "%s:%u:%u: %s: %s\n%s\n%s^\n", file, diagnostic->line,
				  diagnostic->column, word, text, diagnostic->source_line, indent);
	}
	return length < 0 ? 0 : (size_t)length;
}
