/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pipeline: what happens to a packet, hook by hook.
 *
 *   prerouting   before routing: a destination is translated here, a source never
 *                (it would be a martian). A packet of an established session is
 *                settled at once when nothing later could object.
 *   forward      both interfaces are known: filter rules, source translation
 *   input        to the router itself
 *   output       from the router itself: both translations at once
 *
 * A new session is decided in two phases. With a destination translation it is
 * reserved, unconfirmed, in prerouting and confirmed where it is judged; otherwise
 * both happen in one go. A packet that is judged and dropped leaves nothing.
 */
#include "conntrack/follow.h"
#include "conntrack/gre.h"
#include "conntrack/mss.h"
#include "conntrack/parse.h"
#include "conntrack/rewrite.h"

static void find_interfaces(struct passage *passage)
{
	const struct link_table *links = &passage->engine->link_table;

	passage->context.iif = passage->meta->iif ? link_lookup(links, passage->meta->iif) : NULL;
	passage->context.oif = passage->meta->oif ? link_lookup(links, passage->meta->oif) : NULL;
}

/* ---------------------------------------------------------------- sessions */

/* What rules declared untracked before routing has no session here either. */
static void find_untracked(struct passage *passage)
{
	enum hook hook = passage->meta->hook;

	if ((hook != HOOK_FORWARD && hook != HOOK_INPUT) ||
	    !(passage->trace ? passage->notrack
			     : untracked_holds(&passage->engine->untracked, &passage->packet.tuple, passage->now)))
		return;
	passage->notrack = true;
	passage->session = NULL;
	passage->index = SESSION_NONE;
	passage->arrived_translated = false;
}

/* -------------------------------------------------------------- translation */

/* The lower of what rules and known black holes ask for. */
static bool clamp(struct passage *passage, bool unfinished)
{
	uint16_t mss = passage->mss, other;

	if (!packet_is_tcp(&passage->packet) || !(passage->packet.tcp.flags & TCP_SYN))
		return false;
	other = pathwatch_mss(passage);
	if (other && (!mss || other < mss))
		mss = other;
	return mss && mss_clamp(&passage->packet, mss, unfinished);
}

/* Rewrites what this hook may rewrite: the packet leaves as @to. */
static void rewrite(struct passage *passage, const struct tuple *to)
{
	bool unfinished = passage->meta->checksum_unfinished;
	bool last = passage->meta->hook != HOOK_PREROUTING || passage->settled;
	bool clamped = last && clamp(passage, unfinished);
	bool moved = to != &passage->packet.tuple && !tuple_same_ends(to, &passage->packet.tuple);
	bool hidden = moved && !address_equal(&to->source.address, &passage->packet.tuple.source.address);

	passage->engine->counters.mss_clamped += clamped;
	if (moved)
		rewrite_tuple(&passage->packet, to, unfinished);
	else if (clamped && unfinished)
		rewrite_finish_checksum(&passage->packet);
	if (hidden && !passage->trace)
		identification_renew(&passage->engine->identifications, &passage->packet);
	passage->rewritten |= moved || clamped;
}

/* Before routing only the destination may change. */
static void rewrite_destination(struct passage *passage)
{
	const struct session *session = passage->session;
	struct tuple to = passage->packet.tuple;

	if (session_translates_destination(session, passage->direction))
		to.destination = table_translated(&passage->engine->table, session, passage->direction).destination;
	rewrite(passage, &to);
}

static void rewrite_whole(struct passage *passage)
{
	struct tuple to;

	if (session_nat(passage->session) == SESSION_NAT_NONE) {
		rewrite(passage, &passage->packet.tuple);
		return;
	}
	to = table_translated(&passage->engine->table, passage->session, passage->direction);
	rewrite(passage, &to);
}

/* ------------------------------------------------------ established sessions */

static struct track_result track(struct passage *passage)
{
	struct session *session = passage->session;

	follow_receive(passage);
	return track_packet(&session->track, session_timeout(session), &passage->packet, passage->direction,
			    session->flags & SESSION_SEEN_REPLY, &passage->engine->settings);
}

/* May this packet of a session be settled before routing, with no rule asked? */
static bool settles_early(const struct passage *passage)
{
	enum hook hook = passage->session->flags & SESSION_LOCAL ? HOOK_INPUT : HOOK_FORWARD;

	/* What dies of its TTL between here and forward must not act on its session. */
	if (hook == HOOK_FORWARD && passage->packet.ttl <= 1)
		return false;
	return passage->session->flags & SESSION_CONFIRMED && session_ct_state(passage) == CT_STATE_ESTABLISHED &&
	       !session_translates_source(passage->session, passage->direction) &&
	       judge_established(passage, HOOK_PREROUTING) && judge_established(passage, hook) &&
	       (hook == HOOK_INPUT || judge_established(passage, HOOK_POSTROUTING));
}

static void count_skipped_rules(struct passage *passage)
{
	enum hook hook = passage->meta->hook;

	if (hook == HOOK_PREROUTING) {
		judge_count_established(passage, HOOK_PREROUTING);
		hook = passage->session->flags & SESSION_LOCAL ? HOOK_INPUT : HOOK_FORWARD;
	}
	judge_count_established(passage, hook);
	if (hook != HOOK_INPUT)
		judge_count_established(passage, HOOK_POSTROUTING);
}

/* The chains a packet passes from this hook on, without a nat decision. */
static enum reason judge_on(struct passage *passage)
{
	enum hook hook = passage->meta->hook;
	enum reason reason = judge(passage, hook, false);

	if (reason == REASON_NONE && (hook == HOOK_FORWARD || hook == HOOK_OUTPUT))
		reason = judge(passage, HOOK_POSTROUTING, false);
	return reason;
}

/* ------------------------------------------------------------- new sessions */

/* A packet that may open no session: rules may let it pass, but never untranslated. */
static enum reason pass_unsessioned(struct passage *passage)
{
	enum hook hook = passage->meta->hook;
	enum reason reason = judge(passage, hook, false);

	if (reason != REASON_NONE || (hook != HOOK_FORWARD && hook != HOOK_OUTPUT))
		return reason;
	reason = judge(passage, HOOK_POSTROUTING, hook == HOOK_FORWARD);
	return reason == REASON_NONE && passage->has_snat ? REASON_UNTRANSLATED : reason;
}

/* A packet that rules declared untracked: judged, and neither remembered nor translated. */
static enum reason pass_untracked(struct passage *passage)
{
	session_describe(passage, CT_STATE_UNTRACKED);
	passage->settled = true;
	return judge_on(passage);
}

static enum reason open_session(struct passage *passage)
{
	enum hook hook = passage->meta->hook;
	union track track;
	struct track_result opened = track_open(&track, &passage->packet, &passage->engine->settings);
	uint8_t state = follow_expected(passage) ? CT_STATE_RELATED
			: passage->session	 ? session_ct_state(passage)
						 : CT_STATE_NEW;
	enum reason reason;

	if (opened.reason != REASON_NONE || packet_is_stray(&passage->packet)) {
		session_describe(passage, packet_is_stray(&passage->packet) ? CT_STATE_UNTRACKED : CT_STATE_INVALID);
		passage->settled = true;
		return pass_unsessioned(passage);
	}
	session_describe(passage, state);
	reason = judge(passage, hook, hook == HOOK_OUTPUT);
	if (reason == REASON_NONE && (hook == HOOK_FORWARD || hook == HOOK_OUTPUT))
		reason = judge(passage, HOOK_POSTROUTING, true);
	if (reason != REASON_NONE)
		return reason;
	passage->settled = true;
	if (passage->notrack)
		return REASON_NONE;
	reason = create_commit(passage, &track, &opened);
	if (reason == REASON_NONE)
		rewrite_whole(passage);
	return reason;
}

/* A packet of a session, in the hook that settles it. */
static enum reason continue_session(struct passage *passage)
{
	struct track_result result = track(passage);
	enum hook hook = passage->meta->hook;
	bool established = session_ct_state(passage) == CT_STATE_ESTABLISHED;
	enum reason reason = REASON_NONE;

	if (result.reopen && passage->direction == DIRECTION_ORIGINAL) {
		engine_end_session(passage->engine, passage->index);
		passage->session = NULL;
		passage->index = SESSION_NONE;
		return open_session(passage);
	}
	if (result.reopen)
		result.reason = REASON_INVALID;
	passage->settled = true;
	session_describe(passage, result.reason == REASON_NONE ? session_ct_state(passage) : CT_STATE_INVALID);
	if (result.reason != REASON_NONE) {
		/* Rules may count it, log it or let it pass, but it is not translated. */
		reason = judge_on(passage);
		if (reason != REASON_NONE || session_nat(passage->session) == SESSION_NAT_NONE)
			return reason;
		return result.reason;
	}
	if (established && judge_established(passage, hook) &&
	    (hook == HOOK_INPUT || judge_established(passage, HOOK_POSTROUTING)))
		count_skipped_rules(passage);
	else
		reason = judge_on(passage);
	if (reason == REASON_NONE)
		reason = follow_send(passage, &result);
	if (reason != REASON_NONE)
		return reason;
	session_advance(passage, &result);
	rewrite_whole(passage);
	pathwatch_packet(passage, result.retransmission);
	if (result.end)
		engine_end_session(passage->engine, passage->index);
	return REASON_NONE;
}

/* Forward, input and output: every packet that prerouting did not settle. */
static enum reason process_settling(struct passage *passage)
{
	if (passage->meta->hook == HOOK_FORWARD && icmp_is_link_advice(&passage->packet))
		return REASON_ICMP_FORBIDDEN;
	if (passage->notrack)
		return pass_untracked(passage);
	if (passage->session && passage->session->flags & SESSION_HOLE)
		return REASON_FILTERED;
	if (passage->session && (passage->session->flags & SESSION_CONFIRMED)) {
		/* Routed before its destination was translated: too late for that now. */
		if (!passage->arrived_translated && passage->meta->hook != HOOK_OUTPUT &&
		    session_translates_destination(passage->session, passage->direction))
			return REASON_STALE_TRANSLATION;
		return passage->trace ? REASON_NONE : continue_session(passage);
	}
	/* Nothing may answer a packet that no rule has judged yet. */
	if (passage->session && passage->direction == DIRECTION_REPLY)
		return REASON_INVALID;
	return open_session(passage);
}

/* A first packet whose destination is translated: later hooks judge it. */
static enum reason reserve(struct passage *passage)
{
	enum reason reason = create_reserve(passage);

	if (reason == REASON_NONE) {
		rewrite_destination(passage);
		transit_mark(passage);
	}
	return reason;
}

/* A datagram from port 0 wants no answer (RFC 768), and there is no port 0 to translate one to. */
static bool answers_nobody(const struct passage *passage, const struct endpoint *destination)
{
	uint8_t protocol = passage->packet.tuple.protocol;

	return (protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE) && destination->port.raw == 0;
}

/* An external endpoint that a mapping holds: admitted by its filtering, or dropped. */
static enum reason enter_mapping(struct passage *passage, uint32_t mapping)
{
	struct endpoint internal = mapping_internal(passage->engine->mappings, mapping);

	enum reason reason = enter_may_reserve(passage, mapping);

	if (reason == REASON_FILTERED)
		enter_refused(passage);
	if (reason != REASON_NONE)
		return reason;
	if (answers_nobody(passage, &internal))
		return REASON_INVALID;
	passage->context.view.destination = internal;
	passage->context.ct_state = CT_STATE_RELATED;
	reason = reserve(passage);
	if (reason == REASON_NONE)
		passage->session->flags |= SESSION_ENTERED;
	return reason;
}

/* The chains before routing; what they declare untracked is so in all later hooks. */
static enum reason judge_before_routing(struct passage *passage, bool nat)
{
	enum reason reason = judge(passage, HOOK_PREROUTING, nat);

	if (passage->trace)
		return reason;
	if (passage->notrack && reason == REASON_NONE)
		untracked_note(&passage->engine->untracked, &passage->packet.tuple, passage->now);
	else
		untracked_forget(&passage->engine->untracked, &passage->packet.tuple, passage->now);
	return reason;
}

static enum reason prerouting_new(struct passage *passage)
{
	struct engine *engine = passage->engine;
	union track scratch;
	struct track_result opened = track_open(&scratch, &passage->packet, &engine->settings);
	bool may_open = opened.reason == REASON_NONE && !packet_is_stray(&passage->packet);
	enum reason reason;
	uint32_t mapping;

	session_describe(passage, may_open			      ? CT_STATE_NEW
				  : packet_is_stray(&passage->packet) ? CT_STATE_UNTRACKED
								      : CT_STATE_INVALID);
	if (may_open && follow_expected(passage))
		session_describe(passage, CT_STATE_RELATED);
	reason = judge_before_routing(passage, may_open);
	if (reason != REASON_NONE || !may_open || passage->notrack)
		return reason;
	if (passage->has_dnat)
		return reserve(passage);
	mapping = enter_lookup(passage);
	if (mapping != MAPPING_NONE)
		return enter_mapping(passage, mapping);
	/* Later hooks must see the mark, or the helper: the session carries it there. */
	return passage->context.ct_mark || passage->helper ? reserve(passage) : REASON_NONE;
}

static enum reason process_prerouting(struct passage *passage)
{
	struct track_result result;
	struct tuple leaves;
	enum reason reason;

	if (!passage->session)
		return prerouting_new(passage);
	if (passage->session->flags & SESSION_HOLE) {
		session_describe(passage, CT_STATE_NEW);
		reason = enter_hole(passage);
		if (reason != REASON_NONE)
			return reason;
	}
	leaves = table_translated(&passage->engine->table, passage->session, passage->direction);
	if (answers_nobody(passage, &leaves.destination))
		return REASON_INVALID;
	if (!settles_early(passage)) {
		session_describe(passage, session_ct_state(passage));
		reason = judge_before_routing(passage, false);
		if (passage->notrack)
			return reason;
		passage->session->mark = passage->context.ct_mark;
		if (reason == REASON_NONE) {
			rewrite_destination(passage);
			transit_mark(passage);
		}
		return reason;
	}
	result = track(passage);
	if (result.reopen) {
		/* The hooks after routing open it anew; the old session's way is its way. */
		rewrite_destination(passage);
		transit_mark(passage);
		return REASON_NONE;
	}
	if (result.reason != REASON_NONE)
		return session_nat(passage->session) == SESSION_NAT_NONE ? REASON_NONE : result.reason;
	reason = follow_send(passage, &result);
	if (reason != REASON_NONE)
		return reason;
	passage->context.ct_mark = passage->session->mark;
	count_skipped_rules(passage);
	session_advance(passage, &result);
	passage->settled = true;
	rewrite_destination(passage);
	pathwatch_packet(passage, result.retransmission);
	if (result.end)
		engine_end_session(passage->engine, passage->index);
	return REASON_NONE;
}

enum reason engine_pass(struct passage *passage, uint8_t *bytes, size_t length)
{
	const struct packet_meta *meta = passage->meta;
	enum reason reason;

	if (meta->truncated)
		return REASON_TRUNCATED;
	if (meta->hook > HOOK_OUTPUT || !passage->engine->configuration)
		return REASON_WRONG_HOOK;
	reason = packet_parse(&passage->packet, bytes, length);
	if (reason != REASON_NONE)
		return reason;
	passage->original = passage->context.view = passage->packet.tuple;
	if (!meta->checksum_verified && !meta->checksum_unfinished && !packet_checksum_valid(&passage->packet))
		return REASON_BAD_L4_CHECKSUM;
	/* Nobody out there sends to himself by way of a gateway (RFC 1122 section 3.2.1.3). */
	if (meta->hook == HOOK_PREROUTING &&
	    address_equal(&passage->packet.tuple.source.address, &passage->packet.tuple.destination.address))
		return REASON_MARTIAN;
	find_interfaces(passage);
	if (!passage->engine->settings.pass_martians &&
	    martians_hold(&passage->engine->martians, passage->context.iif, &passage->packet.tuple.source.address))
		return REASON_MARTIAN;
	if (packet_is_icmp_error(&passage->packet))
		return related_process(passage);
	transit_find_session(passage);
	find_untracked(passage);
	if (passage->session && passage->packet.tuple.protocol == PROTOCOL_GRE)
		reason = gre_judge(passage);
	if (reason != REASON_NONE)
		return reason;
	if (meta->hook == HOOK_PREROUTING)
		return process_prerouting(passage);
	return process_settling(passage);
}

struct engine_verdict engine_process(struct engine *engine, const struct packet_meta *meta, uint8_t *bytes,
				     size_t length, struct mono now)
{
	struct passage passage = {
		.engine = engine,
		.meta = meta,
		.now = now,
		.index = SESSION_NONE,
		.rule = RULE_NONE,
	};
	uint32_t mark = meta->mark & ~engine->settings.mark;
	enum reason reason;

	engine->now = now;
	passage.context.packet = &passage.packet;
	passage.context.now = now;
	passage.context.mark = mark;
	passage.context.random = engine_random(engine);
	passage.context.oracle = &engine->rule_oracle;
	engine->counters.received++;
	reason = engine_pass(&passage, bytes, length);
	if (reason != REASON_NONE) {
		engine->counters.dropped++;
		engine->counters.drops[reason]++;
		engine->counters.truncated += reason == REASON_TRUNCATED;
		refusal_take_note(&passage, reason);
		witness_refused(&passage, reason);
		explain_remember(&passage, reason);
		return (struct engine_verdict){ .verdict = VERDICT_DROP, .reason = reason, .rule = passage.rule };
	}
	engine->counters.accepted++;
	engine->counters.rewritten += passage.rewritten;
	return (struct engine_verdict){
		.verdict = VERDICT_ACCEPT,
		.rewritten = passage.rewritten,
		.settled = passage.settled,
		.mark_changed = passage.context.mark != mark,
		.mark = passage.context.mark,
		.rule = passage.rule,
		.length = passage.packet.length,
	};
}
