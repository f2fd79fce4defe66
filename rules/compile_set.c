/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Declarations with their elements to sets. */
#include "rules/compile.h"

/* The bytes of a checked key, or of data that is not a verdict: all parts, first and last. */
static void key_bytes(const struct expression *key, const struct key_type *type, uint8_t *first, uint8_t *last)
{
	const struct expression *item = key->kind == EXPRESSION_CONCAT ? key->items : key;
	size_t offset = 0;

	for (unsigned int part = 0; part < type->count && item; part++, item = item->next) {
		unsigned int size = type_bytes(type->parts[part]);

		memcpy(first + offset, item->first.bytes, size);
		memcpy(last + offset, item->last.bytes, size);
		offset += size;
	}
}

static const uint8_t *data_bytes(struct compiler *compiler, const struct set *set, const struct expression *data)
{
	uint8_t *bytes = arena_alloc(compiler->arena, set->data_size);
	uint32_t chain;

	if (data->kind != EXPRESSION_VERDICT) {
		key_bytes(data, &set->declaration->data, bytes, bytes + set->data_size / 2);
		return bytes;
	}
	bytes[0] = (uint8_t)data->verdict;
	chain = data->chain ? data->chain->index : 0;
	memcpy(bytes + 1, &chain, sizeof(chain));
	return bytes;
}

static void fill_items(struct compiler *compiler, const struct set *set, struct set_item *items)
{
	const struct set_declaration *declaration = set->declaration;
	struct expression *element = declaration->elements ? declaration->elements->items : NULL;

	for (; element; element = element->next, items++) {
		const struct expression *key = element->kind == EXPRESSION_MAPPING ? element->left : element;
		uint8_t *bytes;

		items->written = key;
		if (key->options && key->options->has_timeout)
			items->timeout_ms = key->options->timeout_ms;
		if (set->data_size)
			items->data = data_bytes(compiler, set, element->right);
		if (key->kind == EXPRESSION_STAR)
			continue;
		bytes = arena_alloc(compiler->arena, (size_t)set->key_size * 2);
		key_bytes(key, &declaration->key, bytes, bytes + set->key_size);
		items->first = bytes;
		items->last = bytes + set->key_size;
	}
}

static void report_overlap(struct compiler *compiler, const struct set *set, const struct set_conflict *overlap)
{
	const struct set_declaration *declaration = set->declaration;
	struct place place = overlap->other->written->place;
	unsigned int line = overlap->one->written->place.line;

	if (declaration->auto_merge)
		return;
	if (declaration->map && memcmp(overlap->one->data, overlap->other->data, set->data_size) != 0 &&
	    set->shape != SET_MASKED)
		report_error(compiler->diagnostics, place, "overlaps an element on line %u that has another value",
			     line);
	else
		report_warning(compiler->diagnostics, place, "overlaps an element on line %u", line);
}

uint32_t compile_set(struct compiler *compiler, struct set_declaration *declaration)
{
	struct ruleset *ruleset = compiler->ruleset;
	uint32_t count = declaration->elements ? declaration->elements->item_count : 0;
	struct set_item *items = arena_array(compiler->arena, count + 1, sizeof(*items));
	struct set *set = arena_alloc(compiler->arena, sizeof(*set));
	struct set_conflict overlap = { 0 };

	list_append(declaration->statements, declaration->implied);
	declaration->implied = NULL;
	set->declaration = declaration;
	set->key_size = declaration->key.size;
	set->data_size = declaration->verdict_map ? VERDICT_DATA_SIZE : declaration->data.size * 2;
	set->part_count = declaration->key.count;
	for (unsigned int i = 0; i < set->part_count; i++)
		set->part_sizes[i] = type_bytes(declaration->key.parts[i]);
	set->default_timeout_ms = declaration->timeout_ms;
	set->dynamic = declaration->dynamic;
	set->capacity = declaration->has_size ? declaration->size : SET_DEFAULT_SIZE;
	fill_items(compiler, set, items);
	if (declaration->has_size && count > declaration->size)
		report_error(compiler->diagnostics, declaration->place, "%s has %u elements but a size of %u",
			     declaration->name, count, declaration->size);
	if (!set_build(set, compiler->arena, items, count, &overlap))
		report_error(compiler->diagnostics, declaration->place,
			     "not supported: ranges joined in this way; write them as prefixes");
	if (overlap.one)
		report_overlap(compiler, set, &overlap);
	ruleset->sets = arena_grow(compiler->arena, ruleset->sets, ruleset->set_count, &ruleset->set_capacity,
				   sizeof(struct set *));
	declaration->index = (uint32_t)ruleset->set_count;
	ruleset->sets[ruleset->set_count++] = set;
	return declaration->index;
}
