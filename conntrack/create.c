/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a session begins, in two phases: reserved and translated, then linked and
 * confirmed, or cancelled without a trace.
 */
#include "conntrack/follow.h"
#include "conntrack/gre.h"

/* Sessions given up for the mapping of one: a host and a peer may both be wanted. */
#define ROOM_TRIES 2

/* Fills a reserved slot: the tuples say what was decided about the destination. */
static enum reason fill_session(struct passage *passage, uint32_t index, const union track *track)
{
	struct table *table = &passage->engine->table;
	struct tuple reply = tuple_invert(&passage->context.view);
	struct session *session = table_session(table, index);

	if (!table_set_tuples(table, index, &passage->original, &reply)) {
		table_release(table, index);
		return REASON_TABLE_FULL;
	}
	passage->index = index;
	passage->session = session;
	passage->direction = DIRECTION_ORIGINAL;
	session->track = *track;
	if (passage->context.ct_state == CT_STATE_RELATED)
		session->flags |= SESSION_RELATED;
	if (passage->helper)
		session->flags |= SESSION_FOLLOWED;
	return REASON_NONE;
}

void create_cancel(struct passage *passage)
{
	nat_cancel(passage);
	gre_leave(passage);
	table_release(&passage->engine->table, passage->index);
	passage->session = NULL;
	passage->index = SESSION_NONE;
}

/* The source translation a new session gets, whether a rule or a need of ours asks for it. */
static enum reason decide_source(struct passage *passage)
{
	struct nat_request hairpin = { .kind = NAT_SNAT, .has_address = true };
	enum hook hook = passage->meta->hook;

	if (passage->has_snat)
		return nat_source(passage, &passage->snat);
	if (hook == HOOK_FORWARD && enter_hairpin(passage, &hairpin))
		return nat_source(passage, &hairpin);
	/*
	 * Hairpinning (RFC 4787 REQ-9): a packet that goes back where it came from by
	 * way of an external address carries that address as its source, else the
	 * answer would bypass the router.
	 */
	if (hook == HOOK_FORWARD && passage->meta->iif == passage->meta->oif &&
	    !endpoint_equal(&passage->original.destination, &passage->context.view.destination)) {
		hairpin.address_first = hairpin.address_last = passage->original.destination.address;
		return nat_source(passage, &hairpin);
	}
	return hook == HOOK_FORWARD ? REASON_NONE : nat_local(passage);
}

/* What has room for fewer than the table is made room in as the table is. */
static enum reason translate_source(struct passage *passage)
{
	enum reason reason = decide_source(passage);

	for (unsigned int tries = 0; tries < ROOM_TRIES && reason == REASON_TABLE_FULL; tries++) {
		if (passage->trace || !admit_make_room(passage->engine))
			break;
		reason = decide_source(passage);
	}
	return reason;
}

bool create_is_taken(const struct table *table, const struct table_key *reply)
{
	enum direction direction;
	uint32_t index = table_find(table, reply, &direction);

	/* A hole gives way to the session that it was made for. */
	return index != SESSION_NONE &&
	       !(direction == DIRECTION_ORIGINAL && table_session(table, index)->flags & SESSION_HOLE);
}

bool create_clashes(const struct table *table, const struct tuple *original, const struct table_key *reply)
{
	const struct tuple *answer = &reply->tuple;
	struct tuple middle = { original->source, answer->source, original->protocol, 0 };
	enum direction direction;

	if (create_is_taken(table, reply))
		return true;
	/* Translated at both ends? */
	return !endpoint_equal(&original->source, &answer->destination) &&
	       !endpoint_equal(&original->destination, &answer->source) &&
	       table_lookup_middle(table, &middle, &direction) != SESSION_NONE;
}

/* The keys that the new session stands under: mostly somebody looked there already. */
static struct table_key original_key(const struct passage *passage)
{
	if (tuple_same_ends(&passage->key.tuple, &passage->original))
		return passage->key;
	return table_key(&passage->engine->table, &passage->original);
}

static struct table_key reply_key(const struct passage *passage)
{
	struct tuple reply = table_tuple(&passage->engine->table, passage->session, DIRECTION_REPLY);

	if (tuple_same_ends(&passage->reply.tuple, &reply))
		return passage->reply;
	if (tuple_same_ends(&passage->inverse.tuple, &reply))
		return passage->inverse;
	return table_key(&passage->engine->table, &reply);
}

/* How its mappings were made: what a later process needs to make them again (recover.c). */
static void note_mappings(struct engine *engine, struct session *session)
{
	uint32_t entered = enter_mapping_of(engine, session);

	session->mapped_as[0] = mapping_manner(engine->mappings, session->mapping);
	session->mapped_as[1] = mapping_manner(engine->mappings, entered);
}

static struct table_key peer_key(const struct passage *passage, const struct tuple *reply)
{
	struct endpoint peer = table_peer(&passage->engine->table, passage->session);

	if (endpoint_equal(&passage->peer.tuple.destination, &reply->destination) &&
	    address_equal(&passage->peer.tuple.source.address, &peer.address))
		return passage->peer;
	return table_peer_key(&passage->engine->table, reply->protocol, &reply->destination, &peer.address);
}

/* Translates the source; @reply: how the session is answered, and nobody else is. */
static enum reason settle_reply(struct passage *passage, struct table_key *reply)
{
	const struct table *table = &passage->engine->table;
	enum reason reason = translate_source(passage);

	if (reason == REASON_NONE && passage->session->flags & SESSION_ENTERED)
		reason = enter_settle(passage);
	if (reason != REASON_NONE)
		return reason;
	*reply = reply_key(passage);
	if (create_clashes(table, &passage->original, reply) || gre_contends(passage, &reply->tuple))
		return REASON_TUPLE_CLASH;
	return REASON_NONE;
}

/*
 * Reserves, translates and links a judged first packet's session, or leaves
 * nothing. A session that prerouting reserved is already linked.
 */
enum reason create_commit(struct passage *passage, const union track *track, const struct track_result *opened)
{
	struct engine *engine = passage->engine;
	enum hook hook = passage->meta->hook;
	struct table_key original, reply, peer;
	enum reason reason;
	uint32_t index;

	if (passage->session) {
		table_unlink(&engine->table, passage->index);
		passage->session->track = *track;
	} else {
		reason = admit(passage, &index);
		if (reason == REASON_NONE)
			reason = fill_session(passage, index, track);
		if (reason != REASON_NONE)
			return reason;
	}
	reason = settle_reply(passage, &reply);
	if (gre_tell_apart(passage, reason))
		reason = settle_reply(passage, &reply);
	if (reason != REASON_NONE) {
		create_cancel(passage);
		return reason;
	}
	if (passage->trace)
		/* Decided; what was taken for it goes back with create_cancel(). */
		return passage->session->flags & SESSION_HOLE ? REASON_FILTERED : REASON_NONE;
	if (hook == HOOK_INPUT || hook == HOOK_OUTPUT)
		passage->session->flags |= SESSION_LOCAL;
	passage->session->rule = place_of_rule(engine, passage->rule);
	passage->session->mark = passage->context.ct_mark;
	enter_begin(engine, passage->session, &reply);
	gre_begin(passage, &reply.tuple);
	note_mappings(engine, passage->session);
	original = original_key(passage);
	peer = peer_key(passage, &reply.tuple);
	table_link_as(&engine->table, passage->index, &original, &reply, &peer);
	table_confirm(&engine->table, passage->index, opened->timeout, passage->now);
	admit_count(engine, passage->index);
	engine->counters.created++;
	session_count(passage);
	session_announce(engine, passage->index, SESSION_NEW);
	if (passage->session->mapping != MAPPING_NONE)
		mapping_announce(engine->mappings, passage->session->mapping);
	if (passage->session->flags & SESSION_HOLE) {
		enter_refused(passage);
		return REASON_FILTERED;
	}
	held_syns_cancel(&engine->held_syns, &reply.tuple);
	witness_opened(passage);
	follow_fulfil(passage);
	follow_begin(passage);
	return REASON_NONE;
}

/* Reserves the session of a first packet that prerouting decided something about. */
enum reason create_reserve(struct passage *passage)
{
	static const union track untouched;
	struct table *table = &passage->engine->table;
	enum direction ignored;
	uint32_t index;
	enum reason reason = admit(passage, &index);

	if (reason == REASON_NONE)
		reason = fill_session(passage, index, &untouched);
	if (reason != REASON_NONE)
		return reason;
	passage->session->mark = passage->context.ct_mark;
	gre_reserve(passage);
	/* It will come to the next hook as that tuple, and must be told from others there. */
	while (table_lookup_middle(table, &passage->context.view, &ignored) != SESSION_NONE) {
		if (gre_tell_apart(passage, REASON_TUPLE_CLASH))
			continue;
		create_cancel(passage);
		return REASON_TUPLE_CLASH;
	}
	table_link(table, index);
	return REASON_NONE;
}
