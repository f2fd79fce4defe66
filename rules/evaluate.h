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

/** fib_load() - ask the oracle about a route; false: it cannot say */
bool fib_load(const struct machine *machine, const struct instruction *instruction, uint8_t *at);

/** generator_load() - numgen, jhash and symhash */
void generator_load(struct machine *machine, const struct instruction *instruction, uint8_t *at);

/* Fill in the outcome; false: the statement is not for this packet. */
bool reject_decide(struct machine *machine, const struct instruction *instruction);
bool nat_decide_rule(struct machine *machine, const struct instruction *instruction);

#endif
