/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One NFQUEUE and the netlink socket it comes through. queues.c, which serves all of
 * them, is the only one who uses this; queue.c is the only file that knows
 * nfnetlink_queue.
 */
#ifndef SLUICE_DAEMON_QUEUE_H
#define SLUICE_DAEMON_QUEUE_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "sluice/engine.h"
#include "daemon/verdicts.h"

struct mnl_socket;

/*
 * One message: 64 KiB and what surrounds them. Not a multiple of the page: the heads
 * of the buffers must not all compete for the same few lines of the cache.
 */
#define QUEUE_BUFFER_SIZE (65536u + 2048u + 320u)

/**
 * struct queue
 * @number: of the queue
 * @wanted: messages that the next batch may have
 * @send_buffer: of the socket, in bytes: no batch of verdicts may be larger
 */
struct queue {
	struct mnl_socket *socket;
	uint16_t number;
	unsigned int wanted;
	size_t send_buffer;
};

/**
 * struct queue_batch - messages of one queue
 * @received: how many there are
 * @asked: how many there might have been: with fewer, the queue was empty
 * @next: the first that is not yet judged
 */
struct queue_batch {
	unsigned int received, asked, next;
	struct iovec vectors[VERDICTS_LIMIT];
	struct mmsghdr messages[VERDICTS_LIMIT];
	uint8_t buffers[VERDICTS_LIMIT][QUEUE_BUFFER_SIZE] __attribute__((aligned(64)));
};

/**
 * struct queue_packet - what one message says
 * @id: the packet's number as the kernel wrote it
 * @bytes: in the batch's buffer; behind @length of them meta.room more may be written
 */
struct queue_packet {
	struct be32 id;
	struct packet_meta meta;
	uint8_t *bytes;
	uint32_t length;
};

enum queue_message {
	QUEUE_MESSAGE_PACKET,
	QUEUE_MESSAGE_REFUSAL, /* of a verdict: the packet is gone already, as its interface may be */
	QUEUE_MESSAGE_OTHER,
};

/**
 * queue_open() - bind queue @number; the kernel keeps nothing for it until queue_begin()
 * @length: packets the kernel holds at most before it drops
 * @gso: take segments of up to 64 KiB as they are
 *
 * Return: 0; -EPERM: no CAP_NET_ADMIN; -EBUSY: somebody else holds the queue;
 * -EPROTONOSUPPORT: the kernel has no NFQUEUE; or another negative errno. After an
 * error, too, @queue is to be closed.
 */
int queue_open(struct queue *queue, uint16_t number, uint32_t length, bool gso);
void queue_close(struct queue *queue);

/** queue_begin() - let the kernel queue packets from now on */
int queue_begin(struct queue *queue);

int queue_fd(const struct queue *queue);

/** queue_batch_init() - before the first batch; @batch holds zeros */
void queue_batch_init(struct queue_batch *batch);

/**
 * queue_receive() - what waits, without waiting for more
 * Return: messages, 0 when there are none, or negative errno.
 */
int queue_receive(struct queue *queue, struct queue_batch *batch);

/** queue_batch_read() - the batch's message number @at; @packet is filled when it is one */
enum queue_message queue_batch_read(const struct queue_batch *batch, unsigned int at, struct queue_packet *packet);

#endif
