/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/scenario_text.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- variables */

static const struct variable *find(const struct variables *variables, const char *name, size_t length)
{
	for (size_t i = 0; i < variables->count; i++)
		if (strlen(variables->list[i].name) == length && memcmp(variables->list[i].name, name, length) == 0)
			return &variables->list[i];
	return NULL;
}

static size_t name_length(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) || text[length] == '_')
		length++;
	return length;
}

bool scenario_text_duration(const char *text, uint64_t *ms)
{
	for (*ms = 0; *text;) {
		char *unit;
		uint64_t value = strtoull(text, &unit, 10);

		if (unit == text)
			return false;
		if (strncmp(unit, "ms", 2) == 0) {
			*ms += value;
			unit++;
		} else if (*unit == 'h' || *unit == 'm' || *unit == 's') {
			*ms += value * (*unit == 'h' ? 3600000 : *unit == 'm' ? 60000 : 1000);
		} else {
			return false;
		}
		text = unit + 1;
	}
	return true;
}

void scenario_text_join(char *const *words, size_t count, char *text, size_t size)
{
	*text = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), size - strlen(text), i ? " %s" : "%s", words[i]);
}

bool variables_set(struct variables *variables, const char *name, const char *value)
{
	const struct variable *known = find(variables, name, strlen(name));
	struct variable *variable = known ? &variables->list[known - variables->list] : NULL;

	if (!variable) {
		if (variables->count == SCENARIO_VARIABLES)
			return false;
		variable = &variables->list[variables->count++];
	}
	snprintf(variable->name, sizeof(variable->name), "%s", name);
	snprintf(variable->value, sizeof(variable->value), "%s", value);
	return true;
}

void variables_expand(const struct variables *variables, const char *line, char *out, size_t size)
{
	size_t used = 0;

	while (*line && used + sizeof(variables->list[0].value) < size) {
		size_t length = *line == '$' ? name_length(line + 1) : 0;
		const struct variable *variable = length ? find(variables, line + 1, length) : NULL;

		if (variable) {
			used += (size_t)snprintf(out + used, size - used, "%s", variable->value);
			line += 1 + length;
		} else {
			out[used++] = *line++;
		}
	}
	out[used] = '\0';
}

bool variables_match(struct variables *variables, const char *expected, const char *actual)
{
	size_t same = strcspn(expected, "*$");
	char name[24], value[64];
	const char *tail, *cut;

	if (!expected[same])
		return strcmp(expected, actual) == 0;
	if (strncmp(expected, actual, same) != 0)
		return false;
	expected += same;
	actual += same;
	tail = strchr(expected, ':');
	cut = tail ? strrchr(actual, ':') : actual + strlen(actual);
	if (!tail)
		tail = expected + strlen(expected);
	if (!cut || (size_t)(tail - expected) >= sizeof(name) || (size_t)(cut - actual) >= sizeof(value))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(tail - expected - 1), expected + 1);
	snprintf(value, sizeof(value), "%.*s", (int)(cut - actual), actual);
	return (expected[0] == '*' || variables_set(variables, name, value)) &&
	       (!*tail ? !*cut : variables_match(variables, tail, cut));
}

bool scenario_duration(const char *text, uint64_t *ms)
{
	for (*ms = 0; *text; text++) {
		char *unit;
		uint64_t value = strtoull(text, &unit, 10);

		if (unit == text)
			return false;
		if (strncmp(unit, "ms", 2) == 0) {
			*ms += value;
			unit++;
		} else if (*unit == 'h' || *unit == 'm' || *unit == 's') {
			*ms += value * (*unit == 'h' ? 3600000 : *unit == 'm' ? 60000 : 1000);
		} else {
			return false;
		}
		text = unit;
	}
	return true;
}

/* -------------------------------------------------------------------- files */

static struct script *read_script(const char *path)
{
	struct script *script = calloc(1, sizeof(*script));
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!file || !script) {
		perror(path);
		exit(1);
	}
	script->path = strdup(strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		script->lines = realloc(script->lines, (script->count + 1) * sizeof(char *));
		script->lines[script->count++] = strdup(line);
	}
	free(line);
	fclose(file);
	return script;
}

/* Appends a script's scenarios to @list; returns how many there are then. */
static size_t find_scenarios(const struct script *script, struct scenario **list, size_t count)
{
	size_t shared = script->count;

	for (size_t i = 0; i < script->count; i++) {
		struct scenario *made;

		if (strncmp(script->lines[i], "scenario ", 9) != 0)
			continue;
		if (shared == script->count)
			shared = i;
		else
			(*list)[count - 1].end = i;
		*list = realloc(*list, (count + 1) * sizeof(**list));
		made = &(*list)[count++];
		*made = (struct scenario){ script, i + 1, script->count, shared, "" };
		snprintf(made->title, sizeof(made->title), "%s: %s", script->path, script->lines[i] + 9);
	}
	return count;
}

size_t scenario_text_read(const char *pattern, struct scenario **list)
{
	size_t count = 0;
	glob_t found;

	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++)
		count = find_scenarios(read_script(found.gl_pathv[i]), list, count);
	globfree(&found);
	return count;
}
