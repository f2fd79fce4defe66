/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/port_set.h"

const struct settings_port_set *port_set_of(const struct settings_port_set *list, unsigned int count,
					    const struct address *address)
{
	const struct settings_port_set *any = NULL;

	if (count == 0 || !address_is_ipv4(address))
		return NULL;
	for (unsigned int i = 0; i < count; i++) {
		if (address_equal(&list[i].address, address))
			return &list[i];
		if (address_is_unspecified(&list[i].address))
			any = &list[i];
	}
	return any;
}

/* Of each run. */
static unsigned int run_bits(const struct settings_port_set *set)
{
	return 16U - set->offset - set->length;
}

bool port_set_contains(const struct settings_port_set *set, uint16_t port)
{
	if (set->offset && port >> (16 - set->offset) == 0)
		return false;
	return (port >> run_bits(set) & ((1U << set->length) - 1)) == set->id;
}

void port_set_reserve_others(const struct settings_port_set *set, struct ports *ports)
{
	uint32_t runs = 1U << set->offset, after = 0;

	for (uint32_t run = set->offset ? 1 : 0; run < runs; run++) {
		uint32_t first = run << (16 - set->offset) | (uint32_t)set->id << run_bits(set);

		if (first > after)
			ports_reserve(ports, (uint16_t)after, (uint16_t)(first - 1));
		after = first + (1U << run_bits(set));
	}
	if (after < PORTS_COUNT)
		ports_reserve(ports, (uint16_t)after, PORTS_COUNT - 1);
}
