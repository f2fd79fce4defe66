/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pool has most room: what is remembered from look to look, against counting every port each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "conntrack/pools.h"
#include "tests/model/wire_model.h"

#define ADDRESSES 7
#define POOLS 10 /* fewer than addresses and protocols: idle ones are given to others */
#define STEPS_DEFAULT 60000

static uint64_t seed;
static const uint64_t key[2] = { 1, 2 };

struct range {
	uint16_t first, last;
};

static const struct range ranges[] = { { 1024, 65535 }, { 4000, 4040 }, { 0, 65535 }, { 4030, 4090 } };

static struct address address_at(uint32_t number)
{
	struct address first = wire_address("198.51.100.250");

	return address_advance(&first, number);
}

/* The room of the roomiest, by counting; and how many pools there are. */
static uint32_t count_most(const struct pools *pools, const struct pools_search *wanted, uint32_t *present)
{
	uint32_t most = 0;

	*present = 0;
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		struct address address = address_at(i);
		uint32_t pool = pools_lookup(pools, &address, wanted->protocol), room;

		if (pool == POOL_NONE || !address_within(&address, &wanted->first, &wanted->last))
			continue;
		(*present)++;
		room = ports_free(&pools->ports[pool], wanted->port_first, wanted->port_last);
		most = room > most ? room : most;
	}
	return most;
}

/* The first of the roomiest: what is remembered must not show. */
static bool is_first(const struct pools *pools, const struct pools_search *wanted, uint32_t pool, uint32_t most)
{
	for (uint32_t i = 0; i < pool; i++)
		if (pools->list[i].protocol == wanted->protocol &&
		    address_within(&pools->list[i].address, &wanted->first, &wanted->last) &&
		    ports_free(&pools->ports[i], wanted->port_first, wanted->port_last) == most)
			return false;
	return true;
}

static void compare(struct pools *pools, const struct pools_search *wanted)
{
	uint32_t present, counted, most = count_most(pools, wanted, &counted);
	uint32_t pool = pools_roomiest(pools, &wanted->first, &wanted->last, wanted->protocol, wanted->port_first,
				       wanted->port_last, &present);

	assert_int_equal(present, counted);
	if (!most) {
		assert_int_equal(pool, POOL_NONE);
		return;
	}
	assert_int_not_equal(pool, POOL_NONE);
	assert_int_equal(pools->list[pool].protocol, wanted->protocol);
	assert_true(address_within(&pools->list[pool].address, &wanted->first, &wanted->last));
	assert_int_equal(ports_free(&pools->ports[pool], wanted->port_first, wanted->port_last), most);
	assert_true(is_first(pools, wanted, pool, most));
	assert_int_equal(pools_room(pools, pool, wanted->port_first, wanted->port_last), most);
}

/* Mostly the same question again and again, as a gateway asks it. */
static void draw_question(uint64_t *state, struct pools_search *wanted)
{
	uint32_t low = wire_below(state, ADDRESSES), range = wire_below(state, 4);

	*wanted = (struct pools_search){
		.first = address_at(low),
		.last = address_at(low + wire_below(state, ADDRESSES - low)),
		.protocol = wire_below(state, 2) ? PROTOCOL_UDP : PROTOCOL_TCP,
		.port_first = ranges[range].first,
		.port_last = ranges[range].last,
	};
}

static void take(struct pools *pools, uint64_t *state, const struct pools_search *wanted)
{
	struct ports_wish wish = { .first = wanted->port_first,
				   .last = wanted->port_last,
				   .random = (uint32_t)wire_random(state) };
	uint32_t present, pool = pools_roomiest(pools, &wanted->first, &wanted->last, wanted->protocol,
						wanted->port_first, wanted->port_last, &present);
	struct address address = address_at(wire_below(state, ADDRESSES));

	if (pool == POOL_NONE || wire_below(state, 20) == 0)
		pool = pools_open(pools, &address, wanted->protocol);
	if (pool != POOL_NONE)
		(void)pools_take(pools, pool, &wish);
}

static void give(struct pools *pools, uint64_t *state, const struct pools_search *wanted)
{
	struct address address = address_at(wire_below(state, ADDRESSES));
	uint32_t pool = pools_lookup(pools, &address, wanted->protocol);
	uint16_t port = (uint16_t)(4000 + wire_below(state, 90));

	if (pool == POOL_NONE)
		return;
	if (wire_below(state, 4) == 0)
		(void)pools_share(pools, pool, port);
	else if (ports_is_used(&pools->ports[pool], port))
		pools_release(pools, pool, port);
}

/* What explain.c does: nothing stays of it. */
static void rehearse(struct pools *pools, uint64_t *state, const struct pools_search *wanted)
{
	struct ports_wish wish = { .first = wanted->port_first, .last = wanted->port_last };
	struct pools_copy *copy = pools_save(pools);
	struct address address = address_at(wire_below(state, ADDRESSES));
	uint32_t pool = pools_open(pools, &address, wanted->protocol);
	int32_t port = pool == POOL_NONE ? PORT_NONE : pools_take(pools, pool, &wish);

	compare(pools, wanted);
	if (port != PORT_NONE)
		pools_release(pools, pool, (uint16_t)port);
	pools_restore(pools, copy);
}

static void reserve(struct pools *pools, uint64_t *state)
{
	uint16_t first = (uint16_t)(4000 + wire_below(state, 60));
	struct pool_reservation entry = {
		.address = address_at(wire_below(state, ADDRESSES)),
		.protocol = PROTOCOL_UDP,
		.first = first,
		.last = (uint16_t)(first + wire_below(state, 40)),
	};

	assert_int_equal(pools_set_reservations(pools, &entry, wire_below(state, 2)), 0);
}

/* STEPS=5000000 for a long run. */
static void as_counted(void **unused)
{
	const char *wanted_steps = getenv("STEPS");
	uint64_t limit = wanted_steps ? strtoull(wanted_steps, NULL, 0) : STEPS_DEFAULT, state = seed;
	struct pools_search wanted;
	struct pools pools;

	(void)unused;
	assert_int_equal(pools_init(&pools, POOLS, key), 0);
	draw_question(&state, &wanted);
	for (uint64_t step = 0; step < limit; step++) {
		uint32_t kind = wire_below(&state, 1000);

		if (kind < 10)
			draw_question(&state, &wanted);
		else if (kind < 15)
			reserve(&pools, &state);
		else if (kind < 30)
			rehearse(&pools, &state, &wanted);
		/* Up to the brim and down again. */
		else if (kind < (step / 3000 % 2 ? 300 : 700))
			take(&pools, &state, &wanted);
		else
			give(&pools, &state, &wanted);
		compare(&pools, &wanted);
	}
	pools_fini(&pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_counted) };

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
