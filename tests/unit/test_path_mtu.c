/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Learned path MTUs and black holes against naive models: lists that are searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/black_holes.h"
#include "conntrack/path_mtu.h"
#include "tests/model/wire_model.h"

#define CAPACITY 32
#define ADDRESSES 96

static const uint64_t key[2] = { 7, 9 };
static uint64_t seed;

/* An address of few, of both families; some share a /64. */
static struct address some_address(uint32_t number)
{
	uint8_t v4[4] = { 192, 0, 2, (uint8_t)number }, v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	if (number % 3 == 0)
		return address_from_ipv4(v4);
	v6[7] = (uint8_t)(number % 5);
	v6[15] = (uint8_t)number;
	return address_from_ipv6(v6);
}

struct entry {
	uint16_t mtu;
	struct mono learned;
	uint64_t order; /* of the last change; 0: none */
};

static bool is_young(const struct entry *entry, struct mono now)
{
	return entry->order && mono_ms_between(entry->learned, now) < PATH_MTU_AGE_MS;
}

/* The model learns: when all places are taken, the one that was learned first goes. */
static bool model_learn(struct entry *model, uint32_t number, uint16_t mtu, struct mono now, uint64_t order)
{
	struct entry *entry = &model[number], *oldest = NULL;
	size_t used = 0;

	if (is_young(entry, now) && mtu > entry->mtu)
		return false;
	for (size_t i = 0; i < ADDRESSES; i++) {
		used += model[i].order != 0;
		if (model[i].order && (!oldest || model[i].order < oldest->order))
			oldest = &model[i];
	}
	if (!entry->order && used == CAPACITY)
		oldest->order = 0;
	else if (is_young(entry, now) && mtu == entry->mtu) {
		*entry = (struct entry){ mtu, now, order };
		return false;
	}
	*entry = (struct entry){ mtu, now, order };
	return true;
}

static void compare_all(const struct path_mtus *mtus, const struct entry *model, struct mono now)
{
	uint32_t young = 0;

	for (uint32_t i = 0; i < ADDRESSES; i++) {
		struct address address = some_address(i);

		young += is_young(&model[i], now);
		assert_int_equal(path_mtus_lookup(mtus, &address, now), is_young(&model[i], now) ? model[i].mtu : 0);
	}
	assert_int_equal(path_mtus_count(mtus, now), young);
	assert_true(young <= CAPACITY);
}

static void learned_like_the_model(void **unused)
{
	struct path_mtus *mtus = path_mtus_create(CAPACITY, key);
	struct entry model[ADDRESSES] = { { 0 } };
	struct mono now = mono_from_ms(1000);
	uint64_t state = seed;

	(void)unused;
	assert_non_null(mtus);
	for (uint64_t round = 1; round < 20000; round++) {
		uint32_t number = wire_below(&state, ADDRESSES);
		struct address address = some_address(number);
		uint16_t mtu = (uint16_t)(552 + wire_below(&state, 8) * 100);

		assert_int_equal(path_mtus_learn(mtus, &address, mtu, now),
				 model_learn(model, number, mtu, now, round));
		now.ns += wire_below(&state, 30000) * NS_PER_MS;
		if (round % 50 == 0)
			compare_all(mtus, model, now);
	}
	path_mtus_destroy(mtus);
}

static void network_has_the_lowest(void **unused)
{
	struct path_mtus *mtus = path_mtus_create(CAPACITY, key);
	struct mono now = mono_from_ms(1000);
	struct address one = some_address(1), other = some_address(11), far = some_address(2);

	(void)unused;
	path_mtus_learn(mtus, &one, 1400, now);
	path_mtus_learn(mtus, &other, 1300, now);
	assert_int_equal(path_mtus_lookup_network(mtus, &one, now), 1300);
	assert_int_equal(path_mtus_lookup(mtus, &one, now), 1400);
	assert_int_equal(path_mtus_lookup_network(mtus, &far, now), 0);
	path_mtus_destroy(mtus);
}

/* Random records come and go; all that are there are found, listed once, and never more than there is room for. */
static void black_holes_like_the_model(void **unused)
{
	static struct black_holes holes;
	bool model[2 * BLACK_HOLES_LIMIT] = { false };
	struct mono now = mono_from_ms(1000);
	uint64_t state = seed + 1, overlooked = 0;
	uint32_t count = 0;

	(void)unused;
	black_holes_init(&holes, key);
	for (int round = 0; round < 40000; round++) {
		uint32_t number = wire_below(&state, 2 * BLACK_HOLES_LIMIT), position = 0, listed = 0;
		uint8_t bytes[4] = { 198, 18, (uint8_t)(number >> 8), (uint8_t)number };
		struct address address = address_from_ipv4(bytes);
		struct black_hole *hole = black_holes_lookup(&holes, &address);

		assert_int_equal(hole != NULL, model[number]);
		if (hole && wire_below(&state, 3) == 0) {
			black_holes_close(&holes, hole);
			model[number] = false;
			count--;
		} else if (!hole) {
			hole = black_holes_open(&holes, &address, now);
			assert_int_equal(hole == NULL, count == BLACK_HOLES_LIMIT);
			overlooked += hole == NULL;
			model[number] = hole != NULL;
			count += hole != NULL;
		}
		if (round % 100)
			continue;
		while (black_holes_next(&holes, &position))
			listed++;
		assert_int_equal(listed, count);
	}
	assert_int_equal(holes.overlooked, overlooked);
	assert_true(overlooked > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learned_like_the_model),
		cmocka_unit_test(network_has_the_lowest),
		cmocka_unit_test(black_holes_like_the_model),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
