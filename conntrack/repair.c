/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the gateway sends because of a black hole: questions to the receiver, the
 * search for what the path carries, and the error that the path should have sent.
 * The theory is in pathwatch.h.
 */
#include "conntrack/compose.h"
#include "conntrack/engine_private.h"
#include "conntrack/parse.h"
#include "conntrack/path_mtu.h"
#include "conntrack/rewrite.h"
#include "conntrack/track_protocol.h"

/* How long the answer to a round of the search may take before its loss is believed. */
#define ROUND_MS 150
#define LOST_ROUNDS 3
/* A search whose session went silent is another's. */
#define SEARCHER_MS 4000
/* A sender that goes on all the same does not listen. */
#define TELL_LIMIT 6
#define TELL_MS 150

static void send_part(struct passage *passage, uint32_t sequence, size_t payload)
{
	struct outbox *outbox = &passage->engine->outbox;
	uint8_t *room = outbox_packet(outbox);

	if (room)
		outbox_inject(outbox, room,
			      compose_tcp_part(&passage->packet, sequence, payload, room, OUTBOX_PACKET_SIZE),
			      passage->now);
}

void repair_ask(struct passage *passage, struct watch *watch)
{
	watch->asked++;
	send_part(passage, watch->head - 1, 0);
}

/* ------------------------------------------------------------------ the search */

static uint16_t lowest(const struct passage *passage, const struct black_hole *hole)
{
	uint16_t least = path_mtu_least(passage->packet.family);

	return hole->works > least ? hole->works : least;
}

/* Eight sizes: what works, and seven at equal steps up to what fails, each once. */
static void set_rungs(struct watch *watch, uint32_t low, uint32_t high)
{
	uint32_t last = high;

	watch->rung_count = 0;
	for (uint32_t step = PATHWATCH_RUNGS; step-- > 0;) {
		uint32_t size = low + (high - low) * step / PATHWATCH_RUNGS;

		if (size >= last)
			continue;
		watch->rungs[watch->rung_count++] = (uint16_t)size;
		last = size;
	}
}

/* One session is enough: the others of a thousand that hang wait for what it finds. */
static bool may_search(const struct watch *watch, struct black_hole *hole, struct mono now)
{
	bool mine =
	    hole->searcher.index == watch->handle.index && hole->searcher.generation == watch->handle.generation;

	if (!mine && hole->searched.ns && mono_ms_between(hole->searched, now) < SEARCHER_MS)
		return false;
	hole->searcher = watch->handle;
	hole->searched = now;
	return true;
}

static void search(struct passage *passage, struct watch *watch, const struct black_hole *hole)
{
	const struct packet *packet = &passage->packet;
	uint32_t low = lowest(passage, hole), high = hole->fails < watch->size ? hole->fails : watch->size;

	if (high > OUTBOX_PACKET_SIZE + 1)
		high = OUTBOX_PACKET_SIZE + 1;
	set_rungs(watch, low, high > low ? high : low + 1);
	watch->at = passage->now;
	for (unsigned int i = 0; i < watch->rung_count; i++)
		if (watch->rungs[i] > packet->payload_offset)
			send_part(passage, watch->head, watch->rungs[i] - packet->payload_offset);
}

/* Nothing came back although what works was among the sizes: less works now, or nothing at all. */
static void lose_round(struct passage *passage, struct watch *watch, struct black_hole *hole)
{
	watch->rung_count = 0;
	hole->works = 0;
	if (++watch->lost_rounds < LOST_ROUNDS)
		return;
	watch->dismissed = true;
	watch_clear(passage->engine, hole);
}

void repair_advanced(struct passage *passage, struct watch *watch, uint32_t advanced)
{
	enum direction sender = (enum direction)watch->direction;
	struct address destination = watch_destination(passage, sender);
	struct black_hole *hole = black_holes_lookup(&passage->engine->pathwatch->holes, &destination);
	unsigned int i = 0;

	while (i < watch->rung_count &&
	       (watch->rungs[i] <= watch->headers || advanced < (uint32_t)(watch->rungs[i] - watch->headers)))
		i++;
	watch->head += advanced;
	watch->began = passage->now;
	if (!hole || i == watch->rung_count)
		return;
	hole->seen = passage->now;
	hole->works = watch->rungs[i];
	if (i > 0 && watch->rungs[i - 1] < hole->fails)
		hole->fails = watch->rungs[i - 1];
	hole->exact = hole->fails - hole->works <= 1 || hole->works >= OUTBOX_PACKET_SIZE;
	watch->rung_count = 0;
	watch->lost_rounds = 0;
	if (hole->exact)
		path_mtus_learn(passage->engine->path_mtus, &destination, hole->works, passage->now);
}

/* ------------------------------------------------------------------- the cure */

/* The sender knows nothing of translations: it hears of the packet as it sent it. */
static void tell(struct passage *passage, struct watch *watch, uint16_t mtu)
{
	struct outbox *outbox = &passage->engine->outbox;
	struct packet *packet = &passage->packet;
	const struct address *from = link_primary(passage->context.iif, packet->family);
	struct tuple leaves = packet->tuple;
	bool translated = !tuple_equal(&leaves, &passage->original), ipv4 = packet->family == FAMILY_IPV4;
	uint8_t *room = outbox_packet(outbox);

	if (!room)
		return;
	if (translated)
		rewrite_tuple(packet, &passage->original, passage->meta->checksum_unfinished);
	outbox_inject(outbox, room,
		      compose_icmp_error(packet, from ? from : &passage->original.destination.address,
					 ipv4 ? ICMP4_TYPE_UNREACHABLE : ICMP6_TYPE_PACKET_TOO_BIG,
					 ipv4 ? ICMP4_CODE_FRAGMENTATION_NEEDED : 0, mtu, room, OUTBOX_PACKET_SIZE),
		      passage->now);
	if (translated)
		rewrite_tuple(packet, &leaves, passage->meta->checksum_unfinished);
	watch->told++;
	watch->at = passage->now;
}

void repair_repeated(struct passage *passage, struct watch *watch, struct black_hole *hole)
{
	const struct settings *settings = &passage->engine->settings;

	hole->seen = passage->now;
	/* The router's own connections are its kernel's to cure. */
	if (settings->black_holes == BLACK_HOLES_REPORT || passage->session->flags & SESSION_LOCAL)
		return;
	if (!hole->exact) {
		if (!may_search(watch, hole, passage->now))
			return;
		if (watch->rung_count && mono_ms_between(watch->at, passage->now) < ROUND_MS)
			return;
		if (watch->rung_count)
			lose_round(passage, watch, hole);
		if (!watch->dismissed)
			search(passage, watch, hole);
		return;
	}
	watch->rung_count = 0;
	if (settings->black_holes == BLACK_HOLES_REPAIR && watch->told < TELL_LIMIT &&
	    (!watch->told || mono_ms_between(watch->at, passage->now) >= TELL_MS))
		tell(passage, watch, lowest(passage, hole));
}
