/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between set.c, which is used for packets, and set_build.c, which is not. */
#ifndef SLUICE_RULES_SET_PRIVATE_H
#define SLUICE_RULES_SET_PRIVATE_H

#include "rules/set.h"

uint32_t set_hash(const struct set *set, const uint8_t *key, uint32_t group);

/** set_buckets_create() - empty chains for @entries entries */
void set_buckets_create(struct set *set, struct arena *arena, uint32_t entries);

#endif
