/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- requests */

static int parse_filter_word(const char *name, json_t *value, struct request_field *field)
{
	char number[24];
	const char *text = json_string_value(value);

	if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		text = number;
	}
	if (!text || strlen(text) >= sizeof(field->value) || strlen(name) >= sizeof(field->name))
		return -EINVAL;
	snprintf(field->name, sizeof(field->name), "%s", name);
	snprintf(field->value, sizeof(field->value), "%s", text);
	return 0;
}

static int parse_filter(json_t *filter, struct request_text *text, char *error, size_t size)
{
	const char *name;
	json_t *value;

	if (!json_is_object(filter)) {
		snprintf(error, size, "filter is not an object");
		return -EINVAL;
	}
	json_object_foreach(filter, name, value)
	{
		if (text->field_count == REQUEST_FIELD_LIMIT ||
		    parse_filter_word(name, value, &text->fields[text->field_count])) {
			snprintf(error, size, "bad filter word: %.40s", name);
			return -EINVAL;
		}
		text->field_count++;
	}
	return 0;
}

static int parse_limit(const json_t *limit, struct request_text *text, char *error, size_t size)
{
	if (!json_is_integer(limit)) {
		snprintf(error, size, "limit is not a whole number");
		return -EINVAL;
	}
	text->limited = true;
	text->limit = json_integer_value(limit);
	return 0;
}

static int parse_text(const char *name, const json_t *member, char *text, size_t room, char *error, size_t size)
{
	const char *value = json_string_value(member);

	if (!value || !*value || strlen(value) >= room) {
		snprintf(error, size, "%s is not a text", name);
		return -EINVAL;
	}
	snprintf(text, room, "%s", value);
	return 0;
}

/* One word, or a list of them. */
static int parse_kinds(const json_t *kinds, struct request_text *text, char *error, size_t size)
{
	size_t count = json_is_array(kinds) ? json_array_size(kinds) : 1;

	for (size_t i = 0; i < count; i++) {
		const json_t *kind = json_is_array(kinds) ? json_array_get(kinds, i) : kinds;
		const char *word = json_string_value(kind);

		if (!word || !*word || count > REQUEST_KIND_LIMIT || strlen(word) >= sizeof(text->kinds[0])) {
			snprintf(error, size, "kinds is not a list of kinds");
			return -EINVAL;
		}
		snprintf(text->kinds[text->kind_count++], sizeof(text->kinds[0]), "%s", word);
	}
	return 0;
}

int report_parse_request(const char *line, size_t length, struct request_text *text, char *error, size_t size)
{
	const char *name, *command;
	json_error_t why;
	json_t *document, *value;
	int failed = 0;

	*text = (struct request_text){ .field_count = 0 };
	document = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	if (!document) {
		snprintf(error, size, "broken JSON: %.120s", why.text);
		return -EBADMSG;
	}
	command = json_string_value(json_object_get(document, "command"));
	if (!command) {
		snprintf(error, size, "no command");
		failed = -EBADMSG;
		goto cleanup;
	}
	/* A word cut short is still no verb's word. */
	snprintf(text->command, sizeof(text->command), "%s", command);
	json_object_foreach(document, name, value)
	{
		if (strcmp(name, "filter") == 0) {
			failed = parse_filter(value, text, error, size);
		} else if (strcmp(name, "limit") == 0) {
			failed = parse_limit(value, text, error, size);
		} else if (strcmp(name, "address") == 0) {
			failed = parse_text(name, value, text->address, sizeof(text->address), error, size);
		} else if (strcmp(name, "tuple") == 0) {
			failed = parse_text(name, value, text->tuple, sizeof(text->tuple), error, size);
		} else if (strcmp(name, "kinds") == 0) {
			failed = parse_kinds(value, text, error, size);
		} else if (strcmp(name, "command") != 0) {
			snprintf(error, size, "unknown member: %.40s", name);
			failed = -EINVAL;
		}
		if (failed)
			break;
	}
cleanup:
	json_decref(document);
	return failed;
}

/* ------------------------------------------------------------------- lines */

/* Sixteen digits: what was 0.1 stays 0.1. */
#define LINE_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(16))

/* A report is the library's value by another name; nobody else sees what it is. */
static json_t *value_of(struct report *report)
{
	return (json_t *)report;
}

static struct report *report_of(json_t *value)
{
	return (struct report *)value;
}

/* File names and source lines may be in any encoding; JSON is UTF-8 or nothing. */
static json_t *string_value(const char *text, size_t length)
{
	json_t *value = json_stringn(text, length);
	char *plain;

	if (value)
		return value;
	plain = malloc(length + 1);
	if (!plain)
		return NULL;
	for (size_t i = 0; i < length; i++)
		plain[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	value = json_stringn(plain, length);
	free(plain);
	return value;
}

struct report *report_object(void)
{
	return report_of(json_object());
}

char *report_line(struct report *report)
{
	json_t *document = value_of(report);
	size_t length;
	char *line = NULL;

	if (!document)
		return NULL;
	length = json_dumpb(document, NULL, 0, LINE_FLAGS);
	if (length)
		line = malloc(length + 2);
	if (line) {
		json_dumpb(document, line, length, LINE_FLAGS);
		line[length] = '\n';
		line[length + 1] = '\0';
	}
	json_decref(document);
	return line;
}

size_t report_line_into(struct report *report, char *line, size_t size)
{
	json_t *document = value_of(report);
	size_t length;

	if (!document)
		return 0;
	length = json_dumpb(document, line, size, LINE_FLAGS);
	json_decref(document);
	if (length == 0 || length + 1 >= size)
		return 0;
	line[length] = '\n';
	line[length + 1] = '\0';
	return length + 1;
}

void report_put_text(struct report *report, const char *name, const char *text)
{
	report_put_bytes(report, name, text, strlen(text));
}

void report_put_bytes(struct report *report, const char *name, const char *bytes, size_t length)
{
	json_object_set_new(value_of(report), name, string_value(bytes, length));
}

void report_put_number(struct report *report, const char *name, uint64_t value)
{
	json_object_set_new(value_of(report), name, json_integer((json_int_t)value));
}

void report_put_real(struct report *report, const char *name, double value)
{
	json_t *number = json_real(value);

	/* Infinity is no number to JSON. */
	json_object_set_new(value_of(report), name, number ? number : json_null());
}

void report_put_flag(struct report *report, const char *name, bool value)
{
	json_object_set_new(value_of(report), name, json_boolean(value));
}

void report_put_null(struct report *report, const char *name)
{
	json_object_set_new(value_of(report), name, json_null());
}

/* Without memory the child is gone already; the library takes NULL for it from there on. */
static struct report *put_child(struct report *report, const char *name, json_t *child)
{
	return json_object_set_new(value_of(report), name, child) ? NULL : report_of(child);
}

struct report *report_put_object(struct report *report, const char *name)
{
	return put_child(report, name, json_object());
}

struct report *report_put_list(struct report *report, const char *name)
{
	return put_child(report, name, json_array());
}

void report_append(struct report *list, struct report *element)
{
	json_array_append_new(value_of(list), value_of(element));
}

void report_put_child(struct report *report, const char *name, struct report *child)
{
	json_object_set_new(value_of(report), name, value_of(child));
}

void report_append_text(struct report *list, const char *text)
{
	json_array_append_new(value_of(list), string_value(text, strlen(text)));
}
