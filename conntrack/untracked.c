/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/untracked.h"

#include <string.h>

#include "conntrack/hash.h"

void untracked_init(struct untracked *untracked, const uint64_t hash_key[2])
{
	memset(untracked, 0, sizeof(*untracked));
	untracked->hash_key[0] = hash_key[0];
	untracked->hash_key[1] = hash_key[1];
}

static bool is_alive(struct mono since, struct mono now)
{
	return since.ns && now.ns - since.ns < UNTRACKED_LIFE_NS;
}

static unsigned int set_of(const struct untracked *untracked, const struct tuple *tuple)
{
	return hash_tuple(untracked->hash_key, tuple) % UNTRACKED_SETS;
}

void untracked_note(struct untracked *untracked, const struct tuple *tuple, struct mono now)
{
	struct untracked_entry *ways = untracked->entries[set_of(untracked, tuple)];
	struct untracked_entry *oldest = ways;

	for (unsigned int way = 0; way < UNTRACKED_WAYS; way++) {
		if (tuple_equal(&ways[way].tuple, tuple)) {
			oldest = &ways[way];
			break;
		}
		if (ways[way].since.ns < oldest->since.ns)
			oldest = &ways[way];
	}
	oldest->tuple = *tuple;
	oldest->since = now;
	untracked->newest = now;
}

void untracked_forget(struct untracked *untracked, const struct tuple *tuple, struct mono now)
{
	struct untracked_entry *ways;

	if (!is_alive(untracked->newest, now))
		return;
	ways = untracked->entries[set_of(untracked, tuple)];
	for (unsigned int way = 0; way < UNTRACKED_WAYS; way++) {
		if (tuple_equal(&ways[way].tuple, tuple))
			ways[way].since.ns = 0;
	}
}

bool untracked_holds(const struct untracked *untracked, const struct tuple *tuple, struct mono now)
{
	const struct untracked_entry *ways;

	if (!is_alive(untracked->newest, now))
		return false;
	ways = untracked->entries[set_of(untracked, tuple)];
	for (unsigned int way = 0; way < UNTRACKED_WAYS; way++) {
		if (tuple_equal(&ways[way].tuple, tuple))
			return is_alive(ways[way].since, now);
	}
	return false;
}
