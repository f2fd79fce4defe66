/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding mappings, from inside and from outside: one hash with two nodes of each. */
#include "conntrack/mapping_private.h"

#define NODE_INTERNAL 0
#define NODE_EXTERNAL 1

/* Both keys are hashed as a tuple; behaviour keeps "no peer" apart from a peer of zeros. */
static uint32_t hash_of(const struct mappings *mappings, uint8_t protocol, const struct endpoint *end,
			enum behaviour behaviour, const struct endpoint *part)
{
	struct tuple key = {
		.source = *end,
		.destination = *part,
		.protocol = protocol,
		.zero = (uint8_t)behaviour,
	};

	return hash_tuple(mappings->key, &key);
}

uint32_t mapping_hash(const struct mappings *mappings, const struct mapping *mapping, bool external)
{
	struct endpoint end =
	    external ? mapping_external_of(mappings, mapping) : mapping_internal_of(mappings, mapping);
	struct endpoint peer = mapping_peer_of(mappings, mapping);
	struct endpoint part = mapping_peer_part(mapping->behaviour, &peer);

	return hash_of(mappings, mapping->protocol, &end, mapping->behaviour, &part);
}

void mapping_draft_hash(const struct mappings *mappings, struct mapping_draft *draft)
{
	const struct endpoint *ends[2] = { &draft->internal, &draft->external };

	for (unsigned int side = 0; side < 2; side++) {
		draft->hashes[side] = hash_of(mappings, draft->protocol, ends[side], draft->behaviour, &draft->peer);
		nodes_prefetch(&mappings->nodes, draft->hashes[side]);
	}
}

uint32_t mapping_hash_key(const struct mappings *mappings, uint8_t protocol, const struct endpoint *end,
			  enum behaviour behaviour, const struct endpoint *peer)
{
	struct endpoint part = mapping_peer_part(behaviour, peer);

	return hash_of(mappings, protocol, end, behaviour, &part);
}

static bool is_peer(const struct mappings *mappings, const struct mapping *mapping, const struct endpoint *part)
{
	return mapping->behaviour == BEHAVIOUR_ENDPOINT_INDEPENDENT ||
	       (mapping->peer_port.raw == part->port.raw &&
		address_equal(addresses_get(&mappings->addresses, mapping->peer), &part->address));
}

struct mapping_walk mapping_walk(const struct mappings *mappings, uint8_t protocol, const struct endpoint *internal,
				 enum behaviour behaviour, const struct endpoint *peer)
{
	struct mapping_walk walk = {
		.protocol = protocol,
		.behaviour = behaviour,
		.internal = *internal,
		.part = mapping_peer_part(behaviour, peer),
	};

	walk.nodes = nodes_walk(&mappings->nodes, hash_of(mappings, protocol, internal, behaviour, &walk.part));
	return walk;
}

struct mapping_walk mapping_walk_expected(const struct mappings *mappings, const struct mapping_request *request,
					  const struct mapping_expected *expected)
{
	return (struct mapping_walk){
		.nodes = nodes_walk(&mappings->nodes, expected->internal),
		.protocol = request->protocol,
		.behaviour = expected->behaviour,
		.internal = request->internal,
		.part = mapping_peer_part(expected->behaviour, &request->peer),
	};
}

const uint32_t *mapping_prefetch(const struct mappings *mappings, uint8_t protocol, const struct endpoint *internal,
				 enum behaviour behaviour, const struct endpoint *peer)
{
	struct endpoint part = mapping_peer_part(behaviour, peer);

	nodes_prefetch(&mappings->nodes, hash_of(mappings, protocol, internal, behaviour, &part));
	return hosts_prefetch(&mappings->hosts, &internal->address);
}

void mapping_prefetch_host(const struct mappings *mappings, const uint32_t *bucket)
{
	hosts_prefetch_entry(&mappings->hosts, bucket);
}

uint32_t mapping_walk_next(const struct mappings *mappings, struct mapping_walk *walk)
{
	uint32_t node;

	while ((node = nodes_next(&mappings->nodes, &walk->nodes)) != NODE_NONE) {
		const struct mapping *mapping = &mappings->list[node / 2];

		if (node % 2 == NODE_INTERNAL && mapping->protocol == walk->protocol &&
		    mapping->behaviour == (uint8_t)walk->behaviour &&
		    mapping->internal_port.raw == walk->internal.port.raw &&
		    address_equal(&mappings->hosts.list[mapping->host].internal, &walk->internal.address) &&
		    is_peer(mappings, mapping, &walk->part))
			return node / 2;
	}
	return MAPPING_NONE;
}

uint32_t mapping_find_external(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
			       enum behaviour behaviour, const struct endpoint *peer)
{
	struct endpoint part = mapping_peer_part(behaviour, peer);
	struct nodes_walk walk = nodes_walk(&mappings->nodes, hash_of(mappings, protocol, external, behaviour, &part));
	uint32_t node;

	while ((node = nodes_next(&mappings->nodes, &walk)) != NODE_NONE) {
		const struct mapping *mapping = &mappings->list[node / 2];

		if (node % 2 == NODE_EXTERNAL && mapping->protocol == protocol &&
		    mapping->behaviour == (uint8_t)behaviour && mapping->external_port.raw == external->port.raw &&
		    address_equal(addresses_get(&mappings->addresses, mapping->external), &external->address) &&
		    is_peer(mappings, mapping, &part))
			return node / 2;
	}
	return MAPPING_NONE;
}

/* From the narrowest binding to the widest. */
static const enum behaviour narrowest_first[] = {
	BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT,
	BEHAVIOUR_ADDRESS_DEPENDENT,
	BEHAVIOUR_ENDPOINT_INDEPENDENT,
};

uint32_t mapping_lookup_external(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
				 const struct endpoint *peer)
{
	static const struct endpoint nobody;

	for (size_t i = peer ? 0 : 2; i < 3; i++) {
		uint32_t index =
		    mapping_find_external(mappings, protocol, external, narrowest_first[i], peer ? peer : &nobody);

		if (index != MAPPING_NONE && !mappings->list[index].held)
			return index;
	}
	return MAPPING_NONE;
}

uint32_t mapping_lookup_internal(const struct mappings *mappings, uint8_t protocol, const struct endpoint *internal,
				 const struct endpoint *peer)
{
	static const struct endpoint nobody;

	for (size_t i = peer ? 0 : 2; i < 3; i++) {
		enum behaviour behaviour = narrowest_first[i];
		struct mapping_walk walk = mapping_walk(mappings, protocol, internal, behaviour, peer ? peer : &nobody);
		uint32_t index;

		while ((index = mapping_walk_next(mappings, &walk)) != MAPPING_NONE)
			if (!mappings->list[index].held)
				return index;
	}
	return MAPPING_NONE;
}

bool mapping_rests(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
		   const struct endpoint *peer)
{
	uint32_t index =
	    mapping_find_external(mappings, protocol, external, BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT, peer);

	return index != MAPPING_NONE && mappings->list[index].held;
}
