/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel_sets.h"

#include <errno.h>
#include <stdlib.h>

bool address_next(struct address *address)
{
	unsigned int first = address_is_ipv4(address) ? 12 : 0;
	unsigned int i = sizeof(address->bytes);

	while (i > first) {
		if (++address->bytes[--i])
			return true;
	}
	return false;
}

bool interface_matches(const char *pattern, const char *name)
{
	return link_name_matches(pattern, name);
}

static void ranges_append(struct kernel_set_ranges *ranges, const struct address *first, const struct address *last)
{
	ranges->list[ranges->count++] = (struct address_range){ .first = *first, .last = *last };
}

static bool is_external(const struct prefilter *prefilter, const struct link *link, const struct link_address *address)
{
	if (link->loopback || (!address->global && !address_is_ipv4(&address->address)))
		return false;
	for (size_t i = 0; i < prefilter->masquerade_count; i++)
		if (interface_matches(prefilter->masquerade[i], link->name))
			return true;
	return false;
}

static void collect(struct kernel_sets *sets, const struct prefilter *prefilter, const struct link_table *links)
{
	for (size_t i = 0; i < prefilter->external_count; i++) {
		const struct address_range *range = &prefilter->external[i];

		ranges_append(&sets->set[address_is_ipv4(&range->first) ? KERNEL_SET_EXTERNAL4 : KERNEL_SET_EXTERNAL6],
			      &range->first, &range->last);
	}
	for (size_t i = 0; i < links->count; i++) {
		const struct link *link = &links->links[i];

		for (unsigned int j = 0; j < link->address_count; j++) {
			const struct address *address = &link->addresses[j].address;
			bool ipv4 = address_is_ipv4(address);

			ranges_append(&sets->set[ipv4 ? KERNEL_SET_LOCAL4 : KERNEL_SET_LOCAL6], address, address);
			if (is_external(prefilter, link, &link->addresses[j]))
				ranges_append(&sets->set[ipv4 ? KERNEL_SET_EXTERNAL4 : KERNEL_SET_EXTERNAL6], address,
					      address);
		}
	}
}

static int range_compare(const void *a, const void *b)
{
	return memcmp(&((const struct address_range *)a)->first, &((const struct address_range *)b)->first,
		      sizeof(struct address));
}

static int address_compare(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* The kernel refuses intervals that overlap. */
static void ranges_merge(struct kernel_set_ranges *ranges)
{
	size_t kept = 0;

	if (!ranges->count)
		return;
	qsort(ranges->list, ranges->count, sizeof(*ranges->list), range_compare);
	for (size_t i = 1; i < ranges->count; i++) {
		struct address_range *last = &ranges->list[kept], *next = &ranges->list[i];
		struct address after = last->last;

		if (address_next(&after) && address_compare(&next->first, &after) > 0)
			ranges->list[++kept] = *next;
		else if (address_compare(&next->last, &last->last) > 0)
			last->last = next->last;
	}
	ranges->count = kept + 1;
}

int kernel_sets_init(struct kernel_sets *sets, const struct prefilter *prefilter, const struct link_table *links)
{
	size_t most = prefilter->external_count + 1;

	for (size_t i = 0; i < links->count; i++)
		most += links->links[i].address_count;
	memset(sets, 0, sizeof(*sets));
	for (unsigned int i = 0; i < KERNEL_SET_COUNT; i++) {
		sets->set[i].list = calloc(most, sizeof(struct address_range));
		if (!sets->set[i].list) {
			kernel_sets_fini(sets);
			return -ENOMEM;
		}
	}
	collect(sets, prefilter, links);
	for (unsigned int i = 0; i < KERNEL_SET_COUNT; i++)
		ranges_merge(&sets->set[i]);
	return 0;
}

void kernel_sets_fini(struct kernel_sets *sets)
{
	for (unsigned int i = 0; i < KERNEL_SET_COUNT; i++)
		free(sets->set[i].list);
	memset(sets, 0, sizeof(*sets));
}

bool kernel_sets_equal(const struct kernel_sets *a, const struct kernel_sets *b)
{
	for (unsigned int i = 0; i < KERNEL_SET_COUNT; i++) {
		if (a->set[i].count != b->set[i].count)
			return false;
		if (a->set[i].count &&
		    memcmp(a->set[i].list, b->set[i].list, a->set[i].count * sizeof(struct address_range)) != 0)
			return false;
	}
	return true;
}
