/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interfaces of a replay. A capture says of a packet neither where it came in
 * nor where it would go: both follow from the addresses.
 */
#ifndef SLUICE_DAEMON_REPLAY_LINKS_H
#define SLUICE_DAEMON_REPLAY_LINKS_H

#include "sluice/ruleset.h"

/**
 * struct replay_links
 * @table: ascending by index, as struct link_table wants it
 * @fallback: index of the interface by which everything goes that no prefix holds; 0: none
 */
struct replay_links {
	struct link_table table;
	struct link *list;
	uint32_t fallback;
};

/**
 * replay_links_parse() - interfaces in words
 * @specs: NAME=ADDRESS/LENGTH[,ADDRESS/LENGTH...][,mtu=N][,default] each; without
 *	`default` the last one is where everything goes that no prefix holds
 * @error: receives what is wrong, in words
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int replay_links_parse(struct replay_links *links, char *const *specs, size_t count, char *error, size_t size);

/* The interfaces of this machine, its default route included. Return: 0 or negative errno. */
int replay_links_machine(struct replay_links *links);
void replay_links_fini(struct replay_links *links);

/* The interface by which @address is reached: longest prefix, else the fallback. */
uint32_t replay_links_route(const struct replay_links *links, const struct address *address);

/* Is it one of the gateway's own addresses? */
bool replay_links_own(const struct replay_links *links, const struct address *address);

/* Would a packet to @address end at the gateway: its own, a broadcast, a group? */
bool replay_links_ends_here(const struct replay_links *links, const struct address *address);

/* What rules may ask about routes and addresses; valid as long as @links is. */
struct oracle replay_links_oracle(struct replay_links *links);

#endif
