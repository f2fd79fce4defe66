/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine asks the shell to do. The engine itself does nothing to the
 * world: it leaves plain values here, and the shell carries them out after each
 * batch of packets.
 */
#ifndef SLUICE_EFFECTS_H
#define SLUICE_EFFECTS_H

#include "sluice/tuple.h"

/** struct session_handle - names a session across calls; stale ones are noticed */
struct session_handle {
	uint32_t index;
	uint32_t generation;
};

enum effect_kind {
	EFFECT_INJECT,	      /* send @inject.bytes as a packet of its own */
	EFFECT_LOG,	      /* a log statement matched */
	EFFECT_SESSION_EVENT, /* new, update, destroy: for `events` */
	EFFECT_ALERT,	      /* an edge: raised or cleared */
	EFFECT_MAPPING_EVENT, /* a mapping, or a block of ports, came or went: where it is watched or logged */
	EFFECT_INSTALL,	      /* the fast path may take this session over: see engine_lend() */
};

enum session_event {
	SESSION_NEW,
	SESSION_UPDATE,
	SESSION_DESTROY,
};

struct effect {
	enum effect_kind kind;
	struct mono at;
	union {
		struct {
			const uint8_t *bytes; /* a whole IP packet; valid until the next engine call */
			uint32_t length;
		} inject;
		struct {
			const char *prefix;
			uint8_t level;
			uint32_t rule;
			enum hook hook;
			uint32_t iif, oif;
			struct tuple tuple;
			uint32_t length;
		} log;
		struct {
			struct session_handle handle;
			enum session_event event;
			uint8_t state;		  /* timeout class: enum timeout */
			bool seen_reply, assured; /* once this event's packet has acted on it */
			struct tuple original, reply;
			bool keyed; /* a GRE tunnel told by its @key from another between the same addresses */
			uint32_t key;
			uint64_t packets[2], bytes[2]; /* by enum direction; they count on until DESTROY */
		} session;
		struct {
			struct session_handle handle;
			enum direction direction; /* of the packet that was just accepted */
			uint32_t iif, mark;	  /* that it came with */
		} install;
		struct {
			bool made, is_block;
			uint8_t protocol;
			struct endpoint internal, external; /* of a block: only their addresses say something */
			uint16_t first, last;		    /* of a block: its ports */
		} mapping;
		struct {
			bool raised;
			const char *name; /* from the closed set of CONTRACT */
			char subject[64];
			char text[320];
			bool refused; /* of a refusal: @cause (enum refusal), and the latest one */
			uint8_t cause;
			struct address pool; /* unspecified: none is to blame */
			struct tuple tuple;  /* as the refused source sent it */
		} alert;
	};
};

#endif
