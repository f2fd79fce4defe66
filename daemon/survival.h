/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of sessions when the daemon starts and stops.
 */
#ifndef SLUICE_DAEMON_SURVIVAL_H
#define SLUICE_DAEMON_SURVIVAL_H

#include "sluice/engine.h"

struct shell;

/**
 * survival_create_engine() - the shell's engine, in the state file where there is to be one
 *
 * A file that cannot be used is told of, and sessions will end with the process.
 * Return: 0; -EBUSY: another process has the file; -ENOMEM; told of already.
 */
int survival_create_engine(struct shell *shell, const struct engine_secrets *secrets, struct mono now);

/* Sessions of an earlier process go on. Return: 0, or negative errno, told of already. */
int survival_recover(struct shell *shell);

/* Before the fast path and the engine end: leaves the file in order. */
void survival_leave(struct shell *shell);

#endif
