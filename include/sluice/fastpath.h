/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory that the engine and the kernel's fast path share: one slot for each
 * session, by its index in the table. The fast path writes it for each packet that
 * it forwards; the engine reads it whenever it needs to know how the session stands.
 *
 * Plain numbers only: this header is compiled for the kernel's BPF machine too.
 * Several processors write at once. Counters are added to; everything of TCP only
 * ever moves forward (fastpath_later()), so a lost race costs one packet a trip to
 * the daemon, which judges by the same numbers.
 */
#ifndef SLUICE_FASTPATH_H
#define SLUICE_FASTPATH_H

#include <stdint.h>

#define FASTPATH_SACK(direction) (1u << (direction)) /* that side may send SACK blocks */

/* Counters for the identification of IPv4 packets that may be fragmented; the low 16 bits count. */
#define FASTPATH_IDENTIFICATIONS 2048u
/* No such counter: the packets keep theirs. */
#define FASTPATH_IDENTIFICATION_KEPT UINT32_MAX

/* As in conntrack/track_protocol.h: how far back a late duplicate may lie. */
#define FASTPATH_LOOKBACK_LEAST 66000u
#define FASTPATH_LOOKBACK_MOST (1u << 29)

/**
 * struct fastpath_side - one direction of a session, by enum direction
 * @packets, @bytes: forwarded since the engine last took them; @bytes of IP
 * @used_ns: CLOCK_MONOTONIC at the last packet
 * @end, @maxend, @maxack: as in struct tcp_side, host order
 * @maxwin: the largest window it offered, in bytes
 * @scale: of the windows it offers
 * @retransmissions: segments that came by again, since the engine last took them
 * @witnessed: the engine's own: what the other side had acknowledged when it last looked
 * @interface: its packets come in by
 */
struct fastpath_side {
	uint64_t packets, bytes;
	uint64_t used_ns;
	uint32_t end, maxend, maxack, maxwin;
	uint32_t scale;
	uint32_t interface;
	uint32_t retransmissions;
	uint32_t witnessed;
};

/**
 * struct fastpath_slot
 * @flags: FASTPATH_SACK()
 * @last_window: of the last segment, as on the wire
 * @last_packet: digest of the last segment, << 8, and under it its direction (bit 0)
 *	and how often it came again (bits 1 and 2)
 * @generation: of the session that it was lent for; 0: of none
 * @mark: of its packets, for who asks the kernel for their route
 */
struct fastpath_slot {
	struct fastpath_side side[2];
	uint16_t flags;
	uint16_t last_window;
	uint32_t last_packet;
	uint32_t generation;
	uint32_t mark;
};

/* A digest of what makes two segments the same; numbers in host order. */
static inline uint16_t fastpath_digest(uint32_t sequence, uint32_t end, uint32_t acknowledgement, uint32_t window)
{
	uint32_t mixed = sequence * UINT32_C(0x9e3779b1);

	mixed = (mixed ^ end) * UINT32_C(0x85ebca77);
	mixed = (mixed ^ acknowledgement) * UINT32_C(0xc2b2ae3d);
	mixed = (mixed ^ window) * UINT32_C(0x27d4eb2f);
	return (uint16_t)(mixed >> 16);
}

/* How often a segment came in a row, up to 3: @before is a last_packet, so is the result. */
static inline uint32_t fastpath_repeated(uint32_t before, uint16_t digest, uint32_t direction)
{
	uint32_t same = (uint32_t)digest << 8 | direction, repeats = before >> 1 & 3;

	if ((before & ~6u) != same)
		return same;
	return same | (repeats < 3 ? repeats + 1 : 3) << 1;
}

#endif
