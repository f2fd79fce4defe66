/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements and rules. */
#include <stdio.h>

#include "rules/check.h"
#include "rules/program.h"

void report_missing(struct checker *checker, struct place place, const char *kind, const char *name)
{
	if (!checker->incomplete)
		report_error(checker->diagnostics, place, "there is no %s %s in table %s", kind, name,
			     checker->table->name);
}

void check_verdict(struct checker *checker, struct expression *verdict)
{
	if (verdict->verdict != VERDICT_KIND_JUMP && verdict->verdict != VERDICT_KIND_GOTO)
		return;
	verdict->chain = chain_lookup(checker->table, verdict->text);
	if (!verdict->chain)
		report_missing(checker, verdict->place, "chain", verdict->text);
	else if (verdict->chain->base)
		report_error(checker->diagnostics, verdict->place, "%s is on a hook: it cannot be jumped to",
			     verdict->text);
	else
		verdict->chain->used = true;
}

/* `ip protocol tcp` says as much about the packet as `tcp dport` does. */
static void learn_transport(struct checker *checker, const struct statement *statement)
{
	const struct expression *left = statement->left, *right = statement->right;

	if (left->kind != EXPRESSION_FIELD || statement->relation > OPERATOR_EQUAL ||
	    left->field->load != LOAD_NFPROTO || right->kind != EXPRESSION_VALUE || right->form != FORM_SINGLE)
		return;
	if (!checker->rule_family)
		checker->rule_family = right->first.bytes[0] == 2 ? 4 : 6;
}

static bool is_boolean(const struct expression *right)
{
	return right->kind == EXPRESSION_WORD &&
	       (strcmp(right->text, "exists") == 0 || strcmp(right->text, "missing") == 0);
}

static void check_fib_match(struct checker *checker, struct statement *statement)
{
	struct expression *right = statement->right;

	/* Interface number 0 is no interface. */
	if (right->kind == EXPRESSION_NUMBER && right->number == 0) {
		right->kind = EXPRESSION_WORD;
		right->text = "missing";
	}
	if (is_boolean(right))
		check_constant(checker, right, &type_boolean);
	else
		check_constant(checker, right, statement->left->type);
}

/*
 * `tcp flags { syn }` is `tcp flags syn` to nft: a set of one element is that element, and a bitmask without
 * operator asks for any of the bits, where the lookup of a set would compare the whole.
 */
static void unwrap_single(struct statement *statement, const struct key_type *key)
{
	struct expression *only = statement->right->kind == EXPRESSION_SET ? statement->right->items : NULL;

	if (!only || only->next || only->options || key->count != 1 || !key->parts[0]->bitmask ||
	    only->kind == EXPRESSION_STAR || only->kind == EXPRESSION_MAPPING)
		return;
	statement->right = only;
}

/* `tcp flags ! syn,ack`: none of these bits. */
static void check_none_of(struct checker *checker, const struct statement *statement)
{
	const struct expression *right = statement->right;

	if (statement->left->kind == EXPRESSION_BINARY || right->kind != EXPRESSION_VALUE || !right->type->bitmask)
		report_error(checker->diagnostics, right->place, "! asks for flags that are not set; expected !=");
}

static void check_match(struct checker *checker, struct statement *statement)
{
	struct expression *right;
	struct key_type key = { 0 };
	bool ordered = statement->relation >= OPERATOR_LESS && statement->relation <= OPERATOR_GREATER_EQUAL;

	if (!check_left(checker, statement->left, &key))
		return;
	unwrap_single(statement, &key);
	right = statement->right;
	if (ordered && (key.count > 1 || right->kind == EXPRESSION_SET || right->kind == EXPRESSION_SETREF)) {
		report_error(checker->diagnostics, right->place, "a set has no order");
		return;
	}
	if (right->kind == EXPRESSION_SET) {
		check_set_literal(checker, right, &key, NULL);
	} else if (right->kind == EXPRESSION_SETREF) {
		check_set_reference(checker, right, &key, false);
	} else if (statement->left->kind == EXPRESSION_FIB && statement->left->fib_result != FIB_TYPE &&
		   right->kind != EXPRESSION_CONCAT) {
		check_fib_match(checker, statement);
	} else if (check_key(checker, right, &key)) {
		if (ordered && (right->kind != EXPRESSION_VALUE || right->form != FORM_SINGLE))
			report_error(checker->diagnostics, right->place, "expected one value to compare with");
		learn_transport(checker, statement);
	}
	if (statement->relation == OPERATOR_NONE_OF)
		check_none_of(checker, statement);
}

static void check_vmap(struct checker *checker, struct statement *statement)
{
	struct key_type key = { 0 }, verdict = { 0 };

	key_type_add(&verdict, &type_verdict);
	if (!check_left(checker, statement->left, &key))
		return;
	if (statement->right->kind == EXPRESSION_SET)
		check_set_literal(checker, statement->right, &key, &verdict);
	else if (check_set_reference(checker, statement->right, &key, true) && !statement->right->set->verdict_map)
		report_error(checker->diagnostics, statement->right->place, "map @%s holds no verdicts",
			     statement->right->text);
}

static void check_object(struct checker *checker, struct statement *statement, enum object_kind kind, const char *word)
{
	if (!statement->object)
		return;
	statement->object_declared = object_lookup(checker->table, kind, statement->object);
	if (!statement->object_declared)
		report_missing(checker, statement->place, word, statement->object);
}

static void check_set_mark(struct checker *checker, struct statement *statement, const char *base)
{
	struct key_type mark = { 0 };

	if (strcmp(statement->object, "mark") != 0) {
		report_error(checker->diagnostics, statement->place, "not supported: %s %s set", base,
			     statement->object);
		return;
	}
	key_type_add(&mark, &type_mark);
	check_argument(checker, &statement->right, &mark);
	if (statement->right->kind == EXPRESSION_VALUE && statement->right->form != FORM_SINGLE)
		report_error(checker->diagnostics, statement->right->place, "expected one value");
}

static void check_mss(struct checker *checker, struct statement *statement)
{
	struct expression *size = statement->right;

	if (size->kind == EXPRESSION_FIELD && strcmp(size->text, "rt") == 0 && strcmp(size->name, "mtu") == 0) {
		statement->mss.route = true;
		return;
	}
	if (!check_constant(checker, size, type_integer(16)))
		return;
	statement->mss.size = (uint16_t)value_to_number(&size->first, 2);
	if (size->form != FORM_SINGLE || !statement->mss.size)
		report_error(checker->diagnostics, size->place, "expected a segment size or rt mtu");
}

static void check_update(struct checker *checker, struct statement *statement)
{
	struct expression *reference = statement->update.set;
	struct set_declaration *set;
	struct key_type key = { 0 };

	if (!check_left(checker, statement->update.key, &key) ||
	    !check_set_reference(checker, reference, &key, statement->update.data != NULL))
		return;
	set = reference->set;
	set->dynamic = true;
	if (set->flags & SET_INTERVAL)
		report_error(checker->diagnostics, reference->place, "rules cannot add to a set with flags interval");
	if (set->flags & SET_CONSTANT)
		report_error(checker->diagnostics, reference->place, "@%s is constant", set->name);
	if (statement->update.has_timeout && !(set->flags & SET_TIMEOUT) && !set->has_timeout)
		report_error(checker->diagnostics, reference->place, "@%s needs flags timeout for this", set->name);
	if (statement->update.data && set->verdict_map)
		report_error(checker->diagnostics, reference->place, "not supported: adding verdicts to a map");
	else if (statement->update.data)
		check_argument(checker, &statement->update.data, &set->data);
	/* What a rule keeps at its elements, the set has to have room for. */
	for (const struct statement *keep = statement->update.statements; keep; keep = keep->next) {
		bool present = false;

		if (keep->object)
			report_error(checker->diagnostics, keep->place, "not supported: named objects in a set");
		for (const struct statement *has = set->statements; has; has = has->next)
			present = present || has->kind == keep->kind;
		if (!present) {
			struct statement *copy = arena_alloc(checker->arena, sizeof(*copy));

			*copy = *keep;
			copy->next = NULL;
			copy->implied = true;
			list_append(set->implied, copy);
		}
	}
}

static void check_reject(struct checker *checker, struct statement *statement)
{
	enum table_family family = checker->table->family;
	enum reject_kind kind = statement->reject.kind;

	if ((kind == REJECT_KIND_ICMP && family == TABLE_IP6) || (kind == REJECT_KIND_ICMPV6 && family == TABLE_IP))
		report_error(checker->diagnostics, statement->place, "this rejection cannot be sent in an %s table",
			     family == TABLE_IP ? "ip" : "ip6");
	if (kind == REJECT_KIND_ICMPX && statement->reject.code > 3)
		report_error(checker->diagnostics, statement->place, "an icmpx code is 0 to 3");
}

static void check_statement(struct checker *checker, struct statement *statement)
{
	switch (statement->kind) {
	case STATEMENT_MATCH:
		check_match(checker, statement);
		break;
	case STATEMENT_VERDICT:
		check_verdict(checker, statement->left);
		break;
	case STATEMENT_VMAP:
		check_vmap(checker, statement);
		break;
	case STATEMENT_COUNTER:
		check_object(checker, statement, OBJECT_COUNTER, "counter");
		break;
	case STATEMENT_LIMIT:
		check_object(checker, statement, OBJECT_LIMIT, "limit");
		break;
	case STATEMENT_QUOTA:
		check_object(checker, statement, OBJECT_QUOTA, "quota");
		break;
	case STATEMENT_HELPER:
		if (!statement->object)
			statement->object = "?";
		check_object(checker, statement, OBJECT_HELPER, "ct helper");
		break;
	case STATEMENT_NAT:
		check_nat(checker, statement);
		break;
	case STATEMENT_SET_MARK:
		check_set_mark(checker, statement, "meta");
		break;
	case STATEMENT_SET_CT_MARK:
		check_set_mark(checker, statement, "ct");
		break;
	case STATEMENT_MSS:
		check_mss(checker, statement);
		break;
	case STATEMENT_UPDATE:
		check_update(checker, statement);
		break;
	case STATEMENT_REJECT:
		check_reject(checker, statement);
		break;
	case STATEMENT_CONNLIMIT:
	case STATEMENT_LOG:
	case STATEMENT_NOTRACK:
		break;
	}
}

static bool is_terminal(const struct statement *statement)
{
	if (statement->kind == STATEMENT_VERDICT)
		return statement->left->verdict != VERDICT_KIND_CONTINUE &&
		       statement->left->verdict != VERDICT_KIND_JUMP;
	return statement->kind == STATEMENT_REJECT || statement->kind == STATEMENT_NAT;
}

void check_rule(struct checker *checker, struct chain *chain, struct rule *rule)
{
	const struct statement *terminal = NULL;

	(void)chain;
	checker->rule_family = checker->rule_transport = 0;
	for (struct statement *statement = rule->statements; statement; statement = statement->next) {
		if (terminal) {
			report_error(checker->diagnostics, statement->place,
				     "nothing can follow a statement that ends the rule");
			break;
		}
		if (is_terminal(statement))
			terminal = statement;
		check_statement(checker, statement);
	}
	if (rule->comment && strlen(rule->comment) > 127)
		report_error(checker->diagnostics, rule->place, "a comment has 127 bytes at most");
}

static bool helper_family_known(const char *family)
{
	return strcmp(family, "ip") == 0 || strcmp(family, "ip6") == 0 || strcmp(family, "inet") == 0;
}

/* FTP is the one application protocol that sluice follows. */
static void check_helper(struct checker *checker, const struct object *object)
{
	const char *family = object->helper_family;

	if (!object->helper)
		report_error(checker->diagnostics, object->place, "ct helper %s says no type", object->name);
	else if (strcmp(object->helper, "ftp") != 0 || strcmp(object->helper_protocol, "tcp") != 0)
		report_error(checker->diagnostics, object->place, "not supported: ct helper type %s protocol %s",
			     object->helper, object->helper_protocol);
	else if (family && !helper_family_known(family))
		report_error(checker->diagnostics, object->place, "not supported: l3proto %s", family);
}

static void check_table(struct checker *checker, struct table *table)
{
	checker->table = table;
	for (struct set_declaration *set = table->sets; set; set = set->next)
		check_set_types(checker, set);
	for (struct set_declaration *set = table->sets; set; set = set->next)
		check_elements(checker, set);
	for (const struct object *object = table->objects; object; object = object->next) {
		if (object->kind == OBJECT_LIMIT && !object->limit.rate)
			report_error(checker->diagnostics, object->place, "limit %s says no rate", object->name);
		if (object->kind == OBJECT_HELPER)
			check_helper(checker, object);
	}
	for (struct chain *chain = table->chains; chain; chain = chain->next) {
		if (chain->has_policy && !chain->base)
			report_error(checker->diagnostics, chain->place, "chain %s has a policy but no hook",
				     chain->name);
		if (chain->base && chain->type == CHAIN_NAT && chain->policy_drop)
			report_warning(checker->diagnostics, chain->place,
				       "a nat chain's policy drop drops whatever no rule translates or accepts");
		for (struct rule *rule = chain->rules; rule; rule = rule->next)
			check_rule(checker, chain, rule);
	}
}

void document_check(struct arena *arena, struct document *document, struct diagnostics *diagnostics)
{
	struct checker checker = {
		.arena = arena,
		.diagnostics = diagnostics,
		.document = document,
		.incomplete = diagnostics->errors > 0,
	};

	for (struct table *table = document->tables; table; table = table->next)
		check_table(&checker, table);
	if (!diagnostics->errors)
		check_chains(&checker);
}
