/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest packet of a given tuple, for questions about packets that are not there: a
 * SYN or a bare acknowledgement, an empty datagram, an echo request or reply.
 */
#ifndef SLUICE_CONNTRACK_PROBE_H
#define SLUICE_CONNTRACK_PROBE_H

#include "sluice/packet.h"

/* The largest that probe_compose() makes: IPv6 and a TCP header with an MSS option. */
#define PROBE_SIZE 96

/**
 * probe_compose() - write the packet into @bytes
 * @tuple: both addresses of one family
 * @first: TCP: a SYN, which opens a connection; false: a packet of one that is open
 *
 * Transport checksums are left 0: whoever uses it vouches for them.
 * Return: its length, 0 when no packet has such a tuple.
 */
size_t probe_compose(const struct tuple *tuple, bool first, uint8_t bytes[PROBE_SIZE]);

/* Gives a GRE packet that probe_compose() made for @tuple a key (RFC 2890), in host order. */
void probe_put_key(const struct tuple *tuple, uint32_t key, uint8_t bytes[PROBE_SIZE]);

#endif
