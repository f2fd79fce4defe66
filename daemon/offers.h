/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions that the engine has offered to the fast path, until they are put into it.
 */
#ifndef SLUICE_DAEMON_OFFERS_H
#define SLUICE_DAEMON_OFFERS_H

#include "sluice/effects.h"

/* More than wait in any but the longest rush; what finds no room is offered again by its next packets. */
#define OFFERS 4096u

struct shell;

/**
 * struct offer - what EFFECT_INSTALL says
 * @at: when it was made
 * @direction, @iif, @mark: of the packet after which it was made
 */
struct offer {
	struct session_handle handle;
	struct mono at;
	enum direction direction;
	uint32_t iif, mark;
};

/**
 * struct offers - start with zeros
 * @postponed: so many found no room
 */
struct offers {
	struct offer list[OFFERS];
	uint32_t first, count;
	uint64_t postponed;
};

void offers_add(struct offers *offers, const struct effect *effect);

/**
 * offers_take_up() - put sessions into the fast path, in the order they were offered
 * @drained: no packets wait in the queue
 *
 * A session's packets that wait there would be overtaken by its next ones. So while any wait, only those
 * offers are taken up that have waited long enough. It takes about a millisecond at most, and returns.
 */
void offers_take_up(struct shell *shell, bool drained);

/* What could not be installed, all told. */
struct fastpath_failures offers_failures(const struct shell *shell);

#endif
