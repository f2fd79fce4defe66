/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter. One loop over a flat program; see program.h. Nothing here
 * allocates, and every step moves forward or down a jump, so it always ends.
 */
#include "rules/program.h"
#include "rules/evaluate.h"

static bool compare(const uint8_t *at, const uint8_t *constant, size_t size, enum relation relation)
{
	int order = memcmp(at, constant, size);

	switch (relation) {
	case OPERATOR_NOT_EQUAL:
		return order != 0;
	case OPERATOR_LESS:
		return order < 0;
	case OPERATOR_LESS_EQUAL:
		return order <= 0;
	case OPERATOR_GREATER:
		return order > 0;
	case OPERATOR_GREATER_EQUAL:
		return order >= 0;
	default:
		return order == 0;
	}
}

static bool test_bits(const uint8_t *at, const uint8_t *constant, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (at[i] & constant[i])
			return true;
	}
	return false;
}

static void shift(uint8_t *at, size_t size, uint32_t bits, bool right)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | at[i];
	if (bits > 63)
		number = 0;
	else
		number = right ? number >> bits : number << bits;
	for (size_t i = size; i-- > 0; number >>= 8)
		at[i] = (uint8_t)number;
}

static void count_packet(struct counter_values *counter, uint32_t bytes)
{
	counter->packets++;
	counter->bytes += bytes;
}

/* What elements keep for themselves must agree too, each time one is found. */
static bool element_match(struct ruleset *ruleset, struct set *set, uint32_t element, struct machine *machine)
{
	const struct rule_context *context = machine->context;
	uint32_t length = context->packet->length;
	bool match = true;

	(void)ruleset;
	if (set->counters)
		count_packet(&set->counters[element], length);
	if (set->limits)
		match = limit_match(&set->limits[element], length, context->now) && match;
	if (set->quotas && match)
		match = quota_match(&set->quotas[element], length) && match;
	return match;
}

static bool run_lookup(struct machine *machine, const struct instruction *instruction)
{
	struct set *set = machine->ruleset->sets[instruction->operand];
	uint32_t element = set_lookup(set, machine->registers + instruction->at, machine->context->now);

	if (element == SET_NONE || instruction->flags)
		return (element == SET_NONE) == (instruction->flags != 0);
	return element_match(machine->ruleset, set, element, machine);
}

static bool run_map(struct machine *machine, const struct instruction *instruction)
{
	struct set *set = machine->ruleset->sets[instruction->operand];
	uint32_t element = set_lookup(set, machine->registers + REGISTER_KEY, machine->context->now);

	if (element == SET_NONE || !element_match(machine->ruleset, set, element, machine))
		return false;
	memcpy(machine->registers + instruction->at, set->data + (size_t)element * set->data_size, set->data_size);
	return true;
}

static bool run_connlimit(struct machine *machine, struct connlimit_state *state, uint32_t limit, bool over)
{
	const struct rule_context *context = machine->context;

	if (!context->oracle || !context->oracle->session_alive)
		return false;
	return (connlimit_count(&machine->ruleset->connlimit_pool, state, context) > limit) == over;
}

static bool run_update(struct machine *machine, const struct instruction *instruction)
{
	const struct update_plan *plan = &machine->ruleset->updates[instruction->operand];
	const struct rule_context *context = machine->context;
	const uint8_t *key = machine->registers + instruction->at;
	uint8_t data[2 * KEY_SIZE];
	struct set *set = plan->set;
	uint32_t element;
	bool match;

	if (plan->kind == UPDATE_DELETE) {
		set_remove(set, key, context->now);
		return true;
	}
	/* Both ends of the data are one and the same value. */
	memcpy(data, machine->registers + REGISTER_VALUE, set->data_size / 2);
	memcpy(data + set->data_size / 2, data, set->data_size / 2);
	element = set_insert(set, key, data, plan->timeout_ms, plan->kind == UPDATE_UPDATE, context->now);
	if (element == SET_NONE)
		return false;
	match = element_match(machine->ruleset, set, element, machine);
	if (match && plan->connlimit)
		match = run_connlimit(machine, &set->connlimits[element], plan->connlimit_count, plan->connlimit_over);
	return match;
}

/* What the outcome carries besides the decision. */
static void run_note(struct machine *machine, const struct instruction *instruction)
{
	const struct packet *packet = machine->context->packet;
	struct rule_outcome *outcome = machine->outcome;

	if (instruction->operation == OPERATION_NOTRACK)
		outcome->notrack = true;
	else if (instruction->operation == OPERATION_HELPER)
		outcome->helper |= packet_is_tcp(packet) &&
				   (!instruction->operand || instruction->operand == (uint32_t)packet->family);
	else if (outcome->log_count < RULE_LOG_LIMIT)
		outcome->logs[outcome->log_count++] = machine->ruleset->logs[instruction->operand];
}

static bool run_mss(struct machine *machine, const struct instruction *instruction)
{
	const struct packet *packet = machine->context->packet;

	if (!packet_is_tcp(packet))
		return false;
	if (!(packet->tcp.flags & TCP_SYN))
		return true;
	if (instruction->operand)
		machine->outcome->mss = (uint16_t)instruction->operand;
	else
		machine->outcome->mss_route = true;
	return true;
}

static void run_mark(struct machine *machine, const struct instruction *instruction)
{
	const uint8_t *at = machine->registers + instruction->at;
	uint32_t mark = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];

	if (instruction->operation == OPERATION_SET_MARK)
		machine->context->mark = mark;
	else
		machine->context->ct_mark = mark;
}

static void run_bitwise(struct machine *machine, const struct instruction *instruction)
{
	const uint8_t *constants = machine->ruleset->constants;

	for (size_t i = 0; i < instruction->size; i++) {
		uint8_t *at = &machine->registers[instruction->at + i];

		*at = (uint8_t)((*at & constants[instruction->operand + i]) ^ constants[instruction->operand2 + i]);
	}
}

static bool run_range(struct machine *machine, const struct instruction *instruction)
{
	const uint8_t *at = machine->registers + instruction->at, *constants = machine->ruleset->constants;
	bool inside = memcmp(at, constants + instruction->operand, instruction->size) >= 0 &&
		      memcmp(at, constants + instruction->operand2, instruction->size) <= 0;

	return inside == (instruction->flags == 0);
}

/* Conditions and statements that leave the packet's fate open; false: no match. */
static bool run_step(struct machine *machine, const struct instruction *instruction)
{
	struct ruleset *ruleset = machine->ruleset;
	const struct rule_context *context = machine->context;
	uint8_t *at = machine->registers + instruction->at;
	const uint8_t *constant = ruleset->constants + instruction->operand;

	switch (instruction->operation) {
	case OPERATION_LOAD:
		return register_load(ruleset->fields[instruction->operand], instruction->flags, context, at);
	case OPERATION_IMMEDIATE:
		memcpy(at, constant, instruction->size);
		return true;
	case OPERATION_BITWISE:
		run_bitwise(machine, instruction);
		return true;
	case OPERATION_SHIFT:
		shift(at, instruction->size, instruction->operand, instruction->flags);
		return true;
	case OPERATION_COMPARE:
		return compare(at, constant, instruction->size, instruction->flags);
	case OPERATION_TEST:
		return test_bits(at, constant, instruction->size);
	case OPERATION_RANGE:
		return run_range(machine, instruction);
	case OPERATION_LOOKUP:
		return run_lookup(machine, instruction);
	case OPERATION_MAP:
		return run_map(machine, instruction);
	case OPERATION_FIB:
		return fib_load(machine, instruction, at);
	case OPERATION_NUMGEN:
	case OPERATION_HASH:
	case OPERATION_SYMHASH:
		generator_load(machine, instruction, at);
		return true;
	case OPERATION_COUNTER:
		count_packet(&ruleset->counters[instruction->operand], context->packet->length);
		return true;
	case OPERATION_LIMIT:
		return limit_match(&ruleset->limits[instruction->operand], context->packet->length, context->now);
	case OPERATION_QUOTA:
		return quota_match(&ruleset->quotas[instruction->operand], context->packet->length);
	case OPERATION_CONNLIMIT:
		return run_connlimit(machine, &ruleset->connlimits[instruction->operand], instruction->operand2,
				     instruction->flags);
	case OPERATION_LOG:
	case OPERATION_NOTRACK:
	case OPERATION_HELPER:
		run_note(machine, instruction);
		return true;
	case OPERATION_SET_MARK:
	case OPERATION_SET_CT_MARK:
		run_mark(machine, instruction);
		return true;
	case OPERATION_MSS:
		return run_mss(machine, instruction);
	case OPERATION_UPDATE:
		return run_update(machine, instruction);
	default:
		return false;
	}
}

/* The rule that the instruction at @at belongs to. */
uint32_t rule_at(const struct ruleset *ruleset, uint32_t at)
{
	size_t low = 0, high = ruleset->rule_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ruleset->rule_starts[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? (uint32_t)(low - 1) : RULE_NONE;
}

/* Where a verdict leads; true when the chain's decision is made. */
static bool run_verdict(struct machine *machine, enum verdict_kind kind, uint32_t chain, uint32_t at)
{
	switch (kind) {
	case VERDICT_KIND_ACCEPT:
	case VERDICT_KIND_DROP:
		machine->outcome->action = kind == VERDICT_KIND_ACCEPT ? RULE_ACCEPT : RULE_DROP;
		machine->outcome->rule = rule_at(machine->ruleset, at);
		return true;
	case VERDICT_KIND_JUMP:
		if (machine->depth == JUMP_DEPTH)
			break;
		machine->stack[machine->depth++] = machine->ruleset->instructions[at].next;
		machine->at = machine->ruleset->chain_starts[chain];
		return false;
	case VERDICT_KIND_GOTO:
		machine->at = machine->ruleset->chain_starts[chain];
		return false;
	case VERDICT_KIND_RETURN:
		if (machine->depth) {
			machine->at = machine->stack[--machine->depth];
			return false;
		}
		break;
	case VERDICT_KIND_CONTINUE:
		machine->at = at + 1;
		return false;
	}
	/* The end of the base chain: its policy. */
	machine->outcome->action = machine->base->policy_drop ? RULE_DROP : RULE_ACCEPT;
	machine->outcome->rule = RULE_NONE;
	return true;
}

static bool run_vmap(struct machine *machine, const struct instruction *instruction)
{
	struct set *set = machine->ruleset->sets[instruction->operand];
	uint32_t element = set_lookup(set, machine->registers + instruction->at, machine->context->now);
	const uint8_t *data;
	uint32_t chain;

	if (element == SET_NONE || !element_match(machine->ruleset, set, element, machine)) {
		machine->at = instruction->next;
		return false;
	}
	data = set->data + (size_t)element * set->data_size;
	memcpy(&chain, data + 1, sizeof(chain));
	return run_verdict(machine, data[0], chain, machine->at);
}

/* One instruction; true when the chain's decision is made. */
static inline bool run(struct machine *machine)
{
	const struct instruction *instruction = &machine->ruleset->instructions[machine->at];

	switch (instruction->operation) {
	case OPERATION_ACCEPT:
		return run_verdict(machine, VERDICT_KIND_ACCEPT, 0, machine->at);
	case OPERATION_DROP:
		return run_verdict(machine, VERDICT_KIND_DROP, 0, machine->at);
	case OPERATION_JUMP:
		return run_verdict(machine, VERDICT_KIND_JUMP, instruction->operand, machine->at);
	case OPERATION_GOTO:
		return run_verdict(machine, VERDICT_KIND_GOTO, instruction->operand, machine->at);
	case OPERATION_RETURN:
	case OPERATION_END:
		return run_verdict(machine, VERDICT_KIND_RETURN, 0, machine->at);
	case OPERATION_VMAP:
		return run_vmap(machine, instruction);
	case OPERATION_REJECT:
	case OPERATION_NAT:
		if (instruction->operation == OPERATION_REJECT ? reject_decide(machine, instruction)
							       : nat_decide_rule(machine, instruction)) {
			machine->outcome->rule = rule_at(machine->ruleset, machine->at);
			return true;
		}
		machine->at = instruction->next;
		return false;
	default:
		machine->at = run_step(machine, instruction) ? machine->at + 1 : instruction->next;
		return false;
	}
}

static void start(struct ruleset *ruleset, struct mono now)
{
	for (size_t i = 0; i < ruleset->set_count; i++)
		set_start(ruleset->sets[i], now);
	ruleset->started = true;
}

bool machine_step(struct machine *machine, const struct instruction *instruction)
{
	return run_step(machine, instruction);
}

bool machine_run(struct machine *machine)
{
	return run(machine);
}

void ruleset_evaluate(struct ruleset *ruleset, const struct base_chain *chain, struct rule_context *context,
		      struct rule_outcome *outcome)
{
	struct machine machine;

	memset(outcome, 0, sizeof(*outcome));
	if (!ruleset->started)
		start(ruleset, context->now);
	machine_init(&machine, ruleset, chain, context, outcome);
	while (!run(&machine))
		continue;
}
