/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/fake_fastpath.h"

static void recall(void *context, uint32_t index, const struct tuple arrives[2])
{
	struct fake_fastpath *fake = context;

	if (index >= FAKE_SLOTS || !fake->installed[index])
		fake->failure = "a session is recalled that was not lent";
	else if (!tuple_equal(&arrives[0], &fake->flows[index].arrives[0]) ||
		 !tuple_equal(&arrives[1], &fake->flows[index].arrives[1]))
		fake->failure = "a session is recalled under other tuples";
	if (index < FAKE_SLOTS)
		fake->installed[index] = false;
	fake->recalls++;
}

void fake_fastpath_attach(struct fake_fastpath *fake, struct engine *engine)
{
	const struct engine_fastpath fastpath = {
		.context = fake,
		.slots = fake->slots,
		.identifications = fake->identifications,
		.recall = recall,
	};

	fake->engine = engine;
	engine_set_fastpath(engine, &fastpath);
}

bool fake_fastpath_install(struct fake_fastpath *fake, const struct effect *effect)
{
	uint32_t index = effect->install.handle.index;
	struct engine_flow flow;

	if (!engine_lend(fake->engine, effect->install.handle, &flow))
		return false;
	if (index >= FAKE_SLOTS || fake->installed[index]) {
		fake->failure = "a session is lent twice, or is none";
		return false;
	}
	fake->flows[index] = flow;
	fake->installed[index] = true;
	fake->installs++;
	return true;
}

unsigned int fake_fastpath_installed(const struct fake_fastpath *fake)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < FAKE_SLOTS; i++)
		count += fake->installed[i];
	return count;
}

/* --------------------------------------------------------------------------- TCP */

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* How far @number lies ahead of @origin; negative: behind. */
static int64_t ahead(uint32_t number, uint32_t origin)
{
	uint32_t distance = number - origin;

	return distance <= UINT32_MAX / 2 ? (int64_t)distance : (int64_t)distance - ((int64_t)UINT32_MAX + 1);
}

static void raise(uint32_t *at, uint32_t number)
{
	if (ahead(number, *at) > 0)
		*at = number;
}

static int64_t reach(const struct fastpath_side *side)
{
	return side->maxwin > FASTPATH_LOOKBACK_LEAST ? side->maxwin : FASTPATH_LOOKBACK_LEAST;
}

static bool judge_tcp(struct fastpath_slot *slot, unsigned int way, const uint8_t *tcp, uint32_t length)
{
	struct fastpath_side *sender = &slot->side[way], *receiver = &slot->side[!way];
	uint32_t sequence = get32(tcp + 4), acknowledgement = get32(tcp + 8), payload = length - 20;
	uint32_t end = sequence + payload, offered = (uint32_t)(tcp[14] << 8 | tcp[15]), window;

	/* No options here: what they say is for the program's own tests. */
	if (tcp[12] >> 4 != 5 || (tcp[13] & ~TCP_PSH) != TCP_ACK)
		return false;
	if (ahead(sequence, sender->maxend) > (payload ? 0 : 1) && (payload || ahead(sequence, sender->end) > 0))
		return false;
	if (ahead(end, receiver->maxack) < -reach(receiver) || ahead(acknowledgement, receiver->end) > 0 ||
	    ahead(acknowledgement, sender->maxack) < -reach(sender))
		return false;
	window = offered << sender->scale;
	sender->retransmissions += payload && ahead(end, sender->end) <= 0 && ahead(end, receiver->maxack) > 0;
	raise(&sender->end, end);
	raise(&sender->maxack, acknowledgement);
	raise(&receiver->maxend, acknowledgement + window);
	sender->maxwin = window > sender->maxwin ? window : sender->maxwin;
	slot->last_packet =
	    fastpath_repeated(slot->last_packet, fastpath_digest(sequence, end, acknowledgement, offered), way);
	slot->last_window = offered;
	return true;
}

/* ----------------------------------------------------------------------- passing */

static bool pass(struct fake_fastpath *fake, uint32_t index, unsigned int way, struct wire *wire, struct mono now)
{
	struct fastpath_slot *slot = &fake->slots[index];

	if (wire->protocol == PROTOCOL_TCP &&
	    !judge_tcp(slot, way, wire->bytes + wire->l4, (uint32_t)(wire->length - wire->l4)))
		return false;
	slot->side[way].packets++;
	slot->side[way].bytes += wire->length;
	slot->side[way].used_ns = now.ns;
	wire_translate(wire, &fake->flows[index].leaves[way]);
	fake->forwarded++;
	return true;
}

bool fake_fastpath_forward(struct fake_fastpath *fake, struct wire *wire, struct mono now)
{
	static uint8_t copy[WIRE_SIZE];
	struct packet packet;

	memcpy(copy, wire->bytes, wire->length);
	if (packet_parse(&packet, copy, wire->length) != REASON_NONE || packet.fragment ||
	    (wire->protocol != PROTOCOL_TCP && wire->protocol != PROTOCOL_UDP))
		return false;
	for (uint32_t index = 0; index < FAKE_SLOTS; index++)
		for (unsigned int way = 0; way < 2; way++)
			if (fake->installed[index] && tuple_equal(&packet.tuple, &fake->flows[index].arrives[way]))
				return pass(fake, index, way, wire, now);
	return false;
}
