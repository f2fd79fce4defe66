/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/hosts.h"
#include "conntrack/hash.h"

#include <errno.h>
#include <stdlib.h>

static const struct address unpaired;

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
	hosts->list = calloc(capacity, sizeof(*hosts->list));
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

static uint32_t *bucket_of(const struct hosts *hosts, const struct address *internal)
{
	return &hosts->buckets[hash_bytes(hosts->key, internal, sizeof(*internal)) & hosts->bucket_mask];
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

uint32_t hosts_acquire(struct hosts *hosts, const struct address *internal, const struct address *external)
{
	uint32_t *bucket = bucket_of(hosts, internal);
	uint32_t index;

	if (!external)
		external = &unpaired;
	for (index = *bucket; index != HOST_NONE; index = hosts->list[index].next) {
		struct host *host = &hosts->list[index];

		if (address_equal(&host->internal, internal) && address_equal(&host->external, external)) {
			host->mappings++;
			return index;
		}
	}
	if (hosts->free != HOST_NONE) {
		index = hosts->free;
		hosts->free = hosts->list[index].next;
	} else if (hosts->count < hosts->capacity) {
		index = hosts->count++;
	} else {
		return HOST_NONE;
	}
	hosts->list[index] = (struct host){
		.internal = *internal,
		.external = *external,
		.mappings = 1,
		.next = *bucket,
	};
	*bucket = index;
	return index;
}

void hosts_release(struct hosts *hosts, uint32_t index)
{
	struct host *host = &hosts->list[index];
	uint32_t *link;

	if (--host->mappings)
		return;
	link = bucket_of(hosts, &host->internal);
	while (*link != index)
		link = &hosts->list[*link].next;
	*link = host->next;
	host->next = hosts->free;
	hosts->free = index;
}

uint32_t hosts_mappings(const struct hosts *hosts, const struct address *internal)
{
	uint32_t sum = 0;

	for (uint32_t i = *bucket_of(hosts, internal); i != HOST_NONE; i = hosts->list[i].next)
		if (address_equal(&hosts->list[i].internal, internal))
			sum += hosts->list[i].mappings;
	return sum;
}
