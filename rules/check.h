/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checker gives every name and value its meaning, in place. It runs over the
 * whole document and reports all it finds; the compiler only sees documents without
 * errors.
 */
#ifndef SLUICE_RULES_CHECK_H
#define SLUICE_RULES_CHECK_H

#include "rules/fields.h"
#include "rules/parse.h"

struct checker {
	struct arena *arena;
	struct diagnostics *diagnostics;
	struct document *document;
	struct table *table;
	/* What the conditions of the rule so far say about the packet. */
	unsigned int rule_family;    /* 4, 6 or 0 */
	unsigned int rule_transport; /* protocol number or 0 */
	const char *rule_transport_name;
	unsigned int jump_level;
	/* Statements were lost to syntax errors: what is not there may have been in them. */
	bool incomplete;
};

/** report_missing() - a name that nothing declares; not said of incomplete documents */
void report_missing(struct checker *checker, struct place place, const char *kind, const char *name);

/** check_constant() - turn a written value, range, prefix or list into EXPRESSION_VALUE */
bool check_constant(struct checker *checker, struct expression *expression, const struct datatype *type);

/** check_key() - the same for a possibly concatenated value of @key's types */
bool check_key(struct checker *checker, struct expression *expression, const struct key_type *key);

/** check_left() - resolve what a packet is asked for; fills @key with its types */
bool check_left(struct checker *checker, struct expression *expression, struct key_type *key);

/** check_argument() - a statement's argument of type @type: constant, field, map ... */
bool check_argument(struct checker *checker, struct expression **argument, const struct key_type *wanted);

/** check_set_literal() - an anonymous set or map; @data NULL: a set */
bool check_set_literal(struct checker *checker, struct expression *set, const struct key_type *key,
		       const struct key_type *data);

/** check_elements() - the elements of a set, in place, nested sets flattened */
void check_elements(struct checker *checker, struct set_declaration *set);

/** check_set_reference() - @name to its declaration */
bool check_set_reference(struct checker *checker, struct expression *reference, const struct key_type *key, bool map);

/** check_set_types() - the types of a named set from its declaration */
void check_set_types(struct checker *checker, struct set_declaration *set);

void check_verdict(struct checker *checker, struct expression *verdict);
void check_rule(struct checker *checker, struct chain *chain, struct rule *rule);
bool check_nat(struct checker *checker, struct statement *statement);

/** check_chains() - jumps without loops, statements that fit the hook, rules that can never match */
void check_chains(struct checker *checker);

void key_type_add(struct key_type *key, const struct datatype *type);

/** key_types_fit() - can values of one be compared with values of the other? */
bool key_types_fit(const struct key_type *one, const struct key_type *other);

/* check_useless.c: warnings about what can never match. */
void warn_contradiction(struct checker *checker, const struct rule *rule);
void warn_unknown_interface(struct checker *checker, const struct chain *base, const struct statement *statement);

#endif
