/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/why.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/answer.h"
#include "daemon/answer_parts.h"
#include "daemon/loop.h"
#include "daemon/question.h"
#include "daemon/words.h"

struct why {
	const struct explanation *explanation;
	const struct ruleset *ruleset;
	const struct link_table *links;
	struct mono now;
};

static const char *hook_word(enum hook hook)
{
	static const char *const words[HOOK_COUNT] = { "prerouting", "input", "forward", "output", "postrouting" };

	return words[hook];
}

static const char *action_word(enum rule_action action)
{
	static const char *const words[] = { "accept", "drop", "reject", "nat" };

	return words[action];
}

static void put_interface(struct report *object, const char *name, const struct link_table *links, uint32_t index)
{
	const struct link *link = index ? link_lookup(links, index) : NULL;

	if (link)
		report_put_text(object, name, link->name);
	else
		report_put_null(object, name);
}

/* A query's answer has the type in its source's place. */
static enum direction tuple_direction(const struct tuple *tuple)
{
	bool icmp = tuple->protocol == PROTOCOL_ICMP || tuple->protocol == PROTOCOL_ICMPV6;
	uint16_t type = be16_to_host(tuple->destination.port);
	bool query =
	    tuple->protocol == PROTOCOL_ICMP ? type == 8 || type == 13 || type == 15 || type == 17 : type == 128;

	return icmp && !query ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
}

static void put_tuple(struct report *object, const char *name, const struct tuple *tuple)
{
	answer_put_tuple(report_put_object(object, name), tuple, tuple_direction(tuple));
}

/* ------------------------------------------------------------------ the rules */

static struct report *match_object(const struct why *why, const struct rule_match *match)
{
	struct report *object = report_object();
	uint32_t position = match->rule;
	struct rule_listing listing;
	bool drop;

	if (match->rule == RULE_NONE || !ruleset_next_rule(why->ruleset, &position, &listing)) {
		listing = ruleset_describe_chain(match->base, &drop);
		report_put_text(object, "text", drop ? "policy drop" : "policy accept");
	} else {
		report_put_text(object, "text", listing.place.text);
	}
	report_put_text(object, "hook", hook_word(match->hook));
	report_put_text(object, "family", listing.family);
	report_put_text(object, "table", listing.table);
	report_put_text(object, "chain", listing.chain);
	if (match->rule != RULE_NONE && listing.place.file)
		answer_put_place(report_put_object(object, "rule"), listing.place.file, listing.place.line);
	else
		report_put_null(object, "rule");
	if (match->decided)
		report_put_text(object, "action", action_word(match->action));
	else
		report_put_null(object, "action");
	return object;
}

static void put_rules(struct report *answer, const struct why *why)
{
	struct report *path = report_put_list(answer, "path"), *rules = report_put_list(answer, "rules");
	const struct explanation *explanation = why->explanation;

	for (size_t i = 0; i < explanation->path_count; i++)
		report_append_text(path, hook_word(explanation->path[i]));
	for (size_t i = 0; i < explanation->trace.count; i++)
		report_append(rules, match_object(why, &explanation->matches[i]));
	report_put_number(answer, "rules_omitted", explanation->trace.lost);
}

/* ----------------------------------------------------------------- the verdict */

static const char *obstacle_text(enum explain_obstacle obstacle)
{
	switch (obstacle) {
	case OBSTACLE_NONE:
		break;
	case OBSTACLE_NO_ROUTE:
		return "the kernel has no route to its destination";
	case OBSTACLE_LOOPBACK:
		return "both ends are this machine's own: it goes over the loopback, which sluice never sees";
	case OBSTACLE_UNCONFIRMED:
		return "the first packet of just this flow is being decided this moment: ask again";
	}
	return "";
}

static const char *verdict_word(const struct explanation *explanation)
{
	if (explanation->obstacle == OBSTACLE_NO_ROUTE)
		return "drop";
	if (explanation->reason == REASON_REJECTED)
		return "reject";
	return explanation->reason == REASON_NONE ? "accept" : "drop";
}

static void put_verdict(struct report *answer, const struct why *why)
{
	const struct explanation *explanation = why->explanation;
	struct rule_place place = ruleset_rule_place(why->ruleset, explanation->rule);

	report_put_text(answer, "verdict", verdict_word(explanation));
	if (explanation->obstacle != OBSTACLE_NONE) {
		report_put_text(answer, "reason", explanation->obstacle == OBSTACLE_NO_ROUTE ? "no-route" : "none");
		report_put_text(answer, "reason_text", obstacle_text(explanation->obstacle));
	} else {
		report_put_text(answer, "reason", reason_key(explanation->reason));
		report_put_text(answer, "reason_text", reason_text(explanation->reason));
	}
	if (place.file)
		answer_put_place(report_put_object(answer, "rule"), place.file, place.line);
	else
		report_put_null(answer, "rule");
	report_put_flag(answer, "evicts", explanation->evicts);
	report_put_flag(answer, "untracked", explanation->untracked);
}

static enum session_nat nat_of(const struct explanation *explanation)
{
	bool source = !endpoint_equal(&explanation->leaves.source, &explanation->tuple.source);
	bool destination = !endpoint_equal(&explanation->leaves.destination, &explanation->tuple.destination);

	return (source ? SESSION_NAT_SNAT : 0) | (destination ? SESSION_NAT_DNAT : 0);
}

static bool is_refusal(enum reason reason)
{
	return reason == REASON_POOL_EXHAUSTED || reason == REASON_DESTINATION_EXHAUSTED ||
	       reason == REASON_SOURCE_QUOTA || reason == REASON_HOLD_DOWN || reason == REASON_TABLE_FULL;
}

/* The cause, and who with whom for what. */
static void put_refusal(struct report *answer, const struct explanation *explanation)
{
	char first[WORDS_ADDRESS_SIZE], last[WORDS_ADDRESS_SIZE], pool[2 * WORDS_ADDRESS_SIZE + 2];
	struct report *refusal;

	if (!is_refusal(explanation->reason)) {
		report_put_null(answer, "refusal");
		return;
	}
	refusal = report_put_object(answer, "refusal");
	report_put_text(refusal, "cause", reason_key(explanation->reason));
	if (explanation->has_pool) {
		words_address(&explanation->pool_first, first);
		words_address(&explanation->pool_last, last);
		snprintf(pool, sizeof(pool), strcmp(first, last) == 0 ? "%s" : "%s-%s", first, last);
		report_put_text(refusal, "pool", pool);
	} else {
		report_put_null(refusal, "pool");
	}
	answer_put_endpoint(refusal, "source", &explanation->tuple.source);
	answer_put_endpoint(refusal, "destination", &explanation->tuple.destination);
}

static void put_outcome(struct report *answer, const struct explanation *explanation)
{
	bool leaves =
	    explanation->reason == REASON_NONE && explanation->obstacle == OBSTACLE_NONE && !explanation->evicts;
	struct report *mapping;

	report_put_text(answer, "nat", words_nat(leaves ? nat_of(explanation) : SESSION_NAT_NONE));
	if (leaves)
		put_tuple(answer, "leaves", &explanation->leaves);
	else
		report_put_null(answer, "leaves");
	if (leaves && explanation->has_mapping) {
		mapping = report_put_object(answer, "mapping");
		answer_put_endpoint(mapping, "external", &explanation->external);
		report_put_flag(mapping, "shared", explanation->shared);
	} else {
		report_put_null(answer, "mapping");
	}
	put_refusal(answer, explanation);
}

/* -------------------------------------------------------------------- the past */

static void put_session(struct report *answer, const struct explanation *explanation)
{
	if (!explanation->has_session) {
		report_put_null(answer, "session");
		return;
	}
	report_put_text(answer, "direction", explanation->direction == DIRECTION_ORIGINAL ? "original" : "reply");
	report_put_child(answer, "session", answer_session_object(&explanation->session, true));
}

static struct report *drop_object(const struct why *why, const struct recent_drop *drop)
{
	struct report *object = report_object();
	const uint64_t tenths = mono_ms_between(drop->at, why->now) / 100;

	report_put_text(object, "verdict", drop->reason == REASON_REJECTED ? "reject" : "drop");
	report_put_text(object, "reason", reason_key(drop->reason));
	report_put_text(object, "reason_text", reason_text(drop->reason));
	report_put_real(object, "age_s", (double)tenths / 10);
	report_put_text(object, "hook", hook_word(drop->hook));
	if (drop->file)
		answer_put_place(report_put_object(object, "rule"), drop->file, drop->line);
	else
		report_put_null(object, "rule");
	put_interface(object, "iif", why->links, drop->iif);
	put_interface(object, "oif", why->links, drop->oif);
	put_tuple(object, "tuple", &drop->tuple);
	return object;
}

static void put_past(struct report *answer, const struct why *why)
{
	static const char *const names[] = { "last_drop", "last_drop_back" };
	const struct explanation *explanation = why->explanation;

	for (int i = 0; i < 2; i++) {
		if (explanation->has_drop[i])
			report_put_child(answer, names[i], drop_object(why, &explanation->drops[i]));
		else
			report_put_null(answer, names[i]);
	}
}

/* ------------------------------------------------------------------ the answer */

static char *make_line(const struct why *why)
{
	const struct explanation *explanation = why->explanation;
	struct report *answer = report_object();

	report_put_flag(answer, "ok", true);
	answer_put_protocol(answer, explanation->tuple.protocol);
	put_tuple(answer, "tuple", &explanation->tuple);
	put_interface(answer, "iif", why->links, explanation->iif);
	put_interface(answer, "oif", why->links, explanation->oif);
	put_rules(answer, why);
	put_verdict(answer, why);
	put_outcome(answer, explanation);
	put_session(answer, explanation);
	put_past(answer, why);
	return report_line(answer);
}

char *why_answer(struct engine *engine, const struct link_table *links, const char *text)
{
	struct explanation *explanation;
	struct why why = { .links = links, .now = loop_now() };
	struct question question;
	char error[160], *line;
	int failed = question_parse(text, links, &question, error, sizeof(error));

	if (failed)
		return answer_error("usage", error);
	explanation = calloc(1, sizeof(*explanation));
	if (!explanation)
		return NULL;
	failed = engine_explain(engine, &question, why.now, explanation);
	if (failed) {
		free(explanation);
		return answer_error("refused", failed == -EINVAL   ? "no packet that could open a session looks so"
					       : failed == -ENOENT ? "no rules are in force"
								   : "no memory");
	}
	why.explanation = explanation;
	why.ruleset = engine_configuration(engine)->ruleset;
	line = make_line(&why);
	free(explanation);
	return line;
}
