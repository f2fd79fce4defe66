/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/followers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "conntrack/hash.h"

int followers_init(struct followers *followers, uint32_t capacity, const uint64_t key[2])
{
	uint32_t buckets = 1;

	while (buckets < capacity)
		buckets *= 2;
	*followers = (struct followers){
		.capacity = capacity,
		.mask = buckets - 1,
		.free = FOLLOWER_NONE,
		.oldest = FOLLOWER_NONE,
		.newest = FOLLOWER_NONE,
		.key = { key[0], key[1] },
	};
	followers->list = calloc(capacity, sizeof(*followers->list));
	followers->by_session = malloc(buckets * sizeof(*followers->by_session));
	followers->by_expected = malloc(buckets * sizeof(*followers->by_expected));
	if (!followers->list || !followers->by_session || !followers->by_expected) {
		followers_fini(followers);
		return -ENOMEM;
	}
	memset(followers->by_session, 0xff, buckets * sizeof(*followers->by_session));
	memset(followers->by_expected, 0xff, buckets * sizeof(*followers->by_expected));
	return 0;
}

void followers_fini(struct followers *followers)
{
	free(followers->list);
	free(followers->by_session);
	free(followers->by_expected);
	*followers = (struct followers){ 0 };
}

static uint32_t index_of(const struct followers *followers, const struct follower *follower)
{
	return (uint32_t)(follower - followers->list);
}

static uint32_t *expected_chain(const struct followers *followers, const struct address *connector,
				const struct endpoint *destination)
{
	struct tuple key = {
		.source = { .address = *connector },
		.destination = *destination,
		.protocol = PROTOCOL_TCP,
	};

	return &followers->by_expected[hash_tuple(followers->key, &key) & followers->mask];
}

struct follower *followers_add(struct followers *followers, uint32_t session)
{
	uint32_t index = followers->free, *chain;
	struct follower *follower;

	if (index != FOLLOWER_NONE)
		followers->free = followers->list[index].session_next;
	else if (followers->used < followers->capacity)
		index = followers->used++;
	else
		return NULL;
	chain = &followers->by_session[session & followers->mask];
	follower = &followers->list[index];
	*follower = (struct follower){ .session = session, .session_next = *chain };
	*chain = index;
	followers->count++;
	return follower;
}

struct follower *followers_lookup(const struct followers *followers, uint32_t session)
{
	uint32_t index;

	if (!followers->count)
		return NULL;
	index = followers->by_session[session & followers->mask];
	while (index != FOLLOWER_NONE && followers->list[index].session != session)
		index = followers->list[index].session_next;
	return index == FOLLOWER_NONE ? NULL : &followers->list[index];
}

void followers_remove(struct followers *followers, struct follower *follower)
{
	uint32_t index = index_of(followers, follower);
	uint32_t *link = &followers->by_session[follower->session & followers->mask];

	assert(!follower->expects);
	while (*link != index)
		link = &followers->list[*link].session_next;
	*link = follower->session_next;
	follower->session_next = followers->free;
	followers->free = index;
	followers->count--;
}

void followers_expect(struct followers *followers, struct follower *follower, const struct expectation *expectation)
{
	uint32_t index = index_of(followers, follower);
	uint32_t *chain = expected_chain(followers, &expectation->connector, &expectation->announced);

	assert(!follower->expects);
	follower->expected = *expectation;
	follower->expects = true;
	follower->expected_next = *chain;
	*chain = index;
	follower->older = followers->newest;
	follower->younger = FOLLOWER_NONE;
	if (followers->newest == FOLLOWER_NONE)
		followers->oldest = index;
	else
		followers->list[followers->newest].younger = index;
	followers->newest = index;
}

void followers_forget(struct followers *followers, struct follower *follower)
{
	uint32_t index = index_of(followers, follower);
	uint32_t *link = expected_chain(followers, &follower->expected.connector, &follower->expected.announced);

	assert(follower->expects);
	while (*link != index)
		link = &followers->list[*link].expected_next;
	*link = follower->expected_next;
	if (follower->older == FOLLOWER_NONE)
		followers->oldest = follower->younger;
	else
		followers->list[follower->older].younger = follower->younger;
	if (follower->younger == FOLLOWER_NONE)
		followers->newest = follower->older;
	else
		followers->list[follower->younger].older = follower->older;
	follower->expects = false;
}

struct follower *followers_expecting(const struct followers *followers, const struct address *connector,
				     const struct endpoint *destination)
{
	uint32_t index;

	if (!followers->list || followers->oldest == FOLLOWER_NONE)
		return NULL;
	index = *expected_chain(followers, connector, destination);
	while (index != FOLLOWER_NONE) {
		const struct expectation *expected = &followers->list[index].expected;

		if (address_equal(&expected->connector, connector) && endpoint_equal(&expected->announced, destination))
			return &followers->list[index];
		index = followers->list[index].expected_next;
	}
	return NULL;
}

struct follower *followers_oldest(const struct followers *followers)
{
	return !followers->list || followers->oldest == FOLLOWER_NONE ? NULL : &followers->list[followers->oldest];
}
