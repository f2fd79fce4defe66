/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose turn it is: a queue whose packets open sessions goes without some of its turns
 * as long as others have more than a batch waiting. Why: queues.c.
 */
#ifndef SLUICE_DAEMON_TURN_H
#define SLUICE_DAEMON_TURN_H

#include "sluice/types.h"

/* A packet that opens a session counts as so many. */
#define TURN_OPENING_WEIGHT 4u

/**
 * struct turn - of one queue
 * @owed: packets that it goes without, for the sessions its last batch opened
 */
struct turn {
	unsigned int owed;
};

/** turn_taken() - a batch was judged, and @opened sessions have begun by it */
static inline void turn_taken(struct turn *turn, unsigned int opened)
{
	turn->owed = opened * (TURN_OPENING_WEIGHT - 1);
}

/**
 * turn_is_let_pass() - before a batch is received
 * @others: more than a batch waits in other queues
 * @batch: packets that a turn has at most; so many are paid by a turn that is let pass
 *
 * Return: true when it is the others' turn. With nobody else to serve, all is forgiven.
 */
static inline bool turn_is_let_pass(struct turn *turn, bool others, unsigned int batch)
{
	if (!turn->owed || !others) {
		turn->owed = 0;
		return false;
	}
	turn->owed -= turn->owed < batch ? turn->owed : batch;
	return true;
}

#endif
