/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/fastpath_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

void world_start(struct world *world, const char *rules, bool fastpath)
{
	char why[256];

	*world = (struct world){ .random = 1 };
	assert_true(gateway_add_link(&world->gateway, "lan=10.0.0.1/24"));
	assert_true(gateway_add_link(&world->gateway, "wan=198.51.100.1/24"));
	if (!gateway_start(&world->gateway, "test.conf", rules, why, sizeof(why)))
		fail_msg("%s", why);
	if (fastpath)
		fake_fastpath_attach(&world->fake, world->gateway.engine);
}

const char *world_wrong(const struct world *world)
{
	const struct engine *engine = world->gateway.engine;
	uint32_t lent = 0;

	for (uint32_t index = 0; index < engine->table.untouched; index++) {
		bool is_lent = table_session(&engine->table, index)->flags & SESSION_LENT;

		lent += is_lent;
		INVARIANT(is_lent == world->fake.installed[index],
			  "a session is lent that is not installed, or not so");
	}
	INVARIANT(lent == engine->lent, "more or fewer sessions are lent than the engine counts");
	return world->fake.failure ? world->fake.failure : invariants_check(engine);
}

void world_stop(struct world *world)
{
	const char *wrong = world_wrong(world);

	if (wrong)
		fail_msg("%s", wrong);
	gateway_stop(&world->gateway);
}

struct tuple world_flow(uint8_t protocol, const char *source, uint16_t sport, const char *destination, uint16_t dport)
{
	return (struct tuple){
		{ wire_address(source), be16_from_host(sport) },
		{ wire_address(destination), be16_from_host(dport) },
		protocol,
		0,
	};
}

static void put32(uint8_t *at, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

void world_make(struct wire *wire, const struct told *told, uint64_t *random)
{
	const struct wire_shape shape = { .tuple = told->tuple, .tcp_flags = told->flags, .payload = told->payload };

	wire_build(wire, &shape, random);
	wire->bytes[6] = 0x40; /* may not be fragmented: then it keeps its number */
	wire->bytes[8] = 64;
	if (told->tuple.protocol == PROTOCOL_TCP) {
		put32(wire->bytes + wire->l4 + 4, told->sequence);
		put32(wire->bytes + wire->l4 + 8, told->acknowledgement);
		memcpy(wire->bytes + wire->l4 + 14, "\x40\x00", 2);
	}
	wire_seal(wire);
}

struct tuple world_tuple(const struct wire *wire)
{
	static uint8_t copy[WIRE_SIZE];
	struct packet packet;

	memcpy(copy, wire->bytes, wire->length);
	assert_int_equal(packet_parse(&packet, copy, wire->length), REASON_NONE);
	return packet.tuple;
}

uint32_t world_sessions(const struct world *world)
{
	struct snapshot_status status;

	snapshot_status(world->gateway.engine, &status);
	return status.sessions.current;
}

void world_install(struct world *world)
{
	for (size_t i = 0; i < world->gateway.offer_count; i++)
		fake_fastpath_install(&world->fake, &world->gateway.offers[i]);
	world->gateway.offer_count = 0;
}
