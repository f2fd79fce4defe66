/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two honest TCP endpoints talk through the tracker over wires that lose, reorder
 * and duplicate: none of their packets may ever be judged invalid.
 *
 * A wire delays by DELAY to 2 * DELAY ticks, so a packet is overtaken by at most
 * half a round trip's worth of others: what RFC 9293 expects of a network. SYNs
 * are late by up to a whole round trip.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/model/track_scenario.h"
#include "tests/model/wire_model.h"

#define DELAY 8
#define FLIGHTS 512
#define RANGES 64
#define TICK_LIMIT 4000000 /* a megabyte through a window of a kilobyte, with loss, takes a tenth of it */

struct flight {
	bool used, beyond; /* @beyond: has passed the gateway */
	unsigned int due;
	enum direction direction;
	struct track_wire wire;
};

struct range {
	uint64_t from, to;
};

/* One endpoint. Sequence numbers have 64 bits: what is sent is the low half. */
struct endpoint_model {
	uint64_t first, unacked, next, limit; /* @limit: where its FIN stands */
	uint64_t right_edge;		      /* of the peer's window */
	uint64_t expected;		      /* next of the peer, 0: SYN not seen */
	uint64_t promised;		      /* the edge it advertised, never taken back */
	struct range held[RANGES];	      /* out of order */
	unsigned int held_count;
	uint32_t buffer, used; /* bytes the application has not read yet */
	uint32_t segment;      /* sent at once at most */
	uint8_t scale, peer_scale;
	bool offers_scale, offers_sack, scaling, sacking, fin_received, owes_ack;
	unsigned int retry_at, keepalive_at;
};

struct world {
	uint64_t random;
	unsigned int now, loss, duplication;
	bool both_open;
	unsigned int unseen; /* packets that pass before anybody looks */
	bool one_sided;	     /* only packets of @seen_direction come by */
	bool swapped;	     /* the session's original direction is the simulation's reply */
	enum direction seen_direction;
	struct endpoint_model ends[2];
	struct flight flights[FLIGHTS];
	struct bench bench;
	unsigned long packets;
};

static bool chance(struct world *world, unsigned int percent)
{
	return track_wire_below(&world->random, 100) < percent;
}

static void launch(struct world *world, enum direction direction, const struct track_wire *wire, bool beyond)
{
	unsigned int copies = chance(world, world->loss) ? 0 : 1;

	copies += chance(world, world->duplication);
	for (struct flight *flight = world->flights; copies && flight < world->flights + FLIGHTS; flight++) {
		unsigned int spread = wire->flags & TCP_SYN ? 3 * DELAY : DELAY;

		if (flight->used)
			continue;
		*flight = (struct flight){ .used = true,
					   .beyond = beyond,
					   .direction = direction,
					   .due = world->now + DELAY + track_wire_below(&world->random, spread),
					   .wire = *wire };
		copies--;
	}
}

/* The window field for @end now: the right edge is never taken back by more than rounding. */
static uint16_t advertise(struct endpoint_model *end, bool syn)
{
	uint32_t room = end->buffer - end->used;
	uint32_t shift = end->scaling && !syn ? end->scale : 0;
	uint64_t field = room >> shift;

	if (field > UINT16_MAX)
		field = UINT16_MAX;
	if (end->expected + (field << shift) < end->promised)
		field = (end->promised - end->expected) >> shift;
	if (field > UINT16_MAX)
		field = UINT16_MAX;
	if (end->expected + (field << shift) > end->promised)
		end->promised = end->expected + (field << shift);
	return (uint16_t)field;
}

static void transmit(struct world *world, enum direction direction, uint64_t from, uint32_t length, uint8_t flags)
{
	struct endpoint_model *end = &world->ends[direction];
	bool syn = flags & TCP_SYN;
	struct track_wire wire = {
		.flags = flags | (end->expected ? TCP_ACK : 0),
		.sequence = (uint32_t)from,
		.acknowledgement = (uint32_t)end->expected,
		.length = length,
		.window = advertise(end, syn),
		.scale = syn && end->offers_scale ? end->scale : TRACK_WIRE_NO_SCALE,
		.sack_permitted = syn && end->offers_sack,
		.timestamps = chance(world, 50),
		.timestamp = world->now,
	};

	if (end->sacking && end->held_count && !syn) {
		const struct range *range = &end->held[track_wire_below(&world->random, end->held_count)];

		wire.sack_left = (uint32_t)range->from;
		wire.sack_right = (uint32_t)range->to;
	}
	end->owes_ack = false;
	launch(world, direction, &wire, false);
}

/* Send the SYN, data, or FIN that begins at @from; how far it got. */
static uint64_t transmit_from(struct world *world, enum direction direction, uint64_t from, uint64_t edge)
{
	struct endpoint_model *end = &world->ends[direction];
	uint64_t length = 1 + track_wire_below(&world->random, end->segment);

	if (from == end->first) {
		transmit(world, direction, from, 0, TCP_SYN);
		return from + 1;
	}
	if (length > end->limit - from)
		length = end->limit - from;
	if (length > edge - from)
		length = edge - from;
	if (from + length == end->limit && edge > end->limit) {
		transmit(world, direction, from, (uint32_t)length, TCP_FIN);
		return end->limit + 1;
	}
	if (length)
		transmit(world, direction, from, (uint32_t)length, 0);
	return from + length;
}

static bool established(const struct endpoint_model *end)
{
	return end->expected && end->unacked > end->first;
}

static void act(struct world *world, enum direction direction)
{
	struct endpoint_model *end = &world->ends[direction];
	bool opener = direction == DIRECTION_ORIGINAL || world->both_open;

	if (end->used && chance(world, 20))
		end->used -= 1 + track_wire_below(&world->random, end->used);
	if (end->unacked == end->first) {
		/* The SYN, or the SYN-ACK: again until it is acknowledged. */
		if (world->now >= end->retry_at && (opener || end->expected)) {
			end->next = transmit_from(world, direction, end->first, end->first + 1);
			end->retry_at = world->now + 6 * DELAY;
		}
		return;
	}
	if (!established(end))
		return;
	while (end->next < end->right_edge && end->next <= end->limit && chance(world, 60))
		end->next = transmit_from(world, direction, end->next, end->right_edge);
	if (end->unacked < end->next && world->now >= end->retry_at) {
		uint64_t from = end->unacked;

		for (int burst = 0; burst < 16 && from < end->next; burst++)
			from = transmit_from(world, direction, from, end->next);
		end->retry_at = world->now + 6 * DELAY;
	} else if (end->next >= end->right_edge && end->next < end->limit && world->now >= end->retry_at) {
		/* A closed window is probed with one byte beyond it, or like a keepalive. */
		bool byte = chance(world, 50);

		transmit(world, direction, byte ? end->next : end->next - 1, byte ? 1 : 0, 0);
		end->retry_at = world->now + 6 * DELAY;
		if (byte && end->next == end->unacked)
			end->next++;
	} else if (end->owes_ack || chance(world, 2)) {
		transmit(world, direction, end->next, 0, 0);
	} else if (world->now >= end->keepalive_at && end->next == end->unacked) {
		transmit(world, direction, end->next - 1, end->next - 1 > end->first && chance(world, 50), 0);
		end->keepalive_at = world->now + 20 * DELAY;
	}
}

static uint64_t unwrap(uint64_t reference, uint32_t low)
{
	return reference + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)reference);
}

static void drop_held(struct endpoint_model *end, unsigned int index)
{
	end->held[index] = end->held[--end->held_count];
}

/* Take [from, to) of the peer's sequence space, in or out of order, as far as the buffer reaches. */
static void take(struct endpoint_model *end, uint64_t from, uint64_t to, bool fin)
{
	uint64_t edge = end->promised > end->expected ? end->promised : end->expected;

	if (to > edge) {
		to = edge;
		fin = false;
	}
	if (from >= to || to <= end->expected)
		return;
	if (from > end->expected) {
		/* A FIN out of order is not kept: it comes again. */
		if (to - fin > from && end->held_count < RANGES)
			end->held[end->held_count++] = (struct range){ from, to - fin };
		return;
	}
	end->used += (uint32_t)(to - fin - end->expected);
	end->expected = to;
	end->fin_received |= fin;
	for (unsigned int i = 0; i < end->held_count; i++) {
		struct range range = end->held[i];

		if (range.from > end->expected)
			continue;
		drop_held(end, i);
		if (range.to > end->expected) {
			end->used += (uint32_t)(range.to - end->expected);
			end->expected = range.to;
		}
		i = (unsigned int)-1;
	}
	if (end->used > end->buffer)
		end->used = end->buffer;
}

static void receive_syn(struct endpoint_model *end, const struct endpoint_model *peer, const struct track_wire *wire)
{
	if (end->expected) {
		end->owes_ack = true;
		return;
	}
	end->expected = peer->first + 1;
	end->promised = end->expected + (end->buffer > UINT16_MAX ? UINT16_MAX : end->buffer);
	end->scaling = end->offers_scale && wire->scale != TRACK_WIRE_NO_SCALE;
	end->sacking = end->offers_sack && wire->sack_permitted;
	end->peer_scale = end->scaling ? wire->scale : 0;
	end->right_edge = end->first + 1 + wire->window;
	end->retry_at = 0;
}

static void receive(struct world *world, enum direction direction, const struct track_wire *wire)
{
	struct endpoint_model *end = &world->ends[direction];
	const struct endpoint_model *peer = &world->ends[!direction];
	bool syn = wire->flags & TCP_SYN, fin = wire->flags & TCP_FIN;
	uint64_t from;

	if (syn)
		receive_syn(end, peer, wire);
	if (!end->expected)
		return;
	if (wire->flags & TCP_ACK) {
		uint64_t acked = unwrap(end->next, wire->acknowledgement);
		uint64_t edge = acked + ((uint64_t)wire->window << (syn ? 0 : end->peer_scale));

		if (acked > end->unacked && acked <= end->next) {
			end->unacked = acked;
			end->retry_at = world->now + 6 * DELAY;
		}
		if (acked <= end->next && edge > end->right_edge)
			end->right_edge = edge;
	}
	from = unwrap(end->expected, wire->sequence);
	if (!syn && (wire->length || fin)) {
		take(end, from, from + wire->length + fin, fin);
		end->owes_ack = true;
	} else if (!syn && from < end->expected) {
		end->owes_ack = true;
	}
}

/* Does the packet come by the tracker at all? */
static bool seen(struct world *world, const struct flight *flight)
{
	bool syn = flight->wire.flags & TCP_SYN;

	/* No connection is picked up from a SYN-ACK: the gateway calls the first ones invalid. */
	if (world->one_sided)
		return flight->direction == world->seen_direction &&
		       (world->bench.open || !syn || !(flight->wire.flags & TCP_ACK));
	if (world->bench.open || world->unseen == 0)
		return true;
	/* A connection is not picked up in the middle by a late duplicate of its SYN. */
	if (world->unseen == 1 && syn)
		return false;
	return --world->unseen == 0;
}

static bool pass_gateway(struct world *world, const struct flight *flight)
{
	struct bench *bench = &world->bench;
	uint8_t options[40];
	struct packet packet = track_wire_packet(&flight->wire, options);
	enum direction direction;

	if (!seen(world, flight))
		return true;
	world->packets++;
	if (!bench->open)
		world->swapped = flight->direction == REPLY;
	direction = world->swapped ? direction_opposite(flight->direction) : flight->direction;
	if (bench->open)
		bench->result = track_packet(&bench->track, bench->timeout, &packet, direction, bench->seen_reply,
					     &bench->settings);
	else
		bench->result = track_open(&bench->track, &packet, &bench->settings);
	if (bench->result.reason != REASON_NONE || bench->result.reopen)
		return false;
	bench->open = true;
	bench->seen_reply |= direction == REPLY;
	bench->timeout = bench->result.timeout;
	return true;
}

static void print_sides(const struct track_tcp *tcp)
{
	for (int i = 0; i < 2; i++) {
		const struct tcp_side *side = &tcp->side[i];

		fprintf(stderr, "  %s: end %#x maxend %#x maxack %#x maxwin %u << %u flags %#x\n",
			i ? "reply" : "original", side->end, side->maxend, side->maxack, side->maxwin, side->scale,
			side->flags);
	}
}

static bool deliver(struct world *world)
{
	for (struct flight *flight = world->flights; flight < world->flights + FLIGHTS; flight++) {
		struct flight arrived = *flight;

		if (!arrived.used || arrived.due > world->now)
			continue;
		flight->used = false;
		if (arrived.beyond) {
			receive(world, !arrived.direction, &arrived.wire);
			continue;
		}
		if (!pass_gateway(world, &arrived)) {
			fprintf(stderr, "%s seq %#x ack %#x len %u win %u flags %#x: %s, state %s\n",
				arrived.direction ? "reply" : "original", arrived.wire.sequence,
				arrived.wire.acknowledgement, arrived.wire.length, arrived.wire.window,
				arrived.wire.flags, reason_key(world->bench.result.reason),
				track_state_name(PROTOCOL_TCP, &world->bench.track, world->bench.timeout));
			print_sides(&world->bench.track.tcp);
			return false;
		}
		launch(world, arrived.direction, &arrived.wire, true);
	}
	return true;
}

static void raise_endpoint(struct world *world, struct endpoint_model *end)
{
	static const uint32_t buffers[] = { 1500, 20000, 65535, 400000, 8000000 };
	static const uint32_t segments[] = { 1460, 9000, 65000 };

	/* Every second one wraps around soon. */
	end->first = (UINT64_C(5) << 32) + (uint32_t)track_wire_random(&world->random);
	if (chance(world, 50))
		end->first = (UINT64_C(6) << 32) - track_wire_below(&world->random, 50000);
	end->unacked = end->next = end->first;
	end->limit = end->first + 1 + track_wire_below(&world->random, chance(world, 30) ? 10 : 2000000);
	end->buffer = buffers[track_wire_below(&world->random, COUNT(buffers))];
	end->segment = segments[track_wire_below(&world->random, COUNT(segments))];
	end->offers_scale = chance(world, 70);
	end->scale = (uint8_t)track_wire_below(&world->random, 15);
	end->offers_sack = chance(world, 70);
	end->keepalive_at = 20 * DELAY;
	if (!end->offers_scale || end->buffer >> end->scale == 0)
		end->scale = 0;
}

static bool finished(const struct world *world)
{
	return world->ends[0].unacked > world->ends[0].limit && world->ends[1].unacked > world->ends[1].limit &&
	       world->ends[0].fin_received && world->ends[1].fin_received;
}

enum view { VIEW_WHOLE, VIEW_FROM_THE_MIDDLE, VIEW_ONE_SIDE };

static bool converse(uint64_t seed, enum view view, unsigned long *packets)
{
	static struct world world;
	bool honest = true;

	world = (struct world){ .random = seed, .bench = { .settings = track_scenario_settings() } };
	world.loss = track_wire_below(&world.random, 20);
	world.duplication = track_wire_below(&world.random, 20);
	world.both_open = chance(&world, 15);
	world.bench.settings.tcp_loose = view != VIEW_WHOLE;
	world.unseen = view == VIEW_FROM_THE_MIDDLE ? 2 + track_wire_below(&world.random, 100) : 0;
	world.one_sided = view == VIEW_ONE_SIDE;
	world.seen_direction = chance(&world, 50) ? ORIG : REPLY;
	raise_endpoint(&world, &world.ends[0]);
	raise_endpoint(&world, &world.ends[1]);
	while (honest && !finished(&world) && world.now++ < TICK_LIMIT) {
		act(&world, ORIG);
		act(&world, REPLY);
		honest = deliver(&world);
	}
	*packets += world.packets;
	if (honest && view == VIEW_WHOLE &&
	    strcmp(track_state_name(PROTOCOL_TCP, &world.bench.track, world.bench.timeout), "TIME_WAIT") != 0) {
		fprintf(stderr, "both have closed, but it is not in TIME_WAIT\n");
		return false;
	}
	return honest && finished(&world);
}

static void converse_often(enum view view)
{
	const char *rounds = getenv("ROUNDS");
	uint64_t seed = wire_seed();
	unsigned long packets = 0, count = rounds ? strtoul(rounds, NULL, 0) : 100;

	for (unsigned long i = 0; i < count; i++) {
		if (!converse(seed + i, view, &packets))
			fail_msg("SEED=%#llx ROUNDS=1", (unsigned long long)(seed + i));
	}
	print_message("%lu packets\n", packets);
}

static void honest_endpoints_are_never_invalid(void **state)
{
	(void)state;
	converse_often(VIEW_WHOLE);
}

static void nor_are_they_when_picked_up_in_the_middle(void **state)
{
	(void)state;
	converse_often(VIEW_FROM_THE_MIDDLE);
}

static void nor_when_only_one_side_comes_by(void **state)
{
	(void)state;
	converse_often(VIEW_ONE_SIDE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_endpoints_are_never_invalid),
		cmocka_unit_test(nor_are_they_when_picked_up_in_the_middle),
		cmocka_unit_test(nor_when_only_one_side_comes_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
