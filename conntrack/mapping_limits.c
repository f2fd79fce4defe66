/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bounds the mappings from outside of their table: which ports are ours, who holds how many, what was refused. */
#include "conntrack/mapping_private.h"

void mappings_set_port_sets(struct mappings *mappings, const struct settings_port_set *list, unsigned int count)
{
	pools_set_port_sets(&mappings->pools, list, count);
	destinations_clear(&mappings->destinations);
	mapping_blocks_refresh(mappings);
}

uint32_t mappings_of_host_on(const struct mappings *mappings, const struct address *internal,
			     const struct address *external)
{
	return hosts_mappings_on(&mappings->hosts, internal, external);
}

uint32_t mappings_block(const struct mappings *mappings)
{
	return mappings->blocks.size;
}

struct address mappings_refused(const struct mappings *mappings)
{
	return mappings->refused;
}
