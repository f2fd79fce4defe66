/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mappings, the sessions that hold them, the ports they own and the hosts they belong to. */
#include "tests/model/invariants.h"

#include "conntrack/mapping_private.h"

static bool is_live(const struct mappings *mappings, uint32_t index)
{
	return index < mappings->used && mappings->list[index].host != HOST_NONE;
}

static bool is_session(const struct engine *engine, uint32_t index)
{
	return engine->table.sessions[index].list != LIST_FREE;
}

/* --------------------------------------------------------------- sessions */

static const char *check_session(const struct engine *engine, const struct session *session)
{
	const struct mapping *mapping = &engine->mappings->list[session->mapping];
	const struct tuple original = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);
	const struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);
	const struct endpoint peer = table_peer(&engine->table, session);
	struct endpoint part = mapping_peer_part((enum behaviour)mapping->behaviour, &peer);
	struct endpoint internal, external, bound;

	INVARIANT(is_live(engine->mappings, session->mapping) && !mapping->held,
		  "a session holds a mapping that is gone or at rest");
	internal = mapping_internal(engine->mappings, session->mapping);
	INVARIANT(mapping->protocol == reply.protocol, "a session holds a mapping of another protocol");
	external = mapping_external(engine->mappings, session->mapping);
	bound = mapping_peer_of(engine->mappings, mapping);
	INVARIANT(endpoint_equal(&external, &reply.destination),
		  "a session's answers go to another endpoint than its mapping's");
	INVARIANT(address_equal(&internal.address, &original.source.address) &&
		      (!protocol_has_ports(mapping->protocol) || internal.port.raw == original.source.port.raw),
		  "a session holds the mapping of another inside endpoint");
	INVARIANT(endpoint_equal(&bound, &part), "a session holds a mapping bound to another peer");
	return NULL;
}

/* The mapping that a session entered by, beside its own. */
static uint32_t entered(const struct engine *engine, uint32_t index)
{
	const struct session *session = &engine->table.sessions[index];
	struct tuple original, reply;

	if (!is_session(engine, index) || !(session->flags & SESSION_ENTERED) || !(session->flags & SESSION_CONFIRMED))
		return MAPPING_NONE;
	original = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);
	reply = table_tuple(&engine->table, session, DIRECTION_REPLY);
	return mapping_lookup_owner(engine->mappings, original.protocol, &original.destination, &reply.destination);
}

/* How many announced endpoints it holds. */
static uint32_t announced(const struct engine *engine, uint32_t mapping)
{
	const struct followers *followers = &engine->followers;
	uint32_t uses = 0;

	for (uint32_t i = 0; i < followers->used; i++)
		uses += followers->list[i].expects && followers->list[i].expected.mapping == mapping;
	return uses;
}

static const char *check_uses(const struct engine *engine)
{
	const struct mappings *mappings = engine->mappings;
	const char *wrong;

	for (uint32_t index = 0; index < engine->table.untouched; index++) {
		const struct session *session = &engine->table.sessions[index];

		if (!is_session(engine, index) || session->mapping == MAPPING_NONE)
			continue;
		INVARIANT(session->mapping < mappings->used, "a session holds a mapping that never was");
		wrong = check_session(engine, session);
		if (wrong)
			return wrong;
	}
	for (uint32_t i = 0; i < mappings->used; i++) {
		uint32_t uses = announced(engine, i);

		for (uint32_t index = 0; index < engine->table.untouched; index++)
			uses += (is_session(engine, index) && engine->table.sessions[index].mapping == i) +
				(entered(engine, index) == i);
		if (!is_live(mappings, i) || mappings->list[i].held)
			INVARIANT(uses == 0, "a mapping at rest or gone is in use");
		else
			INVARIANT(uses == mappings->list[i].sessions && uses,
				  "a mapping's number of sessions is wrong");
	}
	return NULL;
}

/* ---------------------------------------------------------------- the table */

static bool stands(const void *context, uint32_t node, uint32_t *hash)
{
	const struct mappings *mappings = context;

	if (!is_live(mappings, node / 2))
		return false;
	*hash = mapping_hash(mappings, &mappings->list[node / 2], node % 2);
	return true;
}

static const char *check_nodes(const struct mappings *mappings)
{
	const struct nodes_owner owner = { stands, mappings };

	return invariants_check_nodes(&mappings->nodes, &owner, mappings->count * 2);
}

/* Each address is there as often as mappings refer to it, and no longer. */
static const char *check_addresses(const struct mappings *mappings)
{
	const struct addresses *addresses = &mappings->addresses;

	for (uint32_t entry = ADDRESS_NONE + 1; entry < addresses->untouched; entry++) {
		uint32_t uses = 0;

		for (uint32_t i = 0; i < mappings->used; i++)
			if (is_live(mappings, i))
				uses += (mappings->list[i].external == entry) + (mappings->list[i].peer == entry);
		INVARIANT(uses == addresses->list[entry].uses, "an address is referred to more or less than it knows");
	}
	return invariants_check_addresses(addresses);
}

static const char *check_held(const struct mappings *mappings)
{
	uint32_t previous = MAPPING_NONE, walked = 0, held = 0;

	for (uint32_t i = 0; i < mappings->used; i++)
		held += is_live(mappings, i) && mappings->list[i].held;
	for (uint32_t index = mappings->first_held; index != MAPPING_NONE; index = mappings->list[index].next_held) {
		INVARIANT(is_live(mappings, index) && mappings->list[index].held, "one in use is listed as at rest");
		INVARIANT(mappings->list[index].previous_held == previous, "the links of those at rest disagree");
		INVARIANT(++walked <= held, "the list of those at rest is a ring");
		previous = index;
	}
	INVARIANT(mappings->last_held == previous && walked == held, "one at rest is not listed");
	return NULL;
}

static const char *check_counts(const struct mappings *mappings)
{
	uint32_t live = 0, unowned = 0, bound = 0, walked = 0;

	for (uint32_t i = 0; i < mappings->used; i++) {
		const struct mapping *mapping = &mappings->list[i];

		if (!is_live(mappings, i))
			continue;
		live++;
		unowned += !mapping->owns_port && protocol_has_ports(mapping->protocol);
		bound += mapping->behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
		INVARIANT(mapping->host < mappings->hosts.count, "a mapping belongs to no host");
	}
	for (uint32_t index = mappings->free; index != MAPPING_NONE; index = mappings->list[index].next_held) {
		INVARIANT(index < mappings->used && !is_live(mappings, index), "a mapping in use is listed as free");
		INVARIANT(++walked <= mappings->used - live, "the list of free mappings is a ring");
	}
	INVARIANT(walked == mappings->used - live, "a free mapping is lost");
	INVARIANT(live == mappings->count && unowned == mappings->unowned && bound == mappings->bound,
		  "the numbers of mappings are wrong");
	return NULL;
}

/* An entry whose external address is all ones counts for a /64. */
static bool counts_for(const struct mappings *mappings, uint32_t host, const struct mapping *mapping)
{
	static const struct address zeros;
	const struct host *entry = &mappings->hosts.list[host];
	const struct address *internal = &mappings->hosts.list[mapping->host].internal;

	for (size_t i = 0; i < sizeof(entry->external.bytes); i++)
		if (!entry->mappings || entry->external.bytes[i] != 0xff)
			return mapping->host == host;
	return !address_is_ipv4(internal) && memcmp(internal->bytes, entry->internal.bytes, 8) == 0 &&
	       memcmp(entry->internal.bytes + 8, zeros.bytes, 8) == 0;
}

static const char *check_hosts(const struct mappings *mappings)
{
	for (uint32_t host = 0; host < mappings->hosts.count; host++) {
		uint32_t count = 0;

		for (uint32_t i = 0; i < mappings->used; i++)
			count += is_live(mappings, i) && counts_for(mappings, host, &mappings->list[i]);
		INVARIANT(count == mappings->hosts.list[host].mappings, "a host's number of mappings is wrong");
	}
	return NULL;
}

/* ------------------------------------------------------------------- ports */

static bool same_external(const struct mapping *a, const struct mapping *b)
{
	return a->protocol == b->protocol && a->external == b->external && a->external_port.raw == b->external_port.raw;
}

/* One port, several mappings: all but one are bound to a peer, and no two to the same. */
static const char *check_sharing(const struct mapping *a, const struct mapping *b)
{
	INVARIANT(a->behaviour != b->behaviour || a->peer != b->peer || a->peer_port.raw != b->peer_port.raw,
		  "two mappings have the same external endpoint and peer");
	if (a->one_to_one || b->one_to_one)
		return NULL;
	INVARIANT(a->behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT ||
		      b->behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT,
		  "two mappings have one external port, and neither is bound to a peer");
	return NULL;
}

static const char *check_port(const struct mappings *mappings, uint32_t index)
{
	const struct mapping *mapping = &mappings->list[index];
	struct endpoint external = mapping_external(mappings, index);
	uint32_t pool = pools_lookup(&mappings->pools, &external.address, mapping->protocol);
	uint16_t port = be16_to_host(external.port);
	uint32_t owners = 0;

	for (uint32_t i = 0; i < mappings->used; i++) {
		const struct mapping *other = &mappings->list[i];
		const char *wrong = NULL;

		if (!is_live(mappings, i) || !same_external(mapping, other))
			continue;
		owners += other->owns_port;
		if (i < index)
			wrong = check_sharing(mapping, other);
		if (wrong)
			return wrong;
	}
	if (!mapping->owns_port)
		return NULL;
	INVARIANT(pool != POOL_NONE, "a mapping owns a port of no pool");
	INVARIANT(ports_is_used(&mappings->pools.ports[pool], port), "a mapping owns a port that counts as free");
	INVARIANT(owners == 1u + mappings->pools.shares[pool][port], "a port is owned by more or fewer than it knows");
	return NULL;
}

/* Bit for bit: this takes longer than all else. */
static const char *check_bits(const struct ports *ports)
{
	uint32_t used = 0, held = 0, free_ports[2] = { 0, 0 };

	for (unsigned int half = 0; half < 2; half++) {
		for (unsigned int i = 0; i < PORTS_HALF_WORDS; i++) {
			const struct ports_word *word = &ports->halves[half].words[i];

			INVARIANT(word->free == ~(word->used | word->reserved), "a port is free and not, at once");
			INVARIANT(!(word->held & ~word->used), "a free port is at rest");
			if (word->used) {
				used += (uint32_t)__builtin_popcountll(word->used);
				held += (uint32_t)__builtin_popcountll(word->held);
			}
			free_ports[half] += word->free == UINT64_MAX ? 64u : (uint32_t)__builtin_popcountll(word->free);
		}
		INVARIANT(ports->halves[half].free == free_ports[half], "the number of free ports is wrong");
	}
	INVARIANT(ports->used == used && ports->held == held, "the number of ports in use or at rest is wrong");
	return NULL;
}

static const char *check_pool(const struct mappings *mappings, uint32_t index)
{
	const struct pool *pool = &mappings->pools.list[index];
	uint32_t owned = 0;

	for (uint32_t i = 0; i < mappings->used; i++) {
		const struct mapping *mapping = &mappings->list[i];

		owned += is_live(mappings, i) && mapping->owns_port && mapping->protocol == pool->protocol &&
			 address_equal(addresses_get(&mappings->addresses, mapping->external), &pool->address);
	}
	INVARIANT(owned == mappings->pools.ports[index].used + pool->shared, "a port is in use and nobody's");
	return NULL;
}

const char *invariants_check_ports(const struct engine *engine)
{
	const struct pools *pools = &engine->mappings->pools;
	const char *wrong = NULL;

	for (uint32_t i = 0; !wrong && i < pools->count; i++)
		if (pools->list[i].active)
			wrong = check_bits(&pools->ports[i]);
	return wrong;
}

const char *invariants_check_mappings(const struct engine *engine)
{
	const struct mappings *mappings = engine->mappings;
	const char *wrong = check_counts(mappings);

	if (!wrong)
		wrong = check_nodes(mappings);
	if (!wrong)
		wrong = check_addresses(mappings);
	if (!wrong)
		wrong = check_held(mappings);
	if (!wrong)
		wrong = check_hosts(mappings);
	if (!wrong)
		wrong = check_uses(engine);
	for (uint32_t i = 0; !wrong && i < mappings->used; i++)
		if (is_live(mappings, i))
			wrong = check_port(mappings, i);
	for (uint32_t i = 0; !wrong && i < mappings->pools.count; i++)
		if (mappings->pools.list[i].active)
			wrong = check_pool(mappings, i);
	return wrong;
}
