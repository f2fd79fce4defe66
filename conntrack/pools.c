/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/pools.h"
#include "conntrack/hash.h"

#include <errno.h>
#include <stdlib.h>

/* ---------------------------------------------------------- ranges of addresses */

static uint64_t address_part(const struct address *address, size_t offset)
{
	uint64_t raw;

	memcpy(&raw, address->bytes + offset, sizeof(raw));
	return __builtin_bswap64(raw);
}

/* As memcmp() orders them, but without a call: whole slabs are searched by this. */
static bool address_at_most(const struct address *a, const struct address *b)
{
	uint64_t high_a = address_part(a, 0), high_b = address_part(b, 0);

	return high_a != high_b ? high_a < high_b : address_part(a, 8) <= address_part(b, 8);
}

bool address_within(const struct address *address, const struct address *first, const struct address *last)
{
	return address_at_most(first, address) && address_at_most(address, last);
}

uint32_t address_range_size(const struct address *first, const struct address *last)
{
	uint64_t high = address_part(last, 0) - address_part(first, 0);
	uint64_t low = address_part(last, 8) - address_part(first, 8);

	if (memcmp(first->bytes, last->bytes, sizeof(first->bytes)) > 0)
		return 0;
	if (address_part(last, 8) < address_part(first, 8))
		high--;
	return high || low >= UINT32_MAX ? UINT32_MAX : (uint32_t)low + 1;
}

struct address address_advance(const struct address *first, uint32_t offset)
{
	uint64_t high = address_part(first, 0), low = address_part(first, 8) + offset;
	struct address address;

	high = __builtin_bswap64(high + (low < offset));
	low = __builtin_bswap64(low);
	memcpy(address.bytes, &high, 8);
	memcpy(address.bytes + 8, &low, 8);
	return address;
}

/* ------------------------------------------------------------------------ pools */

int pools_init(struct pools *pools, uint32_t limit, const uint64_t key[2])
{
	uint32_t buckets = 1;

	while (buckets < limit)
		buckets *= 2;
	*pools = (struct pools){ .limit = limit, .bucket_mask = buckets - 1, .key = { key[0], key[1] } };
	pools->list = calloc(limit, sizeof(*pools->list));
	pools->ports = calloc(limit, sizeof(*pools->ports));
	pools->shares = calloc(limit, sizeof(*pools->shares));
	pools->owners = calloc(limit, sizeof(*pools->owners));
	pools->buckets = malloc(buckets * sizeof(*pools->buckets));
	if (!pools->list || !pools->ports || !pools->shares || !pools->owners || !pools->buckets) {
		pools_fini(pools);
		return -ENOMEM;
	}
	memset(pools->buckets, 0xff, buckets * sizeof(*pools->buckets));
	return 0;
}

void pools_fini(struct pools *pools)
{
	free(pools->list);
	free(pools->ports);
	free(pools->shares);
	free(pools->owners);
	free(pools->buckets);
	free(pools->reservations);
	*pools = (struct pools){ 0 };
}

static uint32_t *bucket_of(const struct pools *pools, const struct address *address, uint8_t protocol)
{
	uint8_t bytes[17];

	memcpy(bytes, address->bytes, 16);
	bytes[16] = protocol;
	return &pools->buckets[hash_bytes(pools->key, bytes, sizeof(bytes)) & pools->bucket_mask];
}

static void reckon_free(struct pools *pools, uint32_t index)
{
	const struct ports *ports = &pools->ports[index];

	pools->list[index].free = ports->halves[0].free + ports->halves[1].free;
	pools->list[index].room_known = false;
	pools->search.most = 0;
}

/* There is more room in a pool: is it the roomiest now? */
static void search_reconsider(struct pools *pools, uint32_t index)
{
	const struct pool *pool = &pools->list[index];
	struct pools_search *search = &pools->search;

	if (!pool->room_known || pool->room_first != search->port_first || pool->room_last != search->port_last ||
	    pool->room > search->most)
		search->most = 0;
	else if (pool->room == search->most && index < search->at)
		search->at = index;
}

/* One port changed hands: what is known of the room stays known. */
static void reckon_port(struct pools *pools, uint32_t index, uint16_t port)
{
	const struct ports *ports = &pools->ports[index];
	struct pool *pool = &pools->list[index];
	uint32_t before = pool->free;

	pool->free = ports->halves[0].free + ports->halves[1].free;
	if (port >= pool->room_first && port <= pool->room_last)
		pool->room += pool->free - before;
	if (pool->free > before)
		search_reconsider(pools, index);
}

/* What is gone for a newcomer: what is used, or dealt to somebody. */
static uint32_t occupied(const struct pools *pools, uint32_t index)
{
	const struct pool *pool = &pools->list[index];
	uint32_t used = pools->ports[index].used, dealt = pool->dealt < pool->span ? pool->dealt : pool->span;

	return used > dealt ? used : dealt;
}

static void reckon_span(struct pools *pools, uint32_t index)
{
	struct pool *pool = &pools->list[index];

	pool->span = pool->first > pool->last ? 0 : ports_span(&pools->ports[index], pool->first, pool->last);
	pressure_update(&pool->pressure, occupied(pools, index), pool->span);
}

/* 0.0.0.0 stands for every address of IPv4, :: for every one. */
static bool applies(const struct address *reserved, const struct address *address)
{
	if (address_is_unspecified(reserved))
		return !address_is_ipv4(reserved) || address_is_ipv4(address);
	return address_equal(reserved, address);
}

static void reserve_ports(struct pools *pools, uint32_t index)
{
	const struct pool *pool = &pools->list[index];
	const struct settings_port_set *set = port_set_of(pools->port_sets, pools->port_set_count, &pool->address);

	if (set)
		port_set_reserve_others(set, &pools->ports[index]);
	for (size_t i = 0; i < pools->reservation_count; i++) {
		const struct pool_reservation *entry = &pools->reservations[i];

		if (entry->protocol == pool->protocol && entry->first <= entry->last &&
		    applies(&entry->address, &pool->address))
			ports_reserve(&pools->ports[index], entry->first, entry->last);
	}
}

static void reserve_anew(struct pools *pools)
{
	for (uint32_t i = 0; i < pools->count; i++) {
		if (!pools->list[i].active)
			continue;
		ports_unreserve(&pools->ports[i], 0, PORTS_COUNT - 1);
		reserve_ports(pools, i);
		reckon_free(pools, i);
		reckon_span(pools, i);
	}
}

int pools_set_reservations(struct pools *pools, const struct pool_reservation *list, size_t count)
{
	struct pool_reservation *copy = NULL;

	if (count) {
		copy = malloc(count * sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		memcpy(copy, list, count * sizeof(*copy));
	}
	free(pools->reservations);
	pools->reservations = copy;
	pools->reservation_count = count;
	reserve_anew(pools);
	return 0;
}

void pools_set_port_sets(struct pools *pools, const struct settings_port_set *list, unsigned int count)
{
	if (count == pools->port_set_count && memcmp(list, pools->port_sets, count * sizeof(*list)) == 0)
		return;
	memcpy(pools->port_sets, list, count * sizeof(*list));
	pools->port_set_count = count;
	reserve_anew(pools);
}

bool pools_permits(const struct pools *pools, const struct address *address, uint16_t port)
{
	const struct settings_port_set *set = port_set_of(pools->port_sets, pools->port_set_count, address);

	return !set || port_set_contains(set, port);
}

uint32_t pools_lookup(const struct pools *pools, const struct address *address, uint8_t protocol)
{
	uint32_t index = *bucket_of(pools, address, protocol);

	while (index != POOL_NONE &&
	       (pools->list[index].protocol != protocol || !address_equal(&pools->list[index].address, address)))
		index = pools->list[index].next;
	return index;
}

static void unlink_pool(struct pools *pools, uint32_t index)
{
	uint32_t *link = bucket_of(pools, &pools->list[index].address, pools->list[index].protocol);

	pools->search.most = 0;
	while (*link != index)
		link = &pools->list[*link].next;
	*link = pools->list[index].next;
}

/* A place in the slab: a fresh one, or that of a pool that nobody has a port of. */
static uint32_t find_place(struct pools *pools)
{
	if (pools->count < pools->limit)
		return pools->count++;
	for (uint32_t i = 0; i < pools->count; i++) {
		if (pools->ports[i].used == 0) {
			unlink_pool(pools, i);
			return i;
		}
	}
	return POOL_NONE;
}

uint32_t pools_open(struct pools *pools, const struct address *address, uint8_t protocol)
{
	uint32_t index = pools_lookup(pools, address, protocol);
	uint32_t *bucket;

	if (index != POOL_NONE)
		return index;
	index = find_place(pools);
	if (index == POOL_NONE)
		return POOL_NONE;
	bucket = bucket_of(pools, address, protocol);
	pools->list[index] = (struct pool){
		.address = *address,
		.protocol = protocol,
		.active = true,
		.first = UINT16_MAX,
		.next = *bucket,
	};
	*bucket = index;
	ports_init(&pools->ports[index]);
	reserve_ports(pools, index);
	reckon_free(pools, index);
	return index;
}

void pools_widen(struct pools *pools, uint32_t index, uint16_t first, uint16_t last)
{
	struct pool *pool = &pools->list[index];

	if (first >= pool->first && last <= pool->last)
		return;
	pool->first = first < pool->first ? first : pool->first;
	pool->last = last > pool->last ? last : pool->last;
	reckon_span(pools, index);
}

uint32_t pools_room(struct pools *pools, uint32_t index, uint16_t first, uint16_t last)
{
	struct pool *pool = &pools->list[index];

	if (!pool->room_known || pool->room_first != first || pool->room_last != last) {
		pool->room = ports_free(&pools->ports[index], first, last);
		pool->room_first = first;
		pool->room_last = last;
		pool->room_known = true;
	}
	return pool->room;
}

static void note_used(struct pools *pools, uint32_t index, uint16_t port)
{
	struct pool *pool = &pools->list[index];
	uint32_t used = pools->ports[index].used;

	reckon_port(pools, index, port);
	pool->peak = used > pool->peak ? used : pool->peak;
	pressure_update(&pool->pressure, occupied(pools, index), pool->span);
}

int32_t pools_take(struct pools *pools, uint32_t index, const struct ports_wish *wish)
{
	int32_t port = ports_take(&pools->ports[index], wish);

	if (port != PORT_NONE)
		note_used(pools, index, (uint16_t)port);
	return port;
}

bool pools_share(struct pools *pools, uint32_t index, uint16_t port)
{
	if (ports_occupy(&pools->ports[index], port)) {
		note_used(pools, index, port);
		return true;
	}
	if (pools->shares[index][port] == UINT16_MAX)
		return false;
	pools->shares[index][port]++;
	pools->list[index].shared++;
	/* Its earlier mapping may rest; the port as such is in use. */
	ports_unhold(&pools->ports[index], port);
	return true;
}

bool pools_is_shared(const struct pools *pools, uint32_t index, uint16_t port)
{
	return pools->list[index].shared && pools->shares[index][port];
}

void pools_release(struct pools *pools, uint32_t index, uint16_t port)
{
	if (pools_is_shared(pools, index, port)) {
		pools->shares[index][port]--;
		pools->list[index].shared--;
		return;
	}
	ports_release(&pools->ports[index], port);
	note_used(pools, index, port);
}

void pools_set_dealt(struct pools *pools, uint32_t index, uint32_t ports)
{
	struct pool *pool = &pools->list[index];

	pool->dealt = ports;
	pressure_update(&pool->pressure, occupied(pools, index), pool->span);
}

void pools_note_refusal(struct pools *pools, uint32_t index, enum refusal cause)
{
	pools->list[index].refused[cause]++;
}

void pools_sample(struct pools *pools, struct mono now)
{
	for (uint32_t i = 0; i < pools->count; i++)
		pressure_sample(&pools->list[i].pressure, occupied(pools, i), now);
}

bool pools_next(const struct pools *pools, uint32_t *position, struct snapshot_pool *snapshot)
{
	const struct pool *pool;

	if (*position >= pools->count)
		return false;
	pool = &pools->list[*position];
	*snapshot = (struct snapshot_pool){
		.address = pool->address,
		.protocol = pool->protocol,
		.ports = pool->span,
		.used = pools->ports[*position].used,
		.peak = pool->peak,
		.pressure = pressure_snapshot(&pool->pressure, occupied(pools, *position), pool->span),
	};
	for (int cause = 0; cause < REFUSAL_COUNT; cause++) {
		snapshot->refusals[cause] = pool->refused[cause];
		snapshot->refused += pool->refused[cause];
	}
	(*position)++;
	return true;
}

/* -------------------------------------------------------------- there and back */

struct pools_copy {
	uint32_t count;
	struct pool list[];
};

struct pools_copy *pools_save(const struct pools *pools)
{
	struct pools_copy *copy = malloc(sizeof(*copy) + pools->count * sizeof(copy->list[0]));

	if (!copy)
		return NULL;
	copy->count = pools->count;
	memcpy(copy->list, pools->list, pools->count * sizeof(copy->list[0]));
	return copy;
}

/* What is counted about a pool, without what its ports and the list of pools say now. */
static void restore_pool(struct pools *pools, uint32_t index, const struct pool *old)
{
	struct pool *pool = &pools->list[index];
	uint32_t next = pool->next, shared = pool->shared;

	*pool = *old;
	pool->next = next;
	pool->shared = shared;
	reckon_free(pools, index);
}

void pools_restore(struct pools *pools, struct pools_copy *copy)
{
	while (pools->count > copy->count && pools->ports[pools->count - 1].used == 0)
		unlink_pool(pools, --pools->count);
	for (uint32_t i = 0; i < copy->count; i++) {
		const struct pool *old = &copy->list[i];

		if (pools->list[i].protocol == old->protocol && address_equal(&pools->list[i].address, &old->address)) {
			restore_pool(pools, i, old);
		} else if (pools->ports[i].used == 0) {
			/* It was idle, and its place went to another address for a moment. */
			uint32_t *bucket = bucket_of(pools, &old->address, old->protocol);

			unlink_pool(pools, i);
			ports_init(&pools->ports[i]);
			pools->list[i] = *old;
			pools->list[i].next = *bucket;
			*bucket = i;
			reserve_ports(pools, i);
			reckon_free(pools, i);
		}
	}
	free(copy);
}
