/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/path_mtu.h"

#include <stdlib.h>

#include "conntrack/checksum.h"
#include "conntrack/hash.h"
#include "conntrack/parse.h"
#include "conntrack/tally.h"

#define ENTRY_NONE UINT32_MAX

struct path_mtu {
	struct address destination;
	struct mono learned;
	uint32_t hash_next;
	uint32_t older, younger;
	uint16_t mtu;
};

struct path_mtus {
	struct path_mtu *entries;
	uint32_t *buckets;
	uint32_t bucket_mask, capacity, used;
	uint32_t oldest, youngest;
	uint64_t key[2];
};

struct path_mtus *path_mtus_create(uint32_t capacity, const uint64_t key[2])
{
	struct path_mtus *mtus = calloc(1, sizeof(*mtus));
	uint32_t buckets = 1;

	if (!mtus)
		return NULL;
	while (buckets < capacity)
		buckets *= 2;
	mtus->entries = calloc(capacity, sizeof(*mtus->entries));
	mtus->buckets = malloc(buckets * sizeof(*mtus->buckets));
	if (!mtus->entries || !mtus->buckets) {
		path_mtus_destroy(mtus);
		return NULL;
	}
	memset(mtus->buckets, 0xff, buckets * sizeof(*mtus->buckets));
	memcpy(mtus->key, key, sizeof(mtus->key));
	mtus->bucket_mask = buckets - 1;
	mtus->capacity = capacity;
	mtus->oldest = mtus->youngest = ENTRY_NONE;
	return mtus;
}

void path_mtus_destroy(struct path_mtus *mtus)
{
	if (!mtus)
		return;
	free(mtus->entries);
	free(mtus->buckets);
	free(mtus);
}

/* ------------------------------------------------------------------- the table */

static uint32_t *bucket_of(const struct path_mtus *mtus, const struct address *destination)
{
	struct address network = tally_key(destination);

	return &mtus->buckets[(uint32_t)hash_bytes(mtus->key, &network, sizeof(network)) & mtus->bucket_mask];
}

static uint32_t find(const struct path_mtus *mtus, const struct address *destination)
{
	uint32_t index = *bucket_of(mtus, destination);

	while (index != ENTRY_NONE && !address_equal(&mtus->entries[index].destination, destination))
		index = mtus->entries[index].hash_next;
	return index;
}

static void unhash(struct path_mtus *mtus, uint32_t index)
{
	uint32_t *link = bucket_of(mtus, &mtus->entries[index].destination);

	while (*link != index)
		link = &mtus->entries[*link].hash_next;
	*link = mtus->entries[index].hash_next;
}

static void list_remove(struct path_mtus *mtus, uint32_t index)
{
	struct path_mtu *entry = &mtus->entries[index];

	*(entry->older == ENTRY_NONE ? &mtus->oldest : &mtus->entries[entry->older].younger) = entry->younger;
	*(entry->younger == ENTRY_NONE ? &mtus->youngest : &mtus->entries[entry->younger].older) = entry->older;
}

static void list_append(struct path_mtus *mtus, uint32_t index)
{
	struct path_mtu *entry = &mtus->entries[index];

	entry->younger = ENTRY_NONE;
	entry->older = mtus->youngest;
	*(entry->older == ENTRY_NONE ? &mtus->oldest : &mtus->entries[entry->older].younger) = index;
	mtus->youngest = index;
}

/* A place for a new destination: a fresh one, or the oldest's. */
static uint32_t take_place(struct path_mtus *mtus)
{
	uint32_t index;

	if (mtus->used < mtus->capacity)
		return mtus->used++;
	index = mtus->oldest;
	unhash(mtus, index);
	list_remove(mtus, index);
	return index;
}

static bool is_young(const struct path_mtu *entry, struct mono now)
{
	return mono_ms_between(entry->learned, now) < PATH_MTU_AGE_MS;
}

bool path_mtus_learn(struct path_mtus *mtus, const struct address *destination, uint16_t mtu, struct mono now)
{
	uint32_t index = find(mtus, destination);
	struct path_mtu *entry;
	bool news;

	if (index == ENTRY_NONE) {
		uint32_t *bucket = bucket_of(mtus, destination);

		index = take_place(mtus);
		entry = &mtus->entries[index];
		*entry = (struct path_mtu){ .destination = *destination, .hash_next = *bucket };
		*bucket = index;
		news = true;
	} else {
		entry = &mtus->entries[index];
		news = !is_young(entry, now) || mtu < entry->mtu;
		if (!news && mtu > entry->mtu)
			return false;
		list_remove(mtus, index);
	}
	entry->mtu = mtu;
	entry->learned = now;
	list_append(mtus, index);
	return news;
}

uint16_t path_mtus_lookup(const struct path_mtus *mtus, const struct address *destination, struct mono now)
{
	uint32_t index = mtus->used ? find(mtus, destination) : ENTRY_NONE;

	return index != ENTRY_NONE && is_young(&mtus->entries[index], now) ? mtus->entries[index].mtu : 0;
}

uint16_t path_mtus_lookup_network(const struct path_mtus *mtus, const struct address *address, struct mono now)
{
	struct address network = tally_key(address), other;
	uint16_t lowest = 0;

	for (uint32_t index = *bucket_of(mtus, address); index != ENTRY_NONE; index = mtus->entries[index].hash_next) {
		const struct path_mtu *entry = &mtus->entries[index];

		other = tally_key(&entry->destination);
		if (address_equal(&other, &network) && is_young(entry, now) && (!lowest || entry->mtu < lowest))
			lowest = entry->mtu;
	}
	return lowest;
}

uint32_t path_mtus_count(const struct path_mtus *mtus, struct mono now)
{
	uint32_t count = 0;

	for (uint32_t index = mtus->youngest; index != ENTRY_NONE && is_young(&mtus->entries[index], now);
	     index = mtus->entries[index].older)
		count++;
	return count;
}

/* ------------------------------------------------------------- what errors say */

/* The length of the packet that was too big, by its own header. */
static uint32_t quoted_length(const struct packet *error)
{
	const uint8_t *quoted = error->bytes + error->icmp.quote.l3_offset;

	if (error->family == FAMILY_IPV4)
		return be16_to_host((struct be16){ checksum_load16(quoted + 2) });
	return 40U + be16_to_host((struct be16){ checksum_load16(quoted + 4) });
}

static bool is_too_big(const struct packet *error)
{
	if (error->tuple.protocol == PROTOCOL_ICMPV6)
		return error->icmp.type == ICMP6_TYPE_PACKET_TOO_BIG;
	return error->icmp.type == ICMP4_TYPE_UNREACHABLE && error->icmp.code == ICMP4_CODE_FRAGMENTATION_NEEDED;
}

uint16_t path_mtu_of_error(const struct packet *error)
{
	/* The steps in use on the Internet (RFC 1191 table 7-1), and what tunnels have made of Ethernet since. */
	static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1400, 1280, 1006, PATH_MTU_LEAST_4 };
	size_t i = 0;

	if (!is_too_big(error))
		return 0;
	if (error->icmp.mtu || error->family == FAMILY_IPV6)
		return error->icmp.mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)error->icmp.mtu;
	while (i + 1 < sizeof(plateaus) / sizeof(plateaus[0]) && plateaus[i] >= quoted_length(error))
		i++;
	return plateaus[i];
}

bool path_mtu_plausible(const struct packet *error)
{
	uint16_t mtu = path_mtu_of_error(error);

	return !is_too_big(error) || (mtu >= path_mtu_least(error->family) && mtu < quoted_length(error));
}
