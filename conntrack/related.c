/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICMP errors (RFC 5508 section 4, RFC 4787 REQ-12, RFC 5382 REQ-9): matched by the
 * packet they quote, translated inside and out, never ending or refreshing a
 * session.
 *
 * An error that travels in direction d is about a packet of the opposite
 * direction, as that packet looked where the error was made. So the quote reads
 * inverse(tuple of d) when the error comes from beyond the translation, and must
 * read the tuple of the opposite of d when it leaves.
 */
#include "conntrack/follow.h"
#include "conntrack/gre.h"
#include "conntrack/icmp_error.h"
#include "conntrack/rewrite.h"

#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT 5

static bool find_quoted(struct passage *passage)
{
	const struct tuple *quoted = &passage->packet.icmp.quote.tuple;
	struct tuple inverse = tuple_invert(quoted);
	enum direction direction;

	passage->index = table_lookup(&passage->engine->table, &inverse, &passage->direction);
	if (passage->index != SESSION_NONE)
		return true;
	/* Already translated in prerouting, or about a packet not yet translated. */
	passage->index = table_lookup(&passage->engine->table, quoted, &direction);
	if (passage->index == SESSION_NONE)
		passage->index = table_lookup_middle(&passage->engine->table, quoted, &direction);
	passage->direction = direction_opposite(direction);
	passage->arrived_translated = true;
	return passage->index != SESSION_NONE;
}

/* As a packet is found: by its key first, then by its addresses. */
static bool quotes_session(struct passage *passage)
{
	struct packet_quote *quote = &passage->packet.icmp.quote;
	const struct table *table = &passage->engine->table;
	struct tuple plain = quote->tuple;

	if (plain.protocol == PROTOCOL_GRE && quote->gre.keyed) {
		quote->tuple = gre_numbered(&plain, quote->gre.key);
		if (find_quoted(passage) && gre_is_of(table_session(table, passage->index), quote->gre.key))
			return true;
		quote->tuple = plain;
		passage->arrived_translated = false;
	}
	return find_quoted(passage) && gre_quote_fits(table_session(table, passage->index), passage->direction, quote);
}

/* What the error's addresses and its quote must be when it leaves this hook. */
static void translate(struct passage *passage)
{
	const struct tuple *in = &passage->tuples[passage->direction];
	const struct tuple *back = &passage->tuples[direction_opposite(passage->direction)];
	struct tuple outer = passage->packet.tuple;
	struct tuple quote = passage->arrived_translated ? passage->packet.icmp.quote.tuple : *back;
	bool at_exit = passage->meta->hook != HOOK_PREROUTING;

	if (!passage->arrived_translated && address_equal(&outer.destination.address, &in->destination.address))
		outer.destination.address = back->source.address;
	/* No inner router may show itself outside: it takes the session's external address. */
	if (at_exit && !address_equal(&in->source.address, &back->destination.address))
		outer.source.address = back->destination.address;
	if (tuple_equal(&outer, &passage->packet.tuple) && tuple_equal(&quote, &passage->packet.icmp.quote.tuple))
		return;
	icmp_error_rewrite(&passage->packet, &outer, &quote);
	if (passage->meta->checksum_unfinished)
		rewrite_finish_checksum(&passage->packet);
	passage->rewritten = true;
}

/* Advice to a host by its first router, which no other may give (RFC 1812 section 4.3.3.3, RFC 6633). */
static bool is_forbidden(const struct passage *passage)
{
	uint8_t type = passage->packet.icmp.type;

	return passage->meta->hook == HOOK_FORWARD && passage->packet.family == FAMILY_IPV4 &&
	       (type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT);
}

/*
 * Could the session have sent what is quoted, and does the error go back there? The
 * router's own errors need no proof: they are about packets that no hook saw.
 */
static bool fits_session(const struct passage *passage)
{
	const struct packet_quote *quote = &passage->packet.icmp.quote;

	/* What the router is one end of, nobody but the router can send errors about to the other. */
	if (passage->meta->hook == HOOK_FORWARD && passage->session->flags & SESSION_LOCAL)
		return false;
	return icmp_error_valid(&passage->packet) &&
	       (passage->meta->hook == HOOK_OUTPUT ||
		(path_mtu_plausible(&passage->packet) &&
		 track_quote_valid(quote->tuple.protocol, &passage->session->track,
				   direction_opposite(passage->direction), quote->tcp_sequence)));
}

/* What the kernel says to the machine itself; of the rest of the loopback nothing comes up. */
static bool is_to_ourselves(const struct passage *passage)
{
	return passage->meta->hook == HOOK_OUTPUT && passage->context.oif && passage->context.oif->loopback;
}

/*
 * Silence for errors about nothing we know (RFC 5508 REQ-4), but the router's own
 * are heard: it answers first packets that died of their TTL before any hook that
 * would have made a session of them.
 */
static enum reason pass_unmatched(struct passage *passage)
{
	enum reason reason;

	if (passage->meta->hook != HOOK_OUTPUT) {
		passage->engine->counters.icmp_unmatched++;
		return REASON_ICMP_UNMATCHED;
	}
	/* Related to the packet it is about, though that made no session: so nft sees it too. */
	passage->context.ct_state = CT_STATE_RELATED;
	passage->settled = true;
	if (is_to_ourselves(passage))
		return REASON_NONE;
	reason = judge(passage, HOOK_OUTPUT, false);
	if (reason == REASON_NONE)
		reason = judge(passage, HOOK_POSTROUTING, false);
	if (reason == REASON_NONE)
		witness_error(passage);
	return reason;
}

/* What is too big for the path to where the quoted packet went, as seen from there. */
static void learn(struct passage *passage)
{
	uint16_t mtu = path_mtu_of_error(&passage->packet);

	if (!mtu)
		return;
	passage->engine->counters.icmp_frag_needed++;
	path_mtus_learn(passage->engine->path_mtus, &passage->tuples[passage->direction].source.address, mtu,
			passage->now);
	pathwatch_told(passage);
}

/* Rules have no say between the machine's own programs, but they have when a host inside is meant. */
static enum reason judge_error(struct passage *passage)
{
	enum hook hook = passage->meta->hook;
	enum reason reason;

	if (is_to_ourselves(passage) && session_nat(passage->session) == SESSION_NAT_NONE)
		return REASON_NONE;
	reason = judge(passage, hook, false);
	if (reason == REASON_NONE && (hook == HOOK_FORWARD || hook == HOOK_OUTPUT))
		reason = judge(passage, HOOK_POSTROUTING, false);
	return reason;
}

enum reason related_process(struct passage *passage)
{
	struct engine *engine = passage->engine;
	enum hook hook = passage->meta->hook;
	enum reason reason;

	if (is_forbidden(passage))
		return REASON_ICMP_FORBIDDEN;
	if (!quotes_session(passage))
		return pass_unmatched(passage);
	passage->session = table_session(&engine->table, passage->index);
	if (passage->session->flags & SESSION_LENT)
		fastpath_regain(engine, passage->index);
	follow_quote(passage);
	if (!fits_session(passage)) {
		engine->counters.icmp_invalid++;
		return REASON_ICMP_INVALID;
	}
	passage->context.ct_state = CT_STATE_RELATED;
	passage->context.ct_direction = passage->direction;
	session_tell_tuples(passage);
	passage->context.ct_original = &passage->tuples[DIRECTION_ORIGINAL];
	passage->context.ct_reply = &passage->tuples[DIRECTION_REPLY];
	reason = judge_error(passage);
	if (reason != REASON_NONE)
		return reason;
	if (hook != HOOK_PREROUTING) {
		witness_error(passage);
		learn(passage);
	}
	translate(passage);
	if (passage->rewritten)
		engine->counters.icmp_translated++;
	passage->settled = hook != HOOK_PREROUTING;
	return REASON_NONE;
}
