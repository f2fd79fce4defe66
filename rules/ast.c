/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/ast.h"

struct expression *expression_create(struct arena *arena, enum expression_kind kind, struct place place)
{
	struct expression *expression = arena_alloc(arena, sizeof(*expression));

	expression->kind = kind;
	expression->place = place;
	return expression;
}

void expression_append(struct expression *list, struct expression *item)
{
	if (list->last_item)
		list->last_item->next = item;
	else
		list->items = item;
	list->last_item = item;
	list->item_count++;
}

struct expression *expression_clone(struct arena *arena, const struct expression *original, struct place place)
{
	struct expression *copy;

	if (!original)
		return NULL;
	copy = arena_alloc(arena, sizeof(*copy));
	*copy = *original;
	copy->place = place;
	copy->next = NULL;
	copy->items = copy->last_item = NULL;
	copy->item_count = 0;
	copy->left = expression_clone(arena, original->left, place);
	copy->right = expression_clone(arena, original->right, place);
	for (const struct expression *item = original->items; item; item = item->next)
		expression_append(copy, expression_clone(arena, item, place));
	return copy;
}

struct statement *statement_create(struct arena *arena, enum statement_kind kind, struct place place)
{
	struct statement *statement = arena_alloc(arena, sizeof(*statement));

	statement->kind = kind;
	statement->place = place;
	return statement;
}

struct table *document_table(const struct document *document, enum table_family family, const char *name)
{
	struct table *table = document->tables;

	while (table && (table->family != family || strcmp(table->name, name) != 0))
		table = table->next;
	return table;
}

struct chain *chain_lookup(const struct table *table, const char *name)
{
	struct chain *chain = table->chains;

	while (chain && strcmp(chain->name, name) != 0)
		chain = chain->next;
	return chain;
}

struct set_declaration *set_declaration_lookup(const struct table *table, const char *name)
{
	struct set_declaration *set = table->sets;

	while (set && strcmp(set->name, name) != 0)
		set = set->next;
	return set;
}

struct object *object_lookup(const struct table *table, enum object_kind kind, const char *name)
{
	struct object *object = table->objects;

	while (object && (object->kind != kind || strcmp(object->name, name) != 0))
		object = object->next;
	return object;
}
