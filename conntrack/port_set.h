/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port sets of MAP-E and MAP-T (RFC 7597 section 5.1): an IPv4 address is shared by
 * several gateways, each of which has the ports that carry its identifier (PSID).
 *
 *	 0          a-1 a         a+k-1 a+k        15
 *	+---------------+---------------+------------+
 *	| any, not zero |     PSID      |    any     |
 *	+---------------+---------------+------------+
 *
 * So the ports lie scattered in up to 2^a - 1 runs of 2^(16-a-k). With an offset a
 * of 0 there is one run. For an allocator they are all there is: the rest is reserved.
 */
#ifndef CONNTRACK_PORT_SET_H
#define CONNTRACK_PORT_SET_H

#include "conntrack/ports.h"
#include "sluice/settings.h"

/* The set that says which ports of @address are ours, or NULL: all of them. */
const struct settings_port_set *port_set_of(const struct settings_port_set *list, unsigned int count,
					    const struct address *address);

bool port_set_contains(const struct settings_port_set *set, uint16_t port);

/* Reserves every port that is not in the set. */
void port_set_reserve_others(const struct settings_port_set *set, struct ports *ports);

#endif
