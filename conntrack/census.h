/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who holds how much, for many sessions at once.
 *
 * Theory of operation. admit_count() moves four entries by one place in four orders, and each move
 * writes to neighbours that lie anywhere: most of the time it waits for memory. Where a million sessions
 * come at once, they are counted first, and the orders are made when the counts are known.
 */
#ifndef SLUICE_CONNTRACK_CENSUS_H
#define SLUICE_CONNTRACK_CENSUS_H

#include "conntrack/engine_private.h"

/** struct census - sessions of each entry of a tally: all, and those that may be given up */
struct census {
	uint32_t *sources[2], *destinations[2];
	uint64_t *counted; /* room to put one order together */
};

/* For an engine in which no session counts yet. Return: 0 or -ENOMEM. */
int census_init(struct census *census, const struct engine *engine);
void census_fini(struct census *census);

/* Asks for the memory that census_count() of the same begins with. */
void census_expect(const struct engine *engine, uint32_t index);

/* As admit_count() does; sessions come in the order of their last use, the oldest first. */
void census_count(struct census *census, struct engine *engine, uint32_t index);

/* After the last: who has how much is known. */
void census_settle(struct census *census, struct engine *engine);

#endif
