/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions that wait and sessions that expired, each beside a naive model: a plain
 * array that is searched from end to end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "conntrack/expired.h"
#include "conntrack/pending.h"
#include "tests/model/wire_model.h"

#define CAPACITY 64u
#define SESSIONS 200u
#define STEPS 300000

/* ------------------------------------------------------------------ pending */

struct model_question {
	bool used;
	uint32_t session, index;
	uint16_t token;
	uint8_t kind, list;
	uint64_t asked, order; /* @order: of entering its list */
};

static struct model_question model[CAPACITY];

static struct model_question *model_find(uint32_t session, uint8_t kind, uint16_t token)
{
	for (uint32_t i = 0; i < CAPACITY; i++)
		if (model[i].used && model[i].session == session && model[i].kind == kind && model[i].token == token)
			return &model[i];
	return NULL;
}

static struct model_question *model_head(uint8_t list)
{
	struct model_question *head = NULL;

	for (uint32_t i = 0; i < CAPACITY; i++)
		if (model[i].used && model[i].list == list && (!head || model[i].order < head->order))
			head = &model[i];
	return head;
}

static uint32_t model_count(uint32_t session)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < CAPACITY; i++)
		count += model[i].used && model[i].session == session;
	return count;
}

static void compare(const struct pending *pending, uint64_t now, uint32_t session)
{
	uint32_t count = 0;

	for (uint8_t list = 0; list < PENDING_LISTS; list++) {
		const struct model_question *head = model_head(list);
		uint32_t due = pending_due(pending, (enum pending_list)list, (struct mono){ now });

		assert_int_equal(due, head ? head->index : PENDING_NONE);
		/* Not due a moment before it was asked. */
		if (head && head->asked)
			assert_int_equal(
			    pending_due(pending, (enum pending_list)list, (struct mono){ head->asked - 1 }),
			    PENDING_NONE);
	}
	for (uint32_t at = pending_first(pending, session); at != PENDING_NONE; at = pending_next(pending, at)) {
		const struct pending_question *question = pending_question(pending, at);
		const struct model_question *same = model_find(session, question->kind, question->token);

		assert_non_null(same);
		assert_int_equal(same->index, at);
		assert_int_equal(same->list, question->list);
		assert_int_equal(same->asked, question->asked.ns);
		count++;
	}
	assert_int_equal(count, model_count(session));
}

static void pending_as_the_model(void **state)
{
	uint64_t random = wire_seed(), now = 1, order = 0;
	struct pending pending;

	(void)state;
	memset(model, 0, sizeof(model));
	assert_int_equal(pending_init(&pending, CAPACITY), 0);
	for (int step = 0; step < STEPS; step++) {
		uint32_t session = wire_below(&random, SESSIONS);
		uint8_t kind = (uint8_t)wire_below(&random, 4);
		uint16_t token = (uint16_t)(kind == PENDING_QUERY ? wire_below(&random, 3) : 0);
		struct model_question *question = model_find(session, kind, token);
		uint32_t index = pending_find(&pending, session, (enum pending_kind)kind, token);

		now += wire_below(&random, 3);
		assert_int_equal(index, question ? question->index : PENDING_NONE);
		if (!question && !pending_full(&pending)) {
			for (question = model; question->used;)
				question++;
			index = pending_add(&pending, session, (enum pending_kind)kind, token, (struct mono){ now });
			*question =
			    (struct model_question){ true, session, index, token, kind, PENDING_WAITING, now, order++ };
		} else if (!question) {
			question = model_head(wire_below(&random, 2) ? PENDING_WAITING : PENDING_GIVEN_UP);
			if (!question)
				continue;
			pending_remove(&pending, question->index);
			question->used = false;
		} else if (wire_below(&random, 3) == 0) {
			pending_remove(&pending, index);
			question->used = false;
		} else if (question->list == PENDING_WAITING && wire_below(&random, 2)) {
			pending_give_up(&pending, index);
			question->list = PENDING_GIVEN_UP;
			question->order = order++;
		} else if (kind == PENDING_SYN && !model_find(session, PENDING_ACK, 0)) {
			pending_restart(&pending, index, PENDING_ACK, (struct mono){ now });
			question->kind = PENDING_ACK;
			question->asked = now;
			question->list = PENDING_WAITING;
			question->order = order++;
		}
		compare(&pending, UINT64_MAX, wire_below(&random, SESSIONS));
	}
	pending_fini(&pending);
}

/* ------------------------------------------------------------------ expired */

#define REMEMBERED 32u

static void expired_as_the_model(void **state)
{
	static struct {
		bool used;
		struct tuple tuples[2];
		uint32_t idle_s;
	} ring[REMEMBERED];
	const uint64_t key[2] = { 3, 5 };
	uint64_t random = wire_seed();
	uint32_t position = 0;
	struct expired expired;

	(void)state;
	assert_int_equal(expired_init(&expired, REMEMBERED, key), 0);
	for (uint32_t step = 0; step < STEPS; step++) {
		struct mono now = mono_from_ms(step);
		struct expired_session found;
		enum direction direction;
		uint32_t at = wire_below(&random, REMEMBERED), way = wire_below(&random, 2);
		struct tuple stranger = wire_random_tuple(&random, FAMILY_IPV4, PROTOCOL_TCP);

		if (wire_below(&random, 2)) {
			for (uint32_t i = 0; i < 2; i++)
				ring[position].tuples[i] = wire_random_tuple(&random, FAMILY_IPV4, PROTOCOL_TCP);
			ring[position].used = true;
			ring[position].idle_s = step;
			expired_add(&expired, ring[position].tuples, step, now);
			position = (position + 1) % REMEMBERED;
		}
		assert_false(expired_take(&expired, &stranger, now, &found, &direction));
		if (!ring[at].used || wire_below(&random, 4))
			continue;
		assert_true(expired_take(&expired, &ring[at].tuples[way], now, &found, &direction));
		assert_int_equal(direction, way);
		assert_int_equal(found.idle_s, ring[at].idle_s);
		/* Once, by either tuple. */
		assert_false(expired_take(&expired, &ring[at].tuples[0], now, &found, &direction));
		assert_false(expired_take(&expired, &ring[at].tuples[1], now, &found, &direction));
		ring[at].used = false;
	}
	expired_fini(&expired);
}

static void an_hour_later_nobody_knows(void **state)
{
	const uint64_t key[2] = { 3, 5 };
	uint64_t random = 1;
	struct tuple tuples[2] = { wire_random_tuple(&random, FAMILY_IPV6, PROTOCOL_TCP),
				   wire_random_tuple(&random, FAMILY_IPV6, PROTOCOL_TCP) };
	struct expired_session found;
	enum direction direction;
	struct expired expired;

	(void)state;
	assert_int_equal(expired_init(&expired, REMEMBERED, key), 0);
	expired_add(&expired, tuples, 10, mono_from_ms(0));
	assert_false(expired_take(&expired, &tuples[0], mono_from_ms(EXPIRED_REMEMBERED_MS + 1), &found, &direction));
	expired_fini(&expired);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pending_as_the_model),
		cmocka_unit_test(expired_as_the_model),
		cmocka_unit_test(an_hour_later_nobody_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
