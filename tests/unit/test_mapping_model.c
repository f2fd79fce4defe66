/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mappings against a naive model, over the same random operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/model/mapping_model.h"
#include "tests/model/wire_model.h"

static uint64_t seed;
static const uint64_t key[2] = { 1, 2 };

static struct endpoint endpoint(const char *address, uint16_t port)
{
	return (struct endpoint){ .address = wire_address(address), .port = be16_from_host(port) };
}

struct round {
	struct mappings *mappings;
	struct mapping_model *model;
	uint64_t state;
	uint64_t now_ms;
	uint16_t port_last;
	uint32_t addresses;
	bool one_to_one, overload, crowded, spill;
	bool filling; /* crowded rounds go up and down between empty and full */
	struct pool_reservation reservations[4];
};

static const char *const externals[] = { "203.0.113.1", "203.0.113.2", "203.0.113.3" };

static struct endpoint some_peer(struct round *round)
{
	static const char *const peers[] = { "198.51.100.1", "198.51.100.2", "2001:db8::1" };

	return endpoint(peers[wire_below(&round->state, round->crowded ? 2 : 3)],
			(uint16_t)(80 + (round->crowded ? 0 : wire_below(&round->state, 2))));
}

static struct endpoint some_internal(struct round *round)
{
	static const char *const hosts[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8:1::1" };

	return endpoint(hosts[wire_below(&round->state, 4)],
			(uint16_t)(5000 + wire_below(&round->state, round->crowded ? 100 : 16)));
}

static struct mapping_request random_request(struct round *round)
{
	static const uint8_t protocols[] = { PROTOCOL_UDP, PROTOCOL_UDP,  PROTOCOL_UDP,
					     PROTOCOL_TCP, PROTOCOL_ICMP, PROTOCOL_ESP };
	uint64_t *state = &round->state;
	uint32_t first = wire_below(state, round->addresses);
	uint32_t last = first + wire_below(state, round->addresses - first);
	struct mapping_request request = {
		.protocol = protocols[wire_below(state, round->crowded ? 3 : 6)],
		.internal = some_internal(round),
		.peer = some_peer(round),
		.address_first = wire_address(externals[first]),
		.address_last = wire_address(externals[last]),
		.port_first = (uint16_t)(5000 + (wire_below(state, 4) ? 0 : wire_below(state, 3))),
		.port_last = round->port_last,
		.behaviour = wire_below(state, 3),
		.paired = wire_below(state, 2),
		.spill = round->spill,
		.preserve = wire_below(state, 2),
		.fully_random = wire_below(state, 4) == 0,
		.overload = round->overload,
		.ports_limit = round->crowded || wire_below(state, 4) ? 0 : 6,
		.random = wire_random(state),
		.now = mono_from_ms(round->now_ms),
		.in_use = mapping_model_in_use,
		.context = round->model,
	};

	if (wire_below(state, 8) == 0) {
		request.identity = true;
		request.internal.address = request.address_first;
	} else if (round->one_to_one && wire_below(state, 4) == 0) {
		request.static_nat = true;
		request.address_last = request.address_first;
	}
	if (request.protocol == PROTOCOL_ESP)
		request.internal.port = request.peer.port = be16_from_host(0);
	/* Rules may share an address, but not all of its ports. */
	if (round->crowded && wire_below(state, 8) == 0)
		request.port_last = (uint16_t)(request.port_first + wire_below(state, 36));
	return request;
}

/* Which request was answered wrongly, and how. */
static void describe(const struct mapping_request *request, const struct model_answer *answer, const char *wrong)
{
	fail_msg("%s: protocol %u internal ..%u:%u peer ..%u:%u addresses ..%u-%u ports %u-%u behaviour %d%s%s%s%s%s: "
		 "mapping %u external ..%u:%u %s",
		 wrong, request->protocol, request->internal.address.bytes[15], be16_to_host(request->internal.port),
		 request->peer.address.bytes[15], be16_to_host(request->peer.port), request->address_first.bytes[15],
		 request->address_last.bytes[15], request->port_first, request->port_last, request->behaviour,
		 request->paired ? " paired" : "", request->preserve ? " preserve" : "",
		 request->overload ? " overload" : "", request->static_nat ? " static" : "",
		 request->identity ? " identity" : "", answer->index, answer->external.address.bytes[15],
		 be16_to_host(answer->external.port), reason_key(answer->reason));
}

static void random_acquire(struct round *round, bool cancel)
{
	struct mapping_request request = random_request(round);
	struct model_answer answer = { .reason = REASON_COUNT };
	const char *wrong;
	size_t session;

	answer.index = mapping_acquire(round->mappings, &request, &answer.reason);
	if (answer.index != MAPPING_NONE) {
		answer.external = mapping_external(round->mappings, answer.index);
		answer.behaviour = mapping_behaviour(round->mappings, answer.index);
	}
	wrong = mapping_model_acquire(round->model, &request, &answer, &session);
	if (wrong)
		describe(&request, &answer, wrong);
	if (answer.index == MAPPING_NONE || !cancel)
		return;
	mapping_cancel(round->mappings, answer.index, &request.peer);
	mapping_model_cancel(round->model, session, request.now);
}

static void random_release(struct round *round)
{
	struct mapping_model *model = round->model;
	size_t session;
	struct endpoint peer;

	if (model->session_end == 0)
		return;
	session = wire_below(&round->state, (uint32_t)model->session_end);
	if (!model->sessions[session].live)
		return;
	peer = model->sessions[session].peer;
	mapping_release(round->mappings, model->mappings[model->sessions[session].mapping].index, &peer,
			mono_from_ms(round->now_ms));
	mapping_model_release(model, session, mono_from_ms(round->now_ms));
}

/* Without a hold time nothing rests any more. */
static void change_hold(struct round *round)
{
	round->model->hold_ms = round->model->hold_ms ? 0 : 40;
	mappings_set_hold(round->mappings, (uint32_t)round->model->hold_ms);
	if (!round->model->hold_ms)
		mapping_model_end_holds(round->model);
}

static void random_change(struct round *round)
{
	struct address address = wire_address(externals[wire_below(&round->state, round->addresses)]);
	size_t count = wire_below(&round->state, 5);

	if (wire_below(&round->state, 4) == 0) {
		change_hold(round);
		return;
	}
	if (wire_below(&round->state, 3) == 0) {
		mappings_end_address(round->mappings, &address);
		mapping_model_end_address(round->model, &address);
		return;
	}
	if (wire_below(&round->state, 3) == 0) {
		/* Every other pair of ports. */
		round->model->port_set =
		    (struct settings_port_set){ .offset = 14, .length = 1, .id = (uint16_t)(count & 1) };
		round->model->port_sets = count > 1;
		mappings_set_port_sets(round->mappings, &round->model->port_set, round->model->port_sets);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct pool_reservation *entry = &round->reservations[i];

		entry->address = wire_below(&round->state, 2) ? address : (struct address){ 0 };
		entry->protocol = PROTOCOL_UDP;
		entry->first = (uint16_t)(4998 + wire_below(&round->state, 10));
		entry->last = (uint16_t)(entry->first + wire_below(&round->state, 3));
	}
	assert_int_equal(mappings_set_reservations(round->mappings, round->reservations, count), 0);
	round->model->reservations = round->reservations;
	round->model->reservation_count = count;
}

static void random_question(struct round *round)
{
	static const uint8_t protocols[] = { PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_ICMP, PROTOCOL_ESP };
	uint8_t protocol = protocols[wire_below(&round->state, 4)];
	struct endpoint internal = some_internal(round), peer = some_peer(round);
	struct endpoint external = endpoint(externals[wire_below(&round->state, round->addresses)],
					    (uint16_t)(5000 + wire_below(&round->state, 16)));

	if (protocol == PROTOCOL_ESP)
		internal.port = external.port = peer.port = be16_from_host(0);
	assert_true(mapping_model_found_external(round->model, protocol, &external, &peer,
						 mapping_lookup_external(round->mappings, protocol, &external, &peer)));
	assert_true(mapping_model_found_internal(round->model, protocol, &internal, &peer,
						 mapping_lookup_internal(round->mappings, protocol, &internal, &peer)));
	assert_int_equal(mappings_of_host(round->mappings, &internal.address),
			 mapping_model_of_host(round->model, &internal.address));
}

/* Everything that can be counted agrees. */
static void check_sums(struct round *round)
{
	struct snapshot_mapping mapping;
	struct snapshot_pool pool;
	unsigned int steps = UINT32_MAX;
	uint32_t position = 0, count = 0;

	while (mappings_next(round->mappings, &position, mono_from_ms(round->now_ms), &steps, &mapping) == 1)
		count++;
	assert_int_equal(count, round->model->count);
	assert_int_equal(mappings_count(round->mappings), count);
	position = 0;
	while (!round->one_to_one && pools_next(mappings_pools_const(round->mappings), &position, &pool))
		assert_int_equal(pool.used, mapping_model_ports(round->model, pool.protocol, &pool.address));
}

static void play_round(uint64_t round_seed, uint32_t steps, bool crowded)
{
	struct round round = { .state = round_seed, .now_ms = 1000 };
	struct mappings_limits limits = { .destinations = 3, .pools = 12 };
	uint64_t *state = &round.state;

	limits.capacity = crowded ? 900 : wire_below(state, 3) ? 200 : 30;
	round.model = calloc(1, sizeof(*round.model));
	assert_non_null(round.model);
	round.model->capacity = limits.capacity;
	round.model->hold_ms = wire_below(state, 2) ? 0 : 40;
	round.addresses = crowded ? 1 : 1 + wire_below(state, 3);
	round.port_last = (uint16_t)(crowded ? 5040 + wire_below(state, 20) : 5002 + wire_below(state, 10));
	round.crowded = crowded;
	round.spill = wire_below(state, 2);
	round.one_to_one = wire_below(state, 2);
	round.overload = crowded || wire_below(state, 2);
	round.model->shared_ports = round.one_to_one || round.overload;
	round.mappings = mappings_create(&limits, key, round.model->hold_ms);
	assert_non_null(round.mappings);
	for (uint32_t step = 0; step < steps; step++) {
		bool room = round.model->session_end < MODEL_SESSIONS - 1;
		uint32_t kind = wire_below(state, 1000);

		if (step % 400 == 0)
			round.filling = !round.filling;
		/* Half of the releases become acquisitions, or the other way round. */
		if (crowded && kind < 900 && wire_below(state, 2))
			kind = round.filling ? 0 : 899;
		if (kind < 420 && room)
			random_acquire(&round, false);
		else if (kind < 500 && room)
			random_acquire(&round, true);
		else if (kind < 900)
			random_release(&round);
		else if (kind < 950)
			random_question(&round);
		else if (kind < 995)
			round.now_ms += wire_below(state, 10);
		else if (kind < 996)
			random_change(&round);
		else
			check_sums(&round);
		/* The real one may be late with sweeping, so that the model may not be. */
		(void)mappings_tick(round.mappings, mono_from_ms(round.now_ms), UINT32_MAX);
		mapping_model_tick(round.model, mono_from_ms(round.now_ms));
		assert_int_equal(mappings_count(round.mappings), round.model->count);
	}
	check_sums(&round);
	mappings_destroy(round.mappings);
	free(round.model);
}

/* STEPS=20000000 for a long run. */
static uint64_t steps_wanted(uint64_t usual)
{
	const char *wanted = getenv("STEPS");

	return wanted ? strtoull(wanted, NULL, 0) : usual;
}

static void model_agrees_where_ports_are_scarce(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	for (uint64_t steps = 0; steps < steps_wanted(1200000); steps += 20000)
		play_round(wire_random(&state), 20000, false);
}

static void model_agrees_where_destinations_are_crowded(void **unused)
{
	uint64_t state = seed + 1;

	(void)unused;
	for (uint64_t steps = 0; steps < steps_wanted(120000); steps += 10000)
		play_round(wire_random(&state), 10000, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_agrees_where_ports_are_scarce),
		cmocka_unit_test(model_agrees_where_destinations_are_crowded),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
