/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine asked for is carried out here.
 */
#ifndef SLUICE_DAEMON_EFFECTS_H
#define SLUICE_DAEMON_EFFECTS_H

struct shell;

/** effects_drain() - carry out every effect that waits in the shell's engine */
void effects_drain(struct shell *shell);

#endif
