/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/witness.h"

#include <stdlib.h>

#include "conntrack/engine_private.h"
#include "conntrack/hash.h"
#include "conntrack/locality.h"

/* ------------------------------------------------------------------- tables */

static uint32_t size_within(uint32_t wanted, uint32_t least, uint32_t most)
{
	uint32_t size = least;

	while (size < wanted && size < most)
		size <<= 1;
	return size;
}

struct witness *witness_create(uint32_t capacity, const uint64_t key[2])
{
	struct witness *witness = calloc(1, sizeof(*witness));

	if (!witness)
		return NULL;
	witness->key[0] = key[0];
	witness->key[1] = key[1];
	if (statistics_init(&witness->sources, size_within(capacity / 128, 256, 2048), key) < 0 ||
	    statistics_init(&witness->services, size_within(capacity / 64, 256, 4096), key) < 0 ||
	    pending_init(&witness->pending, size_within(capacity / 8, 1024, 16384)) < 0 ||
	    expired_init(&witness->expired, size_within(capacity / 64, 256, 4096), key) < 0) {
		witness_destroy(witness);
		return NULL;
	}
	return witness;
}

void witness_destroy(struct witness *witness)
{
	if (!witness)
		return;
	statistics_fini(&witness->sources);
	statistics_fini(&witness->services);
	pending_fini(&witness->pending);
	expired_fini(&witness->expired);
	free(witness);
}

/* ------------------------------------------------------------------ parties */

struct witness_parties witness_parties_of(const struct address *source, const struct endpoint *destination,
					  uint8_t protocol)
{
	struct witness_parties parties = { .source = *source, .service = *destination, .protocol = protocol };

	/* A query has an identifier where others have ports: it is the address that is asked. */
	if (protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6)
		return witness_whole(&parties);
	if (protocol == PROTOCOL_GRE) /* what is there tells tunnels apart, not services */
		parties.service.port = (struct be16){ 0 };
	return parties;
}

struct witness_parties witness_parties_of_session(const struct engine *engine, uint32_t index)
{
	const struct session *session = table_session(&engine->table, index);
	struct tuple original = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);
	struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);

	return witness_parties_of(&original.source.address, &reply.source, original.protocol);
}

struct witness_parties witness_whole(const struct witness_parties *parties)
{
	return (struct witness_parties){ .source = parties->source,
					 .service = { .address = parties->service.address } };
}

struct statistics_entry *witness_source(struct engine *engine, struct witness_parties *parties)
{
	struct endpoint who = { .address = tally_key(&parties->source) };

	if (!parties->of_source)
		parties->of_source = statistics_open(&engine->witness->sources, &who, 0, engine->now);
	return parties->of_source;
}

struct statistics_entry *witness_service(struct engine *engine, struct witness_parties *parties)
{
	if (!parties->of_service)
		parties->of_service =
		    statistics_open(&engine->witness->services, &parties->service, parties->protocol, engine->now);
	return parties->of_service;
}

struct statistics_entry *witness_count(struct engine *engine, struct witness_parties *parties, enum statistic statistic)
{
	struct statistics_entry *service = witness_service(engine, parties);

	statistics_count(witness_source(engine, parties), statistic, engine->now);
	statistics_count(service, statistic, engine->now);
	return service;
}

struct statistics_entry *witness_blame(struct engine *engine, struct witness_parties *parties, enum statistic statistic)
{
	struct statistics_entry *service = witness_service(engine, parties), *source = witness_source(engine, parties);

	/* Counting first: it clears peers of a window that is over. */
	statistics_count(source, statistic, engine->now);
	statistics_count(service, statistic, engine->now);
	statistics_note_peer(source, &parties->service.address, parties->service.port.raw);
	statistics_note_peer(service, &parties->source, 0);
	return service;
}

void witness_take_back(struct engine *engine, struct witness_parties *parties, enum statistic statistic)
{
	statistics_take_back(witness_source(engine, parties), statistic, engine->now);
	statistics_take_back(witness_service(engine, parties), statistic, engine->now);
}

static uint32_t failure_tag(const struct witness *witness, const struct tuple *tuple, enum statistic statistic,
			    struct mono now)
{
	uint32_t window = (uint32_t)(now.ns / NS_PER_S / STATISTICS_WINDOW_S);

	return (hash_tuple(witness->key, tuple) ^ (window * 32 + (uint32_t)statistic) * UINT32_C(0x9e3779b1)) | 1;
}

bool witness_was_seen(const struct witness *witness, const struct tuple *tuple, enum statistic statistic,
		      struct mono now)
{
	uint32_t tag = failure_tag(witness, tuple, statistic, now);

	return witness->seen[tag >> 1 & (WITNESS_SEEN - 1)] == tag;
}

bool witness_is_new(struct witness *witness, const struct tuple *tuple, enum statistic statistic, struct mono now)
{
	uint32_t tag = failure_tag(witness, tuple, statistic, now);
	uint32_t *place = &witness->seen[tag >> 1 & (WITNESS_SEEN - 1)];
	bool new = *place != tag;

	*place = tag;
	return new;
}

bool witness_is_outside(const struct witness *witness, uint32_t interface)
{
	for (unsigned int i = 0; i < witness->outside_count; i++)
		if (witness->outside[i] == interface)
			return true;
	return false;
}

bool witness_is_many(const struct engine *engine, const struct address *address)
{
	enum address_type type = locality_of(&engine->link_table, address, NULL);

	return type == ADDRESS_TYPE_BROADCAST || type == ADDRESS_TYPE_MULTICAST;
}
