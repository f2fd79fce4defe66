/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of the compiler. */
#ifndef SLUICE_RULES_COMPILE_H
#define SLUICE_RULES_COMPILE_H

#include "rules/parse.h"
#include "rules/program.h"

struct compiler {
	struct arena *arena;
	struct diagnostics *diagnostics;
	struct ruleset *ruleset;
	struct rule *rule;
	size_t rule_start;
};

struct instruction *compile_emit(struct compiler *compiler, enum operation operation, unsigned int at,
				 unsigned int size);

/** compile_constant() - where in the constants these bytes are */
uint32_t compile_constant(struct compiler *compiler, const uint8_t *bytes, size_t size);

/** compile_load() - bytes of a checked expression to @at; returns their number */
unsigned int compile_load(struct compiler *compiler, const struct expression *expression, unsigned int at);

/** compile_match() - one condition */
void compile_match(struct compiler *compiler, const struct statement *statement);

/** compile_set() - the set behind a declaration, made when first asked for */
uint32_t compile_set(struct compiler *compiler, struct set_declaration *declaration);

void compile_statement(struct compiler *compiler, struct statement *statement);
void compile_object(struct compiler *compiler, struct object *object);

#endif
