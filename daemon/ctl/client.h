/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection to the daemon: lines out, lines in.
 */
#ifndef SLUICE_CTL_CLIENT_H
#define SLUICE_CTL_CLIENT_H

#include <stddef.h>
#include <sys/types.h>

struct client;

/** client_open() - Return: 0, or negative errno. */
int client_open(const char *path, struct client **client);
void client_close(struct client *client);

/** client_send() - Return: 0, or negative errno. */
int client_send(struct client *client, const char *line);

/**
 * client_receive() - the next line, without its newline
 * @line: valid until the next call
 *
 * Return: its length; 0 when the daemon hung up; negative errno, -EAGAIN when it
 * said nothing for a minute.
 */
ssize_t client_receive(struct client *client, char **line);

/**
 * client_follow() - from now on silence is normal, and SIGINT or SIGTERM ends it:
 *	client_receive() then returns -EINTR
 */
void client_follow(struct client *client);

#endif
