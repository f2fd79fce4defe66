/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's own nft table, `inet sluice`: which packets the kernel hands over.
 */
#ifndef SLUICE_DAEMON_KERNEL_TABLE_H
#define SLUICE_DAEMON_KERNEL_TABLE_H

#include "sluice/ruleset.h"

#define KERNEL_TABLE_NAME "sluice"

struct kernel_table;

/** kernel_table_create() - Return: 0, or negative errno. Nothing is installed yet. */
int kernel_table_create(struct kernel_table **table);

/**
 * kernel_table_apply() - install the table for @configuration, or change it to that
 * @message: receives why it failed, a static text
 *
 * One atomic batch. What an earlier process left behind is replaced by it, so that
 * no packet passes unseen in between.
 * Return: 0; -EBUSY: another process owns the table; -EPERM: no CAP_NET_ADMIN; or
 * another negative errno. Then the kernel has what it had before.
 */
int kernel_table_apply(struct kernel_table *table, const struct configuration *configuration,
		       const struct link_table *links, const char **message);

/**
 * kernel_table_set_links() - follow a change of interfaces or addresses
 *
 * Does nothing when the change does not concern the table.
 * Return: 0, or negative errno: the kernel keeps what it had.
 */
int kernel_table_set_links(struct kernel_table *table, const struct configuration *configuration,
			   const struct link_table *links);

/** kernel_table_protected() - whether the kernel keeps others from changing the table that was applied */
bool kernel_table_protected(const struct kernel_table *table);

/** kernel_table_port() - the netlink port by which the kernel's news name what we have changed ourselves */
uint32_t kernel_table_port(const struct kernel_table *table);

/** kernel_table_present() - ask the kernel whether it has the table, whosever it is; no answer counts as yes */
bool kernel_table_present(struct kernel_table *table);

/** kernel_table_forget() - somebody has changed it: the next kernel_table_apply() makes it anew, whole */
void kernel_table_forget(struct kernel_table *table);

/**
 * kernel_table_scatter() - share the sources out among the queues anew, at random
 *
 * Who shared a queue with a flood does so no longer, but for one in SETTINGS_QUEUES_BY_SOURCE.
 * Packets of one flow may change places once.
 * Return: 0, or negative errno: then all is as before.
 */
int kernel_table_scatter(struct kernel_table *table, const struct configuration *configuration);

/**
 * kernel_table_remove() - take the table out of the kernel, if it is ours
 * Return: 0, or negative errno.
 */
int kernel_table_remove(struct kernel_table *table);

/** kernel_table_destroy() - let go of it; a table that was not removed stays, waiting for the next owner */
void kernel_table_destroy(struct kernel_table *table);

#endif
