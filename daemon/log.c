/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_LINE_SIZE 1024

static struct {
	enum log_level threshold;
	bool journal;
} log_state = { .threshold = LOG_LEVEL_NOTICE };

/* systemd.exec(5): JOURNAL_STREAM names the device and inode of the stream it gave us. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &status) == 0 &&
	       status.st_dev == device && status.st_ino == inode;
}

void log_init(unsigned int verbosity)
{
	log_state.threshold = verbosity >= 2 ? LOG_LEVEL_DEBUG : verbosity ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE;
	log_state.journal = stderr_is_journal();
}

bool log_shown(enum log_level level)
{
	return level <= log_state.threshold;
}

static void write_line(enum log_level level, const char *format, va_list arguments)
{
	char line[LOG_LINE_SIZE];
	int used = 0, error = errno;

	if (log_state.journal)
		used = snprintf(line, sizeof(line), "<%d>", (int)level);
	errno = error;
	used += vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, arguments);
	if ((size_t)used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	/* One write a line: lines of two processes on one stderr do not mix. Nobody to tell when it fails. */
	if (write(STDERR_FILENO, line, (size_t)used) < 0)
		errno = error;
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list arguments;

	if (!log_shown(level))
		return;
	va_start(arguments, format);
	write_line(level, format, arguments);
	va_end(arguments);
}

void log_always(enum log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(level, format, arguments);
	va_end(arguments);
}

void log_lines(enum log_level level, const char *text)
{
	while (text && *text) {
		size_t length = strcspn(text, "\n");

		log_write(level, "%.*s", (int)length, text);
		text += length + (text[length] == '\n');
	}
}

bool log_limit_pass(struct log_limit *limit, struct mono now, uint64_t *suppressed)
{
	*suppressed = 0;
	if (!limit->began.ns || mono_ms_between(limit->began, now) >= limit->interval_ms) {
		*suppressed = limit->suppressed;
		limit->began = now;
		limit->count = 0;
		limit->suppressed = 0;
	}
	if (limit->count >= limit->burst) {
		limit->suppressed++;
		return false;
	}
	limit->count++;
	return true;
}
