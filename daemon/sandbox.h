/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the running daemon may still ask of the kernel.
 */
#ifndef SLUICE_DAEMON_SANDBOX_H
#define SLUICE_DAEMON_SANDBOX_H

/**
 * sandbox_enter() - from here on only the system calls that serving takes
 *
 * Any other one ends the process with SIGSYS. Needs no_new_privs, and all that is
 * opened only once must be open. It cannot be undone.
 * Return: 0; -EOPNOTSUPP: kernel or build have none of it, the caller may go on
 * without; another negative errno: something is half done, and the process must end.
 */
int sandbox_enter(void);

#endif
