/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose is an external port, for a packet from a stranger? A mapping that is bound to some peer stands in
 * the hash under that peer, where no other finds it; but filtering may admit more peers than the mapping is
 * bound to (RFC 4787 section 5). So each port of a pool remembers the first such mapping on it. Behind
 * endpoint-independent mappings, which anybody finds, that memory stays untouched.
 */
#include "conntrack/mapping_private.h"

static uint32_t *owner_of(const struct mappings *mappings, const struct mapping *mapping)
{
	uint32_t pool;

	if (!mapping->owns_port || mapping->behaviour == BEHAVIOUR_ENDPOINT_INDEPENDENT)
		return NULL;
	pool =
	    pools_lookup(&mappings->pools, addresses_get(&mappings->addresses, mapping->external), mapping->protocol);
	return pool == POOL_NONE ? NULL : &mappings->pools.owners[pool][be16_to_host(mapping->external_port)];
}

void mapping_own_port(struct mappings *mappings, uint32_t index)
{
	uint32_t *owner = owner_of(mappings, &mappings->list[index]);

	if (owner && !*owner)
		*owner = index + 1;
}

void mapping_disown_port(struct mappings *mappings, uint32_t index)
{
	uint32_t *owner = owner_of(mappings, &mappings->list[index]);

	if (owner && *owner == index + 1)
		*owner = 0;
}

uint32_t mapping_lookup_owner(const struct mappings *mappings, uint8_t protocol, const struct endpoint *external,
			      const struct endpoint *peer)
{
	uint32_t index = mapping_lookup_external(mappings, protocol, external, peer), pool;

	if (index != MAPPING_NONE)
		return index;
	pool = pools_lookup(&mappings->pools, &external->address, protocol);
	if (pool == POOL_NONE)
		return MAPPING_NONE;
	index = mappings->pools.owners[pool][be16_to_host(external->port)];
	return index && !mappings->list[index - 1].held ? index - 1 : MAPPING_NONE;
}
