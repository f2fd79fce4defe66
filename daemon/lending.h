/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is lent to the kernel's fast path when the daemon starts, while it runs, and when
 * it ends.
 */
#ifndef SLUICE_DAEMON_LENDING_H
#define SLUICE_DAEMON_LENDING_H

struct shell;

/**
 * lending_start() - the shell's fast path, where there is to be one and can be
 *
 * Before sessions are recovered: those that an earlier process had lent can stay lent where its
 * maps are still there, and were made for this configuration on these interfaces. Else nothing of
 * an earlier process forwards any more when this returns.
 */
void lending_start(struct shell *shell);

/* After they are recovered, before the first packet: what no session of ours asks for goes from the kernel. */
void lending_reconcile(struct shell *shell);

/* Now and then: asks for the routes of some that stayed lent; routes may have changed meanwhile. */
void lending_tick(struct shell *shell);

/* Another configuration is in force, or interfaces have changed; everything was recalled. */
void lending_note(struct shell *shell);

/* Ends the fast path, or leaves it to the next process. */
void lending_stop(struct shell *shell);

#endif
