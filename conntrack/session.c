/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session's life as rules and listeners see it: what it is called, what a packet
 * does to it, how it ends. How it begins is in create.c.
 */
#include "conntrack/follow.h"
#include "conntrack/gre.h"

/* What rules may know of the session; without one, of the session that may become. */
void session_describe(struct passage *passage, uint8_t ct_state)
{
	struct rule_context *context = &passage->context;
	const struct session *session = passage->session;

	context->ct_state = ct_state;
	context->ct_original = &passage->original;
	context->ct_direction = passage->direction;
	if (!session)
		return;
	context->ct_original = &passage->tuples[DIRECTION_ORIGINAL];
	context->ct_reply = &passage->tuples[DIRECTION_REPLY];
	context->ct_mark = session->mark;
	context->ct_status = (uint8_t)((session->flags & SESSION_SEEN_REPLY ? CT_STATUS_SEEN_REPLY : 0) |
				       (session->flags & SESSION_ASSURED ? CT_STATUS_ASSURED : 0) |
				       (session->flags & SESSION_CONFIRMED ? CT_STATUS_CONFIRMED : 0) |
				       (session_nat(session) & SESSION_NAT_SNAT ? CT_STATUS_SNAT : 0) |
				       (session_nat(session) & SESSION_NAT_DNAT ? CT_STATUS_DNAT : 0));
}

void session_tell_tuples(struct passage *passage)
{
	for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++)
		passage->tuples[way] = table_tuple(&passage->engine->table, passage->session, way);
}

uint8_t session_ct_state(const struct passage *passage)
{
	const struct session *session = passage->session;

	if (passage->direction == DIRECTION_REPLY || (session->flags & SESSION_SEEN_REPLY))
		return CT_STATE_ESTABLISHED;
	return session->flags & SESSION_RELATED ? CT_STATE_RELATED : CT_STATE_NEW;
}

void session_announce(struct engine *engine, uint32_t index, enum session_event event)
{
	const struct session *session = table_session(&engine->table, index);
	struct effect *effect =
	    engine->sessions_watched ? outbox_add(&engine->outbox, EFFECT_SESSION_EVENT, engine->now) : NULL;
	struct tuple original, reply;

	if (!effect)
		return;
	effect->session.handle = table_handle(&engine->table, index);
	effect->session.event = event;
	effect->session.state = session->list;
	effect->session.seen_reply = session->flags & SESSION_SEEN_REPLY;
	effect->session.assured = session->flags & SESSION_ASSURED;
	for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++) {
		effect->session.packets[way] = session_packets(session, way);
		effect->session.bytes[way] = session_bytes(session, way);
	}
	original = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);
	reply = table_tuple(&engine->table, session, DIRECTION_REPLY);
	effect->session.original = gre_plain(&original);
	effect->session.reply = gre_plain(&reply);
	effect->session.keyed = gre_is_keyed(session);
	effect->session.key = effect->session.keyed ? session->track.gre.keys[0] : 0;
}

void engine_watch_sessions(struct engine *engine, bool wanted)
{
	engine->sessions_watched = wanted;
}

/* Whichever end is outside: the other one may be an external endpoint that somebody waits for. */
static void tell_unmapped(struct engine *engine, const struct session *session)
{
	for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++) {
		struct tuple tuple = table_tuple(&engine->table, session, way);

		mappings_unmapped_ended(engine->mappings, tuple.protocol, &tuple.destination, &tuple.source);
	}
}

void engine_end_session(struct engine *engine, uint32_t index)
{
	const struct session *session = table_session(&engine->table, index);
	struct endpoint peer = table_peer(&engine->table, session);

	if (session->flags & SESSION_LENT)
		fastpath_recall(engine, index);
	if (session->flags & SESSION_CONFIRMED) {
		witness_ended(engine, index);
		session_announce(engine, index, SESSION_DESTROY);
		admit_uncount(engine, index);
	}
	follow_end(engine, index);
	table_unlink(&engine->table, index);
	if (session->mapping != MAPPING_NONE)
		mapping_release(engine->mappings, session->mapping, &peer, engine->now);
	else
		tell_unmapped(engine, session);
	enter_end(engine, session);
	table_release(&engine->table, index);
}

void session_count(struct passage *passage)
{
	session_add_packets(passage->session, passage->direction, 1, passage->packet.length);
}

/* Is there something in it for the witness? Most packets of an established session say no. */
static bool is_remarkable(const struct passage *passage, uint8_t list, uint16_t flags)
{
	const struct session *session = passage->session;

	if (session->flags != flags)
		return true;
	if (session->list != list)
		return list <= TIMEOUT_TCP_SYN_RECEIVED || session->list == TIMEOUT_TCP_CLOSE;
	return witness_reads(&passage->packet);
}

/* What listeners tell apart: an established connection may wait for an acknowledgement and is the same to them. */
static uint8_t shown_class(uint8_t list)
{
	return list == TIMEOUT_TCP_UNACKNOWLEDGED || list == TIMEOUT_TCP_RETRANSMITTING ? TIMEOUT_TCP_ESTABLISHED
											: list;
}

/*
 * The packet has passed the rules: let it act on its session. Its protocol's
 * tracker has already said that it belongs.
 */
void session_advance(struct passage *passage, const struct track_result *result)
{
	struct session *session = passage->session;
	uint16_t flags = session->flags;
	uint8_t before = session->list;

	session_count(passage);
	session->mark = passage->context.ct_mark;
	if (passage->direction == DIRECTION_REPLY)
		session->flags |= SESSION_SEEN_REPLY;
	if (result->assured)
		session->flags |= SESSION_ASSURED;
	if (result->refresh || result->timeout != before)
		table_refresh(&passage->engine->table, passage->index, result->timeout, passage->now);
	if (session->list != before)
		admit_reclass(passage->engine, passage->index, before);
	if (shown_class(session->list) != shown_class(before) || session->flags != flags)
		session_announce(passage->engine, passage->index, SESSION_UPDATE);
	if (is_remarkable(passage, before, flags) || result->retransmission)
		witness_advanced(passage, result, before, flags);
	fastpath_consider(passage);
}
