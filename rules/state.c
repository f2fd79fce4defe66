/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/state.h"

void limit_init(struct limit_state *limit, const struct limit_values *values)
{
	uint64_t ns = values->seconds * NS_PER_S;

	memset(limit, 0, sizeof(*limit));
	limit->values = *values;
	if (values->bytes) {
		/* ns * (rate + burst) / rate, and ns * length / rate for each packet */
		limit->tokens_max = (uint64_t)((unsigned __int128)ns * (values->rate + values->burst) / values->rate);
	} else {
		limit->cost = ns / values->rate;
		limit->tokens_max = limit->cost * (values->burst ? values->burst : 5);
	}
	limit->tokens = limit->tokens_max;
}

bool limit_match(struct limit_state *limit, uint32_t bytes, struct mono now)
{
	const struct limit_values *values = &limit->values;
	uint64_t cost = limit->cost, elapsed;

	if (values->bytes)
		cost = (uint64_t)((unsigned __int128)(values->seconds * NS_PER_S) * bytes / values->rate);
	if (!limit->started) {
		limit->started = true;
		limit->last_ns = now.ns;
	}
	elapsed = now.ns > limit->last_ns ? now.ns - limit->last_ns : 0;
	limit->last_ns = now.ns;
	if (limit->tokens_max - limit->tokens <= elapsed)
		limit->tokens = limit->tokens_max;
	else
		limit->tokens += elapsed;
	if (limit->tokens >= cost) {
		limit->tokens -= cost;
		return !values->over;
	}
	return values->over;
}

bool quota_match(struct quota_state *quota, uint32_t bytes)
{
	bool over;

	quota->values.used += bytes;
	over = quota->values.used >= quota->values.bytes;
	return over == quota->values.over;
}

void connlimit_pool_init(struct connlimit_pool *pool, struct arena *arena, uint32_t capacity)
{
	pool->nodes = arena_array(arena, capacity, sizeof(*pool->nodes));
	pool->capacity = capacity;
	pool->free = capacity ? 0 : CONNLIMIT_NONE;
	for (uint32_t i = 0; i < capacity; i++)
		pool->nodes[i].next = i + 1 < capacity ? i + 1 : CONNLIMIT_NONE;
}

static void node_release(struct connlimit_pool *pool, uint32_t node)
{
	pool->nodes[node].next = pool->free;
	pool->free = node;
}

uint32_t connlimit_count(struct connlimit_pool *pool, struct connlimit_state *state, const struct rule_context *context)
{
	const struct oracle *oracle = context->oracle;
	const struct tuple *tuple = context->ct_original ? context->ct_original : &context->view;
	uint32_t *at = &state->head;
	uint32_t node;
	bool present = false;

	while (*at != CONNLIMIT_NONE) {
		node = *at;
		if (tuple_equal(&pool->nodes[node].tuple, tuple)) {
			present = true;
		} else if (!oracle->session_alive(oracle->context, &pool->nodes[node].tuple)) {
			*at = pool->nodes[node].next;
			node_release(pool, node);
			state->count--;
			continue;
		}
		at = &pool->nodes[node].next;
	}
	if (present)
		return state->count;
	if (pool->free == CONNLIMIT_NONE)
		return UINT32_MAX;
	node = pool->free;
	pool->free = pool->nodes[node].next;
	pool->nodes[node].tuple = *tuple;
	pool->nodes[node].next = CONNLIMIT_NONE;
	*at = node;
	return ++state->count;
}

void connlimit_clear(struct connlimit_pool *pool, struct connlimit_state *state)
{
	while (state->head != CONNLIMIT_NONE) {
		uint32_t node = state->head;

		state->head = pool->nodes[node].next;
		node_release(pool, node);
	}
	state->count = 0;
}
