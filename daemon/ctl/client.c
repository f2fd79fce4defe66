/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A daemon that is stopped or stuck must not hang the admin's shell with it. */
#define PATIENCE_S 60

/* For the signal handler; there is one client in this program. */
static volatile sig_atomic_t interrupted;
static volatile int followed;

struct client {
	int fd;
	FILE *stream;
	char *line;
	size_t size;
};

static void set_patience(int fd, time_t seconds)
{
	struct timeval patience = { .tv_sec = seconds };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

/* Stopped and continued, a program finds its call interrupted: that alone is no reason to give up. */
static ssize_t read_on(void *context, char *bytes, size_t size)
{
	const struct client *client = context;
	ssize_t got;

	do
		got = recv(client->fd, bytes, size, 0);
	while (got < 0 && errno == EINTR && !interrupted);
	return got;
}

static int close_stream(void *context)
{
	const struct client *client = context;

	return close(client->fd);
}

int client_open(const char *path, struct client **opened)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	static const cookie_io_functions_t stream = { .read = read_on, .close = close_stream };
	struct client *client;
	int fd, failed;

	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	strcpy(name.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	set_patience(fd, PATIENCE_S);
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0) {
		failed = -errno;
		close(fd);
		return failed;
	}
	client = calloc(1, sizeof(*client));
	if (client) {
		client->fd = fd;
		client->stream = fopencookie(client, "r", stream);
	}
	if (!client || !client->stream) {
		free(client);
		close(fd);
		return -ENOMEM;
	}
	*opened = client;
	return 0;
}

void client_close(struct client *client)
{
	fclose(client->stream);
	free(client->line);
	free(client);
}

static int send_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		bytes += sent;
		length -= (size_t)sent;
	}
	return 0;
}

int client_send(struct client *client, const char *line)
{
	int failed = send_all(client->fd, line, strlen(line));

	return failed ? failed : send_all(client->fd, "\n", 1);
}

ssize_t client_receive(struct client *client, char **line)
{
	ssize_t length;

	errno = 0;
	length = getline(&client->line, &client->size, client->stream);
	if (interrupted)
		return -EINTR;
	if (length < 0)
		return errno == ECONNRESET ? 0 : -errno;
	/* A line without newline was cut off: the daemon is gone. */
	if (client->line[length - 1] != '\n')
		return 0;
	client->line[--length] = '\0';
	*line = client->line;
	return length;
}

/* A signal between two reads must not be lost, so it closes the socket instead of setting a mark. */
static void follow_interrupted(int number)
{
	(void)number;
	interrupted = 1;
	shutdown(followed, SHUT_RDWR);
}

void client_follow(struct client *client)
{
	struct sigaction action = { .sa_handler = follow_interrupted };

	followed = client->fd;
	set_patience(followed, 0);
	/* Also where they were ignored, as in a shell's background job: conntrack -E does so too. */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}
