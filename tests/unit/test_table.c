/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session table beside a naive model: an array of what should be in it, searched
 * from end to end, driven by the same random operations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conntrack/mapping.h"
#include "conntrack/table.h"
#include "tests/model/wire_model.h"

#define CAPACITY 300
#define STEPS_DEFAULT 400000 /* STEPS in the environment asks for more */

static uint64_t state;

static uint32_t draw(uint32_t below)
{
	return wire_below(&state, below);
}

/* Few endpoints, so that tuples meet. */
static struct endpoint some_endpoint(uint8_t net)
{
	const uint8_t wire[4] = { 10, net, 0, (uint8_t)draw(6) };

	return (struct endpoint){ address_from_ipv4(wire), be16_from_host((uint16_t)(1000 + draw(6))) };
}

struct model {
	struct {
		bool used;
		uint32_t index;
		uint8_t timeout;
		uint32_t refreshed;
		struct tuple tuples[2];
		bool mapped;
	} entries[CAPACITY];
	uint32_t count;
};

static int model_find(const struct model *model, const struct tuple *tuple, enum direction *direction)
{
	for (int i = 0; i < CAPACITY; i++)
		for (int d = 0; d < 2; d++)
			if (model->entries[i].used && tuple_equal(&model->entries[i].tuples[d], tuple)) {
				*direction = (enum direction)d;
				return i;
			}
	return -1;
}

static bool model_knows_peer(const struct model *model, const struct endpoint *external, const struct address *peer)
{
	for (int i = 0; i < CAPACITY; i++)
		if (model->entries[i].used && model->entries[i].mapped &&
		    endpoint_equal(&model->entries[i].tuples[1].destination, external) &&
		    address_equal(&model->entries[i].tuples[1].source.address, peer))
			return true;
	return false;
}

static void insert(struct table *table, struct model *model, struct mono now)
{
	struct tuple original = { some_endpoint(1), some_endpoint(2), PROTOCOL_UDP, 0 };
	struct tuple reply = tuple_invert(&original);
	enum direction ignored;
	uint32_t index;
	bool snat = draw(2);
	int slot = 0;

	if (snat)
		reply.destination = some_endpoint(3);
	if (draw(2))
		reply.source = some_endpoint(4);
	if (model_find(model, &original, &ignored) >= 0 || model_find(model, &reply, &ignored) >= 0)
		return;
	index = table_reserve(table, now);
	if (model->count == CAPACITY) {
		assert_int_equal(index, SESSION_NONE);
		return;
	}
	assert_int_not_equal(index, SESSION_NONE);
	while (model->entries[slot].used)
		slot++;
	assert_true(table_set_tuples(table, index, &original, &reply));
	if (snat)
		table_session(table, index)->mapping = 7;
	table_link(table, index);
	model->entries[slot].used = true;
	model->entries[slot].index = index;
	model->entries[slot].timeout = (uint8_t)draw(TIMEOUT_COUNT);
	model->entries[slot].refreshed = table_ticks(table, now);
	model->entries[slot].tuples[0] = original;
	model->entries[slot].tuples[1] = reply;
	model->entries[slot].mapped = snat;
	table_confirm(table, index, model->entries[slot].timeout, now);
	model->count++;
}

static void look(const struct table *table, const struct model *model)
{
	struct tuple tuple = { some_endpoint((uint8_t)(1 + draw(4))), some_endpoint((uint8_t)(1 + draw(4))),
			       PROTOCOL_UDP, 0 };
	enum direction direction, expected;
	int slot = model_find(model, &tuple, &expected);
	uint32_t index = table_lookup(table, &tuple, &direction);

	if (slot < 0) {
		assert_int_equal(index, SESSION_NONE);
	} else {
		assert_int_equal(index, model->entries[slot].index);
		assert_int_equal(direction, expected);
	}
	assert_int_equal(table_knows_peer(table, PROTOCOL_UDP, &tuple.source, &tuple.destination.address),
			 model_knows_peer(model, &tuple.source, &tuple.destination.address));
}

/* Each session is found by both tuples, and between its hooks by the middle one. */
static void check_whole(const struct table *table, const struct model *model)
{
	uint32_t in_lists = 0;

	for (int i = 0; i < CAPACITY; i++) {
		const struct session *session;
		enum direction direction;
		struct tuple middle;

		if (!model->entries[i].used)
			continue;
		session = table_session(table, model->entries[i].index);
		for (int d = 0; d < 2; d++) {
			assert_int_equal(table_lookup(table, &model->entries[i].tuples[d], &direction),
					 model->entries[i].index);
			assert_int_equal(direction, d);
		}
		if (session_nat(session) == SESSION_NAT_BOTH) {
			middle = table_tuple(table, session, DIRECTION_ORIGINAL);
			middle.destination = table_tuple(table, session, DIRECTION_REPLY).source;
			assert_int_not_equal(table_lookup_middle(table, &middle, &direction), SESSION_NONE);
			middle = tuple_invert(&middle);
			assert_int_not_equal(table_lookup_middle(table, &middle, &direction), SESSION_NONE);
		}
		assert_int_equal(session->list, model->entries[i].timeout);
		assert_int_equal(session->refreshed, model->entries[i].refreshed);
	}
	for (unsigned int list = 0; list < LIST_COUNT; list++) {
		uint32_t before = 0, counted = 0;

		for (uint32_t at = table->lists[list].head; at != SESSION_NONE;
		     at = table_session(table, at)->list_next) {
			assert_true(table_session(table, at)->refreshed >= before);
			before = table_session(table, at)->refreshed;
			counted++;
		}
		assert_int_equal(counted, table->lists[list].count);
		in_lists += counted;
	}
	assert_int_equal(in_lists, model->count);
	assert_int_equal(table->confirmed, model->count);
}

static void test_table_against_model(void **unused)
{
	static const uint64_t key[2] = { 1, 2 };
	static struct model model;
	const char *wanted = getenv("STEPS");
	long steps = wanted ? strtol(wanted, NULL, 0) : STEPS_DEFAULT;
	struct mono now = { 5 };
	struct table table;

	(void)unused;
	state = wire_seed();
	assert_int_equal(table_init(&table, CAPACITY, key, now), 0);
	for (long step = 0; step < steps; step++) {
		int slot = (int)draw(CAPACITY);
		struct session_handle handle;

		now.ns += draw(60) * NS_PER_MS;
		switch (draw(5)) {
		case 0:
		case 1:
			insert(&table, &model, now);
			break;
		case 2:
			if (!model.entries[slot].used)
				break;
			handle = table_handle(&table, model.entries[slot].index);
			assert_int_equal(table_resolve(&table, handle), handle.index);
			table_unlink(&table, handle.index);
			table_release(&table, handle.index);
			assert_int_equal(table_resolve(&table, handle), SESSION_NONE);
			model.entries[slot].used = false;
			model.count--;
			break;
		case 3:
			if (!model.entries[slot].used)
				break;
			model.entries[slot].timeout = (uint8_t)draw(TIMEOUT_COUNT);
			model.entries[slot].refreshed = table_ticks(&table, now);
			table_refresh(&table, model.entries[slot].index, model.entries[slot].timeout, now);
			break;
		default:
			look(&table, &model);
		}
		if (step % 1000 == 0)
			check_whole(&table, &model);
	}
	check_whole(&table, &model);
	table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table_against_model) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
