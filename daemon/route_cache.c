/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A question has two neighbouring places, and takes the one whose
 * answer is the older. Answers of another age, @age being counted on by each change that the
 * kernel tells of, are as good as none: so forgetting all of them costs nothing.
 *
 * What the kernel does not tell of (a path MTU that it learns or gives up) is why answers
 * also end by themselves.
 */
#include "daemon/route_cache.h"

#include <stdlib.h>

#include "conntrack/hash.h"

#define PLACES 8192u

/* @age: of the cache when it was stored; 0: nothing is here */
struct place {
	struct route_question question;
	struct route_answer answer;
	uint32_t age;
	struct mono stored;
};

struct route_cache {
	uint64_t secret[2];
	uint32_t age;
	struct place places[PLACES];
};

struct route_cache *route_cache_create(const uint64_t secret[2])
{
	struct route_cache *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	memcpy(made->secret, secret, sizeof(made->secret));
	made->age = 1;
	return made;
}

void route_cache_destroy(struct route_cache *cache)
{
	free(cache);
}

/* The first of the two places. */
static uint32_t place_of(const struct route_cache *cache, const struct route_question *question)
{
	return (uint32_t)hash_bytes(cache->secret, question, sizeof(*question)) % PLACES & ~1u;
}

static bool is_same(const struct route_question *a, const struct route_question *b)
{
	return a->interface == b->interface && a->mark == b->mark && address_equal(&a->source, &b->source) &&
	       address_equal(&a->destination, &b->destination);
}

static bool is_fresh(const struct route_cache *cache, const struct place *place, struct mono now)
{
	return place->age == cache->age && mono_ms_between(place->stored, now) <= ROUTE_CACHE_MS;
}

const struct route_answer *route_cache_lookup(const struct route_cache *cache, const struct route_question *question,
					      struct mono now)
{
	const struct place *place = &cache->places[place_of(cache, question)];

	for (unsigned int i = 0; i < 2; i++) {
		if (is_fresh(cache, &place[i], now) && is_same(&place[i].question, question))
			return &place[i].answer;
	}
	return NULL;
}

void route_cache_store(struct route_cache *cache, const struct route_question *question,
		       const struct route_answer *answer, struct mono now)
{
	struct place *place = &cache->places[place_of(cache, question)], *other = place + 1;

	/* Where it stands, or what is worth nothing, or else the older. */
	if (is_same(&other->question, question) ||
	    (!is_same(&place->question, question) && is_fresh(cache, place, now) &&
	     (!is_fresh(cache, other, now) || other->stored.ns < place->stored.ns)))
		place = other;
	*place = (struct place){ .question = *question, .answer = *answer, .age = cache->age, .stored = now };
}

void route_cache_forget(struct route_cache *cache)
{
	/* 0 is no age: what was never stored has it. */
	if (++cache->age == 0) {
		memset(cache->places, 0, sizeof(cache->places));
		cache->age = 1;
	}
}
