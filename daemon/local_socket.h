/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listening sockets: the control socket's file with its owner, group and mode, and
 * the metrics port.
 */
#ifndef SLUICE_DAEMON_LOCAL_SOCKET_H
#define SLUICE_DAEMON_LOCAL_SOCKET_H

#include <sys/types.h>

#include "sluice/tuple.h"

/** struct local_socket - a listening socket and the file that stands for it */
struct local_socket {
	int fd;
	char path[108];
	dev_t device; /* the file's, so that nobody else's is removed */
	ino_t inode;
};

/**
 * local_socket_open() - listen at @path
 * @group: may connect, beside root and the own user; "": nobody else
 * @group_given: receives false when there is no such group or it cannot be given
 * @message: receives what failed, a static text
 *
 * Return: 0; -EEXIST: something else is there; -EADDRINUSE: a live process serves
 * it; -ENAMETOOLONG; or another negative errno.
 */
int local_socket_open(struct local_socket *opened, const char *path, const char *group, bool *group_given,
		      const char **message);

/** local_socket_close() - stop to listen and remove the file, if it is still ours */
void local_socket_close(struct local_socket *opened);

/** local_socket_peer() - the user on the other end of @fd; false: nobody knows */
bool local_socket_peer(int fd, uid_t *uid);

/**
 * local_socket_open_port() - listen on a TCP port
 * Return: a descriptor, or negative errno.
 */
int local_socket_open_port(const struct endpoint *endpoint);

#endif
