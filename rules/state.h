/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules count: the only parts of a compiled ruleset that change. Each follows
 * the kernel's arithmetic, so the same rules let the same packets through.
 */
#ifndef SLUICE_RULES_STATE_H
#define SLUICE_RULES_STATE_H

#include "rules/ast.h"

/** struct limit_state - a token bucket in nanoseconds */
struct limit_state {
	struct limit_values values;
	uint64_t tokens, tokens_max, cost; /* cost of a packet, or of a byte times its length */
	uint64_t last_ns;
	bool started;
};

void limit_init(struct limit_state *limit, const struct limit_values *values);

/** limit_match() - does the statement let this packet of @bytes go on? */
bool limit_match(struct limit_state *limit, uint32_t bytes, struct mono now);

struct quota_state {
	struct quota_values values; /* used: so far */
};

bool quota_match(struct quota_state *quota, uint32_t bytes);

/*
 * ct count. The kernel keeps a list of the connections that a statement (or an
 * element of a set) has seen and forgets those that ended. So here: a pool of
 * nodes of fixed size, one list for each statement or element.
 */
#define CONNLIMIT_NONE UINT32_MAX

struct connlimit_node {
	struct tuple tuple;
	uint32_t next;
};

struct connlimit_pool {
	struct connlimit_node *nodes;
	uint32_t capacity, free;
};

struct connlimit_state {
	uint32_t head; /* CONNLIMIT_NONE: empty */
	uint32_t count;
};

void connlimit_pool_init(struct connlimit_pool *pool, struct arena *arena, uint32_t capacity);

/** connlimit_count() - connections seen and alive, this one included */
uint32_t connlimit_count(struct connlimit_pool *pool, struct connlimit_state *state,
			 const struct rule_context *context);

/** connlimit_clear() - forget all; its nodes go back to the pool */
void connlimit_clear(struct connlimit_pool *pool, struct connlimit_state *state);

#endif
