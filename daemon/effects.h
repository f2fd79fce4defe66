/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine asked for is carried out here.
 */
#ifndef SLUICE_DAEMON_EFFECTS_H
#define SLUICE_DAEMON_EFFECTS_H

#include <stdbool.h>

struct shell;

/** effects_drain() - carry out every effect that waits in the shell's engine */
void effects_drain(struct shell *shell);

/**
 * effects_announce() - tell listeners of `events` something about the daemon itself
 * @raised: stands in `status` until announced again with false
 */
void effects_announce(struct shell *shell, const char *name, bool raised, const char *subject, const char *text);

#endif
