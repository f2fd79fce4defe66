/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine and a fast path: which sessions it offers, what it knows of those it has
 * lent, and when it takes them back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sluice/storage.h"
#include "tests/unit/fastpath_world.h"

#define OFFER 16 /* packets at which a session is offered */

/* Through the engine. Return: what left. */
static struct tuple judged(struct world *world, const struct told *told)
{
	static struct wire wire;
	struct gateway_verdict verdict;

	world_make(&wire, told, &world->random);
	verdict = gateway_send(&world->gateway, told->iif, &wire);
	assert_int_equal(verdict.reason, REASON_NONE);
	return world_tuple(&wire);
}

/* Through the fast path, if it takes it. */
static bool forwarded(struct world *world, const struct told *told)
{
	static struct wire wire;

	world_make(&wire, told, &world->random);
	return fake_fastpath_forward(&world->fake, &wire, world->gateway.now);
}

/* -------------------------------------------------------------------------- sessions */

/* Both directions of one flow. */
struct pair {
	struct told forth, back;
};

/* @count datagrams, every second one an answer. */
static struct pair datagrams(struct world *world, struct tuple tuple, uint32_t iif, unsigned int count)
{
	struct pair pair = { .forth = { .tuple = tuple, .iif = iif, .payload = 30 } };

	for (unsigned int i = 0; i < count; i++) {
		struct tuple left;

		if (i & 1) {
			judged(world, &pair.back);
			continue;
		}
		left = judged(world, &pair.forth);
		pair.back = (struct told){ .tuple = tuple_invert(&left),
					   .iif = iif == WORLD_LAN ? WORLD_WAN : WORLD_LAN,
					   .payload = 50 };
	}
	return pair;
}

/* A connection, @count packets after its handshake. */
static struct pair connection(struct world *world, uint16_t sport, uint16_t dport, unsigned int count)
{
	struct pair pair = { .forth = { .tuple = world_flow(PROTOCOL_TCP, "10.0.0.2", sport, "203.0.113.5", dport),
					.iif = WORLD_LAN,
					.flags = TCP_SYN,
					.sequence = 999 } };
	struct tuple left = judged(world, &pair.forth);

	pair.back = (struct told){ .tuple = tuple_invert(&left),
				   .iif = WORLD_WAN,
				   .flags = TCP_SYN | TCP_ACK,
				   .sequence = 4999,
				   .acknowledgement = 1000 };
	judged(world, &pair.back);
	pair.forth.flags = pair.back.flags = TCP_ACK;
	pair.forth.sequence = 1000;
	pair.forth.acknowledgement = pair.back.sequence = 5000;
	judged(world, &pair.forth);
	for (unsigned int i = 0; i < count; i++)
		judged(world, i & 1 ? &pair.forth : &pair.back);
	return pair;
}

static struct snapshot_session only_session(const struct world *world)
{
	struct snapshot_cursor cursor = { 0 };
	struct snapshot_session session;
	unsigned int steps = 1000;

	assert_int_equal(snapshot_next_session(world->gateway.engine, &cursor, world->gateway.now, &steps, &session),
			 1);
	return session;
}

static struct pair lent_datagrams(struct world *world)
{
	struct pair pair =
	    datagrams(world, world_flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.5", 9), WORLD_LAN, OFFER);

	world_install(world);
	assert_int_equal(fake_fastpath_installed(&world->fake), 1);
	return pair;
}

static struct pair lent_connection(struct world *world)
{
	struct pair pair = connection(world, 4000, 80, OFFER - 3);

	world_install(world);
	assert_int_equal(fake_fastpath_installed(&world->fake), 1);
	return pair;
}

/* ------------------------------------------------------------------------- offers */

static void test_offer(void **state)
{
	static struct world world;
	struct pair pair;

	(void)state;
	world_start(&world, WORLD_RULES(""), true);
	pair = datagrams(&world, world_flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.5", 9), WORLD_LAN, OFFER - 1);
	assert_int_equal(world.gateway.offer_count, 0);
	judged(&world, &pair.back);
	assert_int_equal(world.gateway.offer_count, 1);
	/* Nobody took it: it is offered again soon, 1, 2, 4, 8 packets later, and then seldom. */
	for (unsigned int i = 0; i < 2 * OFFER; i++)
		judged(&world, &pair.forth);
	assert_int_equal(world.gateway.offer_count, 7);
	assert_true(fake_fastpath_install(&world.fake, &world.gateway.offers[0]));
	assert_false(fake_fastpath_install(&world.fake, &world.gateway.offers[1]));
	assert_true(only_session(&world).fastpath);
	world_stop(&world);
}

static void check_no_offer(const char *rules, struct tuple tuple, uint32_t iif)
{
	static struct world world;

	world_start(&world, rules, true);
	datagrams(&world, tuple, iif, 4 * OFFER);
	assert_int_equal(world.gateway.offer_count, 0);
	world_stop(&world);
}

static void test_no_offer(void **state)
{
	static struct world world;
	const struct tuple usual = world_flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.5", 9);
	struct told alone = { .tuple = usual, .iif = WORLD_LAN };

	(void)state;
	check_no_offer(WORLD_RULES(""), world_flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.5", 53), WORLD_LAN);
	check_no_offer(WORLD_RULES("		limit rate 100000/second accept\n"), usual, WORLD_LAN);
	check_no_offer(WORLD_RULES("		log prefix \"seen \"\n"), usual, WORLD_LAN);
	check_no_offer(WORLD_RULES("		quota over 100 mbytes drop\n"), usual, WORLD_LAN);
	check_no_offer(WORLD_RULES("		meta length 1400 drop\n"), usual, WORLD_LAN);
	/* Nobody answers. */
	world_start(&world, WORLD_RULES(""), true);
	for (unsigned int i = 0; i < 4 * OFFER; i++)
		judged(&world, &alone);
	assert_int_equal(world.gateway.offer_count, 0);
	/* A helper reads along. */
	connection(&world, 4001, 21, 4 * OFFER);
	assert_int_equal(world.gateway.offer_count, 0);
	world_stop(&world);
	/* The setting. */
	world_start(&world, WORLD_RULES("") "gateway { fastpath off }\n", true);
	connection(&world, 4001, 80, 4 * OFFER);
	assert_int_equal(world.gateway.offer_count, 0);
	world_stop(&world);
}

static void test_stale_offer(void **state)
{
	static struct world world;

	(void)state;
	world_start(&world, WORLD_RULES(""), true);
	datagrams(&world, world_flow(PROTOCOL_UDP, "10.0.0.2", 4000, "203.0.113.5", 9), WORLD_LAN, OFFER);
	assert_int_equal(world.gateway.offer_count, 1);
	gateway_pass(&world.gateway, 21000);
	assert_int_equal(world_sessions(&world), 0);
	assert_false(fake_fastpath_install(&world.fake, &world.gateway.offers[0]));
	world_stop(&world);
}

/* ---------------------------------------------------------------- what is known of it */

static void test_counters_and_time(void **state)
{
	static struct world world;
	struct snapshot_session session;
	struct pair pair;

	(void)state;
	world_start(&world, WORLD_RULES(""), true);
	pair = lent_datagrams(&world);
	for (unsigned int i = 0; i < 50; i++) {
		gateway_pass(&world.gateway, 1000);
		assert_true(forwarded(&world, &pair.forth));
		assert_true(forwarded(&world, &pair.back));
	}
	/* The daemon has not looked again, and knows it all the same. */
	world.gateway.now.ns += 6 * NS_PER_S;
	assert_int_equal(only_session(&world).timeout_s, 14);
	assert_true(forwarded(&world, &pair.forth));
	assert_int_equal(only_session(&world).timeout_s, 20);
	session = only_session(&world);
	assert_int_equal(session.packets[0], OFFER / 2 + 51);
	assert_int_equal(session.packets[1], OFFER / 2 + 50);
	assert_int_equal(session.bytes[0], (OFFER / 2 + 51) * 58);
	assert_int_equal(session.bytes[1], (OFFER / 2 + 50) * 78);
	/* Seen by nobody but the fast path, it has lived on; silent, it ends when it should. */
	gateway_pass(&world.gateway, 19800);
	assert_true(only_session(&world).fastpath);
	gateway_pass(&world.gateway, 400);
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	assert_int_equal(world_sessions(&world), 0);
	world_stop(&world);
}

/* What is not acknowledged is told by the class, though the daemon saw nothing of it. */
static void test_class(void **state)
{
	static struct world world;
	struct pair pair;

	(void)state;
	world_start(&world, WORLD_RULES(""), true);
	pair = lent_connection(&world);
	pair.forth.payload = 100;
	assert_true(forwarded(&world, &pair.forth));
	gateway_pass(&world.gateway, 200);
	assert_int_equal(world.gateway.engine->table.sessions[0].list, TIMEOUT_TCP_UNACKNOWLEDGED);
	pair.back.acknowledgement = 1100;
	assert_true(forwarded(&world, &pair.back));
	gateway_pass(&world.gateway, 200);
	assert_int_equal(world.gateway.engine->table.sessions[0].list, TIMEOUT_TCP_ESTABLISHED);
	/* The same once and three times more. */
	for (unsigned int i = 0; i < 4; i++)
		assert_true(forwarded(&world, &pair.back));
	gateway_pass(&world.gateway, 200);
	assert_int_equal(world.gateway.engine->table.sessions[0].list, TIMEOUT_TCP_RETRANSMITTING);
	world_stop(&world);
}

/* ------------------------------------------------------------------------ taken back */

static void check_recalled(uint8_t flags, const char *name)
{
	static struct world world;
	struct pair pair;

	world_start(&world, WORLD_RULES(""), true);
	pair = lent_connection(&world);
	pair.forth.payload = 100;
	assert_true(forwarded(&world, &pair.forth));
	pair.forth.sequence += 100;
	pair.forth.payload = 0;
	pair.forth.flags = flags;
	assert_false(forwarded(&world, &pair.forth));
	judged(&world, &pair.forth);
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	assert_string_equal(only_session(&world).state_name, name);
	assert_int_equal(only_session(&world).packets[0], OFFER / 2 + 2);
	world_stop(&world);
}

static void test_recall_flags(void **state)
{
	(void)state;
	check_recalled(TCP_FIN | TCP_ACK, "FIN_WAIT");
	check_recalled(TCP_RST, "CLOSE");
	check_recalled(TCP_SYN, "ESTABLISHED");
}

static void test_recall(void **state)
{
	static struct world world;

	(void)state;
	world_start(&world, WORLD_RULES(""), true);
	lent_datagrams(&world);
	assert_true(engine_delete_session(world.gateway.engine, only_session(&world).handle, world.gateway.now));
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	lent_datagrams(&world);
	assert_int_equal(engine_apply(world.gateway.engine, world.gateway.configuration, world.gateway.now), 0);
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	world_stop(&world);
	world_start(&world, WORLD_RULES(""), true);
	lent_datagrams(&world);
	assert_true(gateway_links_changed(&world.gateway));
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	world_stop(&world);
	world_start(&world, WORLD_RULES(""), true);
	lent_connection(&world);
	engine_recall_all(world.gateway.engine, world.gateway.now);
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	world_stop(&world);
}

/* The same data again and again, and nothing acknowledged: a black hole perhaps. */
static void test_stalled(void **state)
{
	static struct world world;
	struct pair pair;

	(void)state;
	world_start(&world, WORLD_RULES(""), true);
	pair = lent_connection(&world);
	gateway_pass(&world.gateway, 200);
	pair.forth.payload = 1000;
	assert_true(forwarded(&world, &pair.forth));
	gateway_pass(&world.gateway, 200);
	assert_int_equal(fake_fastpath_installed(&world.fake), 1);
	for (unsigned int i = 0; i < 2 && fake_fastpath_installed(&world.fake); i++) {
		assert_true(forwarded(&world, &pair.forth));
		gateway_pass(&world.gateway, 200);
	}
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	world_stop(&world);
}

/* ----------------------------------------------------------------- another process */

/* The engine ends as if it was killed, and another one begins in the same memory: @lost: without the fast path's. */
static void start_again(struct world *world, void *memory, bool lost)
{
	static const struct engine_secrets secrets = { { 7, 8 }, { 9, 10, 11, 12 } };
	struct gateway *gateway = &world->gateway;
	struct engine_recovery recovery;

	engine_destroy(gateway->engine);
	if (lost) {
		memset(world->fake.slots, 0, sizeof(world->fake.slots));
		memset(world->fake.installed, 0, sizeof(world->fake.installed));
	}
	gateway->engine = engine_create_in(&gateway->configuration->settings, &secrets, gateway->now, memory);
	assert_non_null(gateway->engine);
	assert_int_equal(engine_apply(gateway->engine, gateway->configuration, gateway->now), 0);
	assert_true(gateway_links_changed(gateway));
	fake_fastpath_attach(&world->fake, gateway->engine);
	assert_int_equal(engine_recover(gateway->engine, gateway->now, &recovery), 0);
	assert_int_equal(recovery.lost, 0);
	assert_null(world_wrong(world));
}

/* A world whose sessions outlive the engine. */
static void *start_lasting(struct world *world)
{
	size_t size;
	void *memory;

	world_start(world, WORLD_RULES(""), true);
	size = (storage_size(world->gateway.configuration->settings.capacity) + 63) / 64 * 64;
	memory = aligned_alloc(64, size);
	assert_non_null(memory);
	memset(memory, 0, size);
	start_again(world, memory, false);
	return memory;
}

static enum reason reason_of(struct world *world, const struct told *told)
{
	static struct wire wire;

	world_make(&wire, told, &world->random);
	return gateway_send(&world->gateway, told->iif, &wire).reason;
}

/* What passed while nobody was there is known, to the last number; also when the counters had been taken. */
static void test_adopted(void **state)
{
	const bool half_taken = *state != NULL;
	static struct world world;
	void *memory = start_lasting(&world);
	struct pair pair = lent_connection(&world);
	struct told stray;

	for (unsigned int i = 0; i < 400; i++) {
		pair.forth.payload = 1000;
		assert_true(forwarded(&world, &pair.forth));
		pair.forth.sequence += 1000;
		pair.back.acknowledgement = pair.forth.sequence;
		assert_true(forwarded(&world, &pair.back));
	}
	world.gateway.now.ns += 5 * NS_PER_S;
	for (unsigned int way = 0; half_taken && way < 2; way++)
		world.fake.slots[0].side[way].packets = 0;
	start_again(&world, memory, false);
	assert_int_equal(fake_fastpath_installed(&world.fake), 1);
	assert_true(only_session(&world).fastpath);
	assert_int_equal(only_session(&world).packets[0] + only_session(&world).packets[1],
			 half_taken ? OFFER : OFFER + 800);
	assert_true(half_taken || forwarded(&world, &pair.forth));
	stray = pair.back;
	stray.sequence += 1u << 24;
	assert_int_equal(reason_of(&world, &stray), REASON_OUT_OF_WINDOW);
	pair.forth.sequence += half_taken ? 0 : 1000;
	pair.forth.payload = 0;
	pair.forth.flags = TCP_FIN | TCP_ACK;
	judged(&world, &pair.forth);
	assert_int_equal(fake_fastpath_installed(&world.fake), 0);
	assert_string_equal(only_session(&world).state_name, "FIN_WAIT");
	world_stop(&world);
	free(memory);
}

/* A session that the fast path forgot goes on in the queue, whatever its numbers are by now, and comes back from there.
 */
static void test_not_adopted(void **state)
{
	static struct world world;
	void *memory = start_lasting(&world);
	struct pair pair = lent_connection(&world);

	(void)state;
	start_again(&world, memory, true);
	assert_false(only_session(&world).fastpath);
	pair.forth.sequence += 1u << 24;
	pair.forth.payload = 1000;
	judged(&world, &pair.forth);
	for (unsigned int i = 0; i < 2 * OFFER; i++) {
		pair.forth.sequence += 1000;
		pair.back.acknowledgement = pair.forth.sequence;
		judged(&world, &pair.forth);
		judged(&world, &pair.back);
	}
	world_install(&world);
	assert_int_equal(fake_fastpath_installed(&world.fake), 1);
	assert_true(forwarded(&world, &pair.forth));
	/* Something was sent while nobody looked: only now is it acknowledged, and the fast path learns of it. */
	pair.back.acknowledgement += 5000;
	assert_false(forwarded(&world, &pair.back));
	judged(&world, &pair.back);
	assert_true(only_session(&world).fastpath);
	assert_true(forwarded(&world, &pair.back));
	world_stop(&world);
	free(memory);
}

/* A slot that another session had says nothing of this one; rules that want to see packets end it there. */
static void test_adopted_in_doubt(void **state)
{
	static struct world world;
	void *memory = start_lasting(&world);
	struct session_handle handle;
	struct engine_flow flow;

	(void)state;
	lent_datagrams(&world);
	assert_true(engine_lent(world.gateway.engine, 0, &handle, &flow));
	assert_int_equal(world.fake.slots[0].generation, handle.generation);
	world.fake.slots[0].generation += 2;
	world.fake.installed[0] = false;
	start_again(&world, memory, false);
	assert_false(only_session(&world).fastpath);
	assert_false(engine_lent(world.gateway.engine, 0, &handle, &flow));
	engine_delete_session(world.gateway.engine, only_session(&world).handle, world.gateway.now);

	lent_datagrams(&world);
	world.gateway.configuration->settings.fastpath = false;
	world.fake.installed[0] = false;
	start_again(&world, memory, false);
	assert_false(only_session(&world).fastpath);
	world_stop(&world);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_no_offer),
		cmocka_unit_test(test_stale_offer),
		cmocka_unit_test(test_counters_and_time),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_recall_flags),
		cmocka_unit_test(test_recall),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_adopted),
		{ "test_adopted_half_taken", test_adopted, NULL, NULL, (void *)"half" },
		cmocka_unit_test(test_not_adopted),
		cmocka_unit_test(test_adopted_in_doubt),
	};

	return cmocka_run_group_tests_name("fastpath", tests, NULL, NULL);
}
