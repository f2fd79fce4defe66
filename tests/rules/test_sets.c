/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets against a naive model: a list that is searched from its start. Random elements
 * and keys from small spaces, so that hits, overlaps and collisions are common.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rules/set.h"
#include "tests/model/wire_model.h"

#define ROUNDS 300
#define ITEMS 200

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
	return wire_below(&random_state, limit);
}

struct element {
	uint8_t first[12], last[12], data[4];
	uint64_t timeout_ms;
};

struct model {
	struct element list[ITEMS];
	uint32_t count;
	unsigned int parts, sizes[3], size;
};

static bool model_holds(const struct model *model, const struct element *element, const uint8_t *key)
{
	unsigned int offset = 0;

	for (unsigned int part = 0; part < model->parts; part++) {
		if (memcmp(key + offset, element->first + offset, model->sizes[part]) < 0 ||
		    memcmp(key + offset, element->last + offset, model->sizes[part]) > 0)
			return false;
		offset += model->sizes[part];
	}
	return true;
}

static const struct element *model_lookup(const struct model *model, const uint8_t *key, uint64_t now_ms)
{
	for (uint32_t i = 0; i < model->count; i++) {
		const struct element *element = &model->list[i];

		if (model_holds(model, element, key) && (!element->timeout_ms || element->timeout_ms > now_ms))
			return element;
	}
	return NULL;
}

/* Values from a small space, spread over the bytes so that prefixes of any length occur. */
static void random_part(uint8_t *at, unsigned int size)
{
	memset(at, 0, size);
	at[0] = (uint8_t)(random_below(4) << 6);
	at[size - 1] |= (uint8_t)random_below(24);
}

static void random_key(const struct model *model, uint8_t *key)
{
	unsigned int offset = 0;

	for (unsigned int part = 0; part < model->parts; part++) {
		random_part(key + offset, model->sizes[part]);
		offset += model->sizes[part];
	}
}

static void random_element(const struct model *model, struct element *element, bool ranges)
{
	unsigned int offset = 0;

	memset(element, 0, sizeof(*element));
	for (unsigned int part = 0; part < model->parts; part++) {
		unsigned int size = model->sizes[part];

		random_part(element->first + offset, size);
		memcpy(element->last + offset, element->first + offset, size);
		if (ranges && random_below(2))
			random_part(element->last + offset, size);
		if (memcmp(element->first + offset, element->last + offset, size) > 0) {
			uint8_t swap[12];

			memcpy(swap, element->first + offset, size);
			memcpy(element->first + offset, element->last + offset, size);
			memcpy(element->last + offset, swap, size);
		}
		offset += size;
	}
	for (int i = 0; i < 4; i++)
		element->data[i] = (uint8_t)random_below(256);
}

struct round {
	struct arena arena;
	struct model model;
	struct set set;
	struct set_declaration declaration;
};

static void build(struct round *round, bool ranges, bool disjoint, bool timeouts)
{
	struct model *model = &round->model;
	struct set_item *items = arena_array(&round->arena, ITEMS, sizeof(*items));
	struct set_conflict overlap = { 0 };
	uint32_t wanted = random_below(ITEMS);

	for (unsigned int part = 0; part < model->parts; part++)
		model->size += model->sizes[part];
	while (model->count < wanted) {
		struct element *element = &model->list[model->count];
		bool hits = false;

		random_element(model, element, ranges);
		for (uint32_t i = 0; disjoint && i < model->count; i++)
			hits = hits || (memcmp(element->first, model->list[i].last, model->size) <= 0 &&
					memcmp(element->last, model->list[i].first, model->size) >= 0);
		if (hits && random_below(50))
			continue;
		if (hits)
			break;
		element->timeout_ms = timeouts && random_below(2) ? 1000 + random_below(5000) : 0;
		items[model->count] = (struct set_item){ .first = element->first,
							 .last = element->last,
							 .data = element->data,
							 .timeout_ms = element->timeout_ms };
		model->count++;
	}
	round->set = (struct set){
		.declaration = &round->declaration, .key_size = model->size, .data_size = 4, .part_count = model->parts
	};
	memcpy(round->set.part_sizes, model->sizes, sizeof(model->sizes));
	assert_true(set_build(&round->set, &round->arena, items, model->count, &overlap));
	set_reseed(&round->set, random_state);
	set_start(&round->set, (struct mono){ 0 });
}

static void compare(struct round *round, bool data)
{
	for (int i = 0; i < 500; i++) {
		uint8_t key[12];
		uint64_t now_ms = random_below(7000);
		const struct element *expected;
		uint32_t element;

		random_key(&round->model, key);
		expected = model_lookup(&round->model, key, now_ms);
		element = set_lookup(&round->set, key, mono_from_ms(now_ms));
		assert_int_equal(element != SET_NONE, expected != NULL);
		if (expected && data)
			assert_memory_equal(round->set.data + (size_t)element * 4, expected->data, 4);
	}
}

/* A function of its own: nothing local may change between setjmp and longjmp. */
static void run_round(unsigned int parts, bool ranges, bool disjoint, bool timeouts)
{
	struct round *round = calloc(1, sizeof(*round));

	round->model.parts = parts;
	round->model.sizes[0] = random_below(2) ? 4 : 2;
	round->model.sizes[1] = 2;
	round->model.sizes[2] = 1;
	if (setjmp(round->arena.on_failure) == 0) {
		build(round, ranges, disjoint, timeouts);
		compare(round, disjoint || round->set.shape != SET_INTERVALS);
	} else {
		fail_msg("no memory");
	}
	arena_fini(&round->arena);
	free(round);
}

static void run_rounds(int rounds, unsigned int parts, bool ranges, bool disjoint, bool timeouts)
{
	while (rounds-- > 0)
		run_round(parts, ranges, disjoint, timeouts);
}

static void test_points(void **state)
{
	(void)state;
	run_rounds(ROUNDS, 1, false, true, true);
	run_rounds(ROUNDS, 3, false, true, true);
}

static void test_intervals(void **state)
{
	(void)state;
	run_rounds(ROUNDS, 1, true, true, true);
	/* Overlaps merge: what they hold together is held. */
	run_rounds(ROUNDS, 1, true, false, false);
}

static void test_joined_intervals(void **state)
{
	(void)state;
	run_rounds(ROUNDS / 10, 2, true, false, true);
	run_rounds(ROUNDS / 20, 3, true, false, false);
}

/* A dynamic set and a list with the same rules: capacity, add, update, remove, time. */
struct entry {
	uint16_t key;
	uint64_t expires_ms, timeout_ms;
	bool used;
};

#define CAPACITY 24

static struct entry *find_entry(struct entry *entries, uint16_t key, uint64_t now_ms)
{
	for (int i = 0; i < CAPACITY; i++) {
		if (entries[i].used && entries[i].key == key &&
		    (!entries[i].expires_ms || entries[i].expires_ms > now_ms))
			return &entries[i];
	}
	return NULL;
}

static bool model_insert(struct entry *entries, uint16_t key, uint64_t timeout_ms, bool refresh, uint64_t now_ms)
{
	struct entry *entry = find_entry(entries, key, now_ms);

	if (entry) {
		if (refresh && entry->timeout_ms)
			entry->expires_ms = now_ms + timeout_ms;
		return true;
	}
	for (int i = 0; i < CAPACITY && !entry; i++) {
		if (!entries[i].used || (entries[i].expires_ms && entries[i].expires_ms <= now_ms))
			entry = &entries[i];
	}
	if (!entry)
		return false;
	*entry = (struct entry){ key, now_ms + timeout_ms, timeout_ms, true };
	return true;
}

static void run_dynamic(struct set *set)
{
	struct entry entries[CAPACITY] = { 0 };
	uint64_t now_ms = 1;

	for (int step = 0; step < 50000; step++) {
		uint16_t key = (uint16_t)random_below(60);
		uint8_t bytes[2] = { (uint8_t)(key >> 8), (uint8_t)key };
		uint64_t timeout_ms = 1 + random_below(100);
		bool refresh = random_below(2);

		now_ms += random_below(4);
		switch (random_below(4)) {
		case 0:
			assert_int_equal(set_lookup(set, bytes, mono_from_ms(now_ms)) != SET_NONE,
					 find_entry(entries, key, now_ms) != NULL);
			break;
		case 1:
			if (find_entry(entries, key, now_ms))
				find_entry(entries, key, now_ms)->used = false;
			set_remove(set, bytes, mono_from_ms(now_ms));
			break;
		default:
			assert_int_equal(set_insert(set, bytes, NULL, timeout_ms, refresh, mono_from_ms(now_ms)) !=
					     SET_NONE,
					 model_insert(entries, key, timeout_ms, refresh, now_ms));
			break;
		}
	}
}

static void test_dynamic(void **state)
{
	struct round *round = calloc(1, sizeof(*round));
	struct set_conflict overlap = { 0 };

	(void)state;
	round->set = (struct set){ .declaration = &round->declaration,
				   .key_size = 2,
				   .part_count = 1,
				   .part_sizes = { 2 },
				   .dynamic = true,
				   .capacity = CAPACITY };
	if (setjmp(round->arena.on_failure) == 0) {
		assert_true(set_build(&round->set, &round->arena, NULL, 0, &overlap));
		set_reseed(&round->set, random_state);
		run_dynamic(&round->set);
	}
	arena_fini(&round->arena);
	free(round);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_points),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_joined_intervals),
		cmocka_unit_test(test_dynamic),
	};

	random_state = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
