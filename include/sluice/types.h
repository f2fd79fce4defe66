/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scalars that must not be confused with one another: wire-order integers and
 * monotonic time are structs, so the compiler refuses to mix them.
 */
#ifndef SLUICE_TYPES_H
#define SLUICE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** struct be16 - a 16-bit number as it stands on the wire (big-endian) */
struct be16 {
	uint16_t raw;
};

/** struct be32 - a 32-bit number as it stands on the wire (big-endian) */
struct be32 {
	uint32_t raw;
};

static inline uint16_t be16_to_host(struct be16 value)
{
	return __builtin_bswap16(value.raw);
}

static inline struct be16 be16_from_host(uint16_t value)
{
	return (struct be16){ __builtin_bswap16(value) };
}

static inline uint32_t be32_to_host(struct be32 value)
{
	return __builtin_bswap32(value.raw);
}

static inline struct be32 be32_from_host(uint32_t value)
{
	return (struct be32){ __builtin_bswap32(value) };
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "types.h swaps bytes unconditionally: port it before building on a big-endian machine"
#endif

/**
 * struct mono - an instant on CLOCK_MONOTONIC, in nanoseconds
 *
 * The pure folders never read a clock: an instant is always an argument.
 */
struct mono {
	uint64_t ns;
};

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static inline struct mono mono_from_ms(uint64_t ms)
{
	return (struct mono){ ms * NS_PER_MS };
}

/* Whole milliseconds from @earlier to @later; 0 when @later is not later. */
static inline uint64_t mono_ms_between(struct mono earlier, struct mono later)
{
	return later.ns > earlier.ns ? (later.ns - earlier.ns) / NS_PER_MS : 0;
}

enum hook {
	HOOK_PREROUTING,
	HOOK_INPUT,
	HOOK_FORWARD,
	HOOK_OUTPUT,
	HOOK_POSTROUTING,
	HOOK_COUNT,
};

enum direction {
	DIRECTION_ORIGINAL,
	DIRECTION_REPLY,
};

static inline enum direction direction_opposite(enum direction direction)
{
	return direction == DIRECTION_ORIGINAL ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
}

enum verdict {
	VERDICT_ACCEPT,
	VERDICT_DROP,
};

#define INTERFACE_NAME_SIZE 16

#endif
