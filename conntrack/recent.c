/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/recent.h"

#include <errno.h>
#include <stdlib.h>

int recent_init(struct recent *recent)
{
	*recent = (struct recent){ .ring = calloc(RECENT_DROPS, sizeof(*recent->ring)) };
	return recent->ring ? 0 : -ENOMEM;
}

void recent_fini(struct recent *recent)
{
	free(recent->ring);
	*recent = (struct recent){ 0 };
}

/* What stands in the ports' place need not be known to whoever asks. */
static bool is_any(const struct tuple *tuple, bool any_id)
{
	bool query = tuple->protocol == PROTOCOL_ICMP || tuple->protocol == PROTOCOL_ICMPV6;

	return tuple->protocol == PROTOCOL_GRE || (any_id && query);
}

const struct recent_entry *recent_find(const struct recent *recent, const struct tuple *tuple, bool any_id)
{
	for (uint64_t age = 1; age <= recent->count && age <= RECENT_DROPS; age++) {
		const struct recent_entry *entry = &recent->ring[(recent->count - age) % RECENT_DROPS];

		if (tuple_equal(&entry->tuple, tuple) ||
		    (is_any(tuple, any_id) && entry->tuple.protocol == tuple->protocol &&
		     address_equal(&entry->tuple.source.address, &tuple->source.address) &&
		     address_equal(&entry->tuple.destination.address, &tuple->destination.address)))
			return entry;
	}
	return NULL;
}
