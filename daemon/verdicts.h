/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verdicts on their way back to the kernel, many in one system call.
 */
#ifndef SLUICE_DAEMON_VERDICTS_H
#define SLUICE_DAEMON_VERDICTS_H

#include "sluice/types.h"

struct verdicts;

/* Verdicts that one batch holds. */
#define VERDICTS_LIMIT 64

/**
 * struct verdict_message - what becomes of one packet
 * @id: the packet's number as the kernel wrote it
 * @has_mark: set the packet's mark to @mark
 * @payload: NULL, or the new packet, until the batch is sent; what stands behind it,
 *	up to the next multiple of four bytes, is overwritten
 */
struct verdict_message {
	struct be32 id;
	enum verdict verdict;
	bool has_mark;
	uint32_t mark;
	uint8_t *payload;
	uint32_t length;
};

/** verdicts_create() - Return: an empty batch; NULL without memory. */
struct verdicts *verdicts_create(void);
void verdicts_destroy(struct verdicts *verdicts);

/**
 * verdicts_begin() - the batches from now on are for @queue; the last one has been sent
 * @fd: its netlink socket; stays the caller's
 * @send_buffer: of that socket, in bytes: no batch may be larger
 */
void verdicts_begin(struct verdicts *verdicts, int fd, uint16_t queue, size_t send_buffer);

/**
 * verdicts_room() - does a verdict with @length bytes of payload fit in?
 *
 * It always fits into an empty batch.
 */
bool verdicts_room(const struct verdicts *verdicts, uint32_t length);

/** verdicts_add() - append one; in the order in which the packets came */
void verdicts_add(struct verdicts *verdicts, const struct verdict_message *message);

/** verdicts_pending() - packets judged and not yet sent */
unsigned int verdicts_pending(const struct verdicts *verdicts);

/**
 * verdicts_send() - hand the batch to the kernel
 *
 * Return: 0: the batch is empty again; -EAGAIN: the kernel takes nothing just now,
 * everything is kept, try again later; another negative errno: these verdicts are lost,
 * and the batch says now that all its packets are to be dropped: to be sent as well.
 */
int verdicts_send(struct verdicts *verdicts);

#endif
