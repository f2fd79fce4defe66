/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel's prerouting hook must hand over, derived from the rules.
 *
 * Theory of operation. Every rule reachable from a prerouting chain that does
 * something is reduced to the conditions a simple kernel rule can express:
 * interface, family, destination, protocol, port. Whatever cannot be expressed is
 * left out, so the result is always a superset; lists that grow too long are
 * left out as a whole.
 */
#include "rules/program.h"

#define OPTION_LIMIT 32
#define MATCH_LIMIT 512
#define VISIT_LIMIT 20000

struct port_option {
	bool has_protocol;
	uint8_t protocol;
	uint16_t first, last;
};

/* A conjunction of alternatives; a count of 0 is no condition. */
struct conditions {
	size_t name_count, destination_count, port_count;
	char names[OPTION_LIMIT][INTERFACE_NAME_SIZE];
	struct address_range destinations[OPTION_LIMIT];
	struct port_option ports[OPTION_LIMIT];
	bool has_family;
	enum family family;
};

struct deriver {
	struct ruleset *ruleset;
	struct prefilter *prefilter;
	struct prefilter_match *matches;
	size_t match_capacity, masquerade_capacity, external_capacity;
	char (*masquerade)[INTERFACE_NAME_SIZE];
	struct address_range *external;
	unsigned int visits;
	bool outgoing; /* looking at postrouting, not prerouting */
};

/* The elements of a condition's right side; false when they can change or are too many. */
static bool options_of(const struct expression *right, const struct expression *list[OPTION_LIMIT], size_t *count)
{
	const struct expression *item = right;

	*count = 0;
	if (right->kind == EXPRESSION_SET || right->kind == EXPRESSION_SETREF) {
		if (!right->set || right->set->dynamic || !right->set->elements)
			return false;
		item = right->set->elements->items;
	}
	for (; item; item = item->next) {
		const struct expression *key = item->kind == EXPRESSION_MAPPING ? item->left : item;

		if (*count == OPTION_LIMIT || key->kind != EXPRESSION_VALUE)
			return false;
		list[(*count)++] = key;
		if (item == right)
			break;
	}
	return *count > 0;
}

static struct address address_of(const struct expression *value, bool last)
{
	const uint8_t *bytes = last ? value->last.bytes : value->first.bytes;

	return value->type == &type_ipv4 ? address_from_ipv4(bytes) : address_from_ipv6(bytes);
}

static void name_of(const struct expression *value, char name[INTERFACE_NAME_SIZE])
{
	size_t length;

	memcpy(name, value->first.bytes, INTERFACE_NAME_SIZE);
	length = strnlen(name, INTERFACE_NAME_SIZE - 1);
	name[length] = '\0';
	if (value->form != FORM_WILDCARD)
		return;
	/* A full name has no room for the asterisk: a shorter prefix matches more. */
	if (length == INTERFACE_NAME_SIZE - 1)
		length--;
	name[length] = '*';
	name[length + 1 < INTERFACE_NAME_SIZE ? length + 1 : length] = '\0';
}

static void condition_ports(struct conditions *conditions, const struct field *field,
			    const struct expression *const *list, size_t count)
{
	bool port = field->load == LOAD_DESTINATION_PORT;

	/* A second condition on ports is left out, unless it says more than the first. */
	if (conditions->port_count && (conditions->ports[0].last || !port))
		return;
	conditions->port_count = count;
	for (size_t i = 0; i < count; i++) {
		struct port_option *option = &conditions->ports[i];

		*option = (struct port_option){ .has_protocol = true };
		if (field->load == LOAD_PROTOCOL || !port) {
			option->protocol = field->load == LOAD_PROTOCOL ? list[i]->first.bytes[0] : field->transport;
			continue;
		}
		option->protocol = field->transport;
		option->has_protocol = field->transport != 0;
		option->first = (uint16_t)value_to_number(&list[i]->first, 2);
		option->last = (uint16_t)value_to_number(&list[i]->last, 2);
	}
}

/* `ip protocol { tcp, udp } th dport 53`: the ports have no protocol of their own. */
static bool ports_need_protocol(const struct field *field)
{
	return field->load == LOAD_DESTINATION_PORT && field->transport == 0;
}

static void add_condition(struct deriver *deriver, struct conditions *conditions, const struct expression *left,
			  enum relation relation, const struct expression *right)
{
	const struct expression *list[OPTION_LIMIT];
	const struct field *field = left->kind == EXPRESSION_FIELD ? left->field : NULL;
	enum load interface = deriver->outgoing ? LOAD_OIF_NAME : LOAD_IIF_NAME;
	size_t count;

	if (!field)
		return;
	if (field->family && field->load < LOAD_CT_STATE) {
		conditions->has_family = true;
		conditions->family = field->family == 4 ? FAMILY_IPV4 : FAMILY_IPV6;
	}
	if (relation > OPERATOR_EQUAL || !options_of(right, list, &count)) {
		if (field->transport)
			condition_ports(conditions, &(struct field){ .transport = field->transport }, list, 1);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		/* A range of protocols is no single one. */
		if (field->load == LOAD_PROTOCOL && list[i]->form != FORM_SINGLE)
			return;
		if (field->load == LOAD_DESTINATION_PORT && value_to_number(&list[i]->last, 2) == 0)
			return;
	}
	if (field->load == interface && !conditions->name_count) {
		conditions->name_count = count;
		for (size_t i = 0; i < count; i++)
			name_of(list[i], conditions->names[i]);
	} else if (field->load == LOAD_DESTINATION && !conditions->destination_count) {
		conditions->destination_count = count;
		for (size_t i = 0; i < count; i++) {
			conditions->destinations[i].first = address_of(list[i], false);
			conditions->destinations[i].last = address_of(list[i], true);
		}
	} else if (field->load == LOAD_PROTOCOL || (field->transport && !ports_need_protocol(field))) {
		bool port = field->load == LOAD_DESTINATION_PORT;

		condition_ports(conditions, field, list, port || field->load == LOAD_PROTOCOL ? count : 1);
	}
}

static void emit_match(struct deriver *deriver, const struct conditions *conditions, size_t name, size_t destination,
		       size_t port)
{
	struct prefilter *prefilter = deriver->prefilter;
	struct prefilter_match match = { .has_family = conditions->has_family, .family = conditions->family };

	if (conditions->name_count) {
		match.has_interface = true;
		memcpy(match.interface, conditions->names[name], INTERFACE_NAME_SIZE);
	}
	if (conditions->destination_count) {
		match.has_destination = true;
		match.destination_first = conditions->destinations[destination].first;
		match.destination_last = conditions->destinations[destination].last;
	}
	if (conditions->port_count) {
		match.has_protocol = conditions->ports[port].has_protocol;
		match.protocol = conditions->ports[port].protocol;
		match.port_first = conditions->ports[port].first;
		match.port_last = conditions->ports[port].last;
	}
	deriver->matches = arena_grow(deriver->ruleset->arena, deriver->matches, prefilter->match_count,
				      &deriver->match_capacity, sizeof(*deriver->matches));
	deriver->matches[prefilter->match_count++] = match;
}

static void emit_conditions(struct deriver *deriver, const struct conditions *given)
{
	struct conditions reduced = *given;
	struct conditions *conditions = &reduced;
	size_t room = MATCH_LIMIT - deriver->prefilter->match_count;
	size_t names = conditions->name_count ? conditions->name_count : 1;
	size_t destinations = conditions->destination_count ? conditions->destination_count : 1;
	size_t ports = conditions->port_count ? conditions->port_count : 1;

	if (names * destinations * ports > room) {
		conditions->destination_count = 0;
		destinations = 1;
	}
	if (names * destinations * ports > room) {
		conditions->port_count = 0;
		ports = 1;
	}
	if (names * destinations * ports > room || !(conditions->name_count || conditions->destination_count ||
						     conditions->port_count || conditions->has_family)) {
		deriver->prefilter->everything = true;
		return;
	}
	for (size_t i = 0; i < names; i++) {
		for (size_t j = 0; j < destinations; j++) {
			for (size_t k = 0; k < ports; k++)
				emit_match(deriver, conditions, i, j, k);
		}
	}
}

static void emit_masquerade(struct deriver *deriver, const struct conditions *conditions)
{
	struct prefilter *prefilter = deriver->prefilter;
	size_t count = conditions->name_count ? conditions->name_count : 1;

	for (size_t i = 0; i < count; i++) {
		const char *name = conditions->name_count ? conditions->names[i] : "*";
		size_t at = 0;

		while (at < prefilter->masquerade_count && strcmp(deriver->masquerade[at], name) != 0)
			at++;
		if (at < prefilter->masquerade_count)
			continue;
		deriver->masquerade =
		    arena_grow(deriver->ruleset->arena, deriver->masquerade, prefilter->masquerade_count,
			       &deriver->masquerade_capacity, INTERFACE_NAME_SIZE);
		memcpy(deriver->masquerade[prefilter->masquerade_count++], name, strlen(name) + 1);
	}
}

static void emit_external(struct deriver *deriver, const struct expression *address)
{
	struct prefilter *prefilter = deriver->prefilter;

	if (address->kind == EXPRESSION_MAP) {
		const struct set_declaration *set = address->right->set;

		for (const struct expression *item = set && set->elements ? set->elements->items : NULL; item;
		     item = item->next)
			emit_external(deriver, item->right);
		return;
	}
	if (address->kind == EXPRESSION_CONCAT)
		address = address->items;
	if (address->kind != EXPRESSION_VALUE)
		return;
	deriver->external = arena_grow(deriver->ruleset->arena, deriver->external, prefilter->external_count,
				       &deriver->external_capacity, sizeof(*deriver->external));
	deriver->external[prefilter->external_count++] =
	    (struct address_range){ address_of(address, false), address_of(address, true) };
}

/*
 * The addresses that a destination translation could be asked for: a client beside the
 * server is answered by way of them (hairpinning), with no source rule.
 */
static void emit_forwarded(struct deriver *deriver, const struct conditions *conditions)
{
	struct prefilter *prefilter = deriver->prefilter;

	if (!conditions->destination_count) {
		emit_masquerade(deriver, conditions);
		return;
	}
	for (size_t i = 0; i < conditions->destination_count; i++) {
		deriver->external = arena_grow(deriver->ruleset->arena, deriver->external, prefilter->external_count,
					       &deriver->external_capacity, sizeof(*deriver->external));
		deriver->external[prefilter->external_count++] = conditions->destinations[i];
	}
}

static void walk_chain(struct deriver *deriver, const struct chain *chain, const struct conditions *outer);

static void walk_nat(struct deriver *deriver, const struct nat_values *nat, struct conditions *conditions)
{
	const struct expression *map = nat->address && nat->address->kind == EXPRESSION_MAP ? nat->address : NULL;

	if (!map && nat->port && nat->port->kind == EXPRESSION_MAP)
		map = nat->port;
	if (nat->family && !conditions->has_family) {
		conditions->has_family = true;
		conditions->family = nat->family;
	}
	if (deriver->outgoing) {
		if (nat->kind == NAT_MASQUERADE)
			emit_masquerade(deriver, conditions);
		else if (nat->address)
			emit_external(deriver, nat->address);
		else
			/* Ports alone: answers come to the inner addresses themselves, whichever those are. */
			deriver->prefilter->everything = true;
		return;
	}
	/* Only keys that the map has are translated. */
	if (map)
		add_condition(deriver, conditions, map->left, OPERATOR_IMPLICIT, map->right);
	emit_conditions(deriver, conditions);
	emit_forwarded(deriver, conditions);
	/* A followed server behind this forward announces other ports of the same address. */
	if (deriver->ruleset->helper) {
		conditions->port_count = 1;
		conditions->ports[0] = (struct port_option){ .has_protocol = true, .protocol = PROTOCOL_TCP };
		emit_conditions(deriver, conditions);
	}
}

static void walk_vmap(struct deriver *deriver, const struct statement *statement, const struct conditions *conditions)
{
	const struct set_declaration *set = statement->right->set;
	struct conditions inner = *conditions;
	bool drops = false;

	add_condition(deriver, &inner, statement->left, OPERATOR_IMPLICIT, statement->right);
	for (const struct expression *item = set && set->elements ? set->elements->items : NULL; item;
	     item = item->next) {
		if (item->right->verdict == VERDICT_KIND_DROP)
			drops = true;
		else if (item->right->chain)
			walk_chain(deriver, item->right->chain, &inner);
	}
	if (drops && !deriver->outgoing)
		emit_conditions(deriver, &inner);
}

static void walk_rule(struct deriver *deriver, const struct rule *rule, const struct conditions *outer)
{
	struct conditions conditions = *outer;
	bool emitted = false;

	for (const struct statement *statement = rule->statements; statement && !emitted; statement = statement->next) {
		switch (statement->kind) {
		case STATEMENT_MATCH:
			add_condition(deriver, &conditions, statement->left, statement->relation, statement->right);
			break;
		case STATEMENT_VMAP:
			walk_vmap(deriver, statement, &conditions);
			break;
		case STATEMENT_NAT:
			walk_nat(deriver, &statement->nat, &conditions);
			break;
		case STATEMENT_VERDICT:
			if (statement->left->chain)
				walk_chain(deriver, statement->left->chain, &conditions);
			else if (statement->left->verdict == VERDICT_KIND_DROP && !deriver->outgoing)
				emit_conditions(deriver, &conditions);
			break;
		default:
			/* Anything else has an effect of its own, if only to be counted. */
			if (!deriver->outgoing) {
				emit_conditions(deriver, &conditions);
				/* What follows is for the same packets or fewer. */
				emitted = true;
			}
			break;
		}
	}
}

static void walk_chain(struct deriver *deriver, const struct chain *chain, const struct conditions *outer)
{
	for (const struct rule *rule = chain->rules; rule; rule = rule->next) {
		if (deriver->visits++ > VISIT_LIMIT) {
			deriver->prefilter->everything = true;
			return;
		}
		walk_rule(deriver, rule, outer);
	}
}

static void walk_hook(struct deriver *deriver, enum hook hook)
{
	const struct ruleset *ruleset = deriver->ruleset;

	deriver->outgoing = hook == HOOK_POSTROUTING;
	deriver->visits = 0;
	for (size_t i = 0; i < ruleset->base_chain_counts[hook]; i++) {
		const struct base_chain *base = ruleset->base_chains[hook][i];
		struct conditions *none = arena_alloc(ruleset->arena, sizeof(*none));

		if (base->chain->table->family != TABLE_INET) {
			none->has_family = true;
			none->family = base->ipv4 ? FAMILY_IPV4 : FAMILY_IPV6;
		}
		if (base->policy_drop && hook == HOOK_PREROUTING)
			emit_conditions(deriver, none);
		walk_chain(deriver, base->chain, none);
	}
}

void ruleset_derive_prefilter(struct ruleset *ruleset)
{
	struct deriver deriver = { .ruleset = ruleset, .prefilter = &ruleset->prefilter };

	walk_hook(&deriver, HOOK_PREROUTING);
	walk_hook(&deriver, HOOK_POSTROUTING);
	ruleset->prefilter.matches = deriver.matches;
	ruleset->prefilter.masquerade = (const char(*)[INTERFACE_NAME_SIZE])deriver.masquerade;
	ruleset->prefilter.external = deriver.external;
}

const struct prefilter *ruleset_prefilter(const struct ruleset *ruleset)
{
	return &ruleset->prefilter;
}
