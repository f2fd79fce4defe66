/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

/* Of the kernel's enum, which <netinet/tcp.h> has in other words. */
#define STATE_LISTENING 10
#define STATE_UNCONNECTED 7

struct list {
	struct listener *entries;
	size_t count, room;
};

struct listeners {
	struct mnl_socket *socket;
	uint32_t sequence;
	uint8_t protocol; /* of the question in progress */
	struct list now, last;
};

int listeners_create(struct listeners **listeners)
{
	struct listeners *made = calloc(1, sizeof(*made));
	int error;

	if (!made)
		return -ENOMEM;
	made->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!made->socket || mnl_socket_bind(made->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		listeners_destroy(made);
		return error;
	}
	*listeners = made;
	return 0;
}

void listeners_destroy(struct listeners *listeners)
{
	if (!listeners)
		return;
	if (listeners->socket)
		mnl_socket_close(listeners->socket);
	free(listeners->now.entries);
	free(listeners->last.entries);
	free(listeners);
}

static int list_add(struct list *list, const struct listener *listener)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct listener *entries = realloc(list->entries, room * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		list->entries = entries;
		list->room = room;
	}
	list->entries[list->count++] = *listener;
	return 0;
}

/* One socket of the kernel's answer. */
static int read_socket(const struct nlmsghdr *message, void *context)
{
	struct listeners *listeners = context;
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	const uint8_t *address = (const uint8_t *)socket->id.idiag_src;
	/* Compared as bytes: no padding may differ. */
	struct listener listener;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*socket) || !socket->id.idiag_sport)
		return MNL_CB_OK;
	memset(&listener, 0, sizeof(listener));
	listener.protocol = listeners->protocol;
	listener.port = ntohs(socket->id.idiag_sport);
	listener.address = socket->idiag_family == AF_INET ? address_from_ipv4(address) : address_from_ipv6(address);
	if (list_add(&listeners->now, &listener) < 0) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	return MNL_CB_OK;
}

static int ask(struct listeners *listeners, uint8_t family, uint8_t protocol)
{
	char buffer[16384] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	unsigned int port = mnl_socket_get_portid(listeners->socket);
	struct inet_diag_req_v2 *question;
	ssize_t length;
	int result = MNL_CB_OK;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++listeners->sequence;
	question = mnl_nlmsg_put_extra_header(message, sizeof(*question));
	question->sdiag_family = family;
	question->sdiag_protocol = protocol;
	question->idiag_states = 1U << (protocol == IPPROTO_TCP ? STATE_LISTENING : STATE_UNCONNECTED);
	listeners->protocol = protocol;
	if (mnl_socket_sendto(listeners->socket, message, message->nlmsg_len) < 0)
		return -errno;
	/* The kernel puts together each part of its answer as the one before is read: nothing to wait for. */
	while (result == MNL_CB_OK) {
		length = mnl_socket_recvfrom(listeners->socket, buffer, sizeof(buffer));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		result = mnl_cb_run(buffer, (size_t)length, listeners->sequence, port, read_socket, listeners);
	}
	return result == MNL_CB_STOP ? 0 : -errno;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct listener));
}

/* In one order, each once: many sockets may share a port. */
static void tidy(struct list *list)
{
	size_t kept = 0;

	qsort(list->entries, list->count, sizeof(*list->entries), compare);
	for (size_t i = 0; i < list->count; i++)
		if (!i || compare(&list->entries[i], &list->entries[kept - 1]) != 0)
			list->entries[kept++] = list->entries[i];
	list->count = kept;
}

int listeners_read(struct listeners *listeners, const struct listener **list, size_t *count)
{
	static const struct {
		uint8_t family, protocol;
	} questions[] = {
		{ AF_INET, IPPROTO_TCP }, { AF_INET6, IPPROTO_TCP }, { AF_INET, IPPROTO_UDP }, { AF_INET6, IPPROTO_UDP }
	};
	struct list before = listeners->last;
	bool same;

	listeners->now.count = 0;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		int error = ask(listeners, questions[i].family, questions[i].protocol);

		/* A kernel without the module for one family has no sockets of it. */
		if (error && error != -ENOENT)
			return error;
	}
	if (listeners->now.count)
		tidy(&listeners->now);
	same = before.count == listeners->now.count &&
	       (!before.count ||
		memcmp(before.entries, listeners->now.entries, before.count * sizeof(*before.entries)) == 0);
	listeners->last = listeners->now;
	listeners->now = before;
	*list = listeners->last.entries;
	*count = listeners->last.count;
	return !same;
}
