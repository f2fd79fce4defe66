/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/locality.h"

static bool is_loopback(const struct address *address)
{
	static const struct address one = { .bytes = { [15] = 1 } };

	return address_is_ipv4(address) ? address->bytes[12] == 127 : address_equal(address, &one);
}

static bool is_multicast(const struct address *address)
{
	return address_is_ipv4(address) ? (address->bytes[12] & 0xf0) == 0xe0 : address->bytes[0] == 0xff;
}

static uint32_t ipv4_value(const struct address *address)
{
	struct be32 value;

	memcpy(&value.raw, address->bytes + 12, sizeof(value.raw));
	return be32_to_host(value);
}

/* The last address of an interface's own network (RFC 919); /31 and /32 have none. */
static bool is_directed_broadcast(const struct link_address *own, const struct address *address)
{
	uint32_t hosts;

	if (!address_is_ipv4(&own->address) || own->prefix_length > 30)
		return false;
	hosts = UINT32_MAX >> own->prefix_length;
	return ipv4_value(address) == (ipv4_value(&own->address) | hosts);
}

enum address_type locality_of(const struct link_table *links, const struct address *address, const struct link *link)
{
	if (is_multicast(address))
		return ADDRESS_TYPE_MULTICAST;
	if (address_is_ipv4(address) && ipv4_value(address) == UINT32_MAX)
		return ADDRESS_TYPE_BROADCAST;
	if (is_loopback(address))
		return !link || link->loopback ? ADDRESS_TYPE_LOCAL : ADDRESS_TYPE_UNICAST;
	for (size_t i = 0; i < links->count; i++) {
		const struct link *candidate = &links->links[i];

		if (link && candidate->index != link->index)
			continue;
		for (unsigned int j = 0; j < candidate->address_count; j++) {
			if (address_equal(&candidate->addresses[j].address, address))
				return ADDRESS_TYPE_LOCAL;
			if (address_is_ipv4(address) && is_directed_broadcast(&candidate->addresses[j], address))
				return ADDRESS_TYPE_BROADCAST;
		}
	}
	return ADDRESS_TYPE_UNICAST;
}

bool locality_on_link(const struct link *link, const struct address *address)
{
	for (unsigned int i = 0; i < link->address_count; i++) {
		const struct link_address *own = &link->addresses[i];
		unsigned int bits = own->prefix_length + (address_is_ipv4(&own->address) ? 96U : 0U), bit = 0;

		while (bit < bits && !((own->address.bytes[bit / 8] ^ address->bytes[bit / 8]) & 0x80 >> bit % 8))
			bit++;
		if (bit == bits)
			return true;
	}
	return false;
}
