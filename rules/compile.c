/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The compiler's frame: chains, rules, base chains in order. */
#include <stdlib.h>

#include "rules/compile.h"
#include "rules/print.h"

struct instruction *compile_emit(struct compiler *compiler, enum operation operation, unsigned int at,
				 unsigned int size)
{
	struct ruleset *ruleset = compiler->ruleset;
	struct instruction *instruction;

	ruleset->instructions = arena_grow(compiler->arena, ruleset->instructions, ruleset->instruction_count,
					   &ruleset->instruction_capacity, sizeof(*ruleset->instructions));
	instruction = &ruleset->instructions[ruleset->instruction_count++];
	memset(instruction, 0, sizeof(*instruction));
	instruction->operation = (uint8_t)operation;
	instruction->at = (uint16_t)at;
	instruction->size = (uint16_t)size;
	return instruction;
}

uint32_t compile_constant(struct compiler *compiler, const uint8_t *bytes, size_t size)
{
	struct ruleset *ruleset = compiler->ruleset;
	size_t offset = ruleset->constant_size;

	if (offset + size > ruleset->constant_capacity) {
		size_t capacity = (offset + size) * 2 + 256;
		uint8_t *larger = arena_alloc(compiler->arena, capacity);

		if (offset)
			memcpy(larger, ruleset->constants, offset);
		ruleset->constants = larger;
		ruleset->constant_capacity = capacity;
	}
	memcpy(ruleset->constants + offset, bytes, size);
	ruleset->constant_size += size;
	return (uint32_t)offset;
}

static void compile_rule(struct compiler *compiler, struct chain *chain, struct rule *rule)
{
	struct ruleset *ruleset = compiler->ruleset;
	size_t count = ruleset->rule_count, start = ruleset->instruction_count;
	struct text text = { .arena = compiler->arena, .one_line = true };

	ruleset->rules =
	    arena_grow(compiler->arena, ruleset->rules, count, &ruleset->rule_capacity, sizeof(struct rule *));
	ruleset->rule_starts =
	    arena_grow(compiler->arena, ruleset->rule_starts, count, &ruleset->rule_start_capacity, sizeof(uint32_t));
	ruleset->rule_chains = arena_grow(compiler->arena, ruleset->rule_chains, count, &ruleset->rule_chain_capacity,
					  sizeof(struct chain *));
	rule->index = (uint32_t)count;
	rule->counter = UINT32_MAX;
	ruleset->rules[count] = rule;
	ruleset->rule_starts[count] = (uint32_t)start;
	ruleset->rule_chains[count] = chain;
	ruleset->rule_count++;
	print_rule(&text, rule, chain->table->family);
	rule->text = text.bytes ? text.bytes : "";
	compiler->rule = rule;
	for (struct statement *statement = rule->statements; statement; statement = statement->next)
		compile_statement(compiler, statement);
	for (size_t i = start; i < ruleset->instruction_count; i++)
		ruleset->instructions[i].next = (uint32_t)ruleset->instruction_count;
}

static void compile_chains(struct compiler *compiler)
{
	struct ruleset *ruleset = compiler->ruleset;
	uint32_t index = 0;

	for (struct table *table = ruleset->document->tables; table; table = table->next) {
		for (struct chain *chain = table->chains; chain; chain = chain->next)
			chain->index = index++;
	}
	ruleset->chain_count = index;
	ruleset->chains = arena_array(compiler->arena, index + 1, sizeof(struct chain *));
	ruleset->chain_starts = arena_array(compiler->arena, index + 1, sizeof(uint32_t));
	for (struct table *table = ruleset->document->tables; table; table = table->next) {
		for (struct set_declaration *set = table->sets; set; set = set->next)
			compile_set(compiler, set);
		for (struct object *object = table->objects; object; object = object->next)
			compile_object(compiler, object);
		for (struct chain *chain = table->chains; chain; chain = chain->next) {
			ruleset->chains[chain->index] = chain;
			ruleset->chain_starts[chain->index] = (uint32_t)ruleset->instruction_count;
			for (struct rule *rule = chain->rules; rule; rule = rule->next)
				compile_rule(compiler, chain, rule);
			compile_emit(compiler, OPERATION_END, 0, 0);
		}
	}
}

static void add_base_chain(struct compiler *compiler, const struct chain *chain)
{
	struct ruleset *ruleset = compiler->ruleset;
	struct base_chain *base = arena_alloc(compiler->arena, sizeof(*base));
	const struct base_chain **list = ruleset->base_chains[chain->hook];
	size_t count = ruleset->base_chain_counts[chain->hook];
	size_t at = 0;

	*base = (struct base_chain){
		.chain = chain,
		.start = ruleset->chain_starts[chain->index],
		.type = chain->type,
		.priority = chain->priority,
		.policy_drop = chain->policy_drop,
		.ipv4 = chain->table->family != TABLE_IP6,
		.ipv6 = chain->table->family != TABLE_IP,
	};
	/* Of equal priorities the one declared first runs first. */
	while (at < count && list[at]->priority <= base->priority)
		at++;
	for (size_t i = count; i > at; i--)
		list[i] = list[i - 1];
	list[at] = base;
	ruleset->base_chain_counts[chain->hook]++;
}

static void compile_base_chains(struct compiler *compiler)
{
	struct ruleset *ruleset = compiler->ruleset;

	for (int hook = 0; hook < HOOK_COUNT; hook++)
		ruleset->base_chains[hook] =
		    arena_array(compiler->arena, ruleset->chain_count + 1, sizeof(struct base_chain *));
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		const struct chain *chain = ruleset->chains[i];

		if (chain->base && !chain->table->dormant)
			add_base_chain(compiler, chain);
	}
}

/* Room for ct count, by the largest counts that rules ask for. */
static void size_connlimits(struct compiler *compiler)
{
	struct ruleset *ruleset = compiler->ruleset;
	bool used = ruleset->connlimit_count > 0;

	for (size_t i = 0; i < ruleset->set_count; i++) {
		used = used || ruleset->sets[i]->connlimits;
		ruleset->sets[i]->pool = &ruleset->connlimit_pool;
	}
	connlimit_pool_init(&ruleset->connlimit_pool, compiler->arena, used ? SET_DEFAULT_SIZE : 0);
}

struct ruleset *ruleset_compile(struct arena *arena, struct document *document, struct diagnostics *diagnostics)
{
	struct ruleset *ruleset = arena_alloc(arena, sizeof(*ruleset));
	struct compiler compiler = { .arena = arena, .diagnostics = diagnostics, .ruleset = ruleset };

	ruleset->arena = arena;
	ruleset->document = document;
	compile_chains(&compiler);
	compile_base_chains(&compiler);
	size_connlimits(&compiler);
	if (diagnostics->errors)
		return NULL;
	ruleset_analyse_established(ruleset);
	ruleset_derive_prefilter(ruleset);
	return ruleset;
}
