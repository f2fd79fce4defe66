/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/gre.h"

#include "conntrack/engine_private.h"

bool gre_enter(struct passage *passage)
{
	struct tuple numbered;

	if (!packet_is_keyed(&passage->packet))
		return false;
	numbered = gre_numbered(&passage->packet.tuple, passage->packet.gre.key);
	passage->packet.tuple = passage->original = passage->context.view = numbered;
	return true;
}

/* Each of them by itself: between two hooks they differ. */
void gre_leave(struct passage *passage)
{
	passage->packet.tuple = gre_plain(&passage->packet.tuple);
	passage->original = gre_plain(&passage->original);
	passage->context.view = gre_plain(&passage->context.view);
}

/* The session that has @tuple, if that is a tunnel's; a hole stands for none. */
static const struct session *tunnel_at(const struct engine *engine, const struct tuple *tuple)
{
	enum direction direction;
	uint32_t index = table_lookup(&engine->table, tuple, &direction);
	const struct session *session = index != SESSION_NONE ? table_session(&engine->table, index) : NULL;

	return session && !(session->flags & SESSION_HOLE) ? session : NULL;
}

/* Is @key that of a tunnel that is answered by @reply and told by it? */
static bool is_taken(const struct engine *engine, const struct tuple *reply, uint32_t key)
{
	struct tuple numbered = gre_numbered(reply, key);
	const struct session *tunnel = tunnel_at(engine, &numbered);

	return tunnel && gre_is_of(tunnel, key);
}

enum reason gre_judge(const struct passage *passage)
{
	const struct session *session = passage->session;
	const struct packet *packet = &passage->packet;
	struct tuple reply;

	if (session->protocol != PROTOCOL_GRE || gre_is_keyed(session) || session->flags & SESSION_HOLE)
		return REASON_NONE;
	if (passage->direction == DIRECTION_REPLY) {
		if (!session->track.gre.shared)
			return REASON_NONE;
		if (packet->later_fragment)
			return REASON_BAD_FRAGMENT;
		return !packet->gre.keyed || track_gre_knows(&session->track.gre, packet->gre.key) ? REASON_NONE
												   : REASON_INVALID;
	}
	if (!packet_is_keyed(packet))
		return REASON_NONE;
	reply = table_tuple(&passage->engine->table, session, DIRECTION_REPLY);
	return is_taken(passage->engine, &reply, packet->gre.key) ? REASON_TUPLE_CLASH : REASON_NONE;
}

bool gre_contends(const struct passage *passage, const struct tuple *reply)
{
	const struct packet *packet = &passage->packet;
	const struct session *tunnel;
	struct tuple other;

	if (!packet_is_keyed(packet))
		return false;
	if (reply->source.port.raw) {
		other = gre_plain(reply);
		tunnel = tunnel_at(passage->engine, &other);
		return tunnel && track_gre_knows(&tunnel->track.gre, packet->gre.key);
	}
	other = gre_numbered(reply, packet->gre.key);
	return is_taken(passage->engine, reply, packet->gre.key) ||
	       mapping_rests(passage->engine->mappings, other.protocol, &other.destination, &other.source);
}

bool gre_tell_apart(struct passage *passage, enum reason reason)
{
	struct table *table = &passage->engine->table;
	struct tuple numbered, reply;
	enum direction direction;

	if ((reason != REASON_DESTINATION_EXHAUSTED && reason != REASON_TUPLE_CLASH) ||
	    !packet_is_keyed(&passage->packet) || gre_is_keyed(passage->session) ||
	    passage->session->flags & (SESSION_ENTERED | SESSION_HOLE))
		return false;
	numbered = gre_numbered(&passage->original, passage->packet.gre.key);
	if (table_lookup(table, &numbered, &direction) != SESSION_NONE)
		return false;
	nat_cancel(passage);
	passage->original = numbered;
	passage->context.view = gre_numbered(&passage->context.view, passage->packet.gre.key);
	passage->packet.tuple = gre_numbered(&passage->packet.tuple, passage->packet.gre.key);
	reply = tuple_invert(&passage->context.view);
	return table_set_tuples(table, passage->index, &passage->original, &reply);
}

void gre_reserve(const struct passage *passage)
{
	struct session *session = passage->session;

	if (packet_is_keyed(&passage->packet))
		session->track.gre = (struct track_gre){ .keys = { passage->packet.gre.key }, .count = 1 };
}

void gre_begin(const struct passage *passage, const struct tuple *reply)
{
	struct table *table = &passage->engine->table;
	enum direction direction;
	struct tuple plain;
	uint32_t index;

	if (!gre_is_keyed(passage->session))
		return;
	plain = gre_plain(reply);
	index = table_lookup(table, &plain, &direction);
	if (index != SESSION_NONE)
		table_session(table, index)->track.gre.shared = true;
}

bool gre_quote_fits(const struct session *session, enum direction direction, const struct packet_quote *quote)
{
	if (session->protocol != PROTOCOL_GRE || gre_is_keyed(session) || !session->track.gre.shared ||
	    direction != DIRECTION_REPLY)
		return true;
	if (quote->fragment || quote->gre.cut)
		return false;
	return !quote->gre.keyed || track_gre_knows(&session->track.gre, quote->gre.key);
}
