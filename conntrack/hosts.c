/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/hosts.h"
#include "conntrack/hash.h"

#include <errno.h>
#include <stdlib.h>

static const struct address unpaired;
static const struct address network_mark = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					       0xff, 0xff, 0xff, 0xff } };

int hosts_init(struct hosts *hosts, uint32_t capacity, const uint64_t key[2])
{
	uint32_t buckets = 1;

	while (buckets < capacity)
		buckets *= 2;
	*hosts = (struct hosts){
		.capacity = capacity,
		.free = HOST_NONE,
		.bucket_mask = buckets - 1,
		.key = { key[0], key[1] },
	};
	/* Each host may be the only one of its network. */
	hosts->list = calloc(2 * (size_t)capacity, sizeof(*hosts->list));
	hosts->buckets = malloc(buckets * sizeof(*hosts->buckets));
	if (!hosts->list || !hosts->buckets) {
		hosts_fini(hosts);
		return -ENOMEM;
	}
	memset(hosts->buckets, 0xff, buckets * sizeof(*hosts->buckets));
	return 0;
}

void hosts_fini(struct hosts *hosts)
{
	free(hosts->list);
	free(hosts->buckets);
	*hosts = (struct hosts){ 0 };
}

uint64_t hosts_bytes(const struct hosts *hosts)
{
	return 2 * (uint64_t)hosts->capacity * sizeof(*hosts->list) +
	       ((uint64_t)hosts->bucket_mask + 1) * sizeof(*hosts->buckets);
}

static uint32_t *bucket_of(const struct hosts *hosts, const struct address *internal)
{
	return &hosts->buckets[hash_bytes(hosts->key, internal, sizeof(*internal)) & hosts->bucket_mask];
}

const uint32_t *hosts_prefetch(const struct hosts *hosts, const struct address *internal)
{
	const uint32_t *bucket = bucket_of(hosts, internal);

	__builtin_prefetch(bucket);
	return bucket;
}

void hosts_prefetch_entry(const struct hosts *hosts, const uint32_t *bucket)
{
	__builtin_prefetch(&hosts->list[*bucket == HOST_NONE ? hosts->count : *bucket]);
}

uint32_t hosts_paired(const struct hosts *hosts, const struct address *internal, const struct address *first,
		      const struct address *last)
{
	for (uint32_t i = *bucket_of(hosts, internal); i != HOST_NONE; i = hosts->list[i].next) {
		const struct host *host = &hosts->list[i];

		if (address_equal(&host->internal, internal) && !address_equal(&host->external, &unpaired) &&
		    memcmp(&host->external, first, sizeof(*first)) >= 0 &&
		    memcmp(&host->external, last, sizeof(*last)) <= 0)
			return i;
	}
	return HOST_NONE;
}

static uint32_t find_in(const struct hosts *hosts, uint32_t index, const struct address *internal,
			const struct address *external)
{
	while (index != HOST_NONE && (!address_equal(&hosts->list[index].internal, internal) ||
				      !address_equal(&hosts->list[index].external, external)))
		index = hosts->list[index].next;
	return index;
}

static uint32_t find_entry(const struct hosts *hosts, const struct address *internal, const struct address *external)
{
	return find_in(hosts, *bucket_of(hosts, internal), internal, external);
}

static uint32_t acquire_entry(struct hosts *hosts, const struct address *internal, const struct address *external)
{
	uint32_t *bucket = bucket_of(hosts, internal);
	uint32_t index = find_in(hosts, *bucket, internal, external);
	bool network = address_equal(external, &network_mark);

	if (index != HOST_NONE) {
		hosts->list[index].mappings++;
		return index;
	}
	if (!network && hosts->used == hosts->capacity)
		return HOST_NONE;
	index = hosts->free;
	if (index != HOST_NONE)
		hosts->free = hosts->list[index].next;
	else
		index = hosts->count++;
	hosts->used += !network;
	hosts->list[index] = (struct host){
		.internal = *internal,
		.external = *external,
		.mappings = 1,
		.next = *bucket,
	};
	*bucket = index;
	return index;
}

static void release_entry(struct hosts *hosts, uint32_t index)
{
	struct host *host = &hosts->list[index];
	uint32_t *link;

	if (--host->mappings)
		return;
	hosts->used -= !address_equal(&host->external, &network_mark);
	link = bucket_of(hosts, &host->internal);
	while (*link != index)
		link = &hosts->list[*link].next;
	*link = host->next;
	host->next = hosts->free;
	hosts->free = index;
}

static struct address network_of(const struct address *internal)
{
	struct address network = *internal;

	memset(network.bytes + 8, 0, 8);
	return network;
}

uint32_t hosts_acquire(struct hosts *hosts, const struct address *internal, const struct address *external)
{
	uint32_t index = acquire_entry(hosts, internal, external ? external : &unpaired);
	struct address network = network_of(internal);

	if (index != HOST_NONE && !address_is_ipv4(internal))
		(void)acquire_entry(hosts, &network, &network_mark);
	return index;
}

void hosts_release(struct hosts *hosts, uint32_t index)
{
	struct address internal = hosts->list[index].internal, network = network_of(&internal);

	release_entry(hosts, index);
	if (!address_is_ipv4(&internal))
		release_entry(hosts, find_entry(hosts, &network, &network_mark));
}

uint32_t hosts_mappings(const struct hosts *hosts, const struct address *internal)
{
	struct address network = network_of(internal);
	uint32_t sum = 0, index;

	if (!address_is_ipv4(internal)) {
		index = find_entry(hosts, &network, &network_mark);
		return index == HOST_NONE ? 0 : hosts->list[index].mappings;
	}
	for (uint32_t i = *bucket_of(hosts, internal); i != HOST_NONE; i = hosts->list[i].next)
		if (address_equal(&hosts->list[i].internal, internal))
			sum += hosts->list[i].mappings;
	return sum;
}

uint32_t hosts_mappings_on(const struct hosts *hosts, const struct address *internal, const struct address *external)
{
	uint32_t sum = 0;

	if (!address_is_ipv4(internal))
		return hosts_mappings(hosts, internal);
	for (uint32_t i = *bucket_of(hosts, internal); i != HOST_NONE; i = hosts->list[i].next) {
		const struct host *host = &hosts->list[i];

		if (address_equal(&host->internal, internal) &&
		    (address_equal(&host->external, external) || address_equal(&host->external, &unpaired)))
			sum += host->mappings;
	}
	return sum;
}
