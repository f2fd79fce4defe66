/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An nfnetlink batch: many messages that the kernel carries out all or not at all.
 * What is in the messages is the caller's business.
 */
#ifndef SLUICE_DAEMON_KERNEL_BATCH_H
#define SLUICE_DAEMON_KERNEL_BATCH_H

#include "sluice/types.h"

struct mnl_socket;
struct nlmsghdr;

/* Every message has that much room. */
#define KERNEL_BATCH_ROOM 65536u

/**
 * struct kernel_batch
 * @error: -ENOMEM once a message found no room; every later call is then harmless
 */
struct kernel_batch {
	int error;
	uint16_t subsystem;
	uint32_t first, sequence;
	char *bytes;
	size_t used, size;
	uint8_t *tags;
	size_t tags_size;
};

/** kernel_batch_init() - an empty batch for the netfilter @subsystem, numbered from @sequence on */
void kernel_batch_init(struct kernel_batch *batch, uint16_t subsystem, uint32_t sequence);
void kernel_batch_fini(struct kernel_batch *batch);

/**
 * kernel_batch_add() - begin one message
 * @type: within the subsystem
 * @flags: NLM_F_*
 * @tag: told back by kernel_batch_send() when the kernel refuses this message
 *
 * To be ended by kernel_batch_end() before the next begins.
 * Return: its header, for attributes to be put behind; NULL without memory.
 */
struct nlmsghdr *kernel_batch_add(struct kernel_batch *batch, uint16_t type, uint16_t flags, uint8_t tag);
void kernel_batch_end(struct kernel_batch *batch, const struct nlmsghdr *message);

/**
 * kernel_batch_send() - let the kernel carry it out
 * @tag: receives the tag of the first message refused, when there is one
 *
 * Return: 0, or negative errno: then nothing has changed.
 */
int kernel_batch_send(struct kernel_batch *batch, struct mnl_socket *socket, uint8_t *tag);

#endif
