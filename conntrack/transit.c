/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which session a packet belongs to, also between prerouting and the hook that settles it.
 *
 * Theory of operation. A packet whose destination was translated before routing comes to
 * the next hook with a tuple that may be another session's own: a host inside can
 * reach another directly and, from the same port, by an external endpoint. So
 * what is on its way to a translation of both ends carries a bit of the packet mark, the
 * neighbour of the one that says `settled`; it is taken off in the next hook, before any rule
 * looks. So does an answer to the gateway itself, to a port that it has instead of one that
 * a mapping holds. Where something else overwrites marks the bit does not arrive: then, as long
 * as none of a session's packets has come with it, the tuple alone must do.
 */
#include "conntrack/engine_private.h"
#include "conntrack/gre.h"

static uint32_t transit_bit(const struct engine *engine)
{
	uint32_t settled = engine->settings.mark;

	return settled > 1 ? settled >> 1 : settled << 1;
}

/* May a packet that is translated before routing look like one of another session? */
static bool is_mistakable(const struct session *session)
{
	return session_nat(session) == SESSION_NAT_BOTH || session->flags & SESSION_LOCAL;
}

void transit_mark(struct passage *passage)
{
	const struct session *session = passage->session;

	/* Of a reserved session it is not known yet what becomes of the source. */
	if (!(session->flags & SESSION_CONFIRMED) || is_mistakable(session))
		passage->context.mark |= transit_bit(passage->engine);
}

/* The keys of the packet as it is and the other way round: seen before, perhaps. */
static void key_packet(struct passage *passage)
{
	const struct engine_preview *preview = passage->meta->preview;

	if (preview && preview->known && tuple_equal(&preview->tuple, &passage->packet.tuple))
		passage->key = (struct table_key){ preview->tuple, preview->hash };
	else
		passage->key = table_key(&passage->engine->table, &passage->packet.tuple);
}

static void key_inverse(struct passage *passage)
{
	const struct engine_preview *preview = passage->meta->preview;
	struct tuple inverse = tuple_invert(&passage->packet.tuple);

	if (preview && preview->fresh && preview->hash == passage->key.hash)
		passage->inverse = (struct table_key){ inverse, preview->inverse };
	else
		passage->inverse = table_key(&passage->engine->table, &inverse);
}

/* A packet that carries the bit: translated before routing, if any session knows it as that. */
static bool find_carrier(struct passage *passage)
{
	const struct table *table = &passage->engine->table;
	uint32_t bit = transit_bit(passage->engine);

	if (!(passage->meta->mark & bit))
		return false;
	key_inverse(passage);
	passage->index = table_find_middle(table, &passage->key, &passage->inverse, &passage->direction);
	if (passage->index == SESSION_NONE)
		return false;
	passage->context.mark &= ~bit;
	passage->arrived_translated = true;
	if (!passage->trace)
		table_session(table, passage->index)->flags |= SESSION_MARKED;
	return true;
}

static void find_by_tuple(struct passage *passage)
{
	const struct table *table = &passage->engine->table;
	enum hook hook = passage->meta->hook;
	const struct session *session;

	passage->index = table_find(table, &passage->key, &passage->direction);
	if (passage->index != SESSION_NONE || (hook != HOOK_FORWARD && hook != HOOK_INPUT))
		return;
	key_inverse(passage);
	passage->index = table_find_middle(table, &passage->key, &passage->inverse, &passage->direction);
	if (passage->index == SESSION_NONE)
		return;
	session = table_session(table, passage->index);
	/* Its own packets carry the bit: this one went no way but the direct one. */
	if (session->flags & SESSION_MARKED && session->flags & SESSION_CONFIRMED && is_mistakable(session))
		passage->index = SESSION_NONE;
	else
		passage->arrived_translated = true;
}

static bool find(struct passage *passage)
{
	enum hook hook = passage->meta->hook;

	key_packet(passage);
	if ((hook != HOOK_FORWARD && hook != HOOK_INPUT) || !find_carrier(passage))
		find_by_tuple(passage);
	return passage->index != SESSION_NONE;
}

/* A tunnel that is told by its key comes before what goes by addresses. */
static bool find_tunnel(struct passage *passage)
{
	if (!gre_enter(passage))
		return false;
	if (find(passage) && gre_is_of(table_session(&passage->engine->table, passage->index), passage->packet.gre.key))
		return true;
	gre_leave(passage);
	passage->index = SESSION_NONE;
	passage->arrived_translated = false;
	return false;
}

void transit_find_session(struct passage *passage)
{
	if (!find_tunnel(passage) && !find(passage))
		return;
	if (departures_hold(passage->engine, passage->index) && !passage->trace) {
		engine_end_session(passage->engine, passage->index);
		passage->index = SESSION_NONE;
		passage->arrived_translated = false;
		return;
	}
	passage->session = table_session(&passage->engine->table, passage->index);
	/* Sent to itself by way of its external endpoint: on its way it looks like its own answer. */
	if (!(passage->session->flags & SESSION_CONFIRMED) &&
	    endpoint_equal(&passage->packet.tuple.source, &passage->packet.tuple.destination)) {
		passage->direction = DIRECTION_ORIGINAL;
		passage->arrived_translated = true;
	}
	if (passage->arrived_translated)
		passage->original = table_tuple(&passage->engine->table, passage->session, passage->direction);
	if (passage->session->flags & SESSION_LENT)
		fastpath_meet(passage);
}
