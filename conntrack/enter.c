/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To an external endpoint that a mapping has: who may enter (RFC 4787 sections 5 and 6).
 *
 * Theory of operation. The mapping's filtering looks at the sender as the outside would
 * see it. Who comes from outside is judged before routing. For a host inside
 * (hairpinning, REQ-9) its own external endpoint counts; that is known when its source is
 * translated, in forward, so its packet is judged there.
 *
 * A hairpinned packet that is not admitted has been sent all the same, and the
 * sender's own filtering must know it. It leaves a hole (RFC 5128 section 3.3): a session
 * as though the packet had left, from one external endpoint to the other, while the packet
 * is dropped. The other side's packet to the sender's external endpoint then is
 * admitted, and its session takes the hole's place. So two hosts behind this gateway
 * punch holes as two hosts behind different ones do.
 *
 * A session that entered holds the mapping it entered by, beside the one its source may
 * have: a mapping lives as long as packets pass from its inside, whoever began (REQ-6).
 */
#include "conntrack/compose.h"
#include "conntrack/engine_private.h"
#include "conntrack/rewrite.h"

/* The mapping that the session's first packet was sent to; MAPPING_NONE: it is gone. */
static uint32_t entered_mapping(const struct engine *engine, const struct session *session)
{
	struct tuple original = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);
	struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);

	return mapping_lookup_owner(engine->mappings, original.protocol, &original.destination, &reply.destination);
}

/* May @peer, an endpoint outside, send to @external, which @mapping has? */
static bool admits(const struct engine *engine, uint32_t mapping, uint8_t protocol, const struct endpoint *external,
		   const struct endpoint *peer)
{
	struct tuple answer = { .source = *peer, .destination = *external, .protocol = protocol };
	enum direction ignored;

	switch (mapping_filtering(engine->mappings, mapping, engine->settings.filtering)) {
	case BEHAVIOUR_ENDPOINT_INDEPENDENT:
		return true;
	case BEHAVIOUR_ADDRESS_DEPENDENT:
		if (table_knows_peer(&engine->table, protocol, external, &peer->address))
			return true;
		break;
	case BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT:
		break;
	}
	return table_lookup(&engine->table, &answer, &ignored) != SESSION_NONE;
}

/* The mapping that the packet's source already has, seen from where it goes. */
static uint32_t own_mapping(const struct passage *passage)
{
	const struct mappings *mappings = passage->engine->mappings;
	const struct tuple *tuple = &passage->original;

	if (!mappings_of_host(mappings, &tuple->source.address))
		return MAPPING_NONE;
	return mapping_lookup_internal(mappings, tuple->protocol, &tuple->source, &tuple->destination);
}

/*
 * Could the packet come from a host inside? Those that have mappings do; so does what is
 * sent to an address of ours by another interface than that address's own. Forward
 * decides: who is not translated there is from outside.
 */
static bool is_inside(const struct passage *passage)
{
	const struct link_table *links = &passage->engine->link_table;

	if (mappings_of_host(passage->engine->mappings, &passage->original.source.address))
		return true;
	for (size_t i = 0; i < links->count; i++)
		for (unsigned int j = 0; j < links->links[i].address_count; j++)
			if (address_equal(&links->links[i].addresses[j].address,
					  &passage->original.destination.address))
				return links->links[i].index != passage->meta->iif;
	return false;
}

uint32_t enter_lookup(const struct passage *passage)
{
	const struct mappings *mappings = passage->engine->mappings;
	const struct tuple *tuple = &passage->original;
	struct endpoint external;
	uint32_t mapping, own;

	/* A query's destination is no identifier: nothing asks for a host's. */
	if (tuple->protocol == PROTOCOL_ICMP || tuple->protocol == PROTOCOL_ICMPV6)
		return MAPPING_NONE;
	mapping = mapping_lookup_owner(mappings, tuple->protocol, &tuple->destination, &tuple->source);
	if (mapping != MAPPING_NONE)
		return mapping;
	own = own_mapping(passage);
	if (own == MAPPING_NONE)
		return MAPPING_NONE;
	external = mapping_external(mappings, own);
	return mapping_lookup_owner(mappings, tuple->protocol, &tuple->destination, &external);
}

/* Does the packet claim to come from an external endpoint of ours? Those are used here and nowhere else. */
static bool is_spoofed(const struct passage *passage)
{
	const struct mappings *mappings = passage->engine->mappings;
	const struct tuple *tuple = &passage->original;

	return mapping_lookup_owner(mappings, tuple->protocol, &tuple->source, &tuple->destination) != MAPPING_NONE &&
	       !mappings_of_host(mappings, &tuple->source.address);
}

/* An error that quotes no more than it must: whoever asks in another's name gains little by it. */
#define QUOTED_BYTES 8

void enter_refused(struct passage *passage)
{
	struct packet *packet = &passage->packet;

	if (passage->trace || !packet_is_tcp(packet) ||
	    (packet->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return;
	/* It is dropped: what is quoted later is the request as it was sent. */
	if (!tuple_equal(&packet->tuple, &passage->original))
		rewrite_tuple(packet, &passage->original, passage->meta->checksum_unfinished);
	held_syns_add(&passage->engine->held_syns, packet, &passage->original, passage->now);
}

void enter_answer_held(struct engine *engine, struct mono now)
{
	struct held_syn *syn;

	while ((syn = held_syns_next(&engine->held_syns, now)) != NULL) {
		uint8_t *room = outbox_packet(&engine->outbox);
		struct packet packet;
		size_t size;

		if (!room || packet_parse(&packet, syn->bytes, syn->length) != REASON_NONE)
			continue;
		size = (packet.family == FAMILY_IPV4 ? 28U : 48U) + packet.l4_offset + QUOTED_BYTES;
		/* Port unreachable: 3/3, in IPv6 1/4. */
		size =
		    compose_icmp_error(&packet, &syn->tuple.destination.address, packet.family == FAMILY_IPV4 ? 3 : 1,
				       packet.family == FAMILY_IPV4 ? 3 : 4, 0, room, size);
		outbox_inject(&engine->outbox, room, size, now);
	}
}

enum reason enter_may_reserve(const struct passage *passage, uint32_t mapping)
{
	const struct tuple *tuple = &passage->original;

	if (is_spoofed(passage))
		return REASON_MARTIAN;
	if (admits(passage->engine, mapping, tuple->protocol, &tuple->destination, &tuple->source) ||
	    is_inside(passage))
		return REASON_NONE;
	return REASON_FILTERED;
}

bool enter_hairpin(const struct passage *passage, struct nat_request *request)
{
	uint32_t own;

	if (!(passage->session->flags & SESSION_ENTERED) || !is_inside(passage))
		return false;
	*request = (struct nat_request){ .kind = NAT_SNAT, .has_address = true };
	request->address_first = passage->original.destination.address;
	own = own_mapping(passage);
	if (own != MAPPING_NONE)
		request->address_first = mapping_external(passage->engine->mappings, own).address;
	request->address_last = request->address_first;
	return true;
}

enum reason enter_settle(struct passage *passage)
{
	struct engine *engine = passage->engine;
	struct session *session = passage->session;
	struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);
	const struct endpoint *external = &passage->original.destination;
	uint32_t mapping = entered_mapping(engine, session);
	struct endpoint internal;

	/* Who sends to itself has sent there just now. */
	if (mapping != MAPPING_NONE &&
	    (mapping == session->mapping || admits(engine, mapping, reply.protocol, external, &reply.destination))) {
		internal = mapping_internal(engine->mappings, mapping);
		/* Between two hooks it may have gone to another. */
		return endpoint_equal(&internal, &reply.source) ? REASON_NONE : REASON_STALE_TRANSLATION;
	}
	if (session->mapping == MAPPING_NONE || mapping == MAPPING_NONE)
		return REASON_FILTERED;
	reply.source = *external;
	if (!table_set_tuples(&engine->table, passage->index, &passage->original, &reply))
		return REASON_FILTERED;
	session->flags = (uint16_t)((session->flags & ~SESSION_ENTERED) | SESSION_HOLE);
	return REASON_NONE;
}

void enter_begin(struct engine *engine, struct session *session, const struct table_key *reply)
{
	enum direction direction;
	uint32_t hole;

	if (session->flags & SESSION_ENTERED)
		mapping_use(engine->mappings, entered_mapping(engine, session), &reply->tuple.destination);
	hole = table_find(&engine->table, reply, &direction);
	if (hole != SESSION_NONE && direction == DIRECTION_ORIGINAL &&
	    table_session(&engine->table, hole)->flags & SESSION_HOLE)
		engine_end_session(engine, hole);
}

uint32_t enter_mapping_of(const struct engine *engine, const struct session *session)
{
	return session->flags & SESSION_ENTERED ? entered_mapping(engine, session) : MAPPING_NONE;
}

void enter_end(struct engine *engine, const struct session *session)
{
	struct tuple reply;
	uint32_t mapping;

	if (!(session->flags & SESSION_ENTERED) || !(session->flags & SESSION_CONFIRMED))
		return;
	reply = table_tuple(&engine->table, session, DIRECTION_REPLY);
	mapping = entered_mapping(engine, session);
	if (mapping != MAPPING_NONE)
		mapping_release(engine->mappings, mapping, &reply.destination, engine->now);
}

/* The hole's owner is admitted by now: its session goes through to @internal. */
static enum reason open_hole(struct passage *passage, struct tuple *reply, const struct endpoint *internal)
{
	struct table *table = &passage->engine->table;
	struct session *session = passage->session;
	struct table_key key;
	bool done;

	table_unlink(table, passage->index);
	reply->source = *internal;
	key = table_key(table, reply);
	done = !create_clashes(table, &passage->original, &key) &&
	       table_set_tuples(table, passage->index, &passage->original, reply);
	if (done) {
		session->flags = (uint16_t)((session->flags & ~SESSION_HOLE) | SESSION_ENTERED);
		enter_begin(passage->engine, session, &key);
	}
	table_link(table, passage->index);
	return done ? REASON_NONE : REASON_TUPLE_CLASH;
}

enum reason enter_hole(struct passage *passage)
{
	struct engine *engine = passage->engine;
	struct session *session = passage->session;
	struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);
	uint32_t mapping = entered_mapping(engine, session);
	struct track_result result;
	struct endpoint internal;

	/* A packet that nobody sent opens nothing and counts for nothing. */
	if (passage->direction == DIRECTION_REPLY || mapping == MAPPING_NONE || passage->trace)
		return REASON_FILTERED;
	if (admits(engine, mapping, reply.protocol, &reply.source, &reply.destination)) {
		internal = mapping_internal(engine->mappings, mapping);
		return open_hole(passage, &reply, &internal);
	}
	result = track_packet(&session->track, session_timeout(session), &passage->packet, passage->direction, false,
			      &engine->settings);
	if (result.reason == REASON_NONE && !result.reopen)
		session_advance(passage, &result);
	enter_refused(passage);
	return REASON_FILTERED;
}
