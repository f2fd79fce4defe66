/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What leaves behind one address and may be fragmented is told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "conntrack/checksum.h"
#include "conntrack/identification.h"

static struct identifications identifications;
static uint8_t bytes[2048];

/* A UDP packet of 28 bytes from 198.51.100.1 to 203.0.113.@to. */
static struct packet packet_to(uint8_t to, uint16_t id, uint8_t flags)
{
	static const uint8_t header[20] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, 1, 203, 0, 113 };
	struct packet packet;
	uint16_t checksum;

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, header, sizeof(header));
	bytes[4] = (uint8_t)(id >> 8);
	bytes[5] = (uint8_t)id;
	bytes[6] = flags;
	bytes[19] = to;
	bytes[21] = bytes[23] = 53;
	bytes[25] = 8;
	checksum = checksum_finish(checksum_add(0, bytes, 20));
	checksum_store16(bytes + 10, checksum);
	assert_int_equal(packet_parse(&packet, bytes, 28), REASON_NONE);
	return packet;
}

static uint16_t number(void)
{
	return (uint16_t)(bytes[4] << 8 | bytes[5]);
}

static int begin(void **state)
{
	(void)state;
	identifications_init(&identifications, (const uint64_t[]){ 3, 4 });
	return 0;
}

/* Two hosts inside that use one number after another's: no number comes twice to one destination. */
static void RFC6864_RFC7857_10_no_number_twice(void **state)
{
	static bool seen[3][65536];

	(void)state;
	for (unsigned int i = 0; i < 65536; i++) {
		struct packet packet = packet_to((uint8_t)(i % 3), (uint16_t)(i / 2), 0);

		assert_true(identification_renew(&identifications, &packet));
		assert_false(seen[i % 3][number()]);
		seen[i % 3][number()] = true;
		/* The header's checksum is right. */
		assert_int_equal(packet_parse(&packet, bytes, 28), REASON_NONE);
	}
}

static void destinations_do_not_tell_of_each_other(void **state)
{
	uint16_t first;
	struct packet packet = packet_to(1, 0, 0);

	(void)state;
	(void)identification_renew(&identifications, &packet);
	first = number();
	for (unsigned int i = 0; i < 100; i++) {
		packet = packet_to(2, 0, 0);
		(void)identification_renew(&identifications, &packet);
	}
	packet = packet_to(1, 0, 0);
	(void)identification_renew(&identifications, &packet);
	assert_int_equal(number(), (uint16_t)(first + 1));
}

/* DF set, or a fragment already: the number stays. */
static void others_keep_their_number(void **state)
{
	struct packet packet = packet_to(1, 77, 0x40);

	(void)state;
	assert_false(identification_renew(&identifications, &packet));
	assert_int_equal(number(), 77);
	packet = packet_to(1, 78, 0x20);
	assert_false(identification_renew(&identifications, &packet));
	assert_int_equal(number(), 78);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(RFC6864_RFC7857_10_no_number_twice, begin),
		cmocka_unit_test_setup(destinations_do_not_tell_of_each_other, begin),
		cmocka_unit_test_setup(others_keep_their_number, begin),
	};

	return cmocka_run_group_tests_name("identification", tests, NULL, NULL);
}
