/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/expired.h"

#include <errno.h>
#include <stdlib.h>

#include "conntrack/hash.h"

int expired_init(struct expired *expired, uint32_t capacity, const uint64_t key[2])
{
	*expired = (struct expired){ .capacity = capacity, .key = { key[0], key[1] } };
	expired->list = calloc(capacity, sizeof(*expired->list));
	expired->buckets = calloc((size_t)capacity * 2, sizeof(*expired->buckets));
	if (!expired->list || !expired->buckets) {
		expired_fini(expired);
		return -ENOMEM;
	}
	return 0;
}

void expired_fini(struct expired *expired)
{
	free(expired->list);
	free(expired->buckets);
	expired->list = NULL;
	expired->buckets = NULL;
}

static uint32_t *bucket_of(const struct expired *expired, const struct tuple *tuple)
{
	return &expired->buckets[hash_tuple(expired->key, tuple) & (expired->capacity * 2 - 1)];
}

static uint32_t *next_of(const struct expired *expired, uint32_t node)
{
	return &expired->list[(node - 1) / 2].hash_next[(node - 1) % 2];
}

static void forget(struct expired *expired, uint32_t index)
{
	for (uint32_t way = 0; way < 2; way++) {
		uint32_t *link = bucket_of(expired, &expired->list[index].tuples[way]);

		while (*link != index * 2 + way + 1)
			link = next_of(expired, *link);
		*link = expired->list[index].hash_next[way];
	}
	expired->list[index].used = false;
}

void expired_add(struct expired *expired, const struct tuple tuples[2], uint32_t idle_s, struct mono now)
{
	uint32_t index = expired->position;

	expired->position = (index + 1) & (expired->capacity - 1);
	if (expired->list[index].used)
		forget(expired, index);
	expired->list[index] = (struct expired_session){
		.tuples = { tuples[0], tuples[1] },
		.at = now,
		.idle_s = idle_s,
		.used = true,
	};
	for (uint32_t way = 0; way < 2; way++) {
		uint32_t *bucket = bucket_of(expired, &tuples[way]);

		expired->list[index].hash_next[way] = *bucket;
		*bucket = index * 2 + way + 1;
	}
}

bool expired_take(struct expired *expired, const struct tuple *tuple, struct mono now, struct expired_session *session,
		  enum direction *direction)
{
	uint32_t node = *bucket_of(expired, tuple);

	while (node && !tuple_equal(&expired->list[(node - 1) / 2].tuples[(node - 1) % 2], tuple))
		node = *next_of(expired, node);
	if (!node)
		return false;
	*session = expired->list[(node - 1) / 2];
	*direction = (node - 1) % 2 ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	forget(expired, (node - 1) / 2);
	return mono_ms_between(session->at, now) <= EXPIRED_REMEMBERED_MS;
}
