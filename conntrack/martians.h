/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which interface may a source come in by? An address of a network that is connected
 * to one interface is a martian when it comes in by another (RFC 1812 section 5.3.8).
 *
 * Theory of operation. Every packet is asked, also one that has a session: otherwise
 * whoever is outside could speak for an inside host on its established connections. So
 * the answer is computed when the interfaces change: the connected networks, nested as
 * they may be, are cut into ranges that do not overlap, and each range knows the one
 * interface of its longest prefix. A packet costs a binary search among them.
 *
 * What is not connected to any interface may come by any: there may be several ways to
 * the same remote network, and only rules know which are meant (`fib saddr . iif oif`).
 * A network that two interfaces are connected to belongs to neither. Nor is anybody
 * judged who comes in by an interface which is another's second name (macvlan, ipvlan,
 * VRF) and has no network of its own, as VRRP uses them.
 */
#ifndef SLUICE_CONNTRACK_MARTIANS_H
#define SLUICE_CONNTRACK_MARTIANS_H

#include <stdlib.h>

#include "sluice/link.h"

/**
 * struct martians_range - from @first up to the next range's
 * @owner: index of the only interface by which its addresses come; 0: by any
 */
struct martians_range {
	struct address first;
	uint32_t owner;
};

/** struct martians - all zeros: nobody is one. @ranges ascend by their first address. */
struct martians {
	size_t count;
	struct martians_range *ranges;
};

/**
 * martians_init() - from the interfaces' own networks
 *
 * Loopback, link-local addresses, interfaces that are down and networks of length 0
 * own nothing.
 *
 * Return: 0, or -ENOMEM: then nobody is one.
 */
int martians_init(struct martians *martians, const struct link_table *links);
void martians_fini(struct martians *martians);

/** martians_hold() - can a packet from @source not have come in by @link? False for a NULL link. */
bool martians_hold(const struct martians *martians, const struct link *link, const struct address *source);

#endif
