/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions that expired lately, by both their tuples: so that a packet which comes
 * too late can be told from one that never had a session. A ring of fixed size: the
 * oldest is forgotten first, all within an hour.
 */
#ifndef SLUICE_CONNTRACK_EXPIRED_H
#define SLUICE_CONNTRACK_EXPIRED_H

#include "sluice/tuple.h"

#define EXPIRED_REMEMBERED_MS 3600000u

/** struct expired_session - @tuples as the session had them; @idle_s: its class's timeout */
struct expired_session {
	struct tuple tuples[2];
	struct mono at;
	uint32_t idle_s;
	uint32_t hash_next[2];
	bool used;
};

struct expired {
	struct expired_session *list;
	uint32_t *buckets; /* node (index * 2 + direction) + 1; 0: empty */
	uint32_t capacity, position;
	uint64_t key[2];
};

/* @capacity is a power of two. Return: 0 or -ENOMEM. */
int expired_init(struct expired *expired, uint32_t capacity, const uint64_t key[2]);
void expired_fini(struct expired *expired);

void expired_add(struct expired *expired, const struct tuple tuples[2], uint32_t idle_s, struct mono now);

/**
 * expired_take() - the session that a packet with this tuple belonged to, taken out
 * @session: receives a copy
 * @direction: receives the packet's direction
 *
 * So a connection that goes on after its session expired is found once.
 * Return: false when there is none.
 */
bool expired_take(struct expired *expired, const struct tuple *tuple, struct mono now, struct expired_session *session,
		  enum direction *direction);

#endif
