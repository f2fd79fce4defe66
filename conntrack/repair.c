/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/repair.h"

#include "conntrack/compose.h"
#include "conntrack/engine_private.h"
#include "conntrack/parse.h"
#include "conntrack/rewrite.h"

/* A sender that goes on all the same does not listen. */
#define TELL_LIMIT 6
#define TELL_MS 150

void repair_ask(struct passage *passage, struct watch *watch)
{
	struct outbox *outbox = &passage->engine->outbox;
	uint8_t *room = outbox_packet(outbox);

	watch->asked++;
	if (room)
		outbox_inject(outbox, room,
			      compose_tcp_part(&passage->packet, watch->head - 1, 0, room, OUTBOX_PACKET_SIZE),
			      passage->now);
}

/* The sender knows nothing of translations: it hears of the packet as it sent it, @original. */
static void tell(struct engine *engine, struct packet *packet, const struct tuple *original, uint32_t iif, uint16_t mtu,
		 bool unfinished)
{
	struct outbox *outbox = &engine->outbox;
	const struct address *from = link_primary(link_lookup(&engine->link_table, iif), packet->family);
	struct tuple leaves = packet->tuple;
	bool translated = !tuple_equal(&leaves, original), ipv4 = packet->family == FAMILY_IPV4;
	uint8_t *room = outbox_packet(outbox);

	if (!room)
		return;
	if (translated)
		rewrite_tuple(packet, original, unfinished);
	outbox_inject(outbox, room,
		      compose_icmp_error(packet, from ? from : &original->destination.address,
					 ipv4 ? ICMP4_TYPE_UNREACHABLE : ICMP6_TYPE_PACKET_TOO_BIG,
					 ipv4 ? ICMP4_CODE_FRAGMENTATION_NEEDED : 0, mtu, room, OUTBOX_PACKET_SIZE),
		      engine->now);
	if (translated)
		rewrite_tuple(packet, &leaves, unfinished);
}

void repair_tell(struct engine *engine, struct size_search *search, uint16_t mtu)
{
	uint8_t bytes[OUTBOX_PACKET_SIZE];
	struct packet segment;
	size_t length;

	if (packet_parse(&segment, search->bytes, search->length) != REASON_NONE)
		return;
	/* Its sender believes only what is about something that is not acknowledged (RFC 5927 section 4.1). */
	length = compose_tcp_part(&segment, search->head, segment.payload_length, bytes, sizeof(bytes));
	if (length && packet_parse(&segment, bytes, length) == REASON_NONE)
		tell(engine, &segment, &search->original, search->iif, mtu, false);
}

void repair_repeated(struct passage *passage, struct watch *watch, struct black_hole *hole)
{
	const struct settings *settings = &passage->engine->settings;

	hole->seen = passage->now;
	/* The router's own connections are its kernel's to cure. */
	if (settings->black_holes == BLACK_HOLES_REPORT || passage->session->flags & SESSION_LOCAL)
		return;
	if (!hole->exact) {
		size_search_begin(passage, watch, hole);
		return;
	}
	if (settings->black_holes != BLACK_HOLES_REPAIR || watch->told >= TELL_LIMIT ||
	    (watch->told && mono_ms_between(watch->at, passage->now) < TELL_MS))
		return;
	tell(passage->engine, &passage->packet, &passage->original, passage->meta->iif, hole->works,
	     passage->meta->checksum_unfinished);
	watch->told++;
	watch->at = passage->now;
}
