/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's interfaces and addresses, followed through rtnetlink.
 */
#ifndef SLUICE_DAEMON_LINKS_H
#define SLUICE_DAEMON_LINKS_H

#include "sluice/link.h"

struct links;
struct loop;

/**
 * links_create() - read all interfaces and addresses, and follow them from then on
 * @changed: called from the loop whenever the table has become another one
 *
 * Return: 0, or negative errno.
 */
int links_create(struct loop *loop, void (*changed)(void *context), void *context, struct links **links);
void links_destroy(struct links *links);

/** links_table() - as read last; valid until @changed is called or @links destroyed */
const struct link_table *links_table(const struct links *links);

#endif
