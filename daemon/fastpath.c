/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. One element of a hash map for each direction of an installed
 * session; what both share is in a slot of an array that is mapped into our memory,
 * so that reading a counter costs no system call. The program and its maps are program.c's.
 *
 * The way of a session is asked of the kernel when it is installed, for both
 * directions, as for packets that come in; neighbours are the kernel's business for
 * each packet. When routes, rules, links or addresses change, the engine recalls
 * everything and sessions come back as they flow.
 */
#include "daemon/fastpath.h"

#include <errno.h>
#include <stdlib.h>

#include <net/if_arp.h>

#include "daemon/flows.h"
#include "daemon/loop.h"
#include "daemon/offers.h"
#include "daemon/program.h"
#include "daemon/routes.h"

/**
 * struct fastpath
 * @renewed: slots below it have been looked at since sessions were taken over
 */
struct fastpath {
	struct program *program;
	uint32_t renewed;
	struct fastpath_failures failures;
};

/* --------------------------------------------------------------- start and stop */

void fastpath_clear(const struct pins *pins, const struct link_table *links)
{
	program_clear(pins, links);
}

int fastpath_create(const struct fastpath_options *options, struct fastpath **fastpath, const char **message)
{
	struct fastpath *made = calloc(1, sizeof(*made));
	int error;

	*fastpath = NULL;
	*message = "no memory";
	if (!made)
		return -ENOMEM;
	error = program_create(options, &made->program, message);
	if (error) {
		free(made);
		return error;
	}
	*fastpath = made;
	return 0;
}

void fastpath_destroy(struct fastpath *fastpath, bool go_on)
{
	if (!fastpath)
		return;
	program_destroy(fastpath->program, go_on);
	free(fastpath);
}

void fastpath_forget_interfaces(struct fastpath *fastpath)
{
	if (fastpath)
		program_forget_interfaces(fastpath->program);
}

void fastpath_note(struct fastpath *fastpath, uint64_t digest)
{
	if (fastpath)
		program_note(fastpath->program, digest);
}

bool fastpath_outlives(const struct fastpath *fastpath)
{
	return fastpath && fastpath->program->pins;
}

bool fastpath_is_adopted(const struct fastpath *fastpath)
{
	return fastpath && fastpath->program->adopted;
}

const char *fastpath_mode(const struct fastpath *fastpath)
{
	if (!fastpath)
		return "off";
	return fastpath->program->clsact ? "clsact" : "tcx";
}

struct fastpath_failures fastpath_failures(const struct fastpath *fastpath)
{
	return fastpath ? fastpath->failures : (struct fastpath_failures){ 0 };
}

/* -------------------------------------------------------------------- elements */

static int put(const struct fastpath *fastpath, const struct flow_plan *plan, uint32_t interface)
{
	const struct tuple *arrives = &plan->flow->arrives[plan->way];
	struct flow_key4 key4;
	struct flow_key6 key6;
	struct flow4 value4;
	struct flow6 value6;

	if (address_is_ipv4(&arrives->source.address)) {
		flow_key4(&key4, arrives, interface);
		flow_value4(&value4, plan);
		return program_put(fastpath->program, FAMILY_IPV4, &key4, &value4);
	}
	flow_key6(&key6, arrives, interface);
	flow_value6(&value6, plan);
	return program_put(fastpath->program, FAMILY_IPV6, &key6, &value6);
}

static void recall(void *context, uint32_t index, const struct tuple arrives[2])
{
	const struct fastpath *fastpath = context;

	for (unsigned int way = 0; way < 2; way++) {
		uint32_t interface = fastpath->program->slots[index].side[way].interface;
		struct flow_key4 ipv4;
		struct flow_key6 ipv6;

		if (!interface)
			continue;
		if (address_is_ipv4(&arrives[way].source.address)) {
			flow_key4(&ipv4, &arrives[way], interface);
			program_remove(fastpath->program, FAMILY_IPV4, &ipv4);
		} else {
			flow_key6(&ipv6, &arrives[way], interface);
			program_remove(fastpath->program, FAMILY_IPV6, &ipv6);
		}
	}
}

struct engine_fastpath fastpath_for_engine(struct fastpath *fastpath)
{
	return (struct engine_fastpath){
		.context = fastpath,
		.slots = fastpath->program->slots,
		.identifications = fastpath->program->identifications,
		.recall = recall,
	};
}

/* ------------------------------------------------------------------ installing */

/* An interface whose packets the program understands. */
static const struct link *usable_link(const struct link_table *links, uint32_t interface)
{
	const struct link *link = link_lookup(links, interface);

	return link && link->up && link->type == ARPHRD_ETHER && interface <= FLOW_INTERFACE_MOST ? link : NULL;
}

static bool put_direction(struct fastpath *fastpath, struct flow_plan plan, uint32_t interface,
			  const struct link_table *links)
{
	const struct link *in = usable_link(links, interface), *out = usable_link(links, plan.route->interface);

	if (!in || !out || program_attach(fastpath->program, interface) < 0) {
		fastpath->failures.no_interface++;
		return false;
	}
	plan.mtu = plan.route->mtu && plan.route->mtu < out->mtu ? plan.route->mtu : out->mtu;
	fastpath->program->slots[plan.slot].side[plan.way].interface = interface;
	if (put(fastpath, &plan, interface) == 0)
		return true;
	fastpath->failures.no_room++;
	return false;
}

/* The ways of a session's packets: there, as @way, and back. */
struct ways {
	enum direction way, back;
	uint32_t iif, mark;
	struct route forth, home;
};

/* Both ways as the kernel routes them: after a destination, before a source is translated. */
static bool ask_ways(struct fastpath *fastpath, struct routes *routes, const struct engine_flow *flow,
		     struct ways *ways)
{
	enum direction way = ways->way, back = ways->back;
	bool forwards =
	    routes_forward(routes, &flow->arrives[way].source.address, &flow->leaves[way].destination.address,
			   ways->iif, ways->mark, &ways->forth) &&
	    routes_forward(routes, &flow->arrives[back].source.address, &flow->leaves[back].destination.address,
			   ways->forth.interface, ways->mark, &ways->home);

	fastpath->failures.no_route += !forwards;
	return forwards;
}

static bool put_session(struct fastpath *fastpath, uint32_t slot, const struct engine_flow *flow,
			const struct ways *ways, const struct link_table *links)
{
	struct flow_plan there = { .slot = slot, .way = ways->way, .flow = flow, .route = &ways->forth };
	struct flow_plan back = { .slot = slot, .way = ways->back, .flow = flow, .route = &ways->home };

	return put_direction(fastpath, there, ways->iif, links) &&
	       put_direction(fastpath, back, ways->forth.interface, links);
}

void fastpath_install(struct fastpath *fastpath, struct engine *engine, struct routes *routes,
		      const struct link_table *links, const struct offer *offer, struct mono now)
{
	struct ways ways = {
		.way = offer->direction,
		.back = direction_opposite(offer->direction),
		.iif = offer->iif,
		.mark = offer->mark,
	};
	uint32_t slot = offer->handle.index;
	struct engine_flow flow;

	if (!engine_lend(engine, offer->handle, &flow))
		return;
	fastpath->program->slots[slot].mark = ways.mark;
	if (ask_ways(fastpath, routes, &flow, &ways) && put_session(fastpath, slot, &flow, &ways, links))
		return;
	engine_recall(engine, offer->handle, now);
}

/* ------------------------------------------------- sessions of an earlier process */

/* Has a lent session asked for this? */
static bool is_asked_for(const struct fastpath *fastpath, const struct engine *engine, enum family family,
			 const void *key, const void *value)
{
	const struct flow *found = value; /* first in both */
	struct session_handle handle;
	struct engine_flow flow;
	struct flow_key4 key4;
	struct flow_key6 key6;
	uint32_t interface;

	if (found->direction > DIRECTION_REPLY || !engine_lent(engine, found->slot, &handle, &flow) ||
	    address_family(&flow.arrives[0].source.address) != family)
		return false;
	interface = fastpath->program->slots[found->slot].side[found->direction].interface;
	if (family == FAMILY_IPV4) {
		flow_key4(&key4, &flow.arrives[found->direction], interface);
		return !memcmp(&key4, key, sizeof(key4)) && flow_leaves4(value, &flow.leaves[found->direction]);
	}
	flow_key6(&key6, &flow.arrives[found->direction], interface);
	return !memcmp(&key6, key, sizeof(key6)) && flow_leaves6(value, &flow.leaves[found->direction]);
}

static int sift(const struct fastpath *fastpath, const struct engine *engine, enum family family, uint32_t *removed)
{
	size_t key_size = family == FAMILY_IPV4 ? sizeof(struct flow_key4) : sizeof(struct flow_key6);
	size_t value_size = family == FAMILY_IPV4 ? sizeof(struct flow4) : sizeof(struct flow6);
	struct program_batch batch = { .keys = malloc(PROGRAM_BATCH * key_size),
				       .values = malloc(PROGRAM_BATCH * value_size) };
	int error = batch.keys && batch.values ? 0 : -ENOMEM;

	while (!error && !batch.last) {
		error = program_read(fastpath->program, family, &batch);
		for (uint32_t i = 0; !error && i < batch.count; i++) {
			const uint8_t *key = (const uint8_t *)batch.keys + i * key_size;
			const uint8_t *value = (const uint8_t *)batch.values + i * value_size;

			if (is_asked_for(fastpath, engine, family, key, value))
				continue;
			program_remove(fastpath->program, family, key);
			++*removed;
		}
	}
	free(batch.keys);
	free(batch.values);
	return error;
}

int fastpath_reconcile(struct fastpath *fastpath, const struct engine *engine, uint32_t *removed)
{
	int error;

	*removed = 0;
	error = sift(fastpath, engine, FAMILY_IPV4, removed);
	return error ? error : sift(fastpath, engine, FAMILY_IPV6, removed);
}

bool fastpath_renew(struct fastpath *fastpath, struct engine *engine, struct routes *routes,
		    const struct link_table *links, uint32_t budget)
{
	struct session_handle handle;
	struct engine_flow flow;

	for (; fastpath->renewed < fastpath->program->capacity && budget; fastpath->renewed++) {
		uint32_t index = fastpath->renewed;
		const struct fastpath_slot *slot = &fastpath->program->slots[index];
		struct ways ways = { .way = DIRECTION_ORIGINAL, .back = DIRECTION_REPLY, .mark = slot->mark };

		if (!engine_lent(engine, index, &handle, &flow))
			continue;
		budget--;
		ways.iif = slot->side[DIRECTION_ORIGINAL].interface;
		/* Answers that come in elsewhere now would leave an element behind where they came in before. */
		if (ways.iif && ask_ways(fastpath, routes, &flow, &ways) &&
		    ways.forth.interface == slot->side[DIRECTION_REPLY].interface &&
		    put_session(fastpath, index, &flow, &ways, links))
			continue;
		engine_recall(engine, handle, loop_now());
	}
	return fastpath->renewed < fastpath->program->capacity;
}
