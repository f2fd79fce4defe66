/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * By which interface would the kernel reach an address? Asked of the kernel itself,
 * so that policy routing, several tables and several next hops count.
 *
 * Only rules with a fib expression ask, and only for packets that come as far as
 * these rules: a question is one system call, a few microseconds.
 */
#ifndef SLUICE_DAEMON_ROUTES_H
#define SLUICE_DAEMON_ROUTES_H

#include "sluice/tuple.h"

struct loop;
struct routes;

/* Return: 0, or negative errno. */
int routes_create(struct routes **routes);
void routes_destroy(struct routes *routes);

/**
 * routes_interface() - the interface towards @address
 * @via_interface: only routes by this interface count; 0: any
 * @mark: of the packet, for rules of policy routing
 *
 * Return: its index; 0 when there is no such route, or it leads nowhere.
 */
uint32_t routes_interface(struct routes *routes, const struct address *address, uint32_t via_interface, uint32_t mark);

/** struct route - how a packet goes on: @next_hop is the destination itself on the same link; @mtu 0: the link's */
struct route {
	uint32_t interface;
	struct address next_hop;
	uint32_t mtu;
};

/**
 * routes_forward() - the way of a packet that came in by @interface and is not for this machine
 * @mark: of the packet
 *
 * Return: false when the kernel would not forward it, or by several ways at once.
 */
bool routes_forward(struct routes *routes, const struct address *source, const struct address *destination,
		    uint32_t interface, uint32_t mark, struct route *route);

/* What routes_forward() was answered is remembered for a second at most; forget it: interfaces have changed. */
void routes_forget(struct routes *routes);

/**
 * routes_follow() - call @changed soon after any route, routing rule or switch for forwarding has changed
 * Return: 0, or negative errno.
 */
int routes_follow(struct routes *routes, struct loop *loop, void (*changed)(void *context), void *context);

#endif
