/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything a configuration owns comes from one arena and goes with it. Loading
 * has hundreds of small allocations and no use for a half-made result, so running
 * out of memory unwinds once, to configuration_load(), instead of being checked at
 * every call. Nothing in the packet path allocates.
 */
#ifndef SLUICE_RULES_ARENA_H
#define SLUICE_RULES_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

/**
 * struct arena - memory that is given back all at once
 * @on_failure: where arena_alloc() jumps without memory; set before the first call
 */
struct arena {
	struct arena_chunk *chunks;
	size_t used, capacity;
	jmp_buf on_failure;
};

/** arena_alloc() - @size zeroed bytes, aligned for anything; never NULL */
void *arena_alloc(struct arena *arena, size_t size);

/** arena_array() - zeroed room for @count things; unwinds when the product overflows */
void *arena_array(struct arena *arena, size_t count, size_t size);

/** arena_grow() - room for one more thing in an array that doubles when it is full */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size);

char *arena_copy(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** arena_fini() - give everything back */
void arena_fini(struct arena *arena);

/** struct text - a string that grows, inside an arena */
struct text {
	struct arena *arena;
	char *bytes;
	size_t length, capacity;
	bool one_line; /* what would be a block is written on one line */
};

void text_append(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
