/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Martians: ranges against a walk over every network, with random interfaces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/martians.h"
#include "tests/model/wire_model.h"

#define LINKS 6
#define ADDRESSES 5

static uint64_t seed;

/* ------------------------------------------------------------- a naive answer */

static bool same_bits(const struct address *a, const struct address *b, unsigned int bits)
{
	for (unsigned int bit = 0; bit < bits; bit++)
		if ((a->bytes[bit / 8] ^ b->bytes[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

/* Does only another interface have the longest of the networks that hold the source? */
static bool naive_hold(const struct link_table *links, const struct link *iif, const struct address *source)
{
	unsigned int longest = 0;
	bool ours = false, one = true;
	uint32_t owner = 0;

	for (size_t i = 0; i < links->count; i++) {
		const struct link *link = &links->links[i];

		for (unsigned int j = 0; link->up && !link->loopback && j < link->address_count; j++) {
			const struct link_address *own = &link->addresses[j];
			const struct address *network = address_is_unspecified(&own->peer) ? &own->address : &own->peer;
			unsigned int bits = own->prefix_length + (address_is_ipv4(network) ? 96U : 0U);

			if (!own->global || !own->prefix_length || !same_bits(network, source, bits) || bits < longest)
				continue;
			if (bits > longest) {
				longest = bits;
				owner = link->index;
				one = true;
				ours = false;
			}
			one &= owner == link->index;
			ours |= link->index == iif->index;
		}
	}
	return longest && one && !ours && !iif->loopback;
}

/* ------------------------------------------------------------------- random */

/* Few bits differ, so that networks nest and meet; ends of the address space come up, too. */
static struct address random_address(uint64_t *state)
{
	uint8_t bytes[16] = { 0x20, 1, 0xd, 0xb8 };
	bool v4 = wire_below(state, 2);

	if (wire_below(state, 16) == 0)
		memset(bytes, wire_below(state, 2) ? 0xff : 0, sizeof(bytes));
	else if (v4)
		memcpy(bytes, (uint8_t[]){ 10, 0, (uint8_t)wire_below(state, 4), (uint8_t)wire_below(state, 256) }, 4);
	else
		bytes[15] = (uint8_t)wire_below(state, 256);
	return v4 ? address_from_ipv4(bytes) : address_from_ipv6(bytes);
}

static void random_links(struct link *links, uint64_t *state)
{
	memset(links, 0, LINKS * sizeof(*links));
	for (unsigned int i = 0; i < LINKS; i++) {
		struct link *link = &links[i];

		link->index = i + 1;
		link->up = wire_below(state, 8) != 0;
		link->loopback = i == 0;
		link->address_count = (uint16_t)wire_below(state, ADDRESSES + 1);
		for (unsigned int j = 0; j < link->address_count; j++) {
			struct link_address *own = &link->addresses[j];
			unsigned int most;

			own->address = random_address(state);
			own->global = wire_below(state, 8) != 0;
			most = address_is_ipv4(&own->address) ? 32 : 128;
			own->prefix_length = (uint8_t)(most - wire_below(state, wire_below(state, 4) ? 12 : most + 1));
			if (wire_below(state, 8) == 0)
				do
					own->peer = random_address(state);
				while (address_is_ipv4(&own->peer) != address_is_ipv4(&own->address));
		}
	}
}

static void as_the_naive_answer(void **unused)
{
	static struct link links[LINKS];
	struct link_table table = { LINKS, links };
	uint64_t state = seed;
	unsigned int held = 0;

	(void)unused;
	for (int round = 0; round < 2000; round++) {
		struct martians martians;

		random_links(links, &state);
		assert_int_equal(martians_init(&martians, &table), 0);
		for (int i = 0; i < 100; i++) {
			struct address source = random_address(&state);
			const struct link *iif = &links[wire_below(&state, LINKS)];
			bool hold = martians_hold(&martians, iif, &source);

			assert_int_equal(hold, naive_hold(&table, iif, &source));
			held += hold;
		}
		martians_fini(&martians);
	}
	assert_true(held > 1000);
}

/* -------------------------------------------------------------------- by hand */

static struct link named(uint32_t index, const char *address, uint8_t length)
{
	struct link link = { .index = index, .up = true, .address_count = 1 };

	link.addresses[0] = (struct link_address){ .address = wire_address(address), .prefix_length = length };
	link.addresses[0].global = link.addresses[0].usable = true;
	return link;
}

static bool hold(const struct link_table *table, unsigned int iif, const char *source)
{
	struct address address = wire_address(source);
	struct martians martians;
	bool result;

	assert_int_equal(martians_init(&martians, table), 0);
	result = martians_hold(&martians, &table->links[iif], &address);
	martians_fini(&martians);
	return result;
}

static void second_names(void **unused)
{
	/* VRRP: packets to the virtual router come in by a macvlan that has only its address. */
	struct link links[] = { named(2, "10.0.0.2", 24), named(3, "10.0.0.1", 32), named(4, "198.51.100.1", 24) };
	struct link_table table = { 3, links };

	(void)unused;
	assert_true(hold(&table, 1, "10.0.0.9"));
	links[1].alias = true;
	assert_false(hold(&table, 1, "10.0.0.9"));
	/* With a network of its own it is an interface like any other. */
	links[1].addresses[0] = named(3, "203.0.113.1", 24).addresses[0];
	assert_true(hold(&table, 1, "10.0.0.9"));
}

static void nested_and_shared(void **unused)
{
	struct link links[] = { named(2, "10.0.5.1", 24), named(3, "10.0.0.1", 8), named(4, "10.0.5.2", 24) };
	struct link_table table = { 2, links };

	(void)unused;
	assert_true(hold(&table, 1, "10.0.5.77"));
	assert_false(hold(&table, 0, "10.0.5.77"));
	assert_true(hold(&table, 0, "10.0.6.77"));
	assert_false(hold(&table, 0, "203.0.113.1"));
	assert_false(hold(&table, 1, "203.0.113.1"));
	table.count = 3;
	assert_false(hold(&table, 1, "10.0.5.77"));
	assert_false(hold(&table, 2, "10.0.5.77"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_naive_answer),
		cmocka_unit_test(second_names),
		cmocka_unit_test(nested_and_shared),
	};

	seed = wire_seed();
	return cmocka_run_group_tests_name("martians", tests, NULL, NULL);
}
