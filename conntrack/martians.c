/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/martians.h"

#include <endian.h>
#include <errno.h>

/* The network that an address makes its interface a neighbour of; of a point-to-point link, the peer's. */
struct network {
	struct address first, last;
	unsigned int bits; /* of 128 */
	uint32_t owner;
};

static int address_compare(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool owns_network(const struct link *link, const struct link_address *own)
{
	return link->up && !link->loopback && own->global && own->prefix_length > 0;
}

static struct network network_of(const struct link *link, const struct link_address *own)
{
	const struct address *address = address_is_unspecified(&own->peer) ? &own->address : &own->peer;
	struct network network = { *address, *address, own->prefix_length, link->index };

	if (address_is_ipv4(address))
		network.bits += 96;
	for (unsigned int bit = network.bits; bit < 128; bit++) {
		network.first.bytes[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
		network.last.bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	}
	return network;
}

/* The address behind @address; false: there is none. */
static bool address_after(struct address *address)
{
	for (unsigned int i = sizeof(address->bytes); i-- > 0;)
		if (++address->bytes[i] != 0)
			return true;
	return false;
}

/* The interface of the longest network around @address; 0: there is none, or two have it. */
static uint32_t owner_of(const struct network *networks, size_t count, const struct address *address)
{
	unsigned int longest = 0;
	uint32_t owner = 0;

	for (size_t i = 0; i < count; i++) {
		const struct network *network = &networks[i];

		if (network->bits < longest || address_compare(address, &network->first) < 0 ||
		    address_compare(address, &network->last) > 0)
			continue;
		owner = network->bits > longest || owner == network->owner ? network->owner : 0;
		longest = network->bits;
	}
	return owner;
}

static int range_compare(const void *a, const void *b)
{
	return address_compare(&((const struct martians_range *)a)->first, &((const struct martians_range *)b)->first);
}

/* Who owns a network may change only where one begins and behind its end. */
static void cut(struct martians *martians, const struct network *networks, size_t count)
{
	struct martians_range *ranges = martians->ranges;
	size_t edges = 0, kept = 0;

	for (size_t i = 0; i < count; i++) {
		ranges[edges++].first = networks[i].first;
		ranges[edges].first = networks[i].last;
		edges += address_after(&ranges[edges].first);
	}
	qsort(ranges, edges, sizeof(*ranges), range_compare);
	for (size_t i = 0; i < edges; i++) {
		uint32_t owner = owner_of(networks, count, &ranges[i].first);

		if (owner != (kept ? ranges[kept - 1].owner : 0))
			ranges[kept++] = (struct martians_range){ ranges[i].first, owner };
	}
	martians->count = kept;
}

int martians_init(struct martians *martians, const struct link_table *links)
{
	struct network *networks;
	size_t room = 1, count = 0;

	*martians = (struct martians){ 0 };
	for (size_t i = 0; i < links->count; i++)
		room += links->links[i].address_count;
	networks = malloc(room * sizeof(*networks));
	martians->ranges = malloc(2 * room * sizeof(*martians->ranges));
	if (!networks || !martians->ranges) {
		free(networks);
		martians_fini(martians);
		return -ENOMEM;
	}
	for (size_t i = 0; i < links->count; i++)
		for (unsigned int j = 0; j < links->links[i].address_count; j++)
			if (owns_network(&links->links[i], &links->links[i].addresses[j]))
				networks[count++] = network_of(&links->links[i], &links->links[i].addresses[j]);
	cut(martians, networks, count);
	free(networks);
	return 0;
}

void martians_fini(struct martians *martians)
{
	free(martians->ranges);
	*martians = (struct martians){ 0 };
}

/* The second name of another interface, whose neighbours come in by it. */
static bool is_only_an_alias(const struct link *link)
{
	if (!link->alias)
		return false;
	for (unsigned int i = 0; i < link->address_count; i++)
		if (link->addresses[i].global &&
		    link->addresses[i].prefix_length < (address_is_ipv4(&link->addresses[i].address) ? 32 : 128))
			return false;
	return true;
}

/* address_compare() <= 0, for every packet: eight bytes at a time, and no branch to guess wrong. */
static bool begins_by(const struct address *first, const struct address *source)
{
	uint64_t a[2], b[2];

	memcpy(a, first->bytes, sizeof(a));
	memcpy(b, source->bytes, sizeof(b));
	for (int i = 0; i < 2; i++) {
		a[i] = be64toh(a[i]);
		b[i] = be64toh(b[i]);
	}
	return (a[0] < b[0]) | ((a[0] == b[0]) & (a[1] <= b[1]));
}

bool martians_hold(const struct martians *martians, const struct link *link, const struct address *source)
{
	size_t low = 0, high = martians->count;

	if (!link || link->loopback)
		return false;
	/* The last range that begins at the source or before it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		bool below = begins_by(&martians->ranges[middle].first, source);

		low = below ? middle + 1 : low;
		high = below ? high : middle;
	}
	if (low == 0 || !martians->ranges[low - 1].owner || martians->ranges[low - 1].owner == link->index)
		return false;
	return !is_only_an_alias(link);
}
