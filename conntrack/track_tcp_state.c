/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP's states, their timers and their names. From ESTABLISHED on the state follows
 * from two facts about each side, whether it sent FIN and whether that was
 * acknowledged: so the order in which packets come by cannot confuse it.
 */
#include <assert.h>

#include "conntrack/track_protocol.h"
#include "sluice/fastpath.h"

/* As in nf_conntrack: the same segment once and three times more. */
#define REPEATS_LIMIT 3

#define MOVE(state) (1U << TCP_STATE_##state)
#define MOVES_CLOSING (MOVE(FIN_WAIT) | MOVE(CLOSE_WAIT) | MOVE(LAST_ACK) | MOVE(TIME_WAIT))

/* The comment at enum tcp_state, for assert(). */
static const uint16_t legal_moves[TCP_STATE_COUNT] = {
	[TCP_STATE_NONE] = MOVE(SYN_SENT) | MOVE(ESTABLISHED) | MOVE(FIN_WAIT),
	[TCP_STATE_SYN_SENT] = MOVE(SYN_SENT2) | MOVE(SYN_RECV) | MOVE(CLOSE) | MOVE(ESTABLISHED) | MOVE(FIN_WAIT),
	[TCP_STATE_SYN_SENT2] = MOVE(SYN_RECV) | MOVE(CLOSE),
	[TCP_STATE_SYN_RECV] = MOVE(ESTABLISHED) | MOVE(FIN_WAIT) | MOVE(CLOSE_WAIT) | MOVE(LAST_ACK) | MOVE(CLOSE),
	[TCP_STATE_ESTABLISHED] = MOVE(FIN_WAIT) | MOVE(CLOSE_WAIT) | MOVE(CLOSE) | MOVE(SYN_RECV),
	[TCP_STATE_FIN_WAIT] = MOVES_CLOSING | MOVE(ESTABLISHED) | MOVE(CLOSE) | MOVE(SYN_RECV),
	[TCP_STATE_CLOSE_WAIT] = MOVES_CLOSING | MOVE(ESTABLISHED) | MOVE(CLOSE) | MOVE(SYN_RECV),
	[TCP_STATE_LAST_ACK] = MOVES_CLOSING | MOVE(ESTABLISHED) | MOVE(CLOSE) | MOVE(SYN_RECV),
	[TCP_STATE_TIME_WAIT] = MOVE(SYN_RECV),
	[TCP_STATE_CLOSE] = MOVES_CLOSING | MOVE(ESTABLISHED),
};

void tcp_set_state(struct track_tcp *tcp, enum tcp_state state)
{
	assert(state == tcp->state || legal_moves[tcp->state] & 1U << state);
	tcp->state = (unsigned int)state & 0xf;
}

static enum timeout class_of(enum tcp_state state)
{
	static const uint8_t classes[TCP_STATE_COUNT] = {
		[TCP_STATE_NONE] = TIMEOUT_TCP_CLOSE,
		[TCP_STATE_SYN_SENT] = TIMEOUT_TCP_SYN_SENT,
		[TCP_STATE_SYN_SENT2] = TIMEOUT_TCP_SYN_SENT,
		[TCP_STATE_SYN_RECV] = TIMEOUT_TCP_SYN_RECEIVED,
		[TCP_STATE_ESTABLISHED] = TIMEOUT_TCP_ESTABLISHED,
		[TCP_STATE_FIN_WAIT] = TIMEOUT_TCP_FIN_WAIT,
		[TCP_STATE_CLOSE_WAIT] = TIMEOUT_TCP_CLOSE_WAIT,
		[TCP_STATE_LAST_ACK] = TIMEOUT_TCP_LAST_ACK,
		[TCP_STATE_TIME_WAIT] = TIMEOUT_TCP_TIME_WAIT,
		[TCP_STATE_CLOSE] = TIMEOUT_TCP_CLOSE,
	};

	return classes[state];
}

/* The state that the SYNs' and FINs' acknowledgements spell. */
enum tcp_state tcp_derive_state(const struct track_tcp *tcp)
{
	uint8_t original = tcp->side[DIRECTION_ORIGINAL].flags, reply = tcp->side[DIRECTION_REPLY].flags;
	bool fin_original = original & TCP_SIDE_FIN, fin_reply = reply & TCP_SIDE_FIN;
	bool acked_original = tcp_window_fin_acked(tcp, DIRECTION_ORIGINAL);
	bool acked_reply = tcp_window_fin_acked(tcp, DIRECTION_REPLY);

	if (tcp->state == TCP_STATE_SYN_SENT2 || tcp->state == TCP_STATE_SYN_RECV) {
		if (!(original & reply & TCP_SIDE_ACKED))
			return (original | reply) & TCP_SIDE_ACKED ? TCP_STATE_SYN_RECV : TCP_STATE_SYN_SENT2;
	}
	if (!fin_original && !fin_reply)
		return TCP_STATE_ESTABLISHED;
	if (fin_original && fin_reply)
		return acked_original && acked_reply ? TCP_STATE_TIME_WAIT : TCP_STATE_LAST_ACK;
	return acked_original || acked_reply ? TCP_STATE_CLOSE_WAIT : TCP_STATE_FIN_WAIT;
}

void tcp_count_repeats(const struct tcp_step *step)
{
	struct track_tcp *tcp = step->tcp;
	const struct tcp_segment *segment = &step->segment;
	uint32_t last = (uint32_t)tcp->last_packet << 8 | (uint32_t)tcp->repeats << 1 | tcp->last_direction;

	last = fastpath_repeated(
	    last, fastpath_digest(segment->sequence, segment->end, segment->acknowledgement, segment->window),
	    step->direction);
	tcp->last_packet = (uint16_t)(last >> 8);
	tcp->repeats = last >> 1 & 3;
	tcp->last_direction = last & 1;
}

/* A connection on which somebody waits in vain is not kept as long as a quiet one. */
static enum timeout choose_timeout(const struct tcp_step *step)
{
	const struct track_tcp *tcp = step->tcp;
	const uint32_t *seconds = step->settings->timeout_s;
	enum timeout class = class_of(tcp->state);
	bool retransmitting = tcp->repeats >= REPEATS_LIMIT || step->segment.window == 0;
	bool unacked = (tcp->side[0].flags | tcp->side[1].flags) & TCP_SIDE_UNACKED;
	bool one_sided = tcp->state == TCP_STATE_ESTABLISHED && !step->seen_reply;

	if (tcp->state == TCP_STATE_CLOSE || tcp->state == TCP_STATE_TIME_WAIT)
		return class;
	if (tcp->repeats >= REPEATS_LIMIT && seconds[class] > seconds[TIMEOUT_TCP_RETRANSMITTING])
		return TIMEOUT_TCP_RETRANSMITTING;
	if ((unacked || one_sided) && seconds[class] > seconds[TIMEOUT_TCP_UNACKNOWLEDGED])
		return TIMEOUT_TCP_UNACKNOWLEDGED;
	if (retransmitting && seconds[class] > seconds[TIMEOUT_TCP_RETRANSMITTING])
		return TIMEOUT_TCP_RETRANSMITTING;
	return class;
}

struct track_result tcp_refreshed(const struct tcp_step *step)
{
	enum tcp_state state = step->tcp->state;

	return (struct track_result){
		.timeout = choose_timeout(step),
		.refresh = true,
		.assured = step->seen_reply && state >= TCP_STATE_ESTABLISHED && state <= TCP_STATE_TIME_WAIT,
	};
}

const char *tcp_state_name(const union track *track)
{
	static const char names[TCP_STATE_COUNT][12] = {
		"NONE",	    "SYN_SENT",	  "SYN_SENT2", "SYN_RECV",  "ESTABLISHED",
		"FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",  "TIME_WAIT", "CLOSE",
	};

	return track->tcp.state < TCP_STATE_COUNT ? names[track->tcp.state] : "";
}
