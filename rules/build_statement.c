/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements, and the parts of them that say more than a word, as the grammar makes them. */
#include "rules/parse_tokens.h"

struct rule *build_rule(struct parser *parser, struct place place, struct statement *statements, const char *comment)
{
	struct rule *rule = arena_alloc(parser->arena, sizeof(*rule));

	rule->place = place;
	rule->statements = statements;
	rule->comment = comment;
	return rule;
}

struct statement *build_connlimit(struct parser *parser, struct place place, bool over, uint32_t count)
{
	struct statement *statement = statement_create(parser->arena, STATEMENT_CONNLIMIT, place);

	statement->connlimit.over = over;
	statement->connlimit.count = count;
	return statement;
}

struct statement *build_nat(struct parser *parser, struct place place, enum nat_kind kind)
{
	struct statement *statement = statement_create(parser->arena, STATEMENT_NAT, place);

	statement->nat.kind = kind;
	return statement;
}

/* ------------------------------------------------------------------- fields */

struct expression *build_option(struct parser *parser, struct place place, const char *protocol, const char *word,
				const char *name)
{
	return build_field(parser, place, two_words(parser, protocol, word), name);
}

struct expression *build_ct_field(struct expression *field, struct place place, enum direction direction)
{
	field->place = place;
	field->text = direction == DIRECTION_ORIGINAL ? "ct original" : "ct reply";
	field->direction = direction;
	return field;
}

struct expression *build_fib_flag(struct parser *parser, struct place place, const char *word)
{
	static const struct {
		const char *name;
		unsigned int flag;
	} flags[] = { { "saddr", FIB_SADDR },
		      { "mark", FIB_MARK },
		      { "oif", FIB_OIF },
		      { "iif", FIB_IIF },
		      { "daddr", FIB_DADDR } };
	struct expression *fib = build_leaf(parser, EXPRESSION_FIB, place, NULL);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(flags[i].name, word) == 0)
			fib->flags = flags[i].flag;
	}
	if (!fib->flags) {
		expect_word(parser, place, word, "saddr, daddr, mark, iif or oif");
		fib->flags = FIB_DADDR;
	}
	return fib;
}

void fib_interface(struct parser *parser, struct expression *fib, struct place place, const char *word)
{
	fib->fib_result = FIB_RESULT_OIF;
	if (strcmp(word, "oifname") == 0)
		fib->fib_result = FIB_RESULT_OIFNAME;
	else
		expect_word(parser, place, word, "oif");
}

struct expression *build_generator(struct parser *parser, enum expression_kind kind, struct place place,
				   uint64_t modulus, uint64_t offset)
{
	struct expression *generator = build_leaf(parser, kind, place, NULL);

	generator->modulus = number_32(parser, place, modulus);
	generator->offset = number_32(parser, place, offset);
	return generator;
}

void numgen_kind(struct parser *parser, struct expression *generator, struct place place, const char *word)
{
	generator->random = strcmp(word, "random") == 0;
	if (!generator->random)
		expect_word(parser, place, word, "inc");
}

/* ------------------------------------------------------------ dynamic sets */

struct statement *update_finish(struct parser *parser, enum update_kind kind, struct place place, const char *set,
				struct place set_place)
{
	struct statement *statement = parser->update;

	statement->place = place;
	statement->update.kind = kind;
	statement->update.set = expression_create(parser->arena, EXPRESSION_SETREF, set_place);
	statement->update.set->text = set;
	return statement;
}

/* A meter is nft's older spelling of a dynamic set that one rule fills. */
struct statement *update_meter(struct parser *parser, struct place place, const char *name)
{
	struct statement *statement = update_finish(parser, UPDATE_ADD, place, name, place);
	struct table *table = parser->rule_table;
	struct set_declaration *set;

	if (statement->update.has_timeout)
		statement->update.kind = UPDATE_UPDATE;
	set = set_declaration_lookup(table, name);
	if (set) {
		report_error(parser->diagnostics, place, "%s is declared already", name);
		return statement;
	}
	set = declare_set(parser, table, name, false, place);
	set->meter = true;
	set->dynamic = true;
	set->flags = SET_DYNAMIC | (statement->update.has_timeout ? SET_TIMEOUT : 0);
	set->has_size = parser->meter_size != 0;
	set->size = parser->meter_size;
	set->key_typeof = expression_clone(parser->arena, statement->update.key, place);
	return statement;
}
