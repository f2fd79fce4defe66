/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one type that touches wire bytes while parsing. A read past the end sets
 * @failed, yields zeros and never moves outside: callers check once, at the end
 * of a header.
 */
#ifndef SLUICE_CURSOR_H
#define SLUICE_CURSOR_H

#include "sluice/types.h"

struct cursor {
	const uint8_t *bytes;
	size_t length;
	size_t offset;
	bool failed;
};

static inline struct cursor cursor_over(const void *bytes, size_t length)
{
	return (struct cursor){ .bytes = bytes, .length = length };
}

static inline size_t cursor_left(const struct cursor *cursor)
{
	return cursor->failed ? 0 : cursor->length - cursor->offset;
}

/* @count bytes in place, or NULL when fewer are left. */
static inline const uint8_t *cursor_take(struct cursor *cursor, size_t count)
{
	const uint8_t *at;

	if (count > cursor_left(cursor)) {
		cursor->failed = true;
		return NULL;
	}
	at = cursor->bytes + cursor->offset;
	cursor->offset += count;
	return at;
}

static inline void cursor_skip(struct cursor *cursor, size_t count)
{
	(void)cursor_take(cursor, count);
}

static inline uint8_t cursor_u8(struct cursor *cursor)
{
	const uint8_t *at = cursor_take(cursor, 1);

	return at ? at[0] : 0;
}

static inline struct be16 cursor_be16(struct cursor *cursor)
{
	const uint8_t *at = cursor_take(cursor, 2);
	struct be16 value = { 0 };

	if (at)
		memcpy(&value.raw, at, 2);
	return value;
}

static inline struct be32 cursor_be32(struct cursor *cursor)
{
	const uint8_t *at = cursor_take(cursor, 4);
	struct be32 value = { 0 };

	if (at)
		memcpy(&value.raw, at, 4);
	return value;
}

#endif
