/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel_batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>

void kernel_batch_init(struct kernel_batch *batch, uint16_t subsystem, uint32_t sequence)
{
	*batch = (struct kernel_batch){ .subsystem = subsystem, .first = sequence, .sequence = sequence };
}

void kernel_batch_fini(struct kernel_batch *batch)
{
	free(batch->bytes);
	free(batch->tags);
	batch->bytes = NULL;
	batch->tags = NULL;
}

static bool batch_grow(struct kernel_batch *batch)
{
	size_t index = batch->sequence - batch->first;

	if (batch->size - batch->used < KERNEL_BATCH_ROOM) {
		size_t size = batch->size + 4 * KERNEL_BATCH_ROOM;
		char *bytes = realloc(batch->bytes, size);

		if (!bytes)
			return false;
		/* What is left between attributes goes to the kernel too. */
		memset(bytes + batch->size, 0, size - batch->size);
		batch->bytes = bytes;
		batch->size = size;
	}
	if (index >= batch->tags_size) {
		size_t size = batch->tags_size + 256;
		uint8_t *tags = realloc(batch->tags, size);

		if (!tags)
			return false;
		batch->tags = tags;
		batch->tags_size = size;
	}
	return true;
}

/* The frame of a batch names its subsystem in @resource, the messages inside have it in their type. */
static struct nlmsghdr *batch_put(struct kernel_batch *batch, uint16_t type, uint16_t flags, uint8_t family,
				  uint16_t resource)
{
	struct nlmsghdr *message;
	struct nfgenmsg *netfilter;

	if (batch->error)
		return NULL;
	if (!batch_grow(batch)) {
		batch->error = -ENOMEM;
		return NULL;
	}
	message = mnl_nlmsg_put_header(batch->bytes + batch->used);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = batch->sequence++;
	netfilter = mnl_nlmsg_put_extra_header(message, sizeof(*netfilter));
	netfilter->nfgen_family = family;
	netfilter->version = NFNETLINK_V0;
	netfilter->res_id = htons(resource);
	return message;
}

struct nlmsghdr *kernel_batch_add(struct kernel_batch *batch, uint16_t type, uint16_t flags, uint8_t tag)
{
	struct nlmsghdr *message;

	if (!batch->used) {
		message = batch_put(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, batch->subsystem);
		if (!message)
			return NULL;
		kernel_batch_end(batch, message);
	}
	message = batch_put(batch, (uint16_t)(batch->subsystem << 8 | type), flags, NFPROTO_INET, 0);
	if (message)
		batch->tags[message->nlmsg_seq - batch->first] = tag;
	return message;
}

void kernel_batch_end(struct kernel_batch *batch, const struct nlmsghdr *message)
{
	if (message)
		batch->used += NLMSG_ALIGN(message->nlmsg_len);
}

/*
 * The kernel works while we send: when sendmsg() returns every complaint waits in
 * the socket already, and none means that all was carried out.
 */
static int batch_answer(const struct kernel_batch *batch, struct mnl_socket *socket, uint8_t *tag)
{
	char answer[16384];
	int error = 0;

	for (;;) {
		ssize_t received = recv(mnl_socket_get_fd(socket), answer, sizeof(answer), MSG_DONTWAIT);
		const struct nlmsghdr *message = (const struct nlmsghdr *)answer;
		int left = (int)received;

		if (received < 0 && errno == ENOBUFS)
			continue; /* more complaints than the socket holds: the first ones are enough */
		if (received < 0 && errno == EINTR)
			continue;
		if (received < 0)
			return errno == EAGAIN ? error : -errno;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			const struct nlmsgerr *refusal = mnl_nlmsg_get_payload(message);
			uint32_t index = message->nlmsg_seq - batch->first;

			if (message->nlmsg_type != NLMSG_ERROR || !refusal->error || error)
				continue;
			error = refusal->error;
			if (index < batch->sequence - batch->first)
				*tag = batch->tags[index];
		}
	}
}

int kernel_batch_send(struct kernel_batch *batch, struct mnl_socket *socket, uint8_t *tag)
{
	kernel_batch_end(batch, batch_put(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, batch->subsystem));
	if (batch->error)
		return batch->error;
	batch->tags[0] = 0;
	batch->tags[batch->sequence - batch->first - 1] = 0;
	*tag = 0;
	if (mnl_socket_sendto(socket, batch->bytes, batch->used) < 0)
		return -errno;
	return batch_answer(batch, socket, tag);
}
