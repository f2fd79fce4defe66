/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/census.h"

#include <errno.h>
#include <stdlib.h>

enum { COUNT_ALL, COUNT_EXPENDABLE };

int census_init(struct census *census, const struct engine *engine)
{
	size_t sources = engine->sources.capacity, destinations = engine->destinations.capacity;
	size_t most = sources > destinations ? sources : destinations;
	uint32_t *counts = calloc(sources + destinations, 2 * sizeof(*counts));

	*census = (struct census){ .counted = malloc(most * sizeof(*census->counted)) };
	if (!counts || !census->counted) {
		free(counts);
		free(census->counted);
		return -ENOMEM;
	}
	for (unsigned int which = COUNT_ALL; which <= COUNT_EXPENDABLE; which++) {
		census->sources[which] = counts + which * sources;
		census->destinations[which] = counts + 2 * sources + which * destinations;
	}
	return 0;
}

void census_fini(struct census *census)
{
	free(census->sources[COUNT_ALL]);
	free(census->counted);
}

void census_expect(const struct engine *engine, uint32_t index)
{
	const struct session *session = table_session(&engine->table, index);
	struct endpoint destination = table_destination_after(&engine->table, session);

	tally_prefetch(&engine->sources, &session->source.address);
	tally_prefetch(&engine->destinations, &destination.address);
}

void census_count(struct census *census, struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct endpoint destination = table_destination_after(&engine->table, session);

	session->source_tally = tally_place(&engine->sources, &session->source.address);
	session->destination_tally = tally_place(&engine->destinations, &destination.address);
	census->sources[COUNT_ALL][session->source_tally]++;
	census->destinations[COUNT_ALL][session->destination_tally]++;
	if (!admit_is_expendable(session->list))
		return;
	admit_join_crowd(engine, index);
	census->sources[COUNT_EXPENDABLE][session->source_tally]++;
	census->destinations[COUNT_EXPENDABLE][session->destination_tally]++;
}

static void load(struct census *census, struct rank *rank, const uint32_t *counts, uint32_t capacity)
{
	uint32_t length = 0;

	for (uint32_t entry = 0; entry < capacity; entry++)
		if (counts[entry])
			census->counted[length++] = (uint64_t)counts[entry] << 32 | entry;
	rank_load(rank, census->counted, length);
}

static void settle(struct census *census, struct tally *tally, uint32_t *const counts[2])
{
	load(census, &tally->sessions, counts[COUNT_ALL], tally->capacity);
	load(census, &tally->expendable, counts[COUNT_EXPENDABLE], tally->capacity);
}

void census_settle(struct census *census, struct engine *engine)
{
	settle(census, &engine->sources, census->sources);
	settle(census, &engine->destinations, census->destinations);
}
