/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading a configuration, and questions about a loaded one. */
#include <stdlib.h>

#include "rules/parse.h"
#include "rules/print.h"
#include "rules/program.h"

/* A configuration and the arena that all of it, and nothing else, lives in. */
struct loaded {
	struct configuration configuration;
	struct arena arena;
	struct document document;
};

static int compare_diagnostics(const void *a, const void *b)
{
	const struct diagnostic *one = a, *other = b;
	int order = strcmp(one->file ? one->file : "", other->file ? other->file : "");

	if (order)
		return order;
	if (one->line != other->line)
		return one->line < other->line ? -1 : 1;
	return one->column < other->column ? -1 : one->column > other->column;
}

/* Apart from configuration_load(), so that no local changes between setjmp and longjmp. */
static void load(struct loaded *loaded, struct parser *parser, const char *path)
{
	size_t errors = parser->diagnostics->errors;

	parser->arena = &loaded->arena;
	parser->document = &loaded->document;
	loaded->configuration.settings = settings_default();
	parse_document(parser, path);
	parse_settings(parser, &loaded->configuration.settings);
	/* Also after syntax errors: the more mistakes one run shows, the better. */
	document_check(&loaded->arena, &loaded->document, parser->diagnostics);
	if (parser->diagnostics->errors == errors)
		loaded->configuration.ruleset = ruleset_compile(&loaded->arena, &loaded->document, parser->diagnostics);
}

struct configuration *configuration_load(const struct loader *loader, const char *path, struct diagnostics *diagnostics)
{
	struct loaded *loaded = calloc(1, sizeof(*loaded));
	struct parser *parser = calloc(1, sizeof(*parser));

	if (!loaded || !parser) {
		free(loaded);
		free(parser);
		return NULL;
	}
	parser->loader = loader;
	parser->diagnostics = diagnostics;
	if (setjmp(loaded->arena.on_failure) == 0)
		load(loaded, parser, path);
	else
		loaded->configuration.ruleset = NULL;
	/* The stages report in turn; people read from top to bottom. */
	if (diagnostics->count > 1)
		qsort(diagnostics->list, diagnostics->count, sizeof(*diagnostics->list), compare_diagnostics);
	free(parser->pending_text);
	free(parser);
	if (!loaded->configuration.ruleset) {
		arena_fini(&loaded->arena);
		free(loaded);
		return NULL;
	}
	return &loaded->configuration;
}

void configuration_destroy(struct configuration *configuration)
{
	struct loaded *loaded = (struct loaded *)(void *)configuration;

	if (!loaded)
		return;
	arena_fini(&loaded->arena);
	free(loaded);
}

/* On the heap, so that unwinding finds it as it was. */
struct printer {
	struct arena arena;
	char *result;
};

static void print(struct printer *printer, const struct loaded *loaded)
{
	struct text text = { .arena = &printer->arena };

	text_append(&text, "%s", "");
	print_document(&text, &loaded->document, &loaded->configuration.settings);
	printer->result = malloc(text.length + 1);
	if (printer->result)
		memcpy(printer->result, text.bytes, text.length + 1);
}

char *configuration_print(const struct configuration *configuration)
{
	struct printer *printer = calloc(1, sizeof(*printer));
	char *result;

	if (!printer)
		return NULL;
	if (setjmp(printer->arena.on_failure) == 0)
		print(printer, (const struct loaded *)(const void *)configuration);
	arena_fini(&printer->arena);
	result = printer->result;
	free(printer);
	return result;
}

/* --------------------------------------------------------------- questions */

const struct base_chain *const *ruleset_base_chains(const struct ruleset *ruleset, enum hook hook, size_t *count)
{
	*count = hook < HOOK_COUNT ? ruleset->base_chain_counts[hook] : 0;
	return hook < HOOK_COUNT ? ruleset->base_chains[hook] : NULL;
}

enum chain_type base_chain_type(const struct base_chain *chain)
{
	return chain->type;
}

int base_chain_priority(const struct base_chain *chain)
{
	return chain->priority;
}

bool base_chain_sees(const struct base_chain *chain, enum family family)
{
	return family == FAMILY_IPV6 ? chain->ipv6 : chain->ipv4;
}

bool ruleset_has_helper(const struct ruleset *ruleset)
{
	return ruleset->helper;
}

struct rule_place ruleset_rule_place(const struct ruleset *ruleset, uint32_t rule)
{
	const struct rule *found;

	if (rule >= ruleset->rule_count)
		return (struct rule_place){ 0 };
	found = ruleset->rules[rule];
	return (struct rule_place){ found->place.source->path, found->place.line, found->text };
}

struct rule_place ruleset_policy_place(const struct ruleset *ruleset, enum hook hook, enum family family)
{
	size_t count;
	const struct base_chain *const *chains = ruleset_base_chains(ruleset, hook, &count);

	for (size_t i = 0; i < count; i++) {
		const struct place *place = &chains[i]->chain->place;

		if (chains[i]->policy_drop && base_chain_sees(chains[i], family))
			return (struct rule_place){ place->source->path, place->line, chains[i]->chain->name };
	}
	return (struct rule_place){ 0 };
}

bool ruleset_next_rule(const struct ruleset *ruleset, uint32_t *position, struct rule_listing *listing)
{
	static const char *const families[] = { "ip", "ip6", "inet" };
	const struct chain *chain;
	const struct rule *rule;

	if (*position >= ruleset->rule_count)
		return false;
	rule = ruleset->rules[*position];
	chain = ruleset->rule_chains[*position];
	*listing = (struct rule_listing){
		.rule = *position,
		.family = families[chain->table->family],
		.table = chain->table->name,
		.chain = chain->name,
		.place = ruleset_rule_place(ruleset, *position),
		.has_counter = rule->counter != UINT32_MAX,
	};
	if (listing->has_counter) {
		listing->packets = ruleset->counters[rule->counter].packets;
		listing->bytes = ruleset->counters[rule->counter].bytes;
	}
	(*position)++;
	return true;
}

void ruleset_reset_counters(struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->counter_count; i++)
		ruleset->counters[i] = (struct counter_values){ 0 };
}

void ruleset_seed(struct ruleset *ruleset, uint64_t seed)
{
	for (size_t i = 0; i < ruleset->set_count; i++)
		set_reseed(ruleset->sets[i], seed + i);
	for (size_t i = 0; i < ruleset->generator_count; i++) {
		if (!ruleset->generators[i].has_seed)
			ruleset->generators[i].seed = (uint32_t)((seed ^ seed >> 32) + i);
	}
}
