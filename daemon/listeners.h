/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ports that programs on this machine serve, asked of the kernel (sock_diag(7)): no
 * mapping may get one, or a host inside could take over what is meant for the
 * service (port shadowing, CVE-2021-3773).
 */
#ifndef SLUICE_DAEMON_LISTENERS_H
#define SLUICE_DAEMON_LISTENERS_H

#include "sluice/engine.h"

struct listeners;

/**
 * listeners_create() - a socket to ask the kernel by, in the namespace the daemon is in
 *
 * Return: 0, or negative errno.
 */
int listeners_create(struct listeners **listeners);
void listeners_destroy(struct listeners *listeners);

/**
 * listeners_read() - ask for TCP sockets that listen and UDP sockets without a peer
 * @list, @count: receive them, valid until the next call
 *
 * Return: 1 when they are not those of the last call, 0 when they are; negative errno:
 * the kernel did not answer, and @list is as it was.
 */
int listeners_read(struct listeners *listeners, const struct listener **list, size_t *count);

#endif
