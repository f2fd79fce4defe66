/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Root only until everything is open that needs it.
 */
#ifndef SLUICE_DAEMON_PRIVILEGES_H
#define SLUICE_DAEMON_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

/** privileges_sufficient() - have we what packets and tables take: CAP_NET_ADMIN and CAP_NET_RAW? */
bool privileges_sufficient(void);

/**
 * privileges_make_directory() - make the directory in which the file @path is to lie
 *
 * When it is missing and its own parent is there; it belongs to the user that
 * privileges_drop() changes to, so that the file can be removed again later.
 * Return: 0, also when there was nothing to do; or negative errno.
 */
int privileges_make_directory(const char *path);

/* Is that the user that privileges_drop() would change to, if root calls it? */
bool privileges_is_daemon(uid_t uid);

/* An open file of root's becomes that user's. Return: 0, also when there is nothing to do; or negative errno. */
int privileges_hand_over(int fd);

/**
 * privileges_drop() - become the user `sluice`, keeping only those two capabilities
 * @bpf: and CAP_BPF, where it is there
 *
 * Root without such a user stays root, with these two capabilities. In every case
 * no program that is ever executed can gain any.
 * Return: 0, or negative errno: then the process must end.
 */
int privileges_drop(bool bpf);

#endif
