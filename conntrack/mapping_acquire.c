/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A mapping for a session: one that is there, or a new one. */
#include "conntrack/mapping_private.h"

/* Expired mappings to sweep with each acquisition, and when ports are wanting. */
#define SWEEP_ALWAYS 2
#define SWEEP_WANTING 1024

/* --------------------------------------------------------------------- sharing */

/* Is @mapping what @request would get, were it new? */
static bool fits(const struct search *search, const struct mapping *mapping)
{
	const struct mapping_request *request = search->request;
	struct endpoint external = mapping_external_of(search->mappings, mapping);
	uint16_t port = be16_to_host(external.port);

	if (mapping->gone || mapping->one_to_one != request->static_nat)
		return false;
	if (request->static_nat)
		return address_equal(&external.address, &request->address_first);
	if (request->identity && endpoint_equal(&external, &request->internal))
		return true;
	return address_within(&external.address, &request->address_first, &request->address_last) &&
	       (!protocol_has_ports(request->protocol) || (port >= search->port_first && port <= search->port_last));
}

static uint32_t share_like(const struct search *search, enum behaviour behaviour, bool *clash)
{
	const struct mapping_request *request = search->request;
	const struct mappings *mappings = search->mappings;
	const struct mapping_expected *expected = search->expected;
	struct mapping_walk walk =
	    expected && expected->behaviour == behaviour
		? mapping_walk_expected(mappings, request, expected)
		: mapping_walk(mappings, request->protocol, &request->internal, behaviour, &request->peer);
	uint32_t index;

	while ((index = mapping_walk_next(mappings, &walk)) != MAPPING_NONE) {
		struct endpoint external = mapping_external(mappings, index);

		if (!fits(search, &mappings->list[index]))
			continue;
		if (!search_in_use(search, &external))
			return index;
		*clash = true;
	}
	return MAPPING_NONE;
}

uint32_t search_share(const struct search *search, bool *clash)
{
	const enum behaviour bound = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	enum behaviour behaviour = mapping_behaviour_for(search->request);
	uint32_t index = MAPPING_NONE;

	if (behaviour != bound)
		index = share_like(search, behaviour, clash);
	/* One made when ports were scarce is bound to its peer, whatever the behaviour. */
	if (index == MAPPING_NONE && search->mappings->bound)
		index = share_like(search, bound, clash);
	return index;
}

/* -------------------------------------------------------------- the whole of it */

/* Port 0 is a number for identifiers only. */
void search_begin(struct search *search, struct mappings *mappings, const struct mapping_request *request)
{
	bool identifiers = request->protocol == PROTOCOL_ICMP || request->protocol == PROTOCOL_ICMPV6;

	*search = (struct search){
		.mappings = mappings,
		.request = request,
		.port_first = request->port_first ? request->port_first : !identifiers,
		.port_last = request->port_last,
		.address_count = address_range_size(&request->address_first, &request->address_last),
		.paired_host = HOST_NONE,
		.overload = request->overload && request->in_use && !mappings->blocks.size,
	};
	if (request->paired && search->address_count > 1)
		search->paired_host = hosts_paired(&mappings->hosts, &request->internal.address,
						   &request->address_first, &request->address_last);
}

/* The port of a draft that came to nothing: the pool has it again, and the destination that it was taken for. */
static void give_back(struct search *search)
{
	struct mappings *mappings = search->mappings;
	const struct endpoint *external = &search->draft.external;
	uint32_t pool = pools_lookup(&mappings->pools, &external->address, search->request->protocol);

	pools_release(&mappings->pools, pool, be16_to_host(external->port));
	destinations_freed(&mappings->destinations, pool, &search->request->peer, be16_to_host(external->port));
}

static uint32_t make(struct search *search, enum reason *reason)
{
	struct mappings *mappings = search->mappings;
	const struct mapping_request *request = search->request;
	uint32_t index;

	if (!mappings_have_room(mappings)) {
		*reason = mappings->first_held != MAPPING_NONE ? REASON_HOLD_DOWN : REASON_TABLE_FULL;
		return MAPPING_NONE;
	}
	*reason = search_decide(search);
	if (*reason != REASON_NONE)
		return MAPPING_NONE;
	search->draft.peer = mapping_peer_part(search->draft.behaviour, &request->peer);
	search->draft.paired = request->paired && search->address_count > 1;
	mapping_draft_hash(mappings, &search->draft);
	if (request->expect)
		request->expect(request->context, request->protocol, &search->draft.external, &request->peer);
	index = mapping_insert(mappings, &search->draft, &request->peer);
	if (index == MAPPING_NONE) {
		/* Too many hosts: give the port back. */
		if (search->draft.owns_port)
			give_back(search);
		*reason = REASON_TABLE_FULL;
	}
	return index;
}

uint32_t mapping_acquire(struct mappings *mappings, const struct mapping_request *request, enum reason *reason)
{
	struct search search;
	bool clash = false;
	uint32_t index;

	*reason = REASON_NONE;
	mappings->refused = (struct address){ 0 };
	(void)mappings_tick(mappings, request->now, SWEEP_ALWAYS);
	search_begin(&search, mappings, request);
	if (search.address_count == 0 || address_is_unspecified(&request->address_first)) {
		*reason = REASON_NO_EXTERNAL_ADDRESS;
		return MAPPING_NONE;
	}
	index = search_share(&search, &clash);
	if (index != MAPPING_NONE) {
		mapping_use(mappings, index, &request->peer);
		return index;
	}
	if (request->ports_limit &&
	    hosts_mappings(&mappings->hosts, &request->internal.address) >= request->ports_limit) {
		*reason = REASON_SOURCE_QUOTA;
		return MAPPING_NONE;
	}
	search.draft.behaviour = clash ? BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT : request->behaviour;
	index = make(&search, reason);
	if (index == MAPPING_NONE && *reason == REASON_HOLD_DOWN) {
		/* Perhaps its time was over, and nobody had swept yet. */
		uint32_t before = mappings->count;

		(void)mappings_tick(mappings, request->now, SWEEP_WANTING);
		if (mappings->count != before)
			index = make(&search, reason);
	}
	return index;
}

bool mapping_is_static(const struct mappings *mappings, uint32_t index)
{
	return mappings->list[index].one_to_one;
}
