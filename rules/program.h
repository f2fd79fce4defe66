/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiled form of a ruleset.
 *
 * Theory of operation. One array of instructions; chains and rules are stretches of
 * it. Instructions work on a small file of bytes: a key is loaded part by part and
 * then compared or looked up. An instruction that does not match goes to @next,
 * where the following rule begins. Jumps are acyclic, which the checker has proven,
 * so a program always ends. Only the state at the end of struct ruleset changes
 * after compilation.
 */
#ifndef SLUICE_RULES_PROGRAM_H
#define SLUICE_RULES_PROGRAM_H

#include "rules/fields.h"
#include "rules/set.h"

enum operation {
	OPERATION_LOAD,	     /* operand: struct field; flags: direction of ct original/reply */
	OPERATION_IMMEDIATE, /* operand: constant */
	OPERATION_BITWISE,   /* (x & constant operand) ^ constant operand2 */
	OPERATION_SHIFT,     /* flags: 1 right; operand: bits */
	OPERATION_COMPARE,   /* flags: enum relation; operand: constant */
	OPERATION_TEST,	     /* any bit of the constant set? */
	OPERATION_RANGE,     /* operand, operand2: constants; flags: 1 inverted */
	OPERATION_LOOKUP,    /* operand: set; flags: 1 inverted */
	OPERATION_MAP,	     /* operand: set; its data goes to @at */
	OPERATION_VMAP,	     /* operand: set */
	OPERATION_FIB,	     /* operand: FIB_* flags; flags: enum fib_result */
	OPERATION_NUMGEN,    /* operand: generator */
	OPERATION_HASH,	     /* operand: generator; hashes @size bytes at @at */
	OPERATION_SYMHASH,   /* operand: generator */
	OPERATION_COUNTER,   /* operand: counter */
	OPERATION_LIMIT,     /* operand: limit */
	OPERATION_QUOTA,     /* operand: quota */
	OPERATION_CONNLIMIT, /* operand: connlimit; operand2: count; flags: 1 over */
	OPERATION_LOG,	     /* operand: log */
	OPERATION_REJECT,    /* flags: enum reject_kind; operand: code */
	OPERATION_NAT,	     /* operand: plan */
	OPERATION_NOTRACK,
	OPERATION_HELPER, /* operand: the family it is for, 0: any */
	OPERATION_SET_MARK,
	OPERATION_SET_CT_MARK,
	OPERATION_MSS,	  /* operand: size, 0: rt mtu */
	OPERATION_UPDATE, /* operand: plan */
	OPERATION_ACCEPT,
	OPERATION_DROP,
	OPERATION_JUMP, /* operand: chain */
	OPERATION_GOTO, /* operand: chain */
	OPERATION_RETURN,
	OPERATION_END, /* of a chain */
};

struct instruction {
	uint8_t operation, flags;
	uint16_t at, size;
	uint32_t operand, operand2;
	uint32_t next;
};

/* The file of bytes: keys, the result of a map, what a nat statement names. */
#define REGISTER_KEY 0
#define REGISTER_VALUE 96
#define REGISTER_ADDRESS 192 /* first and last */
#define REGISTER_PORT 232    /* first and last */
#define REGISTER_SIZE 256
#define REGISTER_UNUSED UINT16_MAX

/** struct nat_plan - where in the file of bytes a nat statement's operands are */
struct nat_plan {
	enum nat_kind kind;
	enum family family; /* of the addresses; 0: masquerade and redirect take any */
	uint16_t address_first, address_last, port_first, port_last;
	bool random, fully_random, persistent, prefix;
	uint8_t mapping, filtering;
};

struct update_plan {
	enum update_kind kind;
	struct set *set;
	uint64_t timeout_ms;
	bool counter, limit, quota, connlimit, connlimit_over;
	uint32_t connlimit_count;
};

struct generator {
	uint32_t modulus, offset, seed;
	bool random, has_seed;
	uint32_t counter;
};

#define VERDICT_DATA_SIZE 5

struct base_chain {
	const struct chain *chain;
	uint32_t start;
	enum chain_type type;
	int priority;
	bool policy_drop, ipv4, ipv6;
};

#define JUMP_DEPTH 16

struct ruleset {
	struct arena *arena;
	struct document *document;
	/* the program: never changes */
	struct instruction *instructions;
	size_t instruction_count, instruction_capacity;
	uint8_t *constants;
	size_t constant_size, constant_capacity;
	const struct field **fields;
	size_t field_count, field_capacity;
	struct rule **rules;
	uint32_t *rule_starts;
	struct chain **rule_chains;
	size_t rule_count, rule_capacity, rule_start_capacity, rule_chain_capacity;
	struct chain **chains;
	uint32_t *chain_starts;
	size_t chain_count;
	const struct base_chain **base_chains[HOOK_COUNT];
	size_t base_chain_counts[HOOK_COUNT];
	struct nat_plan *nats;
	size_t nat_count, nat_capacity;
	struct update_plan *updates;
	size_t update_count, update_capacity;
	struct log_request *logs;
	size_t log_count, log_capacity;
	bool helper; /* some rule sets one */
	bool established[HOOK_COUNT][2];
	uint32_t *established_counters[HOOK_COUNT][2];
	size_t established_counts[HOOK_COUNT][2];
	struct prefilter prefilter;
	/* what rules count */
	struct set **sets;
	size_t set_count, set_capacity;
	struct counter_values *counters;
	size_t counter_count, counter_capacity;
	struct limit_state *limits;
	size_t limit_count, limit_capacity;
	struct quota_state *quotas;
	size_t quota_count, quota_capacity;
	struct connlimit_state *connlimits;
	size_t connlimit_count, connlimit_capacity;
	struct connlimit_pool connlimit_pool;
	struct generator *generators;
	size_t generator_count, generator_capacity;
	bool started;
};

/** ruleset_compile() - the program of a checked document */
struct ruleset *ruleset_compile(struct arena *arena, struct document *document, struct diagnostics *diagnostics);

/** document_check() - resolve names and types, in place; reports what is wrong */
void document_check(struct arena *arena, struct document *document, struct diagnostics *diagnostics);

/** ruleset_analyse_established() - fill ruleset->established */
void ruleset_analyse_established(struct ruleset *ruleset);

/** ruleset_derive_prefilter() - fill ruleset->prefilter */
void ruleset_derive_prefilter(struct ruleset *ruleset);

/** register_load() - a field's bytes; false when the packet has none */
bool register_load(const struct field *field, enum direction direction, const struct rule_context *context,
		   uint8_t *at);

#endif
