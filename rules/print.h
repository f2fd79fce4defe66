/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The canonical text of a configuration. It reads back to the same configuration,
 * and nft takes the tables as they are.
 */
#ifndef SLUICE_RULES_PRINT_H
#define SLUICE_RULES_PRINT_H

#include "rules/fields.h"

void print_document(struct text *text, const struct document *document, const struct settings *settings);
void print_settings(struct text *text, const struct settings *settings);

/** print_rule() - the statements of a rule on one line */
void print_rule(struct text *text, const struct rule *rule, enum table_family family);
void print_statement(struct text *text, const struct statement *statement, enum table_family family);

/** print_expression() - a checked expression */
void print_expression(struct text *text, const struct expression *expression);

/** print_elements() - a set in braces, @separator between its elements */
void print_elements(struct text *text, const struct expression *set, const char *separator);

void print_nat(struct text *text, const struct nat_values *nat, enum table_family family);
void print_duration(struct text *text, uint64_t ms);
void print_limit(struct text *text, const struct limit_values *limit);
void print_quota(struct text *text, const struct quota_values *quota);

#endif
