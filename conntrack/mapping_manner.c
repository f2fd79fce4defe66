/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a mapping was made, small enough to be kept with each of its sessions. */
#include "conntrack/mapping_private.h"

#define MANNER_BEHAVIOUR 3u /* these two as in struct mapping */
#define MANNER_FILTERING_SHIFT 2
#define MANNER_ONE_TO_ONE 16u
#define MANNER_PAIRED 32u

_Static_assert(BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT <= MANNER_BEHAVIOUR, "two bits");

uint8_t mapping_manner(const struct mappings *mappings, uint32_t index)
{
	const struct mapping *mapping;
	bool paired;

	if (index == MAPPING_NONE)
		return 0;
	mapping = &mappings->list[index];
	paired = !address_is_unspecified(&mappings->hosts.list[mapping->host].external);
	return (uint8_t)(mapping->behaviour | mapping->filtering << MANNER_FILTERING_SHIFT |
			 (mapping->one_to_one ? MANNER_ONE_TO_ONE : 0) | (paired ? MANNER_PAIRED : 0));
}

struct mapping_request mapping_in_manner(uint8_t manner, uint8_t protocol, const struct endpoint *internal,
					 const struct endpoint *peer, const struct endpoint *external)
{
	unsigned int behaviour = manner & MANNER_BEHAVIOUR;
	static const struct address none;

	return (struct mapping_request){
		.protocol = protocol,
		.internal = *internal,
		.peer = *peer,
		.address_first = external->address,
		/* A range of more than one: only then a host is paired with one of it. */
		.address_last = manner & MANNER_PAIRED ? none : external->address,
		.behaviour = behaviour <= BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT ? (enum behaviour)behaviour
									       : BEHAVIOUR_ENDPOINT_INDEPENDENT,
		.filtering = manner >> MANNER_FILTERING_SHIFT & 3u,
		.paired = manner & MANNER_PAIRED,
		.static_nat = manner & MANNER_ONE_TO_ONE,
	};
}
