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
uint32_t routes_interface(struct routes *routes, const struct address *address, uint32_t via_interface,
			  uint32_t mark);

#endif
