/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table whose slots lie in memory that had another table before. */
#include <assert.h>
#include <stdlib.h>

#include "conntrack/gre.h"
#include "conntrack/hash.h"
#include "conntrack/mapping.h"
#include "conntrack/table.h"

/* Of no secrecy: a seal tells damage, not malice; who may write here may do anything. */
static const uint64_t seal_key[2] = { 0x736c75696365, 1 };

void table_adopt(struct table *table, struct session *sessions, uint32_t *seals, struct addresses_entry *addresses)
{
	assert(!table->seals && !table->untouched);
	free(table->sessions);
	table->sessions = sessions;
	table->seals = seals;
	addresses_adopt(&table->addresses, addresses);
}

uint32_t table_seal(const struct table *table, uint32_t index)
{
	const struct session *session = &table->sessions[index];
	struct {
		struct tuple tuples[2];
		uint32_t index, generation;
		uint32_t held;
	} identity;

	memset(&identity, 0, sizeof(identity));
	identity.tuples[0] = table_tuple(table, session, DIRECTION_ORIGINAL);
	identity.tuples[1] = table_tuple(table, session, DIRECTION_REPLY);
	identity.index = index;
	identity.generation = session->generation;
	identity.held = (uint32_t)(session->flags & SESSION_ENTERED) << 16 | (uint32_t)session->mapped_as[0] << 8 |
			session->mapped_as[1];
	identity.held |= session->mapping != MAPPING_NONE ? UINT32_C(1) << 31 : 0;
	/* Never that of an empty slot. */
	return (uint32_t)hash_bytes(seal_key, &identity, sizeof(identity)) | 1;
}

static bool is_whole(const struct table *table, uint32_t index, uint32_t ticks)
{
	const struct session *session = &table->sessions[index];

	return session->generation & 1 && session->list < TIMEOUT_COUNT && session->flags & SESSION_CONFIRMED &&
	       !(session->flags & SESSION_HOLE) && session->refreshed <= ticks &&
	       addresses_holds(&table->addresses, session->source_after) &&
	       addresses_holds(&table->addresses, session->destination_after) &&
	       table->seals[index] == table_seal(table, index) &&
	       track_is_sound(session->protocol, &session->track, session->list) && gre_is_sound(session);
}

static void free_slot(struct table *table, uint32_t index)
{
	struct session *session = &table->sessions[index];

	session->generation += session->generation & 1;
	session->list = LIST_FREE;
	session->source_after = session->destination_after = ADDRESS_NONE;
	session->list_next = table->free_head;
	table->free_head = index;
}

uint32_t table_gather(struct table *table, uint32_t *found, struct mono now)
{
	uint32_t ticks = table_ticks(table, now), count = 0, end = table->capacity;

	while (end > 0 && !table->sessions[end - 1].generation)
		end--;
	table->untouched = end;
	for (uint32_t index = 0; index < end; index++) {
		const struct session *session = &table->sessions[index];

		if (!is_whole(table, index, ticks))
			continue;
		addresses_claim(&table->addresses, session->source_after);
		addresses_claim(&table->addresses, session->destination_after);
		found[count++] = index;
	}
	addresses_settle(&table->addresses);
	/* From the end, so that the first free slot comes first. */
	for (uint32_t index = end, next = count; index-- > 0;) {
		if (next > 0 && found[next - 1] == index)
			next--;
		else
			free_slot(table, index);
	}
	return count;
}

#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)

static unsigned int digit_of(uint64_t pair, unsigned int shift)
{
	return (unsigned int)(pair >> shift) % DIGITS;
}

static void sort_by_digit(uint64_t *to, const uint64_t *from, uint32_t count, unsigned int shift)
{
	uint32_t places[DIGITS] = { 0 }, sum = 0;

	for (uint32_t i = 0; i < count; i++)
		places[digit_of(from[i], shift)]++;
	for (unsigned int digit = 0; digit < DIGITS; digit++) {
		uint32_t here = places[digit];

		places[digit] = sum;
		sum += here;
	}
	for (uint32_t i = 0; i < count; i++)
		to[places[digit_of(from[i], shift)]++] = from[i];
}

/*
 * By digits, the lowest first, of pairs of a time above and an index below: slots are looked at once. Digits that
 * are the same everywhere, as the upper ones of short times are, need no turn.
 */
void table_order(const struct table *table, uint32_t *indices, uint64_t *spare, uint32_t count)
{
	uint64_t *pairs = spare, *other = spare + count, differs = 0;

	for (uint32_t i = 0; i < count; i++) {
		pairs[i] = (uint64_t)table->sessions[indices[i]].refreshed << 32 | indices[i];
		differs |= pairs[i] ^ pairs[0];
	}
	for (unsigned int shift = 32; shift < 64; shift += DIGIT_BITS) {
		uint64_t *sorted = other;

		if (!digit_of(differs, shift))
			continue;
		sort_by_digit(sorted, pairs, count, shift);
		other = pairs;
		pairs = sorted;
	}
	for (uint32_t i = 0; i < count; i++)
		indices[i] = (uint32_t)pairs[i];
}

void table_enlist(struct table *table, uint32_t index)
{
	struct session *session = &table->sessions[index];
	struct table_list *list = &table->lists[session->list];

	session->list_previous = list->tail;
	session->list_next = SESSION_NONE;
	if (list->tail != SESSION_NONE)
		table->sessions[list->tail].list_next = index;
	else
		list->head = index;
	list->tail = index;
	list->count++;
	if (++table->confirmed > table->peak)
		table->peak = table->confirmed;
}

void table_discard(struct table *table, uint32_t index)
{
	struct session *session = &table->sessions[index];

	addresses_release(&table->addresses, session->source_after);
	addresses_release(&table->addresses, session->destination_after);
	free_slot(table, index);
}
