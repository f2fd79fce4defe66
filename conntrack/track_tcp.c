/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP: what each kind of packet does to the connection it belongs to. SYN, SYN-ACK
 * and RST have rules of their own; all else goes by the window.
 */
#include "conntrack/track_protocol.h"

/* REASON_NONE when @segment may stand as a packet of its own. */
static enum reason judge_flags(const struct tcp_segment *segment)
{
	return tcp_flags_valid(segment->flags) ? REASON_NONE : REASON_BAD_FLAGS;
}

static void pick_up(const struct tcp_step *step)
{
	tcp_window_pick_up(step->tcp, step->direction, &step->segment);
	tcp_set_state(step->tcp, step->segment.flags & TCP_FIN ? TCP_STATE_FIN_WAIT : TCP_STATE_ESTABLISHED);
}

static struct track_result tcp_open(union track *track, const struct packet *packet, const struct settings *settings)
{
	struct tcp_step step = {
		.tcp = &track->tcp,
		.direction = DIRECTION_ORIGINAL,
		.current = TIMEOUT_TCP_SYN_SENT,
		.settings = settings,
		.segment = tcp_segment_of(packet),
	};
	uint8_t flags = step.segment.flags;

	if (judge_flags(&step.segment) != REASON_NONE)
		return track_invalid(REASON_BAD_FLAGS, step.current);
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		tcp_window_start(step.tcp, &step.segment);
		tcp_set_state(step.tcp, TCP_STATE_SYN_SENT);
	} else if (settings->tcp_loose && !(flags & (TCP_SYN | TCP_RST))) {
		/* No SYN-ACK: it answers a SYN that was never here, and whoever scans sends such. */
		pick_up(&step);
	} else {
		return track_invalid(REASON_INVALID, step.current);
	}
	tcp_count_repeats(&step);
	return tcp_refreshed(&step);
}

/* Did both sides hear each other? */
static bool synchronised(const struct tcp_step *step)
{
	return step->sender->flags & step->receiver->flags & TCP_SIDE_ACKED;
}

/* ------------------------------------------------------------------ SYN-SENT */

/* The original direction goes on although its SYN was never seen answered. */
static struct track_result syn_sent_original(struct tcp_step *step)
{
	const struct tcp_segment *segment = &step->segment;
	uint32_t initial = step->receiver->maxack;
	/* Its SYN again, with the ACK of a simultaneous open; or what follows the SYN, a keepalive perhaps. */
	bool fits = segment->sequence == initial ||
		    (!(segment->flags & TCP_SYN) && !tcp_before(segment->sequence, step->sender->end) &&
		     !tcp_after(segment->sequence, step->sender->end + TCP_LOOKBACK));

	/* With no answer in sight the path is asymmetric, or somebody guesses. */
	if (!step->settings->tcp_loose || !fits)
		return track_invalid(REASON_OUT_OF_WINDOW, step->current);
	pick_up(step);
	tcp_count_repeats(step);
	return tcp_refreshed(step);
}

static struct track_result syn_sent_reply(struct tcp_step *step)
{
	const struct tcp_segment *segment = &step->segment;
	bool exact = tcp_after(segment->acknowledgement, step->sender->maxack) &&
		     !tcp_after(segment->acknowledgement, step->receiver->end);

	if (segment->flags & TCP_SYN) {
		if (!exact)
			return track_invalid(REASON_OUT_OF_WINDOW, step->current);
		tcp_window_join(step->tcp, segment);
		tcp_set_state(step->tcp, TCP_STATE_SYN_RECV);
		tcp_count_repeats(step);
		return tcp_refreshed(step);
	}
	/*
	 * A half-open connection (RFC 9293 section 3.5.1): the peer still holds an old
	 * one and answers from it; the RST that this provokes has its number as sequence.
	 */
	step->sender->end = segment->acknowledgement;
	step->sender->flags |= TCP_SIDE_ACKED;
	return track_unchanged(step->current);
}

/* ----------------------------------------------------------------------- SYN */

/* In TIME-WAIT, is this a new connection and no late duplicate (RFC 6191 section 2)? */
static bool reopens_time_wait(const struct tcp_step *step)
{
	const struct tcp_segment *segment = &step->segment;
	bool newer_sequence = !tcp_before(segment->sequence, step->sender->end);

	if (!segment->has_timestamp)
		return newer_sequence;
	if (!(step->sender->flags & TCP_SIDE_TIMESTAMP))
		return true;
	return tcp_after(segment->timestamp, step->sender->timestamp) ||
	       (segment->timestamp == step->sender->timestamp && newer_sequence);
}

static struct track_result reopen(const struct tcp_step *step)
{
	struct track_result result = track_unchanged(step->current);

	result.reopen = true;
	return result;
}

/* A SYN without ACK. */
static struct track_result handle_syn(struct tcp_step *step)
{
	struct track_tcp *tcp = step->tcp;

	switch ((enum tcp_state)tcp->state) {
	case TCP_STATE_SYN_SENT:
		if (step->direction == DIRECTION_ORIGINAL) {
			/* The same SYN again, or a new attempt with a new sequence number. */
			tcp_window_start(tcp, &step->segment);
		} else {
			tcp_window_join(tcp, &step->segment);
			tcp_set_state(tcp, TCP_STATE_SYN_SENT2);
		}
		tcp_count_repeats(step);
		return tcp_refreshed(step);
	case TCP_STATE_SYN_SENT2:
		if (step->segment.sequence == step->receiver->maxack)
			return tcp_refreshed(step);
		break;
	case TCP_STATE_TIME_WAIT:
		if (reopens_time_wait(step))
			return reopen(step);
		break;
	case TCP_STATE_CLOSE:
		return reopen(step);
	default:
		break;
	}
	/*
	 * On a live connection it destroys nothing: the receiver answers with a challenge
	 * acknowledgement (RFC 5961 section 4), or with a SYN-ACK when it has forgotten the
	 * connection. For the latter it is noted, but only from who opened the session:
	 * else an old session would let the outside open connections.
	 */
	if (step->direction == DIRECTION_ORIGINAL) {
		tcp_window_note_syn(tcp, &step->segment);
		tcp->syn_pending = 1;
	}
	return track_unchanged(step->current);
}

/* ------------------------------------------------------------------- SYN-ACK */

/* Does it answer the noted SYN, from a peer that has forgotten the connection? */
static bool answers_noted_syn(const struct tcp_step *step)
{
	return step->tcp->syn_pending && step->direction == DIRECTION_REPLY &&
	       step->segment.acknowledgement == step->tcp->syn_sequence + 1;
}

/* In the handshake: the same SYN answered again, with another sequence number. */
static bool answers_anew(const struct tcp_step *step)
{
	const struct tcp_segment *segment = &step->segment;

	if (step->direction != DIRECTION_REPLY || step->receiver->flags & TCP_SIDE_ACKED ||
	    segment->sequence == step->receiver->maxack)
		return false;
	if (step->sender->flags & TCP_SIDE_ACKED)
		return segment->acknowledgement == step->sender->maxack;
	return tcp_after(segment->acknowledgement, step->sender->maxack) &&
	       !tcp_after(segment->acknowledgement, step->receiver->end);
}

/* While not every SYN is acknowledged. False: it does not fit. */
static bool handshake_syn_ack(struct tcp_step *step, bool admitted)
{
	/* Before its receiver acknowledged it, the sender's sequence number is known to the bit. */
	bool fits = step->receiver->flags & TCP_SIDE_ACKED || step->segment.sequence == step->receiver->maxack;

	if (answers_anew(step)) {
		tcp_window_join(step->tcp, &step->segment);
	} else if (admitted && fits) {
		tcp_window_update(step->tcp, step->direction, &step->segment);
	} else if (answers_noted_syn(step)) {
		tcp_window_restart(step->tcp);
		tcp_window_join(step->tcp, &step->segment);
	} else {
		return false;
	}
	tcp_set_state(step->tcp, tcp_derive_state(step->tcp));
	return true;
}

static struct track_result handle_syn_ack(struct tcp_step *step)
{
	struct track_tcp *tcp = step->tcp;
	bool handshake = tcp->state == TCP_STATE_SYN_SENT2 || tcp->state == TCP_STATE_SYN_RECV;
	bool admitted = tcp_window_admits(tcp, step->direction, &step->segment);

	if (tcp->state == TCP_STATE_CLOSE && !synchronised(step))
		return track_invalid(REASON_OUT_OF_WINDOW, step->current);
	if (handshake) {
		if (!handshake_syn_ack(step, admitted))
			return track_invalid(REASON_OUT_OF_WINDOW, step->current);
	} else if (!admitted && answers_noted_syn(step) && tcp->state != TCP_STATE_CLOSE) {
		tcp_window_restart(tcp);
		tcp_window_join(tcp, &step->segment);
		tcp_set_state(tcp, TCP_STATE_SYN_RECV);
	} else if (admitted && !(step->sender->flags & TCP_SIDE_SEEN) && tcp->state != TCP_STATE_CLOSE) {
		/* On an asymmetric path the answer may come by after all. */
		tcp_window_update(tcp, step->direction, &step->segment);
		tcp_set_state(tcp, tcp_derive_state(tcp));
	} else {
		/* A late duplicate proves nothing. */
		return admitted ? track_unchanged(step->current) : track_invalid(REASON_OUT_OF_WINDOW, step->current);
	}
	tcp_count_repeats(step);
	return tcp_refreshed(step);
}

/* ----------------------------------------------------------------------- RST */

enum reset_kind {
	RESET_OUTSIDE, /* drop it */
	RESET_PASSES,  /* in the window without being exact: its receiver will challenge it */
	RESET_EXACT,
};

/* While connecting, an RST is tied to the SYN by its acknowledgement (RFC 9293 section 3.10.7.3). */
static enum reset_kind judge_reset_syn_sent(const struct tcp_step *step)
{
	const struct tcp_segment *segment = &step->segment;

	if (step->direction == DIRECTION_ORIGINAL) {
		/* The answer to a half-open peer: see syn_sent_reply(). */
		if (step->receiver->flags & TCP_SIDE_ACKED && segment->sequence == step->receiver->end)
			return RESET_PASSES;
		return segment->sequence == step->sender->end ? RESET_EXACT : RESET_OUTSIDE;
	}
	if (segment->flags & TCP_ACK && tcp_after(segment->acknowledgement, step->sender->maxack) &&
	    !tcp_after(segment->acknowledgement, step->receiver->end))
		return RESET_EXACT;
	return RESET_OUTSIDE;
}

/* A connection that was refused before it began: the same once more. */
static bool repeats_refusal(const struct tcp_step *step)
{
	const struct tcp_segment *segment = &step->segment;

	if (step->sender->flags & TCP_SIDE_SEEN && segment->sequence == step->sender->end)
		return true;
	return segment->flags & TCP_ACK && step->receiver->flags & TCP_SIDE_SEEN &&
	       segment->acknowledgement == step->receiver->end;
}

/*
 * Exact is what directly follows everything its sender has sent (RFC 5961 section
 * 3.2). An RST at the point of acknowledgement while data beyond it is under way
 * is not: its receiver may have that data, and then lives on.
 */
static enum reset_kind judge_reset(const struct tcp_step *step)
{
	const struct track_tcp *tcp = step->tcp;
	const struct tcp_segment *segment = &step->segment;
	bool acknowledges = segment->flags & TCP_ACK;
	bool handshake = tcp->state == TCP_STATE_SYN_SENT2 || tcp->state == TCP_STATE_SYN_RECV;

	if (tcp->state == TCP_STATE_SYN_SENT)
		return judge_reset_syn_sent(step);
	if (tcp->state == TCP_STATE_CLOSE && !synchronised(step))
		return repeats_refusal(step) ? RESET_PASSES : RESET_OUTSIDE;
	/* A SYN sent again and refused after all. */
	if (handshake && acknowledges && segment->sequence == 0 && !(step->receiver->flags & TCP_SIDE_ACKED) &&
	    segment->acknowledgement == step->receiver->end)
		return RESET_EXACT;
	/* The peer has forgotten the connection and refuses a new one. */
	if (acknowledges && answers_noted_syn(step))
		return RESET_PASSES;
	if (!tcp_window_admits_reset(tcp, step->direction, segment->sequence))
		return RESET_OUTSIDE;
	/* Some set ACK and leave the number 0: it passes, and proves nothing. */
	if (acknowledges && !tcp_window_admits_acknowledgement(tcp, step->direction, segment))
		return segment->acknowledgement == 0 ? RESET_PASSES : RESET_OUTSIDE;
	/* RFC 1337: a reset does not cut TIME-WAIT short. */
	if (tcp->state == TCP_STATE_TIME_WAIT || tcp->state == TCP_STATE_CLOSE)
		return RESET_PASSES;
	return segment->sequence == step->sender->end ? RESET_EXACT : RESET_PASSES;
}

static struct track_result handle_reset(struct tcp_step *step)
{
	struct track_tcp *tcp = step->tcp;

	switch (judge_reset(step)) {
	case RESET_OUTSIDE:
		return track_invalid(REASON_OUT_OF_WINDOW, step->current);
	case RESET_PASSES:
		return track_unchanged(step->current);
	case RESET_EXACT:
		break;
	}
	tcp_set_state(tcp, TCP_STATE_CLOSE);
	tcp->reset_direction = (unsigned int)step->direction & 1;
	tcp->spoke_after = 0;
	tcp->syn_pending = 0;
	tcp_count_repeats(step);
	return tcp_refreshed(step);
}

/* ------------------------------------------------------------ everything else */

/* Both FINs are acknowledged: from now on only timestamps count. */
static void note_timestamps(const struct tcp_step *step)
{
	struct tcp_side *sender = step->sender, *receiver = step->receiver;

	if (!step->segment.has_timestamp)
		return;
	if (!(sender->flags & TCP_SIDE_TIMESTAMP) || tcp_after(step->segment.timestamp, sender->timestamp))
		sender->timestamp = step->segment.timestamp;
	if (!(receiver->flags & TCP_SIDE_TIMESTAMP) || tcp_after(step->segment.echo, receiver->timestamp))
		receiver->timestamp = step->segment.echo;
	sender->flags |= TCP_SIDE_TIMESTAMP;
	receiver->flags |= TCP_SIDE_TIMESTAMP;
}

/*
 * After a reset: does this packet prove that the RST was not its sender's? Whoever
 * resets a connection sends nothing new, and acknowledges nothing sent later.
 */
static bool proves_alive(const struct tcp_step *step, bool new_data)
{
	struct track_tcp *tcp = step->tcp;

	if ((unsigned int)step->direction != tcp->reset_direction) {
		tcp->spoke_after = tcp->spoke_after || new_data;
		return false;
	}
	return new_data || (tcp->spoke_after && step->segment.acknowledgement == step->receiver->end);
}

static struct track_result admit_segment(struct tcp_step *step)
{
	struct track_tcp *tcp = step->tcp;
	bool new_data = tcp_after(step->segment.end, step->sender->end);
	bool progress =
	    tcp_after(step->segment.acknowledgement, step->sender->maxack) && step->sender->flags & TCP_SIDE_ACKED;
	bool retransmission = step->segment.length && !new_data && step->receiver->flags & TCP_SIDE_ACKED &&
			      tcp_after(step->segment.end, step->receiver->maxack);
	struct track_result result;

	tcp_window_update(tcp, step->direction, &step->segment);
	if (step->direction == DIRECTION_ORIGINAL)
		tcp->syn_pending = 0;
	if (tcp->state != TCP_STATE_CLOSE || proves_alive(step, new_data))
		tcp_set_state(tcp, tcp_derive_state(tcp));
	tcp_count_repeats(step);
	if (tcp->state == TCP_STATE_TIME_WAIT) {
		step->sender->flags &= (uint8_t)~TCP_SIDE_TIMESTAMP;
		step->receiver->flags &= (uint8_t)~TCP_SIDE_TIMESTAMP;
		note_timestamps(step);
	}
	result = tcp_refreshed(step);
	result.retransmission = retransmission;
	result.progress = progress;
	return result;
}

static struct track_result handle_segment(struct tcp_step *step)
{
	struct track_tcp *tcp = step->tcp;
	bool live = tcp->state >= TCP_STATE_ESTABLISHED && tcp->state <= TCP_STATE_LAST_ACK;

	/* Its numbers were lost with an earlier process. */
	if (tcp_knows_nothing(tcp)) {
		pick_up(step);
		tcp_count_repeats(step);
		return tcp_refreshed(step);
	}
	if (tcp->state == TCP_STATE_CLOSE && !synchronised(step))
		return track_invalid(REASON_OUT_OF_WINDOW, step->current);
	if (tcp_window_admits(tcp, step->direction, &step->segment)) {
		if (tcp->state != TCP_STATE_TIME_WAIT)
			return admit_segment(step);
		note_timestamps(step);
		/* Only a FIN sent again starts it anew (RFC 9293 section 3.10.7.4). */
		return step->segment.flags & TCP_FIN ? tcp_refreshed(step) : track_unchanged(step->current);
	}
	if (!step->settings->tcp_liberal)
		return track_invalid(REASON_OUT_OF_WINDOW, step->current);
	if (!live)
		return track_unchanged(step->current);
	/* The admin says that the windows seen here are not to be trusted: begin anew. */
	pick_up(step);
	tcp_count_repeats(step);
	return tcp_refreshed(step);
}

static struct track_result tcp_packet(union track *track, enum timeout current, const struct packet *packet,
				      enum direction direction, bool seen_reply, const struct settings *settings)
{
	struct track_tcp *tcp = &track->tcp;
	struct tcp_step step = {
		.tcp = tcp,
		.direction = direction,
		.current = current,
		.seen_reply = seen_reply || direction == DIRECTION_REPLY,
		.settings = settings,
		.segment = tcp_segment_of(packet),
		.sender = &tcp->side[direction],
		.receiver = &tcp->side[direction_opposite(direction)],
	};

	if (judge_flags(&step.segment) != REASON_NONE)
		return track_invalid(REASON_BAD_FLAGS, current);
	if (step.segment.flags & TCP_RST)
		return handle_reset(&step);
	if ((step.segment.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return handle_syn(&step);
	if (tcp->state == TCP_STATE_SYN_SENT)
		return direction == DIRECTION_ORIGINAL ? syn_sent_original(&step) : syn_sent_reply(&step);
	if (step.segment.flags & TCP_SYN)
		return handle_syn_ack(&step);
	return handle_segment(&step);
}

const struct track_protocol track_tcp_protocol = {
	.open = tcp_open,
	.packet = tcp_packet,
	.state_name = tcp_state_name,
};
