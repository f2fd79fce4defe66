/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translations, and what only shows when all chains are known. */
#include <stdio.h>

#include "rules/check.h"
#include "rules/program.h"

/* --------------------------------------------------------------------- nat */

static enum family family_of_constant(const struct expression *expression)
{
	if (!expression)
		return 0;
	if (expression->kind == EXPRESSION_WORD && expression->text) {
		if (strchr(expression->text, ':'))
			return FAMILY_IPV6;
		if (expression->text[0] >= '0' && expression->text[0] <= '9')
			return FAMILY_IPV4;
	}
	if (expression->kind == EXPRESSION_MAPPING)
		return family_of_constant(expression->right);
	if (expression->items)
		return family_of_constant(expression->items);
	if (expression->kind == EXPRESSION_RANGE || expression->kind == EXPRESSION_PREFIX)
		return family_of_constant(expression->left);
	return 0;
}

/* In an inet table the family may show in the address, the map or the rule's conditions. */
static enum family infer_family(struct checker *checker, const struct expression *address)
{
	enum family family = 0;

	if (checker->table->family == TABLE_IP)
		return FAMILY_IPV4;
	if (checker->table->family == TABLE_IP6)
		return FAMILY_IPV6;
	if (address->kind == EXPRESSION_MAP && address->right->kind == EXPRESSION_SET) {
		family = family_of_constant(address->right);
	} else if (address->kind == EXPRESSION_MAP) {
		const struct set_declaration *set = set_declaration_lookup(checker->table, address->right->text);

		if (set && set->data.count)
			family = set->data.parts[0] == &type_ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
	} else {
		family = family_of_constant(address);
	}
	if (!family && checker->rule_family)
		family = checker->rule_family == 4 ? FAMILY_IPV4 : FAMILY_IPV6;
	return family;
}

/* Do the values of the map, or the constant, have a port behind a dot? */
static bool has_port_part(struct checker *checker, const struct expression *address)
{
	if (address->kind == EXPRESSION_CONCAT)
		return true;
	if (address->kind != EXPRESSION_MAP)
		return false;
	if (address->right->kind == EXPRESSION_SET) {
		const struct expression *first = address->right->items;

		while (first && first->kind == EXPRESSION_SET)
			first = first->items;
		return first && first->kind == EXPRESSION_MAPPING && first->right->kind == EXPRESSION_CONCAT;
	}
	{
		const struct set_declaration *set = set_declaration_lookup(checker->table, address->right->text);

		return set && set->data.count == 2;
	}
}

static bool check_nat_address(struct checker *checker, struct statement *statement)
{
	struct nat_values *nat = &statement->nat;
	struct key_type wanted = { 0 };

	if (!nat->family)
		nat->family = infer_family(checker, nat->address);
	if (!nat->family) {
		report_error(checker->diagnostics, statement->place,
			     "say whether this is for ip or ip6: %s ip to ..., %s ip6 to ...",
			     nat->kind == NAT_SNAT ? "snat" : "dnat", nat->kind == NAT_SNAT ? "snat" : "dnat");
		return false;
	}
	if ((nat->family == FAMILY_IPV4 && checker->table->family == TABLE_IP6) ||
	    (nat->family == FAMILY_IPV6 && checker->table->family == TABLE_IP)) {
		report_error(checker->diagnostics, statement->place, "this family is not in this table");
		return false;
	}
	if (checker->rule_family && checker->rule_family != (unsigned int)nat->family) {
		report_error(checker->diagnostics, statement->place, "conflicting protocols in one rule: ip and ip6");
		return false;
	}
	nat->address_and_port = nat->address_and_port || has_port_part(checker, nat->address);
	key_type_add(&wanted, nat->family == FAMILY_IPV4 ? &type_ipv4 : &type_ipv6);
	if (nat->address_and_port)
		key_type_add(&wanted, &type_service);
	if (nat->address_and_port && nat->port) {
		report_error(checker->diagnostics, nat->port->place, "the port is named twice");
		return false;
	}
	return check_argument(checker, &nat->address, &wanted);
}

bool check_nat(struct checker *checker, struct statement *statement)
{
	struct nat_values *nat = &statement->nat;
	struct key_type port = { 0 };

	key_type_add(&port, &type_service);
	if (nat->address && !check_nat_address(checker, statement))
		return false;
	if (nat->port && !check_argument(checker, &nat->port, &port))
		return false;
	if (nat->prefix && nat->address && nat->address->kind == EXPRESSION_VALUE &&
	    nat->address->form == FORM_SINGLE) {
		report_error(checker->diagnostics, nat->address->place, "expected a prefix");
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------ chains */

/* Rules that one packet may pass in a chain, with all it jumps to. */
#define COST_LIMIT 1000000

#define COLOUR_ACTIVE 1
#define COLOUR_DONE 2

/* Visit every chain that a rule can jump to. */
static void each_target(struct rule *rule, void (*visit)(void *context, struct expression *verdict), void *context)
{
	for (struct statement *statement = rule->statements; statement; statement = statement->next) {
		if (statement->kind == STATEMENT_VERDICT && statement->left->chain)
			visit(context, statement->left);
		if (statement->kind != STATEMENT_VMAP || !statement->right->set || !statement->right->set->elements)
			continue;
		for (struct expression *item = statement->right->set->elements->items; item; item = item->next) {
			if (item->kind == EXPRESSION_MAPPING && item->right->chain)
				visit(context, item->right);
		}
	}
}

struct walk {
	struct checker *checker;
	struct chain *chain;
	const struct chain *base;
	uint64_t most; /* rules that the costliest target of the current rule can lead through */
};

static void measure_chain(struct checker *checker, struct chain *chain);

static void measure_target(void *context, struct expression *verdict)
{
	struct walk *walk = context;
	struct chain *target = verdict->chain;

	if (target->colour == COLOUR_ACTIVE) {
		report_error(walk->checker->diagnostics, verdict->place, "jumps form a loop: %s leads back to %s",
			     walk->chain->name, target->name);
		return;
	}
	if (target->colour != COLOUR_DONE && walk->checker->jump_level < 4 * JUMP_DEPTH)
		measure_chain(walk->checker, target);
	if (target->cost > walk->most)
		walk->most = target->cost;
	if (target->depth + 1 > walk->chain->depth)
		walk->chain->depth = target->depth + 1;
	if (walk->chain->depth == JUMP_DEPTH)
		report_error(walk->checker->diagnostics, verdict->place, "jumps are nested more than %d deep",
			     JUMP_DEPTH - 1);
}

static void measure_chain(struct checker *checker, struct chain *chain)
{
	struct walk walk = { checker, chain, NULL, 0 };

	chain->colour = COLOUR_ACTIVE;
	checker->jump_level++;
	for (struct rule *rule = chain->rules; rule; rule = rule->next) {
		walk.most = 0;
		each_target(rule, measure_target, &walk);
		/* A rule takes one way at most, and comes back from it to the next rule. */
		chain->cost += 1 + walk.most;
		if (chain->cost <= COST_LIMIT)
			continue;
		/* Said where it first holds; those that jump here would only repeat it. */
		if (walk.most <= COST_LIMIT)
			report_error(checker->diagnostics, rule->place,
				     "a packet could pass more than %d rules from here on: too many jumps", COST_LIMIT);
		break;
	}
	checker->jump_level--;
	chain->colour = COLOUR_DONE;
}

/* Which statements a chain may have depends on the hook from which it is reached. */
static void check_statement_place(struct checker *checker, const struct chain *base, const struct statement *statement)
{
	static const struct {
		const char *name;
		unsigned int hooks;
	} kinds[] = {
		[NAT_SNAT] = { "snat", 1U << HOOK_POSTROUTING | 1U << HOOK_INPUT },
		[NAT_MASQUERADE] = { "masquerade", 1U << HOOK_POSTROUTING },
		[NAT_DNAT] = { "dnat", 1U << HOOK_PREROUTING | 1U << HOOK_OUTPUT },
		[NAT_REDIRECT] = { "redirect", 1U << HOOK_PREROUTING | 1U << HOOK_OUTPUT },
	};

	if (statement->kind == STATEMENT_NAT) {
		enum nat_kind kind = statement->nat.kind;

		if (base->type != CHAIN_NAT)
			report_error(checker->diagnostics, statement->place, "%s needs a chain of type nat; %s is %s",
				     kinds[kind].name, base->name, base->type == CHAIN_FILTER ? "filter" : "route");
		else if (!(kinds[kind].hooks & 1U << base->hook))
			report_error(checker->diagnostics, statement->place,
				     "%s cannot be used on the hook of chain %s", kinds[kind].name, base->name);
	}
	if (statement->kind == STATEMENT_NOTRACK &&
	    (base->priority >= TRACKING_PRIORITY || (base->hook != HOOK_PREROUTING && base->hook != HOOK_OUTPUT)))
		report_warning(checker->diagnostics, statement->place,
			       "notrack has no effect in chain %s: it must be on prerouting or output, at a priority "
			       "below %d",
			       base->name, TRACKING_PRIORITY);
	if (statement->kind == STATEMENT_REJECT && base->hook == HOOK_POSTROUTING)
		report_error(checker->diagnostics, statement->place, "reject cannot be used on the hook of chain %s",
			     base->name);
}

static void check_reachable(struct checker *checker, const struct chain *base, struct chain *chain);

static void check_reachable_target(void *context, struct expression *verdict)
{
	struct walk *walk = context;

	check_reachable(walk->checker, walk->base, verdict->chain);
}

static void check_reachable(struct checker *checker, const struct chain *base, struct chain *chain)
{
	struct walk walk = { checker, chain, base, 0 };

	if (chain->colour == COLOUR_ACTIVE)
		return;
	chain->colour = COLOUR_ACTIVE;
	for (struct rule *rule = chain->rules; rule; rule = rule->next) {
		for (const struct statement *statement = rule->statements; statement; statement = statement->next)
			check_statement_place(checker, base, statement);
		for (const struct statement *statement = chain == base ? rule->statements : NULL; statement;
		     statement = statement->next)
			warn_unknown_interface(checker, base, statement);
		each_target(rule, check_reachable_target, &walk);
	}
}

static bool is_unconditional(const struct rule *rule)
{
	for (const struct statement *statement = rule->statements; statement; statement = statement->next) {
		switch (statement->kind) {
		case STATEMENT_COUNTER:
		case STATEMENT_LOG:
		case STATEMENT_NOTRACK:
		case STATEMENT_HELPER:
			break;
		case STATEMENT_VERDICT:
			return statement->left->verdict == VERDICT_KIND_ACCEPT ||
			       statement->left->verdict == VERDICT_KIND_DROP ||
			       statement->left->verdict == VERDICT_KIND_RETURN ||
			       statement->left->verdict == VERDICT_KIND_GOTO;
		case STATEMENT_REJECT:
			return statement->reject.kind == REJECT_KIND_DEFAULT ||
			       statement->reject.kind == REJECT_KIND_ICMPX;
		case STATEMENT_NAT:
			return statement->nat.kind == NAT_MASQUERADE && !statement->nat.port;
		default:
			return false;
		}
	}
	return false;
}

static void warn_unreached(struct checker *checker, const struct chain *chain)
{
	for (const struct rule *rule = chain->rules; rule; rule = rule->next)
		warn_contradiction(checker, rule);
	for (const struct rule *rule = chain->rules; rule && rule->next; rule = rule->next) {
		if (!is_unconditional(rule))
			continue;
		report_warning(checker->diagnostics, rule->next->place,
			       "this rule can never match: line %u decides for every packet", rule->place.line);
		return;
	}
}

void check_chains(struct checker *checker)
{
	for (struct table *table = checker->document->tables; table; table = table->next) {
		for (struct chain *chain = table->chains; chain; chain = chain->next) {
			if (chain->colour == 0)
				measure_chain(checker, chain);
			warn_unreached(checker, chain);
		}
		if (checker->diagnostics->errors)
			continue;
		for (struct chain *base = table->chains; base; base = base->next) {
			for (struct chain *chain = table->chains; chain; chain = chain->next)
				chain->colour = 0;
			if (base->base)
				check_reachable(checker, base, base);
		}
	}
}
