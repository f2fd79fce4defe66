/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that change what was declared before: they are carried out while reading. */
#include "rules/parse_tokens.h"

/* Unlinks @item from the list at @head; does nothing when it is not in it. */
#define list_remove(head, item) \
	do { \
		__typeof__(&(head)) remove_at = &(head); \
		while (*remove_at && *remove_at != (item)) \
			remove_at = &(*remove_at)->next; \
		if (*remove_at) \
			*remove_at = (item)->next; \
	} while (0)

static void report_absent(struct parser *parser, struct place place, const char *kind, const char *name,
			  const struct table *table)
{
	report_error(parser->diagnostics, place, "there is no %s %s in table %s", kind, name, table->name);
}

/* ------------------------------------------------------------------- rules */

uint64_t rule_index(struct parser *parser, struct place place, const char *word, uint64_t number)
{
	if (strcmp(word, "index") == 0)
		return number < PLACE_NONE ? number : PLACE_NONE - 1;
	/* Handles are what the kernel gave out; a file has none. */
	if (strcmp(word, "position") == 0 || strcmp(word, "handle") == 0)
		report_error(parser->diagnostics, place, "not supported: rule %s", word);
	else
		report_error(parser->diagnostics, place, "unexpected \"%.80s\", expected a statement", word);
	return PLACE_NONE;
}

void place_rule(struct parser *parser, struct chain *chain, struct rule *rule, uint64_t index)
{
	struct rule **at = &chain->rules;
	bool last = index == PLACE_NONE + 1;

	if (index == PLACE_NONE)
		index = 0;
	for (; *at && (index || last); index--)
		at = &(*at)->next;
	if (index && !last)
		report_error(parser->diagnostics, rule->place, "chain %s has fewer rules than that", chain->name);
	rule->next = *at;
	*at = rule;
	if (!rule->next)
		chain->last_rule = rule;
}

/* ------------------------------------------------------------------ chains */

void flush_chain(struct chain *chain)
{
	chain->rules = chain->last_rule = NULL;
}

void flush_table(struct table *table)
{
	for (struct chain *chain = table->chains; chain; chain = chain->next)
		flush_chain(chain);
}

void rename_chain(struct parser *parser, struct chain *chain, const char *name, struct place place)
{
	if (chain_lookup(chain->table, name))
		report_error(parser->diagnostics, place, "there is a chain %s already", name);
	chain->name = name;
}

/* ---------------------------------------------------------------- deletion */

void delete_table(struct parser *parser, struct table *table)
{
	list_remove(parser->document->tables, table);
}

void delete_chain(struct parser *parser, struct table *table, const char *name, struct place place)
{
	struct chain *chain = chain_lookup(table, name);

	if (!chain)
		report_absent(parser, place, "chain", name, table);
	else
		list_remove(table->chains, chain);
}

void delete_set(struct parser *parser, struct table *table, const char *name, struct place place)
{
	struct set_declaration *set = set_declaration_lookup(table, name);

	if (!set)
		report_absent(parser, place, "set", name, table);
	else
		list_remove(table->sets, set);
}

void delete_object(struct parser *parser, struct table *table, enum object_kind kind, const char *name,
		   struct place place)
{
	struct object *object = object_lookup(table, kind, name);

	if (!object)
		report_absent(parser, place, "object", name, table);
	else
		list_remove(table->objects, object);
}
