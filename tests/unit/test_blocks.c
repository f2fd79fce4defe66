/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RFC6888-REQ-4, RFC6888-REQ-12: ports dealt in blocks, against a list of mappings in which everything
 * is looked up one by one: no port is refused while one is free and permitted, no block has two
 * sources, and the log alone says who has which port.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/mapping.h"
#include "tests/model/wire_model.h"

#define ADDRESSES 3
#define LIVE 600
#define HOSTS 5
#define MOST_BLOCKS 4096
#define STEPS_DEFAULT 60000

static uint64_t seed;
static const uint64_t key[2] = { 1, 2 };

struct live {
	bool there, held, announced, one_to_one;
	uint32_t index;
	struct endpoint internal, external, peer;
	uint64_t due_ms;
};

struct round {
	struct mappings *mappings;
	uint64_t state, now_ms;
	uint32_t block, addresses, hold_ms;
	uint16_t first, last, serial;
	bool spill;
	struct live list[LIVE];
	size_t count;
	struct pool_reservation reserved;
	size_t reserved_count;
	struct settings_port_set set;
	unsigned int set_count;
	/* What the log says: the source of each block; and how many mappings there are. */
	struct address owner[ADDRESSES][MOST_BLOCKS];
	bool owned[ADDRESSES][MOST_BLOCKS];
	size_t logged;
};

static struct round *round_now;

static struct address external_address(uint32_t number)
{
	uint8_t bytes[4] = { 203, 0, 113, (uint8_t)(number + 1) };

	return address_from_ipv4(bytes);
}

static uint32_t address_number(const struct address *address)
{
	return address->bytes[15] - 1u;
}

/* ------------------------------------------------------------------------ the log */

static void read_log(void *context, const struct mapping_news *news)
{
	struct round *round = context;
	uint32_t address = address_number(&news->external.address), number = news->block_first / round->block;

	if (!news->is_block) {
		round->logged += news->made ? 1u : SIZE_MAX;
		return;
	}
	if (news->made == round->owned[address][number])
		fail_msg("block %u of address %u: %s twice", number, address, news->made ? "dealt" : "given back");
	if (!news->made && !address_equal(&round->owner[address][number], &news->internal.address))
		fail_msg("block %u of address %u is given back by another", number, address);
	round->owned[address][number] = news->made;
	round->owner[address][number] = news->internal.address;
}

/* ---------------------------------------------------------------------- the model */

static bool is_dealt(const struct live *live)
{
	return live->there && !live->one_to_one && !endpoint_equal(&live->internal, &live->external);
}

static bool is_reserved(const struct round *round, uint16_t port)
{
	return (round->reserved_count && port >= round->reserved.first && port <= round->reserved.last) ||
	       (round->set_count && !port_set_contains(&round->set, port));
}

static bool is_taken(const struct round *round, const struct endpoint *external)
{
	for (size_t i = 0; i < round->count; i++)
		if (round->list[i].there && endpoint_equal(&round->list[i].external, external))
			return true;
	return false;
}

/* Whose mapping, if not @source's, is dealt in that block? */
static const struct live *stranger_in(const struct round *round, const struct address *address, uint32_t number,
				      const struct address *source)
{
	for (size_t i = 0; i < round->count; i++) {
		const struct live *live = &round->list[i];

		if (is_dealt(live) && address_equal(&live->external.address, address) &&
		    be16_to_host(live->external.port) / round->block == number &&
		    !address_equal(&live->internal.address, source))
			return live;
	}
	return NULL;
}

static bool may_use(const struct round *round, const struct address *address, const struct address *source)
{
	bool any = false;

	/* Paired, and nowhere else? */
	for (size_t i = 0; i < round->count && round->addresses > 1 && !round->spill; i++) {
		const struct live *live = &round->list[i];

		if (!live->there || !address_equal(&live->internal.address, source) || live->one_to_one)
			continue;
		if (address_equal(&live->external.address, address))
			return true;
		any = true;
	}
	return !any;
}

static bool exists(const struct round *round, const struct address *source)
{
	for (uint32_t a = 0; a < round->addresses; a++) {
		struct endpoint external = { .address = external_address(a) };

		if (!may_use(round, &external.address, source))
			continue;
		for (uint32_t port = round->first; port <= round->last; port++) {
			external.port = be16_from_host((uint16_t)port);
			if (!is_reserved(round, (uint16_t)port) && !is_taken(round, &external) &&
			    !stranger_in(round, &external.address, port / round->block, source))
				return true;
		}
	}
	return false;
}

/* ---------------------------------------------------------------------- operations */

static struct mapping_request request_of(struct round *round)
{
	uint8_t inside[4] = { 10, 0, 0, (uint8_t)(1 + wire_below(&round->state, HOSTS)) };
	uint8_t peer[4] = { 198, 51, 100, 1 };
	struct mapping_request request = {
		.protocol = PROTOCOL_UDP,
		.internal = { address_from_ipv4(inside), be16_from_host(++round->serial) },
		.peer = { address_from_ipv4(peer), be16_from_host(53) },
		.address_first = external_address(0),
		.address_last = external_address(round->addresses - 1),
		.port_first = round->first,
		.port_last = round->last,
		.paired = true,
		.spill = round->spill,
		.preserve = wire_below(&round->state, 2),
		.random = wire_random(&round->state),
		.now = mono_from_ms(round->now_ms),
	};

	if (wire_below(&round->state, 12) == 0) {
		/* The router's own, on a port that may be anybody's. */
		request.internal.address = request.address_first;
		request.internal.port = be16_from_host(
		    (uint16_t)(round->first + wire_below(&round->state, round->last - round->first + 1u)));
		request.identity = true;
		request.address_last = request.address_first;
	} else if (request.preserve) {
		request.internal.port = be16_from_host(
		    (uint16_t)(round->first + wire_below(&round->state, round->last - round->first + 1u)));
	}
	return request;
}

static bool has_internal(const struct round *round, const struct endpoint *internal)
{
	for (size_t i = 0; i < round->count; i++)
		if (round->list[i].there && endpoint_equal(&round->list[i].internal, internal))
			return true;
	return false;
}

static void judge(struct round *round, const struct mapping_request *request, const struct live *made)
{
	uint16_t port = be16_to_host(made->external.port);

	if (is_taken(round, &made->external))
		fail_msg("port %u is another's", port);
	if (!is_dealt(made))
		return;
	if (is_reserved(round, port) || port < round->first || port > round->last)
		fail_msg("port %u is not permitted", port);
	if (stranger_in(round, &made->external.address, port / round->block, &request->internal.address))
		fail_msg("port %u lies in another's block", port);
	if (!may_use(round, &made->external.address, &request->internal.address))
		fail_msg("not the paired address");
}

static void acquire(struct round *round)
{
	struct mapping_request request = request_of(round);
	struct live *made = &round->list[round->count];
	enum reason reason;
	uint32_t index;
	bool could;

	if (round->count == LIVE || has_internal(round, &request.internal))
		return;
	could = request.identity || exists(round, &request.internal.address);
	index = mapping_acquire(round->mappings, &request, &reason);
	if (index == MAPPING_NONE) {
		if (could && !request.identity)
			fail_msg("refused (%s) though a port is free and permitted", reason_key(reason));
		return;
	}
	if (!could)
		fail_msg("granted though there was none");
	*made = (struct live){
		.there = true,
		.index = index,
		.internal = request.internal,
		.external = mapping_external(round->mappings, index),
		.peer = request.peer,
	};
	judge(round, &request, made);
	if (wire_below(&round->state, 8) == 0) {
		mapping_cancel(round->mappings, index, &request.peer);
		return;
	}
	mapping_announce(round->mappings, index);
	round->count++;
}

static void forget(struct round *round, size_t at)
{
	round->list[at] = round->list[--round->count];
}

static void release(struct round *round)
{
	size_t at = round->count ? wire_below(&round->state, (uint32_t)round->count) : 0;
	struct live *live = &round->list[at];

	if (!round->count || live->held)
		return;
	mapping_release(round->mappings, live->index, &live->peer, mono_from_ms(round->now_ms));
	live->held = true;
	live->due_ms = round->now_ms + round->hold_ms;
	if (!round->hold_ms)
		forget(round, at);
}

static void pass(struct round *round, uint64_t ms)
{
	round->now_ms += ms;
	(void)mappings_tick(round->mappings, mono_from_ms(round->now_ms), UINT32_MAX);
	for (size_t i = round->count; i-- > 0;)
		if (round->list[i].held && round->list[i].due_ms <= round->now_ms)
			forget(round, i);
}

static void change(struct round *round)
{
	uint16_t first = (uint16_t)(round->first + wire_below(&round->state, round->last - round->first + 1u));

	if (wire_below(&round->state, 2)) {
		round->set = (struct settings_port_set){ .offset = 10, .length = 2 };
		round->set.id = (uint16_t)wire_below(&round->state, 4);
		round->set_count = wire_below(&round->state, 2);
		mappings_set_port_sets(round->mappings, &round->set, round->set_count);
		return;
	}
	round->reserved = (struct pool_reservation){
		.protocol = PROTOCOL_UDP,
		.first = first,
		.last = (uint16_t)(first + wire_below(&round->state, 20)),
	};
	round->reserved_count = wire_below(&round->state, 2);
	assert_int_equal(mappings_set_reservations(round->mappings, &round->reserved, round->reserved_count), 0);
}

/* The log alone says whose every port is. */
static void check_log(const struct round *round)
{
	size_t told = 0;

	for (size_t i = 0; i < round->count; i++) {
		const struct live *live = &round->list[i];
		uint32_t address = address_number(&live->external.address);
		uint32_t number = be16_to_host(live->external.port) / round->block;

		told++;
		if (is_dealt(live) && (!round->owned[address][number] ||
				       !address_equal(&round->owner[address][number], &live->internal.address)))
			fail_msg("the log does not say whose port %u is", be16_to_host(live->external.port));
	}
	assert_int_equal(told, round->logged);
}

static void play_round(uint64_t round_seed, uint32_t steps)
{
	struct mappings_limits limits = { .capacity = LIVE, .pools = 8 };
	struct mappings_watcher watcher = { read_log, round_now };
	struct round *round = round_now;

	*round = (struct round){ .state = round_seed, .now_ms = 1000 };
	round->block = limits.block = 16 + wire_below(&round->state, 3) * 5;
	round->addresses = 1 + wire_below(&round->state, ADDRESSES);
	round->hold_ms = wire_below(&round->state, 2) ? 0 : 30;
	round->spill = wire_below(&round->state, 2);
	round->first = (uint16_t)(5000 + wire_below(&round->state, 20));
	round->last = (uint16_t)(round->first + 20 + wire_below(&round->state, 120));
	round->mappings = mappings_create(&limits, key, round->hold_ms);
	assert_non_null(round->mappings);
	mappings_watch(round->mappings, &watcher);
	for (uint32_t step = 0; step < steps; step++) {
		uint32_t kind = wire_below(&round->state, 1000);
		/* Up to the brim and down again. */
		uint32_t filling = step / 300 % 2 ? 650 : 350;

		if (kind < filling)
			acquire(round);
		else if (kind < 960)
			release(round);
		else if (kind < 998)
			pass(round, wire_below(&round->state, 20));
		else
			change(round);
		pass(round, 0);
		check_log(round);
	}
	while (round->count) {
		release(round);
		pass(round, 100);
	}
	for (uint32_t a = 0; a < ADDRESSES; a++)
		for (uint32_t number = 0; number < MOST_BLOCKS; number++)
			assert_false(round->owned[a][number]);
	assert_int_equal(round->logged, 0);
	assert_int_equal(mappings_count(round->mappings), 0);
	mappings_destroy(round->mappings);
}

/* STEPS=5000000 for a long run. */
static void model_agrees(void **unused)
{
	const char *wanted = getenv("STEPS");
	uint64_t limit = wanted ? strtoull(wanted, NULL, 0) : STEPS_DEFAULT, state = seed;

	(void)unused;
	round_now = calloc(1, sizeof(*round_now));
	assert_non_null(round_now);
	for (uint64_t steps = 0; steps < limit; steps += 3000)
		play_round(wire_random(&state), 3000);
	free(round_now);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(model_agrees) };

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
