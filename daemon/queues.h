/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets from the kernel's queues, judged, and the verdicts back to them.
 */
#ifndef SLUICE_DAEMON_QUEUES_H
#define SLUICE_DAEMON_QUEUES_H

#include "sluice/engine.h"

struct loop;
struct queues;

/**
 * struct queues_options
 * @first, @count: the numbers of the queues, which follow one another
 * @length: packets that may wait; each queue holds an eighth at most, and then drops
 * @mark: the one bit set on settled packets
 * @gso: take segments of up to 64 KiB as they are
 * @batch_done: called after each batch, when its verdicts are on their way; @drained: no more
 *	packets were waiting
 */
struct queues_options {
	uint16_t first;
	unsigned int count;
	uint32_t length;
	uint32_t mark;
	bool gso;
	void (*batch_done)(void *context, bool drained);
	void *context;
};

/**
 * queues_create() - bind the queues; packets wait in the kernel from now on
 * @queues: receives them
 * @number: receives which of them could not be bound
 * @message: receives why it failed, a static text
 *
 * Return: 0; -EPERM: no CAP_NET_ADMIN; -EBUSY: somebody else holds the queue;
 * -EPROTONOSUPPORT: the kernel has no NFQUEUE; or another negative errno.
 */
int queues_create(const struct queues_options *options, struct engine *engine, struct queues **queues, uint16_t *number,
		  const char **message);

/** queues_start() - begin to take what waits, from @loop */
int queues_start(struct queues *queues, struct loop *loop);

/**
 * queues_drain() - judge what has waited so far, and what comes of it in later hooks, and its answers
 *
 * When the kernel's table is replaced, the kernel drops what waits in the queues.
 */
void queues_drain(struct queues *queues);

/** queues_destroy() - drop what still waits in the kernel and let the queues go */
void queues_destroy(struct queues *queues);

/**
 * struct queue_statistics - of all queues together, since they were bound
 * @waiting: packets in the kernel's queues now
 * @dropped: packets the kernel dropped because the queue was full
 * @failed: packets it could not hand over because the socket was full
 * @refused: verdicts the kernel did not take, since the packets were gone, and packets dropped for lack of a verdict;
 *	several packets that share a verdict and are gone count as one
 */
struct queue_statistics {
	uint32_t waiting;
	uint64_t dropped, failed;
	uint64_t refused;
};

/**
 * queues_statistics() - as the kernel counts them, read from proc
 * Return: 0, or negative errno; then @statistics holds zeros and what we know.
 */
int queues_statistics(const struct queues *queues, struct queue_statistics *statistics);

#endif
