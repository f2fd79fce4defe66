/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/departures.h"

#include <limits.h>

#include "conntrack/engine_private.h"

/* Slots looked at for each session that may end. */
#define SLOTS_EACH 32

/* Does the session hold a mapping on @address? */
static bool lives_on(const struct table *table, const struct session *session, const struct address *address)
{
	struct tuple original = table_tuple(table, session, DIRECTION_ORIGINAL);
	struct tuple reply = table_tuple(table, session, DIRECTION_REPLY);

	return (session->mapping != MAPPING_NONE && address_equal(&reply.destination.address, address)) ||
	       (session->flags & SESSION_ENTERED && address_equal(&original.destination.address, address));
}

bool departures_hold(const struct engine *engine, uint32_t index)
{
	const struct departures *departures = &engine->departures;
	const struct session *session = table_session(&engine->table, index);

	if (!departures->count || index < departures->next || session->list == LIST_FREE)
		return false;
	for (unsigned int i = 0; i < departures->count; i++)
		if (lives_on(&engine->table, session, &departures->list[i]))
			return true;
	return false;
}

bool departures_step(struct engine *engine, unsigned int *budget)
{
	struct departures *departures = &engine->departures;
	uint64_t slots = (uint64_t)*budget * SLOTS_EACH;

	if (!departures->count)
		return false;
	for (; slots && *budget && departures->next < engine->table.untouched; departures->next++, slots--) {
		if (!departures_hold(engine, departures->next))
			continue;
		engine_end_session(engine, departures->next);
		(*budget)--;
	}
	if (departures->next >= engine->table.untouched)
		departures->count = 0;
	return departures->count;
}

void departures_finish(struct engine *engine, const struct address *address)
{
	const struct departures *departures = &engine->departures;
	bool concerned = !address;

	for (unsigned int i = 0; i < departures->count; i++)
		concerned |= address && address_equal(&departures->list[i], address);
	for (unsigned int budget = UINT_MAX; concerned && departures_step(engine, &budget);)
		budget = UINT_MAX;
}

void departures_begin(struct engine *engine, const struct address *address)
{
	struct departures *departures = &engine->departures;

	if (departures->count == DEPARTURES)
		departures_finish(engine, NULL);
	departures->list[departures->count++] = *address;
	departures->next = 0;
}
