/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/nodes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Of 16 places in lines, how many are for nodes: past 90 per cent many lines would be passed. */
#define FILL_SIXTEENTHS 14

/*
 * Every page is had from the system now: nodes stand anywhere, and the first sessions would
 * otherwise wait for a page with each line they touch.
 */
static void touch(void *memory, size_t bytes)
{
	volatile uint8_t *at = memory;

	for (size_t i = 0; i < bytes; i += 4096)
		at[i] = 0;
}

int nodes_init(struct nodes *nodes, uint64_t count, uint64_t limit)
{
	uint64_t lines = (count * 16 / FILL_SIXTEENTHS + NODES_LINE) / NODES_LINE + 1;
	uintptr_t start;

	*nodes = (struct nodes){ .line_count = (uint32_t)lines, .node_bits = 1 };
	while (limit >> nodes->node_bits)
		nodes->node_bits++;
	/* Aligned by hand. */
	nodes->memory = calloc((size_t)lines + 1, sizeof(*nodes->lines));
	if (!nodes->memory)
		return -ENOMEM;
	touch(nodes->memory, ((size_t)lines + 1) * sizeof(*nodes->lines));
	start = (uintptr_t)nodes->memory;
	start += (sizeof(*nodes->lines) - start % sizeof(*nodes->lines)) % sizeof(*nodes->lines);
	nodes->lines = (struct nodes_line *)start;
	return 0;
}

void nodes_fini(struct nodes *nodes)
{
	free(nodes->memory);
	*nodes = (struct nodes){ 0 };
}

uint64_t nodes_bytes(const struct nodes *nodes)
{
	return ((uint64_t)nodes->line_count + 1) * sizeof(*nodes->lines);
}

static uint32_t next_line(const struct nodes *nodes, uint32_t line)
{
	return line + 1 < nodes->line_count ? line + 1 : 0;
}

void nodes_insert(struct nodes *nodes, uint32_t hash, uint32_t node)
{
	uint32_t at = nodes_home(nodes, hash);
	unsigned int slot = 0;

	while (nodes->lines[at].entries[NODES_LINE - 1]) {
		nodes->lines[at].passed++;
		at = next_line(nodes, at);
	}
	/* They stand without gaps: counting them needs no guess about where they end. */
	for (unsigned int i = 0; i < NODES_LINE; i++)
		slot += nodes->lines[at].entries[i] != 0;
	nodes->lines[at].entries[slot] = nodes_tag(nodes, hash) | (node + 1);
}

/* The line keeps no gaps: its last entry fills the place. */
static void line_remove(struct nodes_line *line, unsigned int slot)
{
	unsigned int last = slot;

	while (last + 1 < NODES_LINE && line->entries[last + 1])
		last++;
	line->entries[slot] = line->entries[last];
	line->entries[last] = 0;
}

void nodes_remove(struct nodes *nodes, uint32_t hash, uint32_t node)
{
	uint32_t at = nodes_home(nodes, hash), wanted = nodes_tag(nodes, hash) | (node + 1);

	for (;;) {
		struct nodes_line *line = &nodes->lines[at];

		for (unsigned int slot = 0; slot < NODES_LINE && line->entries[slot]; slot++)
			if (line->entries[slot] == wanted) {
				line_remove(line, slot);
				return;
			}
		assert(line->passed);
		line->passed--;
		at = next_line(nodes, at);
	}
}
