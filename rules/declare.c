/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a file declares: tables, chains, sets, objects and rules. */
#include "rules/names.h"
#include "rules/parse_tokens.h"

struct table *declare_table(struct parser *parser, const char *family, const char *name, struct place place)
{
	static const struct symbol families[] = {
		{ "ip", TABLE_IP }, { "ip6", TABLE_IP6 }, { "inet", TABLE_INET }, { NULL, 0 }
	};
	struct table *table;
	uint32_t found;

	if (!symbol_find(families, family, &found)) {
		report_error(parser->diagnostics, place, "not supported: %s tables", family);
		return NULL;
	}
	table = document_table(parser->document, (enum table_family)found, name);
	if (table)
		return table;
	table = arena_alloc(parser->arena, sizeof(*table));
	table->family = (enum table_family)found;
	table->name = name;
	table->place = place;
	list_append(parser->document->tables, table);
	return parser->rule_table = table;
}

struct chain *declare_chain(struct parser *parser, struct table *table, const char *name, struct place place)
{
	struct chain *chain = chain_lookup(table, name);

	if (chain)
		return chain;
	chain = arena_alloc(parser->arena, sizeof(*chain));
	chain->table = table;
	chain->name = name;
	chain->place = place;
	list_append(table->chains, chain);
	return chain;
}

/* No name that can be written: nothing else jumps there. */
void declare_anonymous_chain(struct parser *parser, struct place place)
{
	struct table *table = parser->rule_table;
	const char *name = arena_printf(parser->arena, "(anonymous %u)", ++parser->anonymous_count);
	struct chain *outer = parser->chain;

	parser->chain = declare_chain(parser, table, name, place);
	parser->chain->anonymous = true;
	parser->chain->outer = outer;
}

struct chain *need_chain(struct parser *parser, struct table *table, const char *name, struct place place)
{
	if (!chain_lookup(table, name))
		report_error(parser->diagnostics, place, "there is no chain %s in table %s", name, table->name);
	return declare_chain(parser, table, name, place);
}

struct set_declaration *declare_set(struct parser *parser, struct table *table, const char *name, bool map,
				    struct place place)
{
	struct set_declaration *set = set_declaration_lookup(table, name);

	if (set) {
		if (set->map != map)
			report_error(parser->diagnostics, place, "%s is declared already, and not as a %s", name,
				     map ? "map" : "set");
		return set;
	}
	set = arena_alloc(parser->arena, sizeof(*set));
	set->table = table;
	set->name = name;
	set->map = map;
	set->place = place;
	list_append(table->sets, set);
	return set;
}

struct set_declaration *need_set(struct parser *parser, struct table *table, const char *name, struct place place)
{
	struct set_declaration *set = set_declaration_lookup(table, name);

	if (set)
		return set;
	report_error(parser->diagnostics, place, "there is no set %s in table %s", name, table->name);
	set = arena_alloc(parser->arena, sizeof(*set));
	set->table = table;
	set->name = name;
	set->place = place;
	return set;
}

void declare_elements(struct parser *parser, struct set_declaration *set, struct expression *elements)
{
	struct expression *item = elements, *next;

	if (!set->elements)
		set->elements = expression_create(parser->arena, EXPRESSION_SET, elements->place);
	if (elements->kind == EXPRESSION_SET || elements->kind == EXPRESSION_LIST)
		item = elements->items;
	for (; item; item = next) {
		next = item->next;
		item->next = NULL;
		expression_append(set->elements, item);
	}
}

struct object *declare_object(struct parser *parser, struct table *table, enum object_kind kind, const char *name,
			      struct place place)
{
	struct object *object = object_lookup(table, kind, name);

	if (object)
		return object;
	object = arena_alloc(parser->arena, sizeof(*object));
	object->kind = kind;
	object->name = name;
	object->place = place;
	list_append(table->objects, object);
	return object;
}

void declare_rule(struct chain *chain, struct rule *rule)
{
	if (chain->last_rule)
		chain->last_rule->next = rule;
	else
		chain->rules = rule;
	chain->last_rule = rule;
}

void table_add_flags(struct parser *parser, const struct expression *words)
{
	for (const struct expression *word = words->items; word; word = word->next) {
		if (strcmp(word->text, "dormant") == 0)
			parser->table->dormant = true;
		else
			report_error(parser->diagnostics, word->place, "not supported: table flag %s", word->text);
	}
}

/* -------------------------------------------------------------------- sets */

void set_add_flags(struct parser *parser, struct expression *words)
{
	static const struct symbol names[] = { { "interval", SET_INTERVAL },
					       { "timeout", SET_TIMEOUT },
					       { "dynamic", SET_DYNAMIC },
					       { "constant", SET_CONSTANT },
					       { NULL, 0 } };

	for (const struct expression *word = words->items; word; word = word->next) {
		uint32_t flag = 0;

		if (!symbol_find(names, word->text, &flag))
			report_error(parser->diagnostics, word->place, "unknown flag %s of a set", word->text);
		parser->set->flags |= flag;
	}
}

void set_timeout(struct set_declaration *set, uint64_t ms)
{
	set->has_timeout = true;
	set->timeout_ms = ms;
}

void set_gc_interval(struct set_declaration *set, uint64_t ms)
{
	set->has_gc = true;
	set->gc_interval_ms = ms;
}

void set_size(struct set_declaration *set, uint32_t size)
{
	set->has_size = true;
	set->size = size;
}

static struct element_options *options_of(struct parser *parser, struct element_options *options)
{
	return options ? options : arena_alloc(parser->arena, sizeof(*options));
}

struct element_options *element_timeout(struct parser *parser, struct element_options *options, uint64_t ms)
{
	options = options_of(parser, options);
	options->has_timeout = true;
	options->timeout_ms = ms;
	return options;
}

struct element_options *element_keep(struct parser *parser, struct element_options *options,
				     struct statement *statement, const char *comment)
{
	options = options_of(parser, options);
	if (statement)
		list_append(options->statements, statement);
	if (comment)
		options->comment = comment;
	return options;
}

/* ----------------------------------------------------------------- objects */

void object_counter(struct parser *parser, struct place place, struct counter_values values)
{
	if (parser->object->kind != OBJECT_COUNTER)
		report_error(parser->diagnostics, place, "only a counter has packets and bytes");
	parser->object->counter = values;
}

void object_limit(struct parser *parser, struct place place, const struct limit_values *values)
{
	if (parser->object->kind != OBJECT_LIMIT)
		report_error(parser->diagnostics, place, "only a limit has a rate");
	parser->object->limit = *values;
}

void object_quota(struct parser *parser, struct place place, const struct quota_values *values)
{
	if (parser->object->kind != OBJECT_QUOTA)
		report_error(parser->diagnostics, place, "only a quota has an amount of bytes");
	parser->object->quota = *values;
}
