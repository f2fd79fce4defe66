/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that are right and yet can never match: worth a warning each. */
#include "rules/check.h"

/* A condition on one field by one constant or range of constants; marks may change on the way. */
static bool is_plain_condition(const struct statement *statement)
{
	return statement->kind == STATEMENT_MATCH && statement->relation <= OPERATOR_EQUAL &&
	       statement->left->kind == EXPRESSION_FIELD && statement->left->field &&
	       statement->left->field->type != &type_mark && statement->right->kind == EXPRESSION_VALUE &&
	       !statement->right->type->bitmask;
}

static bool is_same_field(const struct statement *one, const struct statement *other)
{
	return one->left->field == other->left->field && one->left->direction == other->left->direction &&
	       one->right->type == other->right->type;
}

static bool is_disjoint(const struct expression *one, const struct expression *other)
{
	size_t size = type_bytes(one->type);

	return memcmp(one->last.bytes, other->first.bytes, size) < 0 ||
	       memcmp(other->last.bytes, one->first.bytes, size) < 0;
}

/* `tcp dport 80 tcp dport 443`: both at once is impossible. */
void warn_contradiction(struct checker *checker, const struct rule *rule)
{
	for (const struct statement *one = rule->statements; one; one = one->next) {
		if (!is_plain_condition(one))
			continue;
		for (const struct statement *other = one->next; other; other = other->next) {
			if (!is_plain_condition(other) || !is_same_field(one, other) ||
			    !is_disjoint(one->right, other->right))
				continue;
			report_warning(checker->diagnostics, other->place,
				       "this rule can never match: %s %s has two values that exclude each other",
				       other->left->text, other->left->name);
			return;
		}
	}
}

/* Before routing no packet has a way out, and what the router itself sends came in nowhere. */
void warn_unknown_interface(struct checker *checker, const struct chain *base, const struct statement *statement)
{
	bool before = base->hook == HOOK_PREROUTING || base->hook == HOOK_INPUT;
	enum load load;

	if (statement->kind != STATEMENT_MATCH || statement->relation > OPERATOR_EQUAL ||
	    statement->left->kind != EXPRESSION_FIELD || !statement->left->field)
		return;
	load = statement->left->field->load;
	if ((load == LOAD_OIF_NAME && before) || (load == LOAD_IIF_NAME && base->hook == HOOK_OUTPUT))
		report_warning(checker->diagnostics, statement->place,
			       "this rule can never match: %s is not known on the hook of chain %s",
			       statement->left->name, base->name);
}
