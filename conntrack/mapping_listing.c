/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mapping table as listings see it. */
#include "conntrack/mapping_private.h"

#include <errno.h>

int mappings_next(const struct mappings *mappings, uint32_t *position, struct mono now, unsigned int *steps,
		  struct snapshot_mapping *snapshot)
{
	for (; *position < mappings->used; (*position)++) {
		const struct mapping *mapping = &mappings->list[*position];
		bool held = mapping->held;
		int32_t left_ms;

		if (*steps == 0)
			return -EAGAIN;
		(*steps)--;
		if (mapping->host == HOST_NONE)
			continue;
		left_ms = held ? (int32_t)(mapping->due_ms - (uint32_t)(now.ns / NS_PER_MS)) : 0;
		*snapshot = (struct snapshot_mapping){
			.protocol = mapping->protocol,
			.internal = mapping_internal(mappings, *position),
			.external = mapping_external(mappings, *position),
			.peer = mapping_peer_of(mappings, mapping),
			.sessions = held ? 0 : mapping->sessions,
			.hold_s = left_ms > 0 ? (uint32_t)(left_ms + 999) / 1000 : 0,
		};
		(*position)++;
		return 1;
	}
	return 0;
}
