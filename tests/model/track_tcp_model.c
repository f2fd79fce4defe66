/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/track_tcp_facts.h"

#define COUNTS ""
#define PASSES "="
#define REOPENS "~"
#define OUTSIDE "!out-of-window"
#define INVALID "!invalid"
#define BAD_FLAGS "!bad-flags"

static bool in_state(const struct track_tcp_model *model, const char *state)
{
	return strcmp(model->state, state) == 0;
}

/* The number that ends in @low and is nearest to @reference. */
static int64_t near(int64_t reference, uint32_t low)
{
	return reference + (int32_t)(low - (uint32_t)reference);
}

/* ------------------------------------------------------------------ the window */

static bool handshake(const struct track_tcp_model *model)
{
	return in_state(model, "SYN_SENT2") || in_state(model, "SYN_RECV");
}

static int64_t highest_allowed(const struct track_tcp_model *model, enum direction side)
{
	if (facts_close_acked(model, side))
		return facts_sent(model, side);
	if (!facts_seen(model, !side))
		return facts_sent(model, side) + ANY;
	return facts_right_edge(model, side) + (model->lenient[side] ? UNSEEN : 0);
}

static bool ack_fits(const struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	int64_t peer_sent = facts_sent(model, !side), top = peer_sent, acknowledgement, sack;

	acknowledgement = sack = near(peer_sent, wire->acknowledgement);
	if ((model->sacking || model->picked_up) && wire->flags & TCP_ACK && wire->sack_left != wire->sack_right)
		sack = facts_most(sack, near(acknowledgement, wire->sack_right));
	if (model->lenient[!side] && !facts_closed(model, !side)) {
		if (facts_seen(model, side) && facts_seen(model, !side))
			top = facts_most(top, facts_right_edge(model, !side)) + UNSEEN;
		else
			top += ANY;
	}
	if (sack > top)
		return false;
	if (handshake(model) && !facts_acked(model, side))
		return acknowledgement > model->initial[!side];
	return acknowledgement >=
	       (facts_acked(model, side) ? facts_highest_ack(model, side) : peer_sent) - facts_behind(model, side);
}

static bool fits(const struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	int64_t own_sent = facts_sent(model, side), sequence = near(own_sent, wire->sequence);
	int64_t end = sequence + wire->length + !!(wire->flags & TCP_SYN) + !!(wire->flags & TCP_FIN);
	int64_t highest = highest_allowed(model, side);
	int64_t lowest =
	    (facts_acked(model, !side) ? facts_highest_ack(model, !side) : own_sent) - facts_behind(model, !side);

	if (end == sequence)
		highest = facts_most(highest + 1, own_sent);
	if (sequence > highest || end < lowest)
		return false;
	if (facts_close_acked(model, side) && end > own_sent)
		return false;
	return ack_fits(model, side, wire);
}

/* ------------------------------------------------------------------- the record */

/* Up to here the other side knows what @side sent, and it was no FIN. */
static int64_t taken(const struct track_tcp_model *model, enum direction side)
{
	return facts_acked(model, !side) ? facts_highest_ack(model, !side) : model->initial[side] + 1;
}

/* All it ever sent is acknowledged, it says so itself, and it has just heard something new. */
static bool tells_all(const struct track_tcp_model *model, enum direction side, const struct model_packet *packet)
{
	int64_t stands = facts_sent(model, side);

	return packet->sequence == stands && packet->end == stands && facts_acked(model, !side) &&
	       facts_highest_ack(model, !side) == stands && facts_acked(model, side) &&
	       packet->acknowledgement > facts_highest_ack(model, side);
}

static void record(struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	struct model_packet packet = { .direction = side, .flags = wire->flags };
	int scale = wire->flags & TCP_SYN ? 0 : model->scale[side];

	packet.sequence = near(facts_sent(model, side), wire->sequence);
	packet.end = packet.sequence + wire->length + !!(wire->flags & TCP_SYN) + !!(wire->flags & TCP_FIN);
	packet.acknowledgement = near(facts_sent(model, !side), wire->acknowledgement);
	packet.window = (int64_t)wire->window << scale;
	packet.cut = wire->flags & TCP_FIN && !model->lenient[side] &&
		     (packet.end > facts_right_edge(model, side) + 1 ||
		      (!facts_closed(model, side) && packet.end <= taken(model, side)));
	if (tells_all(model, side, &packet))
		model->lenient[side] = false;
	if (model->count < MODEL_PACKETS)
		model->log[model->count++] = packet;
}

static void forget(struct track_tcp_model *model, enum direction side)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < model->count; i++) {
		if (model->log[i].direction != side)
			model->log[kept++] = model->log[i];
	}
	model->count = kept;
}

static void start(struct track_tcp_model *model, const struct track_wire *wire, int64_t window)
{
	struct model_packet syn = { .direction = DIRECTION_ORIGINAL, .flags = TCP_SYN, .window = window };

	syn.sequence = ((int64_t)1 << 40) + wire->sequence;
	syn.end = syn.sequence + 1 + wire->length;
	model->count = 0;
	model->log[model->count++] = syn;
	model->initial[DIRECTION_ORIGINAL] = syn.sequence;
	model->picked_up = model->scaling = model->sacking = model->noted = model->challenged = false;
	model->lenient[0] = model->lenient[1] = false;
	model->scale[0] = model->scale[1] = 0;
	model->first_window = window;
}

static void note(struct track_tcp_model *model, const struct track_wire *wire)
{
	model->noted_sequence = wire->sequence;
	model->offer = (struct model_offer){ wire->scale != TRACK_WIRE_NO_SCALE, wire->sack_permitted,
					     wire->scale > 14 ? 14 : wire->scale };
}

/* The reply's SYN or SYN-ACK. */
static void join(struct track_tcp_model *model, const struct track_wire *wire)
{
	int64_t window = facts_largest_window(model, DIRECTION_ORIGINAL);

	forget(model, DIRECTION_REPLY);
	model->first_window = window > 65535 ? 65535 : window;
	/* The window it offered first counts in the scale agreed on now. */
	for (unsigned int i = 0; i < model->count; i++)
		model->log[i].window = model->first_window;
	model->scaling = model->offer.scales && wire->scale != TRACK_WIRE_NO_SCALE;
	model->sacking = model->offer.sacks && wire->sack_permitted;
	model->scale[DIRECTION_ORIGINAL] = model->scaling ? model->offer.scale : 0;
	model->scale[DIRECTION_REPLY] = model->scaling ? (wire->scale > 14 ? 14 : wire->scale) : 0;
	model->initial[DIRECTION_REPLY] = ((int64_t)1 << 41) + wire->sequence;
	model->log[model->count] = (struct model_packet){
		.direction = DIRECTION_REPLY,
		.flags = wire->flags,
		.sequence = model->initial[DIRECTION_REPLY],
		.end = model->initial[DIRECTION_REPLY] + 1 + wire->length,
		.acknowledgement = near(facts_sent(model, DIRECTION_ORIGINAL), wire->acknowledgement),
		.window = wire->window,
	};
	model->first_edge =
	    facts_most(model->log[model->count].end, model->initial[DIRECTION_REPLY] + 1 + model->first_window);
	model->count++;
}

static void pick_up(struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	model->count = 0;
	model->picked_up = model->lenient[0] = model->lenient[1] = true;
	model->noted = false;
	model->scale[0] = model->scale[1] = 14;
	model->log[0] = (struct model_packet){
		.direction = side,
		.flags = wire->flags,
		.sequence = ((int64_t)1 << 40) + wire->sequence,
		.acknowledgement = ((int64_t)1 << 41) + wire->acknowledgement,
		.window = (int64_t)wire->window << (wire->flags & TCP_SYN ? 0 : 14),
	};
	model->log[0].end =
	    model->log[0].sequence + wire->length + !!(wire->flags & TCP_SYN) + !!(wire->flags & TCP_FIN);
	model->count = 1;
	model->state = wire->flags & TCP_FIN ? "FIN_WAIT" : "ESTABLISHED";
}

static const char *state_by_facts(const struct track_tcp_model *model)
{
	int fins = facts_closed(model, 0) + facts_closed(model, 1),
	    acks = facts_close_acked(model, 0) + facts_close_acked(model, 1);

	if (handshake(model) && !(facts_acked(model, 0) && facts_acked(model, 1)))
		return facts_acked(model, 0) || facts_acked(model, 1) ? "SYN_RECV" : "SYN_SENT2";
	if (fins == 0)
		return "ESTABLISHED";
	if (fins == 1)
		return acks ? "CLOSE_WAIT" : "FIN_WAIT";
	return acks == 2 ? "TIME_WAIT" : "LAST_ACK";
}

/* --------------------------------------------------------------- kinds of packets */

static bool flags_make_sense(uint8_t flags)
{
	bool syn = flags & TCP_SYN, fin = flags & TCP_FIN, rst = flags & TCP_RST, ack = flags & TCP_ACK;

	if (syn + fin + rst > 1)
		return false;
	if (!syn && !rst && !ack)
		return false;
	return !(flags & TCP_URG) || (!rst && !(syn && ack));
}

static const char *open_session(struct track_tcp_model *model, const struct track_wire *wire)
{
	if ((wire->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		note(model, wire);
		start(model, wire, wire->window);
		model->state = "SYN_SENT";
		return COUNTS;
	}
	if (!model->loose || wire->flags & (TCP_SYN | TCP_RST))
		return INVALID;
	pick_up(model, DIRECTION_ORIGINAL, wire);
	return COUNTS;
}

static bool answers_noted(const struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	return model->noted && side == DIRECTION_REPLY && wire->acknowledgement == model->noted_sequence + 1;
}

static bool acks_first_syn(const struct track_tcp_model *model, const struct track_wire *wire)
{
	int64_t acknowledgement = near(facts_sent(model, DIRECTION_ORIGINAL), wire->acknowledgement);

	return acknowledgement > model->initial[DIRECTION_ORIGINAL] &&
	       acknowledgement <= facts_sent(model, DIRECTION_ORIGINAL);
}

static const char *reset(struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	bool ack = wire->flags & TCP_ACK;
	int64_t sequence = near(facts_sent(model, side), wire->sequence), lowest;
	bool exact = sequence == facts_sent(model, side);
	bool unheard = in_state(model, "CLOSE") && !(facts_acked(model, 0) && facts_acked(model, 1));

	if (unheard) {
		if (facts_seen(model, side) && exact)
			return PASSES;
		return ack && facts_seen(model, !side) && wire->acknowledgement == (uint32_t)facts_sent(model, !side)
			   ? PASSES
			   : OUTSIDE;
	}
	if (in_state(model, "SYN_SENT")) {
		if (side == DIRECTION_ORIGINAL && model->challenged && wire->sequence == model->challenge)
			return PASSES;
		if (side == DIRECTION_ORIGINAL ? !exact : !ack || !acks_first_syn(model, wire))
			return OUTSIDE;
	} else if (!(handshake(model) && ack && wire->sequence == 0 && !facts_acked(model, !side) &&
		     near(facts_sent(model, !side), wire->acknowledgement) == facts_sent(model, !side))) {
		if (ack && answers_noted(model, side, wire))
			return PASSES;
		lowest = facts_acked(model, !side) ? facts_highest_ack(model, !side)
						   : facts_sent(model, side) - facts_behind(model, !side);
		if (!exact && !(facts_closed(model, side) && sequence == facts_sent(model, side) - 1) &&
		    (sequence < lowest || sequence > highest_allowed(model, side)))
			return OUTSIDE;
		if (ack && !ack_fits(model, side, wire))
			return wire->acknowledgement ? OUTSIDE : PASSES;
		if (!exact || in_state(model, "TIME_WAIT") || in_state(model, "CLOSE"))
			return PASSES;
	}
	model->state = "CLOSE";
	model->noted = false;
	model->reset_by = side;
	model->reset_count = model->count;
	return COUNTS;
}

static bool reopens(const struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	bool higher = near(facts_sent(model, side), wire->sequence) >= facts_sent(model, side);
	int32_t newer = (int32_t)(wire->timestamp - model->timestamp[side]);

	if (in_state(model, "CLOSE"))
		return true;
	if (!in_state(model, "TIME_WAIT"))
		return false;
	if (!wire->timestamps)
		return higher;
	return !model->has_timestamps || newer > 0 || (newer == 0 && higher);
}

static const char *syn(struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	if (in_state(model, "SYN_SENT") && side == DIRECTION_ORIGINAL)
		return open_session(model, wire);
	if (in_state(model, "SYN_SENT")) {
		join(model, wire);
		model->state = "SYN_SENT2";
		return COUNTS;
	}
	if (in_state(model, "SYN_SENT2") && wire->sequence == (uint32_t)model->initial[side])
		return COUNTS;
	if (reopens(model, side, wire))
		return REOPENS;
	if (side == DIRECTION_ORIGINAL) {
		note(model, wire);
		model->noted = true;
	}
	return PASSES;
}

static void restart(struct track_tcp_model *model, const struct track_wire *wire)
{
	struct track_wire noted = { .flags = TCP_SYN, .sequence = model->noted_sequence };

	start(model, &noted, 65535);
	join(model, wire);
	model->state = "SYN_RECV";
}

static const char *syn_ack(struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	bool fitting = fits(model, side, wire), known = wire->sequence == (uint32_t)model->initial[side];
	int64_t acknowledgement = near(facts_sent(model, !side), wire->acknowledgement);

	if (in_state(model, "CLOSE") && !(facts_acked(model, 0) && facts_acked(model, 1)))
		return OUTSIDE;
	if (!handshake(model)) {
		if (fitting && !facts_seen(model, side) && !in_state(model, "CLOSE")) {
			record(model, side, wire);
			model->state = state_by_facts(model);
			return COUNTS;
		}
		if (fitting)
			return PASSES;
		if (!answers_noted(model, side, wire) || in_state(model, "CLOSE"))
			return OUTSIDE;
		restart(model, wire);
		return COUNTS;
	}
	if (side == DIRECTION_REPLY && !facts_acked(model, !side) && !known &&
	    (facts_acked(model, side) ? acknowledgement == facts_highest_ack(model, side)
				      : acks_first_syn(model, wire))) {
		join(model, wire);
	} else if (fitting && (facts_acked(model, !side) || known)) {
		record(model, side, wire);
	} else if (answers_noted(model, side, wire)) {
		restart(model, wire);
		return COUNTS;
	} else {
		return OUTSIDE;
	}
	model->state = state_by_facts(model);
	return COUNTS;
}

static const char *while_connecting(struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	uint32_t ahead = wire->sequence - (uint32_t)facts_sent(model, DIRECTION_ORIGINAL);
	bool first = wire->sequence == (uint32_t)model->initial[DIRECTION_ORIGINAL];

	if (side == DIRECTION_ORIGINAL) {
		if (!model->loose || !(first || (!(wire->flags & TCP_SYN) && ahead <= BEHIND)))
			return OUTSIDE;
		pick_up(model, side, wire);
		return COUNTS;
	}
	if (!(wire->flags & TCP_SYN)) {
		model->challenged = true;
		model->challenge = wire->acknowledgement;
		return PASSES;
	}
	if (!acks_first_syn(model, wire))
		return OUTSIDE;
	join(model, wire);
	model->state = "SYN_RECV";
	return COUNTS;
}

static void take_timestamps(struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	if (!wire->timestamps)
		return;
	if (!model->has_timestamps || (int32_t)(wire->timestamp - model->timestamp[side]) > 0)
		model->timestamp[side] = wire->timestamp;
	if (!model->has_timestamps || (int32_t)(wire->echo - model->timestamp[!side]) > 0)
		model->timestamp[!side] = wire->echo;
	model->has_timestamps = true;
}

/* Did the receiver of the RST send anything new since? */
static bool spoke_after_reset(const struct track_tcp_model *model)
{
	for (unsigned int i = model->reset_count; i < model->count; i++) {
		if (model->log[i].direction != model->reset_by &&
		    model->log[i].end > facts_sent_until(model, model->log[i].direction, i))
			return true;
	}
	return false;
}

static const char *segment(struct track_tcp_model *model, enum direction side, const struct track_wire *wire)
{
	int64_t own_sent, peer_sent;

	if (in_state(model, "CLOSE") && !(facts_acked(model, 0) && facts_acked(model, 1)))
		return OUTSIDE;
	if (!fits(model, side, wire))
		return OUTSIDE;
	if (in_state(model, "TIME_WAIT")) {
		take_timestamps(model, side, wire);
		return wire->flags & TCP_FIN ? COUNTS : PASSES;
	}
	own_sent = facts_sent(model, side);
	record(model, side, wire);
	peer_sent = facts_sent(model, !side);
	if (side == DIRECTION_ORIGINAL)
		model->noted = false;
	if (in_state(model, "CLOSE")) {
		const struct model_packet *last = &model->log[model->count - 1];

		/* It lives if it says something new, or answers what came after the RST. */
		if (side != model->reset_by ||
		    !(last->end > own_sent || (spoke_after_reset(model) && last->acknowledgement == peer_sent)))
			return COUNTS;
	}
	model->state = state_by_facts(model);
	if (in_state(model, "TIME_WAIT")) {
		model->has_timestamps = false;
		take_timestamps(model, side, wire);
	}
	return COUNTS;
}

const char *track_tcp_model_step(struct track_tcp_model *model, enum direction direction, const struct track_wire *wire)
{
	if (!flags_make_sense(wire->flags))
		return BAD_FLAGS;
	if (model->state[0] == '\0')
		return open_session(model, wire);
	if (wire->flags & TCP_RST)
		return reset(model, direction, wire);
	if ((wire->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return syn(model, direction, wire);
	if (in_state(model, "SYN_SENT"))
		return while_connecting(model, direction, wire);
	if (wire->flags & TCP_SYN)
		return syn_ack(model, direction, wire);
	return segment(model, direction, wire);
}
