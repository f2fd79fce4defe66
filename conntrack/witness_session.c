/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions under observation: what they ask, whether and when they are answered, and
 * how they end.
 */
#include "conntrack/engine_private.h"
#include "conntrack/witness.h"

/* A datagram that brings nothing back is not worth a word; several are. */
#define ONE_WAY_PACKETS 3
#define REPEATED_MOST 1000u

/* ---------------------------------------------------------------- questions */

static bool is_probe(const struct pending_question *question)
{
	return question->ttl <= WITNESS_PROBE_TTL;
}

/* Some protocols never answer: tftp's discard, traps, syslog, flow records, metrics. */
static bool expects_no_answer(struct witness_parties *parties)
{
	static const uint16_t ports[] = { 9, 162, 514, 2055, 4739, 6343, 8125, 9995, 9996, 12201, 25826 };
	uint16_t port = be16_to_host(parties->service.port);

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (ports[i] == port)
			return true;
	return false;
}

static bool is_one_way(const struct engine *engine, const struct pending_question *question,
		       struct witness_parties *parties)
{
	const struct session *session = table_session(&engine->table, question->session);

	if (parties->protocol == PROTOCOL_UDP || parties->protocol == PROTOCOL_UDPLITE) {
		if (expects_no_answer(parties) || witness_is_many(engine, &parties->service.address))
			return false;
	} else if (parties->protocol != PROTOCOL_TCP) {
		return false;
	}
	return session_packets(session, DIRECTION_ORIGINAL) >= ONE_WAY_PACKETS &&
	       !(session->flags & SESSION_SEEN_REPLY);
}

/* What the silence so far amounts to; STATISTIC_COUNT: nothing yet. */
static enum statistic judge_silence(const struct engine *engine, const struct pending_question *question,
				    struct witness_parties *parties)
{
	if (question->explained || question->judged || is_probe(question))
		return STATISTIC_COUNT;
	switch ((enum pending_kind)question->kind) {
	case PENDING_SYN:
		return STATISTIC_UNANSWERED;
	case PENDING_QUERY:
		return STATISTIC_DNS_UNANSWERED;
	case PENDING_DATAGRAM:
		return is_one_way(engine, question, parties) ? STATISTIC_ONE_WAY : STATISTIC_COUNT;
	case PENDING_ACK:
		break;
	}
	return STATISTIC_COUNT;
}

static void count_opened(struct engine *engine, struct pending_question *question, struct witness_parties *parties)
{
	if (question->first)
		witness_count(engine, parties, STATISTIC_OPENED);
	question->first = false;
}

static void count_silence(struct engine *engine, struct pending_question *question)
{
	struct witness_parties parties = witness_parties_of_session(engine, question->session);
	enum statistic silence = judge_silence(engine, question, &parties);

	count_opened(engine, question, &parties);
	if (silence == STATISTIC_COUNT)
		return;
	if (silence == STATISTIC_DNS_UNANSWERED)
		witness_count(engine, &parties, STATISTIC_DNS_QUERIES);
	witness_blame(engine, &parties, silence);
	question->judged = true;
	if (silence == STATISTIC_ONE_WAY)
		return;
	statistics_count(&engine->witness->silence, STATISTIC_UNANSWERED, engine->now);
	statistics_note_peer(&engine->witness->silence, &parties.service.address, 0);
}

static void give_up(struct engine *engine, uint32_t index)
{
	struct pending *pending = &engine->witness->pending;
	struct pending_question *question = pending_question(pending, index);

	if (question->kind == PENDING_ACK) {
		pending_remove(pending, index);
		return;
	}
	count_silence(engine, question);
	pending_give_up(pending, index);
}

static void forget(struct engine *engine, uint32_t index)
{
	struct pending *pending = &engine->witness->pending;

	/* A sender who is slow has sent enough by now to see that nothing comes back. */
	if (pending_question(pending, index)->kind == PENDING_DATAGRAM)
		count_silence(engine, pending_question(pending, index));
	pending_remove(pending, index);
}

static void make_room(struct engine *engine)
{
	struct pending *pending = &engine->witness->pending;
	const struct mono ever = { UINT64_MAX };
	uint32_t index = pending_due(pending, PENDING_GIVEN_UP, ever);

	if (index == PENDING_NONE) {
		index = pending_due(pending, PENDING_WAITING, ever);
		give_up(engine, index);
		index = pending_due(pending, PENDING_GIVEN_UP, ever);
	}
	if (index != PENDING_NONE)
		pending_remove(pending, index);
}

static struct pending_question *ask(struct passage *passage, enum pending_kind kind, uint16_t token)
{
	struct engine *engine = passage->engine;
	struct pending *pending = &engine->witness->pending;
	struct pending_question *question;

	if (pending_full(pending))
		make_room(engine);
	question = pending_question(pending, pending_add(pending, passage->index, kind, token, engine->now));
	question->ttl = passage->packet.ttl;
	return question;
}

void witness_tick(struct engine *engine, unsigned int budget)
{
	const uint64_t now = engine->now.ns;
	struct mono answer = { now > WITNESS_ANSWER_MS * NS_PER_MS ? now - WITNESS_ANSWER_MS * NS_PER_MS : 0 };
	struct mono over = { now > WITNESS_GIVEN_UP_MS * NS_PER_MS ? now - WITNESS_GIVEN_UP_MS * NS_PER_MS : 0 };
	uint32_t index;

	if (!engine->witness)
		return;
	for (; budget; budget--) {
		index = pending_due(&engine->witness->pending, PENDING_WAITING, answer);
		if (index != PENDING_NONE) {
			give_up(engine, index);
			continue;
		}
		index = pending_due(&engine->witness->pending, PENDING_GIVEN_UP, over);
		if (index == PENDING_NONE)
			return;
		forget(engine, index);
	}
}

/* --------------------------------------------------------------------- DNS */

#define DNS_PORT 53
#define DNS_HEADER 12
#define DNS_ANSWER 0x80 /* QR, in the third byte (RFC 1035 section 4.1.1) */

/* A DNS message over UDP: its identifier, and whether it answers. */
static bool parse_dns(const struct passage *passage, uint16_t *id, bool *answers)
{
	const struct packet *packet = &passage->packet;
	const uint8_t *message = packet->bytes + packet->payload_offset;

	if (packet->tuple.protocol != PROTOCOL_UDP || packet->later_fragment || packet->payload_length < DNS_HEADER ||
	    (be16_to_host(packet->tuple.source.port) != DNS_PORT &&
	     be16_to_host(packet->tuple.destination.port) != DNS_PORT))
		return false;
	*id = (uint16_t)(message[0] << 8 | message[1]);
	*answers = message[2] & DNS_ANSWER;
	return true;
}

/* Something was answered: whatever is silent, it is not everything. */
static void end_silence(struct engine *engine)
{
	if (engine->witness->silence.peer_count)
		engine->witness->silence = (struct statistics_entry){ .window = 0 };
}

static void answer_query(struct passage *passage, uint32_t index)
{
	struct engine *engine = passage->engine;
	struct pending_question *question = pending_question(&engine->witness->pending, index);
	struct witness_parties parties = witness_parties_of_session(engine, passage->index);
	uint64_t waited = engine->now.ns - question->asked.ns;

	end_silence(engine);
	if (question->first) {
		count_opened(engine, question, &parties);
		witness_count(engine, &parties, STATISTIC_ANSWERED);
	}
	if (question->judged)
		witness_take_back(engine, &parties, STATISTIC_DNS_UNANSWERED);
	else
		witness_count(engine, &parties, STATISTIC_DNS_QUERIES);
	statistics_smooth(&witness_service(engine, &parties)->dns_us, waited);
	statistics_smooth(&witness_source(engine, &parties)->dns_us, waited);
	pending_remove(&engine->witness->pending, index);
}

static void note_dns(struct passage *passage)
{
	struct pending *pending = &passage->engine->witness->pending;
	uint32_t index;
	uint16_t id;
	bool answers;

	if (!parse_dns(passage, &id, &answers))
		return;
	index = pending_find(pending, passage->index, PENDING_QUERY, id);
	if (answers && passage->direction == DIRECTION_REPLY && index != PENDING_NONE)
		answer_query(passage, index);
	else if (!answers && passage->direction == DIRECTION_ORIGINAL && index == PENDING_NONE)
		ask(passage, PENDING_QUERY, id);
}

/* ----------------------------------------------------------------- sessions */

static void note_outside(struct witness *witness, const struct passage *passage)
{
	uint32_t interface = passage->meta->oif;

	if (passage->meta->hook == HOOK_FORWARD && passage->session->mapping != MAPPING_NONE &&
	    witness->outside_count < WITNESS_OUTSIDE && !witness_is_outside(witness, interface))
		witness->outside[witness->outside_count++] = interface;
}

static bool is_syn(const struct packet *packet)
{
	return packet_is_tcp(packet) && (packet->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

void witness_opened(struct passage *passage)
{
	struct engine *engine = passage->engine;
	enum pending_kind kind = PENDING_DATAGRAM;
	uint16_t id = 0;
	bool answers;

	if (!engine->witness)
		return;
	note_outside(engine->witness, passage);
	if (is_syn(&passage->packet))
		kind = PENDING_SYN;
	else if (packet_is_tcp(&passage->packet) && witness_late(passage))
		return;
	else if (parse_dns(passage, &id, &answers) && !answers)
		kind = PENDING_QUERY;
	ask(passage, kind, id)->first = true;
}

/* The other side has spoken for the first time. */
static void first_reply(struct passage *passage)
{
	struct engine *engine = passage->engine;
	struct pending *pending = &engine->witness->pending;
	struct witness_parties parties = witness_parties_of_session(engine, passage->index);
	uint32_t index = pending_find(pending, passage->index, PENDING_SYN, 0);
	struct pending_question *question;
	bool refused = packet_is_tcp(&passage->packet) && passage->packet.tcp.flags & TCP_RST;

	end_silence(engine);
	if (index == PENDING_NONE)
		index = pending_find(pending, passage->index, PENDING_DATAGRAM, 0);
	if (index == PENDING_NONE)
		return;
	question = pending_question(pending, index);
	count_opened(engine, question, &parties);
	if (question->judged)
		witness_take_back(engine, &parties,
				  question->kind == PENDING_SYN ? STATISTIC_UNANSWERED : STATISTIC_ONE_WAY);
	if (!refused)
		witness_count(engine, &parties, STATISTIC_ANSWERED);
	else if (question->kind == PENDING_SYN)
		witness_blame(engine, &parties, STATISTIC_REFUSED);
	if (refused || question->kind != PENDING_SYN) {
		pending_remove(pending, index);
		return;
	}
	/* Which of two SYNs is answered cannot be told (Karn's rule). */
	if (session_packets(passage->session, DIRECTION_ORIGINAL) == 1)
		statistics_smooth(&witness_service(engine, &parties)->rtt_us, engine->now.ns - question->asked.ns);
	pending_restart(pending, index, PENDING_ACK, engine->now);
}

/* The opening side's ACK of the SYN-ACK; or it goes on, and no answer came this way. */
static void finish_handshake(struct passage *passage)
{
	struct engine *engine = passage->engine;
	struct pending *pending = &engine->witness->pending;
	struct witness_parties parties = witness_parties_of_session(engine, passage->index);
	uint32_t index = pending_find(pending, passage->index, PENDING_ACK, 0);

	if (index != PENDING_NONE) {
		if (session_packets(passage->session, DIRECTION_REPLY) == 1)
			statistics_smooth(&witness_source(engine, &parties)->rtt_us,
					  engine->now.ns - pending_question(pending, index)->asked.ns);
		pending_remove(pending, index);
		return;
	}
	index = pending_find(pending, passage->index, PENDING_SYN, 0);
	if (index == PENDING_NONE)
		return;
	count_opened(engine, pending_question(pending, index), &parties);
	if (pending_question(pending, index)->judged)
		witness_take_back(engine, &parties, STATISTIC_UNANSWERED);
	witness_blame(engine, &parties, STATISTIC_ONE_WAY);
	pending_remove(pending, index);
}

/* Reset before either side has said that it is done. */
static void note_reset(struct passage *passage)
{
	struct engine *engine = passage->engine;
	const struct track_tcp *tcp = &passage->session->track.tcp;
	struct witness_parties parties = witness_parties_of_session(engine, passage->index);
	struct tuple original = table_tuple(&engine->table, passage->session, DIRECTION_ORIGINAL);

	if ((tcp->side[0].flags | tcp->side[1].flags) & TCP_SIDE_FIN)
		return;
	if (passage->direction == DIRECTION_ORIGINAL)
		witness_count(engine, &parties, STATISTIC_ABORTED);
	else if (!witness_was_seen(engine->witness, &original, STATISTIC_AFTER_EXPIRY, engine->now))
		witness_blame(engine, &parties, STATISTIC_RESET);
}

void witness_advanced(struct passage *passage, const struct track_result *result, unsigned int list, unsigned int flags)
{
	const struct session *session = passage->session;
	bool first = session->flags & SESSION_SEEN_REPLY && !(flags & SESSION_SEEN_REPLY);
	struct witness_parties parties;

	if (!passage->engine->witness)
		return;
	if (result->retransmission) {
		parties = witness_parties_of_session(passage->engine, passage->index);
		witness_count(passage->engine, &parties, STATISTIC_RETRANSMITTED);
	}
	note_dns(passage);
	if (first)
		first_reply(passage);
	if (session->list == list || session_protocol(session) != PROTOCOL_TCP)
		return;
	if (session->list == TIMEOUT_TCP_CLOSE && !first)
		note_reset(passage);
	else if (passage->direction == DIRECTION_ORIGINAL && list <= TIMEOUT_TCP_SYN_RECEIVED)
		finish_handshake(passage);
}

void witness_repeated(struct engine *engine, uint32_t index, uint32_t segments)
{
	struct witness_parties parties;

	if (!engine->witness)
		return;
	parties = witness_parties_of_session(engine, index);
	/* Beyond that the difference tells nothing. */
	for (uint32_t i = 0; i < segments && i < REPEATED_MOST; i++)
		witness_count(engine, &parties, STATISTIC_RETRANSMITTED);
}

void witness_expired(struct engine *engine, uint32_t index)
{
	const struct session *session = table_session(&engine->table, index);
	const uint8_t list = session->list;
	struct pending *pending;

	if (!engine->witness || list >= TIMEOUT_COUNT)
		return;
	if (list == TIMEOUT_TCP_ESTABLISHED || list == TIMEOUT_TCP_UNACKNOWLEDGED ||
	    list == TIMEOUT_TCP_RETRANSMITTING) {
		struct tuple tuples[2] = { table_tuple(&engine->table, session, DIRECTION_ORIGINAL),
					   table_tuple(&engine->table, session, DIRECTION_REPLY) };

		expired_add(&engine->witness->expired, tuples, engine->settings.timeout_s[list], engine->now);
	}
	/* A timeout shorter than our own patience: its verdict stands. */
	pending = &engine->witness->pending;
	for (uint32_t at = pending_first(pending, index); at != PENDING_NONE; at = pending_next(pending, at))
		count_silence(engine, pending_question(pending, at));
}

void witness_ended(struct engine *engine, uint32_t index)
{
	struct pending *pending;
	uint32_t at;

	if (!engine->witness)
		return;
	pending = &engine->witness->pending;
	for (at = pending_first(pending, index); at != PENDING_NONE; at = pending_first(pending, index)) {
		struct witness_parties parties = witness_parties_of_session(engine, index);

		count_opened(engine, pending_question(pending, at), &parties);
		pending_remove(pending, at);
	}
}

bool witness_explain(struct engine *engine, uint32_t index)
{
	struct pending *pending = &engine->witness->pending;
	struct witness_parties parties = witness_parties_of_session(engine, index);
	bool probe = false;

	for (uint32_t at = pending_first(pending, index); at != PENDING_NONE; at = pending_next(pending, at)) {
		struct pending_question *question = pending_question(pending, at);

		probe |= is_probe(question);
		question->explained = true;
		if (!question->judged)
			continue;
		question->judged = false;
		if (question->kind == PENDING_SYN)
			witness_take_back(engine, &parties, STATISTIC_UNANSWERED);
		else if (question->kind == PENDING_DATAGRAM)
			witness_take_back(engine, &parties, STATISTIC_ONE_WAY);
	}
	return probe;
}
