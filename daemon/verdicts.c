/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The messages of a batch stand one after another in @text.
 * A large new packet is not copied there: the vector points into the buffer it
 * was received in, and the next message goes on in @text. Small ones are copied,
 * which is cheaper than two more elements of the vector.
 *
 * Packets with the same fate that came one after another share one message: the
 * kernel applies NFQNL_MSG_VERDICT_BATCH to everything that still waits up to
 * that number, and all before it has been judged already, since verdicts go back
 * in order of arrival.
 *
 * So a verdict must never be left out: the packet would wait, and the next message for
 * many would let it go, perhaps untranslated. When a batch cannot be sent, and not for
 * lack of memory, its packets are dropped: one small message, which is sent until the
 * kernel takes it.
 */
#include "daemon/verdicts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

/* A new packet up to this size is copied into the text. */
#define COPY_LIMIT 512u
/*
 * Bytes that one system call carries at most. The kernel copies all of them before
 * it looks at the first verdict: more than this falls out of the cache meanwhile.
 */
#define BATCH_BYTES (640u << 10)

struct verdict_head {
	struct nlmsghdr netlink;
	struct nfgenmsg netfilter;
	struct nlattr verdict_attribute;
	struct nfqnl_msg_verdict_hdr verdict;
};

struct mark_part {
	struct nlattr attribute;
	uint32_t mark;
};

_Static_assert(sizeof(struct verdict_head) == 32 && sizeof(struct mark_part) == 8, "as they stand in the message");

#define MESSAGE_LIMIT (sizeof(struct verdict_head) + sizeof(struct mark_part) + NLA_HDRLEN + COPY_LIMIT)

struct verdicts {
	int fd;
	uint16_t queue; /* in network order */
	size_t bytes_limit;
	size_t bytes; /* in this batch, payload included */
	size_t used;  /* of @text */
	unsigned int count, vector_count;
	bool open;			 /* the last element of @vector may grow */
	bool condemned;			 /* what was to be sent could not be: it is dropped */
	struct verdict_head *last_plain; /* the last message when it has no payload */
	struct verdict_message last;
	struct iovec vector[2 * VERDICTS_LIMIT];
	uint8_t text[VERDICTS_LIMIT * MESSAGE_LIMIT] __attribute__((aligned(8)));
};

struct verdicts *verdicts_create(void)
{
	return calloc(1, sizeof(struct verdicts));
}

void verdicts_begin(struct verdicts *verdicts, int fd, uint16_t queue, size_t send_buffer)
{
	verdicts->fd = fd;
	verdicts->queue = htons(queue);
	verdicts->bytes_limit = send_buffer < BATCH_BYTES ? send_buffer : BATCH_BYTES;
}

void verdicts_destroy(struct verdicts *verdicts)
{
	free(verdicts);
}

bool verdicts_room(const struct verdicts *verdicts, uint32_t length)
{
	return !verdicts->count ||
	       (verdicts->count < VERDICTS_LIMIT && verdicts->bytes + MESSAGE_LIMIT + length <= verdicts->bytes_limit);
}

unsigned int verdicts_pending(const struct verdicts *verdicts)
{
	return verdicts->count;
}

/* @length more bytes of text that follow what the vector ends with. */
static void *text_append(struct verdicts *verdicts, size_t length)
{
	void *at = verdicts->text + verdicts->used;

	if (!verdicts->open) {
		verdicts->vector[verdicts->vector_count++] = (struct iovec){ .iov_base = at };
		verdicts->open = true;
	}
	verdicts->vector[verdicts->vector_count - 1].iov_len += length;
	verdicts->used += length;
	verdicts->bytes += length;
	return at;
}

static void payload_append(struct verdicts *verdicts, const struct verdict_message *message)
{
	struct nlattr *attribute = text_append(verdicts, sizeof(*attribute));
	size_t aligned = NLA_ALIGN(message->length);

	memset(message->payload + message->length, 0, aligned - message->length);
	attribute->nla_type = NFQA_PAYLOAD;
	attribute->nla_len = (uint16_t)(sizeof(*attribute) + message->length);
	if (message->length <= COPY_LIMIT) {
		memcpy(text_append(verdicts, aligned), message->payload, aligned);
		return;
	}
	verdicts->vector[verdicts->vector_count++] = (struct iovec){
		.iov_base = message->payload,
		.iov_len = aligned,
	};
	verdicts->bytes += aligned;
	verdicts->open = false;
}

static bool join_last(struct verdicts *verdicts, const struct verdict_message *message)
{
	const struct verdict_message *last = &verdicts->last;

	if (!verdicts->last_plain || message->payload || message->verdict != last->verdict ||
	    message->has_mark != last->has_mark || message->mark != last->mark)
		return false;
	verdicts->last_plain->netlink.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH;
	verdicts->last_plain->verdict.id = message->id.raw;
	return true;
}

void verdicts_add(struct verdicts *verdicts, const struct verdict_message *message)
{
	size_t before = verdicts->bytes;
	struct verdict_head *head;

	verdicts->count++;
	if (join_last(verdicts, message))
		return;
	head = text_append(verdicts, sizeof(*head));
	*head = (struct verdict_head){
		.netlink = { .nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT, .nlmsg_flags = NLM_F_REQUEST },
		.netfilter = { .version = NFNETLINK_V0, .res_id = verdicts->queue },
		.verdict_attribute = { .nla_len = NLA_HDRLEN + sizeof(head->verdict), .nla_type = NFQA_VERDICT_HDR },
		.verdict = { .verdict = htonl(message->verdict == VERDICT_ACCEPT ? NF_ACCEPT : NF_DROP),
			     .id = message->id.raw },
	};
	if (message->has_mark)
		*(struct mark_part *)text_append(verdicts, sizeof(struct mark_part)) = (struct mark_part){
			.attribute = { .nla_len = sizeof(struct mark_part), .nla_type = NFQA_MARK },
			.mark = htonl(message->mark),
		};
	if (message->payload)
		payload_append(verdicts, message);
	head->netlink.nlmsg_len = (uint32_t)(verdicts->bytes - before);
	verdicts->last_plain = message->payload ? NULL : head;
	verdicts->last = *message;
}

static void verdicts_clear(struct verdicts *verdicts)
{
	verdicts->bytes = 0;
	verdicts->used = 0;
	verdicts->count = 0;
	verdicts->vector_count = 0;
	verdicts->open = false;
	verdicts->condemned = false;
	verdicts->last_plain = NULL;
}

/* Everything in the batch is to be dropped: what waits up to the last packet of it. */
static void verdicts_condemn(struct verdicts *verdicts)
{
	struct verdict_message drop = { .id = verdicts->last.id, .verdict = VERDICT_DROP };

	verdicts_clear(verdicts);
	verdicts_add(verdicts, &drop);
	verdicts->last_plain->netlink.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH;
	verdicts->condemned = true;
}

int verdicts_send(struct verdicts *verdicts)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr message = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = verdicts->vector,
		.msg_iovlen = verdicts->vector_count,
	};
	int result;

	if (!verdicts->count)
		return 0;
	while (sendmsg(verdicts->fd, &message, 0) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || verdicts->condemned)
			return -EAGAIN;
		result = -errno;
		verdicts_condemn(verdicts);
		return result;
	}
	verdicts_clear(verdicts);
	return 0;
}
