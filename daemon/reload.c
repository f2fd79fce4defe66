/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The kernel's table goes first, since it is the step most
 * likely to be refused; nothing is judged between it and the engine, because both
 * happen in one turn of the loop. When the engine then cannot take the new rules,
 * the table goes back.
 */
#include "daemon/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <systemd/sd-daemon.h>

#include "daemon/effects.h"
#include "daemon/files.h"
#include "daemon/kernel_table.h"
#include "daemon/lending.h"
#include "daemon/links.h"
#include "daemon/listeners.h"
#include "daemon/log.h"
#include "daemon/shell.h"

static bool same_listener(const struct settings *a, const struct settings *b)
{
	return a->metrics == b->metrics && (!a->metrics || endpoint_equal(&a->metrics_listen, &b->metrics_listen));
}

/* The first setting that differs and takes effect only at a start; NULL when there is none. */
static const char *fixed_setting(const struct settings *old, const struct settings *new)
{
	if (old->capacity != new->capacity)
		return "capacity";
	if (old->queue != new->queue)
		return "queue";
	if (old->queue_length != new->queue_length)
		return "queue-length";
	if (old->mark != new->mark)
		return "mark";
	if (strcmp(old->socket_path, new->socket_path) != 0 || strcmp(old->socket_group, new->socket_group) != 0)
		return "socket";
	if (!same_listener(old, new))
		return "metrics";
	if (strcmp(old->state_path, new->state_path) != 0)
		return "state";
	return NULL;
}

/* Puts one more line under @message, which may be NULL. */
static void message_add(char **message, const char *line, const char *about)
{
	char *longer;

	if (asprintf(&longer, "%s%s%s%s\n", *message ? *message : "", about ? about : "", about ? ": " : "", line) < 0)
		return;
	free(*message);
	*message = longer;
}

/* The file's configuration if it may replace the one in force, else NULL. */
static struct configuration *load_replacement(const struct shell *shell, char **message)
{
	struct configuration *configuration = files_load(shell->config_path, message);
	const char *fixed;

	if (!configuration)
		return NULL;
	fixed = fixed_setting(&shell->configuration->settings, &configuration->settings);
	if (fixed) {
		message_add(message, "cannot change while running: restart sluiced", fixed);
		configuration_destroy(configuration);
		return NULL;
	}
	return configuration;
}

int shell_check(const struct shell *shell, char **message)
{
	struct configuration *configuration = load_replacement(shell, message);

	if (!configuration)
		return -EINVAL;
	configuration_destroy(configuration);
	return 0;
}

static int put_in_force(struct shell *shell, struct configuration *configuration, const char **reason)
{
	const struct link_table *links = links_table(shell->links);
	int error = kernel_table_apply(shell->kernel_table, configuration, links, reason);

	if (error)
		return error;
	error = engine_apply(shell->engine, configuration, loop_now());
	if (error) {
		*reason = "no memory for the new rules";
		/* The kernel took this table a moment ago: should it refuse now, the new one only asks for more. */
		if (kernel_table_apply(shell->kernel_table, shell->configuration, links, &(const char *){ NULL }) < 0)
			log_write(LOG_LEVEL_ERROR, "reload: the kernel's table could not be put back");
		return error;
	}
	return 0;
}

void shell_read_listeners(struct shell *shell)
{
	const struct listener *list;
	size_t count;
	int changed = listeners_read(shell->listeners, &list, &count);

	if (changed > 0)
		changed = engine_set_listeners(shell->engine, list, count);
	if (changed < 0) {
		errno = -changed;
		log_write(LOG_LEVEL_WARNING, "cannot tell which ports this machine serves itself: %m");
	}
}

static int reload(struct shell *shell, char **message)
{
	struct configuration *configuration = load_replacement(shell, message);
	const char *reason = NULL;
	int error;

	if (!configuration)
		return -EINVAL;
	error = put_in_force(shell, configuration, &reason);
	if (error) {
		message_add(message, reason, NULL);
		configuration_destroy(configuration);
		return error;
	}
	configuration_destroy(shell->configuration);
	shell->configuration = configuration;
	shell->reloads++;
	shell_read_listeners(shell);
	lending_note(shell);
	effects_drain(shell);
	return 0;
}

int shell_reload(struct shell *shell, char **message)
{
	int error;

	/* systemd wants the time to tell this reload from an earlier one (Type=notify-reload). */
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(loop_now().ns / 1000));
	error = reload(shell, message);
	sd_notify(0, "READY=1");
	effects_announce(shell, "reload", error != 0, shell->config_path,
			 error ? "failed, the old configuration stays" : "in force");
	if (error)
		log_write(LOG_LEVEL_ERROR, "reload of %s failed, the old configuration stays", shell->config_path);
	else
		log_write(LOG_LEVEL_NOTICE, "reloaded %s", shell->config_path);
	return error;
}

void reload_by_signal(struct shell *shell)
{
	char *message = NULL;
	int error = shell_reload(shell, &message);

	log_lines(error ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, message);
	free(message);
}
