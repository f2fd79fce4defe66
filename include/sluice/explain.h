/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a packet fares as it does: what the engine would decide about one that is not
 * there, rule by rule, and what became of the last real ones that were dropped.
 */
#ifndef SLUICE_EXPLAIN_H
#define SLUICE_EXPLAIN_H

#include "sluice/snapshot.h"

/* --------------------------------------------------------------- rule by rule */

/** struct rule_match - a rule that matched, or (RULE_NONE) a base chain whose policy decided */
struct rule_match {
	uint32_t rule;
	enum hook hook;
	const struct base_chain *base; /* the base chain that was evaluated */
	enum rule_action action;       /* of the last one of its base chain: what it decided */
	bool decided;		       /* @action counts */
};

/** struct rule_trace - @count of them in the order met; more than @capacity are counted as lost */
struct rule_trace {
	struct rule_match *list;
	size_t count, capacity, lost;
};

/**
 * ruleset_rehearse() - as ruleset_evaluate(), with nothing counted and nothing changed
 * @trace: receives every rule that matched
 *
 * Counters, limits, quotas, connection counts, generators and sets are as they were
 * afterwards. What a rule puts into a set is not there for the rules that follow.
 */
void ruleset_rehearse(struct ruleset *ruleset, const struct base_chain *chain, struct rule_context *context,
		      struct rule_outcome *outcome, struct rule_trace *trace);

/**
 * ruleset_describe_chain() - the name of a base chain, for people
 * @policy_drop: receives its policy
 *
 * Return: family, table and chain; place and counter are those of no rule.
 */
struct rule_listing ruleset_describe_chain(const struct base_chain *chain, bool *policy_drop);

/* ---------------------------------------------------------------- recent drops */

/**
 * struct recent_drop - a real packet that was dropped
 * @tuple: as it came to the gateway, before any translation
 * @file: of the rule that decided, over reloads; NULL: a policy or no rule
 */
struct recent_drop {
	struct tuple tuple;
	enum hook hook;
	enum reason reason;
	const char *file;
	unsigned int line;
	uint32_t iif, oif;
	struct mono at;
};

/* ----------------------------------------------------------------- a question */

/**
 * struct question - a packet to think of
 * @tuple: as it would come to the gateway; for ICMP see sluice/tuple.h
 * @iif: 0: the interface by which the source is reached, or the router's own packet when the
 *	source is one of its addresses
 * @oif: 0: by the route
 * @any_id: ICMP with no identifier named: recent drops of any are shown
 * @keyed: GRE with @key
 */
struct question {
	struct tuple tuple;
	uint32_t iif, oif;
	bool any_id, keyed;
	uint32_t key;
};

/* Rules that one explanation can name. */
#define EXPLAIN_RULES 64

/* What a question's packet meets that is no rule's doing. */
enum explain_obstacle {
	OBSTACLE_NONE,
	OBSTACLE_NO_ROUTE,    /* the kernel would not know where to send it */
	OBSTACLE_LOOPBACK,    /* both ends are the router's own: never handed to sluice */
	OBSTACLE_UNCONFIRMED, /* a session of that tuple is being decided this moment */
};

/**
 * struct explanation - what would become of a packet
 * @tuple: the question's
 * @path, @path_count: the hooks in order, up to the one that drops it
 * @reason: REASON_NONE when accepted; @rule: that decided, RULE_NONE: a policy or no rule
 * @leaves: the tuple it leaves with, when accepted
 * @untracked: accepted, and no session would be made
 * @has_mapping: a new session would hold @external; @shared: a mapping that exists
 * @evicts: the table is full: one session that may be given up would be, to make room
 * @has_pool, @pool_first, @pool_last: the external addresses that ports were looked for on
 * @has_session: @session is live, and the packet would go in @direction
 * @has_drop: @drops[0]: the last real packet of the tuple that was dropped; [1]: of its answers
 */
struct explanation {
	struct tuple tuple;
	uint32_t iif, oif;
	enum hook path[HOOK_COUNT];
	size_t path_count;
	struct rule_match matches[EXPLAIN_RULES];
	struct rule_trace trace;
	enum explain_obstacle obstacle;
	enum reason reason;
	uint32_t rule;
	bool untracked;
	struct tuple leaves;
	bool has_mapping, shared, evicts;
	struct endpoint external;
	bool has_pool;
	struct address pool_first, pool_last;
	bool has_session;
	struct snapshot_session session;
	enum direction direction;
	bool has_drop[2];
	struct recent_drop drops[2];
};

/**
 * engine_explain() - what would become of a first packet, or of the next one of a session
 * @explanation: receives it
 *
 * Takes the way of a real packet, up to where something would be kept, and undoes
 * what it reserved: no counter, session, port, set element or effect remains. A
 * limit is asked whether it has room now. An established session's packet is assumed
 * to be a valid one of its connection.
 *
 * Return: 0; -EINVAL: no packet can be so; -ENOMEM; -ENOENT: no ruleset is in force.
 */
int engine_explain(struct engine *engine, const struct question *question, struct mono now,
		   struct explanation *explanation);

#endif
