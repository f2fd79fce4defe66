/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/document.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A document is the library's value by another name; nobody else sees what it is. */
static json_t *value_of(const struct document *document)
{
	return (json_t *)(uintptr_t)document;
}

static const struct document *document_of(const json_t *value)
{
	return (const struct document *)(uintptr_t)value;
}

static json_t *find(const struct document *document, const char *path)
{
	json_t *value = value_of(document);

	while (value && *path) {
		size_t length = strcspn(path, ".");
		char name[64];

		if (length >= sizeof(name))
			return NULL;
		memcpy(name, path, length);
		name[length] = '\0';
		value = json_object_get(value, name);
		path += length + (path[length] == '.');
	}
	return value;
}

struct document *document_parse(const char *line, size_t length)
{
	json_t *value = json_loadb(line, length, 0, NULL);

	if (!json_is_object(value)) {
		json_decref(value);
		return NULL;
	}
	return (struct document *)value;
}

void document_destroy(struct document *document)
{
	json_decref(value_of(document));
}

const char *document_text(const struct document *document, const char *path)
{
	const char *text = json_string_value(find(document, path));

	return text ? text : "";
}

int64_t document_integer(const struct document *document, const char *path)
{
	return json_integer_value(find(document, path));
}

double document_real(const struct document *document, const char *path)
{
	return json_number_value(find(document, path));
}

bool document_flag(const struct document *document, const char *path)
{
	return json_is_true(find(document, path));
}

bool document_has(const struct document *document, const char *path)
{
	const json_t *value = find(document, path);

	return value && !json_is_null(value);
}

size_t document_count(const struct document *document, const char *path)
{
	const json_t *value = find(document, path);

	return json_is_object(value) ? json_object_size(value) : json_array_size(value);
}

void document_each(const struct document *document, const char *path,
		   void (*visit)(void *context, const char *name, const struct document *child), void *context)
{
	json_t *value = find(document, path), *child;
	const char *name;
	size_t index;

	if (json_is_object(value)) {
		json_object_foreach(value, name, child) visit(context, name, document_of(child));
	} else {
		json_array_foreach(value, index, child) visit(context, "", document_of(child));
	}
}

char *document_request(const char *command, struct document_word argument, unsigned int limit,
		       const struct document_word *words, size_t count)
{
	json_t *request = json_pack("{s:s}", "command", command);
	json_t *filter = count ? json_object() : NULL;
	char *line = NULL;

	if (!request || (count && !filter))
		goto cleanup;
	if (argument.value && json_object_set_new(request, argument.name, json_string(argument.value)))
		goto cleanup;
	if (limit && json_object_set_new(request, "limit", json_integer(limit)))
		goto cleanup;
	for (size_t i = 0; i < count; i++)
		if (json_object_set_new(filter, words[i].name, json_string(words[i].value)))
			goto cleanup;
	if (filter && json_object_set(request, "filter", filter))
		goto cleanup;
	line = json_dumps(request, JSON_COMPACT);
cleanup:
	json_decref(filter);
	json_decref(request);
	return line;
}

void document_with(const struct document *document, const char *path,
		   void (*visit)(void *context, const char *name, const struct document *child), void *context)
{
	json_t *value = find(document, path);

	if (json_is_object(value))
		visit(context, "", document_of(value));
}
