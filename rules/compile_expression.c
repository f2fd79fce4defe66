/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads and conditions. */
#include "rules/compile.h"

static uint32_t field_index(struct compiler *compiler, const struct field *field)
{
	struct ruleset *ruleset = compiler->ruleset;

	for (size_t i = 0; i < ruleset->field_count; i++) {
		if (ruleset->fields[i] == field)
			return (uint32_t)i;
	}
	ruleset->fields = arena_grow(compiler->arena, ruleset->fields, ruleset->field_count, &ruleset->field_capacity,
				     sizeof(struct field *));
	ruleset->fields[ruleset->field_count] = field;
	return (uint32_t)ruleset->field_count++;
}

static uint32_t generator(struct compiler *compiler, const struct expression *expression)
{
	struct ruleset *ruleset = compiler->ruleset;

	ruleset->generators = arena_grow(compiler->arena, ruleset->generators, ruleset->generator_count,
					 &ruleset->generator_capacity, sizeof(*ruleset->generators));
	ruleset->generators[ruleset->generator_count] = (struct generator){
		.modulus = expression->modulus,
		.offset = expression->offset,
		.seed = expression->seed,
		.has_seed = expression->has_seed,
		.random = expression->random,
		/* The kernel's first packet gets the first value. */
		.counter = expression->modulus - 1,
	};
	return (uint32_t)ruleset->generator_count++;
}

static unsigned int load_binary(struct compiler *compiler, const struct expression *expression, unsigned int at)
{
	unsigned int size = compile_load(compiler, expression->left, at);
	const uint8_t *right = expression->right->first.bytes;
	uint8_t mask[VALUE_SIZE], flip[VALUE_SIZE];
	struct instruction *instruction;

	if (expression->relation == OPERATOR_SHIFT_LEFT || expression->relation == OPERATOR_SHIFT_RIGHT) {
		instruction = compile_emit(compiler, OPERATION_SHIFT, at, size);
		instruction->flags = expression->relation == OPERATOR_SHIFT_RIGHT;
		instruction->operand = right[0];
		return size;
	}
	for (unsigned int i = 0; i < size; i++) {
		mask[i] = expression->relation == OPERATOR_AND	? right[i]
			  : expression->relation == OPERATOR_OR ? (uint8_t)~right[i]
								: 0xff;
		flip[i] = expression->relation == OPERATOR_AND ? 0 : right[i];
	}
	{
		uint32_t one = compile_constant(compiler, mask, size), other = compile_constant(compiler, flip, size);

		instruction = compile_emit(compiler, OPERATION_BITWISE, at, size);
		instruction->operand = one;
		instruction->operand2 = other;
	}
	return size;
}

static unsigned int load_map(struct compiler *compiler, const struct expression *map, unsigned int at)
{
	struct set_declaration *set = map->right->set;
	unsigned int size = compile_load(compiler, map->left, REGISTER_KEY);
	uint32_t index = set->anonymous ? compile_set(compiler, set) : set->index;

	compile_emit(compiler, OPERATION_MAP, at, size)->operand = index;
	return set->data.size;
}

static unsigned int load_value(struct compiler *compiler, const struct expression *value, unsigned int at)
{
	unsigned int size = type_bytes(value->type);
	uint32_t constant = compile_constant(compiler, value->first.bytes, size);

	compile_emit(compiler, OPERATION_IMMEDIATE, at, size)->operand = constant;
	return size;
}

/*
 * What jhash hashes. Not at the key: other parts of it may be there already. The
 * parts of a concatenation begin at every fourth byte, as in the kernel's registers,
 * so that equal seeds agree.
 */
static unsigned int load_hashed(struct compiler *compiler, const struct expression *hashed)
{
	static const uint8_t zero[4];
	unsigned int all = 0;

	if (hashed->kind != EXPRESSION_CONCAT)
		return compile_load(compiler, hashed, REGISTER_VALUE);
	for (const struct expression *item = hashed->items; item; item = item->next) {
		unsigned int size, padding;
		uint32_t constant;

		size = compile_load(compiler, item, REGISTER_VALUE + all);
		padding = -size & 3;
		all += size;
		if (padding) {
			constant = compile_constant(compiler, zero, padding);
			compile_emit(compiler, OPERATION_IMMEDIATE, REGISTER_VALUE + all, padding)->operand = constant;
		}
		all += padding;
	}
	return all;
}

unsigned int compile_load(struct compiler *compiler, const struct expression *expression, unsigned int at)
{
	unsigned int size = 4, all = 0;
	struct instruction *instruction;
	uint32_t index;

	switch (expression->kind) {
	case EXPRESSION_FIELD:
		size = type_bytes(expression->type);
		index = field_index(compiler, expression->field);
		instruction = compile_emit(compiler, OPERATION_LOAD, at, size);
		instruction->operand = index;
		instruction->flags = (uint8_t)expression->direction;
		return size;
	case EXPRESSION_FIB:
		size = type_bytes(expression->type);
		instruction = compile_emit(compiler, OPERATION_FIB, at, size);
		instruction->operand = expression->flags;
		instruction->flags = (uint8_t)expression->fib_result;
		return size;
	case EXPRESSION_HASH:
		all = load_hashed(compiler, expression->left);
		index = generator(compiler, expression);
		instruction = compile_emit(compiler, OPERATION_HASH, at, all);
		instruction->operand = index;
		return size;
	case EXPRESSION_NUMGEN:
	case EXPRESSION_SYMHASH:
		index = generator(compiler, expression);
		compile_emit(compiler, expression->kind == EXPRESSION_NUMGEN ? OPERATION_NUMGEN : OPERATION_SYMHASH, at,
			     size)
		    ->operand = index;
		return size;
	case EXPRESSION_BINARY:
		return load_binary(compiler, expression, at);
	case EXPRESSION_MAP:
		return load_map(compiler, expression, at);
	case EXPRESSION_CONCAT:
		for (const struct expression *item = expression->items; item; item = item->next)
			all += compile_load(compiler, item, at + all);
		return all;
	default:
		return load_value(compiler, expression, at);
	}
}

/* -------------------------------------------------------------- conditions */

static void compare_value(struct compiler *compiler, const struct expression *right, enum relation relation,
			  unsigned int at)
{
	unsigned int size = type_bytes(right->type);
	uint32_t first = compile_constant(compiler, right->first.bytes, size);
	struct instruction *instruction;

	if (right->form != FORM_SINGLE) {
		uint32_t last = compile_constant(compiler, right->last.bytes, size);

		instruction = compile_emit(compiler, OPERATION_RANGE, at, size);
		instruction->flags = relation == OPERATOR_NOT_EQUAL;
		instruction->operand2 = last;
	} else if (relation == OPERATOR_IMPLICIT && right->type->bitmask) {
		instruction = compile_emit(compiler, OPERATION_TEST, at, size);
	} else {
		instruction = compile_emit(compiler, OPERATION_COMPARE, at, size);
		instruction->flags = (uint8_t)(relation == OPERATOR_IMPLICIT ? OPERATOR_EQUAL : relation);
	}
	instruction->operand = first;
}

/* None of the bits of @right. */
static void compare_none_of(struct compiler *compiler, const struct expression *right)
{
	static const uint8_t zero[VALUE_SIZE];
	unsigned int size = type_bytes(right->type);
	uint32_t mask = compile_constant(compiler, right->first.bytes, size);
	uint32_t none = compile_constant(compiler, zero, size);
	struct instruction *instruction = compile_emit(compiler, OPERATION_BITWISE, REGISTER_KEY, size);

	instruction->operand = mask;
	instruction->operand2 = none;
	instruction = compile_emit(compiler, OPERATION_COMPARE, REGISTER_KEY, size);
	instruction->flags = OPERATOR_EQUAL;
	instruction->operand = none;
}

static void compare_masked(struct compiler *compiler, const struct expression *right, enum relation relation)
{
	static const uint8_t zero[VALUE_SIZE];
	unsigned int size = type_bytes(right->left->type);
	uint32_t mask = compile_constant(compiler, right->right->first.bytes, size);
	uint32_t none = compile_constant(compiler, zero, size);
	uint32_t value = compile_constant(compiler, right->left->first.bytes, size);
	struct instruction *instruction = compile_emit(compiler, OPERATION_BITWISE, REGISTER_KEY, size);

	instruction->operand = mask;
	instruction->operand2 = none;
	instruction = compile_emit(compiler, OPERATION_COMPARE, REGISTER_KEY, size);
	instruction->flags = (uint8_t)(relation == OPERATOR_IMPLICIT ? OPERATOR_EQUAL : relation);
	instruction->operand = value;
}

/* Several parts: equal when each is. Different when any is, so that needs a set of one. */
static void compare_concat(struct compiler *compiler, const struct statement *statement)
{
	const struct expression *right = statement->right;
	unsigned int at = REGISTER_KEY;

	if (statement->relation == OPERATOR_NOT_EQUAL) {
		struct set_declaration *one = arena_alloc(compiler->arena, sizeof(*one));
		struct instruction *instruction;
		uint32_t index;

		one->anonymous = true;
		one->name = "";
		one->place = right->place;
		for (const struct expression *item = right->items; item; item = item->next) {
			one->key.parts[one->key.count++] = item->type;
			one->key.size += type_bytes(item->type);
		}
		one->elements = expression_create(compiler->arena, EXPRESSION_SET, right->place);
		expression_append(one->elements, expression_clone(compiler->arena, right, right->place));
		index = compile_set(compiler, one);
		instruction = compile_emit(compiler, OPERATION_LOOKUP, REGISTER_KEY, one->key.size);
		instruction->operand = index;
		instruction->flags = 1;
		return;
	}
	for (const struct expression *item = right->items; item; item = item->next) {
		compare_value(compiler, item, OPERATOR_EQUAL, at);
		at += type_bytes(item->type);
	}
}

void compile_match(struct compiler *compiler, const struct statement *statement)
{
	const struct expression *right = statement->right;
	unsigned int size = compile_load(compiler, statement->left, REGISTER_KEY);
	enum relation relation = statement->relation;
	struct instruction *instruction;
	uint32_t index;

	/* After a mask of its own a bitmask too is compared as a whole, as nft does. */
	if (relation == OPERATOR_IMPLICIT && statement->left->kind == EXPRESSION_BINARY)
		relation = OPERATOR_EQUAL;

	if (right->kind == EXPRESSION_SET || right->kind == EXPRESSION_SETREF) {
		index = right->kind == EXPRESSION_SET ? compile_set(compiler, right->set) : right->set->index;
		instruction = compile_emit(compiler, OPERATION_LOOKUP, REGISTER_KEY, size);
		instruction->operand = index;
		instruction->flags = statement->relation == OPERATOR_NOT_EQUAL;
	} else if (right->kind == EXPRESSION_CONCAT) {
		compare_concat(compiler, statement);
	} else if (relation == OPERATOR_NONE_OF) {
		compare_none_of(compiler, right);
	} else if (right->kind == EXPRESSION_PREFIX) {
		compare_masked(compiler, right, statement->relation);
	} else if (right->type == &type_boolean && statement->left->kind == EXPRESSION_FIB) {
		/* No interface is a name of zeros. */
		static const uint8_t zero[VALUE_SIZE];
		bool same = (right->first.bytes[0] == 0) == (statement->relation != OPERATOR_NOT_EQUAL);

		index = compile_constant(compiler, zero, size);
		instruction = compile_emit(compiler, OPERATION_COMPARE, REGISTER_KEY, size);
		instruction->operand = index;
		instruction->flags = same ? OPERATOR_EQUAL : OPERATOR_NOT_EQUAL;
	} else {
		compare_value(compiler, right, relation, REGISTER_KEY);
	}
}
