/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same random traffic through two engines, one of them with a fast path that takes
 * about half of what it may. Every packet must leave alike, and every session be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/fastpath_world.h"

#define STEPS 30000
#define FLOWS 12

/**
 * struct talk - a flow and where its ends stand
 * @told: the packets of both ends; the second's tuple is known once the first was answered
 * @next: the sequence number of each end
 */
struct talk {
	bool tcp, open;
	struct told told[2];
	uint32_t next[2];
};

struct duel {
	struct world alone, fast;
	struct talk talks[FLOWS];
	uint64_t random;
	uint16_t port;
	unsigned long sent, compared;
};

static uint64_t seed;

static uint32_t below(struct duel *duel, uint32_t limit)
{
	return wire_below(&duel->random, limit);
}

/* One packet to both, which must do the same with it. Return: it left. */
static bool both(struct duel *duel, const struct told *told, struct tuple *left)
{
	static struct wire first, second;
	struct gateway_verdict wanted, got;
	bool passed;

	world_make(&first, told, &duel->random);
	second = first;
	duel->sent++;
	/* Each packet that is judged draws a number, and new sessions take theirs from the same row. */
	memcpy(duel->fast.gateway.engine->random, duel->alone.gateway.engine->random,
	       sizeof(duel->fast.gateway.engine->random));
	wanted = gateway_send(&duel->alone.gateway, told->iif, &first);
	passed = below(duel, 2) && fake_fastpath_forward(&duel->fast.fake, &second, duel->fast.gateway.now);
	got = passed ? (struct gateway_verdict){ 0 } : gateway_send(&duel->fast.gateway, told->iif, &second);
	if (got.reason != wanted.reason)
		fail_msg("SEED=%llu: packet %lu: %s instead of %s", (unsigned long long)seed, duel->sent,
			 reason_key(got.reason), reason_key(wanted.reason));
	if (wanted.reason != REASON_NONE)
		return false;
	assert_int_equal(first.length, second.length);
	if (memcmp(first.bytes, second.bytes, first.length) != 0)
		fail_msg("SEED=%llu: packet %lu leaves otherwise%s", (unsigned long long)seed, duel->sent,
			 passed ? " on the fast path" : "");
	*left = world_tuple(&first);
	return true;
}

static void open_talk(struct duel *duel, struct talk *talk)
{
	struct told *forth = &talk->told[0], *back = &talk->told[1];
	struct tuple left;

	*talk = (struct talk){ .tcp = below(duel, 2) };
	*forth = (struct told){ .iif = WORLD_LAN, .flags = TCP_SYN };
	forth->tuple =
	    world_flow(talk->tcp ? PROTOCOL_TCP : PROTOCOL_UDP, "10.0.0.2", ++duel->port, "203.0.113.5", 443);
	talk->next[0] = forth->sequence = (uint32_t)wire_random(&duel->random);
	if (!both(duel, forth, &left))
		return;
	*back = (struct told){ .tuple = tuple_invert(&left), .iif = WORLD_WAN, .flags = TCP_SYN | TCP_ACK };
	talk->next[1] = back->sequence = (uint32_t)wire_random(&duel->random);
	back->acknowledgement = ++talk->next[0];
	talk->next[1]++;
	talk->open = both(duel, back, &left);
	forth->flags = back->flags = TCP_ACK;
}

/* The next of that end, or nearly: again, too far, from before; sometimes its last. */
static void go_on(struct duel *duel, struct talk *talk)
{
	static const uint8_t ends[] = { TCP_FIN | TCP_ACK, TCP_RST, TCP_SYN, TCP_FIN | TCP_ACK };
	unsigned int end = below(duel, 2);
	struct told told = talk->told[end];
	struct tuple left;
	uint32_t how = below(duel, 40);

	told.payload = below(duel, 3) ? below(duel, 1000) : 0;
	told.sequence = talk->next[end];
	told.acknowledgement = talk->next[!end] - (how == 7 ? below(duel, 3000) : 0);
	if (how == 0)
		told.flags = below(duel, 4) ? TCP_ACK : ends[below(duel, 4)];
	if (how < 5)
		told.sequence -= below(duel, 2000);
	if (how == 6)
		told.sequence += below(duel, 30000);
	for (uint32_t times = below(duel, 20) ? 1 : 5; times; times--)
		if (both(duel, &told, &left) && how > 6)
			talk->next[end] = told.sequence + (uint32_t)told.payload;
	if (told.flags & (TCP_FIN | TCP_RST))
		talk->open = below(duel, 3);
}

static struct snapshot_session find(const struct world *world, const struct snapshot_session *wanted)
{
	struct snapshot_cursor cursor = { 0 };
	struct snapshot_session session;
	unsigned int steps = 1000;

	while (snapshot_next_session(world->gateway.engine, &cursor, world->gateway.now, &steps, &session) == 1)
		if (tuple_equal(&session.tuples[0], &wanted->tuples[0]) &&
		    tuple_equal(&session.tuples[1], &wanted->tuples[1]))
			return session;
	fail_msg("SEED=%llu: a session has ended, but not without the fast path", (unsigned long long)seed);
	return (struct snapshot_session){ 0 };
}

static void same(const struct snapshot_session *wanted, const struct snapshot_session *got)
{
	for (unsigned int way = 0; way < 2; way++) {
		assert_int_equal(got->packets[way], wanted->packets[way]);
		assert_int_equal(got->bytes[way], wanted->bytes[way]);
	}
	assert_string_equal(got->state_name, wanted->state_name);
	assert_int_equal(got->state, wanted->state);
	assert_int_equal(got->timeout_s, wanted->timeout_s);
	assert_int_equal(got->assured, wanted->assured);
	assert_int_equal(got->seen_reply, wanted->seen_reply);
}

static void compare(struct duel *duel)
{
	struct snapshot_cursor cursor = { 0 };
	struct snapshot_session wanted, got;
	const char *wrong = world_wrong(&duel->fast);
	unsigned int steps = 1000;

	if (wrong)
		fail_msg("SEED=%llu: %s", (unsigned long long)seed, wrong);
	assert_int_equal(world_sessions(&duel->fast), world_sessions(&duel->alone));
	while (snapshot_next_session(duel->alone.gateway.engine, &cursor, duel->alone.gateway.now, &steps, &wanted) ==
	       1) {
		got = find(&duel->fast, &wanted);
		same(&wanted, &got);
		duel->compared++;
	}
}

static void pass_time(struct duel *duel, uint64_t ms)
{
	gateway_pass(&duel->alone.gateway, ms);
	gateway_pass(&duel->fast.gateway, ms);
}

static void change(struct duel *duel)
{
	struct world *worlds[] = { &duel->alone, &duel->fast };
	bool links = below(duel, 2);

	for (unsigned int i = 0; i < 2; i++) {
		struct gateway *gateway = &worlds[i]->gateway;

		assert_true(links ? gateway_links_changed(gateway)
				  : engine_apply(gateway->engine, gateway->configuration, gateway->now) == 0);
	}
}

static void test_with_and_without(void **state)
{
	static const uint16_t pauses_ms[] = { 0, 1, 100, 1000, 3000, 12000, 25000 };
	static struct duel duel;

	(void)state;
	seed = wire_seed();
	duel.random = seed;
	duel.port = 10000;
	world_start(&duel.alone, WORLD_RULES(""), false);
	world_start(&duel.fast, WORLD_RULES(""), true);
	for (unsigned int i = 0; i < STEPS; i++) {
		struct talk *talk = &duel.talks[below(&duel, FLOWS)];

		if (!talk->open || below(&duel, 2000) == 0)
			open_talk(&duel, talk);
		else
			go_on(&duel, talk);
		if (below(&duel, 3))
			world_install(&duel.fast);
		if (below(&duel, 100) == 0)
			pass_time(&duel, pauses_ms[below(&duel, sizeof(pauses_ms) / sizeof(pauses_ms[0]))]);
		if (below(&duel, 3000) == 0)
			change(&duel);
		if (i % 64 == 0) {
			pass_time(&duel, 100);
			compare(&duel);
		}
	}
	print_message("%lu of %lu packets forwarded, %lu sessions installed, %lu compared\n", duel.fast.fake.forwarded,
		      duel.sent, duel.fast.fake.installs, duel.compared);
	assert_true(duel.fast.fake.forwarded > duel.sent / 20 && duel.fast.fake.installs > 50);
	world_stop(&duel.alone);
	world_stop(&duel.fast);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_with_and_without) };

	return cmocka_run_group_tests_name("fastpath_random", tests, NULL, NULL);
}
