/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The canonical text: tables, chains, sets and named objects. */
#include <stdlib.h>

#include "rules/print.h"

void print_duration(struct text *text, uint64_t ms)
{
	static const struct {
		uint64_t ms;
		const char *name;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };

	if (!ms)
		text_append(text, "0s");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ms / units[i].ms)
			text_append(text, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].name);
		ms %= units[i].ms;
	}
}

static void print_key_type(struct text *text, const struct key_type *key)
{
	for (unsigned int i = 0; i < key->count; i++)
		text_append(text, "%s%s", i ? " . " : "", key->parts[i]->name);
}

static void print_set_type(struct text *text, const struct set_declaration *set)
{
	text_append(text, "\t\t");
	if (set->key_words) {
		text_append(text, "type ");
		print_key_type(text, &set->key);
	} else {
		text_append(text, "typeof ");
		print_expression(text, set->key_typeof);
	}
	if (set->map) {
		text_append(text, set->data_interval && !set->verdict_map ? " : interval " : " : ");
		if (set->data_typeof && !set->verdict_map)
			print_expression(text, set->data_typeof);
		else
			print_key_type(text, &set->data);
	}
	text_append(text, "\n");
}

static void print_set_flags(struct text *text, unsigned int flags)
{
	static const char *const names[] = { "interval", "timeout", "dynamic", "constant" };
	const char *separator = "\t\tflags ";

	for (unsigned int i = 0; i < 4; i++) {
		if (flags & 1U << i) {
			text_append(text, "%s%s", separator, names[i]);
			separator = ",";
		}
	}
	if (flags)
		text_append(text, "\n");
}

static void print_set(struct text *text, const struct set_declaration *set)
{
	text_append(text, "\t%s %s {\n", set->map ? "map" : "set", set->name);
	if (set->comment)
		text_append(text, "\t\tcomment \"%s\"\n", set->comment);
	print_set_type(text, set);
	if (set->policy)
		text_append(text, "\t\tpolicy %s\n", set->policy);
	if (set->has_size)
		text_append(text, "\t\tsize %u\n", set->size);
	print_set_flags(text, set->flags);
	if (set->has_timeout) {
		text_append(text, "\t\ttimeout ");
		print_duration(text, set->timeout_ms);
		text_append(text, "\n");
	}
	if (set->has_gc) {
		text_append(text, "\t\tgc-interval ");
		print_duration(text, set->gc_interval_ms);
		text_append(text, "\n");
	}
	if (set->auto_merge)
		text_append(text, "\t\tauto-merge\n");
	for (const struct statement *statement = set->statements; statement; statement = statement->next) {
		if (statement->implied)
			continue;
		text_append(text, "\t\t");
		print_statement(text, statement, TABLE_INET);
		text_append(text, "\n");
	}
	if (set->elements && set->elements->items) {
		text_append(text, "\t\telements = ");
		print_elements(text, set->elements, ",\n\t\t\t     ");
		text_append(text, "\n");
	}
	text_append(text, "\t}\n");
}

static void print_object(struct text *text, const struct object *object)
{
	static const char *const names[] = { "counter", "quota", "limit", "ct helper" };

	text_append(text, "\t%s %s {\n", names[object->kind], object->name);
	if (object->comment)
		text_append(text, "\t\tcomment \"%s\"\n", object->comment);
	text_append(text, "\t\t");
	switch (object->kind) {
	case OBJECT_COUNTER:
		text_append(text, "packets %llu bytes %llu", (unsigned long long)object->counter.packets,
			    (unsigned long long)object->counter.bytes);
		break;
	case OBJECT_QUOTA:
		print_quota(text, &object->quota);
		break;
	case OBJECT_LIMIT:
		print_limit(text, &object->limit);
		break;
	case OBJECT_HELPER:
		text_append(text, "type \"%s\" protocol %s", object->helper, object->helper_protocol);
		if (object->helper_family)
			text_append(text, "\n\t\tl3proto %s", object->helper_family);
		break;
	}
	text_append(text, "\n\t}\n");
}

static void print_priority(struct text *text, const struct chain *chain)
{
	static const struct {
		const char *name;
		int32_t priority;
		int hook; /* -1: any */
	} names[] = { { "raw", -300, -1 }, { "mangle", -150, -1 }, { "dstnat", -100, HOOK_PREROUTING },
		      { "filter", 0, -1 }, { "security", 50, -1 }, { "srcnat", 100, HOOK_POSTROUTING } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int64_t difference = (int64_t)chain->priority - names[i].priority;

		if (llabs(difference) > 10 || (names[i].hook >= 0 && names[i].hook != (int)chain->hook))
			continue;
		text_append(text, "%s", names[i].name);
		if (difference)
			text_append(text, " %c %d", difference < 0 ? '-' : '+', (int)llabs(difference));
		return;
	}
	text_append(text, "%d", (int)chain->priority);
}

static void print_chain(struct text *text, const struct chain *chain)
{
	text_append(text, "\tchain %s {\n", chain->name);
	if (chain->comment)
		text_append(text, "\t\tcomment \"%s\"\n", chain->comment);
	if (chain->base) {
		text_append(text, "\t\ttype %s hook %s priority ", symbol_name(chain_types, chain->type),
			    symbol_name(hook_names, chain->hook));
		print_priority(text, chain);
		text_append(text, "; policy %s;\n", chain->policy_drop ? "drop" : "accept");
	}
	for (const struct rule *rule = chain->rules; rule; rule = rule->next) {
		text_append(text, "\t\t");
		print_rule(text, rule, chain->table->family);
		text_append(text, "\n");
	}
	text_append(text, "\t}\n");
}

/* The block that follows is set off by an empty line from what came before it. */
static void separate(struct text *text, bool *first)
{
	if (!*first)
		text_append(text, "\n");
	*first = false;
}

static void print_table(struct text *text, const struct table *table)
{
	static const char *const families[] = { "ip", "ip6", "inet" };
	bool first = true;

	text_append(text, "table %s %s {\n", families[table->family], table->name);
	if (table->comment)
		text_append(text, "\tcomment \"%s\"\n", table->comment);
	if (table->dormant)
		text_append(text, "\tflags dormant\n");
	first = !table->comment && !table->dormant;
	for (const struct object *object = table->objects; object; object = object->next) {
		separate(text, &first);
		print_object(text, object);
	}
	for (const struct set_declaration *set = table->sets; set; set = set->next) {
		if (set->meter)
			continue;
		separate(text, &first);
		print_set(text, set);
	}
	for (const struct chain *chain = table->chains; chain; chain = chain->next) {
		if (chain->anonymous)
			continue;
		separate(text, &first);
		print_chain(text, chain);
	}
	text_append(text, "}\n");
}

void print_document(struct text *text, const struct document *document, const struct settings *settings)
{
	bool first = true;

	if (document->has_gateway) {
		print_settings(text, settings);
		first = false;
	}
	for (const struct table *table = document->tables; table; table = table->next) {
		separate(text, &first);
		print_table(text, table);
	}
}
