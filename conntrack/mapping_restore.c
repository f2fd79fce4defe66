/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mapping for a session that was there before this process. */
#include "conntrack/mapping_private.h"

void mapping_expect(const struct mappings *mappings, const struct mapping_request *request,
		    const struct endpoint *external, struct mapping_expected *expected)
{
	expected->behaviour = mapping_behaviour_for(request);
	expected->internal =
	    mapping_hash_key(mappings, request->protocol, &request->internal, expected->behaviour, &request->peer);
	expected->external =
	    mapping_hash_key(mappings, request->protocol, external, expected->behaviour, &request->peer);
	expected->pool = pools_lookup(&mappings->pools, &external->address, request->protocol);
	nodes_prefetch(&mappings->nodes, expected->internal);
	nodes_prefetch(&mappings->nodes, expected->external);
	if (expected->pool != POOL_NONE)
		ports_prefetch(&mappings->pools.ports[expected->pool], be16_to_host(external->port));
}

/* The pool may have come, or made room for another, since it was expected. */
static uint32_t find_pool(const struct mappings *mappings, uint8_t protocol, const struct address *external,
			  const struct mapping_expected *expected)
{
	if (expected && pools_is(&mappings->pools, expected->pool, external, protocol))
		return expected->pool;
	return pools_lookup(&mappings->pools, external, protocol);
}

/* Can no mapping at all have that port? Told by one bit; false where it takes a search. */
static bool is_untouched(const struct mappings *mappings, uint8_t protocol, uint32_t pool,
			 const struct endpoint *external)
{
	return pool != POOL_NONE && protocol_has_ports(protocol) && !mappings->unowned &&
	       !ports_is_used(&mappings->pools.ports[pool], be16_to_host(external->port));
}

/* As it was. @shared: somebody else may have the port. */
static void draft_again(struct search *search, const struct endpoint *external, bool paired, bool shared)
{
	const struct mapping_request *request = search->request;
	struct mapping_draft *draft = &search->draft;

	draft->protocol = request->protocol;
	draft->internal = request->internal;
	draft->external = *external;
	draft->behaviour = request->behaviour;
	draft->filtering = request->filtering;
	draft->one_to_one = request->static_nat;
	draft->paired = paired;
	/* Somebody else's: it was overloaded before. */
	if (shared && (!protocol_has_ports(request->protocol) ||
		       mapping_find_external(search->mappings, request->protocol, external, request->behaviour,
					     &request->peer) != MAPPING_NONE))
		draft->behaviour = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	draft->peer = mapping_peer_part(draft->behaviour, &request->peer);
}

/* Takes the drafted port, and enters the mapping; MAPPING_NONE without room. */
static uint32_t enter(struct search *search, uint32_t pool)
{
	struct mappings *mappings = search->mappings;
	const struct mapping_request *request = search->request;
	struct mapping_draft *draft = &search->draft;
	uint32_t index;

	if (!mappings_have_room(mappings))
		return MAPPING_NONE;
	if (!protocol_has_ports(request->protocol) || request->static_nat)
		pool = POOL_NONE;
	else if (pool == POOL_NONE)
		pool = search_open_pool(mappings, &draft->external.address, request->protocol);
	draft->owns_port = pool != POOL_NONE && pools_share(&mappings->pools, pool, request->port_first);
	if (search->expected && search->expected->behaviour == draft->behaviour) {
		draft->hashes[0] = search->expected->internal;
		draft->hashes[1] = search->expected->external;
	} else {
		mapping_draft_hash(mappings, draft);
	}
	index = mapping_insert(mappings, draft, &request->peer);
	if (index != MAPPING_NONE)
		mapping_note_known(mappings, index);
	else if (draft->owns_port)
		pools_release(&mappings->pools, pool, request->port_first);
	return index;
}

uint32_t mapping_restore(struct mappings *mappings, const struct mapping_request *request,
			 const struct endpoint *external, const struct mapping_expected *expected, enum reason *reason)
{
	struct mapping_request exact = *request;
	struct search search;
	uint32_t index, pool;
	bool clash = false, untouched;

	exact.address_first = exact.address_last = external->address;
	exact.port_first = exact.port_last = be16_to_host(external->port);
	exact.identity = false;
	search_begin(&search, mappings, &exact);
	search.port_first = exact.port_first;
	search.expected = expected;
	*reason = REASON_NONE;
	index = search_share(&search, &clash);
	if (index != MAPPING_NONE) {
		mapping_use(mappings, index, &exact.peer);
		return index;
	}
	*reason = REASON_TUPLE_CLASH;
	pool = find_pool(mappings, exact.protocol, &external->address, expected);
	untouched = is_untouched(mappings, exact.protocol, pool, external);
	if (clash || (!untouched && search_judge(&search, external) != PORT_USABLE) ||
	    (untouched && search_in_use(&search, external)))
		return MAPPING_NONE;
	draft_again(&search, external, exact.paired && !address_equal(&request->address_first, &request->address_last),
		    !untouched);
	index = enter(&search, pool);
	*reason = index != MAPPING_NONE ? REASON_NONE : REASON_TABLE_FULL;
	return index;
}
