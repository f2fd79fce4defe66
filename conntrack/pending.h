/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions that wait for their answer: a SYN, a SYN-ACK, a first datagram, a DNS
 * query. Beside the session table, since a session needs this for seconds and lives
 * for hours.
 *
 * Theory of operation. Fixed capacity; found by the session's index, so a session
 * that ends takes its questions along. Two lists in the order of asking: those that
 * wait, and those that were given up but may yet prove the judgement wrong. Within
 * a list every question has the same time, so its head is always due first.
 */
#ifndef SLUICE_CONNTRACK_PENDING_H
#define SLUICE_CONNTRACK_PENDING_H

#include "sluice/types.h"

#define PENDING_NONE UINT32_MAX

enum pending_kind {
	PENDING_SYN,	  /* SYN, waits for SYN-ACK */
	PENDING_ACK,	  /* SYN-ACK, waits for ACK */
	PENDING_DATAGRAM, /* the first packet of anything else */
	PENDING_QUERY,	  /* DNS over UDP; @token is its identifier */
};

enum pending_list {
	PENDING_WAITING,
	PENDING_GIVEN_UP,
	PENDING_LISTS,
};

/**
 * struct pending_question
 * @ttl: of the packet that asked
 * @first: it opened its session
 * @judged: it was counted as a failure
 * @explained: an ICMP error said why there is no answer
 */
struct pending_question {
	struct mono asked;
	uint32_t session;
	uint32_t hash_next, previous, next;
	uint16_t token;
	uint8_t kind, list, ttl;
	bool first, judged, explained;
};

struct pending {
	struct pending_question *questions;
	uint32_t *buckets;
	uint32_t capacity, mask, free, untouched, count;
	struct {
		uint32_t head, tail;
	} lists[PENDING_LISTS];
};

/* @capacity is a power of two. Return: 0 or -ENOMEM. */
int pending_init(struct pending *pending, uint32_t capacity);
void pending_fini(struct pending *pending);

static inline struct pending_question *pending_question(const struct pending *pending, uint32_t index)
{
	return &pending->questions[index];
}

static inline bool pending_full(const struct pending *pending)
{
	return pending->count == pending->capacity;
}

/* Takes a question, which must find room, into the list of those that wait. */
uint32_t pending_add(struct pending *pending, uint32_t session, enum pending_kind kind, uint16_t token,
		     struct mono now);
void pending_remove(struct pending *pending, uint32_t index);

/* A question of @session of any kind; and the next one after @index. */
uint32_t pending_first(const struct pending *pending, uint32_t session);
uint32_t pending_next(const struct pending *pending, uint32_t index);

/* The question of that kind, or PENDING_NONE. */
uint32_t pending_find(const struct pending *pending, uint32_t session, enum pending_kind kind, uint16_t token);

/* Asked anew, as another kind. */
void pending_restart(struct pending *pending, uint32_t index, enum pending_kind kind, struct mono now);

/* Moves it to those that were given up. */
void pending_give_up(struct pending *pending, uint32_t index);

/* The oldest of @list if it was asked at @limit or before, else PENDING_NONE. */
uint32_t pending_due(const struct pending *pending, enum pending_list list, struct mono limit);

#endif
