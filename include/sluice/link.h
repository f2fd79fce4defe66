/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the pure libraries know of the machine's interfaces: a plain table that
 * the shell fills from rtnetlink and hands over whole at every change.
 */
#ifndef SLUICE_LINK_H
#define SLUICE_LINK_H

#include "sluice/tuple.h"

/* Interfaces and addresses that one table can hold. */
#define LINK_ADDRESS_LIMIT 64

struct link_address {
	struct address address;
	struct address peer;   /* of a point-to-point link; unspecified otherwise */
	uint8_t prefix_length; /* in the address's own family: 0-32 or 0-128 */
	bool secondary;
	bool global; /* scope global or site, not link or host */
	bool usable; /* not tentative, not deprecated, not failed */
};

struct link {
	uint32_t index;
	char name[INTERFACE_NAME_SIZE]; /* zero padded to the end */
	uint32_t mtu;
	uint16_t type;	/* ARPHRD_* */
	uint32_t group; /* iifgroup, oifgroup */
	bool up;
	bool loopback;
	bool alias; /* a second name of another interface: macvlan, ipvlan, VRF */
	uint16_t address_count;
	struct link_address addresses[LINK_ADDRESS_LIMIT];
};

/** struct link_table - all interfaces, ascending by index */
struct link_table {
	size_t count;
	const struct link *links;
};

/* Does @name fit @pattern, whose trailing '*' matches a prefix? */
static inline bool link_name_matches(const char *pattern, const char *name)
{
	for (size_t i = 0; i < INTERFACE_NAME_SIZE; i++) {
		if (pattern[i] == '*' && (i + 1 == INTERFACE_NAME_SIZE || !pattern[i + 1]))
			return true;
		if (pattern[i] != name[i] || !name[i])
			return pattern[i] == name[i];
	}
	return true;
}

/* The interface of that index, or NULL. */
static inline const struct link *link_lookup(const struct link_table *table, uint32_t index)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->links[middle].index == index)
			return &table->links[middle];
		if (table->links[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

#endif
