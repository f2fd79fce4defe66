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
	parser->last_token = token;
	parser->last_place = *place;
	parser->last_word = token == WORD || token == STRING || token == VARIABLE || token == SETTING ? value->text : NULL;
	parser->at_start = token == NEWLINE || token == ';' || token == '{' || token == '}';
	return token;
}

int grammar_lex(GRAMMAR_STYPE *value, struct place *place, struct parser *parser)
{
	int token;

	if (!parser->panic) {
		if (!parser->held)
			return read_token(value, place, parser);
		parser->held = false;
		*place = parser->last_place;
		return parser->held_token;
	}
	token = parser->last_token;
	while (!at_statement_end(parser, token))
		token = read_token(value, place, parser);
	parser->panic = false;
	*place = parser->last_place;
	/* The brace that closes the block, and the end, are still the grammar's to see. */
	parser->held = token == '}' || token == 0;
	parser->held_token = token;
	return RESYNC;
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

	if (parser->last_token == WORD && class && parser->last_word && nft_knows(parser->last_word)) {
		report_error(parser->diagnostics, place, "not supported: %s", parser->last_word);
		parser_resync(parser);
		return;
	}
	if (class) {
		snprintf(what, sizeof(what), ", expected %s", class);
	} else {
		for (int i = 0; i < expected_count && length < sizeof(what) - 40; i++)
			length += (size_t)snprintf(what + length, sizeof(what) - length, "%s%s",
						   i == 0		   ? ", expected " :
						   i == expected_count - 1 ? " or " :
									     ", ",
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
	error = parser->loader->expand ? parser->loader->expand(parser->loader->context, path, collect_path, &list) :
					 -ENOSYS;
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
