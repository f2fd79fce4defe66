/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields and other things a packet is asked for, and arguments of statements. */
#include <stdio.h>
#include <stdlib.h>

#include "rules/check.h"

/* nft has these; here nothing could answer them. */
static bool foreign_field(const char *protocol, const char *name)
{
	static const char *const names[] = {
		"meta skuid",
		"meta skgid",
		"meta priority",
		"meta rtclassid",
		"meta cgroup",
		"meta nftrace",
		"meta cpu",
		"meta random",
		"meta ipsec",
		"meta iifkind",
		"meta oifkind",
		"meta time",
		"meta day",
		"meta hour",
		"meta ibrname",
		"meta obrname",
		"meta sdif",
		"meta sdifname",
		"meta secpath",
		"meta secmark",
		"meta ibrpvid",
		"meta ibrvproto",
		"meta ibriport",
		"meta obriport",
		"ct zone",
		"ct label",
		"ct id",
		"ct helper",
		"ct expiration",
		"ct bytes",
		"ct packets",
		"ct avgpkt",
		"ct event",
		"ct secmark",
		"ct original bytes",
		"ct original packets",
		"ct original avgpkt",
		"ct original zone",
		"ether saddr",
		"ether daddr",
	};
	char both[64];

	if (strcmp(protocol, "vlan") == 0 || strcmp(protocol, "arp") == 0 || strcmp(protocol, "rt") == 0 ||
	    (strchr(protocol, ' ') && strncmp(protocol, "ct ", 3) != 0))
		return true;
	snprintf(both, sizeof(both), "%s %s", strncmp(protocol, "ct ", 3) == 0 ? "ct original" : protocol, name);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], both) == 0)
			return true;
	}
	return false;
}

static bool check_raw(struct checker *checker, struct expression *expression, struct key_type *key)
{
	unsigned long offset, bits;
	char *at = strchr(expression->name, ',');
	bool network = strncmp(expression->name, "nh", 2) == 0;
	struct field *field;

	if (!network && strncmp(expression->name, "th", 2) != 0) {
		report_error(checker->diagnostics, expression->place, "not supported: raw payload @%.2s",
			     expression->name);
		return false;
	}
	offset = strtoul(at + 1, &at, 10);
	bits = strtoul(strchr(at, ',') + 1, NULL, 10);
	if (offset > 65535 * 8UL || offset > UINT16_MAX || bits == 0 || bits > 128 || (bits > 32 && bits % 8)) {
		report_error(checker->diagnostics, expression->place,
			     "not supported: a raw payload of this offset or length");
		return false;
	}
	field = arena_alloc(checker->arena, sizeof(*field));
	*field = (struct field){ .protocol = "@",
				 .name = expression->name,
				 .type = type_integer((unsigned int)bits),
				 .load = network ? LOAD_NETWORK : LOAD_TRANSPORT,
				 .offset = (uint16_t)offset,
				 .bits = (uint16_t)bits };
	expression->field = field;
	expression->type = field->type;
	key_type_add(key, field->type);
	return true;
}

/* `tcp option NAME exists` */
static const struct field *option_field(struct checker *checker, const char *name)
{
	static const struct symbol kinds[] = { { "eol", 0 },	   { "nop", 1 },     { "noop", 1 },
					       { "maxseg", 2 },	   { "window", 3 },  { "sack-permitted", 4 },
					       { "sack-perm", 4 }, { "sack", 5 },    { "timestamp", 8 },
					       { "fastopen", 34 }, { "md5sig", 19 }, { "mptcp", 30 },
					       { NULL, 0 } };
	struct field *field;
	uint32_t kind;
	char *end;

	if (!symbol_find(kinds, name, &kind)) {
		kind = (uint32_t)strtoul(name, &end, 10);
		if (end == name || *end || kind > 255)
			return NULL;
	}
	field = arena_alloc(checker->arena, sizeof(*field));
	*field = (struct field){ .protocol = "tcp option",
				 .name = name,
				 .type = &type_boolean,
				 .load = LOAD_TCP_OPTION,
				 .transport = PROTOCOL_TCP,
				 .offset = (uint16_t)kind };
	return field;
}

static bool check_family(struct checker *checker, const struct expression *expression, unsigned int family)
{
	if (!family)
		return true;
	if ((checker->table->family == TABLE_IP && family == 6) ||
	    (checker->table->family == TABLE_IP6 && family == 4)) {
		report_error(checker->diagnostics, expression->place, "%s %s can never match in an %s table",
			     expression->text, expression->name, family == 6 ? "ip" : "ip6");
		return false;
	}
	if (checker->rule_family && checker->rule_family != family) {
		report_error(checker->diagnostics, expression->place, "conflicting protocols in one rule: ip and ip6");
		return false;
	}
	checker->rule_family = family;
	return true;
}

static bool check_field(struct checker *checker, struct expression *expression, struct key_type *key)
{
	const struct field *field;

	if (strcmp(expression->text, "@") == 0)
		return check_raw(checker, expression, key);
	field = field_lookup(expression->text, expression->name, checker->table->family);
	if (!field && strcmp(expression->text, "tcp option") == 0)
		field = option_field(checker, expression->name);
	if (!field) {
		bool foreign = foreign_field(expression->text, expression->name);

		report_error(checker->diagnostics, expression->place,
			     foreign ? "not supported: %s %s" : "there is no %s %s", expression->text,
			     expression->name);
		return false;
	}
	expression->field = field;
	expression->type = field->type;
	key_type_add(key, field->type);
	if (!check_family(checker, expression, field->family))
		return false;
	if (field->transport && checker->rule_transport && checker->rule_transport != field->transport) {
		report_error(checker->diagnostics, expression->place, "conflicting protocols in one rule: %s and %s",
			     checker->rule_transport_name, field->protocol);
		return false;
	}
	if (field->transport) {
		checker->rule_transport = field->transport;
		checker->rule_transport_name = field->protocol;
	}
	return true;
}

static bool check_fib(struct checker *checker, struct expression *expression, struct key_type *key)
{
	unsigned int ends = expression->flags & (FIB_SADDR | FIB_DADDR);

	if (!ends || ends == (FIB_SADDR | FIB_DADDR)) {
		report_error(checker->diagnostics, expression->place, "fib needs one of saddr and daddr");
		return false;
	}
	if ((expression->flags & FIB_IIF) && (expression->flags & FIB_OIF)) {
		report_error(checker->diagnostics, expression->place, "fib cannot have both iif and oif");
		return false;
	}
	if (expression->fib_result == FIB_TYPE)
		expression->type = &type_address_type;
	else
		expression->type = expression->fib_result == FIB_RESULT_OIF ? &type_index : &type_interface;
	key_type_add(key, expression->type);
	return true;
}

static bool check_generator(struct checker *checker, struct expression *expression, struct key_type *key)
{
	struct key_type hashed = { 0 };

	if (expression->modulus == 0 || expression->offset > UINT32_MAX - expression->modulus) {
		report_error(checker->diagnostics, expression->place,
			     "the modulus is 0 or, with the offset, too large");
		return false;
	}
	expression->type = type_integer(32);
	key_type_add(key, expression->type);
	return expression->kind != EXPRESSION_HASH || check_left(checker, expression->left, &hashed);
}

static bool check_binary_left(struct checker *checker, struct expression *expression, struct key_type *key)
{
	bool shift = expression->relation == OPERATOR_SHIFT_LEFT || expression->relation == OPERATOR_SHIFT_RIGHT;
	struct key_type left = { 0 };

	if (!check_left(checker, expression->left, &left))
		return false;
	if (left.count != 1) {
		report_error(checker->diagnostics, expression->place, "a concatenation cannot be calculated with");
		return false;
	}
	expression->type = left.parts[0];
	if (!check_constant(checker, expression->right, shift ? type_integer(8) : expression->type))
		return false;
	if (expression->right->kind != EXPRESSION_VALUE || expression->right->form != FORM_SINGLE ||
	    (shift && expression->type->bits > 64)) {
		report_error(checker->diagnostics, expression->right->place, "expected one constant value");
		return false;
	}
	key_type_add(key, expression->type);
	return true;
}

bool check_left(struct checker *checker, struct expression *expression, struct key_type *key)
{
	bool good = true;

	switch (expression->kind) {
	case EXPRESSION_FIELD:
		return check_field(checker, expression, key);
	case EXPRESSION_FIB:
		return check_fib(checker, expression, key);
	case EXPRESSION_NUMGEN:
	case EXPRESSION_HASH:
	case EXPRESSION_SYMHASH:
		return check_generator(checker, expression, key);
	case EXPRESSION_BINARY:
		return check_binary_left(checker, expression, key);
	case EXPRESSION_CONCAT:
		for (struct expression *item = expression->items; item && good; item = item->next)
			good = check_left(checker, item, key);
		if (good && key->count > KEY_PARTS) {
			report_error(checker->diagnostics, expression->place,
				     "not supported: more than %d parts joined", KEY_PARTS);
			good = false;
		}
		return good;
	default:
		report_error(checker->diagnostics, expression->place,
			     "expected something of the packet, not a constant");
		return false;
	}
}

/* Does any part of the expression depend on the packet? */
static bool is_dynamic(const struct expression *expression)
{
	if (!expression)
		return false;
	if (expression->kind >= EXPRESSION_FIELD && expression->kind <= EXPRESSION_SYMHASH)
		return true;
	for (const struct expression *item = expression->items; item; item = item->next) {
		if (is_dynamic(item))
			return true;
	}
	return expression->kind == EXPRESSION_MAP || is_dynamic(expression->left) || is_dynamic(expression->right);
}

static bool check_map(struct checker *checker, struct expression *map, const struct key_type *wanted)
{
	struct key_type key = { 0 };

	if (!check_left(checker, map->left, &key))
		return false;
	if (map->right->kind == EXPRESSION_SET)
		return check_set_literal(checker, map->right, &key, wanted);
	if (!check_set_reference(checker, map->right, &key, true))
		return false;
	if (!key_types_fit(&map->right->set->data, wanted)) {
		report_error(checker->diagnostics, map->right->place, "the values of map @%s do not fit here",
			     map->right->text);
		return false;
	}
	return true;
}

bool check_argument(struct checker *checker, struct expression **argument, const struct key_type *wanted)
{
	struct expression *expression = *argument;
	struct key_type key = { 0 };

	if (expression->kind == EXPRESSION_MAP)
		return check_map(checker, expression, wanted);
	if (!is_dynamic(expression))
		return check_key(checker, expression, wanted);
	/* `meta mark | 1` may be written either way round. */
	if (expression->kind == EXPRESSION_BINARY && !is_dynamic(expression->left) && is_dynamic(expression->right) &&
	    expression->relation >= OPERATOR_AND && expression->relation <= OPERATOR_XOR) {
		struct expression *left = expression->left;

		expression->left = expression->right;
		expression->right = left;
	}
	if (!check_left(checker, expression, &key))
		return false;
	if (key.count != wanted->count || (wanted->count == 1 && key.size > wanted->size)) {
		report_error(checker->diagnostics, expression->place, "this value does not fit here");
		return false;
	}
	return true;
}
