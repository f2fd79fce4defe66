/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lexer, grammar and their helpers share. The parser is re-entrant: all its
 * state is in struct parser.
 *
 * After a syntax error the token reader discards up to the end of the statement,
 * counting braces, and then gives the grammar one RESYNC token. So an error inside
 * a set that spans lines costs that statement only, and the next is judged afresh.
 */
#ifndef SLUICE_RULES_PARSE_H
#define SLUICE_RULES_PARSE_H

#include "rules/ast.h"

#define INCLUDE_DEPTH 16
#define NESTING_LIMIT 64

struct definition {
	struct definition *next;
	const char *name;
	struct expression *value;
};

struct scope {
	struct scope *outer;
	struct definition *definitions;
};

/* A file being read; the lexer's stack of them. */
struct input {
	struct input *outer;
	const struct source *source;
	void *buffer; /* flex's */
	unsigned int line, column;
	unsigned int depth;
};

struct held_token;

struct parser {
	struct arena *arena;
	const struct loader *loader;
	struct diagnostics *diagnostics;
	struct document *document;
	void *scanner;
	struct source *sources;
	struct input *input;
	/* token reader */
	unsigned int brace_depth, block_depth, gateway_depth;
	int last_token;
	struct place last_place;
	bool panic, ended, at_start, line_start;
	struct held_token *held; /* to be given to the grammar before anything is read */
	size_t held_count, held_capacity;
	/* grammar */
	struct scope *scope;
	struct table *table;
	struct table *rule_table; /* of the rules being read, in a table or in a command */
	struct chain *chain;
	unsigned int anonymous_count;
	struct set_declaration *set;
	struct object *object;
	struct setting_line *setting;
	struct statement *nat, *update;
	uint32_t meter_size;
	const char *last_word;
	unsigned int files_read;
	size_t cloned;	    /* expressions copied for variables */
	char *pending_text; /* malloc()ed; freed by whoever unwinds */
};

/* ---------------------------------------------------- messages with a place */

void report_error(struct diagnostics *diagnostics, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_warning(struct diagnostics *diagnostics, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* -------------------------------------------------------- lexer and sources */

/** parse_document() - read @path and all it includes into @parser->document */
void parse_document(struct parser *parser, const char *path);

/** source_read() - a file's text; reports at @place and returns NULL when it cannot be read */
const struct source *source_read(struct parser *parser, const char *path, struct place place);

/** source_include() - the files that an include statement names, last one on top */
void source_include(struct parser *parser, const char *pattern, struct place place);

/* In lexer.l: put a source in front of what is left to read, and stop doing so. */
void lexer_push(struct parser *parser, const struct source *source, unsigned int depth);
bool lexer_pop(struct parser *parser);
void lexer_open(struct parser *parser);

/** keyword_lookup() - the token of a reserved word, or 0 */
int keyword_lookup(const char *word, size_t length);

/** parse_duration() - milliseconds of a text like 1d2h3m4s5ms; a plain number is seconds */
bool parse_duration(const char *text, uint64_t *ms);

/* Does a command of nft begin with it, which sluice has not? */
bool is_foreign_command(const char *word);

/* Does nft have a statement or expression of that name, which sluice has not? */
bool nft_knows(const char *word);

void parse_settings(struct parser *parser, struct settings *settings);

#endif
