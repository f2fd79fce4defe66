/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which packets rules declared untracked before routing, for the hooks behind it.
 *
 * Theory of operation. A packet comes by twice, in prerouting and where it is
 * settled, and nothing but its bytes goes with it. What `notrack` said is therefore
 * remembered by tuple, in a small table of fixed size: sets of four places, found by
 * a keyed hash, the oldest given up first. Each packet is remembered anew when it
 * comes in, so an entry only has to outlive the way through the kernel's queue.
 */
#ifndef SLUICE_CONNTRACK_UNTRACKED_H
#define SLUICE_CONNTRACK_UNTRACKED_H

#include "sluice/tuple.h"
#include "sluice/types.h"

#define UNTRACKED_SETS 512
#define UNTRACKED_WAYS 4
/* Longer than a packet can wait in a queue that is worked off at all. */
#define UNTRACKED_LIFE_NS (2 * NS_PER_S)

struct untracked {
	uint64_t hash_key[2];
	struct mono newest; /* entries older than their life at this time: the table is empty */
	struct untracked_entry {
		struct tuple tuple;
		struct mono since; /* 0: free */
	} entries[UNTRACKED_SETS][UNTRACKED_WAYS];
};

/** untracked_init() - an empty table; @hash_key is secret */
void untracked_init(struct untracked *untracked, const uint64_t hash_key[2]);

/** untracked_note() - packets of @tuple are untracked from now on, for UNTRACKED_LIFE_NS */
void untracked_note(struct untracked *untracked, const struct tuple *tuple, struct mono now);

/** untracked_forget() - a packet of @tuple was not declared untracked: neither are those behind it */
void untracked_forget(struct untracked *untracked, const struct tuple *tuple, struct mono now);

/** untracked_holds() - is a packet of @tuple untracked? Costs nothing where no rule says so. */
bool untracked_holds(const struct untracked *untracked, const struct tuple *tuple, struct mono now);

#endif
