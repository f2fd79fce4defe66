/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyed hashing of what remote parties choose.
 *
 * SipHash (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) with
 * one round a word and three at the end. Who does not know the key can neither
 * aim at one bucket nor learn the key from the order of a listing, which seeded
 * xxHash does not promise: XXH3 has collisions that hold for every seed. All of it
 * is inline, so that the length is a constant where it is one.
 *
 * A 38-byte tuple costs about 10 ns, 16 where the next step waits for it.
 */
#ifndef CONNTRACK_HASH_H
#define CONNTRACK_HASH_H

#include "sluice/tuple.h"

struct hash_state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t hash_rotate(uint64_t value, unsigned int bits)
{
	return value << bits | value >> (64 - bits);
}

static inline void hash_round(struct hash_state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = hash_rotate(s->v1, 13) ^ s->v0;
	s->v3 = hash_rotate(s->v3, 16) ^ s->v2;
	s->v0 = hash_rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = hash_rotate(s->v1, 17) ^ s->v2;
	s->v3 = hash_rotate(s->v3, 21) ^ s->v0;
	s->v2 = hash_rotate(s->v2, 32);
}

static inline struct hash_state hash_begin(const uint64_t key[2])
{
	return (struct hash_state){
		.v0 = key[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = key[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = key[1] ^ UINT64_C(0x7465646279746573),
	};
}

static inline void hash_word(struct hash_state *s, uint64_t word)
{
	s->v3 ^= word;
	hash_round(s);
	s->v0 ^= word;
}

static inline uint64_t hash_end(struct hash_state *s)
{
	s->v2 ^= 0xff;
	hash_round(s);
	hash_round(s);
	hash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/**
 * hash_bytes() - SipHash-1-3 of @length bytes
 * @key: 128 secret bits
 *
 * Give @length as a constant where possible: the loop then unrolls.
 */
static inline uint64_t hash_bytes(const uint64_t key[2], const void *bytes, size_t length)
{
	struct hash_state state = hash_begin(key);
	const uint8_t *at = bytes;
	uint64_t word, last = (uint64_t)length << 56;
	size_t left = length;

	for (; left >= 8; left -= 8, at += 8) {
		memcpy(&word, at, 8);
		hash_word(&state, word);
	}
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)at[i] << (8 * i);
	hash_word(&state, last);
	return hash_end(&state);
}

/* The same as hash_bytes() of the whole tuple, cut to 32 bits. */
static inline uint32_t hash_tuple(const uint64_t key[2], const struct tuple *tuple)
{
	struct hash_state state = hash_begin(key);
	const uint8_t *at = (const uint8_t *)tuple;
	uint64_t words[4];
	uint32_t low;
	uint16_t high;

	memcpy(words, at, 32);
	memcpy(&low, at + 32, 4);
	memcpy(&high, at + 36, 2);
	hash_word(&state, words[0]);
	hash_word(&state, words[1]);
	hash_word(&state, words[2]);
	hash_word(&state, words[3]);
	hash_word(&state, (uint64_t)sizeof(*tuple) << 56 | (uint64_t)high << 32 | low);
	return (uint32_t)hash_end(&state);
}

/**
 * hash_scale() - a hash or random number as an index below @count, without division
 *
 * Uses the upper bits; the bias is below @count / 2^32.
 */
static inline uint32_t hash_scale(uint32_t hash, uint32_t count)
{
	return (uint32_t)((uint64_t)hash * count >> 32);
}

#endif
