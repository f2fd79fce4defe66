/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the grammar's actions do: definitions, declarations, and their checks of words. */
#include <stdio.h>

#include "rules/names.h"
#include "rules/parse_tokens.h"

/* Expressions that uses of variables may copy, all together. */
#define CLONE_LIMIT 4000000

/* ------------------------------------------------------------- definitions */

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

/* ------------------------------------------------------------ declarations */

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

void delete_table(struct parser *parser, struct table *table)
{
	struct table **at = &parser->document->tables;

	while (*at && *at != table)
		at = &(*at)->next;
	if (*at)
		*at = table->next;
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

void declare_rule(struct parser *parser, struct chain *chain, struct rule *rule, bool in_front)
{
	(void)parser;
	if (in_front || !chain->rules) {
		rule->next = chain->rules;
		chain->rules = rule;
		if (!chain->last_rule)
			chain->last_rule = rule;
		return;
	}
	chain->last_rule->next = rule;
	chain->last_rule = rule;
}

/* ------------------------------------------------------------- base chains */

static bool priority_by_name(const char *name, int64_t *priority)
{
	static const struct {
		const char *name;
		int32_t priority;
	} names[] = { { "raw", -300 }, { "mangle", -150 }, { "dstnat", -100 },
		      { "filter", 0 }, { "security", 50 }, { "srcnat", 100 } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name) == 0) {
			*priority = names[i].priority;
			return true;
		}
	}
	return false;
}

static bool priority_value(struct parser *parser, const struct expression *base, int64_t *priority)
{
	*priority = 0;
	if (!base)
		return true;
	if (base->kind == EXPRESSION_NUMBER) {
		*priority = base->number > INT32_MAX ? INT32_MAX : (int64_t)base->number;
		if (base->flags)
			*priority = -*priority;
		return true;
	}
	if (base->text && priority_by_name(base->text, priority))
		return true;
	report_error(parser->diagnostics, base->place, "\"%s\" is no priority", base->text ? base->text : "this");
	return false;
}

bool parse_priority(struct parser *parser, struct expression *left, int sign, uint64_t right,
		    struct expression **result, struct place place)
{
	int64_t priority;

	*result = expression_create(parser->arena, EXPRESSION_NUMBER, place);
	if (!priority_value(parser, left, &priority))
		return false;
	priority += sign * (int64_t)(right > INT32_MAX ? INT32_MAX : right);
	(*result)->flags = priority < 0;
	(*result)->number = (uint64_t)(priority < 0 ? -priority : priority);
	return true;
}

void chain_set_hook(struct parser *parser, struct place place, const char *type, const char *hook,
		    struct expression *priority)
{
	struct chain *chain = parser->chain;
	uint32_t type_number = 0, hook_number = 0;
	int64_t number;

	if (!symbol_find(chain_types, type, &type_number))
		report_error(parser->diagnostics, place, "unknown chain type %s", type);
	if (!symbol_find(hook_names, hook, &hook_number))
		report_error(parser->diagnostics, place,
			     strcmp(hook, "ingress") == 0 || strcmp(hook, "egress") == 0 ? "not supported: hook %s"
											 : "unknown hook %s",
			     hook);
	if (!priority_value(parser, priority, &number))
		number = 0;
	if (number < INT32_MIN || number > INT32_MAX)
		report_error(parser->diagnostics, priority->place, "the priority does not fit 32 bits");
	chain->base = true;
	chain->type = (enum chain_type)type_number;
	chain->hook = (enum hook)hook_number;
	chain->priority = (int32_t)number;
	if (chain->type == CHAIN_NAT && chain->hook == HOOK_FORWARD)
		report_error(parser->diagnostics, place, "a nat chain cannot be on the forward hook");
	if (chain->type == CHAIN_ROUTE && chain->hook != HOOK_OUTPUT)
		report_error(parser->diagnostics, place, "a route chain can only be on the output hook");
	if (chain->type == CHAIN_NAT && number <= -200)
		report_error(parser->diagnostics, priority->place, "a nat chain's priority must be above -200");
}

void chain_set_policy(struct parser *parser, struct place place, const char *policy)
{
	parser->chain->policy_drop = strcmp(policy, "drop") == 0;
	if (!parser->chain->policy_drop && strcmp(policy, "accept") != 0)
		report_error(parser->diagnostics, place, "a policy is accept or drop, not %s", policy);
	parser->chain->has_policy = true;
}

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

/* ----------------------------------------------------------- dynamic sets */

struct statement *update_finish(struct parser *parser, enum update_kind kind, struct place place, const char *set,
				struct place set_place)
{
	struct statement *statement = parser->update;

	statement->place = place;
	statement->update.kind = kind;
	statement->update.set = expression_create(parser->arena, EXPRESSION_SETREF, set_place);
	statement->update.set->text = set;
	return statement;
}

/* A meter is nft's older spelling of a dynamic set that one rule fills. */
struct statement *update_meter(struct parser *parser, struct place place, const char *name)
{
	struct statement *statement = update_finish(parser, UPDATE_ADD, place, name, place);
	struct table *table = parser->rule_table;
	struct set_declaration *set;

	if (statement->update.has_timeout)
		statement->update.kind = UPDATE_UPDATE;
	set = set_declaration_lookup(table, name);
	if (set) {
		report_error(parser->diagnostics, place, "%s is declared already", name);
		return statement;
	}
	set = declare_set(parser, table, name, false, place);
	set->meter = true;
	set->dynamic = true;
	set->flags = SET_DYNAMIC | (statement->update.has_timeout ? SET_TIMEOUT : 0);
	set->has_size = parser->meter_size != 0;
	set->size = parser->meter_size;
	set->key_typeof = expression_clone(parser->arena, statement->update.key, place);
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

void object_quota(struct parser *parser, struct place place, bool over, uint64_t amount, const char *unit)
{
	if (parser->object->kind != OBJECT_QUOTA)
		report_error(parser->diagnostics, place, "only a quota has an amount of bytes");
	parser->object->quota.over = over;
	parser->object->quota.bytes = amount * byte_unit(parser, place, unit);
}
