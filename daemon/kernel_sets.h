/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which addresses the kernel's table has to know: the external ones, whose packets
 * the engine must see before routing, and all that are the machine's own.
 */
#ifndef SLUICE_DAEMON_KERNEL_SETS_H
#define SLUICE_DAEMON_KERNEL_SETS_H

#include "sluice/ruleset.h"

enum kernel_set {
	KERNEL_SET_EXTERNAL4,
	KERNEL_SET_EXTERNAL6,
	KERNEL_SET_LOCAL4,
	KERNEL_SET_LOCAL6,
	KERNEL_SET_COUNT,
};

/** struct kernel_set_ranges - ascending, neither overlapping nor adjacent */
struct kernel_set_ranges {
	struct address_range *list;
	size_t count;
};

struct kernel_sets {
	struct kernel_set_ranges set[KERNEL_SET_COUNT];
};

/**
 * kernel_sets_init() - work out the sets' contents
 * @prefilter: names the interfaces and addresses that source NAT uses
 *
 * Link-local IPv6 addresses are never external: neighbour discovery lives on them.
 * Return: 0, or -ENOMEM.
 */
int kernel_sets_init(struct kernel_sets *sets, const struct prefilter *prefilter, const struct link_table *links);
void kernel_sets_fini(struct kernel_sets *sets);

bool kernel_sets_equal(const struct kernel_sets *a, const struct kernel_sets *b);

/** address_next() - count @address up by one; false when it was the family's last */
bool address_next(struct address *address);

/** interface_matches() - does @name fit @pattern, whose trailing '*' matches a prefix? */
bool interface_matches(const char *pattern, const char *name);

#endif
