/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP's part of the black-hole watch: nobody acknowledges anything, so silence after
 * large datagrams counts only beside prompt answers to small ones.
 */
#include "conntrack/engine_private.h"
#include "conntrack/path_mtu.h"

/* An answer that takes longer is none. */
#define ANSWER_MS 1000
/* Large ones in a row without an answer. */
#define UNANSWERED 3

/* The datagram that was waited for is lost; the next one may be. */
static void give_up(struct passage *passage, struct watch *watch)
{
	watch->pending = false;
	if (watch->repeats < UINT8_MAX)
		watch->repeats++;
	if (watch->repeats < UNANSWERED || !watch->answered || watch->dismissed)
		return;
	watch->dismissed = true;
	watch_report(passage, (enum direction)watch->direction, watch->smaller, watch->size, true);
}

static void sent_large(struct passage *passage, struct watch *watch)
{
	uint16_t size = (uint16_t)(passage->packet.length > UINT16_MAX ? UINT16_MAX : passage->packet.length);

	watch->small_pending = false;
	if (!watch->size || size < watch->size)
		watch->size = size;
	if (watch->pending)
		return;
	watch->pending = true;
	watch->at = passage->now;
}

/* Either kind waits alone, or nobody could tell what an answer is to. */
static void sent_small(struct passage *passage, struct watch *watch)
{
	watch->small_pending = !watch->pending;
	watch->at = watch->pending ? watch->at : passage->now;
	watch->headers = (uint16_t)passage->packet.length;
}

static void received(struct passage *passage, struct watch *watch)
{
	if (watch->pending) {
		/* Perhaps to the large one: the benefit of the doubt. */
		watch_forget(passage, watch);
	} else if (watch->small_pending && mono_ms_between(watch->at, passage->now) < ANSWER_MS) {
		watch->answered = true;
		watch->small_pending = false;
		if (watch->headers > watch->smaller)
			watch->smaller = watch->headers;
	}
}

void pathwatch_datagram(struct passage *passage)
{
	bool large = passage->packet.length > path_mtu_least(passage->packet.family);
	struct watch *watch = watch_find(passage, large);

	if (!watch) {
		passage->session->flags &= (uint16_t)~SESSION_WATCHED;
		return;
	}
	if (!watch->size)
		watch->direction = (uint8_t)passage->direction;
	if (watch->direction != passage->direction) {
		received(passage, watch);
		return;
	}
	if (watch->pending && mono_ms_between(watch->at, passage->now) >= ANSWER_MS)
		give_up(passage, watch);
	if (large)
		sent_large(passage, watch);
	else
		sent_small(passage, watch);
}
