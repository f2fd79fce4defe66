/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP tracking, clear and slow: sequence numbers of 64 bits that never wrap, and the
 * list of all packets that counted, from which every bound is found anew each time.
 * Written from the rules, not from track_tcp.c.
 */
#ifndef TESTS_MODEL_TRACK_TCP_MODEL_H
#define TESTS_MODEL_TRACK_TCP_MODEL_H

#include "tests/model/track_wire.h"

#define MODEL_PACKETS 512

/* A packet that counted, unwrapped. @cut: its FIN lay beyond the window, or where
 * something else had stood. */
struct model_packet {
	enum direction direction;
	uint8_t flags;
	int64_t sequence, end, acknowledgement, window;
	bool cut;
};

struct model_offer {
	bool scales, sacks;
	int scale;
};

struct track_tcp_model {
	bool loose;
	const char *state; /* conntrack's word, "" before the first packet */
	struct model_packet log[MODEL_PACKETS];
	unsigned int count;
	int64_t initial[2];	  /* sequence numbers of the SYNs */
	int64_t first_window;	  /* in the original direction's SYN */
	int64_t first_edge;	  /* what that lets the reply send */
	struct model_offer offer; /* of the original direction's last SYN */
	bool picked_up, scaling, sacking;
	bool lenient[2]; /* picked up, and not yet known where that side stands */
	int scale[2];
	bool noted; /* a SYN of the original direction waits for its answer */
	uint32_t noted_sequence;
	bool challenged;    /* in SYN_SENT: a half-open peer answered ... */
	uint32_t challenge; /* ... with this acknowledgement */
	enum direction reset_by;
	unsigned int reset_count; /* packets on the list when the RST came */
	bool has_timestamps;
	uint32_t timestamp[2];
};

/* The verdict: "" counts, "=" passes and changes nothing, "~" opens anew, "!reason". */
const char *track_tcp_model_step(struct track_tcp_model *model, enum direction direction,
				 const struct track_wire *wire);

#endif
