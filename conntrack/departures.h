/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * External addresses that the machine no longer has, and the sessions on them that
 * have still to end.
 *
 * Theory of operation. Very many sessions can live on one address. To end them at
 * once would hold up all packets for as long as it takes to look at the whole table, and
 * what they leave to be told would not find room. So the table is walked once, a
 * piece at a time. Until the walk comes by, a packet of such a session ends it on
 * the spot and is looked at as the first of a new one: nothing goes on by an
 * address that is gone. Slots behind the walk hold what began since.
 */
#ifndef SLUICE_CONNTRACK_DEPARTURES_H
#define SLUICE_CONNTRACK_DEPARTURES_H

#include "sluice/tuple.h"

#define DEPARTURES 16

struct engine;

/** struct departures - @next: the first slot of the table that was not looked at */
struct departures {
	struct address list[DEPARTURES];
	unsigned int count;
	uint32_t next;
};

/** departures_begin() - @address is gone: what lives on it is to end */
void departures_begin(struct engine *engine, const struct address *address);

/** departures_hold() - lives the session at @index on an address that is gone? */
bool departures_hold(const struct engine *engine, uint32_t index);

/**
 * departures_step() - end some of them
 * @budget: sessions that may end, lowered by those that did
 *
 * Return: whether any are left.
 */
bool departures_step(struct engine *engine, unsigned int *budget);

/** departures_finish() - end all that are left, when @address (NULL: any) is one of those that are gone */
void departures_finish(struct engine *engine, const struct address *address);

#endif
