/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/held_syns.h"
#include "conntrack/hash.h"

#include <errno.h>
#include <stdlib.h>

int held_syns_init(struct held_syns *held, const uint64_t key[2])
{
	*held = (struct held_syns){ .key = { key[0], key[1] } };
	held->list = calloc(HELD_SYNS, sizeof(*held->list));
	return held->list ? 0 : -ENOMEM;
}

void held_syns_fini(struct held_syns *held)
{
	free(held->list);
	held->list = NULL;
}

static struct held_syn *find(struct held_syns *held, const struct tuple *tuple, uint32_t hash)
{
	for (uint32_t i = 0; i < held->count; i++) {
		uint32_t place = (held->first + i) % HELD_SYNS;

		if (held->hashes[place] == hash && held->list[place].length &&
		    tuple_equal(&held->list[place].tuple, tuple))
			return &held->list[place];
	}
	return NULL;
}

void held_syns_add(struct held_syns *held, const struct packet *packet, const struct tuple *tuple, struct mono now)
{
	uint32_t hash = hash_tuple(held->key, tuple);
	uint32_t place = (held->first + held->count) % HELD_SYNS;

	if (held->count == HELD_SYNS || packet->length > HELD_SYN_BYTES || find(held, tuple, hash))
		return;
	held->hashes[place] = hash;
	held->list[place] = (struct held_syn){
		.tuple = *tuple,
		.due = { .ns = now.ns + HELD_SYN_MS * NS_PER_MS },
		.length = (uint16_t)packet->length,
	};
	memcpy(held->list[place].bytes, packet->bytes, packet->length);
	held->count++;
}

void held_syns_cancel(struct held_syns *held, const struct tuple *tuple)
{
	struct held_syn *syn = held->count ? find(held, tuple, hash_tuple(held->key, tuple)) : NULL;

	if (syn)
		syn->length = 0;
}

struct held_syn *held_syns_next(struct held_syns *held, struct mono now)
{
	while (held->count && held->list[held->first].due.ns <= now.ns) {
		struct held_syn *syn = &held->list[held->first];

		held->first = (held->first + 1) % HELD_SYNS;
		held->count--;
		if (syn->length)
			return syn;
	}
	return NULL;
}
