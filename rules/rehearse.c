/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter once more, for questions: the same steps, each matching rule noted,
 * and nothing changed.
 *
 * Theory of operation. What rules change is in few places: counters, limits, quotas,
 * generators, connection counts and sets. An instruction that could change one of the
 * first four runs as it always does, between a copy and its way back. Connections are
 * counted by a walk of our own, and a set is asked whether it has the element instead
 * of being given it. So the loop that judges packets knows nothing of this file.
 */
#include "rules/evaluate.h"
#include "sluice/explain.h"

/* ------------------------------------------------------------ state and back */

/* What an element keeps for itself. */
struct element_copy {
	struct counter_values counter;
	struct limit_state limit;
	struct quota_state quota;
};

static void element_save(const struct set *set, uint32_t element, struct element_copy *copy)
{
	if (set->counters)
		copy->counter = set->counters[element];
	if (set->limits)
		copy->limit = set->limits[element];
	if (set->quotas)
		copy->quota = set->quotas[element];
}

static void element_restore(struct set *set, uint32_t element, const struct element_copy *copy)
{
	if (set->counters)
		set->counters[element] = copy->counter;
	if (set->limits)
		set->limits[element] = copy->limit;
	if (set->quotas)
		set->quotas[element] = copy->quota;
}

/* The element that a lookup is about to find, or SET_NONE. */
static uint32_t element_ahead(const struct machine *machine, const struct instruction *instruction, struct set **found)
{
	uint16_t at = instruction->operation == OPERATION_MAP ? REGISTER_KEY : instruction->at;

	*found = machine->ruleset->sets[instruction->operand];
	return set_lookup(*found, machine->registers + at, machine->context->now);
}

/* ------------------------------------------------------- connections and sets */

/* connlimit_count() without forgetting the dead or adding this one. */
static uint32_t connections(const struct connlimit_pool *pool, const struct connlimit_state *state,
			    const struct rule_context *context)
{
	const struct oracle *oracle = context->oracle;
	const struct tuple *tuple = context->ct_original ? context->ct_original : &context->view;
	uint32_t count = 1;

	for (uint32_t node = state->head; node != CONNLIMIT_NONE; node = pool->nodes[node].next)
		count += !tuple_equal(&pool->nodes[node].tuple, tuple) &&
			 oracle->session_alive(oracle->context, &pool->nodes[node].tuple);
	return count;
}

static bool rehearse_connlimit(const struct machine *machine, const struct connlimit_state *state, uint32_t limit,
			       bool over)
{
	const struct rule_context *context = machine->context;

	if (!context->oracle || !context->oracle->session_alive)
		return false;
	return (connections(&machine->ruleset->connlimit_pool, state, context) > limit) == over;
}

/* Would what an element keeps let the packet go on? A new one begins with the set's template. */
static bool element_would_match(const struct machine *machine, const struct set *set, uint32_t element)
{
	const struct rule_context *context = machine->context;
	struct element_copy copy;
	bool match = true;

	if (element != SET_NONE) {
		element_save(set, element, &copy);
	} else {
		if (set->limits)
			limit_init(&copy.limit, &set->limit_template);
		copy.quota.values = set->quota_template;
	}
	if (set->limits)
		match = limit_match(&copy.limit, context->packet->length, context->now);
	if (set->quotas && match)
		match = quota_match(&copy.quota, context->packet->length);
	return match;
}

static bool rehearse_update(const struct machine *machine, const struct instruction *instruction)
{
	static const struct connlimit_state nobody = { .head = CONNLIMIT_NONE };
	const struct update_plan *plan = &machine->ruleset->updates[instruction->operand];
	const struct set *set = plan->set;
	uint32_t element;

	if (plan->kind == UPDATE_DELETE)
		return true;
	element = set_lookup(set, machine->registers + instruction->at, machine->context->now);
	if (element == SET_NONE && set->count >= set->capacity)
		return false;
	if (!element_would_match(machine, set, element))
		return false;
	return !plan->connlimit ||
	       rehearse_connlimit(machine, element == SET_NONE ? &nobody : &set->connlimits[element],
				  plan->connlimit_count, plan->connlimit_over);
}

/* ----------------------------------------------------------------- the steps */

/* A condition or a statement; false: no match. */
static bool rehearse_step(struct machine *machine, const struct instruction *instruction)
{
	struct ruleset *ruleset = machine->ruleset;
	struct element_copy copy;
	struct generator generator;
	struct set *set;
	uint32_t element;
	bool match;

	switch (instruction->operation) {
	case OPERATION_COUNTER:
		return true;
	case OPERATION_LIMIT:
		copy.limit = ruleset->limits[instruction->operand];
		return limit_match(&copy.limit, machine->context->packet->length, machine->context->now);
	case OPERATION_QUOTA:
		copy.quota = ruleset->quotas[instruction->operand];
		return quota_match(&copy.quota, machine->context->packet->length);
	case OPERATION_CONNLIMIT:
		return rehearse_connlimit(machine, &ruleset->connlimits[instruction->operand], instruction->operand2,
					  instruction->flags);
	case OPERATION_UPDATE:
		return rehearse_update(machine, instruction);
	case OPERATION_NUMGEN:
		generator = ruleset->generators[instruction->operand];
		match = machine_step(machine, instruction);
		ruleset->generators[instruction->operand] = generator;
		return match;
	case OPERATION_LOOKUP:
	case OPERATION_MAP:
		element = element_ahead(machine, instruction, &set);
		if (element == SET_NONE)
			return machine_step(machine, instruction);
		element_save(set, element, &copy);
		match = machine_step(machine, instruction);
		element_restore(set, element, &copy);
		return match;
	default:
		return machine_step(machine, instruction);
	}
}

/* A verdict map; @matched: it had an element that let the packet go on. */
static bool rehearse_vmap(struct machine *machine, const struct instruction *instruction, bool *matched)
{
	struct element_copy copy;
	struct set *set;
	uint32_t element = element_ahead(machine, instruction, &set);
	bool decided;

	*matched = element != SET_NONE && element_would_match(machine, set, element);
	if (element == SET_NONE)
		return machine_run(machine);
	element_save(set, element, &copy);
	decided = machine_run(machine);
	element_restore(set, element, &copy);
	return decided;
}

static bool is_verdict(const struct instruction *instruction)
{
	switch (instruction->operation) {
	case OPERATION_ACCEPT:
	case OPERATION_DROP:
	case OPERATION_JUMP:
	case OPERATION_GOTO:
	case OPERATION_RETURN:
	case OPERATION_END:
	case OPERATION_VMAP:
	case OPERATION_REJECT:
	case OPERATION_NAT:
		return true;
	default:
		return false;
	}
}

/* Does the rule of instruction @at end right behind it? */
static bool is_last(const struct ruleset *ruleset, uint32_t at)
{
	return ruleset->instructions[at + 1].operation == OPERATION_END ||
	       rule_at(ruleset, at + 1) != rule_at(ruleset, at);
}

static void note(struct rule_trace *trace, const struct machine *machine, uint32_t rule)
{
	if (trace->count == trace->capacity) {
		trace->lost++;
		return;
	}
	trace->list[trace->count++] = (struct rule_match){
		.rule = rule,
		.hook = machine->context->hook,
		.base = machine->base,
	};
}

/* One instruction; true when the chain's decision is made. @matched: its rule has matched to the end. */
static bool rehearse(struct machine *machine, bool *matched)
{
	const struct instruction *instruction = &machine->ruleset->instructions[machine->at];
	uint32_t at = machine->at;
	bool decided;

	*matched = false;
	if (!is_verdict(instruction)) {
		if (!rehearse_step(machine, instruction)) {
			machine->at = instruction->next;
			return false;
		}
		*matched = is_last(machine->ruleset, at);
		machine->at = at + 1;
		return false;
	}
	if (instruction->operation == OPERATION_VMAP)
		return rehearse_vmap(machine, instruction, matched);
	decided = machine_run(machine);
	if (instruction->operation == OPERATION_NAT || instruction->operation == OPERATION_REJECT)
		*matched = decided;
	else
		*matched = instruction->operation != OPERATION_END;
	return decided;
}

void ruleset_rehearse(struct ruleset *ruleset, const struct base_chain *chain, struct rule_context *context,
		      struct rule_outcome *outcome, struct rule_trace *trace)
{
	struct machine machine;
	size_t before = trace->count;
	bool decided = false;

	memset(outcome, 0, sizeof(*outcome));
	machine_init(&machine, ruleset, chain, context, outcome);
	while (!decided) {
		uint32_t at = machine.at;
		bool matched;

		decided = rehearse(&machine, &matched);
		if (matched)
			note(trace, &machine, rule_at(ruleset, at));
	}
	if (outcome->rule == RULE_NONE)
		note(trace, &machine, RULE_NONE);
	if (trace->count > before) {
		trace->list[trace->count - 1].decided = true;
		trace->list[trace->count - 1].action = outcome->action;
	}
}

struct rule_listing ruleset_describe_chain(const struct base_chain *chain, bool *policy_drop)
{
	static const char *const families[] = { "ip", "ip6", "inet" };

	*policy_drop = chain->policy_drop;
	return (struct rule_listing){
		.rule = RULE_NONE,
		.family = families[chain->chain->table->family],
		.table = chain->chain->table->name,
		.chain = chain->chain->name,
	};
}
