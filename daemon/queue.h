/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets from NFQUEUE and verdicts back to it. The only file that knows
 * nfnetlink_queue is queue.c.
 */
#ifndef SLUICE_DAEMON_QUEUE_H
#define SLUICE_DAEMON_QUEUE_H

#include "sluice/engine.h"

struct loop;
struct queue;

/**
 * struct queue_options
 * @number: of the queue
 * @length: packets the kernel holds at most before it drops
 * @mark: the one bit set on settled packets
 * @gso: take segments of up to 64 KiB as they are
 * @batch_done: called after each batch, when its verdicts are on their way; @drained: no more
 *	packets were waiting
 */
struct queue_options {
	uint16_t number;
	uint32_t length;
	uint32_t mark;
	bool gso;
	void (*batch_done)(void *context, bool drained);
	void *context;
};

/**
 * queue_create() - bind a queue; packets wait in the kernel until queue_start()
 * @queue: receives it
 * @message: receives why it failed, a static text
 *
 * Return: 0; -EPERM: no CAP_NET_ADMIN; -EBUSY: somebody else holds the queue;
 * -EPROTONOSUPPORT: the kernel has no NFQUEUE; or another negative errno.
 */
int queue_create(const struct queue_options *options, struct engine *engine, struct queue **queue,
		 const char **message);

/** queue_start() - begin to take packets, from @loop */
int queue_start(struct queue *queue, struct loop *loop);

/** queue_destroy() - drop what still waits in the kernel and let the queue go */
void queue_destroy(struct queue *queue);

/**
 * struct queue_statistics - since the queue was bound
 * @waiting: packets in the kernel's queue now
 * @dropped: packets the kernel dropped because the queue was full
 * @failed: packets it could not hand over because the socket was full
 * @refused: verdicts the kernel did not take (the packet was gone)
 */
struct queue_statistics {
	uint32_t waiting;
	uint64_t dropped, failed;
	uint64_t refused;
};

/**
 * queue_statistics() - as the kernel counts them, read from proc
 * Return: 0, or negative errno; then @statistics holds zeros and what we know.
 */
int queue_statistics(const struct queue *queue, struct queue_statistics *statistics);

#endif
