/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What others say goes wrong, in ICMP errors, and what the gateway itself refuses.
 */
#include "conntrack/engine_private.h"
#include "conntrack/locality.h"
#include "conntrack/witness.h"

/* ---------------------------------------------------------- expired sessions */

bool witness_late(struct passage *passage)
{
	struct engine *engine = passage->engine;
	struct expired_session session;
	struct witness_parties parties;
	struct statistics_entry *service;
	enum direction direction;

	if (!packet_is_tcp(&passage->packet) || passage->packet.tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST) ||
	    !expired_take(&engine->witness->expired, &passage->original, engine->now, &session, &direction))
		return false;
	parties = witness_parties_of(&session.tuples[DIRECTION_ORIGINAL].source.address,
				     &session.tuples[DIRECTION_REPLY].source, session.tuples[0].protocol);
	/* What follows from it, a reset of what the gateway picked up, is no finding of its own. */
	(void)witness_is_new(engine->witness, &session.tuples[DIRECTION_ORIGINAL], STATISTIC_AFTER_EXPIRY, engine->now);
	service = witness_blame(engine, &parties, STATISTIC_AFTER_EXPIRY);
	service->idle_s = session.idle_s;
	service->dropped_late = !passage->session;
	return true;
}

/* ---------------------------------------------------------------- refusals */

static void note_no_room(struct passage *passage, enum statistic statistic, enum refusal cause)
{
	struct engine *engine = passage->engine;
	struct witness *witness = engine->witness;
	struct witness_parties parties = witness_parties_of(
	    &passage->original.source.address, &passage->context.view.destination, passage->original.protocol);

	if (!witness_is_new(witness, &passage->original, statistic, engine->now))
		return;
	witness_count(engine, &parties, statistic);
	statistics_count(&witness->gateway, statistic, engine->now);
	statistics_note_peer(&witness->gateway, &parties.source, 0);
	if (statistic != STATISTIC_NO_PORT)
		return;
	witness->gateway.reporter = engine->refused[cause].pool;
	witness->gateway.protocol = passage->original.protocol;
}

/* Only this destination is at its limit, or only this source. */
static void note_limit(struct passage *passage, enum statistic statistic)
{
	struct engine *engine = passage->engine;
	struct witness_parties parties = witness_parties_of(
	    &passage->original.source.address, &passage->context.view.destination, passage->original.protocol);

	if (witness_is_new(engine->witness, &passage->original, statistic, engine->now))
		witness_blame(engine, &parties, statistic);
}

/*
 * Does the packet come from outside? Until a translated session has shown where that
 * is, only an interface's own networks count as inside.
 */
static bool is_from_outside(const struct passage *passage)
{
	const struct witness *witness = passage->engine->witness;
	const struct link *link = passage->context.iif;

	if (witness->outside_count || !link)
		return witness_is_outside(witness, passage->meta->iif);
	return !locality_on_link(link, &passage->original.source.address);
}

/*
 * What rules keep out from outside is what they are for, and what is sent to
 * everybody is meant for nobody in particular.
 */
static void note_policy(struct passage *passage)
{
	struct engine *engine = passage->engine;
	struct witness_parties parties = witness_parties_of(
	    &passage->original.source.address, &passage->context.view.destination, passage->original.protocol);
	bool policy = passage->rule == RULE_NONE;
	struct statistics_entry *service;

	if (is_from_outside(passage) || witness_is_many(engine, &parties.service.address) ||
	    !witness_is_new(engine->witness, &passage->original, STATISTIC_POLICY_DROPPED, engine->now))
		return;
	service = witness_blame(engine, &parties, STATISTIC_POLICY_DROPPED);
	service->hook = (uint8_t)(passage->context.hook | (policy ? WITNESS_POLICY : 0));
	service->place = policy ? place_of_policy(engine, passage->context.hook, passage->packet.family)
				: place_of_rule(engine, passage->rule);
}

void witness_refused(struct passage *passage, enum reason reason)
{
	if (!passage->engine->witness)
		return;
	switch (reason) {
	case REASON_TABLE_FULL:
		note_no_room(passage, STATISTIC_TABLE_FULL, REFUSAL_TABLE_FULL);
		break;
	case REASON_POOL_EXHAUSTED:
		note_no_room(passage, STATISTIC_NO_PORT, REFUSAL_POOL_EXHAUSTED);
		break;
	case REASON_HOLD_DOWN:
		note_no_room(passage, STATISTIC_NO_PORT, REFUSAL_HOLD_DOWN);
		break;
	case REASON_DESTINATION_EXHAUSTED:
		note_limit(passage, STATISTIC_NO_PORT);
		break;
	case REASON_SOURCE_QUOTA:
		note_limit(passage, STATISTIC_OVER_QUOTA);
		break;
	case REASON_POLICY:
	case REASON_REJECTED:
		if (passage->context.ct_state == CT_STATE_NEW)
			note_policy(passage);
		else if (passage->context.ct_state == CT_STATE_INVALID)
			(void)witness_late(passage);
		break;
	case REASON_INVALID:
	case REASON_UNSOLICITED:
	case REASON_FILTERED:
	case REASON_UNTRANSLATED:
		(void)witness_late(passage);
		break;
	default:
		break;
	}
}

/* -------------------------------------------------------------- ICMP errors */

#define ICMP4_UNREACHABLE 3
#define ICMP4_PORT_UNREACHABLE 3
#define ICMP4_TOO_BIG 4
#define ICMP4_TIME_EXCEEDED 11
#define ICMP6_UNREACHABLE 1
#define ICMP6_PORT_UNREACHABLE 4
#define ICMP6_TOO_BIG 2
#define ICMP6_TIME_EXCEEDED 3

/* What the error means for the connection; STATISTIC_COUNT: nothing that is counted. */
static enum statistic classify(const struct packet *packet)
{
	bool four = packet->family == FAMILY_IPV4;
	uint8_t type = packet->icmp.type, code = packet->icmp.code;

	if (type == (four ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE)) {
		if (code == (four ? ICMP4_PORT_UNREACHABLE : ICMP6_PORT_UNREACHABLE))
			return STATISTIC_REFUSED;
		return four && code == ICMP4_TOO_BIG ? STATISTIC_TOO_BIG : STATISTIC_UNREACHABLE;
	}
	if (!four && type == ICMP6_TOO_BIG)
		return STATISTIC_TOO_BIG;
	/* Code 1 is about fragments that did not arrive in time: no router's doing. */
	if (type == (four ? ICMP4_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED) && code == 0)
		return STATISTIC_TTL_EXCEEDED;
	return STATISTIC_COUNT;
}

/* Who said what last about this party. */
static void note_report(struct statistics_entry *entry, const struct passage *passage, enum statistic statistic)
{
	const struct packet *packet = &passage->packet;
	const struct address *reporter = &passage->original.source.address;

	if (!entry->reporters)
		entry->reporters = 1;
	else if (!address_equal(&entry->reporter, reporter))
		entry->reporters = 2;
	entry->reporter = *reporter;
	entry->icmp_type = packet->icmp.type;
	entry->icmp_code = packet->icmp.code;
	if (statistic == STATISTIC_TOO_BIG)
		entry->mtu = packet->icmp.mtu < UINT16_MAX ? (uint16_t)packet->icmp.mtu : UINT16_MAX;
	if (statistic == STATISTIC_UNREACHABLE || statistic == STATISTIC_REFUSED) {
		uint16_t *codes =
		    &entry->codes[packet->icmp.code < STATISTIC_CODES ? packet->icmp.code : STATISTIC_CODES - 1];

		*codes = (uint16_t)(*codes + (*codes < UINT16_MAX));
	}
}

static void count_error(struct passage *passage, struct witness_parties *parties, const struct tuple *tuple,
			enum statistic statistic)
{
	struct engine *engine = passage->engine;
	struct witness_parties whole = witness_whole(parties);
	struct witness_parties *concerned = statistic == STATISTIC_REFUSED ? parties : &whole;

	/* Each probe of a hop is one; a failure counts once for its connection. */
	if (statistic == STATISTIC_TTL_PROBES)
		witness_count(engine, concerned, statistic);
	else if (witness_is_new(engine->witness, tuple, statistic, engine->now))
		witness_blame(engine, concerned, statistic);
	note_report(witness_service(engine, concerned), passage, statistic);
	note_report(witness_source(engine, concerned), passage, statistic);
}

/* The router's own error about a packet that made no session: a TTL that ended here, no route. */
static void note_unmatched(struct passage *passage, enum statistic statistic)
{
	const struct tuple *quoted = &passage->packet.icmp.quote.tuple;
	struct witness_parties parties =
	    witness_parties_of(&quoted->source.address, &quoted->destination, quoted->protocol);

	/* Who is told is who asked. */
	if (witness_is_outside(passage->engine->witness, passage->meta->oif))
		return;
	count_error(passage, &parties, quoted, statistic == STATISTIC_TTL_EXCEEDED ? STATISTIC_TTL_PROBES : statistic);
}

void witness_error(struct passage *passage)
{
	struct engine *engine = passage->engine;
	enum statistic statistic = classify(&passage->packet);
	struct witness_parties parties;
	struct tuple original;
	bool answered, probe;

	if (!engine->witness || statistic == STATISTIC_COUNT)
		return;
	if (!passage->session) {
		note_unmatched(passage, statistic);
		return;
	}
	/* What the opening side says of an answer, mostly that it waits for none any more, hurts nobody. */
	if (passage->direction != DIRECTION_REPLY)
		return;
	parties = witness_parties_of_session(engine, passage->index);
	original = table_tuple(&engine->table, passage->session, DIRECTION_ORIGINAL);
	answered = passage->session->flags & SESSION_SEEN_REPLY;
	/* Whoever asks for names learns only that there is no answer: that stays one finding. */
	if (parties.protocol == PROTOCOL_UDP && be16_to_host(parties.service.port) == 53 &&
	    statistic != STATISTIC_TOO_BIG) {
		note_report(witness_service(engine, &parties), passage, statistic);
		return;
	}
	probe = statistic != STATISTIC_TOO_BIG && witness_explain(engine, passage->index);
	if (statistic == STATISTIC_TTL_EXCEEDED && (probe || (answered && parties.protocol != PROTOCOL_TCP)))
		statistic = STATISTIC_TTL_PROBES;
	/* The end of a trace of hops; or a socket that was closed after an answer. */
	if (statistic == STATISTIC_REFUSED && (probe || answered))
		return;
	count_error(passage, &parties, &original, statistic);
}
