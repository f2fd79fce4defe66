/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into a daemon for the soak: now and then, between two packets, everything in
 * the engine is held against everything else. The linker puts this before engine_tick()
 * (--wrap), so that the daemon itself is the one that users have.
 *
 * A check takes the square of what is there: it is left out while there is too much, and
 * takes a twentieth of the time at most. When the process ends it says how often it looked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/model/invariants.h"

#include "conntrack/mapping_private.h"

#define CROWD_LIMIT 1500u
#define PAUSE_NS 1000000000u
#define SHARE 20u

struct checks {
	uint64_t next_ns;
	unsigned long held, left_out;
	uint32_t largest;
};

static struct checks checks;

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void must_hold(const char *wrong)
{
	if (!wrong)
		return;
	fprintf(stderr, "invariants: broken: %s\n", wrong);
	abort();
}

static void look(const struct engine *engine)
{
	const uint64_t began = clock_ns();
	uint64_t ended;

	if (began < checks.next_ns)
		return;
	checks.next_ns = began + PAUSE_NS;
	if (engine->table.confirmed > CROWD_LIMIT || engine->mappings->count > CROWD_LIMIT) {
		checks.left_out++;
		return;
	}
	must_hold(invariants_check(engine));
	must_hold(invariants_check_ports(engine));
	checks.held++;
	if (engine->table.confirmed > checks.largest)
		checks.largest = engine->table.confirmed;
	ended = clock_ns();
	if (ended - began > PAUSE_NS / SHARE)
		checks.next_ns = ended + (ended - began) * SHARE;
}

bool __real_engine_tick(struct engine *engine, struct mono now, unsigned int budget);
bool __wrap_engine_tick(struct engine *engine, struct mono now, unsigned int budget);

bool __wrap_engine_tick(struct engine *engine, struct mono now, unsigned int budget)
{
	bool more = __real_engine_tick(engine, now, budget);

	look(engine);
	return more;
}

__attribute__((destructor)) static void tell(void)
{
	if (checks.held || checks.left_out)
		fprintf(stderr,
			"invariants: held %lu times, with up to %u sessions; %lu times there were too many to look\n",
			checks.held, checks.largest, checks.left_out);
}
