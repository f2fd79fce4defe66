/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a configuration. Either there is an error or the configuration loads,
 * and then its text is a fixed point. Includes lead to two small files.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sluice/ruleset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *bytes;
	size_t size;
};

static char *read_input(void *context, const char *path, size_t *length)
{
	static const char part[] = "define from_include = 10.0.0.1\ntable ip t { chain c { accept; }\n";
	const struct input *input = context;
	struct input used = { (const uint8_t *)part, sizeof(part) - 1 };
	char *text;

	if (strcmp(path, "main.conf") == 0)
		used = *input;
	else if (strstr(path, "missing")) {
		errno = ENOENT;
		return NULL;
	}
	text = malloc(used.size + 1);
	if (!text)
		abort();
	memcpy(text, used.bytes, used.size);
	text[used.size] = '\0';
	*length = used.size;
	return text;
}

static int expand_input(void *context, const char *pattern, void (*each)(void *each_context, const char *path),
			void *each_context)
{
	(void)context;
	(void)pattern;
	each(each_context, "a.conf");
	each(each_context, "missing.conf");
	return 0;
}

static struct configuration *load(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	struct loader loader = { .context = &input, .read = read_input, .expand = expand_input };
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration = configuration_load(&loader, "main.conf", &diagnostics);
	char text[256];

	if ((configuration == NULL) != (diagnostics.errors > 0))
		abort();
	for (size_t i = 0; i < diagnostics.count; i++)
		diagnostic_format(&diagnostics.list[i], text, sizeof(text));
	diagnostics_fini(&diagnostics);
	return configuration;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct configuration *configuration = load(data, size), *again;
	char *text, *same;

	if (!configuration)
		return 0;
	text = configuration_print(configuration);
	if (!text)
		abort();
	configuration_destroy(configuration);
	again = load((const uint8_t *)text, strlen(text));
	same = again ? configuration_print(again) : NULL;
	if (!same || strcmp(text, same) != 0) {
		fprintf(stderr, "not a fixed point:\n%s\n--- again:\n%s\n", text, same ? same : "(does not load)");
		abort();
	}
	configuration_destroy(again);
	free(text);
	free(same);
	return 0;
}
