/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys and values of the fast path's maps: shared by the program in the kernel and
 * daemon/fastpath.c. One element for each direction of a session, found by the tuple
 * its packets arrive with. No padding: the kernel compares keys as bytes.
 */
#ifndef SLUICE_DAEMON_FASTPATH_MAPS_H
#define SLUICE_DAEMON_FASTPATH_MAPS_H

#include <stdint.h>

/* Interface and protocol in one word: an index above this is not installed. */
#define FLOW_INTERFACE_MOST 0xffffffu

struct flow_key4 {
	uint32_t source, destination;
	uint16_t source_port, destination_port;
	uint32_t interface_protocol; /* index << 8 | protocol */
};

struct flow_key6 {
	uint32_t source[4], destination[4];
	uint16_t source_port, destination_port;
	uint32_t interface_protocol;
};

/**
 * struct flow - what becomes of a packet, whatever its family
 * @slot: in the array of struct fastpath_slot
 * @interface: it leaves by
 * @mtu: of that interface, or of the route
 * @direction: of struct fastpath_side
 * @moved: addresses change; @moved_ports: so do ports
 * @address_difference, @port_difference: for the transport's checksum (RFC 1624)
 */
struct flow {
	uint32_t slot;
	uint32_t interface;
	uint32_t address_difference, port_difference;
	uint16_t mtu;
	uint8_t direction;
	uint8_t moved : 1, moved_ports : 1;
	uint16_t source_port, destination_port;
};

/* @identification: counter for packets that may be fragmented, FASTPATH_IDENTIFICATION_KEPT: none */
struct flow4 {
	struct flow flow;
	uint32_t source, destination, next_hop;
	uint32_t identification;
};

struct flow6 {
	struct flow flow;
	uint32_t source[4], destination[4], next_hop[4];
};

#endif
