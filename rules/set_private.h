/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between set.c, which is used for packets, and set_build.c, which is not. */
#ifndef SLUICE_RULES_SET_PRIVATE_H
#define SLUICE_RULES_SET_PRIVATE_H

#include "rules/set.h"

uint32_t set_hash(const struct set *set, const uint8_t *key, uint32_t group);

/** set_key_number() - a key of 8 bytes or less as a number of the same order */
static inline uint64_t set_key_number(const uint8_t *key, unsigned int size)
{
	uint64_t number = 0;

	for (unsigned int i = 0; i < size; i++)
		number = number << 8 | key[i];
	return number;
}

/** set_buckets_create() - empty chains for @entries entries */
void set_buckets_create(struct set *set, struct arena *arena, uint32_t entries);

#endif
