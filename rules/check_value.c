/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Constants: written values to typed ones. */
#include <ctype.h>
#include <stdio.h>

#include "rules/check.h"

static bool wrong(struct checker *checker, const struct expression *expression, const char *what)
{
	if (expression->text)
		report_error(checker->diagnostics, expression->place, "%s: \"%.80s\"", what, expression->text);
	else
		report_error(checker->diagnostics, expression->place, "%s", what);
	return false;
}

static bool check_leaf(struct checker *checker, struct expression *expression, const struct datatype *type)
{
	const char *message = expression->undefined ? NULL : value_parse(expression, type);

	if (expression->undefined)
		return false;
	/* nft asks the resolver for these, at the time it loads them. */
	if (message && expression->kind == EXPRESSION_WORD && (type == &type_ipv4 || type == &type_ipv6) &&
	    isalpha((unsigned char)expression->text[0]) && !strchr(expression->text, ':')) {
		report_error(checker->diagnostics, expression->place, "not supported: host name \"%.80s\"",
			     expression->text);
		return false;
	}
	return !message || wrong(checker, expression, message);
}

static void set_range_to_prefix(struct expression *expression, unsigned int bits, unsigned int length)
{
	for (unsigned int bit = length; bit < bits; bit++) {
		uint8_t mask = (uint8_t)(0x80U >> bit % 8);

		expression->first.bytes[bit / 8] &= (uint8_t)~mask;
		expression->last.bytes[bit / 8] |= mask;
	}
}

static bool check_prefix(struct checker *checker, struct expression *expression, const struct datatype *type)
{
	struct expression *address = expression->left, *length = expression->right;

	if (!check_constant(checker, address, type))
		return false;
	if (length->kind != EXPRESSION_NUMBER || length->number > type->bits)
		return wrong(checker, length, "this is no prefix length for the value before it");
	expression->first = expression->last = address->first;
	expression->prefix_length = (unsigned int)length->number;
	set_range_to_prefix(expression, type_bytes(type) * 8,
			    type_bytes(type) * 8 - type->bits + expression->prefix_length);
	/* The whole address is one address: nft prints it so. */
	expression->form = expression->prefix_length == type->bits ? FORM_SINGLE : FORM_PREFIX;
	expression->kind = EXPRESSION_VALUE;
	expression->type = type;
	return true;
}

static bool check_range(struct checker *checker, struct expression *expression, const struct datatype *type)
{
	struct expression *left = expression->left, *right = expression->right;

	if (!check_constant(checker, left, type) || !check_constant(checker, right, type))
		return false;
	if (left->form == FORM_WILDCARD || right->form == FORM_WILDCARD)
		return wrong(checker, expression, "a range cannot have a wildcard in it");
	if (memcmp(left->first.bytes, right->last.bytes, type_bytes(type)) > 0)
		return wrong(checker, expression, "the range is empty: its end lies before its start");
	expression->first = left->first;
	expression->last = right->last;
	expression->form = memcmp(&left->first, &right->last, sizeof(left->first)) == 0 ? FORM_SINGLE : FORM_RANGE;
	expression->kind = EXPRESSION_VALUE;
	expression->type = type;
	return true;
}

static bool fold(enum relation relation, uint64_t left, uint64_t right, uint64_t *result)
{
	if (relation == OPERATOR_AND)
		*result = left & right;
	else if (relation == OPERATOR_OR)
		*result = left | right;
	else if (relation == OPERATOR_XOR)
		*result = left ^ right;
	else if (right > 63)
		return false;
	else
		*result = relation == OPERATOR_SHIFT_LEFT ? left << right : left >> right;
	return true;
}

static bool check_binary(struct checker *checker, struct expression *expression, const struct datatype *type)
{
	bool shift = expression->relation == OPERATOR_SHIFT_LEFT || expression->relation == OPERATOR_SHIFT_RIGHT;
	uint64_t result = 0;

	if (!check_constant(checker, expression->left, type) ||
	    !check_constant(checker, expression->right, shift ? type_integer(8) : type))
		return false;
	if (type->bits > 64 || expression->left->form != FORM_SINGLE || expression->right->form != FORM_SINGLE ||
	    !fold(expression->relation, value_to_number(&expression->left->first, type_bytes(type)),
		  value_to_number(&expression->right->first, shift ? 1 : type_bytes(type)), &result))
		return wrong(checker, expression, "this cannot be calculated");
	if (type->bits < 64)
		result &= (UINT64_C(1) << type->bits) - 1;
	expression->first = expression->last = value_from_number(result, type_bytes(type));
	expression->form = FORM_SINGLE;
	expression->kind = EXPRESSION_VALUE;
	expression->type = type;
	return true;
}

/* Several names of a bitmask are one value. `syn / syn,ack` is a value and a mask. */
static bool check_list(struct checker *checker, struct expression *expression, const struct datatype *type)
{
	uint64_t bits = 0, mask = 0;
	bool masked = false;

	if (!type->bitmask)
		return wrong(checker, expression, "several values need braces here: { a, b }");
	for (struct expression *item = expression->items; item; item = item->next) {
		if (item->kind == EXPRESSION_PREFIX && !masked) {
			if (!check_constant(checker, item->left, type) || !check_constant(checker, item->right, type))
				return false;
			bits |= value_to_number(&item->left->first, type_bytes(type));
			mask |= value_to_number(&item->right->first, type_bytes(type));
			masked = true;
			continue;
		}
		if (!check_constant(checker, item, type))
			return false;
		if (item->kind != EXPRESSION_VALUE || item->form != FORM_SINGLE)
			return wrong(checker, item, "expected a name");
		*(masked ? &mask : &bits) |= value_to_number(&item->first, type_bytes(type));
	}
	expression->first = expression->last = value_from_number(bits, type_bytes(type));
	expression->form = FORM_SINGLE;
	expression->type = type;
	expression->kind = EXPRESSION_VALUE;
	if (!masked)
		return true;
	expression->left = expression_create(checker->arena, EXPRESSION_VALUE, expression->place);
	expression->left->first = expression->left->last = expression->first;
	expression->left->type = type;
	expression->right = expression_create(checker->arena, EXPRESSION_VALUE, expression->place);
	expression->right->first = expression->right->last = value_from_number(mask, type_bytes(type));
	expression->right->type = type;
	expression->kind = EXPRESSION_PREFIX;
	return true;
}

bool check_constant(struct checker *checker, struct expression *expression, const struct datatype *type)
{
	switch (expression->kind) {
	case EXPRESSION_VALUE:
		if (expression->type == type)
			return true;
		return wrong(checker, expression, "this value has another type");
	case EXPRESSION_WORD:
	case EXPRESSION_STRING:
	case EXPRESSION_NUMBER:
		return check_leaf(checker, expression, type);
	case EXPRESSION_PREFIX:
		if (type->bitmask) {
			struct expression *item = expression_clone(checker->arena, expression, expression->place);

			expression->kind = EXPRESSION_LIST;
			expression->items = expression->last_item = NULL;
			expression_append(expression, item);
			return check_list(checker, expression, type);
		}
		return check_prefix(checker, expression, type);
	case EXPRESSION_RANGE:
		return check_range(checker, expression, type);
	case EXPRESSION_BINARY:
		return check_binary(checker, expression, type);
	case EXPRESSION_LIST:
		return check_list(checker, expression, type);
	case EXPRESSION_CONCAT:
		return wrong(checker, expression, "a concatenation where one value belongs");
	case EXPRESSION_SET:
		return wrong(checker, expression, "a set where one value belongs");
	default:
		return wrong(checker, expression, "expected a constant value");
	}
}

bool check_key(struct checker *checker, struct expression *expression, const struct key_type *key)
{
	struct expression *item;
	unsigned int part = 0;

	if (key->count == 1)
		return check_constant(checker, expression, key->parts[0]);
	if (expression->kind != EXPRESSION_CONCAT || expression->item_count != key->count) {
		report_error(checker->diagnostics, expression->place, "expected %u values joined by dots", key->count);
		return false;
	}
	for (item = expression->items; item; item = item->next) {
		if (!check_constant(checker, item, key->parts[part++]))
			return false;
		if (item->kind != EXPRESSION_VALUE)
			return wrong(checker, item, "a mask cannot be part of a concatenation");
	}
	return true;
}

void key_type_add(struct key_type *key, const struct datatype *type)
{
	if (key->count < KEY_PARTS) {
		key->parts[key->count] = type;
		key->size += type_bytes(type);
	}
	key->count++;
}

bool key_types_fit(const struct key_type *one, const struct key_type *other)
{
	if (one->count != other->count)
		return false;
	for (unsigned int i = 0; i < one->count; i++) {
		const struct datatype *a = one->parts[i], *b = other->parts[i];

		if (type_bytes(a) != type_bytes(b))
			return false;
		if ((a->syntax == SYNTAX_INTERFACE) != (b->syntax == SYNTAX_INTERFACE) ||
		    (a->syntax == SYNTAX_IPV6) != (b->syntax == SYNTAX_IPV6))
			return false;
	}
	return true;
}
