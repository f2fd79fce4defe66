/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#define LOG_LINE_SIZE 1024
#define LOG_FIELD_SIZE 320
#define MESSAGE "MESSAGE="
#define IDENTIFIER "SYSLOG_IDENTIFIER=sluiced"

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

/* One entry of the journal; false: it did not take it. @line: "MESSAGE=" and the text. */
static bool send_entry(enum log_level level, const struct log_field *fields, const char *line, size_t length)
{
	char priority[16], texts[LOG_FIELD_LIMIT][LOG_FIELD_SIZE];
	struct iovec parts[3 + LOG_FIELD_LIMIT];
	int count = 0;

	parts[count++] = (struct iovec){ (void *)(uintptr_t)line, length };
	parts[count].iov_base = priority;
	parts[count++].iov_len = (size_t)snprintf(priority, sizeof(priority), "PRIORITY=%d", (int)level);
	parts[count++] = (struct iovec){ (void *)(uintptr_t)IDENTIFIER, sizeof(IDENTIFIER) - 1 };
	for (; fields && fields->name && count < 3 + LOG_FIELD_LIMIT; fields++) {
		char *text = texts[count - 3];
		int used;

		if (!fields->value)
			continue;
		used = snprintf(text, LOG_FIELD_SIZE, "SLUICE_%s=%s", fields->name, fields->value);
		parts[count].iov_base = text;
		parts[count++].iov_len = used < LOG_FIELD_SIZE ? (size_t)used : LOG_FIELD_SIZE - 1;
	}
	return sd_journal_sendv(parts, count) == 0;
}

static void write_line(enum log_level level, const struct log_field *fields, const char *format, va_list arguments)
{
	char line[sizeof(MESSAGE) + LOG_LINE_SIZE];
	const size_t offset = sizeof(MESSAGE) - 1;
	int error = errno, used;

	memcpy(line, MESSAGE, offset);
	used = vsnprintf(line + offset, LOG_LINE_SIZE, format, arguments);
	if (used > LOG_LINE_SIZE - 1)
		used = LOG_LINE_SIZE - 1;
	if (log_state.journal && send_entry(level, fields, line, offset + (size_t)used))
		return;
	line[offset + (size_t)used++] = '\n';
	/* In the place of MESSAGE's last letters. */
	if (log_state.journal)
		memcpy(line + offset - 3, (const char[]){ '<', (char)('0' + level), '>' }, 3);
	/* One write a line: lines of two processes on one stderr do not mix. Nobody to tell when it fails. */
	if (write(STDERR_FILENO, line + offset - (log_state.journal ? 3 : 0),
		  (size_t)used + (log_state.journal ? 3 : 0)) < 0)
		errno = error;
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list arguments;

	if (!log_shown(level))
		return;
	va_start(arguments, format);
	write_line(level, NULL, format, arguments);
	va_end(arguments);
}

void log_always(enum log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(level, NULL, format, arguments);
	va_end(arguments);
}

void log_event(enum log_level level, bool always, const struct log_field *fields, const char *format, ...)
{
	va_list arguments;

	if (!always && !log_shown(level))
		return;
	va_start(arguments, format);
	write_line(level, fields, format, arguments);
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
