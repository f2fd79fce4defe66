/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The canonical text: rules. */
#include "rules/print.h"

/* ------------------------------------------------------------- expressions */

static void print_field(struct text *text, const struct expression *field)
{
	static const char *const bare[] = { "iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup" };

	if (strcmp(field->text, "@") == 0) {
		text_append(text, "@%s", field->name);
		return;
	}
	for (size_t i = 0; strcmp(field->text, "meta") == 0 && i < sizeof(bare) / sizeof(bare[0]); i++) {
		if (strcmp(field->name, bare[i]) == 0) {
			text_append(text, "%s", field->name);
			return;
		}
	}
	text_append(text, "%s %s", field->text, field->name);
}

static void print_fib(struct text *text, const struct expression *fib)
{
	static const char *const results[] = { "type", "oif", "oifname" };
	static const char *const flags[] = { "saddr", "daddr", "mark", "iif", "oif" };
	const char *separator = "fib ";

	for (unsigned int i = 0; i < 5; i++) {
		if (fib->flags & 1U << i) {
			text_append(text, "%s%s", separator, flags[i]);
			separator = " . ";
		}
	}
	text_append(text, " %s", results[fib->fib_result]);
}

static void print_generator(struct text *text, const struct expression *generator)
{
	if (generator->kind == EXPRESSION_NUMGEN) {
		text_append(text, "numgen %s mod %u", generator->random ? "random" : "inc", generator->modulus);
	} else if (generator->kind == EXPRESSION_HASH) {
		text_append(text, "jhash ");
		print_expression(text, generator->left);
		text_append(text, " mod %u", generator->modulus);
		if (generator->has_seed)
			text_append(text, " seed 0x%x", generator->seed);
	} else {
		text_append(text, "symhash mod %u", generator->modulus);
	}
	if (generator->offset)
		text_append(text, " offset %u", generator->offset);
}

/* The rules of an anonymous chain, in the place where it is jumped to. */
static void print_block(struct text *text, const struct chain *chain)
{
	unsigned int tabs = 2;

	for (const struct chain *outer = chain->outer; outer && outer->anonymous; outer = outer->outer)
		tabs++;
	text_append(text, " {");
	for (const struct rule *rule = chain->rules; rule; rule = rule->next) {
		text_append(text, text->one_line ? " " : "\n\t");
		for (unsigned int i = 0; i < tabs && !text->one_line; i++)
			text_append(text, "\t");
		print_rule(text, rule, chain->table->family);
		if (text->one_line)
			text_append(text, ";");
	}
	text_append(text, text->one_line ? " " : "\n");
	for (unsigned int i = 0; i < tabs && !text->one_line; i++)
		text_append(text, "\t");
	text_append(text, "}");
}

static void print_verdict(struct text *text, const struct expression *verdict)
{
	static const char *const names[] = { "accept", "drop", "continue", "return", "jump", "goto" };

	text_append(text, "%s", names[verdict->verdict]);
	if (verdict->chain && verdict->chain->anonymous) {
		print_block(text, verdict->chain);
		return;
	}
	if (verdict->verdict == VERDICT_KIND_JUMP || verdict->verdict == VERDICT_KIND_GOTO)
		text_append(text, " %s", verdict->text);
}

static void print_binary(struct text *text, const struct expression *binary)
{
	static const char *const signs[] = {
		[OPERATOR_AND] = "&",	      [OPERATOR_OR] = "|",	     [OPERATOR_XOR] = "^",
		[OPERATOR_SHIFT_LEFT] = "<<", [OPERATOR_SHIFT_RIGHT] = ">>",
	};
	bool nested = binary->left->kind == EXPRESSION_BINARY && binary->left->relation != binary->relation;

	if (nested)
		text_append(text, "(");
	print_expression(text, binary->left);
	text_append(text, nested ? ") %s " : " %s ", signs[binary->relation]);
	if (binary->right->type && binary->right->type->bitmask && binary->right->kind == EXPRESSION_VALUE) {
		/* Commas would end the value here. */
		struct text flags = { .arena = text->arena };

		print_expression(&flags, binary->right);
		text_append(text, "(");
		for (size_t i = 0; i < flags.length; i++)
			text_append(text, "%c", flags.bytes[i] == ',' ? '|' : flags.bytes[i]);
		text_append(text, ")");
		return;
	}
	print_expression(text, binary->right);
}

static void print_element_options(struct text *text, const struct element_options *options)
{
	if (!options)
		return;
	for (const struct statement *statement = options->statements; statement; statement = statement->next) {
		text_append(text, " ");
		print_statement(text, statement, TABLE_INET);
	}
	if (options->has_timeout) {
		text_append(text, " timeout ");
		print_duration(text, options->timeout_ms);
	}
	if (options->comment)
		text_append(text, " comment \"%s\"", options->comment);
}

static void print_element(struct text *text, const struct expression *element)
{
	const struct expression *key = element->kind == EXPRESSION_MAPPING ? element->left : element;

	if (key->kind == EXPRESSION_VALUE && key->type->bitmask) {
		/* Several bits of one element: | between them, as a comma ends the element. */
		struct text flags = { .arena = text->arena };

		print_expression(&flags, key);
		for (size_t i = 0; i < flags.length; i++)
			text_append(text, flags.bytes[i] == ',' ? " | " : "%c", flags.bytes[i]);
	} else {
		print_expression(text, key);
	}
	print_element_options(text, key->options);
	if (element->kind == EXPRESSION_MAPPING) {
		text_append(text, " : ");
		print_expression(text, element->right);
	}
}

void print_elements(struct text *text, const struct expression *set, const char *separator)
{
	text_append(text, "{ ");
	for (const struct expression *item = set->items; item; item = item->next) {
		print_element(text, item);
		if (item->next)
			text_append(text, "%s", separator);
	}
	text_append(text, " }");
}

void print_expression(struct text *text, const struct expression *expression)
{
	switch (expression->kind) {
	case EXPRESSION_VALUE:
		value_expression_print(text, expression);
		break;
	case EXPRESSION_CONCAT:
		for (const struct expression *item = expression->items; item; item = item->next) {
			print_expression(text, item);
			if (item->next)
				text_append(text, " . ");
		}
		break;
	case EXPRESSION_SET:
		print_elements(text, expression, ", ");
		break;
	case EXPRESSION_SETREF:
		text_append(text, "@%s", expression->text);
		break;
	case EXPRESSION_STAR:
		text_append(text, "*");
		break;
	case EXPRESSION_VERDICT:
		print_verdict(text, expression);
		break;
	case EXPRESSION_FIELD:
		print_field(text, expression);
		break;
	case EXPRESSION_FIB:
		print_fib(text, expression);
		break;
	case EXPRESSION_NUMGEN:
	case EXPRESSION_HASH:
	case EXPRESSION_SYMHASH:
		print_generator(text, expression);
		break;
	case EXPRESSION_BINARY:
		print_binary(text, expression);
		break;
	case EXPRESSION_MAP:
		print_expression(text, expression->left);
		text_append(text, " map ");
		print_expression(text, expression->right);
		break;
	case EXPRESSION_PREFIX:
		print_expression(text, expression->left);
		text_append(text, " / ");
		print_expression(text, expression->right);
		break;
	default:
		text_append(text, "%s", expression->text ? expression->text : "?");
		break;
	}
}

/* -------------------------------------------------------------- statements */

static void print_match(struct text *text, const struct statement *statement)
{
	static const char *const signs[] = {
		[OPERATOR_IMPLICIT] = "",	  [OPERATOR_EQUAL] = "== ",	 [OPERATOR_NOT_EQUAL] = "!= ",
		[OPERATOR_LESS] = "< ",		  [OPERATOR_LESS_EQUAL] = "<= ", [OPERATOR_GREATER] = "> ",
		[OPERATOR_GREATER_EQUAL] = ">= ", [OPERATOR_NONE_OF] = "! ",
	};
	const struct expression *right = statement->right;
	enum relation relation = statement->relation;
	bool bitmask = right->kind == EXPRESSION_VALUE && right->type->bitmask;

	/* Where it says nothing, nft leaves == out. */
	if (relation == OPERATOR_EQUAL && !bitmask && statement->left->kind != EXPRESSION_BINARY)
		relation = OPERATOR_IMPLICIT;
	if (relation == OPERATOR_IMPLICIT && !bitmask && statement->left->kind == EXPRESSION_BINARY &&
	    right->kind != EXPRESSION_SET && right->kind != EXPRESSION_SETREF)
		relation = OPERATOR_EQUAL;
	print_expression(text, statement->left);
	text_append(text, " %s", signs[relation]);
	print_expression(text, right);
}

static void print_bytes(struct text *text, uint64_t bytes, const char *after)
{
	if (bytes && bytes % (1024 * 1024) == 0)
		text_append(text, "%llu mbytes%s", (unsigned long long)(bytes / (1024 * 1024)), after);
	else if (bytes && bytes % 1024 == 0)
		text_append(text, "%llu kbytes%s", (unsigned long long)(bytes / 1024), after);
	else
		text_append(text, "%llu bytes%s", (unsigned long long)bytes, after);
}

void print_limit(struct text *text, const struct limit_values *limit)
{
	const char *unit = limit->seconds == 1	     ? "/second"
			   : limit->seconds == 60    ? "/minute"
			   : limit->seconds == 3600  ? "/hour"
			   : limit->seconds == 86400 ? "/day"
						     : "/week";

	text_append(text, "rate %s", limit->over ? "over " : "");
	if (limit->bytes)
		print_bytes(text, limit->rate, unit);
	else
		text_append(text, "%llu%s", (unsigned long long)limit->rate, unit);
	if (limit->bytes && limit->burst) {
		text_append(text, " burst ");
		print_bytes(text, limit->burst, "");
	} else if (!limit->bytes && limit->burst != 5) {
		text_append(text, " burst %llu packets", (unsigned long long)limit->burst);
	}
}

void print_quota(struct text *text, const struct quota_values *quota)
{
	text_append(text, "%s", quota->over ? "over " : "");
	print_bytes(text, quota->bytes, "");
	if (quota->used) {
		text_append(text, " used ");
		print_bytes(text, quota->used, "");
	}
}

static void print_stateful(struct text *text, const struct statement *statement)
{
	static const char *const words[] = {
		[STATEMENT_COUNTER] = "counter",
		[STATEMENT_LIMIT] = "limit",
		[STATEMENT_QUOTA] = "quota",
		[STATEMENT_CONNLIMIT] = "ct count",
	};

	text_append(text, "%s", words[statement->kind]);
	if (statement->object) {
		text_append(text, " name \"%s\"", statement->object);
	} else if (statement->kind == STATEMENT_COUNTER) {
		if (statement->counter.packets || statement->counter.bytes)
			text_append(text, " packets %llu bytes %llu", (unsigned long long)statement->counter.packets,
				    (unsigned long long)statement->counter.bytes);
	} else if (statement->kind == STATEMENT_LIMIT) {
		text_append(text, " ");
		print_limit(text, &statement->limit);
	} else if (statement->kind == STATEMENT_QUOTA) {
		text_append(text, " ");
		print_quota(text, &statement->quota);
	} else {
		text_append(text, " %s%u", statement->connlimit.over ? "over " : "", statement->connlimit.count);
	}
}

static void print_log(struct text *text, const struct log_values *log)
{
	text_append(text, "log");
	if (log->prefix)
		text_append(text, " prefix \"%s\"", log->prefix);
	if (log->has_group)
		text_append(text, " group %u", log->group);
	if (log->has_snaplen)
		text_append(text, " snaplen %u", log->snaplen);
	if (log->has_threshold)
		text_append(text, " queue-threshold %u", log->threshold);
	if (log->has_level)
		text_append(text, " level %s", symbol_name(log_levels, log->level));
	if (log->flags)
		text_append(text, " flags %s", log->flags);
}

static void print_reject(struct text *text, const struct statement *statement)
{
	static const struct {
		const char *name;
		const struct symbol *codes;
	} kinds[] = {
		[REJECT_KIND_ICMP] = { "icmp", icmp_codes },
		[REJECT_KIND_ICMPV6] = { "icmpv6", icmpv6_codes },
		[REJECT_KIND_ICMPX] = { "icmpx", icmpx_codes },
	};
	enum reject_kind kind = statement->reject.kind;
	const char *code;

	text_append(text, "reject");
	if (kind == REJECT_KIND_TCP_RESET)
		text_append(text, " with tcp reset");
	if (kind == REJECT_KIND_DEFAULT || kind == REJECT_KIND_TCP_RESET)
		return;
	code = symbol_name(kinds[kind].codes, statement->reject.code);
	if (code)
		text_append(text, " with %s type %s", kinds[kind].name, code);
	else
		text_append(text, " with %s type %u", kinds[kind].name, statement->reject.code);
}

static void print_update(struct text *text, const struct statement *statement)
{
	static const char *const kinds[] = { "add", "update", "delete" };

	if (statement->update.set->set->meter) {
		text_append(text, "meter %s ", statement->update.set->text);
		if (statement->update.set->set->has_size)
			text_append(text, "size %u ", statement->update.set->set->size);
		text_append(text, "{ ");
	} else {
		text_append(text, "%s @%s { ", kinds[statement->update.kind], statement->update.set->text);
	}
	print_expression(text, statement->update.key);
	if (statement->update.has_timeout) {
		text_append(text, " timeout ");
		print_duration(text, statement->update.timeout_ms);
	}
	for (const struct statement *keep = statement->update.statements; keep; keep = keep->next) {
		text_append(text, " ");
		print_stateful(text, keep);
	}
	if (statement->update.data) {
		text_append(text, " : ");
		print_expression(text, statement->update.data);
	}
	text_append(text, " }");
}

static void print_set_mark(struct text *text, const struct statement *statement)
{
	text_append(text, "%s mark set ", statement->kind == STATEMENT_SET_MARK ? "meta" : "ct");
	print_expression(text, statement->right);
}

void print_statement(struct text *text, const struct statement *statement, enum table_family family)
{
	switch (statement->kind) {
	case STATEMENT_MATCH:
		print_match(text, statement);
		break;
	case STATEMENT_VERDICT:
		print_verdict(text, statement->left);
		break;
	case STATEMENT_VMAP:
		print_expression(text, statement->left);
		text_append(text, " vmap ");
		print_expression(text, statement->right);
		break;
	case STATEMENT_COUNTER:
	case STATEMENT_LIMIT:
	case STATEMENT_QUOTA:
	case STATEMENT_CONNLIMIT:
		print_stateful(text, statement);
		break;
	case STATEMENT_LOG:
		print_log(text, &statement->log);
		break;
	case STATEMENT_REJECT:
		print_reject(text, statement);
		break;
	case STATEMENT_NAT:
		print_nat(text, &statement->nat, family);
		break;
	case STATEMENT_NOTRACK:
		text_append(text, "notrack");
		break;
	case STATEMENT_SET_MARK:
	case STATEMENT_SET_CT_MARK:
		print_set_mark(text, statement);
		break;
	case STATEMENT_MSS:
		text_append(text, "tcp option maxseg size set ");
		if (statement->mss.route)
			text_append(text, "rt mtu");
		else
			text_append(text, "%u", statement->mss.size);
		break;
	case STATEMENT_UPDATE:
		print_update(text, statement);
		break;
	case STATEMENT_HELPER:
		text_append(text, "ct helper set \"%s\"", statement->object);
		break;
	}
}

void print_rule(struct text *text, const struct rule *rule, enum table_family family)
{
	for (const struct statement *statement = rule->statements; statement; statement = statement->next) {
		print_statement(text, statement, family);
		if (statement->next)
			text_append(text, " ");
	}
	if (rule->comment)
		text_append(text, " comment \"%s\"", rule->comment);
}
