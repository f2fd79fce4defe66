/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions that the kernel's fast path forwards.
 *
 * Theory of operation. A session that is established, that rules need not see, and
 * that has shown it will go on, is offered (EFFECT_INSTALL); the shell lends it with
 * engine_lend() and puts it into the kernel. While it is lent, its slot knows more
 * than we do: whoever is about to use the session's tracker, timer or counters
 * regains it first. A packet of it that comes to us all the same is judged as ever
 * and what it changed is shared. A SYN, FIN or RST recalls the session; so do its end, a new
 * ruleset, a change of addresses or routes, and silence: only what flows is worth an
 * entry, and timers are then exact without it.
 *
 * What is lent when the process ends may stay lent: its slot outlives the process where the
 * session does (recover.c), and knows more than the session.
 *
 * A sweep regains every lent session once in a while, so that its place in its timeout
 * list is not far behind its last packet, and its counters not far behind the truth.
 */
#include "conntrack/engine_private.h"
#include "conntrack/path_mtu.h"
#include "sluice/fastpath.h"

/*
 * Packets of a session at which it is offered: 16. Half of all connections end before; for them the two system
 * calls would not pay. Should it not be taken, it is offered again, sooner at first: see is_time_to_offer().
 */
#define OFFER_PACKETS 16
/* Silence after which a session goes back to the queue: what says something now and then may stay. */
#define IDLE_MS 60000
/* For so long large datagrams may go unanswered. */
#define UNANSWERED_MS 10000
/* Slots that one sweep looks at. */
#define SWEEP_BUDGET 4096
#define PORT_DNS 53

void engine_set_fastpath(struct engine *engine, const struct engine_fastpath *fastpath)
{
	engine->fastpath = fastpath ? *fastpath : (struct engine_fastpath){ 0 };
	identifications_share(&engine->identifications, engine->fastpath.identifications);
}

static struct fastpath_slot *slot_of(const struct engine *engine, uint32_t index)
{
	return &engine->fastpath.slots[index];
}

/* Each question and each answer is looked at, by the witness. */
static bool is_dns(const struct engine *engine, const struct session *session)
{
	struct tuple tuple = table_tuple(&engine->table, session, DIRECTION_ORIGINAL);

	return tuple.protocol == PROTOCOL_UDP && be16_to_host(tuple.destination.port) == PORT_DNS;
}

static bool is_fit(const struct engine *engine, const struct session *session)
{
	const unsigned int wanted = SESSION_CONFIRMED | SESSION_ASSURED;
	const unsigned int unwanted = SESSION_LOCAL | SESSION_FOLLOWED | SESSION_WATCHED | SESSION_LENT;

	/* While it is under suspicion, every acknowledgement counts. */
	if (session->flags & SESSION_WATCHED && session_protocol(session) == PROTOCOL_TCP)
		return false;
	return engine->settings.fastpath && engine->fastpath.slots &&
	       (session->flags & (wanted | unwanted)) == wanted &&
	       track_may_lend(session_protocol(session), &session->track) && !is_dns(engine, session);
}

/* Do today's rules let its packets pass unseen? */
static bool passes_unseen(const struct engine *engine, uint32_t index)
{
	struct tuple tuple = table_tuple(&engine->table, table_session(&engine->table, index), DIRECTION_ORIGINAL);
	enum family family = address_family(&tuple.source.address);
	const struct ruleset *ruleset = engine->configuration->ruleset;

	return ruleset_established_accepted(ruleset, HOOK_PREROUTING, family) &&
	       ruleset_established_accepted(ruleset, HOOK_FORWARD, family) &&
	       ruleset_established_accepted(ruleset, HOOK_POSTROUTING, family);
}

/*
 * At the 16th packet, then 1, 2, 4 and 8 later: it was not taken because many came at once, and that is soon over. Then
 * at every 16th: there is something about it.
 */
static bool is_time_to_offer(uint64_t packets)
{
	uint64_t later = packets - OFFER_PACKETS;

	return packets >= OFFER_PACKETS &&
	       (later % OFFER_PACKETS == 0 || (later < OFFER_PACKETS && !(later & (later - 1))));
}

void fastpath_consider(struct passage *passage)
{
	const struct session *session = passage->session;
	struct effect *effect;
	uint64_t packets;

	if (session->flags & SESSION_LENT) {
		track_share(session_protocol(session), &session->track, slot_of(passage->engine, passage->index));
		return;
	}
	packets = session_packets(session, DIRECTION_ORIGINAL) + session_packets(session, DIRECTION_REPLY);
	if (!is_time_to_offer(packets) || !passage->meta->iif || !is_fit(passage->engine, session) ||
	    !passes_unseen(passage->engine, passage->index))
		return;
	effect = outbox_add(&passage->engine->outbox, EFFECT_INSTALL, passage->now);
	if (!effect)
		return;
	effect->install.handle = table_handle(&passage->engine->table, passage->index);
	effect->install.direction = passage->direction;
	effect->install.iif = passage->meta->iif;
	effect->install.mark = passage->context.mark;
}

static void describe_flow(const struct engine *engine, const struct session *session, struct engine_flow *flow)
{
	for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++) {
		flow->arrives[way] = table_tuple(&engine->table, session, way);
		flow->leaves[way] = table_translated(&engine->table, session, way);
		flow->identification[way] =
		    address_equal(&flow->arrives[way].source.address, &flow->leaves[way].source.address)
			? FASTPATH_IDENTIFICATION_KEPT
			: identification_counter(&engine->identifications, &flow->leaves[way]);
	}
}

/* The slot is whole before the session says that it is lent: a process may end in between. */
bool engine_lend(struct engine *engine, struct session_handle handle, struct engine_flow *flow)
{
	uint32_t index = table_resolve(&engine->table, handle);
	struct session *session = index == SESSION_NONE ? NULL : table_session(&engine->table, index);

	/* Rules may have changed since it was offered. */
	if (!session || !is_fit(engine, session) || !passes_unseen(engine, index))
		return false;
	describe_flow(engine, session, flow);
	track_lend(session_protocol(session), &session->track, slot_of(engine, index));
	/* Both have been heard, it is assured: at its last packet, which may be a while ago by now. */
	for (unsigned int way = 0; way < 2; way++)
		slot_of(engine, index)->side[way].used_ns =
		    engine->now.ns - table_idle_ms(&engine->table, index, engine->now) * NS_PER_MS;
	__atomic_store_n(&slot_of(engine, index)->generation, session->generation, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	session->flags |= SESSION_LENT;
	engine->lent++;
	return true;
}

/* Packets and bytes that passed since they were last taken, of both directions. */
static uint64_t take_counters(struct session *session, struct fastpath_slot *slot, uint64_t *bytes)
{
	uint64_t packets = 0;

	*bytes = 0;
	for (unsigned int way = 0; way < 2; way++) {
		uint64_t taken = __atomic_exchange_n(&slot->side[way].packets, 0, __ATOMIC_RELAXED);
		uint64_t length = __atomic_exchange_n(&slot->side[way].bytes, 0, __ATOMIC_RELAXED);

		session_add_packets(session, (enum direction)way, taken, length);
		packets += taken;
		*bytes += length;
	}
	return packets;
}

static struct mono last_use(const struct fastpath_slot *slot)
{
	uint64_t original = __atomic_load_n(&slot->side[0].used_ns, __ATOMIC_RELAXED);
	uint64_t reply = __atomic_load_n(&slot->side[1].used_ns, __ATOMIC_RELAXED);

	return (struct mono){ original > reply ? original : reply };
}

static void count_unseen(struct engine *engine, uint32_t index, uint64_t packets, uint64_t bytes)
{
	struct tuple tuple = table_tuple(&engine->table, table_session(&engine->table, index), DIRECTION_ORIGINAL);
	enum family family = address_family(&tuple.source.address);
	struct ruleset *ruleset = engine->configuration->ruleset;

	ruleset_count_established(ruleset, HOOK_PREROUTING, family, packets, bytes);
	ruleset_count_established(ruleset, HOOK_FORWARD, family, packets, bytes);
	ruleset_count_established(ruleset, HOOK_POSTROUTING, family, packets, bytes);
	engine->counters.fastpath_hits += packets;
}

void fastpath_regain(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct fastpath_slot *slot = slot_of(engine, index);
	uint8_t before = session->list;
	struct track_result result;
	uint64_t packets, bytes;

	packets = take_counters(session, slot, &bytes);
	if (!packets)
		return;
	count_unseen(engine, index, packets, bytes);
	result = track_regain(session_protocol(session), &session->track, slot, &engine->settings);
	table_refresh(&engine->table, index, result.timeout, last_use(slot));
	if (session->list == before)
		return;
	admit_reclass(engine, index, before);
	session_announce(engine, index, SESSION_UPDATE);
}

/*
 * Has a side sent the same data again, and was nothing acknowledged since we last
 * looked? Then the path may be a black hole, and that is for us to watch.
 */
static bool is_stalled(struct engine *engine, uint32_t index)
{
	struct fastpath_slot *slot = slot_of(engine, index);
	bool stalled = false;

	for (unsigned int way = 0; way < 2; way++) {
		struct fastpath_side *sender = &slot->side[way];
		uint32_t again = __atomic_exchange_n(&sender->retransmissions, 0, __ATOMIC_RELAXED);
		uint32_t acknowledged = __atomic_load_n(&slot->side[!way].maxack, __ATOMIC_RELAXED);

		if (again)
			witness_repeated(engine, index, again);
		stalled = stalled || (again && sender->witnessed == acknowledged);
		sender->witnessed = acknowledged;
	}
	return stalled;
}

/*
 * Datagrams that need a wide path go, and for long nothing has come back: nobody
 * acknowledges them, so this is as much as a black hole shows here. Asked before the
 * counters are taken.
 */
static bool is_unanswered(const struct engine *engine, uint32_t index)
{
	const struct session *session = table_session(&engine->table, index);
	const struct fastpath_slot *slot = slot_of(engine, index);
	const enum family family = address_family(&session->source.address);

	for (unsigned int way = 0; session_protocol(session) == PROTOCOL_UDP && way < 2; way++) {
		const struct fastpath_side *sender = &slot->side[way], *other = &slot->side[!way];
		uint64_t packets = __atomic_load_n(&sender->packets, __ATOMIC_RELAXED);
		uint64_t bytes = __atomic_load_n(&sender->bytes, __ATOMIC_RELAXED);
		uint64_t sent = __atomic_load_n(&sender->used_ns, __ATOMIC_RELAXED);
		uint64_t heard = __atomic_load_n(&other->used_ns, __ATOMIC_RELAXED);

		if (packets && bytes / packets > path_mtu_least(family) && sent > heard &&
		    sent - heard >= UNANSWERED_MS * NS_PER_MS)
			return true;
	}
	return false;
}

void fastpath_recall(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	struct tuple arrives[2];

	for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++)
		arrives[way] = table_tuple(&engine->table, session, way);
	engine->fastpath.recall(engine->fastpath.context, index, arrives);
	fastpath_regain(engine, index);
	is_stalled(engine, index);
	session->flags &= (uint16_t)~SESSION_LENT;
	slot_of(engine, index)->generation = 0;
	engine->lent--;
}

bool engine_lent(const struct engine *engine, uint32_t index, struct session_handle *handle, struct engine_flow *flow)
{
	const struct session *session = index < engine->table.untouched ? table_session(&engine->table, index) : NULL;

	if (!session || !(session->flags & SESSION_LENT))
		return false;
	*handle = table_handle(&engine->table, index);
	describe_flow(engine, session, flow);
	return true;
}

void fastpath_adopt(struct engine *engine, uint32_t index)
{
	struct session *session = table_session(&engine->table, index);
	const struct fastpath_slot *slot = engine->fastpath.slots ? slot_of(engine, index) : NULL;

	session->flags &= (uint16_t)~SESSION_LENT;
	if (!slot || slot->generation != session->generation || !is_fit(engine, session)) {
		track_forget_numbers(session->protocol, &session->track);
		return;
	}
	/* Also when nothing has passed since: the last process may have ended with its hand on the slot. */
	track_regain(session_protocol(session), &session->track, slot, &engine->settings);
	session->flags |= SESSION_LENT;
	engine->lent++;
	fastpath_regain(engine, index);
	if (!passes_unseen(engine, index))
		fastpath_recall(engine, index);
}

void fastpath_meet(struct passage *passage)
{
	const struct packet *packet = &passage->packet;

	if (packet_is_tcp(packet) && packet->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST))
		fastpath_recall(passage->engine, passage->index);
	else
		fastpath_regain(passage->engine, passage->index);
}

void engine_recall(struct engine *engine, struct session_handle handle, struct mono now)
{
	uint32_t index = table_resolve(&engine->table, handle);

	engine->now = now;
	if (index != SESSION_NONE && table_session(&engine->table, index)->flags & SESSION_LENT)
		fastpath_recall(engine, index);
}

void engine_recall_all(struct engine *engine, struct mono now)
{
	engine->now = now;
	for (uint32_t index = 0; engine->lent && index < engine->table.untouched; index++) {
		if (table_session(&engine->table, index)->flags & SESSION_LENT)
			fastpath_recall(engine, index);
	}
}

void fastpath_sweep(struct engine *engine)
{
	uint32_t looked = 0;

	if (!engine->lent)
		return;
	for (; looked < SWEEP_BUDGET && looked < engine->table.untouched; looked++) {
		uint32_t index = engine->swept++;
		bool unanswered;

		if (engine->swept >= engine->table.untouched)
			engine->swept = 0;
		if (index >= engine->table.untouched || !(table_session(&engine->table, index)->flags & SESSION_LENT))
			continue;
		unanswered = is_unanswered(engine, index);
		fastpath_regain(engine, index);
		if (unanswered || table_idle_ms(&engine->table, index, engine->now) >= IDLE_MS ||
		    is_stalled(engine, index))
			fastpath_recall(engine, index);
	}
}
