/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions refused: which cause, of which pool, from where to where. Counted, the
 * latest of each cause remembered for alerts, and answered as `refuse-with` says.
 */
#ifndef CONNTRACK_REFUSAL_H
#define CONNTRACK_REFUSAL_H

#include "sluice/snapshot.h"

/**
 * struct refusal_note - the latest refusal of one cause
 * @tuple: as the source sent it
 * @pool: the external address that had no port; unspecified: no pool is to blame
 * @rate: of source-quota: it was too fast, not too much
 */
struct refusal_note {
	struct mono at;
	struct tuple tuple;
	struct address pool;
	bool rate;
};

/* The cause for which a packet dropped for @reason was refused; false: it was not refused, but dropped. */
bool refusal_cause(enum reason reason, enum refusal *cause);

struct passage;

/* A packet is dropped for @reason: takes note if that is a refusal. Its bytes may be rewritten back. */
void refusal_take_note(struct passage *passage, enum reason reason);

#endif
