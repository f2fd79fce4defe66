/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/survival.h"

#include <errno.h>

#include "daemon/log.h"
#include "daemon/privileges.h"
#include "daemon/shell.h"
#include "daemon/state_file.h"
#include "sluice/storage.h"

/* Return: 0, also without a file; -EBUSY when it is a running process's. */
static int open_file(struct shell *shell)
{
	const struct settings *settings = &shell->configuration->settings;
	const char *path = settings->state_path, *message = NULL;
	int error;

	if (!*path)
		return 0;
	error = privileges_make_directory(path);
	if (!error)
		error = state_file_open(&shell->state, path, storage_size(settings->capacity), storage_layout(),
					settings->capacity, &message);
	if (error == -EBUSY) {
		log_write(LOG_LEVEL_ERROR, "cannot start: %s: %s", path, message);
		return error;
	}
	errno = -error;
	if (error && message)
		log_write(LOG_LEVEL_WARNING, "sessions will end with the process: %s: %s", path, message);
	else if (error)
		log_write(LOG_LEVEL_WARNING, "sessions will end with the process: %s: %m", path);
	else if (message)
		log_write(LOG_LEVEL_NOTICE, "sessions of before are gone: %s: %s", path, message);
	return 0;
}

int survival_create_engine(struct shell *shell, const struct engine_secrets *secrets, struct mono now)
{
	int error = open_file(shell);

	if (error)
		return error;
	shell->engine = engine_create_in(&shell->configuration->settings, secrets, now,
					 shell->state ? state_file_memory(shell->state) : NULL);
	if (shell->engine) {
		engine_watch_sessions(shell->engine, false); /* until somebody listens */
		return 0;
	}
	errno = ENOMEM;
	log_write(LOG_LEVEL_ERROR, "cannot start: session table of that capacity: %m");
	return -ENOMEM;
}

int survival_recover(struct shell *shell)
{
	struct engine_recovery recovery;
	struct mono began = loop_now();
	int error = engine_recover(shell->engine, began, &recovery);

	if (error) {
		errno = -error;
		log_write(LOG_LEVEL_ERROR, "cannot start: sessions of before: %m");
		return error;
	}
	if (recovery.recovered || recovery.lost)
		log_write(LOG_LEVEL_NOTICE, "%u sessions go on, %u are lost (%llu ms)", recovery.recovered,
			  recovery.lost, (unsigned long long)mono_ms_between(began, loop_now()));
	return 0;
}

void survival_leave(struct shell *shell)
{
	if (shell->engine)
		engine_leave(shell->engine, loop_now());
}
