/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of the interpreter. */
#ifndef SLUICE_RULES_EVALUATE_H
#define SLUICE_RULES_EVALUATE_H

#include "rules/program.h"

struct machine {
	struct ruleset *ruleset;
	struct rule_context *context;
	struct rule_outcome *outcome;
	const struct base_chain *base;
	uint32_t at; /* the next instruction */
	unsigned int depth;
	uint32_t stack[JUMP_DEPTH];
	uint8_t registers[REGISTER_SIZE];
};

/* Before the first instruction of base chain @base. */
static inline void machine_init(struct machine *machine, struct ruleset *ruleset, const struct base_chain *base,
				struct rule_context *context, struct rule_outcome *outcome)
{
	machine->ruleset = ruleset;
	machine->context = context;
	machine->outcome = outcome;
	machine->base = base;
	machine->at = base->start;
	machine->depth = 0;
}

/*
 * Single steps for rehearse.c, which works the machine itself: a condition or a statement
 * (false: no match), and any instruction at all (true: the chain's decision is made).
 */
bool machine_step(struct machine *machine, const struct instruction *instruction);
bool machine_run(struct machine *machine);

/** rule_at() - the rule that the instruction at @at belongs to; RULE_NONE: to none */
uint32_t rule_at(const struct ruleset *ruleset, uint32_t at);

/** fib_load() - ask the oracle about a route; false: it cannot say */
bool fib_load(const struct machine *machine, const struct instruction *instruction, uint8_t *at);

/** generator_load() - numgen, jhash and symhash */
void generator_load(struct machine *machine, const struct instruction *instruction, uint8_t *at);

/* Fill in the outcome; false: the statement is not for this packet. */
bool reject_decide(struct machine *machine, const struct instruction *instruction);
bool nat_decide_rule(struct machine *machine, const struct instruction *instruction);

#endif
