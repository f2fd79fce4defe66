/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes of the tree, as the grammar makes them. */
#include "rules/parse_tokens.h"

struct expression *build_leaf(struct parser *parser, enum expression_kind kind, struct place place, const char *text)
{
	struct expression *expression = expression_create(parser->arena, kind, place);

	expression->text = text;
	expression->depth = 1;
	return expression;
}

struct expression *build_number(struct parser *parser, struct place place, uint64_t number)
{
	struct expression *expression = build_leaf(parser, EXPRESSION_NUMBER, place, NULL);

	expression->number = number;
	return expression;
}

/* Later stages recurse over the tree: its depth is bounded here, once. */
static void deepen(struct parser *parser, struct expression *outer, const struct expression *inner)
{
	if (inner->depth < outer->depth)
		return;
	outer->depth = inner->depth + 1;
	if (outer->depth == NESTING_LIMIT)
		report_error(parser->diagnostics, outer->place, "nested too deeply");
}

struct expression *build_pair(struct parser *parser, enum expression_kind kind, enum relation relation,
			      struct expression *left, struct expression *right)
{
	struct expression *expression = build_leaf(parser, kind, left->place, NULL);

	expression->relation = relation;
	deepen(parser, expression, left);
	deepen(parser, expression, right);
	if (expression->depth >= NESTING_LIMIT)
		return left;
	expression->left = left;
	expression->right = right;
	return expression;
}

/* @list with @item behind it; @list is made one if it is not yet of @kind. */
struct expression *build_join(struct parser *parser, enum expression_kind kind, struct expression *list,
			      struct expression *item)
{
	if (list->kind != kind) {
		struct expression *first = list;

		list = build_leaf(parser, kind, first->place, NULL);
		deepen(parser, list, first);
		expression_append(list, first);
	}
	deepen(parser, list, item);
	/* A variable's copy may be in a list already: an item belongs to one list only. */
	if (list->depth < NESTING_LIMIT)
		expression_append(list, item);
	return list;
}

struct expression *build_field(struct parser *parser, struct place place, const char *protocol, const char *name)
{
	struct expression *expression = build_leaf(parser, EXPRESSION_FIELD, place, protocol);

	expression->name = name;
	return expression;
}

struct expression *build_verdict(struct parser *parser, struct place place, enum verdict_kind kind, const char *target)
{
	struct expression *expression = build_leaf(parser, EXPRESSION_VERDICT, place, target);

	expression->verdict = kind;
	return expression;
}

struct statement *build_match(struct parser *parser, struct expression *left, enum relation relation,
			      struct expression *right)
{
	struct statement *statement = statement_create(parser->arena, STATEMENT_MATCH, left->place);

	statement->left = left;
	statement->relation = relation;
	statement->right = right;
	return statement;
}

void setting_add(struct parser *parser, struct place place, const char *text, bool quoted)
{
	struct setting_word *word = arena_alloc(parser->arena, sizeof(*word));

	word->place = place;
	word->text = text;
	word->quoted = quoted;
	if (!parser->setting) {
		parser->setting = arena_alloc(parser->arena, sizeof(*parser->setting));
		list_append(parser->document->settings, parser->setting);
	}
	if (parser->setting->last_word)
		parser->setting->last_word->next = word;
	else
		parser->setting->words = word;
	parser->setting->last_word = word;
}
