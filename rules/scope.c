/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Variables: what `define` says, block by block. */
#include "rules/parse_tokens.h"

/* Expressions that uses of variables may copy, all together. */
#define CLONE_LIMIT 4000000

void scope_push(struct parser *parser)
{
	struct scope *scope = arena_alloc(parser->arena, sizeof(*scope));

	scope->outer = parser->scope;
	parser->scope = scope;
}

void scope_pop(struct parser *parser)
{
	if (parser->scope->outer)
		parser->scope = parser->scope->outer;
}

static struct definition **definition_find(struct scope *scope, const char *name)
{
	for (struct definition **at = &scope->definitions; *at; at = &(*at)->next) {
		if (strcmp((*at)->name, name) == 0)
			return at;
	}
	return NULL;
}

void scope_define(struct parser *parser, const char *name, struct expression *value, bool again, struct place place)
{
	struct definition **found = definition_find(parser->scope, name);
	struct definition *definition;

	if (found && !again) {
		report_error(parser->diagnostics, place, "%s is defined already; redefine changes it", name);
		return;
	}
	if (found) {
		(*found)->value = value;
		return;
	}
	definition = arena_alloc(parser->arena, sizeof(*definition));
	definition->name = name;
	definition->value = value;
	definition->next = parser->scope->definitions;
	parser->scope->definitions = definition;
}

void scope_undefine(struct parser *parser, const char *name, struct place place)
{
	struct definition **found = definition_find(parser->scope, name);

	if (!found)
		report_error(parser->diagnostics, place, "%s is not defined here", name);
	else
		*found = (*found)->next;
}

struct expression *scope_use(struct parser *parser, const char *name, struct place place)
{
	struct expression *unknown;

	for (struct scope *scope = parser->scope; scope; scope = scope->outer) {
		struct definition **found = definition_find(scope, name);

		if (!found)
			continue;
		/* Variables that hold variables double at each step: bound what one may grow to. */
		parser->cloned += (size_t)(*found)->value->item_count + 1;
		if (parser->cloned > CLONE_LIMIT)
			break;
		return expression_clone(parser->arena, (*found)->value, place);
	}
	report_error(parser->diagnostics, place,
		     parser->cloned > CLONE_LIMIT ? "variables are used too often: $%s" : "$%s is not defined", name);
	unknown = expression_create(parser->arena, EXPRESSION_WORD, place);
	unknown->text = "?";
	unknown->undefined = true;
	unknown->depth = 1;
	return unknown;
}
