/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What would become of a packet.
 *
 * Theory of operation. A packet is made up and taken through engine_pass(), hook by
 * hook, as a real one would be: one pipeline, so the answer cannot differ from the deed.
 * What makes it a rehearsal is passage->trace: rules are rehearsed instead of evaluated
 * (rules/rehearse.c), nobody is evicted, and a session that was decided is not
 * confirmed. What it then holds, a slot and a port, is given back as after any
 * refusal; peaks, refusals, counters and the random generator are put back. Since the
 * generator is put back too, the port named here is the one the next packet gets.
 *
 * A packet of a session that exists is not tracked: it has no sequence numbers to be
 * judged by. Its rules are rehearsed, and its translation is the session's.
 */
#include <errno.h>

#include "conntrack/engine_private.h"
#include "conntrack/gre.h"
#include "conntrack/locality.h"
#include "conntrack/probe.h"

struct rehearsal {
	struct engine *engine;
	const struct question *question;
	struct explanation *explanation;
	struct packet_meta meta;
	struct passage passage;
	struct session_handle reserved; /* by prerouting */
	bool has_reserved;
	bool notrack; /* a rule before routing said so */
	uint8_t bytes[PROBE_SIZE];
	size_t length;
};

/* ------------------------------------------------------------------ the way */

static bool is_local(const struct engine *engine, const struct address *address)
{
	switch (locality_of(&engine->link_table, address, NULL)) {
	case ADDRESS_TYPE_LOCAL:
	case ADDRESS_TYPE_BROADCAST:
	case ADDRESS_TYPE_MULTICAST:
		return true;
	default:
		return false;
	}
}

static bool shares_network(const struct link_address *own, const struct address *address)
{
	unsigned int bits = own->prefix_length + (address_is_ipv4(&own->address) ? 96U : 0U);

	for (unsigned int bit = 0; bit < bits && bit < 128; bit++)
		if ((own->address.bytes[bit / 8] ^ address->bytes[bit / 8]) & (0x80U >> bit % 8))
			return false;
	return true;
}

/* By the shell's routes; without any, the interface on whose network it is. 0: none. */
static uint32_t interface_towards(const struct engine *engine, const struct address *address, uint32_t mark)
{
	const struct link_table *links = &engine->link_table;

	if (engine->oracle.route_interface)
		return engine->oracle.route_interface(engine->oracle.context, address, 0, mark);
	for (size_t i = 0; i < links->count; i++)
		for (unsigned int j = 0; j < links->links[i].address_count; j++)
			if (shares_network(&links->links[i].addresses[j], address))
				return links->links[i].index;
	return 0;
}

static void begin_passage(struct rehearsal *rehearsal, enum hook hook)
{
	struct engine *engine = rehearsal->engine;
	struct passage *passage = &rehearsal->passage;
	struct explanation *explanation = rehearsal->explanation;

	rehearsal->meta.hook = hook;
	rehearsal->meta.iif = hook == HOOK_OUTPUT ? 0 : explanation->iif;
	rehearsal->meta.oif = hook == HOOK_FORWARD || hook == HOOK_OUTPUT ? explanation->oif : 0;
	*passage = (struct passage){
		.engine = engine,
		.meta = &rehearsal->meta,
		.now = engine->now,
		.index = SESSION_NONE,
		.rule = RULE_NONE,
		.trace = &explanation->trace,
		.notrack = rehearsal->notrack,
	};
	passage->context.packet = &passage->packet;
	passage->context.now = engine->now;
	passage->context.mark = rehearsal->meta.mark;
	passage->context.random = engine_random(engine);
	passage->context.oracle = &engine->rule_oracle;
	explanation->path[explanation->path_count++] = hook;
}

/* The packet in question, as it is with @tuple; false: none is. */
static bool compose(struct rehearsal *rehearsal, const struct tuple *tuple, bool first)
{
	const struct question *question = rehearsal->question;

	rehearsal->length = probe_compose(tuple, first, rehearsal->bytes);
	if (rehearsal->length && question->keyed && tuple->protocol == PROTOCOL_GRE)
		probe_put_key(tuple, question->key, rehearsal->bytes);
	return rehearsal->length &&
	       packet_parse(&rehearsal->passage.packet, rehearsal->bytes, rehearsal->length) == REASON_NONE;
}

/* Postrouting is asked together with the hook before it. */
static void end_passage(struct rehearsal *rehearsal, enum hook hook, enum reason reason)
{
	struct explanation *explanation = rehearsal->explanation;
	const struct rule_trace *trace = &explanation->trace;

	explanation->reason = reason;
	explanation->rule = rehearsal->passage.rule;
	rehearsal->meta.mark = rehearsal->passage.context.mark;
	if (hook != HOOK_FORWARD && hook != HOOK_OUTPUT)
		return;
	if ((reason != REASON_POLICY && reason != REASON_REJECTED) ||
	    (trace->count && trace->list[trace->count - 1].hook == HOOK_POSTROUTING))
		explanation->path[explanation->path_count++] = HOOK_POSTROUTING;
}

/* ---------------------------------------------------------------- single hooks */

/* One hook; true: the packet goes on from there. */
static bool pass(struct rehearsal *rehearsal, enum hook hook)
{
	struct explanation *explanation = rehearsal->explanation;
	struct passage *passage = &rehearsal->passage;
	enum reason reason;

	begin_passage(rehearsal, hook);
	reason = engine_pass(passage, rehearsal->bytes, rehearsal->length);
	end_passage(rehearsal, hook, reason);
	if (reason == REASON_TABLE_FULL && admit_could_evict(rehearsal->engine)) {
		explanation->evicts = true;
		explanation->reason = REASON_NONE;
	}
	explanation->has_pool = !address_is_unspecified(&passage->pool_first);
	explanation->pool_first = passage->pool_first;
	explanation->pool_last = passage->pool_last;
	return reason == REASON_NONE;
}

static void note_mapping(struct rehearsal *rehearsal)
{
	struct explanation *explanation = rehearsal->explanation;
	const struct session *session = rehearsal->passage.session;
	const struct mappings *mappings = rehearsal->engine->mappings;
	struct snapshot_mapping mapping = { .sessions = 0 };
	unsigned int steps = 1;
	uint32_t position;

	if (!session || session->mapping == MAPPING_NONE)
		return;
	position = session->mapping;
	explanation->has_mapping = true;
	explanation->external = mapping_external(mappings, session->mapping);
	explanation->shared =
	    mappings_next(mappings, &position, rehearsal->engine->now, &steps, &mapping) == 1 && mapping.sessions > 1;
}

static void note_session(struct rehearsal *rehearsal, uint32_t index, enum direction direction)
{
	struct explanation *explanation = rehearsal->explanation;

	explanation->has_session = true;
	explanation->direction = direction;
	snapshot_copy_session(rehearsal->engine, index, rehearsal->engine->now, &explanation->session);
}

static bool find_way_out(struct rehearsal *rehearsal, const struct address *to)
{
	struct explanation *explanation = rehearsal->explanation;

	if (!explanation->oif)
		explanation->oif = interface_towards(rehearsal->engine, to, rehearsal->meta.mark);
	if (!explanation->oif)
		explanation->obstacle = OBSTACLE_NO_ROUTE;
	return explanation->oif;
}

/* Behind prerouting: does it look like a packet whose session is being decided, and not by us? */
static bool is_awaited(const struct rehearsal *rehearsal, enum hook hook)
{
	const struct table *table = &rehearsal->engine->table;
	const struct tuple *tuple = &rehearsal->passage.packet.tuple;
	enum direction direction;
	uint32_t index;

	if (hook == HOOK_OUTPUT)
		return false;
	index = table_lookup(table, tuple, &direction);
	if (index == SESSION_NONE)
		index = table_lookup_middle(table, tuple, &direction);
	return index != SESSION_NONE && !(table_session(table, index)->flags & SESSION_CONFIRMED) &&
	       !(rehearsal->has_reserved && index == rehearsal->reserved.index);
}

/* Gives back what the packet reserved, in prerouting or behind. */
static void leave(struct rehearsal *rehearsal)
{
	struct engine *engine = rehearsal->engine;
	struct passage *passage = &rehearsal->passage;
	enum direction direction;
	uint32_t index;

	if (passage->session && !(passage->session->flags & SESSION_CONFIRMED) &&
	    table_lookup(&engine->table, &passage->original, &direction) != passage->index)
		create_cancel(passage);
	if (!rehearsal->has_reserved)
		return;
	index = table_resolve(&engine->table, rehearsal->reserved);
	if (index != SESSION_NONE)
		engine_end_session(engine, index);
}

/* -------------------------------------------------------- packets of sessions */

/* The chains of one hook over a packet that carries @tuple now; true: it goes on. */
static bool judge_session(struct rehearsal *rehearsal, uint32_t index, enum hook hook, const struct tuple *tuple)
{
	const struct link_table *links = &rehearsal->engine->link_table;
	struct explanation *explanation = rehearsal->explanation;
	struct passage *passage = &rehearsal->passage;
	enum reason reason = REASON_BAD_L4_HEADER;

	begin_passage(rehearsal, hook);
	if (compose(rehearsal, tuple, false)) {
		passage->index = index;
		passage->session = table_session(&rehearsal->engine->table, index);
		passage->direction = explanation->direction;
		passage->original = explanation->tuple;
		passage->context.view = *tuple;
		passage->context.iif = link_lookup(links, rehearsal->meta.iif);
		passage->context.oif = link_lookup(links, rehearsal->meta.oif);
		session_describe(passage, session_ct_state(passage));
		reason = gre_judge(passage);
		if (reason == REASON_NONE)
			reason = judge(passage, hook, false);
		if (reason == REASON_NONE && (hook == HOOK_FORWARD || hook == HOOK_OUTPUT))
			reason = judge(passage, HOOK_POSTROUTING, false);
	}
	end_passage(rehearsal, hook, reason);
	return reason == REASON_NONE;
}

static void rehearse_session(struct rehearsal *rehearsal, uint32_t index, bool from_router)
{
	struct explanation *explanation = rehearsal->explanation;
	struct engine *engine = rehearsal->engine;
	struct tuple way = explanation->tuple;
	enum hook hook = HOOK_OUTPUT;

	note_session(rehearsal, index, explanation->direction);
	explanation->leaves = tuple_invert(&explanation->session.tuples[direction_opposite(explanation->direction)]);
	if (!from_router) {
		if (!judge_session(rehearsal, index, HOOK_PREROUTING, &way))
			return;
		way.destination = explanation->leaves.destination;
		hook = is_local(engine, &way.destination.address) ? HOOK_INPUT : HOOK_FORWARD;
		if (hook == HOOK_INPUT)
			explanation->oif = 0;
	}
	if (hook != HOOK_INPUT && !find_way_out(rehearsal, &explanation->leaves.destination.address))
		return;
	(void)judge_session(rehearsal, index, hook, &way);
}

/* The packet in hand turned out to be a session's, in @hook. */
static void join_session(struct rehearsal *rehearsal, enum hook hook)
{
	struct explanation *explanation = rehearsal->explanation;
	const struct session *session = rehearsal->passage.session;
	struct tuple way = rehearsal->passage.packet.tuple;

	note_session(rehearsal, rehearsal->passage.index, rehearsal->passage.direction);
	explanation->leaves = table_translated(&rehearsal->engine->table, session, explanation->direction);
	if (explanation->reason != REASON_NONE)
		return;
	/* The hook was passed without its rules. */
	explanation->path_count = 1;
	(void)judge_session(rehearsal, rehearsal->passage.index, hook, &way);
}

/* ---------------------------------------------------------------- first packets */

static void rehearse_first(struct rehearsal *rehearsal, bool from_router)
{
	struct explanation *explanation = rehearsal->explanation;
	struct passage *passage = &rehearsal->passage;
	const struct address *to = &passage->packet.tuple.destination.address;
	enum hook hook = HOOK_OUTPUT;

	if (from_router) {
		if (!find_way_out(rehearsal, &rehearsal->question->tuple.destination.address))
			return;
	} else {
		if (!pass(rehearsal, HOOK_PREROUTING))
			return;
		rehearsal->notrack = passage->notrack;
		if (passage->session) {
			rehearsal->has_reserved = true;
			rehearsal->reserved = table_handle(&rehearsal->engine->table, passage->index);
		}
		hook = is_local(rehearsal->engine, to) ? HOOK_INPUT : HOOK_FORWARD;
		if (hook == HOOK_INPUT)
			explanation->oif = 0;
		explanation->leaves = passage->packet.tuple;
		if (passage->settled || (hook == HOOK_FORWARD && !find_way_out(rehearsal, to)))
			return;
	}
	if (is_awaited(rehearsal, hook)) {
		explanation->obstacle = OBSTACLE_UNCONFIRMED;
		return;
	}
	if (pass(rehearsal, hook)) {
		explanation->leaves = passage->packet.tuple;
		explanation->untracked = !passage->session;
	}
	/* Behind prerouting it may look like a packet of a session that is translated at both ends. */
	if (passage->session && passage->session->flags & SESSION_CONFIRMED)
		join_session(rehearsal, hook);
	else
		note_mapping(rehearsal);
}

/* ------------------------------------------------------------------- the past */

/* What was too broken to be parsed has no tuple to be found by. */
void explain_remember(struct passage *passage, enum reason reason)
{
	struct recent_entry *entry;

	if (address_is_unspecified(&passage->original.source.address) &&
	    address_is_unspecified(&passage->original.destination.address))
		return;
	entry = recent_add(&passage->engine->recent);
	*entry = (struct recent_entry){
		.at = passage->now,
		.tuple = passage->original,
		.hook = (uint8_t)passage->meta->hook,
		.reason = (uint8_t)reason,
		.place = place_of_rule(passage->engine, passage->rule),
		.iif = passage->meta->iif,
		.oif = passage->meta->oif,
	};
}

static void copy_drop(const struct engine *engine, const struct recent_entry *entry, struct recent_drop *drop)
{
	*drop = (struct recent_drop){
		.tuple = entry->tuple,
		.hook = (enum hook)entry->hook,
		.reason = (enum reason)entry->reason,
		.file = place_file(engine, entry->place),
		.line = place_line(entry->place),
		.iif = entry->iif,
		.oif = entry->oif,
		.at = entry->at,
	};
}

/* The last packets dropped: this way, and what came back. */
static void find_drops(const struct engine *engine, bool any_id, struct explanation *explanation)
{
	struct tuple back = tuple_invert(&explanation->leaves);
	const struct recent_entry *entries[2];

	if (explanation->has_session)
		back = explanation->session.tuples[direction_opposite(explanation->direction)];
	entries[0] = recent_find(&engine->recent, &explanation->tuple, any_id);
	entries[1] = recent_find(&engine->recent, &back, any_id);
	for (int i = 0; i < 2; i++) {
		explanation->has_drop[i] = entries[i];
		if (entries[i])
			copy_drop(engine, entries[i], &explanation->drops[i]);
	}
}

/* ---------------------------------------------------------------- the question */

/* The session that the packet in question belongs to as it comes. */
static uint32_t find_session(struct rehearsal *rehearsal)
{
	const struct question *question = rehearsal->question;
	const struct table *table = &rehearsal->engine->table;
	enum direction *direction = &rehearsal->explanation->direction;
	uint32_t index = SESSION_NONE;

	if (packet_is_keyed(&rehearsal->passage.packet)) {
		struct tuple numbered = gre_numbered(&question->tuple, question->key);

		index = table_lookup(table, &numbered, direction);
		if (index != SESSION_NONE && !gre_is_of(table_session(table, index), question->key))
			index = SESSION_NONE;
	}
	return index != SESSION_NONE ? index : table_lookup(table, &question->tuple, direction);
}

static void rehearse_way(struct rehearsal *rehearsal)
{
	struct explanation *explanation = rehearsal->explanation;
	struct engine *engine = rehearsal->engine;
	const struct tuple *tuple = &explanation->tuple;
	bool from_router = !explanation->iif && is_local(engine, &tuple->source.address);
	uint32_t index;

	if (!from_router && !explanation->iif)
		explanation->iif = interface_towards(engine, &tuple->source.address, 0);
	if (from_router && is_local(engine, &tuple->destination.address)) {
		explanation->obstacle = OBSTACLE_LOOPBACK;
		return;
	}
	index = find_session(rehearsal);
	if (index == SESSION_NONE) {
		rehearse_first(rehearsal, from_router);
		leave(rehearsal);
	} else if (table_session(&engine->table, index)->flags & SESSION_HOLE) {
		/* Sent to an external endpoint that did not admit it, and does not yet (enter.c). */
		explanation->path[explanation->path_count++] = HOOK_PREROUTING;
		explanation->reason = REASON_FILTERED;
		note_session(rehearsal, index, explanation->direction);
	} else if (table_session(&engine->table, index)->flags & SESSION_CONFIRMED) {
		rehearse_session(rehearsal, index, from_router);
	} else {
		explanation->obstacle = OBSTACLE_UNCONFIRMED;
	}
}

int engine_explain(struct engine *engine, const struct question *question, struct mono now,
		   struct explanation *explanation)
{
	struct rehearsal rehearsal = {
		.engine = engine,
		.question = question,
		.explanation = explanation,
		.meta = { .checksum_verified = true },
	};
	static const struct mappings_watcher nobody = { NULL, NULL };
	struct engine_counters counters = engine->counters;
	struct pools_copy *pools;
	uint64_t random[4];

	*explanation = (struct explanation){
		.tuple = question->tuple,
		.leaves = question->tuple,
		.iif = question->iif,
		.oif = question->oif,
		.trace = { .list = explanation->matches, .capacity = EXPLAIN_RULES },
		.rule = RULE_NONE,
	};
	if (!engine->configuration)
		return -ENOENT;
	if (!compose(&rehearsal, &question->tuple, true) ||
	    !tuple_equal(&rehearsal.passage.packet.tuple, &question->tuple))
		return -EINVAL;
	pools = pools_save(mappings_pools_const(engine->mappings));
	if (!pools)
		return -ENOMEM;
	memcpy(random, engine->random, sizeof(random));
	engine->now = now;
	mappings_watch(engine->mappings, &nobody);
	rehearse_way(&rehearsal);
	explanation->leaves = gre_plain(&explanation->leaves);
	if (question->tuple.protocol == PROTOCOL_GRE)
		explanation->external.port = (struct be16){ 0 };
	mapping_effects_choose(engine);
	memcpy(engine->random, random, sizeof(random));
	engine->counters = counters;
	pools_restore(mappings_pools(engine->mappings), pools);
	find_drops(engine, question->any_id, explanation);
	return 0;
}
