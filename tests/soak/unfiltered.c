/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into a daemon that runs inside of valgrind: no filter for system calls, since
 * valgrind makes its own in the daemon's name. The linker puts this in the place of
 * sandbox_enter() (--wrap).
 */
#include <errno.h>

int __wrap_sandbox_enter(void);

int __wrap_sandbox_enter(void)
{
	return -EOPNOTSUPP;
}
