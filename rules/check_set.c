/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets and maps: their types and their elements. */
#include <stdio.h>

#include "rules/check.h"
#include "rules/set.h"

/* Types that nft has, of things that sluice cannot see or does not do. */
static bool foreign_type(const char *name)
{
	static const char *const names[] = {
		"ether_addr", "counter",  "quota",    "limit",	"uid",	   "gid",      "time",	   "day",
		"hour",	      "ct_label", "ct_event", "string", "integer", "classid",  "realm",	   "cgroupsv2",
		"icmpx_code", "ll_addr",  "arp_op",   "ct_id",	"secmark", "synproxy", "ipsecdir", "bitmask",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static void types_of_words(struct checker *checker, const struct expression *words, struct key_type *key)
{
	for (const struct expression *word = words->items; word; word = word->next) {
		const struct datatype *type = type_by_name(word->text);

		if (type)
			key_type_add(key, type);
		else
			report_error(checker->diagnostics, word->place,
				     foreign_type(word->text) ? "not supported: sets of type %s"
							      : "there is no type %s",
				     word->text);
	}
	if (key->count > KEY_PARTS) {
		report_error(checker->diagnostics, words->place, "not supported: more than %d parts joined", KEY_PARTS);
		key->count = 0;
	}
}

static void check_verdict_map(struct checker *checker, struct set_declaration *set)
{
	for (unsigned int i = 0; i < set->key.count; i++) {
		if (set->key.parts[i] == &type_verdict) {
			report_error(checker->diagnostics, set->place, "a verdict cannot be a key");
			set->key.count = 0;
		}
	}
	set->verdict_map = set->data.count == 1 && set->data.parts[0] == &type_verdict;
	for (unsigned int i = 0; i < set->data.count && set->data.count > 1; i++) {
		if (set->data.parts[i] == &type_verdict) {
			report_error(checker->diagnostics, set->place, "a verdict cannot be joined with another value");
			set->data.count = 0;
		}
	}
	if (set->map && !set->data.count && !set->data_words && !set->data_typeof && !checker->incomplete)
		report_error(checker->diagnostics, set->place, "map %s says no type of its values", set->name);
	if (!set->map && set->data.count)
		report_error(checker->diagnostics, set->place, "%s has values: declare it as a map", set->name);
}

void check_set_types(struct checker *checker, struct set_declaration *set)
{
	checker->rule_family = checker->rule_transport = 0;
	if (set->key_words)
		types_of_words(checker, set->key_words, &set->key);
	else if (set->key_typeof && !check_left(checker, set->key_typeof, &set->key))
		set->key.count = 0;
	if (!set->key_words && !set->key_typeof && !checker->incomplete)
		report_error(checker->diagnostics, set->place, "%s %s says no type", set->map ? "map" : "set",
			     set->name);
	checker->rule_family = checker->rule_transport = 0;
	if (set->data_words) {
		types_of_words(checker, set->data_words, &set->data);
		set->data_interval = set->data_words->flags;
	} else if (set->data_typeof) {
		if (set->data_typeof->kind == EXPRESSION_WORD && strcmp(set->data_typeof->text, "verdict") == 0)
			key_type_add(&set->data, &type_verdict);
		else if (!check_left(checker, set->data_typeof, &set->data))
			set->data.count = 0;
	}
	check_verdict_map(checker, set);
	if (set->has_size && (set->size == 0 || set->size > SET_SIZE_LIMIT)) {
		report_error(checker->diagnostics, set->place, "the size of %s must be between 1 and %u", set->name,
			     SET_SIZE_LIMIT);
		set->size = 1;
	}
	for (const struct statement *statement = set->statements; statement; statement = statement->next) {
		if (statement->object)
			report_error(checker->diagnostics, statement->place, "not supported: named objects in a set");
	}
}

/* -------------------------------------------------------------- elements */

static bool check_data(struct checker *checker, const struct set_declaration *set, struct expression *data)
{
	if (set->verdict_map != (data->kind == EXPRESSION_VERDICT)) {
		report_error(checker->diagnostics, data->place,
			     set->verdict_map ? "expected a verdict" : "a verdict where a value belongs");
		return false;
	}
	if (set->verdict_map) {
		check_verdict(checker, data);
		return true;
	}
	return check_key(checker, data, &set->data);
}

static bool check_element(struct checker *checker, const struct set_declaration *set, struct expression *element)
{
	struct expression *key = element->kind == EXPRESSION_MAPPING ? element->left : element;

	if ((element->kind == EXPRESSION_MAPPING) != set->map) {
		report_error(checker->diagnostics, element->place,
			     set->map ? "an element of a map needs a value behind a colon"
				      : "an element of a set has no value");
		return false;
	}
	if (set->map && !check_data(checker, set, element->right))
		return false;
	if (key->options && key->options->has_timeout && !set->anonymous && !(set->flags & SET_TIMEOUT) &&
	    !set->has_timeout) {
		report_error(checker->diagnostics, key->place, "%s needs flags timeout for this", set->name);
		return false;
	}
	if (key->kind == EXPRESSION_STAR)
		return true;
	if (!check_key(checker, key, &set->key))
		return false;
	if (key->kind == EXPRESSION_PREFIX) {
		report_error(checker->diagnostics, key->place, "a mask cannot be an element");
		return false;
	}
	return true;
}

/* A variable may hold a set of its own; its elements are meant. */
static void flatten(struct expression *from, struct expression *into)
{
	struct expression *next;

	for (struct expression *item = from->items; item; item = next) {
		next = item->next;
		item->next = NULL;
		if (item->kind == EXPRESSION_SET || item->kind == EXPRESSION_LIST)
			flatten(item, into);
		else
			expression_append(into, item);
	}
}

static bool has_range(const struct expression *key)
{
	if (key->kind == EXPRESSION_VALUE)
		return key->form != FORM_SINGLE;
	for (const struct expression *item = key->items; item; item = item->next) {
		if (item->form != FORM_SINGLE)
			return true;
	}
	return false;
}

void check_elements(struct checker *checker, struct set_declaration *set)
{
	struct expression all = { 0 };
	struct expression *next;

	if (!set->elements || set->key.count == 0 || (set->map && set->data.count == 0))
		return;
	flatten(set->elements, &all);
	set->elements->items = set->elements->last_item = NULL;
	set->elements->item_count = 0;
	for (struct expression *item = all.items; item; item = next) {
		struct expression *key = item->kind == EXPRESSION_MAPPING ? item->left : item;

		next = item->next;
		item->next = NULL;
		/* `$list : accept` gives every element of the list that value. */
		if (item->kind == EXPRESSION_MAPPING && (key->kind == EXPRESSION_SET || key->kind == EXPRESSION_LIST)) {
			report_error(checker->diagnostics, key->place, "a set where one value belongs");
			continue;
		}
		if (!check_element(checker, set, item))
			continue;
		if (has_range(key) && !set->anonymous && !(set->flags & SET_INTERVAL))
			report_error(checker->diagnostics, key->place, "%s needs flags interval for this", set->name);
		if (set->map && !set->verdict_map && has_range(item->right))
			set->data_interval = true;
		expression_append(set->elements, item);
	}
}

bool check_set_literal(struct checker *checker, struct expression *literal, const struct key_type *key,
		       const struct key_type *data)
{
	struct set_declaration *set = arena_alloc(checker->arena, sizeof(*set));
	size_t errors = checker->diagnostics->errors;

	set->anonymous = true;
	set->table = checker->table;
	set->place = literal->place;
	set->name = "";
	set->key = *key;
	set->map = data != NULL;
	if (data)
		set->data = *data;
	set->verdict_map = data && data->count == 1 && data->parts[0] == &type_verdict;
	set->elements = literal;
	literal->set = set;
	if (!literal->items) {
		report_error(checker->diagnostics, literal->place, "the set is empty");
		return false;
	}
	check_elements(checker, set);
	return checker->diagnostics->errors == errors;
}

bool check_set_reference(struct checker *checker, struct expression *reference, const struct key_type *key, bool map)
{
	if (reference->kind != EXPRESSION_SETREF) {
		report_error(checker->diagnostics, reference->place, "expected a set");
		return false;
	}
	reference->set = set_declaration_lookup(checker->table, reference->text);
	if (!reference->set) {
		report_missing(checker, reference->place, map ? "map" : "set", reference->text);
		return false;
	}
	if (reference->set->map != map) {
		report_error(checker->diagnostics, reference->place, "@%s is a %s", reference->text,
			     map ? "set, not a map" : "map, not a set");
		return false;
	}
	if (reference->set->key.count && !key_types_fit(&reference->set->key, key)) {
		report_error(checker->diagnostics, reference->place, "@%s holds values of another type",
			     reference->text);
		return false;
	}
	return reference->set->key.count != 0;
}
