/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/pending.h"

#include <errno.h>
#include <stdlib.h>

int pending_init(struct pending *pending, uint32_t capacity)
{
	*pending = (struct pending){ .capacity = capacity, .mask = capacity - 1, .free = PENDING_NONE };
	pending->questions = calloc(capacity, sizeof(*pending->questions));
	pending->buckets = malloc(capacity * sizeof(*pending->buckets));
	if (!pending->questions || !pending->buckets) {
		pending_fini(pending);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < capacity; i++)
		pending->buckets[i] = PENDING_NONE;
	for (unsigned int list = 0; list < PENDING_LISTS; list++)
		pending->lists[list].head = pending->lists[list].tail = PENDING_NONE;
	return 0;
}

void pending_fini(struct pending *pending)
{
	free(pending->questions);
	free(pending->buckets);
	pending->questions = NULL;
	pending->buckets = NULL;
}

/* Session indices are dense and nobody outside chooses them: no hash is needed. */
static uint32_t *bucket_of(const struct pending *pending, uint32_t session)
{
	return &pending->buckets[session & pending->mask];
}

static void list_append(struct pending *pending, uint32_t index, enum pending_list list)
{
	struct pending_question *question = &pending->questions[index];
	uint32_t tail = pending->lists[list].tail;

	question->list = (uint8_t)list;
	question->previous = tail;
	question->next = PENDING_NONE;
	if (tail == PENDING_NONE)
		pending->lists[list].head = index;
	else
		pending->questions[tail].next = index;
	pending->lists[list].tail = index;
}

static void list_remove(struct pending *pending, uint32_t index)
{
	const struct pending_question *question = &pending->questions[index];

	if (question->previous == PENDING_NONE)
		pending->lists[question->list].head = question->next;
	else
		pending->questions[question->previous].next = question->next;
	if (question->next == PENDING_NONE)
		pending->lists[question->list].tail = question->previous;
	else
		pending->questions[question->next].previous = question->previous;
}

uint32_t pending_add(struct pending *pending, uint32_t session, enum pending_kind kind, uint16_t token, struct mono now)
{
	uint32_t index = pending->free, *bucket = bucket_of(pending, session);

	if (index != PENDING_NONE)
		pending->free = pending->questions[index].hash_next;
	else
		index = pending->untouched++;
	pending->questions[index] = (struct pending_question){
		.asked = now,
		.session = session,
		.hash_next = *bucket,
		.token = token,
		.kind = (uint8_t)kind,
	};
	*bucket = index;
	list_append(pending, index, PENDING_WAITING);
	pending->count++;
	return index;
}

void pending_remove(struct pending *pending, uint32_t index)
{
	struct pending_question *question = &pending->questions[index];
	uint32_t *link = bucket_of(pending, question->session);

	while (*link != index)
		link = &pending->questions[*link].hash_next;
	*link = question->hash_next;
	list_remove(pending, index);
	question->hash_next = pending->free;
	pending->free = index;
	pending->count--;
}

static uint32_t of_session(const struct pending *pending, uint32_t index, uint32_t session)
{
	while (index != PENDING_NONE && pending->questions[index].session != session)
		index = pending->questions[index].hash_next;
	return index;
}

uint32_t pending_first(const struct pending *pending, uint32_t session)
{
	return of_session(pending, *bucket_of(pending, session), session);
}

uint32_t pending_next(const struct pending *pending, uint32_t index)
{
	const struct pending_question *question = &pending->questions[index];

	return of_session(pending, question->hash_next, question->session);
}

uint32_t pending_find(const struct pending *pending, uint32_t session, enum pending_kind kind, uint16_t token)
{
	uint32_t index = pending_first(pending, session);

	while (index != PENDING_NONE &&
	       (pending->questions[index].kind != kind || pending->questions[index].token != token))
		index = pending_next(pending, index);
	return index;
}

void pending_restart(struct pending *pending, uint32_t index, enum pending_kind kind, struct mono now)
{
	struct pending_question *question = &pending->questions[index];

	list_remove(pending, index);
	question->kind = (uint8_t)kind;
	question->asked = now;
	question->judged = question->explained = false;
	list_append(pending, index, PENDING_WAITING);
}

void pending_give_up(struct pending *pending, uint32_t index)
{
	list_remove(pending, index);
	list_append(pending, index, PENDING_GIVEN_UP);
}

uint32_t pending_due(const struct pending *pending, enum pending_list list, struct mono limit)
{
	uint32_t head = pending->lists[list].head;

	return head != PENDING_NONE && pending->questions[head].asked.ns <= limit.ns ? head : PENDING_NONE;
}
