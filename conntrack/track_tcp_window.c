/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP's window arithmetic: see the theory of operation in track.h. Nothing here
 * assumes that a segment is as small as the MSS: the kernel hands over coalesced
 * ones of up to 64 KiB.
 */
#include "conntrack/track_protocol.h"
#include "sluice/cursor.h"

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_SCALE 3
#define OPTION_SACK_PERMITTED 4
#define OPTION_SACK 5
#define OPTION_TIMESTAMP 8

#define SCALE_LIMIT 14 /* RFC 7323 section 2.3 */

bool tcp_flags_valid(uint8_t flags)
{
	/* PSH, ECE and CWR may stand with anything. */
	switch (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG)) {
	case TCP_SYN:
	case TCP_SYN | TCP_URG:
	case TCP_SYN | TCP_ACK:
	case TCP_RST:
	case TCP_RST | TCP_ACK:
	case TCP_FIN | TCP_ACK:
	case TCP_FIN | TCP_ACK | TCP_URG:
	case TCP_ACK:
	case TCP_ACK | TCP_URG:
		return true;
	default:
		return false;
	}
}

/* Raise @segment's sack to the highest right edge among the blocks in @body. */
static void read_sack(struct tcp_segment *segment, struct cursor body)
{
	while (cursor_left(&body) >= 8) {
		uint32_t right;

		cursor_skip(&body, 4);
		right = be32_to_host(cursor_be32(&body));
		if (tcp_after(right, segment->sack))
			segment->sack = right;
	}
}

static void read_option(struct tcp_segment *segment, uint8_t kind, struct cursor body)
{
	bool syn = segment->flags & TCP_SYN;
	size_t length = cursor_left(&body);

	if (kind == OPTION_SCALE && length == 1 && syn) {
		segment->offers_scale = true;
		segment->scale = cursor_u8(&body);
		if (segment->scale > SCALE_LIMIT)
			segment->scale = SCALE_LIMIT;
	} else if (kind == OPTION_SACK_PERMITTED && length == 0 && syn) {
		segment->offers_sack = true;
	} else if (kind == OPTION_SACK && segment->flags & TCP_ACK) {
		read_sack(segment, body);
	} else if (kind == OPTION_TIMESTAMP && length == 8) {
		segment->has_timestamp = true;
		segment->timestamp = be32_to_host(cursor_be32(&body));
		segment->echo = be32_to_host(cursor_be32(&body));
	}
}

static void read_options(struct tcp_segment *segment, struct cursor options)
{
	while (cursor_left(&options) > 0) {
		uint8_t kind = cursor_u8(&options), length;
		const uint8_t *body;

		if (kind == OPTION_END)
			return;
		if (kind == OPTION_NOP)
			continue;
		length = cursor_u8(&options);
		if (length < 2)
			return;
		body = cursor_take(&options, length - 2U);
		if (!body)
			return;
		read_option(segment, kind, cursor_over(body, length - 2U));
	}
}

struct tcp_segment tcp_segment_of(const struct packet *packet)
{
	const struct packet_tcp *tcp = &packet->tcp;
	struct tcp_segment segment = {
		.sequence = tcp->sequence,
		.acknowledgement = tcp->acknowledgement,
		.sack = tcp->acknowledgement,
		.length = packet->payload_length,
		.window = tcp->window,
		.flags = tcp->flags,
	};

	segment.end = tcp->sequence + packet->payload_length + !!(tcp->flags & TCP_SYN) + !!(tcp->flags & TCP_FIN);
	if (tcp->options_length)
		read_options(&segment, cursor_over(packet->bytes + tcp->options_offset, tcp->options_length));
	return segment;
}

static uint32_t later(uint32_t a, uint32_t b)
{
	return tcp_after(a, b) ? a : b;
}

/* The window that @segment offers; in a SYN it is never scaled (RFC 7323 section 2.2). */
static uint32_t offered_window(const struct tcp_side *side, const struct tcp_segment *segment)
{
	return segment->flags & TCP_SYN ? segment->window : (uint32_t)segment->window << side->scale;
}

static uint16_t window_units(uint32_t window, unsigned int scale)
{
	return (uint16_t)((window + (UINT32_C(1) << scale) - 1) >> scale);
}

/* How far below what @side has acknowledged a late packet may lie (RFC 5961 section 5.2). */
static uint32_t lookback(const struct tcp_side *side)
{
	uint32_t window = (uint32_t)side->maxwin << side->scale;
	uint32_t least = side->flags & TCP_SIDE_LENIENT ? TCP_UNSEEN_WINDOW : TCP_LOOKBACK;

	if (!(side->flags & TCP_SIDE_SEEN) || window > TCP_LOOKBACK_LIMIT)
		return TCP_LOOKBACK_LIMIT;
	return window > least ? window : least;
}

void tcp_window_note_syn(struct track_tcp *tcp, const struct tcp_segment *segment)
{
	tcp->syn_sequence = segment->sequence;
	tcp->syn_offers_scale = segment->offers_scale;
	tcp->syn_scale = (unsigned int)segment->scale & 0xf;
	tcp->syn_offers_sack = segment->offers_sack;
}

void tcp_window_start(struct track_tcp *tcp, const struct tcp_segment *segment)
{
	tcp_window_note_syn(tcp, segment);
	tcp->syn_pending = 0;
	tcp->repeats = 0;
	tcp->side[DIRECTION_ORIGINAL] = (struct tcp_side){
		.end = segment->end,
		.maxend = segment->end,
		.maxwin = segment->window,
		.flags = TCP_SIDE_SEEN,
	};
	tcp->side[DIRECTION_REPLY] = (struct tcp_side){ .maxack = segment->sequence };
}

void tcp_window_restart(struct track_tcp *tcp)
{
	/* Its window was not kept: a SYN's is 65535 at most. */
	tcp->syn_pending = 0;
	tcp->repeats = 0;
	tcp->side[DIRECTION_ORIGINAL] = (struct tcp_side){
		.end = tcp->syn_sequence + 1,
		.maxend = tcp->syn_sequence + 1,
		.maxwin = UINT16_MAX,
		.flags = TCP_SIDE_SEEN,
	};
	tcp->side[DIRECTION_REPLY] = (struct tcp_side){ .maxack = tcp->syn_sequence };
}

/* Both SYNs are known: scaling and SACK hold only when both offered them. */
static void agree(struct track_tcp *tcp, const struct tcp_segment *segment)
{
	struct tcp_side *original = &tcp->side[DIRECTION_ORIGINAL], *reply = &tcp->side[DIRECTION_REPLY];
	bool scales = tcp->syn_offers_scale && segment->offers_scale;
	bool sacks = tcp->syn_offers_sack && segment->offers_sack;
	uint8_t agreed = (uint8_t)((scales ? TCP_SIDE_SCALE : 0) | (sacks ? TCP_SIDE_SACK : 0));
	uint32_t window = (uint32_t)original->maxwin << original->scale;

	if (window > UINT16_MAX)
		window = UINT16_MAX;
	original->scale = scales ? (uint8_t)tcp->syn_scale : 0;
	original->maxwin = window_units(window, original->scale);
	original->flags &= (uint8_t) ~(TCP_SIDE_SCALE | TCP_SIDE_SACK);
	original->flags |= agreed;
	reply->scale = scales ? segment->scale : 0;
	reply->maxwin = window_units(segment->window, reply->scale);
	reply->flags |= agreed;
	/* No window in a SYN is scaled: this is what the reply may fill until it hears more. */
	reply->maxend = later(segment->end, segment->sequence + 1 + window);
}

void tcp_window_join(struct track_tcp *tcp, const struct tcp_segment *segment)
{
	struct tcp_side *original = &tcp->side[DIRECTION_ORIGINAL], *reply = &tcp->side[DIRECTION_REPLY];
	bool acknowledges = segment->flags & TCP_ACK;
	uint32_t edge = (acknowledges ? segment->acknowledgement : original->end) + segment->window;

	tcp->repeats = 0;
	reply->end = segment->end;
	reply->flags = TCP_SIDE_SEEN;
	agree(tcp, segment);
	if (acknowledges) {
		reply->maxack = segment->acknowledgement;
		reply->flags |= TCP_SIDE_ACKED;
	}
	original->maxend = later(original->end, edge);
	original->maxack = segment->sequence;
}

void tcp_window_pick_up(struct track_tcp *tcp, enum direction direction, const struct tcp_segment *segment)
{
	struct tcp_side *sender = &tcp->side[direction];
	struct tcp_side *receiver = &tcp->side[direction_opposite(direction)];
	uint32_t window;

	/* Only after track_forget_numbers() is it known what the SYNs agreed on. */
	if (!tcp_knows_nothing(tcp)) {
		*tcp = (struct track_tcp){ .state = tcp->state };
		sender->scale = receiver->scale = SCALE_LIMIT;
		sender->flags = receiver->flags = TCP_SIDE_SACK;
	}
	window = offered_window(sender, segment);
	sender->end = segment->end;
	sender->maxend = segment->end;
	sender->maxack = segment->acknowledgement;
	sender->maxwin = window_units(window, sender->scale);
	sender->flags |= TCP_SIDE_SEEN | TCP_SIDE_ACKED | TCP_SIDE_LENIENT;
	if (segment->flags & TCP_FIN)
		sender->flags |= TCP_SIDE_FIN;
	if (segment->length || segment->flags & TCP_FIN)
		sender->flags |= TCP_SIDE_UNACKED;
	receiver->end = segment->acknowledgement;
	receiver->maxend = segment->acknowledgement + window;
	receiver->flags |= TCP_SIDE_LENIENT;
}

bool tcp_window_fin_acked(const struct track_tcp *tcp, enum direction direction)
{
	const struct tcp_side *sender = &tcp->side[direction];
	const struct tcp_side *receiver = &tcp->side[direction_opposite(direction)];

	return sender->flags & TCP_SIDE_FIN && receiver->flags & TCP_SIDE_ACKED &&
	       !tcp_before(receiver->maxack, sender->end);
}

/* The right edge for data of that side. */
static uint32_t upper_edge(const struct track_tcp *tcp, enum direction direction)
{
	const struct tcp_side *sender = &tcp->side[direction];
	const struct tcp_side *receiver = &tcp->side[direction_opposite(direction)];

	if (tcp->state == TCP_STATE_TIME_WAIT || tcp_window_fin_acked(tcp, direction))
		return sender->end;
	/* Who never sees the receiver's windows cannot know the edge. */
	if (!(receiver->flags & TCP_SIDE_SEEN))
		return sender->end + TCP_WINDOW_LIMIT;
	return sender->maxend + (sender->flags & TCP_SIDE_LENIENT ? TCP_UNSEEN_WINDOW : 0);
}

/* The left edge for data of that side; old duplicates down to it are harmless. */
static uint32_t lower_edge(const struct track_tcp *tcp, enum direction direction)
{
	const struct tcp_side *sender = &tcp->side[direction];
	const struct tcp_side *receiver = &tcp->side[direction_opposite(direction)];

	return (receiver->flags & TCP_SIDE_ACKED ? receiver->maxack : sender->end) - lookback(receiver);
}

bool tcp_window_admits_acknowledgement(const struct track_tcp *tcp, enum direction direction,
				       const struct tcp_segment *segment)
{
	const struct tcp_side *sender = &tcp->side[direction];
	const struct tcp_side *receiver = &tcp->side[direction_opposite(direction)];
	bool handshake = tcp->state == TCP_STATE_SYN_SENT2 || tcp->state == TCP_STATE_SYN_RECV;
	uint32_t sack = sender->flags & TCP_SIDE_SACK ? segment->sack : segment->acknowledgement;
	uint32_t top = receiver->end, bottom;

	/* Data that went by before the pick-up may still be acknowledged. */
	if (receiver->flags & TCP_SIDE_LENIENT && !(receiver->flags & TCP_SIDE_FIN)) {
		bool both = sender->flags & receiver->flags & TCP_SIDE_SEEN;

		top = both ? later(top, receiver->maxend) + TCP_UNSEEN_WINDOW : top + TCP_WINDOW_LIMIT;
	}
	if (tcp_after(segment->acknowledgement, top) || tcp_after(sack, top))
		return false;
	if (handshake && !(sender->flags & TCP_SIDE_ACKED))
		return tcp_after(segment->acknowledgement, sender->maxack);
	bottom = (sender->flags & TCP_SIDE_ACKED ? sender->maxack : receiver->end) - lookback(sender);
	return !tcp_before(segment->acknowledgement, bottom);
}

bool tcp_window_admits(const struct track_tcp *tcp, enum direction direction, const struct tcp_segment *segment)
{
	uint32_t upper = upper_edge(tcp, direction);

	/* Whoever probed a closed window with a byte acknowledges from behind that byte. */
	if (segment->end == segment->sequence)
		upper = later(upper + 1, tcp->side[direction].end);
	if (tcp_after(segment->sequence, upper))
		return false;
	if (tcp_before(segment->end, lower_edge(tcp, direction)))
		return false;
	/* Nothing comes after a FIN that its receiver has seen. */
	if (tcp_window_fin_acked(tcp, direction) && tcp_after(segment->end, tcp->side[direction].end))
		return false;
	return tcp_window_admits_acknowledgement(tcp, direction, segment);
}

bool tcp_window_admits_reset(const struct track_tcp *tcp, enum direction direction, uint32_t sequence)
{
	const struct tcp_side *sender = &tcp->side[direction];
	const struct tcp_side *receiver = &tcp->side[direction_opposite(direction)];
	uint32_t lower = receiver->flags & TCP_SIDE_ACKED ? receiver->maxack : lower_edge(tcp, direction);

	/* Some endpoints, once closed, answer with the number of their FIN. */
	if (sequence == sender->end || (sender->flags & TCP_SIDE_FIN && sequence == sender->end - 1))
		return true;
	return !tcp_before(sequence, lower) && !tcp_after(sequence, upper_edge(tcp, direction));
}

/* Could a FIN that ends at @end be the sender's? */
static bool fin_counts(const struct tcp_side *sender, const struct tcp_side *receiver, uint32_t end)
{
	/* Picked up in the middle: it may have come by, and been acknowledged, before anybody looked. */
	if (sender->flags & TCP_SIDE_LENIENT)
		return true;
	/* A receiver cuts off what is beyond its window, and a FIN with it. */
	if (tcp_after(end, sender->maxend + 1))
		return false;
	/* Data, or the SYN, has stood in its place. */
	return sender->flags & TCP_SIDE_FIN ||
	       tcp_after(end, receiver->flags & TCP_SIDE_ACKED ? receiver->maxack : receiver->maxack + 1);
}

/* What the packet shows of the sender's own data. */
static void update_sent(struct tcp_side *sender, const struct tcp_side *receiver, const struct tcp_segment *segment)
{
	bool fin = segment->flags & TCP_FIN && fin_counts(sender, receiver, segment->end);
	uint32_t end = segment->end - (segment->flags & TCP_FIN && !fin);

	if (tcp_after(end, sender->end)) {
		/* Data beyond a FIN: then that FIN was not the endpoint's. */
		sender->flags &= (uint8_t)~TCP_SIDE_FIN;
		sender->end = end;
		/* Without data too: what came before it went by elsewhere, or was lost on the way here. */
		sender->flags |= TCP_SIDE_UNACKED;
	}
	if (fin && end == sender->end)
		sender->flags |= TCP_SIDE_FIN;
}

/* What it shows of the windows, and of the receiver's data. */
static void update_acknowledged(struct tcp_side *sender, struct tcp_side *receiver, const struct tcp_segment *segment)
{
	uint32_t window = offered_window(sender, segment);
	uint16_t units = window_units(window, sender->scale);
	uint32_t acknowledgement = segment->acknowledgement;

	if (units > sender->maxwin)
		sender->maxwin = units;
	if (!(sender->flags & TCP_SIDE_ACKED) || tcp_after(acknowledgement, sender->maxack))
		sender->maxack = acknowledgement;
	sender->flags |= TCP_SIDE_ACKED;
	/* Picked up in the middle: it was sent before anybody looked. */
	if (receiver->flags & TCP_SIDE_LENIENT && tcp_after(acknowledgement, receiver->end))
		receiver->end = acknowledgement;
	if (!tcp_before(acknowledgement, receiver->end))
		receiver->flags &= (uint8_t)~TCP_SIDE_UNACKED;
	receiver->maxend = later(receiver->maxend, acknowledgement + window);
}

/*
 * Does @segment show that nothing of @sender's is under way, not even what was sent before anybody looked? Without
 * data it has the number of what its sender would send next (RFC 9293 section 3.10.7.4: <SEQ=SND.NXT>), and all
 * before that is acknowledged. It acknowledges something new: keepalives and probes, whose number lies lower, and
 * most late duplicates do not.
 */
static bool tells_all(const struct tcp_side *sender, const struct tcp_side *receiver, const struct tcp_segment *segment)
{
	return segment->end == segment->sequence && segment->sequence == sender->end &&
	       sender->flags & receiver->flags & TCP_SIDE_ACKED && receiver->maxack == sender->end &&
	       tcp_after(segment->acknowledgement, sender->maxack);
}

void tcp_window_update(struct track_tcp *tcp, enum direction direction, const struct tcp_segment *segment)
{
	struct tcp_side *sender = &tcp->side[direction];
	struct tcp_side *receiver = &tcp->side[direction_opposite(direction)];

	if (tells_all(sender, receiver, segment))
		sender->flags &= (uint8_t)~TCP_SIDE_LENIENT;
	if (!(sender->flags & TCP_SIDE_SEEN)) {
		/* The receiver's edge was unknown until this packet tells it. */
		sender->flags |= TCP_SIDE_SEEN;
		receiver->maxend = receiver->end;
	}
	update_sent(sender, receiver, segment);
	update_acknowledged(sender, receiver, segment);
}

bool tcp_window_quote_valid(const struct track_tcp *tcp, enum direction direction, uint32_t sequence)
{
	const struct tcp_side *sender = &tcp->side[direction];
	const struct tcp_side *receiver = &tcp->side[direction_opposite(direction)];
	bool begun = receiver->flags & TCP_SIDE_ACKED || tcp->state < TCP_STATE_ESTABLISHED;
	uint32_t lower = begun ? receiver->maxack : sender->end - lookback(receiver);

	return sender->flags & TCP_SIDE_SEEN && !tcp_before(sequence, lower) && !tcp_after(sequence, sender->end);
}
