/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TCP connection lent to the fast path: its numbers go into the shared slot, and
 * what was seen there comes back.
 *
 * Only an established connection with both sides seen is lent: then nothing but the
 * numbers can change until a SYN, FIN or RST comes by, and those come to us. The
 * numbers only move forward, so both may learn at the same time.
 */
#include "conntrack/track_protocol.h"
#include "sluice/fastpath.h"

/*
 * Sides that have seen and acknowledged each other. Where one was picked up in the middle, what the numbers do
 * not admit comes up to us, who are lenient, and tell the fast path what we learn of it.
 */
static bool is_settled(const struct tcp_side *side)
{
	const uint8_t wanted = TCP_SIDE_SEEN | TCP_SIDE_ACKED;

	return (side->flags & (wanted | TCP_SIDE_FIN)) == wanted;
}

bool track_may_lend(uint8_t protocol, const union track *track)
{
	const struct track_tcp *tcp = &track->tcp;

	if (protocol == PROTOCOL_UDP)
		return true;
	return protocol == PROTOCOL_TCP && tcp->state == TCP_STATE_ESTABLISHED && !tcp->syn_pending &&
	       is_settled(&tcp->side[DIRECTION_ORIGINAL]) && is_settled(&tcp->side[DIRECTION_REPLY]);
}

static uint32_t window_bytes(const struct tcp_side *side)
{
	return (uint32_t)side->maxwin << side->scale;
}

/* Two that come at once are two that differ, or differ in direction: then neither is a repetition. */
static void share_last(const struct track_tcp *tcp, struct fastpath_slot *slot)
{
	uint32_t last = (uint32_t)tcp->last_packet << 8 | (uint32_t)tcp->repeats << 1 | tcp->last_direction;

	__atomic_store_n(&slot->last_packet, last, __ATOMIC_RELAXED);
}

void track_lend(uint8_t protocol, const union track *track, struct fastpath_slot *slot)
{
	const struct track_tcp *tcp = &track->tcp;

	*slot = (struct fastpath_slot){ 0 };
	if (protocol != PROTOCOL_TCP)
		return;
	for (unsigned int i = 0; i < 2; i++) {
		slot->side[i] = (struct fastpath_side){
			.end = tcp->side[i].end,
			.maxend = tcp->side[i].maxend,
			.maxack = tcp->side[i].maxack,
			.maxwin = window_bytes(&tcp->side[i]),
			.scale = tcp->side[i].scale,
		};
		if (tcp->side[i].flags & TCP_SIDE_SACK)
			slot->flags |= (uint16_t)FASTPATH_SACK(i);
	}
	share_last(tcp, slot);
	slot->last_window = 1;
}

static uint32_t read_shared(const uint32_t *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void advance_shared(uint32_t *at, uint32_t value)
{
	uint32_t seen = read_shared(at);

	while (tcp_after(value, seen) &&
	       !__atomic_compare_exchange_n(at, &seen, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void track_share(uint8_t protocol, const union track *track, struct fastpath_slot *slot)
{
	const struct track_tcp *tcp = &track->tcp;

	if (protocol != PROTOCOL_TCP)
		return;
	for (unsigned int i = 0; i < 2; i++) {
		advance_shared(&slot->side[i].end, tcp->side[i].end);
		advance_shared(&slot->side[i].maxend, tcp->side[i].maxend);
		advance_shared(&slot->side[i].maxack, tcp->side[i].maxack);
		advance_shared(&slot->side[i].maxwin, window_bytes(&tcp->side[i]));
	}
	share_last(tcp, slot);
}

static void regain_side(struct tcp_side *side, const struct fastpath_side *shared)
{
	side->end = read_shared(&shared->end);
	side->maxend = read_shared(&shared->maxend);
	side->maxack = read_shared(&shared->maxack);
	side->maxwin = (uint16_t)(read_shared(&shared->maxwin) >> side->scale);
}

static void note_unacknowledged(struct tcp_side *sender, const struct tcp_side *receiver)
{
	sender->flags &= (uint8_t)~TCP_SIDE_UNACKED;
	if (tcp_before(receiver->maxack, sender->end))
		sender->flags |= TCP_SIDE_UNACKED;
}

struct track_result track_regain(uint8_t protocol, union track *track, const struct fastpath_slot *slot,
				 const struct settings *settings)
{
	struct track_tcp *tcp = &track->tcp;
	struct tcp_step step = {
		.tcp = tcp,
		.current = TIMEOUT_TCP_ESTABLISHED,
		.seen_reply = true,
		.settings = settings,
	};
	uint32_t last;

	if (protocol != PROTOCOL_TCP)
		return (struct track_result){ .timeout = TIMEOUT_UDP_STREAM, .refresh = true, .assured = true };
	regain_side(&tcp->side[DIRECTION_ORIGINAL], &slot->side[DIRECTION_ORIGINAL]);
	regain_side(&tcp->side[DIRECTION_REPLY], &slot->side[DIRECTION_REPLY]);
	note_unacknowledged(&tcp->side[DIRECTION_ORIGINAL], &tcp->side[DIRECTION_REPLY]);
	note_unacknowledged(&tcp->side[DIRECTION_REPLY], &tcp->side[DIRECTION_ORIGINAL]);
	last = read_shared(&slot->last_packet);
	tcp->last_packet = (uint16_t)(last >> 8);
	tcp->repeats = last >> 1 & 3;
	tcp->last_direction = last & 1;
	step.segment.window = __atomic_load_n(&slot->last_window, __ATOMIC_RELAXED);
	return tcp_refreshed(&step);
}
