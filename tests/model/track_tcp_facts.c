/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/track_tcp_facts.h"

int64_t facts_most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

bool facts_seen(const struct track_tcp_model *model, enum direction side)
{
	for (unsigned int i = 0; i < model->count; i++) {
		if (model->log[i].direction == side)
			return true;
	}
	return false;
}

bool facts_acked(const struct track_tcp_model *model, enum direction side)
{
	for (unsigned int i = 0; i < model->count; i++) {
		if (model->log[i].direction == side && model->log[i].flags & TCP_ACK)
			return true;
	}
	return false;
}

/* The highest acknowledgement that @side sent. */
int64_t facts_highest_ack(const struct track_tcp_model *model, enum direction side)
{
	int64_t highest = 0;

	for (unsigned int i = 0; i < model->count; i++) {
		if (model->log[i].direction == side && model->log[i].flags & TCP_ACK)
			highest = facts_most(highest, model->log[i].acknowledgement);
	}
	return highest;
}

/* What @side has sent, as the first @count packets show it. */
int64_t facts_sent_until(const struct track_tcp_model *model, enum direction side, unsigned int count)
{
	int64_t sent = 0;

	for (unsigned int i = 0; i < count; i++) {
		const struct model_packet *packet = &model->log[i];

		if (packet->direction == side)
			sent = facts_most(sent, packet->end - packet->cut);
		else if (model->picked_up)
			sent = facts_most(sent, packet->acknowledgement);
	}
	return sent;
}

int64_t facts_sent(const struct track_tcp_model *model, enum direction side)
{
	return facts_sent_until(model, side, model->count);
}

/* Its FIN stands at the end of all it sent. */
bool facts_closed(const struct track_tcp_model *model, enum direction side)
{
	for (unsigned int i = 0; i < model->count; i++) {
		const struct model_packet *packet = &model->log[i];

		if (packet->direction == side && packet->flags & TCP_FIN && !packet->cut &&
		    packet->end == facts_sent(model, side))
			return true;
	}
	return false;
}

bool facts_close_acked(const struct track_tcp_model *model, enum direction side)
{
	return facts_closed(model, side) && facts_acked(model, !side) &&
	       facts_highest_ack(model, !side) >= facts_sent(model, side);
}

static int64_t round_up(int64_t window, int scale)
{
	return (window + ((int64_t)1 << scale) - 1) >> scale << scale;
}

/* The largest window @side offered, as a 16-bit field can hold it. */
int64_t facts_largest_window(const struct track_tcp_model *model, enum direction side)
{
	int64_t largest = 0;

	for (unsigned int i = 0; i < model->count; i++) {
		if (model->log[i].direction == side)
			largest = facts_most(largest, round_up(model->log[i].window, model->scale[side]));
	}
	return largest;
}

/* The right edge of what @side may send. */
int64_t facts_right_edge(const struct track_tcp_model *model, enum direction side)
{
	int64_t edge = 0;
	bool first = true;

	for (unsigned int i = 0; i < model->count; i++) {
		const struct model_packet *packet = &model->log[i];

		if (packet->direction == side)
			continue;
		if (first)
			edge = facts_sent_until(model, side, i);
		first = false;
		if (packet->flags & TCP_ACK)
			edge = facts_most(edge, packet->acknowledgement + packet->window);
		else
			edge = facts_most(edge, facts_sent_until(model, side, i) + packet->window);
	}
	if (side == DIRECTION_REPLY && !model->picked_up)
		edge = facts_most(edge, model->first_edge);
	return edge;
}

int64_t facts_behind(const struct track_tcp_model *model, enum direction side)
{
	int64_t window = facts_most(facts_largest_window(model, side), model->lenient[side] ? UNSEEN : BEHIND);

	return !facts_seen(model, side) || window > ANY / 2 ? ANY / 2 : window;
}
