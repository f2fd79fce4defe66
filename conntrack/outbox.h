/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Effects on their way to the shell: a ring of fixed size. What finds no room is
 * counted and lost; an effect is never worth waiting for in the packet path.
 */
#ifndef SLUICE_CONNTRACK_OUTBOX_H
#define SLUICE_CONNTRACK_OUTBOX_H

#include "sluice/effects.h"

#define OUTBOX_EFFECTS 1024
#define OUTBOX_PACKETS 256
/* The longest packet that is composed: the beginning of a segment, as Ethernet carries it. */
#define OUTBOX_PACKET_SIZE 1500

struct outbox {
	struct effect *effects;
	uint8_t (*packets)[OUTBOX_PACKET_SIZE];
	uint32_t first, count;
	uint32_t packets_used; /* since the ring was last empty */
	uint64_t lost;
};

int outbox_init(struct outbox *outbox);
void outbox_fini(struct outbox *outbox);

/* A zeroed effect at the end of the ring, or NULL when it is full. */
struct effect *outbox_add(struct outbox *outbox, enum effect_kind kind, struct mono now);

/* Room for one packet to compose, OUTBOX_PACKET_SIZE bytes, or NULL. */
uint8_t *outbox_packet(struct outbox *outbox);

/* Sends what was composed in outbox_packet()'s room. */
void outbox_inject(struct outbox *outbox, const uint8_t *bytes, size_t length, struct mono now);

bool outbox_take(struct outbox *outbox, struct effect *effect);

#endif
