/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/hash.h"
#include "tests/model/ports_model.h"
#include "tests/model/wire_model.h"

#define STEPS 1000000

static uint64_t seed;
static struct ports ports;
static struct ports_model model;

static struct ports_wish any_of(uint16_t first, uint16_t last, uint64_t *state)
{
	return (struct ports_wish){ .first = first, .last = last, .random = (uint32_t)wire_random(state) };
}

static void fresh(void)
{
	ports_init(&ports);
	memset(&model, 0, sizeof(model));
}

static void note_taken(int32_t port)
{
	if (port != PORT_NONE)
		model.used[port] = true;
}

/* Answers of an implementation that is not ours. */
static void hash_known_answers(void **unused)
{
	static const uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
	static const uint64_t zero[2];
	uint8_t bytes[sizeof(struct tuple)];
	struct tuple tuple;

	(void)unused;
	/* CPython's hash(b"abcdefgh") and hash(b"sluice") with PYTHONHASHSEED=0. */
	assert_true(hash_bytes(zero, "abcdefgh", 8) == UINT64_C(0x3f7b849c0b8e35ea));
	assert_true(hash_bytes(zero, "sluice", 6) == UINT64_C(0x2c727ddecca19ec3));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	memcpy(&tuple, bytes, sizeof(tuple));
	assert_int_equal(hash_tuple(key, &tuple), (uint32_t)hash_bytes(key, bytes, sizeof(bytes)));
}

/* Every port of a range comes out once, then none. */
static void drain(uint16_t first, uint16_t last)
{
	static bool seen[PORTS_COUNT];
	uint64_t state = seed;

	memset(seen, 0, sizeof(seen));
	for (uint32_t i = first; i <= last; i++) {
		struct ports_wish wish = any_of(first, last, &state);
		int32_t port;

		wish.port = (uint16_t)wire_random(&state);
		wish.preserve = wire_random(&state) & 1;
		wish.parity = wire_random(&state) & 1;
		wish.well_known = wire_random(&state) & 1;
		port = ports_take(&ports, &wish);
		assert_in_range(port, first, last);
		assert_false(seen[port]);
		seen[port] = true;
	}
	for (int i = 0; i < 10; i++) {
		struct ports_wish wish = any_of(first, last, &state);

		assert_int_equal(ports_take(&ports, &wish), PORT_NONE);
	}
}

static void every_port_of_a_range_is_found(void **unused)
{
	static const uint16_t ranges[][2] = { { 0, 65535 },	{ 1024, 65535 }, { 1, 1 },	 { 0, 0 },
					      { 65535, 65535 }, { 63, 65 },	 { 1000, 1100 }, { 10000, 19999 },
					      { 127, 128 },	{ 4095, 4096 },	 { 1, 65534 } };

	(void)unused;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		fresh();
		drain(ranges[i][0], ranges[i][1]);
		assert_int_equal(ports.used, ranges[i][1] - ranges[i][0] + 1);
	}
}

static void one_random_step(uint64_t *state)
{
	uint16_t a = (uint16_t)wire_random(state), b = (uint16_t)wire_random(state),
		 port = (uint16_t)wire_random(state);
	uint16_t near = (uint16_t)(a + wire_below(state, 200));
	uint32_t kind = wire_below(state, 100);
	struct ports_wish wish;
	int32_t taken;

	if (wire_below(state, 2) && near >= a)
		b = near;
	if (kind < 55) {
		wish = any_of(a < b ? a : b, a < b ? b : a, state);
		wish.port = wire_below(state, 4) ? port : (uint16_t)wire_below(state, PORTS_WELL_KNOWN);
		wish.preserve = wire_below(state, 3) == 0;
		wish.parity = wire_random(state) & 1;
		wish.well_known = wire_random(state) & 1;
		taken = ports_take(&ports, &wish);
		assert_true(ports_model_allows(&model, &wish, taken));
		note_taken(taken);
	} else if (kind < 60) {
		assert_int_equal(ports_occupy(&ports, port), !model.used[port]);
		model.used[port] = true;
	} else if (kind < 90) {
		ports_release(&ports, port);
		model.used[port] = model.held[port] = false;
	} else if (kind < 94) {
		ports_hold(&ports, port);
		model.held[port] = model.used[port];
	} else if (kind < 98) {
		ports_unhold(&ports, port);
		model.held[port] = false;
	} else if (near >= a) {
		bool reserve = wire_random(state) & 1;

		(reserve ? ports_reserve : ports_unreserve)(&ports, a, near);
		for (uint32_t i = a; i <= near; i++)
			model.reserved[i] = reserve;
	}
}

/* The model walks 65,536 ports for some answers, so the range questions are asked seldom. */
static void model_agrees_over_random_operations(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	fresh();
	for (uint32_t i = 0; i < STEPS; i++) {
		one_random_step(&state);
		if (i % 1000 == 0) {
			uint16_t a = (uint16_t)wire_random(&state), b = (uint16_t)wire_random(&state);
			uint16_t first = a < b ? a : b, last = a < b ? b : a;

			assert_int_equal(ports_free(&ports, first, last), ports_model_count_free(&model, first, last));
			assert_int_equal(ports_span(&ports, first, last), ports_model_span(&model, first, last));
			assert_int_equal(ports_any_held(&ports, first, last),
					 ports_model_any_held(&model, first, last));
		}
		if (i % 20000 == 0)
			assert_true(ports_model_agrees(&model, &ports));
	}
	assert_true(ports_model_agrees(&model, &ports));
}

/* At the edge, where a scan would be slow and a probe would give up: one free port among 64,512. */
static void RFC6056_the_last_free_port_is_found(void **unused)
{
	uint64_t state = seed;
	struct ports_wish wish;

	(void)unused;
	fresh();
	drain(1024, 65535);
	for (int i = 0; i < 100000; i++) {
		uint16_t port = (uint16_t)(1024 + wire_below(&state, 64512));

		ports_release(&ports, port);
		wish = any_of(1024, 65535, &state);
		assert_int_equal(ports_take(&ports, &wish), port);
	}
}

/* Each free port equally likely, also those behind long runs of used ones: chi-squared with 99 degrees. */
static void RFC6056_the_choice_is_uniform(void **unused)
{
	enum { PLACES = 100, DRAWS = 200000 };
	uint32_t drawn[PORTS_COUNT] = { 0 };
	uint64_t state = seed;
	double sum = 0;

	(void)unused;
	fresh();
	drain(0, 65535);
	for (uint32_t i = 0; i < PLACES; i++)
		ports_release(&ports, (uint16_t)(30000 + i * i * 3));
	for (int i = 0; i < DRAWS; i++) {
		struct ports_wish wish = any_of(0, 65535, &state);
		int32_t port = ports_take(&ports, &wish);

		assert_true(port >= 0);
		drawn[port]++;
		ports_release(&ports, (uint16_t)port);
	}
	for (uint32_t i = 0; i < PLACES; i++) {
		double expected = (double)DRAWS / PLACES, off = drawn[30000 + i * i * 3] - expected;

		sum += off * off / expected;
	}
	/* 99 degrees of freedom: 175 is passed once in a few hundred thousand runs. */
	assert_true(sum < 175);
}

static void RFC4787_REQ_4_parity_is_kept(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	fresh();
	for (uint32_t i = 0; i < 32256; i++) {
		struct ports_wish wish = any_of(1024, 65535, &state);

		wish.parity = true;
		wish.port = 40001;
		assert_int_equal(ports_take(&ports, &wish) % 2, 1);
	}
	for (uint32_t i = 0; i < 32256; i++) {
		struct ports_wish wish = any_of(1024, 65535, &state);

		wish.parity = true;
		wish.port = 40001;
		assert_int_equal(ports_take(&ports, &wish) % 2, 0);
	}
}

static void RFC4787_REQ_3a_well_known_ports_keep_to_themselves(void **unused)
{
	uint64_t state = seed;
	struct ports_wish wish;

	(void)unused;
	fresh();
	for (uint32_t i = 0; i < 1023; i++) {
		wish = any_of(1, 65535, &state);
		wish.well_known = true;
		wish.port = 500;
		assert_in_range(ports_take(&ports, &wish), 1, 1023);
		wish = any_of(1, 65535, &state);
		wish.well_known = true;
		wish.port = 5000;
		assert_in_range(ports_take(&ports, &wish), 1024, 65535);
	}
	/* None left below: above is better than nothing. */
	wish = any_of(1, 65535, &state);
	wish.well_known = true;
	wish.port = 500;
	assert_in_range(ports_take(&ports, &wish), 1024, 65535);
}

static void reserved_ports_are_never_handed_out(void **unused)
{
	uint64_t state = seed;

	(void)unused;
	fresh();
	ports_reserve(&ports, 8000, 8999);
	ports_reserve(&ports, 8080, 8080);
	for (uint32_t i = 0; i < 64512 - 1000; i++) {
		struct ports_wish wish = any_of(1024, 65535, &state);
		int32_t port;

		wish.preserve = true;
		wish.port = 8080;
		port = ports_take(&ports, &wish);
		assert_true(port >= 1024 && (port < 8000 || port > 8999));
	}
	assert_int_equal(ports_free(&ports, 1024, 65535), 0);
	/* Who has the port by right may have it, and it stays reserved afterwards. */
	assert_true(ports_occupy(&ports, 8080));
	assert_false(ports_occupy(&ports, 8080));
	ports_release(&ports, 8080);
	assert_int_equal(ports_free(&ports, 1024, 65535), 0);
	ports_unreserve(&ports, 8000, 8999);
	assert_int_equal(ports_free(&ports, 1024, 65535), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_known_answers),
		cmocka_unit_test(every_port_of_a_range_is_found),
		cmocka_unit_test(model_agrees_over_random_operations),
		cmocka_unit_test(RFC6056_the_last_free_port_is_found),
		cmocka_unit_test(RFC6056_the_choice_is_uniform),
		cmocka_unit_test(RFC4787_REQ_4_parity_is_kept),
		cmocka_unit_test(RFC4787_REQ_3a_well_known_ports_keep_to_themselves),
		cmocka_unit_test(reserved_ports_are_never_handed_out),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
