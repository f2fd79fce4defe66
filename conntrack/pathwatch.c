/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/pathwatch.h"

#include <stdio.h>
#include <stdlib.h>

#include "conntrack/engine_private.h"
#include "conntrack/mss.h"
#include "conntrack/path_mtu.h"
#include "conntrack/repair.h"
#include "conntrack/track_protocol.h"
#include "rules/address_text.h"
#include "sluice/cursor.h"

/* A segment is a suspect's when it came so often, over so long. */
#define REPEATS 3
#define REPEATS_MS 1000
/* Before the other direction of a session may be suspected instead. */
#define TURN_MS 5000
/* How often one receiver is asked whether it lives. */
#define ASK_LIMIT 4

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_SACK 5

struct pathwatch *pathwatch_create(const uint64_t key[2])
{
	struct pathwatch *watch = calloc(1, sizeof(*watch));

	if (watch)
		black_holes_init(&watch->holes, key);
	return watch;
}

void pathwatch_destroy(struct pathwatch *watch)
{
	free(watch);
}

/* ------------------------------------------------------------------- records */

/* Few places for each session: the one that was quiet the longest makes room. */
struct watch *watch_find(struct passage *passage, bool make)
{
	struct pathwatch *watch = passage->engine->pathwatch;
	bool tcp = session_protocol(passage->session) == PROTOCOL_TCP;
	struct watch *set = (tcp ? watch->tcp : watch->udp) +
			    (size_t)(passage->index % (PATHWATCH_RECORDS / PATHWATCH_WAYS)) * PATHWATCH_WAYS;
	struct session_handle handle = table_handle(&passage->engine->table, passage->index);
	struct watch *oldest = set;

	for (struct watch *way = set; way < set + PATHWATCH_WAYS; way++) {
		if (way->handle.index == handle.index && way->handle.generation == handle.generation) {
			way->touched = passage->now;
			return way;
		}
		if (way->touched.ns < oldest->touched.ns)
			oldest = way;
	}
	if (!make)
		return NULL;
	*oldest = (struct watch){ .handle = handle, .touched = passage->now };
	passage->session->flags |= SESSION_WATCHED;
	return oldest;
}

void watch_forget(struct passage *passage, struct watch *watch)
{
	*watch = (struct watch){ .pending = false };
	passage->session->flags &= (uint16_t)~SESSION_WATCHED;
}

struct address watch_destination(const struct passage *passage, enum direction direction)
{
	return table_tuple(&passage->engine->table, passage->session, direction_opposite(direction)).source.address;
}

/* --------------------------------------------------------------------- alerts */

static void alert(struct engine *engine, const struct black_hole *hole, bool raised)
{
	struct effect *effect = outbox_add(&engine->outbox, EFFECT_ALERT, engine->now);
	const struct address *address = &hole->destination;

	if (!effect)
		return;
	effect->alert.raised = raised;
	effect->alert.name = "black-hole";
	if (address_is_ipv4(address))
		address_text_print_ipv4(address->bytes + 12, effect->alert.subject);
	else
		address_text_print_ipv6(address->bytes, effect->alert.subject);
	snprintf(effect->alert.text, sizeof(effect->alert.text), "packets of %u bytes vanish, %u pass%s", hole->fails,
		 hole->works, hole->datagrams ? " (UDP)" : "");
}

struct black_hole *watch_report(struct passage *passage, enum direction direction, uint16_t works, uint16_t fails,
				bool datagrams)
{
	struct black_holes *holes = &passage->engine->pathwatch->holes;
	struct address destination = watch_destination(passage, direction);
	struct black_hole *hole = black_holes_lookup(holes, &destination);
	bool news = !hole || (hole->datagrams && !datagrams);

	if (!hole) {
		hole = black_holes_open(holes, &destination, passage->now);
		if (!hole)
			return NULL;
		hole->fails = fails;
	}
	hole->seen = passage->now;
	hole->datagrams = datagrams && (news || hole->datagrams);
	if (fails < hole->fails)
		hole->fails = fails;
	if (works > hole->works && works < hole->fails)
		hole->works = works;
	if (hole->works >= hole->fails) {
		hole->works = 0;
		hole->exact = false;
	}
	if (news)
		alert(passage->engine, hole, true);
	return hole;
}

void watch_clear(struct engine *engine, struct black_hole *hole)
{
	size_search_end(engine, &hole->destination);
	alert(engine, hole, false);
	black_holes_close(&engine->pathwatch->holes, hole);
}

void pathwatch_tick(struct engine *engine, struct mono now)
{
	struct black_holes *holes = &engine->pathwatch->holes;
	struct black_hole *hole;
	uint32_t position = 0;

	while ((hole = black_holes_next(holes, &position)))
		if (black_hole_is_old(hole, now))
			watch_clear(engine, hole);
}

/* ----------------------------------------------------------------- the sender */

/* More than the interface carries: several segments in one, their size unknown. */
static bool is_coalesced(const struct passage *passage)
{
	const struct link *link = passage->context.iif;

	return passage->packet.length > (link && link->mtu ? link->mtu : 1500);
}

static void begin(struct watch *watch, const struct passage *passage, uint32_t head)
{
	*watch = (struct watch){
		.handle = watch->handle,
		.touched = passage->now,
		.began = passage->now,
		.head = head,
		.size = (uint16_t)passage->packet.length,
		.headers = (uint16_t)passage->packet.payload_offset,
		.direction = (uint8_t)passage->direction,
	};
}

/* The sender shortens what it repeats: by itself, or since it was told. */
static void try_smaller(struct passage *passage, struct watch *watch)
{
	uint16_t size = (uint16_t)passage->packet.length;

	watch->smaller_repeats = watch->smaller == size ? (uint8_t)(watch->smaller_repeats + 1) : 1;
	watch->smaller = size;
	/* That does not pass either: now this is the size in question. */
	if (watch->smaller_repeats < REPEATS || size <= path_mtu_least(passage->packet.family))
		return;
	watch->size = size;
	watch->repeats = watch->smaller_repeats;
	watch->smaller = 0;
	watch->told = 0;
}

static bool is_proved(const struct watch *watch, struct mono now)
{
	return watch->repeats >= REPEATS && watch->answered && !watch->arrived &&
	       mono_ms_between(watch->began, now) >= REPEATS_MS;
}

/* The packet at hand is the first that its receiver misses, and a large one: once more. */
static void count_repeat(struct passage *passage, struct watch *watch)
{
	struct black_holes *holes = &passage->engine->pathwatch->holes;
	struct address destination = watch_destination(passage, passage->direction);
	struct black_hole *hole = black_holes_lookup(holes, &destination);

	if (watch->repeats < UINT8_MAX)
		watch->repeats++;
	/* One repetition is nothing; from the second on, the acknowledgements must be seen as well. */
	if (passage->session->flags & SESSION_LENT && (watch->repeats > 1 || hole))
		fastpath_recall(passage->engine, passage->index);
	if (watch->dismissed)
		return;
	if (is_proved(watch, passage->now))
		hole = watch_report(passage, passage->direction, watch->headers, watch->size, false);
	else if (watch->repeats >= 2 && !watch->answered && watch->asked < ASK_LIMIT)
		repair_ask(passage, watch);
	if (hole && watch->size > hole->works)
		repair_repeated(passage, watch, hole);
}

static void sender_repeats(struct passage *passage)
{
	const struct packet *packet = &passage->packet;
	uint32_t head = passage->session->track.tcp.side[direction_opposite(passage->direction)].maxack;
	bool coalesced = is_coalesced(passage);
	bool large = packet->dont_fragment && packet->length > path_mtu_least(packet->family);
	struct watch *watch = watch_find(passage, large && !coalesced && packet->tcp.sequence == head);

	if (!watch || packet->tcp.sequence != head)
		return;
	if (!watch->size || watch->direction != passage->direction || watch->head != head) {
		bool other = watch->size && watch->direction != passage->direction;

		if (!large || coalesced || (other && mono_ms_between(watch->began, passage->now) < TURN_MS))
			return;
		begin(watch, passage, head);
	}
	if (coalesced || packet->length == watch->size) {
		watch->headers = (uint16_t)packet->payload_offset;
		count_repeat(passage, watch);
	} else if (packet->length < watch->size) {
		try_smaller(passage, watch);
	}
}

/* --------------------------------------------------------------- the receiver */

/*
 * The longest block among the SACK options of @packet, in bytes. One below the
 * acknowledgement says what came twice (RFC 2883).
 */
static uint32_t longest_sack(const struct packet *packet)
{
	struct cursor options = cursor_over(packet->bytes + packet->tcp.options_offset, packet->tcp.options_length);
	uint32_t longest = 0;

	while (cursor_left(&options) > 0) {
		uint8_t kind = cursor_u8(&options), length;
		struct cursor body;

		if (kind == OPTION_END)
			break;
		if (kind == OPTION_NOP)
			continue;
		length = cursor_u8(&options);
		if (length < 2 || length - 2U > cursor_left(&options))
			break;
		body = cursor_over(cursor_take(&options, length - 2U), length - 2U);
		while (kind == OPTION_SACK && cursor_left(&body) >= 8) {
			uint32_t left = be32_to_host(cursor_be32(&body)), right = be32_to_host(cursor_be32(&body));

			if (tcp_after(right, packet->tcp.acknowledgement) && right - left > longest)
				longest = right - left;
		}
	}
	return longest;
}

/* The receiver speaks and still waits for the same byte. */
static void hear_receiver(struct passage *passage, struct watch *watch)
{
	const struct packet *packet = &passage->packet;
	const struct tcp_side *side = &passage->session->track.tcp.side[passage->direction];
	uint32_t wanted = (uint32_t)(watch->size - watch->headers);

	if (longest_sack(packet) >= wanted) {
		watch->arrived = true;
		return;
	}
	/* A window whose scale nobody saw agreed on is at least not closed. */
	if (tcp_scale_unknown(side) ? packet->tcp.window > 0 : (uint32_t)packet->tcp.window << side->scale >= wanted)
		watch->answered |= watch->repeats >= 2;
}

/* What was missing arrived, by whatever means. */
static void receiver_advances(struct passage *passage, struct watch *watch, uint32_t advanced)
{
	struct black_holes *holes = &passage->engine->pathwatch->holes;
	enum direction sender = (enum direction)watch->direction;
	struct address destination = watch_destination(passage, sender);
	struct black_hole *hole = black_holes_lookup(holes, &destination);

	if (watch->smaller && !watch->arrived && watch->repeats >= REPEATS)
		watch_report(passage, sender, watch->smaller, watch->size, false);
	else if (hole && !hole->datagrams && !watch->smaller && !watch->told &&
		 advanced >= (uint32_t)(watch->size - watch->headers) && watch->size >= hole->fails)
		watch_clear(passage->engine, hole);
	watch_forget(passage, watch);
}

static void receiver_speaks(struct passage *passage)
{
	const struct packet_tcp *tcp = &passage->packet.tcp;
	struct watch *watch = watch_find(passage, false);

	if (!watch) {
		passage->session->flags &= (uint16_t)~SESSION_WATCHED;
		return;
	}
	if (watch->direction == passage->direction || !(tcp->flags & TCP_ACK) || tcp->flags & (TCP_SYN | TCP_RST))
		return;
	if (size_search_hear(passage))
		watch->head = tcp->acknowledgement;
	else if (tcp_after(tcp->acknowledgement, watch->head))
		receiver_advances(passage, watch, tcp->acknowledgement - watch->head);
	else if (tcp->acknowledgement == watch->head)
		hear_receiver(passage, watch);
}

/* ------------------------------------------------------------------- the engine */

void pathwatch_packet(struct passage *passage, bool retransmission)
{
	const struct packet *packet = &passage->packet;

	/* A helper may shift sequence numbers; what it reads carries commands, nothing large. */
	if (passage->session->flags & SESSION_FOLLOWED)
		return;
	if (!packet_is_tcp(packet)) {
		if (packet->tuple.protocol == PROTOCOL_UDP && !packet->later_fragment &&
		    (passage->session->flags & SESSION_WATCHED || packet->length > path_mtu_least(packet->family)))
			pathwatch_datagram(passage);
		return;
	}
	if (retransmission)
		sender_repeats(passage);
	if (passage->session->flags & SESSION_WATCHED)
		receiver_speaks(passage);
}

void pathwatch_told(struct passage *passage)
{
	struct watch *watch = passage->session->flags & SESSION_WATCHED ? watch_find(passage, false) : NULL;

	if (watch)
		watch_forget(passage, watch);
}

uint16_t pathwatch_mss(const struct passage *passage)
{
	struct engine *engine = passage->engine;
	enum family family = passage->packet.family;
	uint16_t mss = 0;

	if (!engine->pathwatch->holes.count || engine->settings.black_holes == BLACK_HOLES_REPORT)
		return 0;
	for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++) {
		struct address destination = watch_destination(passage, way);
		const struct black_hole *hole = black_holes_lookup(&engine->pathwatch->holes, &destination);
		uint16_t least = path_mtu_least(family), allowed;

		if (!hole || hole->datagrams)
			continue;
		allowed = mss_for_mtu(family, hole->works > least ? hole->works : least);
		mss = !mss || allowed < mss ? allowed : mss;
	}
	return mss;
}
