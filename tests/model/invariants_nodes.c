/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash of nodes: each stands once, where a lookup finds it, and the lines know who passed them. */
#include "tests/model/invariants.h"

#include <stdlib.h>

static bool is_compact(const struct nodes_line *line)
{
	for (unsigned int slot = 1; slot < NODES_LINE; slot++)
		if (line->entries[slot] && !line->entries[slot - 1])
			return false;
	return true;
}

static uint32_t times_found(const struct nodes *nodes, uint32_t hash, uint32_t node)
{
	struct nodes_walk walk = nodes_walk(nodes, hash);
	uint32_t next, times = 0;

	while ((next = nodes_next(nodes, &walk)) != NODE_NONE)
		times += next == node;
	return times;
}

/* Checks a line's entries, and counts in @passed the lines that each had to pass. */
static const char *check_line(const struct nodes *nodes, uint32_t line, const struct nodes_owner *owner,
			      uint32_t *passed, uint32_t *found)
{
	uint32_t mask = (UINT32_C(1) << nodes->node_bits) - 1;

	INVARIANT(is_compact(&nodes->lines[line]), "a line of the hash has a gap");
	for (unsigned int slot = 0; slot < NODES_LINE && nodes->lines[line].entries[slot]; slot++) {
		uint32_t node = (nodes->lines[line].entries[slot] & mask) - 1, hash;

		INVARIANT(owner->stands(owner->context, node, &hash), "the hash holds a node that must not be there");
		INVARIANT(times_found(nodes, hash, node) == 1, "a node is not found under its hash, or twice");
		for (uint32_t at = nodes_home(nodes, hash); at != line; at = (at + 1) % nodes->line_count)
			passed[at]++;
		++*found;
	}
	return NULL;
}

const char *invariants_check_nodes(const struct nodes *nodes, const struct nodes_owner *owner, uint32_t expected)
{
	uint32_t *passed = calloc(nodes->line_count, sizeof(*passed)), found = 0;
	const char *wrong = passed ? NULL : "no memory";

	for (uint32_t line = 0; !wrong && line < nodes->line_count; line++)
		wrong = check_line(nodes, line, owner, passed, &found);
	for (uint32_t line = 0; !wrong && line < nodes->line_count; line++)
		if (passed[line] != nodes->lines[line].passed)
			wrong = "a line does not know how many passed it";
	free(passed);
	if (!wrong && found != expected)
		wrong = "a node is missing in the hash";
	return wrong;
}

static bool address_stands(const void *context, uint32_t node, uint32_t *hash)
{
	const struct addresses *addresses = context;

	if (node == ADDRESS_NONE || node >= addresses->untouched || !addresses->list[node].uses)
		return false;
	*hash = (uint32_t)hash_bytes(addresses->key, &addresses->list[node].address, sizeof(struct address));
	return true;
}

const char *invariants_check_addresses(const struct addresses *addresses)
{
	const struct nodes_owner owner = { address_stands, addresses };
	uint32_t used = 0;

	for (uint32_t entry = ADDRESS_NONE + 1; entry < addresses->untouched; entry++) {
		used += addresses->list[entry].uses > 0;
		for (uint32_t other = ADDRESS_NONE + 1; other < entry; other++)
			INVARIANT(!addresses->list[entry].uses || !addresses->list[other].uses ||
				      !address_equal(&addresses->list[entry].address, &addresses->list[other].address),
				  "an address is kept twice");
	}
	return invariants_check_nodes(&addresses->nodes, &owner, used);
}
