/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a hook accept every established packet of a family but TCP SYNs, whatever else is in it?
 *
 * Theory of operation. The program is run with `ct state` established, the family and
 * the absence of SYN known, and all else unknown: bit by bit, so that rulesets may begin with
 * `tcp flags syn tcp option maxseg size set ...`. A condition then yields yes, no or maybe. After a maybe
 * the rule may or may not be left, so what follows in it happens to some packets only:
 * an accept there is harmless, a drop is not, and any side effect (a log line, a
 * counter, a mark, a limit) means that packets must be shown to the rules after all.
 * Counters that every such packet passes are remembered, for
 * ruleset_count_established().
 */
#include "rules/program.h"

/* Instructions to look at before giving up; real rulesets need some hundreds. */
#define STEP_LIMIT 200000

enum truth {
	TRUTH_NO,
	TRUTH_YES,
	TRUTH_MAYBE,
};

enum walk_result {
	WALK_RETURNED, /* some or all packets come out at the end */
	WALK_ACCEPTED, /* every packet was accepted */
};

struct walker {
	struct ruleset *ruleset;
	enum family family;
	bool refused;
	unsigned int steps, depth;
	uint8_t registers[REGISTER_SIZE];
	uint8_t known[REGISTER_SIZE]; /* the bits that are */
	uint32_t *counters;
	size_t counter_count, counter_capacity;
};

static enum walk_result walk(struct walker *walker, uint32_t at, bool certain);

static void set_known(struct walker *walker, const struct instruction *instruction, uint8_t bits)
{
	for (unsigned int i = 0; i < instruction->size && instruction->at + i < REGISTER_SIZE; i++)
		walker->known[instruction->at + i] = bits;
}

static bool all_known(const struct walker *walker, const struct instruction *instruction)
{
	for (unsigned int i = 0; i < instruction->size; i++) {
		if (walker->known[instruction->at + i] != UINT8_MAX)
			return false;
	}
	return true;
}

/* Does a bit that is known differ from the constant's? */
static bool differs(const struct walker *walker, const struct instruction *instruction)
{
	const uint8_t *constant = walker->ruleset->constants + instruction->operand;

	for (unsigned int i = 0; i < instruction->size; i++) {
		unsigned int at = instruction->at + i;

		if ((walker->registers[at] ^ constant[i]) & walker->known[at])
			return true;
	}
	return false;
}

static enum truth walk_load(struct walker *walker, const struct instruction *instruction)
{
	const struct field *field = walker->ruleset->fields[instruction->operand];
	uint64_t number = 0;

	if (field->family && (unsigned int)walker->family != field->family)
		return TRUTH_NO;
	if (field->load == LOAD_CT_STATE)
		number = CT_STATE_ESTABLISHED;
	else if (field->load == LOAD_NFPROTO)
		number = walker->family == FAMILY_IPV4 ? 2 : 10;
	else if (field->load == LOAD_ETHERTYPE)
		number = walker->family == FAMILY_IPV4 ? 0x0800 : 0x86dd;
	set_known(walker, instruction, number ? UINT8_MAX : 0);
	for (unsigned int i = instruction->size; number && i-- > 0; number >>= 8)
		walker->registers[instruction->at + i] = (uint8_t)number;
	if (field->load == LOAD_TCP_FLAGS) {
		walker->registers[instruction->at] = 0;
		walker->known[instruction->at] = TCP_SYN;
	}
	/* What is always there cannot fail; the next condition judges it. */
	if (number || all_known(walker, instruction))
		return TRUTH_YES;
	return field->load == LOAD_MARK || field->load == LOAD_CT_MARK || field->load == LOAD_CT_STATUS ? TRUTH_YES
													: TRUTH_MAYBE;
}

static bool compare_known(const struct walker *walker, const struct instruction *instruction)
{
	const uint8_t *at = walker->registers + instruction->at;
	const uint8_t *constant = walker->ruleset->constants + instruction->operand;
	int order = memcmp(at, constant, instruction->size);

	switch ((enum relation)instruction->flags) {
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

/* Is one of the constant's bits set? */
static enum truth walk_test(const struct walker *walker, const struct instruction *instruction)
{
	enum truth truth = TRUTH_NO;

	for (unsigned int i = 0; i < instruction->size; i++) {
		unsigned int at = instruction->at + i;
		uint8_t wanted = walker->ruleset->constants[instruction->operand + i];

		if (walker->registers[at] & walker->known[at] & wanted)
			return TRUTH_YES;
		if (wanted & ~walker->known[at])
			truth = TRUTH_MAYBE;
	}
	return truth;
}

/* `at & mask ^ other`: what the mask takes away is known afterwards. */
static void walk_bitwise(struct walker *walker, const struct instruction *instruction)
{
	for (unsigned int i = 0; i < instruction->size; i++) {
		unsigned int at = instruction->at + i;
		uint8_t mask = walker->ruleset->constants[instruction->operand + i];

		walker->registers[at] =
		    (uint8_t)((walker->registers[at] & mask) ^ walker->ruleset->constants[instruction->operand2 + i]);
		walker->known[at] |= (uint8_t)~mask;
	}
}

/* Whether an element is there can change in such sets, and looking has an effect. */
static bool is_changing(const struct set *set)
{
	if (set->dynamic || set->counters || set->limits || set->quotas || set->default_timeout_ms)
		return true;
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->timeouts_ms[i])
			return true;
	}
	return false;
}

static enum truth walk_lookup(struct walker *walker, const struct instruction *instruction)
{
	const struct set *set = walker->ruleset->sets[instruction->operand];
	bool found;

	if (set->counters || set->limits || set->quotas)
		walker->refused = true;
	if (is_changing(set) || !all_known(walker, instruction))
		return TRUTH_MAYBE;
	found = set_lookup(set, walker->registers + instruction->at, (struct mono){ 0 }) != SET_NONE;
	return found == (instruction->flags == 0) ? TRUTH_YES : TRUTH_NO;
}

static enum truth walk_condition(struct walker *walker, const struct instruction *instruction)
{
	const uint8_t *constants = walker->ruleset->constants;
	const uint8_t *at = walker->registers + instruction->at;
	bool inside;

	if (instruction->operation == OPERATION_LOOKUP)
		return walk_lookup(walker, instruction);
	if (instruction->operation == OPERATION_TEST)
		return walk_test(walker, instruction);
	if (instruction->operation == OPERATION_COMPARE && differs(walker, instruction)) {
		if (instruction->flags == OPERATOR_EQUAL)
			return TRUTH_NO;
		if (instruction->flags == OPERATOR_NOT_EQUAL)
			return TRUTH_YES;
	}
	if (!all_known(walker, instruction))
		return TRUTH_MAYBE;
	if (instruction->operation == OPERATION_COMPARE)
		return compare_known(walker, instruction) ? TRUTH_YES : TRUTH_NO;
	inside = memcmp(at, constants + instruction->operand, instruction->size) >= 0 &&
		 memcmp(at, constants + instruction->operand2, instruction->size) <= 0;
	return inside == (instruction->flags == 0) ? TRUTH_YES : TRUTH_NO;
}

static void pass_counter(struct walker *walker, uint32_t counter, bool certain)
{
	if (!certain) {
		walker->refused = true;
		return;
	}
	walker->counters = arena_grow(walker->ruleset->arena, walker->counters, walker->counter_count,
				      &walker->counter_capacity, sizeof(*walker->counters));
	walker->counters[walker->counter_count++] = counter;
}

/* What becomes of a packet that meets this verdict; the rest goes on. */
static enum walk_result walk_verdict(struct walker *walker, unsigned int kind, uint32_t chain, bool certain)
{
	switch ((enum verdict_kind)kind) {
	case VERDICT_KIND_ACCEPT:
		return WALK_ACCEPTED;
	case VERDICT_KIND_JUMP:
	case VERDICT_KIND_GOTO:
		return walk(walker, walker->ruleset->chain_starts[chain], certain);
	case VERDICT_KIND_DROP:
		walker->refused = true;
		return WALK_RETURNED;
	default:
		return WALK_RETURNED;
	}
}

/* A map of verdicts: the known key's one, or any of them. */
static enum truth walk_vmap(struct walker *walker, const struct instruction *instruction, bool certain,
			    enum verdict_kind *kind, enum walk_result *result)
{
	const struct set *set = walker->ruleset->sets[instruction->operand];
	bool known = all_known(walker, instruction) && !is_changing(set);
	uint32_t chain, found = SET_NONE;

	if (set->counters || set->limits || set->quotas)
		walker->refused = true;
	*result = WALK_RETURNED;
	*kind = VERDICT_KIND_CONTINUE;
	if (known) {
		found = set_lookup(set, walker->registers + instruction->at, (struct mono){ 0 });
		if (found == SET_NONE)
			return TRUTH_NO;
	}
	for (uint32_t element = 0; element < set->count; element++) {
		const uint8_t *data = set->data + (size_t)element * set->data_size;

		if (known && element != found)
			continue;
		memcpy(&chain, data + 1, sizeof(chain));
		*kind = data[0];
		*result = walk_verdict(walker, data[0], chain, known && certain);
	}
	return known ? TRUTH_YES : TRUTH_MAYBE;
}

/* A step that is no verdict; notes side effects. */
static enum truth walk_step(struct walker *walker, const struct instruction *instruction, bool certain)
{
	const uint8_t *constants = walker->ruleset->constants;

	switch ((enum operation)instruction->operation) {
	case OPERATION_LOAD:
		return walk_load(walker, instruction);
	case OPERATION_IMMEDIATE:
		memcpy(walker->registers + instruction->at, constants + instruction->operand, instruction->size);
		set_known(walker, instruction, UINT8_MAX);
		return TRUTH_YES;
	case OPERATION_BITWISE:
		walk_bitwise(walker, instruction);
		return TRUTH_YES;
	case OPERATION_COMPARE:
	case OPERATION_TEST:
	case OPERATION_RANGE:
	case OPERATION_LOOKUP:
		return walk_condition(walker, instruction);
	case OPERATION_HELPER: /* only a session's first packet is given one */
		return TRUTH_YES;
	case OPERATION_SHIFT:
	case OPERATION_SYMHASH:
	case OPERATION_HASH:
	case OPERATION_FIB:
		memset(walker->known, 0, sizeof(walker->known));
		return TRUTH_MAYBE;
	case OPERATION_COUNTER:
		pass_counter(walker, instruction->operand, certain);
		return TRUTH_YES;
	default:
		walker->refused = true;
		return TRUTH_MAYBE;
	}
}

/* One rule; true when every packet's way through the chain ends in it, with @result. */
static bool walk_rule(struct walker *walker, uint32_t at, bool certain, enum walk_result *result)
{
	const struct instruction *instructions = walker->ruleset->instructions;
	uint32_t end = instructions[at].next;
	enum verdict_kind kind;
	bool maybe = false;

	for (; at < end && !walker->refused; at++) {
		const struct instruction *instruction = &instructions[at];
		enum truth truth = TRUTH_YES;

		if (++walker->steps > STEP_LIMIT)
			walker->refused = true;
		switch ((enum operation)instruction->operation) {
		case OPERATION_ACCEPT:
			kind = VERDICT_KIND_ACCEPT;
			break;
		case OPERATION_DROP:
		case OPERATION_REJECT:
		case OPERATION_NAT:
			kind = VERDICT_KIND_DROP;
			break;
		case OPERATION_JUMP:
			kind = VERDICT_KIND_JUMP;
			break;
		case OPERATION_GOTO:
			kind = VERDICT_KIND_GOTO;
			break;
		case OPERATION_RETURN:
			kind = VERDICT_KIND_RETURN;
			break;
		case OPERATION_VMAP:
			truth = walk_vmap(walker, instruction, certain && !maybe, &kind, result);
			break;
		default:
			kind = VERDICT_KIND_CONTINUE;
			truth = walk_step(walker, instruction, certain && !maybe);
			break;
		}
		if (truth == TRUTH_NO)
			return false;
		maybe = maybe || truth == TRUTH_MAYBE;
		if (kind == VERDICT_KIND_CONTINUE)
			continue;
		if (instruction->operation != OPERATION_VMAP)
			*result = walk_verdict(walker, kind, instruction->operand, certain && !maybe);
		return !maybe && (*result == WALK_ACCEPTED || kind == VERDICT_KIND_RETURN || kind == VERDICT_KIND_GOTO);
	}
	return false;
}

static enum walk_result walk(struct walker *walker, uint32_t at, bool certain)
{
	const struct instruction *instructions = walker->ruleset->instructions;
	enum walk_result result = WALK_RETURNED;

	if (walker->depth > JUMP_DEPTH) {
		walker->refused = true;
		return WALK_RETURNED;
	}
	walker->depth++;
	while (instructions[at].operation != OPERATION_END && !walker->refused) {
		uint32_t next = instructions[at].next;

		if (walk_rule(walker, at, certain, &result)) {
			walker->depth--;
			return result;
		}
		at = next;
	}
	walker->depth--;
	return WALK_RETURNED;
}

static void analyse(struct ruleset *ruleset, enum hook hook, enum family family)
{
	struct walker *walker = arena_alloc(ruleset->arena, sizeof(*walker));
	unsigned int ipv6 = family == FAMILY_IPV6;

	walker->ruleset = ruleset;
	walker->family = family;
	for (size_t i = 0; i < ruleset->base_chain_counts[hook]; i++) {
		const struct base_chain *chain = ruleset->base_chains[hook][i];

		if (chain->type == CHAIN_NAT || !(ipv6 ? chain->ipv6 : chain->ipv4))
			continue;
		memset(walker->known, 0, sizeof(walker->known));
		if (walk(walker, chain->start, true) == WALK_RETURNED && chain->policy_drop)
			walker->refused = true;
		if (walker->refused)
			return;
	}
	ruleset->established[hook][ipv6] = true;
	ruleset->established_counters[hook][ipv6] = walker->counters;
	ruleset->established_counts[hook][ipv6] = walker->counter_count;
}

void ruleset_analyse_established(struct ruleset *ruleset)
{
	for (enum hook hook = 0; hook < HOOK_COUNT; hook++) {
		analyse(ruleset, hook, FAMILY_IPV4);
		analyse(ruleset, hook, FAMILY_IPV6);
	}
}

bool ruleset_established_accepted(const struct ruleset *ruleset, enum hook hook, enum family family)
{
	return hook < HOOK_COUNT && ruleset->established[hook][family == FAMILY_IPV6];
}

void ruleset_count_established(struct ruleset *ruleset, enum hook hook, enum family family, uint64_t packets,
			       uint64_t bytes)
{
	unsigned int ipv6 = family == FAMILY_IPV6;

	for (size_t i = 0; i < ruleset->established_counts[hook][ipv6]; i++) {
		struct counter_values *counter = &ruleset->counters[ruleset->established_counters[hook][ipv6][i]];

		counter->packets += packets;
		counter->bytes += bytes;
	}
}
