/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between lexer and grammar: files and includes, braces, and recovery after errors. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rules/parse_tokens.h"

#define INCLUDED_FILES_LIMIT 1000

/* Is the token read last where a statement of the current block ends? */
static bool at_statement_end(const struct parser *parser, int token)
{
	if (token == 0)
		return true;
	if (token == NEWLINE || token == ';')
		return parser->brace_depth == parser->block_depth;
	/* A brace has been counted already. */
	return token == '}' && parser->brace_depth < parser->block_depth;
}

static void count_brace(struct parser *parser, int token)
{
	if (token == '{')
		parser->brace_depth++;
	if (token == '}' && parser->brace_depth)
		parser->brace_depth--;
}

static int read_token(GRAMMAR_STYPE *value, struct place *place, struct parser *parser)
{
	int token = lexer_next(value, place, parser->scanner);

	/* The last statement of a file needs no newline. */
	if (token == 0 && parser->last_token != NEWLINE && !parser->ended) {
		parser->ended = true;
		token = NEWLINE;
	}
	if (token == 0)
		parser->ended = true;
	count_brace(parser, token);
	parser->line_start = parser->last_token == NEWLINE;
	parser->last_token = token;
	parser->last_place = *place;
	parser->last_word =
	    token == WORD || token == STRING || token == VARIABLE || token == SETTING ? value->text : NULL;
	parser->at_start = token == NEWLINE || token == ';' || token == '{' || token == '}';
	return token;
}

/* Tokens that wait, newest at the end; the oldest is given out first. */
struct held_token {
	int token;
	struct place place;
	GRAMMAR_STYPE value;
};

static void hold(struct parser *parser, int token, const GRAMMAR_STYPE *value, struct place place)
{
	struct held_token *held;

	parser->held =
	    arena_grow(parser->arena, parser->held, parser->held_count, &parser->held_capacity, sizeof(*parser->held));
	held = &parser->held[parser->held_count++];
	held->token = token;
	held->place = place;
	memset(&held->value, 0, sizeof(held->value));
	if (value)
		held->value = *value;
}

static int unhold(GRAMMAR_STYPE *value, struct place *place, struct parser *parser)
{
	struct held_token first = parser->held[0];

	parser->held_count--;
	memmove(parser->held, parser->held + 1, parser->held_count * sizeof(*parser->held));
	*value = first.value;
	*place = first.place;
	parser->last_token = first.token;
	parser->last_place = first.place;
	return first.token;
}

/* Words that begin a statement or a block, and never an element of a set. */
static bool begins_statement(int token)
{
	static const int tokens[] = { CT,     META,    META_KEY, LOG,	  LIMIT, ACCEPT, DROP,
				      REJECT, JUMP,    GOTO,	 RETURN,  FIB,	 UPDATE, MASQUERADE,
				      ADD,    NOTRACK, POLICY,	 COUNTER, CHAIN, TABLE,	 DEFINE };

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		if (tokens[i] == token)
			return true;
	}
	return false;
}

static bool is_address_protocol(const char *text)
{
	return strcmp(text, "ip") == 0 || strcmp(text, "ip6") == 0 || strcmp(text, "th") == 0;
}

/*
 * At the start of a line inside braces that the statement being skipped has opened:
 * does another statement begin here? Then a closing brace is missing, and it is
 * supplied, with those of the blocks that must have ended too.
 */
static bool recover_at_line(struct parser *parser, int token, const GRAMMAR_STYPE *value, struct place place)
{
	struct place next_place;
	GRAMMAR_STYPE next_value;
	unsigned int depth = parser->block_depth;
	bool statement = begins_statement(token);
	int next = 0;

	if (token == PROTO && !is_address_protocol(value->text)) {
		next = read_token(&next_value, &next_place, parser);
		statement = next == WORD || next == FLAGS || next == TYPE || next == OPTION;
	} else if (token == PROTO) {
		statement = true;
	}
	if (!statement)
		return false;
	if (token == TABLE)
		depth = 0;
	else if (token == CHAIN && depth > 1)
		depth = 1;
	for (unsigned int i = parser->block_depth; i > depth; i--) {
		hold(parser, '}', NULL, place);
		hold(parser, NEWLINE, NULL, place);
	}
	parser->brace_depth = depth;
	hold(parser, token, value, place);
	if (next)
		hold(parser, next, &next_value, next_place);
	return true;
}

static int skip_statement(GRAMMAR_STYPE *value, struct place *place, struct parser *parser)
{
	int token = parser->last_token, before;
	/* Braces that open only now belong to what is skipped as a whole. */
	bool inside = parser->brace_depth > parser->block_depth;

	/* A chain in a chain, or a table in a table: what should have ended before did not. */
	if ((token == CHAIN && parser->line_start && parser->block_depth > 1) ||
	    (token == TABLE && parser->line_start && parser->block_depth > 0)) {
		recover_at_line(parser, token, value, parser->last_place);
		return RESYNC;
	}
	while (!at_statement_end(parser, token)) {
		before = token;
		token = read_token(value, place, parser);
		if (inside && before == NEWLINE && parser->brace_depth > parser->block_depth &&
		    recover_at_line(parser, token, value, *place))
			return RESYNC;
		token = parser->last_token;
	}
	/* The brace that closes the block, and the end, are still the grammar's to see. */
	if (token == '}' || token == 0)
		hold(parser, token, NULL, parser->last_place);
	return RESYNC;
}

int grammar_lex(GRAMMAR_STYPE *value, struct place *place, struct parser *parser)
{
	if (!parser->panic && !parser->held_count)
		return read_token(value, place, parser);
	if (!parser->panic)
		return unhold(value, place, parser);
	parser->panic = false;
	*place = parser->last_place;
	/* What already waits was read ahead of the place where the grammar is. */
	if (parser->held_count) {
		while (parser->held_count && parser->last_token != NEWLINE && parser->last_token != 0)
			unhold(value, place, parser);
		if (parser->last_token == NEWLINE)
			return RESYNC;
	}
	return skip_statement(value, place, parser);
}

void parser_resync(struct parser *parser)
{
	parser->panic = true;
}

void parser_block_open(struct parser *parser)
{
	parser->block_depth++;
	scope_push(parser);
}

void parser_block_close(struct parser *parser)
{
	parser->block_depth--;
	scope_pop(parser);
}

void parser_syntax_error(struct parser *parser, struct place place, const char *got, const char *class,
			 const char *const *expected, int expected_count)
{
	char what[256] = "";
	size_t length = 0;

	if (parser->last_token == WORD && parser->last_word && nft_knows(parser->last_word)) {
		report_error(parser->diagnostics, place, "not supported: %s", parser->last_word);
		parser_resync(parser);
		return;
	}
	if (class) {
		snprintf(what, sizeof(what), ", expected %s", class);
	} else {
		for (int i = 0; i < expected_count && length < sizeof(what) - 40; i++)
			length += (size_t)snprintf(what + length, sizeof(what) - length, "%s%s",
						   i == 0		     ? ", expected "
						   : i == expected_count - 1 ? " or "
									     : ", ",
						   expected[i]);
	}
	if (!got)
		report_error(parser->diagnostics, place, "unexpected end of file%s", what);
	else if (parser->last_word)
		report_error(parser->diagnostics, place, "unexpected %s \"%.80s\"%s", got, parser->last_word, what);
	else
		report_error(parser->diagnostics, place, "unexpected %s%s", got, what);
	parser_resync(parser);
}

/* ------------------------------------------------------------------- files */

const struct source *source_read(struct parser *parser, const char *path, struct place place)
{
	struct source *source;
	size_t length = 0;
	char *text;

	if (parser->files_read++ >= INCLUDED_FILES_LIMIT) {
		report_error(parser->diagnostics, place, "more than %d files are included", INCLUDED_FILES_LIMIT);
		return NULL;
	}
	errno = 0;
	text = parser->loader->read(parser->loader->context, path, &length);
	if (!text || length > INT32_MAX / 2) {
		report_error(parser->diagnostics, place, "cannot read %s: %s", path,
			     text ? "too large" : strerror(errno ? errno : ENOENT));
		free(text);
		return NULL;
	}
	/* Should the copy find no memory, the one that unwinds frees the original. */
	parser->pending_text = text;
	source = arena_alloc(parser->arena, sizeof(*source));
	source->path = arena_copy(parser->arena, path, strlen(path));
	source->text = arena_copy(parser->arena, text, length);
	source->length = length;
	source->next = parser->sources;
	parser->sources = source;
	parser->pending_text = NULL;
	free(text);
	return source;
}

struct path_list {
	struct parser *parser;
	const char **paths;
	size_t count, capacity;
};

static void collect_path(void *context, const char *path)
{
	struct path_list *list = context;

	if (list->count >= INCLUDED_FILES_LIMIT)
		return;
	list->paths = arena_grow(list->parser->arena, list->paths, list->count, &list->capacity, sizeof(*list->paths));
	list->paths[list->count++] = arena_copy(list->parser->arena, path, strlen(path));
}

/* A relative path counts from the file that includes it. */
static const char *resolve_path(struct parser *parser, const char *path)
{
	const char *from = parser->input->source->path;
	const char *slash = strrchr(from, '/');

	if (path[0] == '/' || !slash)
		return path;
	return arena_printf(parser->arena, "%.*s/%s", (int)(slash - from), from, path);
}

void source_include(struct parser *parser, const char *pattern, struct place place)
{
	const char *path = resolve_path(parser, pattern);
	struct path_list list = { .parser = parser };
	const struct source *source;
	unsigned int depth;
	int error;

	if (parser->input->depth >= INCLUDE_DEPTH) {
		report_error(parser->diagnostics, place, "includes are nested more than %d deep", INCLUDE_DEPTH);
		return;
	}
	if (!strpbrk(pattern, "*?[")) {
		source = source_read(parser, path, place);
		if (source)
			lexer_push(parser, source, parser->input->depth + 1);
		return;
	}
	error = parser->loader->expand ? parser->loader->expand(parser->loader->context, path, collect_path, &list)
				       : -ENOSYS;
	if (error) {
		report_error(parser->diagnostics, place, "cannot expand %s: %s", path, strerror(-error));
		return;
	}
	/* All go on the lexer's stack at once, the first on top; they count as one level. */
	depth = parser->input->depth + 1;
	while (list.count--) {
		source = source_read(parser, list.paths[list.count], place);
		if (source)
			lexer_push(parser, source, depth);
	}
}

void parse_document(struct parser *parser, const char *path)
{
	const struct source *source = source_read(parser, path, (struct place){ 0 });

	if (!source)
		return;
	scope_push(parser);
	parser->at_start = true;
	parser->last_token = NEWLINE;
	lexer_open(parser);
	lexer_push(parser, source, 0);
	grammar_parse(parser);
}
