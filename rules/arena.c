/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* The sanitizer sees the end of a chunk, not that of a part of it. */
#define CHUNK_SIZE (SANITIZED ? (size_t)0 : (size_t)64 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	max_align_t bytes[];
};

static struct arena_chunk *chunk_create(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk)
		longjmp(arena->on_failure, 1);
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t alignment = sizeof(max_align_t);
	struct arena_chunk *chunk;
	char *at;

	if (size > SIZE_MAX / 2)
		longjmp(arena->on_failure, 1);
	if (!SANITIZED)
		size = (size + alignment - 1) / alignment * alignment;
	if (size > CHUNK_SIZE / 4) {
		/* Large things get a chunk of their own, behind the one being filled. */
		chunk = chunk_create(arena, size);
		if (arena->chunks) {
			chunk->next = arena->chunks->next;
			arena->chunks->next = chunk;
		} else {
			arena->chunks = chunk;
			arena->used = arena->capacity = 0;
		}
		return chunk->bytes;
	}
	if (!arena->chunks || arena->capacity - arena->used < size) {
		chunk = chunk_create(arena, CHUNK_SIZE);
		chunk->next = arena->chunks;
		arena->chunks = chunk;
		arena->used = 0;
		arena->capacity = CHUNK_SIZE;
	}
	at = (char *)arena->chunks->bytes + arena->used;
	arena->used += size;
	return at;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		longjmp(arena->on_failure, 1);
	return arena_alloc(arena, bytes);
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size)
{
	void *larger;

	if (count < *capacity)
		return array;
	*capacity = *capacity ? *capacity * 2 : 8;
	larger = arena_array(arena, *capacity, size);
	if (count)
		memcpy(larger, array, count * size);
	return larger;
}

char *arena_copy(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	memcpy(copy, text, length);
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	struct text text = { .arena = arena };
	va_list arguments, again;
	int length;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	text.bytes = arena_alloc(arena, (size_t)(length < 0 ? 0 : length) + 1);
	vsnprintf(text.bytes, (size_t)(length < 0 ? 0 : length) + 1, format, again);
	va_end(again);
	va_end(arguments);
	return text.bytes;
}

void arena_fini(struct arena *arena)
{
	struct arena_chunk *chunk = arena->chunks;

	arena->chunks = NULL;
	arena->used = arena->capacity = 0;
	while (chunk) {
		struct arena_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

void text_append(struct text *text, const char *format, ...)
{
	va_list arguments, again;
	size_t need;
	int length;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	need = text->length + (size_t)(length < 0 ? 0 : length) + 1;
	if (need > text->capacity) {
		size_t capacity = need * 2 < 128 ? 128 : need * 2;
		char *larger = arena_alloc(text->arena, capacity);

		if (text->length)
			memcpy(larger, text->bytes, text->length);
		text->bytes = larger;
		text->capacity = capacity;
	}
	vsnprintf(text->bytes + text->length, text->capacity - text->length, format, again);
	text->length = need - 1;
	va_end(again);
	va_end(arguments);
}
