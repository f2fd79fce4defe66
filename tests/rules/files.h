/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files for tests of the rule language: a loader over the file system, and one over a string. */
#ifndef SLUICE_TESTS_RULES_FILES_H
#define SLUICE_TESTS_RULES_FILES_H

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "sluice/ruleset.h"

static inline char *files_read(void *context, const char *path, size_t *length)
{
	FILE *file = fopen(path, "rb");
	size_t capacity = 4096, used = 0, got;
	char *text = file ? malloc(capacity + 1) : NULL;

	(void)context;
	while (text && (got = fread(text + used, 1, capacity - used, file)) > 0) {
		used += got;
		if (used == capacity) {
			capacity *= 2;
			text = realloc(text, capacity + 1);
		}
	}
	if (file)
		fclose(file);
	if (text) {
		text[used] = '\0';
		*length = used;
	}
	return text;
}

static inline int files_expand(void *context, const char *pattern, void (*each)(void *each_context, const char *path),
			       void *each_context)
{
	glob_t found;

	(void)context;
	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++)
		each(each_context, found.gl_pathv[i]);
	globfree(&found);
	return 0;
}

/* The context is the text of the only file there is. */
static inline char *files_read_text(void *context, const char *path, size_t *length)
{
	(void)path;
	*length = strlen(context);
	return strdup(context);
}

static inline struct configuration *files_load_text(const char *text, struct diagnostics *diagnostics)
{
	struct loader loader = { .context = (void *)text, .read = files_read_text };

	return configuration_load(&loader, "test.conf", diagnostics);
}

#endif
