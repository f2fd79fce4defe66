/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements other than conditions. */
#include "rules/compile.h"

/* Loads an argument right-justified into @size bytes at @at. */
static void load_justified(struct compiler *compiler, const struct expression *expression, unsigned int at,
			   unsigned int size)
{
	static const uint8_t zero[VALUE_SIZE];
	unsigned int have = size;
	uint32_t index;

	if (expression->kind != EXPRESSION_MAP && expression->type)
		have = type_bytes(expression->type);
	if (have < size) {
		index = compile_constant(compiler, zero, size);
		compile_emit(compiler, OPERATION_IMMEDIATE, at, size)->operand = index;
	}
	compile_load(compiler, expression, at + size - have);
}

static uint32_t add_counter(struct compiler *compiler, struct counter_values values)
{
	struct ruleset *ruleset = compiler->ruleset;

	ruleset->counters = arena_grow(compiler->arena, ruleset->counters, ruleset->counter_count,
				       &ruleset->counter_capacity, sizeof(*ruleset->counters));
	ruleset->counters[ruleset->counter_count] = values;
	return (uint32_t)ruleset->counter_count++;
}

static uint32_t add_limit(struct compiler *compiler, const struct limit_values *values)
{
	struct ruleset *ruleset = compiler->ruleset;

	ruleset->limits = arena_grow(compiler->arena, ruleset->limits, ruleset->limit_count, &ruleset->limit_capacity,
				     sizeof(*ruleset->limits));
	limit_init(&ruleset->limits[ruleset->limit_count], values);
	return (uint32_t)ruleset->limit_count++;
}

static uint32_t add_quota(struct compiler *compiler, const struct quota_values *values)
{
	struct ruleset *ruleset = compiler->ruleset;

	ruleset->quotas = arena_grow(compiler->arena, ruleset->quotas, ruleset->quota_count, &ruleset->quota_capacity,
				     sizeof(*ruleset->quotas));
	ruleset->quotas[ruleset->quota_count].values = *values;
	return (uint32_t)ruleset->quota_count++;
}

static uint32_t add_connlimit(struct compiler *compiler)
{
	struct ruleset *ruleset = compiler->ruleset;

	ruleset->connlimits = arena_grow(compiler->arena, ruleset->connlimits, ruleset->connlimit_count,
					 &ruleset->connlimit_capacity, sizeof(*ruleset->connlimits));
	ruleset->connlimits[ruleset->connlimit_count].head = CONNLIMIT_NONE;
	return (uint32_t)ruleset->connlimit_count++;
}

void compile_object(struct compiler *compiler, struct object *object)
{
	if (object->kind == OBJECT_COUNTER)
		object->index = add_counter(compiler, object->counter);
	else if (object->kind == OBJECT_LIMIT)
		object->index = add_limit(compiler, &object->limit);
	else if (object->kind == OBJECT_QUOTA)
		object->index = add_quota(compiler, &object->quota);
}

static void compile_stateful(struct compiler *compiler, struct statement *statement)
{
	const struct object *object = statement->object_declared;
	struct instruction *instruction;
	enum operation operation;

	if (statement->kind == STATEMENT_COUNTER) {
		operation = OPERATION_COUNTER;
		statement->state = object ? object->index : add_counter(compiler, statement->counter);
		if (compiler->rule->counter == UINT32_MAX)
			compiler->rule->counter = statement->state;
	} else if (statement->kind == STATEMENT_LIMIT) {
		operation = OPERATION_LIMIT;
		statement->state = object ? object->index : add_limit(compiler, &statement->limit);
	} else if (statement->kind == STATEMENT_QUOTA) {
		operation = OPERATION_QUOTA;
		statement->state = object ? object->index : add_quota(compiler, &statement->quota);
	} else {
		operation = OPERATION_CONNLIMIT;
		statement->state = add_connlimit(compiler);
	}
	instruction = compile_emit(compiler, operation, 0, 0);
	instruction->operand = statement->state;
	if (operation == OPERATION_CONNLIMIT) {
		instruction->operand2 = statement->connlimit.count;
		instruction->flags = statement->connlimit.over;
	}
}

static void compile_log(struct compiler *compiler, const struct statement *statement)
{
	struct ruleset *ruleset = compiler->ruleset;
	uint32_t index = (uint32_t)ruleset->log_count;

	ruleset->logs = arena_grow(compiler->arena, ruleset->logs, ruleset->log_count, &ruleset->log_capacity,
				   sizeof(*ruleset->logs));
	ruleset->logs[ruleset->log_count++] = (struct log_request){
		.prefix = statement->log.prefix ? statement->log.prefix : "",
		.level = statement->log.has_level ? statement->log.level : 4,
		.rule = compiler->rule->index,
	};
	compile_emit(compiler, OPERATION_LOG, 0, 0)->operand = index;
}

/* Both ends of an argument: of a constant its own, of a map what its data says. */
static void load_both_ends(struct compiler *compiler, const struct expression *expression, unsigned int size,
			   unsigned int at, uint16_t *first, uint16_t *last)
{
	*first = (uint16_t)at;
	*last = (uint16_t)at;
	if (expression->kind == EXPRESSION_MAP) {
		compile_load(compiler, expression, at);
		*last = (uint16_t)(at + expression->right->set->data.size);
	} else if (expression->kind == EXPRESSION_VALUE) {
		uint32_t one = compile_constant(compiler, expression->first.bytes, size);
		uint32_t other = compile_constant(compiler, expression->last.bytes, size);

		compile_emit(compiler, OPERATION_IMMEDIATE, at, size)->operand = one;
		compile_emit(compiler, OPERATION_IMMEDIATE, at + size, size)->operand = other;
		*last = (uint16_t)(at + size);
	} else {
		load_justified(compiler, expression, at, size);
	}
}

static void load_address_and_port(struct compiler *compiler, const struct expression *argument, unsigned int address,
				  struct nat_plan *plan)
{
	if (argument->kind == EXPRESSION_CONCAT && argument->items->kind == EXPRESSION_VALUE) {
		uint16_t first, last;

		load_both_ends(compiler, argument->items, address, REGISTER_ADDRESS, &first, &last);
		plan->address_first = first;
		plan->address_last = last;
		load_both_ends(compiler, argument->items->next, 2, REGISTER_PORT, &plan->port_first, &plan->port_last);
		return;
	}
	compile_load(compiler, argument, REGISTER_VALUE);
	plan->address_first = plan->address_last = REGISTER_VALUE;
	plan->port_first = plan->port_last = (uint16_t)(REGISTER_VALUE + address);
	if (argument->kind == EXPRESSION_MAP) {
		plan->address_last = (uint16_t)(REGISTER_VALUE + address + 2);
		plan->port_last = (uint16_t)(plan->address_last + address);
	}
}

static void compile_nat(struct compiler *compiler, const struct statement *statement)
{
	struct ruleset *ruleset = compiler->ruleset;
	const struct nat_values *nat = &statement->nat;
	unsigned int address = nat->family == FAMILY_IPV4 ? 4 : 16;
	struct nat_plan plan = {
		.kind = nat->kind,
		.family = nat->address ? nat->family : 0,
		.address_first = REGISTER_UNUSED,
		.port_first = REGISTER_UNUSED,
		.random = nat->random,
		.fully_random = nat->fully_random,
		.persistent = nat->persistent,
		.mapping = nat->mapping,
		.filtering = nat->filtering,
		.prefix = nat->prefix,
	};
	uint32_t index;

	if (nat->family && !nat->address)
		plan.family = nat->family;
	if (nat->address && nat->address_and_port)
		load_address_and_port(compiler, nat->address, address, &plan);
	else if (nat->address)
		load_both_ends(compiler, nat->address, address, REGISTER_ADDRESS, &plan.address_first,
			       &plan.address_last);
	if (nat->port)
		load_both_ends(compiler, nat->port, 2, REGISTER_PORT, &plan.port_first, &plan.port_last);
	/* A prefix as the target means the whole network, one to one, only when the word says so. */
	ruleset->nats = arena_grow(compiler->arena, ruleset->nats, ruleset->nat_count, &ruleset->nat_capacity,
				   sizeof(*ruleset->nats));
	index = (uint32_t)ruleset->nat_count;
	ruleset->nats[ruleset->nat_count++] = plan;
	compile_emit(compiler, OPERATION_NAT, 0, 0)->operand = index;
}

static void compile_update(struct compiler *compiler, const struct statement *statement)
{
	struct ruleset *ruleset = compiler->ruleset;
	struct update_plan plan = { .kind = statement->update.kind };
	const struct set_declaration *declaration = statement->update.set->set;
	unsigned int size;
	uint32_t index;

	plan.set = ruleset->sets[declaration->index];
	plan.timeout_ms = statement->update.has_timeout ? statement->update.timeout_ms : 0;
	for (const struct statement *keep = declaration->statements; keep; keep = keep->next) {
		plan.counter = plan.counter || keep->kind == STATEMENT_COUNTER;
		plan.limit = plan.limit || keep->kind == STATEMENT_LIMIT;
		plan.quota = plan.quota || keep->kind == STATEMENT_QUOTA;
		if (keep->kind == STATEMENT_CONNLIMIT) {
			plan.connlimit = true;
			plan.connlimit_count = keep->connlimit.count;
			plan.connlimit_over = keep->connlimit.over;
		}
	}
	if (statement->update.data) {
		const struct key_type *data = &declaration->data;

		if (statement->update.data->kind == EXPRESSION_CONCAT)
			compile_load(compiler, statement->update.data, REGISTER_VALUE);
		else
			load_justified(compiler, statement->update.data, REGISTER_VALUE, data->size);
	}
	size = compile_load(compiler, statement->update.key, REGISTER_KEY);
	ruleset->updates = arena_grow(compiler->arena, ruleset->updates, ruleset->update_count,
				      &ruleset->update_capacity, sizeof(*ruleset->updates));
	index = (uint32_t)ruleset->update_count;
	ruleset->updates[ruleset->update_count++] = plan;
	compile_emit(compiler, OPERATION_UPDATE, REGISTER_KEY, size)->operand = index;
}

static void compile_verdict(struct compiler *compiler, const struct expression *verdict)
{
	switch (verdict->verdict) {
	case VERDICT_KIND_ACCEPT:
		compile_emit(compiler, OPERATION_ACCEPT, 0, 0);
		break;
	case VERDICT_KIND_DROP:
		compile_emit(compiler, OPERATION_DROP, 0, 0);
		break;
	case VERDICT_KIND_CONTINUE:
		break;
	case VERDICT_KIND_RETURN:
		compile_emit(compiler, OPERATION_RETURN, 0, 0);
		break;
	case VERDICT_KIND_JUMP:
		compile_emit(compiler, OPERATION_JUMP, 0, 0)->operand = verdict->chain->index;
		break;
	case VERDICT_KIND_GOTO:
		compile_emit(compiler, OPERATION_GOTO, 0, 0)->operand = verdict->chain->index;
		break;
	}
}

static void compile_vmap(struct compiler *compiler, const struct statement *statement)
{
	struct set_declaration *set = statement->right->set;
	unsigned int size = compile_load(compiler, statement->left, REGISTER_KEY);
	uint32_t index = set->anonymous ? compile_set(compiler, set) : set->index;

	compile_emit(compiler, OPERATION_VMAP, REGISTER_KEY, size)->operand = index;
}

static void compile_helper(struct compiler *compiler, const struct statement *statement)
{
	const char *family = statement->object_declared->helper_family;
	struct instruction *instruction = compile_emit(compiler, OPERATION_HELPER, 0, 0);

	if (family && strcmp(family, "inet") != 0)
		instruction->operand = strcmp(family, "ip") == 0 ? FAMILY_IPV4 : FAMILY_IPV6;
	compiler->ruleset->helper = true;
}

void compile_statement(struct compiler *compiler, struct statement *statement)
{
	struct instruction *instruction;

	switch (statement->kind) {
	case STATEMENT_MATCH:
		compile_match(compiler, statement);
		break;
	case STATEMENT_VERDICT:
		compile_verdict(compiler, statement->left);
		break;
	case STATEMENT_VMAP:
		compile_vmap(compiler, statement);
		break;
	case STATEMENT_COUNTER:
	case STATEMENT_LIMIT:
	case STATEMENT_QUOTA:
	case STATEMENT_CONNLIMIT:
		compile_stateful(compiler, statement);
		break;
	case STATEMENT_LOG:
		compile_log(compiler, statement);
		break;
	case STATEMENT_REJECT:
		instruction = compile_emit(compiler, OPERATION_REJECT, 0, 0);
		instruction->flags = (uint8_t)statement->reject.kind;
		instruction->operand = statement->reject.code;
		break;
	case STATEMENT_NAT:
		compile_nat(compiler, statement);
		break;
	case STATEMENT_NOTRACK:
		compile_emit(compiler, OPERATION_NOTRACK, 0, 0);
		break;
	case STATEMENT_SET_MARK:
	case STATEMENT_SET_CT_MARK:
		load_justified(compiler, statement->right, REGISTER_VALUE, 4);
		compile_emit(compiler,
			     statement->kind == STATEMENT_SET_MARK ? OPERATION_SET_MARK : OPERATION_SET_CT_MARK,
			     REGISTER_VALUE, 4);
		break;
	case STATEMENT_MSS:
		compile_emit(compiler, OPERATION_MSS, 0, 0)->operand = statement->mss.size;
		break;
	case STATEMENT_UPDATE:
		compile_update(compiler, statement);
		break;
	case STATEMENT_HELPER:
		compile_helper(compiler, statement);
		break;
	}
}
