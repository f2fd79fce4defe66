/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/checksum.h"
#include "tests/model/wire_model.h"

static uint64_t seed;

static uint16_t swapped(uint16_t word)
{
	return __builtin_bswap16(word);
}

/* Every length around the block sizes, every alignment, zeros and ones included. */
static void sum_equals_byte_by_byte(void **unused)
{
	static uint8_t bytes[70000];
	uint64_t state = seed;

	(void)unused;
	for (int fill = 0; fill < 3; fill++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = fill == 0 ? 0xff : fill == 1 ? 0 : (uint8_t)wire_random(&state);
		for (size_t length = 0; length < 300; length++)
			for (size_t start = 0; start < 9; start++)
				assert_int_equal(swapped(checksum_fold(checksum_add(0, bytes + start, length))),
						 wire_sum(0, bytes + start, length));
		for (size_t length = 65500; length < 65600; length++)
			assert_int_equal(swapped(checksum_fold(checksum_add(0, bytes + length % 8, length))),
					 wire_sum(0, bytes + length % 8, length));
	}
}

/* 64-bit carries: words of all ones, each of which overflows. */
static void sum_keeps_every_carry(void **unused)
{
	static uint64_t words[8192];

	(void)unused;
	memset(words, 0xff, sizeof(words));
	for (int i = 0; i < 8192; i += 3)
		words[i] = 1;
	for (size_t length = 0; length <= sizeof(words); length += 61)
		assert_int_equal(swapped(checksum_fold(checksum_add(0, words, length))),
				 wire_sum(0, (uint8_t *)words, length));
}

static void fold_of_extremes(void **unused)
{
	(void)unused;
	assert_int_equal(checksum_fold(0), 0);
	assert_int_equal(checksum_fold(1), 1);
	assert_int_equal(checksum_fold(0xffff), 0xffff);
	assert_int_equal(checksum_fold(0x10000), 1);
	assert_int_equal(checksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(checksum_fold(UINT64_MAX - 1), 0xfffe);
	assert_int_equal(checksum_fold(UINT64_C(0xffff0000)), 0xffff);
}

static void delta_equals_recomputation(void **unused)
{
	uint8_t bytes[64];
	uint64_t state = seed;

	(void)unused;
	for (int round = 0; round < 300000; round++) {
		size_t length = 8 + wire_below(&state, 56), at = 2 + wire_below(&state, (uint32_t)length - 7);
		uint8_t fill = (uint8_t)(0 - wire_below(&state, 2)), after[4];
		bool wild = wire_below(&state, 4);
		uint64_t delta;

		for (size_t i = 0; i < length; i++)
			bytes[i] = wild ? (uint8_t)wire_random(&state) : fill;
		bytes[0] = bytes[1] = 0;
		bytes[length - 1] |= 1; /* all zeros is not a packet */
		checksum_store16(bytes, swapped((uint16_t)~wire_sum(0, bytes, length)));
		for (int i = 0; i < 4; i++)
			after[i] =
			    wire_below(&state, 2) ? (uint8_t)wire_random(&state) : (uint8_t)(0 - wire_below(&state, 2));
		if (at + 4 > length - 1)
			at = 2;
		if (at % 2) {
			delta = checksum_delta16_odd((struct be16){ checksum_load16(bytes + at) },
						     (struct be16){ checksum_load16(after) });
			memcpy(bytes + at, after, 2);
		} else {
			delta = checksum_delta(bytes + at, after, 4);
			memcpy(bytes + at, after, 4);
		}
		checksum_update(bytes, delta);
		delta = checksum_load16(bytes);
		bytes[0] = bytes[1] = 0;
		assert_int_equal(swapped((uint16_t)delta), (uint16_t)~wire_sum(0, bytes, length));
	}
}

static void udp_zero_stays_and_none_appears(void **unused)
{
	uint8_t field[2] = { 0, 0 };

	(void)unused;
	checksum_update_udp(field, 0x1234);
	assert_int_equal(checksum_load16(field), 0);
	checksum_store16(field, 5); /* the sum was 0xfffa; plus 5 it is 0xffff, whose complement is 0 */
	checksum_update_udp(field, 5);
	assert_int_equal(checksum_load16(field), 0xffff);
	checksum_store16(field, 5);
	checksum_update(field, 5);
	assert_int_equal(checksum_load16(field), 0);
}

/* RFC 3720 appendix B.4 gives these for 32 bytes; here the field of 4 zero bytes at 8 is part of them. */
static void crc32c_known_answers(void **unused)
{
	uint8_t bytes[48] = { 0 };

	(void)unused;
	assert_int_equal(checksum_crc32c(bytes, 32), 0x8a9136aa);
	memset(bytes + 8, 0xee, 4);
	assert_int_equal(checksum_crc32c(bytes, 32), 0x8a9136aa);
}

static uint32_t bitwise_crc(const uint8_t *bytes, size_t length)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < length; i++) {
		crc ^= i >= 8 && i < 12 ? 0 : bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static void crc32c_equals_bit_by_bit(void **unused)
{
	uint8_t bytes[700];
	uint64_t state = seed;

	(void)unused;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)wire_random(&state);
	for (size_t length = 12; length < 600; length++)
		assert_int_equal(checksum_crc32c(bytes + length % 7, length), bitwise_crc(bytes + length % 7, length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_equals_byte_by_byte),
		cmocka_unit_test(sum_keeps_every_carry),
		cmocka_unit_test(fold_of_extremes),
		cmocka_unit_test(delta_equals_recomputation),
		cmocka_unit_test(udp_zero_stays_and_none_appears),
		cmocka_unit_test(crc32c_known_answers),
		cmocka_unit_test(crc32c_equals_bit_by_bit),
	};

	seed = wire_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
