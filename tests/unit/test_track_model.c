/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP tracking against the naive model, with the same random packets, honest and not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/model/track_scenario.h"
#include "tests/model/track_tcp_model.h"
#include "tests/model/wire_model.h"

#define STEPS 60

/* One connection and both opinions of it. @next: roughly where each side stands. */
struct duel {
	uint64_t random;
	struct bench bench;
	struct track_tcp_model model;
	uint32_t first[2], next[2], clock;
	unsigned long visits[TCP_STATE_COUNT];
};

static uint32_t below(struct duel *duel, uint32_t limit)
{
	return track_wire_below(&duel->random, limit);
}

/* Somewhere around @next: mostly there, often at an edge, seldom anywhere. */
static uint32_t aim(struct duel *duel, uint32_t first, uint32_t next)
{
	static const uint32_t jumps[] = {
		1, 2, 100, 1460, 9999, 10000, 10001, 10002, 65535, 65536, 65999, 66000, 66001
	};
	uint32_t jump = jumps[below(duel, COUNT(jumps))];

	switch (below(duel, 16)) {
	case 0:
		return next + jump;
	case 1:
		return next - jump;
	case 2:
		return first + below(duel, 3);
	case 3:
		return next - 1 + below(duel, 3);
	case 4:
		return below(duel, 4) ? next : (uint32_t)track_wire_random(&duel->random);
	case 5:
		return below(duel, 4) ? next : 0;
	case 6:
		return next + (jump << below(duel, 12));
	default:
		return next;
	}
}

static uint8_t choose_flags(struct duel *duel, unsigned int step)
{
	static const uint8_t usual[] = { TCP_ACK, TCP_ACK,	     TCP_ACK | TCP_PSH, TCP_ACK,
					 TCP_ACK, TCP_ACK | TCP_FIN, TCP_RST,		TCP_RST | TCP_ACK };

	if (step < 3 && below(duel, 4))
		return step == 0 ? TCP_SYN : step == 1 ? TCP_SYN | TCP_ACK : TCP_ACK;
	switch (below(duel, 40)) {
	case 0:
		return (uint8_t)below(duel, 256);
	case 1:
	case 2:
		return TCP_SYN;
	case 3:
		return TCP_SYN | TCP_ACK;
	default:
		return usual[below(duel, below(duel, 3) ? 5 : COUNT(usual))];
	}
}

static struct track_wire invent(struct duel *duel, enum direction direction, unsigned int step)
{
	static const uint32_t lengths[] = { 0, 0, 0, 1, 100, 1460, 10000, 65000 };
	static const uint16_t windows[] = { 0, 1, 1000, 10000, 10000, 10000, 65535 };
	struct track_wire wire = {
		.flags = choose_flags(duel, step),
		.sequence = aim(duel, duel->first[direction], duel->next[direction]),
		.acknowledgement = aim(duel, duel->first[!direction], duel->next[!direction]),
		.length = lengths[below(duel, COUNT(lengths))],
		.window = windows[below(duel, COUNT(windows))],
		.scale = below(duel, 3) ? (uint8_t)below(duel, 16) : TRACK_WIRE_NO_SCALE,
		.sack_permitted = below(duel, 3),
		.timestamps = below(duel, 2),
		.timestamp = duel->clock + below(duel, 3),
		.echo = duel->clock - below(duel, 3),
	};

	if (wire.flags & TCP_SYN && below(duel, 10))
		wire.length = 0;
	if (!(wire.flags & TCP_ACK) && below(duel, 4))
		wire.acknowledgement = 0;
	if (below(duel, 6) == 0) {
		wire.sack_right = aim(duel, duel->first[!direction], duel->next[!direction]);
		wire.sack_left = wire.sack_right - 1;
	}
	duel->clock += below(duel, 2);
	return wire;
}

/* Keep aiming where the connection is. */
static void follow(struct duel *duel, enum direction direction, const struct track_wire *wire)
{
	bool syn = wire->flags & TCP_SYN;
	uint32_t end = wire->sequence + wire->length + syn + !!(wire->flags & TCP_FIN);

	if (wire->flags & TCP_RST)
		return;
	if (syn || duel->bench.track.tcp.side[direction].end == end)
		duel->next[direction] = end;
	if (syn)
		duel->first[direction] = wire->sequence;
}

static const char *opinion(const struct bench *bench, char *text, size_t size)
{
	const struct track_result *result = &bench->result;

	if (result->reason != REASON_NONE)
		snprintf(text, size, "!%s", reason_key(result->reason));
	else
		snprintf(text, size, "%s", result->reopen ? "~" : result->refresh ? "" : "=");
	return text;
}

static bool step_both(struct duel *duel, enum direction direction, const struct track_wire *wire)
{
	struct bench *bench = &duel->bench;
	union track before = bench->track;
	uint8_t options[40];
	struct packet packet = track_wire_packet(wire, options);
	const char *expected = track_tcp_model_step(&duel->model, direction, wire), *state = "";
	char got[64];

	if (bench->open)
		bench->result = track_packet(&bench->track, bench->timeout, &packet, direction, bench->seen_reply,
					     &bench->settings);
	else
		bench->result = track_open(&bench->track, &packet, &bench->settings);
	if (bench->result.reason == REASON_NONE && !bench->result.reopen) {
		bench->open = true;
		bench->timeout = bench->result.timeout;
		bench->seen_reply |= direction == REPLY;
		follow(duel, direction, wire);
	}
	if (bench->open)
		state = track_state_name(PROTOCOL_TCP, &bench->track, bench->timeout);
	if (bench->open && bench->result.reason != REASON_NONE && memcmp(&before, &bench->track, sizeof(before)) != 0) {
		fprintf(stderr, "invalid, and the state changed\n");
		return false;
	}
	if (strcmp(opinion(bench, got, sizeof(got)), expected) == 0 && strcmp(state, duel->model.state) == 0)
		return true;
	fprintf(stderr, "tracker '%s' in %s, model '%s' in %s\n", got, state, expected, duel->model.state);
	return false;
}

static void print_wire(unsigned int step, enum direction direction, const struct track_wire *wire)
{
	fprintf(stderr, "%2u %s flags %#04x seq %#x ack %#x len %u win %u scale %u sack %d %#x\n", step,
		direction ? "reply" : "orig ", wire->flags, wire->sequence, wire->acknowledgement, wire->length,
		wire->window, wire->scale, wire->sack_permitted, wire->sack_right);
}

static void begin(struct duel *duel, uint64_t seed)
{
	memset(&duel->bench, 0, sizeof(duel->bench));
	memset(&duel->model, 0, sizeof(duel->model));
	duel->random = seed;
	duel->bench.settings = track_scenario_settings();
	duel->bench.settings.tcp_loose = duel->model.loose = below(duel, 2);
	duel->model.state = "";
	for (int side = 0; side < 2; side++) {
		uint32_t anywhere = (uint32_t)track_wire_random(&duel->random);

		duel->first[side] = duel->next[side] = below(duel, 2) ? anywhere : 0 - below(duel, 20000);
	}
	duel->clock = (uint32_t)track_wire_random(&duel->random);
}

static bool fight(struct duel *duel, uint64_t seed, unsigned long *steps)
{
	struct track_wire sent[STEPS];
	enum direction directions[STEPS];

	begin(duel, seed);
	for (unsigned int step = 0; step < STEPS; step++) {
		directions[step] = step < 3 ? (enum direction)(step % 2) : (enum direction)below(duel, 2);
		if (!duel->bench.open)
			directions[step] = ORIG;
		sent[step] = invent(duel, directions[step], step);
		++*steps;
		if (!step_both(duel, directions[step], &sent[step])) {
			for (unsigned int i = 0; i <= step; i++)
				print_wire(i, directions[i], &sent[i]);
			return false;
		}
		duel->visits[duel->bench.track.tcp.state]++;
		if (duel->bench.result.reopen && below(duel, 2))
			break;
	}
	return true;
}

static void tracker_and_model_agree(void **state)
{
	static struct duel duel;
	const char *rounds = getenv("ROUNDS");
	uint64_t seed = wire_seed();
	unsigned long steps = 0, count = rounds ? strtoul(rounds, NULL, 0) : 10000;

	(void)state;
	for (unsigned long i = 0; i < count; i++) {
		if (!fight(&duel, seed + i, &steps))
			fail_msg("SEED=%#llx ROUNDS=1", (unsigned long long)(seed + i));
	}
	print_message("%lu steps; in each state:", steps);
	for (int i = 0; i < TCP_STATE_COUNT; i++) {
		print_message(" %lu", duel.visits[i]);
		/* Else the test proves less than it seems to. */
		if (i != TCP_STATE_NONE && !rounds)
			assert_true(duel.visits[i] > 1000);
	}
	print_message("\n");
}

/* tcp-liberal has no model: but it makes no illegal move either, and no RST profits from it. */
static void liberal_tracking_holds_its_promises(void **state)
{
	static struct duel duel;
	struct bench *bench = &duel.bench;

	(void)state;
	for (uint64_t seed = 1; seed <= 5000; seed++) {
		begin(&duel, seed);
		bench->settings.tcp_liberal = true;
		for (unsigned int step = 0; step < STEPS; step++) {
			enum direction direction = bench->open ? (enum direction)below(&duel, 2) : ORIG;
			struct track_wire wire = invent(&duel, direction, step);
			union track before = bench->track;
			uint8_t options[40];
			struct packet packet = track_wire_packet(&wire, options);

			if (bench->open)
				bench->result = track_packet(&bench->track, bench->timeout, &packet, direction, true,
							     &bench->settings);
			else
				bench->result = track_open(&bench->track, &packet, &bench->settings);
			if (bench->result.reason == REASON_NONE && !bench->result.reopen) {
				bench->timeout = bench->result.timeout;
				bench->open = true;
				follow(&duel, direction, &wire);
			} else if (bench->open) {
				assert_memory_equal(&before, &bench->track, sizeof(before));
			}
			if (bench->result.reason == REASON_OUT_OF_WINDOW && before.tcp.state == TCP_STATE_ESTABLISHED)
				assert_true(wire.flags & (TCP_RST | TCP_SYN));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tracker_and_model_agree),
		cmocka_unit_test(liberal_tracking_holds_its_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
