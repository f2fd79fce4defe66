/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports that no mapping gets: those that destination rules forward, and those that
 * programs on this machine serve. A client inside could else take over what is meant for
 * them (port shadowing, CVE-2021-3773).
 */
#include <errno.h>
#include <stdlib.h>

#include "conntrack/engine_private.h"

static size_t add_forwarded(const struct prefilter *prefilter, struct pool_reservation *list)
{
	size_t count = 0;

	for (size_t i = 0; i < prefilter->match_count; i++) {
		const struct prefilter_match *match = &prefilter->matches[i];

		/* A rule for whole addresses, without ports, would leave nothing to map. */
		if (!match->has_protocol || (!match->port_first && !match->port_last))
			continue;
		list[count] = (struct pool_reservation){
			.protocol = match->protocol,
			.first = match->port_first,
			.last = match->port_last,
		};
		if (match->has_destination && address_equal(&match->destination_first, &match->destination_last))
			list[count].address = match->destination_first;
		count++;
	}
	return count;
}

int reservations_apply(struct engine *engine, const struct prefilter *prefilter)
{
	struct pool_reservation *list = calloc(prefilter->match_count + engine->listener_count + 1, sizeof(*list));
	size_t count;
	int error;

	if (!list)
		return -ENOMEM;
	count = add_forwarded(prefilter, list);
	for (size_t i = 0; i < engine->listener_count; i++) {
		const struct listener *listener = &engine->listeners[i];

		list[count++] = (struct pool_reservation){
			.address = listener->address,
			.protocol = listener->protocol,
			.first = listener->port,
			.last = listener->port,
		};
	}
	error = mappings_set_reservations(engine->mappings, list, count);
	free(list);
	return error;
}

int engine_set_listeners(struct engine *engine, const struct listener *list, size_t count)
{
	struct listener *copy = malloc((count ? count : 1) * sizeof(*copy)), *old = engine->listeners;
	size_t old_count = engine->listener_count;
	int error;

	if (!copy)
		return -ENOMEM;
	if (count)
		memcpy(copy, list, count * sizeof(*copy));
	engine->listeners = copy;
	engine->listener_count = count;
	error =
	    engine->configuration ? reservations_apply(engine, ruleset_prefilter(engine->configuration->ruleset)) : 0;
	if (error) {
		engine->listeners = old;
		engine->listener_count = old_count;
		old = copy;
	}
	free(old);
	return error;
}
