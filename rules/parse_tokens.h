/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only the grammar's actions call. */
#ifndef SLUICE_RULES_PARSE_TOKENS_H
#define SLUICE_RULES_PARSE_TOKENS_H

#include "rules/parse.h"
#include "grammar.tab.h"

/** grammar_lex() - the next token for the grammar; skips while recovering */
int grammar_lex(GRAMMAR_STYPE *value, struct place *place, struct parser *parser);
int lexer_next(GRAMMAR_STYPE *value, struct place *place, void *scanner);

/** parser_resync() - skip to the end of the statement, then a RESYNC token */
void parser_resync(struct parser *parser);
void parser_block_open(struct parser *parser);
void parser_block_close(struct parser *parser);

/** parser_syntax_error() - say what came and what was expected; @got NULL: the end of the file */
void parser_syntax_error(struct parser *parser, struct place place, const char *got, const char *class,
			 const char *const *expected, int expected_count);

/* Nodes of the tree; depth is bounded here, so that later stages may recurse. */
struct expression *build_leaf(struct parser *parser, enum expression_kind kind, struct place place, const char *text);
struct expression *build_pair(struct parser *parser, enum expression_kind kind, enum relation relation,
			      struct expression *left, struct expression *right);
struct expression *build_join(struct parser *parser, enum expression_kind kind, struct expression *list,
			      struct expression *item);
struct expression *build_field(struct parser *parser, struct place place, const char *protocol, const char *name);
struct expression *build_verdict(struct parser *parser, struct place place, enum verdict_kind kind, const char *target);
struct statement *build_match(struct parser *parser, struct expression *left, enum relation relation,
			      struct expression *right);

void declare_anonymous_chain(struct parser *parser, struct place place);
void object_quota(struct parser *parser, struct place place, bool over, uint64_t amount, const char *unit);
void setting_add(struct parser *parser, struct place place, const char *text, bool quoted);
struct statement *update_finish(struct parser *parser, enum update_kind kind, struct place place, const char *set,
				struct place set_place);
struct statement *update_meter(struct parser *parser, struct place place, const char *name);

#endif
