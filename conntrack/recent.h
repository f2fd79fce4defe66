/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packets that were dropped last: a ring, written when a packet is dropped and
 * searched from its end when somebody asks. An accepted packet costs nothing. A flood
 * overwrites it; then what became of the others is in the counters only.
 */
#ifndef SLUICE_CONNTRACK_RECENT_H
#define SLUICE_CONNTRACK_RECENT_H

#include "sluice/reasons.h"
#include "sluice/tuple.h"

#define RECENT_DROPS 4096u

/** struct recent_entry - @place: of the rule, as in engine_private.h */
struct recent_entry {
	struct mono at;
	struct tuple tuple;
	uint8_t hook, reason;
	uint32_t place;
	uint32_t iif, oif;
};

struct recent {
	struct recent_entry *ring;
	uint64_t count; /* of all that were ever written */
};

/** recent_init() - Return: 0 or -ENOMEM. */
int recent_init(struct recent *recent);
void recent_fini(struct recent *recent);

/* The place for one more, over the oldest. */
static inline struct recent_entry *recent_add(struct recent *recent)
{
	return &recent->ring[recent->count++ % RECENT_DROPS];
}

/**
 * recent_find() - the last one of that tuple
 * @any_id: ICMP of any identifier
 *
 * Return: NULL when there is none.
 */
const struct recent_entry *recent_find(const struct recent *recent, const struct tuple *tuple, bool any_id);

#endif
