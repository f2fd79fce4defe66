/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nobody writes such a ruleset; somebody may name a device or a disk image. */
#define FILE_LIMIT (64u << 20)
#define FILE_STEP 65536u

static char *read_all(int fd, size_t *length)
{
	size_t size = FILE_STEP, used = 0;
	char *text = malloc(size);

	while (text) {
		ssize_t got = read(fd, text + used, size - used - 1);
		char *grown;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		used += (size_t)got;
		if (!got) {
			text[used] = '\0';
			*length = used;
			return text;
		}
		if (size - used > 1)
			continue;
		size *= 2;
		grown = size <= FILE_LIMIT ? realloc(text, size) : NULL;
		if (!grown) {
			errno = EFBIG;
			break;
		}
		text = grown;
	}
	free(text);
	return NULL;
}

static char *file_read(void *context, const char *path, size_t *length)
{
	/* Not to wait for the other end of a named pipe. */
	int error, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	char *text = NULL;

	(void)context;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
		errno = EISDIR;
	else
		text = read_all(fd, length);
	error = errno;
	close(fd);
	errno = error;
	return text;
}

static int file_expand(void *context, const char *pattern, void (*each)(void *each_context, const char *path),
		       void *each_context)
{
	glob_t found = { 0 };
	int result = glob(pattern, 0, NULL, &found);

	(void)context;
	for (size_t i = 0; !result && i < found.gl_pathc; i++)
		each(each_context, found.gl_pathv[i]);
	globfree(&found);
	if (result == 0 || result == GLOB_NOMATCH)
		return 0;
	return result == GLOB_NOSPACE ? -ENOMEM : -EIO;
}

static char *diagnostics_text(const struct diagnostics *diagnostics)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	for (size_t i = 0; i < diagnostics->count; i++) {
		size_t needed = diagnostic_format(&diagnostics->list[i], NULL, 0) + 1;
		char *line = malloc(needed);

		if (!line)
			continue;
		diagnostic_format(&diagnostics->list[i], line, needed);
		fputs(line, stream);
		free(line);
	}
	if (fclose(stream) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

struct configuration *files_load(const char *path, char **message)
{
	const struct loader loader = { .read = file_read, .expand = file_expand };
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration = configuration_load(&loader, path, &diagnostics);

	*message = diagnostics_text(&diagnostics);
	diagnostics_fini(&diagnostics);
	return configuration;
}
