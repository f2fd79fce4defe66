/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The search for what a path carries; the theory is in pathwatch.h. */
#include "conntrack/compose.h"
#include "conntrack/engine_private.h"
#include "conntrack/path_mtu.h"
#include "conntrack/repair.h"
#include "conntrack/track_protocol.h"
#include "sluice/cursor.h"

/* How long the answer to a first round may take before the sender's next repetition means its loss. */
#define FIRST_ROUND_MS 150
#define FIRST_ROUNDS 3
/* Later rounds wait for two round trips and some. */
#define ROUND_MS 50
/* A search that got no further for so long makes room. */
#define STALE_MS 10000

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_SACK 5

static bool same_session(struct session_handle a, struct session_handle b)
{
	return a.index == b.index && a.generation == b.generation;
}

static struct size_search *search_towards(struct pathwatch *watch, const struct address *destination)
{
	for (unsigned int i = 0; watch->searching && i < PATHWATCH_SEARCHES; i++)
		if (watch->searches[i].used && address_equal(&watch->searches[i].destination, destination))
			return &watch->searches[i];
	return NULL;
}

static struct size_search *search_by(struct pathwatch *watch, struct session_handle session)
{
	for (unsigned int i = 0; watch->searching && i < PATHWATCH_SEARCHES; i++)
		if (watch->searches[i].used && same_session(watch->searches[i].session, session))
			return &watch->searches[i];
	return NULL;
}

static void stop(struct pathwatch *watch, struct size_search *search)
{
	search->used = false;
	watch->searching--;
}

void size_search_end(struct engine *engine, const struct address *destination)
{
	struct size_search *search = search_towards(engine->pathwatch, destination);

	if (search)
		stop(engine->pathwatch, search);
}

/* ------------------------------------------------------------------- rounds */

/* Sizes in equal steps below what fails, each once; the first round also has the least, which should arrive. */
static void set_rungs(struct size_search *search, uint32_t low, uint32_t high, bool first)
{
	uint32_t last = high;

	search->rung_count = 0;
	for (uint32_t step = PATHWATCH_RUNGS; step-- > 0;) {
		uint32_t size = low + (high - low) * step / PATHWATCH_RUNGS;

		if (size >= last || (size == low && !first))
			continue;
		search->rungs[search->rung_count++] = (uint16_t)size;
		last = size;
	}
}

static void send_round(struct engine *engine, struct size_search *search)
{
	struct outbox *outbox = &engine->outbox;
	struct packet segment;

	search->sent = engine->now;
	if (packet_parse(&segment, search->bytes, search->length) != REASON_NONE)
		return;
	for (unsigned int i = 0; i < search->rung_count; i++) {
		uint8_t *room = outbox_packet(outbox);
		size_t length = 0;

		if (room && search->rungs[i] > search->headers)
			length = compose_tcp_part(&segment, search->base, (size_t)(search->rungs[i] - search->headers),
						  room, OUTBOX_PACKET_SIZE);
		outbox_inject(outbox, room, length, engine->now);
	}
}

static uint16_t lowest(const struct black_hole *hole)
{
	uint16_t least = path_mtu_least(address_family(&hole->destination));

	return hole->works > least ? hole->works : least;
}

/* The next round, or the end of the search and what follows from it. */
static void go_on(struct engine *engine, struct size_search *search, struct black_hole *hole)
{
	hole->exact = hole->fails - hole->works <= 1 || hole->works >= search->length;
	if (!hole->exact) {
		set_rungs(search, lowest(hole), hole->fails > search->length ? search->length + 1U : hole->fails,
			  false);
		send_round(engine, search);
		return;
	}
	path_mtus_learn(engine->path_mtus, &hole->destination, hole->works, engine->now);
	if (engine->settings.black_holes == BLACK_HOLES_REPAIR)
		repair_tell(engine, search, hole->works);
	stop(engine->pathwatch, search);
}

/* --------------------------------------------------------------------- begin */

/* Keeps the segment at hand, as much of it as one packet of the size that fails. */
static bool keep_segment(const struct passage *passage, const struct watch *watch, struct size_search *search)
{
	const struct packet *packet = &passage->packet;
	size_t size = watch->size < OUTBOX_PACKET_SIZE ? watch->size : OUTBOX_PACKET_SIZE;

	if (size <= packet->payload_offset)
		return false;
	search->length = (uint16_t)compose_tcp_part(packet, packet->tcp.sequence, size - packet->payload_offset,
						    search->bytes, sizeof(search->bytes));
	search->headers = (uint16_t)packet->payload_offset;
	search->base = search->head = packet->tcp.sequence;
	search->original = passage->original;
	search->iif = passage->meta->iif;
	return search->length != 0;
}

static struct size_search *take_place(struct pathwatch *watch, struct mono now)
{
	struct size_search *search = watch->searches, *end = search + PATHWATCH_SEARCHES;

	while (search < end && search->used && mono_ms_between(search->sent, now) < STALE_MS)
		search++;
	if (search == end)
		return NULL;
	watch->searching += !search->used;
	return search;
}

void size_search_begin(struct passage *passage, struct watch *watch, struct black_hole *hole)
{
	struct pathwatch *all = passage->engine->pathwatch;
	struct size_search *search = search_towards(all, &hole->destination);
	uint8_t lost = 0;

	/* Another's, or in progress. */
	if (search && (mono_ms_between(search->sent, passage->now) <
		       (same_session(search->session, watch->handle) ? FIRST_ROUND_MS : STALE_MS)))
		return;
	if (search && search->rtt_ms)
		return;
	if (search)
		lost = (uint8_t)(search->lost + 1);
	if (lost == FIRST_ROUNDS) {
		/* Not even the least arrives: whatever it is, it is no matter of size. */
		watch->dismissed = true;
		watch_clear(passage->engine, hole);
		return;
	}
	if (!search)
		search = take_place(all, passage->now);
	if (!search)
		return;
	*search = (struct size_search){
		.used = true, .session = watch->handle, .destination = hole->destination, .lost = lost
	};
	if (!keep_segment(passage, watch, search)) {
		stop(all, search);
		return;
	}
	if (lost)
		hole->works = 0;
	/* From here on, what is acknowledged need not have been of full size. */
	watch->told = 1;
	watch->at = passage->now;
	set_rungs(search, lowest(hole), hole->fails > search->length ? search->length + 1U : hole->fails, true);
	send_round(passage->engine, search);
}

/* ---------------------------------------------------------------------- hear */

/* Where the first SACK block ends if it begins at @left: with an old @left, what came twice (RFC 2883). */
static bool duplicate_sack(const struct packet *packet, uint32_t left, uint32_t *right)
{
	struct cursor options = cursor_over(packet->bytes + packet->tcp.options_offset, packet->tcp.options_length);

	while (cursor_left(&options) > 0) {
		uint8_t kind = cursor_u8(&options), length;
		const uint8_t *body;
		struct cursor block;

		if (kind == OPTION_END)
			return false;
		if (kind == OPTION_NOP)
			continue;
		length = cursor_u8(&options);
		if (length < 2)
			return false;
		body = cursor_take(&options, length - 2U);
		if (!body)
			return false;
		if (kind != OPTION_SACK || length < 10)
			continue;
		block = cursor_over(body, 8);
		if (be32_to_host(cursor_be32(&block)) != left)
			return false;
		*right = be32_to_host(cursor_be32(&block));
		return true;
	}
	return false;
}

/* The rung that ends at @right, or the number of rungs. */
static unsigned int rung_ending(const struct size_search *search, uint32_t right)
{
	unsigned int i = 0;

	while (i < search->rung_count && search->base + search->rungs[i] - search->headers != right)
		i++;
	return i;
}

bool size_search_hear(struct passage *passage)
{
	struct engine *engine = passage->engine;
	struct size_search *search = search_by(engine->pathwatch, table_handle(&engine->table, passage->index));
	uint32_t acknowledgement = passage->packet.tcp.acknowledgement, right;
	struct black_hole *hole;
	unsigned int i;

	if (!search)
		return false;
	if (tcp_after(acknowledgement, search->head))
		search->head = acknowledgement;
	i = rung_ending(search, acknowledgement);
	if (i == search->rung_count && duplicate_sack(&passage->packet, search->base, &right))
		i = rung_ending(search, right);
	hole = black_holes_lookup(&engine->pathwatch->holes, &search->destination);
	if (i == search->rung_count) {
		/* Before any of its parts the large segment itself: the path carries it. */
		if (hole && !search->rtt_ms &&
		    !tcp_before(acknowledgement, search->base + search->length - search->headers))
			watch_clear(engine, hole);
		return search->rtt_ms != 0;
	}
	if (!hole) {
		stop(engine->pathwatch, search);
		return false;
	}
	if (!search->rtt_ms)
		search->rtt_ms = (uint32_t)mono_ms_between(search->sent, passage->now) + 1;
	hole->seen = passage->now;
	hole->works = search->rungs[i];
	if (i > 0)
		hole->fails = search->rungs[i - 1];
	go_on(engine, search, hole);
	return true;
}

/* A round that nothing came back from: not even its smallest size arrived. */
static void expire_round(struct engine *engine, struct size_search *search, struct mono now)
{
	struct black_hole *hole = black_holes_lookup(&engine->pathwatch->holes, &search->destination);

	if (!hole || mono_ms_between(search->sent, now) >= STALE_MS) {
		stop(engine->pathwatch, search);
		return;
	}
	if (!search->rtt_ms || mono_ms_between(search->sent, now) < ROUND_MS + 2 * search->rtt_ms)
		return;
	if (search->rung_count)
		hole->fails = search->rungs[search->rung_count - 1];
	go_on(engine, search, hole);
}

void pathwatch_search(struct engine *engine, struct mono now)
{
	struct pathwatch *watch = engine->pathwatch;

	for (unsigned int i = 0; watch->searching && i < PATHWATCH_SEARCHES; i++)
		if (watch->searches[i].used)
			expire_round(engine, &watch->searches[i], now);
}
