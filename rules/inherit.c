/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A reload keeps what rules have counted under a name. */
#include "rules/program.h"

static void inherit_object(struct ruleset *ruleset, const struct ruleset *old, const struct object *to,
			   const struct object *from)
{
	if (to->kind == OBJECT_COUNTER) {
		ruleset->counters[to->index] = old->counters[from->index];
	} else if (to->kind == OBJECT_QUOTA) {
		ruleset->quotas[to->index].values.used = old->quotas[from->index].values.used;
	} else if (to->kind == OBJECT_LIMIT && to->limit.rate == from->limit.rate &&
		   to->limit.seconds == from->limit.seconds && to->limit.burst == from->limit.burst &&
		   to->limit.bytes == from->limit.bytes) {
		ruleset->limits[to->index] = old->limits[from->index];
		ruleset->limits[to->index].values.over = to->limit.over;
	}
}

static bool same_key_type(const struct key_type *one, const struct key_type *other)
{
	if (one->count != other->count)
		return false;
	for (unsigned int i = 0; i < one->count; i++) {
		if (one->parts[i]->syntax != other->parts[i]->syntax || one->parts[i]->bits != other->parts[i]->bits)
			return false;
	}
	return true;
}

/* Elements that rules added, with the time they have left. */
static void inherit_set(struct ruleset *ruleset, const struct ruleset *old, const struct set_declaration *to,
			const struct set_declaration *from)
{
	struct set *set = ruleset->sets[to->index];
	const struct set *had = old->sets[from->index];

	if (!set->dynamic || !had->dynamic || !same_key_type(&to->key, &from->key) ||
	    !same_key_type(&to->data, &from->data) || set->data_size != had->data_size)
		return;
	for (uint32_t i = 0; i < had->capacity; i++) {
		uint32_t element;

		if (had->expires_ns[i] == UINT64_MAX)
			continue;
		element = set_insert(set, had->keys + (size_t)i * had->key_size, had->data + (size_t)i * had->data_size,
				     had->timeouts_ms[i], false, (struct mono){ 0 });
		if (element == SET_NONE)
			return;
		set->expires_ns[element] = had->expires_ns[i];
		if (set->counters && had->counters)
			set->counters[element] = had->counters[i];
		if (set->quotas && had->quotas)
			set->quotas[element].values.used = had->quotas[i].values.used;
		if (set->limits && had->limits) {
			set->limits[element].tokens = had->limits[i].tokens;
			set->limits[element].last_ns = had->limits[i].last_ns;
			set->limits[element].started = had->limits[i].started;
			if (set->limits[element].tokens > set->limits[element].tokens_max)
				set->limits[element].tokens = set->limits[element].tokens_max;
		}
	}
}

void ruleset_inherit(struct ruleset *ruleset, const struct ruleset *old)
{
	for (const struct table *table = ruleset->document->tables; table; table = table->next) {
		const struct table *before = document_table(old->document, table->family, table->name);

		if (!before)
			continue;
		for (const struct object *object = table->objects; object; object = object->next) {
			const struct object *from = object_lookup(before, object->kind, object->name);

			if (from)
				inherit_object(ruleset, old, object, from);
		}
		for (const struct set_declaration *set = table->sets; set; set = set->next) {
			const struct set_declaration *from = set_declaration_lookup(before, set->name);

			if (from)
				inherit_set(ruleset, old, set, from);
		}
	}
}
