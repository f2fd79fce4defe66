/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kind of address is that, by the machine's interfaces alone?
 */
#ifndef SLUICE_CONNTRACK_LOCALITY_H
#define SLUICE_CONNTRACK_LOCALITY_H

#include "sluice/ruleset.h"

/**
 * locality_of() - local, broadcast, multicast or another's
 * @link: a local address counts only on that interface; NULL: on any
 *
 * What only the routing table knows (unreachable, blackhole) is unicast here.
 */
enum address_type locality_of(const struct link_table *links, const struct address *address, const struct link *link);

/** locality_on_link() - does the address belong to one of the interface's own networks? */
bool locality_on_link(const struct link *link, const struct address *address);

#endif
