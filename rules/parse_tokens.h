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

/* ---------------------------------------------- scope.c: variables */

void scope_push(struct parser *parser);
void scope_pop(struct parser *parser);
void scope_define(struct parser *parser, const char *name, struct expression *value, bool again, struct place place);
void scope_undefine(struct parser *parser, const char *name, struct place place);
/** scope_use() - a copy of the variable's value, at @place; something undefined when there is none */
struct expression *scope_use(struct parser *parser, const char *name, struct place place);

/* ---------------------------- declare.c: make it, or find what has that name already */

/** declare_table() - NULL, and reported, when the family is not supported */
struct table *declare_table(struct parser *parser, const char *family, const char *name, struct place place);
struct chain *declare_chain(struct parser *parser, struct table *table, const char *name, struct place place);
void declare_anonymous_chain(struct parser *parser, struct place place);
struct set_declaration *declare_set(struct parser *parser, struct table *table, const char *name, bool map,
				    struct place place);
struct object *declare_object(struct parser *parser, struct table *table, enum object_kind kind, const char *name,
			      struct place place);
void declare_elements(struct parser *parser, struct set_declaration *set, struct expression *elements);
void declare_rule(struct chain *chain, struct rule *rule);
/* These report what is not there, and then make it. */
struct chain *need_chain(struct parser *parser, struct table *table, const char *name, struct place place);
struct set_declaration *need_set(struct parser *parser, struct table *table, const char *name, struct place place);

void table_add_flags(struct parser *parser, const struct expression *words);
void set_add_flags(struct parser *parser, struct expression *words);
void set_timeout(struct set_declaration *set, uint64_t ms);
void set_gc_interval(struct set_declaration *set, uint64_t ms);
void set_size(struct set_declaration *set, uint32_t size);
/* What stands behind an element; @options NULL: the first of it. */
struct element_options *element_timeout(struct parser *parser, struct element_options *options, uint64_t ms);
struct element_options *element_keep(struct parser *parser, struct element_options *options,
				     struct statement *statement, const char *comment);
/* Of the object whose block is being read. */
void object_counter(struct parser *parser, struct place place, struct counter_values values);
void object_limit(struct parser *parser, struct place place, const struct limit_values *values);
void object_quota(struct parser *parser, struct place place, const struct quota_values *values);
void setting_add(struct parser *parser, struct place place, const char *text, bool quoted);

/* ------------------------------------------------- command.c: flush, delete, rename, insert */

/* No place among a chain's rules was named. */
#define PLACE_NONE (UINT64_MAX - 1)

/** rule_index() - of `index NUMBER`; reports any other word */
uint64_t rule_index(struct parser *parser, struct place place, const char *word, uint64_t number);
/** place_rule() - @rule before the one that is now at @index; PLACE_NONE: first, PLACE_NONE + 1: last */
void place_rule(struct parser *parser, struct chain *chain, struct rule *rule, uint64_t index);
void flush_chain(struct chain *chain);
void flush_table(struct table *table);
void rename_chain(struct parser *parser, struct chain *chain, const char *name, struct place place);
void delete_table(struct parser *parser, struct table *table);
void delete_chain(struct parser *parser, struct table *table, const char *name, struct place place);
void delete_set(struct parser *parser, struct table *table, const char *name, struct place place);
void delete_object(struct parser *parser, struct table *table, enum object_kind kind, const char *name,
		   struct place place);

/* ------------------------------------------------- hook.c: where a base chain stands */

void chain_set_hook(struct parser *parser, struct place place, const char *type, const char *hook,
		    struct expression *priority);
void chain_set_policy(struct parser *parser, struct place place, const char *policy);
/** build_priority() - @base + @sign * @number; @base NULL: 0 */
struct expression *build_priority(struct parser *parser, struct place place, struct expression *base, int sign,
				  uint64_t number);

/* ------------------------------------------------- words.c: words and units */

/** expect_word() - is it that word? Else reported, as not supported where nft knows it */
bool expect_word(struct parser *parser, struct place place, const char *got, const char *wanted);
uint32_t number_32(struct parser *parser, struct place place, uint64_t number);
const char *number_text(struct parser *parser, uint64_t number);
const char *two_words(struct parser *parser, const char *one, const char *other);
/** text_of() - a leaf's word; "?" when it is a number or no leaf */
const char *text_of(const struct expression *expression);
const char *duration_text(struct parser *parser, const struct expression *written);
uint64_t duration_of(struct parser *parser, struct place place, const char *text);
uint64_t bytes_of(struct parser *parser, struct place place, uint64_t amount, const char *unit);
struct counter_values counter_of(struct parser *parser, struct place packets_place, const char *packets_word,
				 uint64_t packets, struct place bytes_place, const char *bytes_word, uint64_t bytes);
struct limit_values limit_packets(struct parser *parser, struct place place, bool over, uint64_t rate,
				  const char *unit);
struct limit_values limit_bytes(struct parser *parser, struct place place, bool over, uint64_t rate, const char *unit);
void limit_burst(struct parser *parser, struct limit_values *limit, struct place place, uint64_t burst,
		 const char *unit);
void log_option(struct parser *parser, struct statement *log, struct place place, const char *option,
		struct expression *value);
void log_flags(struct parser *parser, struct statement *log, const char *protocol, const struct expression *words);
void nat_qualifier(struct parser *parser, struct statement *nat, struct place place, const char *word);
void nat_flag(struct parser *parser, struct statement *nat, struct place place, const char *word);
/* `mapping WORD` or `filtering WORD`, among the flags: not nft's. */
void nat_behaviour(struct parser *parser, struct statement *nat, struct place place, const char *name,
		   const char *word);
void reject_with(struct parser *parser, struct statement *reject, struct place place, const char *kind,
		 const char *code);

/* ------------ build.c: nodes of the tree; depth is bounded here, so that later stages may recurse */

struct expression *build_leaf(struct parser *parser, enum expression_kind kind, struct place place, const char *text);
struct expression *build_number(struct parser *parser, struct place place, uint64_t number);
struct expression *build_pair(struct parser *parser, enum expression_kind kind, enum relation relation,
			      struct expression *left, struct expression *right);
struct expression *build_join(struct parser *parser, enum expression_kind kind, struct expression *list,
			      struct expression *item);
struct expression *build_field(struct parser *parser, struct place place, const char *protocol, const char *name);
struct expression *build_verdict(struct parser *parser, struct place place, enum verdict_kind kind, const char *target);
struct statement *build_match(struct parser *parser, struct expression *left, enum relation relation,
			      struct expression *right);

/* ------------------------------------------------- build_statement.c */

struct rule *build_rule(struct parser *parser, struct place place, struct statement *statements, const char *comment);
struct statement *build_connlimit(struct parser *parser, struct place place, bool over, uint32_t count);
struct statement *build_nat(struct parser *parser, struct place place, enum nat_kind kind);
/** build_option() - `PROTOCOL option NAME`, `sctp chunk NAME`: the field @name of protocol "PROTOCOL WORD" */
struct expression *build_option(struct parser *parser, struct place place, const char *protocol, const char *word,
				const char *name);
struct expression *build_ct_field(struct expression *field, struct place place, enum direction direction);
struct expression *build_fib_flag(struct parser *parser, struct place place, const char *word);
void fib_interface(struct parser *parser, struct expression *fib, struct place place, const char *word);
struct expression *build_generator(struct parser *parser, enum expression_kind kind, struct place place,
				   uint64_t modulus, uint64_t offset);
void numgen_kind(struct parser *parser, struct expression *generator, struct place place, const char *word);
struct statement *update_finish(struct parser *parser, enum update_kind kind, struct place place, const char *set,
				struct place set_place);
struct statement *update_meter(struct parser *parser, struct place place, const char *name);

#endif
