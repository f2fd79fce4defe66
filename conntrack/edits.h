/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replaced text in one direction of a TCP stream, and what follows from it for every
 * sequence number behind it.
 *
 * Theory of operation. The sender counts bytes as it sent them, the receiver as they
 * arrive after the replacements. A packet's sequence number is shifted forward on its
 * way, the acknowledgement (and SACK blocks) of the answer back. So the state machine,
 * which sees a packet before it is shifted forward and after it was shifted back, works
 * with one count in each direction: the sender's.
 *
 * An edit keeps its text: a segment that comes again is rewritten to the same bytes,
 * however the sender cuts it this time, as long as no cut falls into replaced text.
 * Old edits make room for new ones once they are acknowledged: what comes of such data
 * after that is a duplicate, which shifted by the wrong amount still ends before what
 * its receiver waits for.
 */
#ifndef SLUICE_CONNTRACK_EDITS_H
#define SLUICE_CONNTRACK_EDITS_H

#include "sluice/packet.h"

#define EDITS_LIMIT 4
#define EDIT_TEXT 60

/**
 * struct edit - @old_length bytes from @start on become @text
 * @start: sequence number, as the sender counts
 * @before: by how much numbers up to @start are shifted
 */
struct edit {
	uint32_t start;
	uint32_t before;
	uint8_t old_length, new_length;
	uint8_t text[EDIT_TEXT];
};

/**
 * struct edits - of one direction, in the order of the stream; zeros: none
 * @shift: by how much numbers behind the last edit are shifted
 */
struct edits {
	uint32_t shift;
	uint8_t count;
	struct edit list[EDITS_LIMIT];
};

/**
 * edits_add() - replace text that goes by for the first time
 * @start: behind all earlier edits; host order, as all numbers here
 * @old_length: 1 to 255
 * @new_length: 1 to EDIT_TEXT
 * @acknowledged: what the receiver has acknowledged, as the sender counts
 *
 * Return: false when too many edits are not acknowledged yet; nothing has changed then.
 */
bool edits_add(struct edits *edits, uint32_t start, size_t old_length, const uint8_t *text, size_t new_length,
	       uint32_t acknowledged);

/* New data has come as far as @sequence: drops edits that lie so far back that they would seem ahead. */
void edits_forget(struct edits *edits, uint32_t sequence);

/* A sequence number of the sender, as the receiver counts. */
uint32_t edits_forward(const struct edits *edits, uint32_t sequence);

/* A number of the receiver, as the sender counts; within replaced text: the text's start. */
uint32_t edits_back(const struct edits *edits, uint32_t number);

/**
 * edits_apply() - shift a segment forward and replace what is to be replaced in it
 * @packet: TCP, not yet shifted; its lengths follow
 * @room: bytes behind the packet that may be written
 * @unfinished: the checksum is the kernel's unfinished one; it is computed in full
 *
 * Return: false when it cannot be: replaced text lies in it only in part, or it would
 * grow by more than @room. The packet is then to be dropped.
 */
bool edits_apply(const struct edits *edits, struct packet *packet, uint32_t room, bool unfinished);

/**
 * edits_acknowledge() - shift the acknowledgement and SACK blocks of an answer back
 * @edits: of the direction that is acknowledged
 */
void edits_acknowledge(const struct edits *edits, struct packet *packet, bool unfinished);

/* Is any number shifted, or any text replaced? */
static inline bool edits_any(const struct edits *edits)
{
	return edits->count || edits->shift;
}

#endif
