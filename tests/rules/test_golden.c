/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each golden/NAME.conf has its canonical text in NAME.out, when it loads, and its
 * messages in NAME.err, when there are any; both are pinned to the byte. Whatever
 * loads must print the same when its own output is loaded again. The real rulesets
 * of corpus/ are held to the same. UPDATE_GOLDEN=1 writes what is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/rules/files.h"

static const struct loader loader = { .read = files_read, .expand = files_expand };

static char *messages_of(struct diagnostics *diagnostics)
{
	char *text = calloc(1, 1);
	size_t used = 0;

	for (size_t i = 0; i < diagnostics->count; i++) {
		size_t need = diagnostic_format(&diagnostics->list[i], NULL, 0);

		text = realloc(text, used + need + 1);
		assert_int_equal(diagnostic_format(&diagnostics->list[i], text + used, need + 1), need);
		used += need;
	}
	diagnostics_fini(diagnostics);
	return text;
}

static void compare(const char *path, const char *seen)
{
	size_t length = 0;
	char *wanted;
	FILE *file;

	if (getenv("UPDATE_GOLDEN")) {
		if (!seen || !*seen) {
			unlink(path);
			return;
		}
		file = fopen(path, "wb");
		assert_non_null(file);
		fputs(seen, file);
		fclose(file);
		return;
	}
	wanted = files_read(NULL, path, &length);
	assert_string_equal(seen ? seen : "", wanted ? wanted : "");
	free(wanted);
}

static void check_fixed_point(const char *printed)
{
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration = files_load_text(printed, &diagnostics);
	char *messages = messages_of(&diagnostics), *again;

	if (!configuration)
		fail_msg("its own output does not load:\n%s", messages);
	again = configuration_print(configuration);
	assert_string_equal(again, printed);
	free(again);
	free(messages);
	configuration_destroy(configuration);
}

static void test_file(void **state)
{
	const char *path = *state;
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration = configuration_load(&loader, path, &diagnostics);
	size_t errors = diagnostics.errors;
	char *messages = messages_of(&diagnostics);
	char *printed = configuration ? configuration_print(configuration) : NULL;
	char name[512];

	assert_int_equal(configuration != NULL, errors == 0);
	snprintf(name, sizeof(name), "%.*s.err", (int)(strrchr(path, '.') - path), path);
	compare(name, messages);
	snprintf(name, sizeof(name), "%.*s.out", (int)(strrchr(path, '.') - path), path);
	compare(name, printed);
	if (printed)
		check_fixed_point(printed);
	free(messages);
	free(printed);
	configuration_destroy(configuration);
}

int main(void)
{
	struct CMUnitTest tests[512];
	size_t count = 0;
	glob_t found;
	int failed;

	/* Messages name files as they were given: from the folder of the tests. */
	if (chdir("tests/rules") != 0 || glob("golden/*.conf", 0, NULL, &found) != 0 ||
	    glob("corpus/*.nft", GLOB_APPEND, NULL, &found) != 0)
		return 1;
	for (size_t i = 0; i < found.gl_pathc && count < 512; i++)
		tests[count++] = (struct CMUnitTest){ .name = found.gl_pathv[i],
						      .test_func = test_file,
						      .initial_state = found.gl_pathv[i] };
	failed = _cmocka_run_group_tests("golden", tests, count, NULL, NULL);
	globfree(&found);
	return failed;
}
