/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's answers about routes, for a short while: sessions that are put into the fast
 * path one after another often go the same way.
 */
#ifndef SLUICE_DAEMON_ROUTE_CACHE_H
#define SLUICE_DAEMON_ROUTE_CACHE_H

#include "daemon/routes.h"

/* So long an answer is believed at most, should nobody tell that it has changed. */
#define ROUTE_CACHE_MS 1000u

struct route_cache;

/** struct route_question - a packet that came in by @interface with @mark, and is not for this machine */
struct route_question {
	struct address source, destination;
	uint32_t interface, mark;
};

/** struct route_answer - @forwards: false: the kernel would not, or by several ways at once */
struct route_answer {
	bool forwards;
	struct route route;
};

/**
 * route_cache_create() - Return: NULL without memory.
 * @secret: remote parties choose addresses
 */
struct route_cache *route_cache_create(const uint64_t secret[2]);
void route_cache_destroy(struct route_cache *cache);

/* Return: the answer, if it is known and no older than ROUTE_CACHE_MS; valid until the next call. */
const struct route_answer *route_cache_lookup(const struct route_cache *cache, const struct route_question *question,
					      struct mono now);

/* Another answer may have to go for it. */
void route_cache_store(struct route_cache *cache, const struct route_question *question,
		       const struct route_answer *answer, struct mono now);

/* Something has changed: no answer is believed any more. */
void route_cache_forget(struct route_cache *cache);

#endif
