/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts the kernel's table back when somebody else has changed it.
 */
#ifndef SLUICE_DAEMON_KERNEL_GUARD_H
#define SLUICE_DAEMON_KERNEL_GUARD_H

struct kernel_guard;
struct shell;

/**
 * kernel_guard_create() - watch over @shell's table from now on
 * @guard: receives NULL where the kernel itself keeps others from the table
 *
 * Return: 0, or negative errno.
 */
int kernel_guard_create(struct shell *shell, struct kernel_guard **guard);
void kernel_guard_destroy(struct kernel_guard *guard);

#endif
