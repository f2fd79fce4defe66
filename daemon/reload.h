/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new configuration while running; see shell_reload() in shell.h for the rest.
 */
#ifndef SLUICE_DAEMON_RELOAD_H
#define SLUICE_DAEMON_RELOAD_H

struct shell;

/** reload_by_signal() - as shell_reload(), with the outcome in the log */
void reload_by_signal(struct shell *shell);

#endif
