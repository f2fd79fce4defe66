/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The session table, its hash and lists, and who holds how much. */
#include "tests/model/invariants.h"

#include "conntrack/hash.h"

#define NODE_KINDS 4
#define NODE_MIDDLE 2
#define NODE_PEER 3

static bool is_used(const struct table *table, uint32_t index)
{
	return index < table->untouched && table->sessions[index].list != LIST_FREE;
}

/* ------------------------------------------------------------------ slots */

static const char *check_slots(const struct table *table)
{
	uint32_t free_slots = 0, used = 0, walked = 0;

	INVARIANT(table->untouched <= table->capacity, "more slots were touched than there are");
	for (uint32_t index = 0; index < table->capacity; index++) {
		const struct session *session = &table->sessions[index];

		if (index >= table->untouched) {
			INVARIANT(session->generation == 0, "a slot that was never used has a generation");
			continue;
		}
		INVARIANT(session->list <= LIST_FREE, "a session is in a list that is none");
		INVARIANT((session->generation & 1) == (session->list != LIST_FREE),
			  "a generation is odd in a free slot, or even in a used one");
		used += session->list != LIST_FREE;
		free_slots += session->list == LIST_FREE;
	}
	for (uint32_t index = table->free_head; index != SESSION_NONE; index = table->sessions[index].list_next) {
		INVARIANT(index < table->untouched, "the free list leaves the table");
		INVARIANT(table->sessions[index].list == LIST_FREE, "a used slot is in the free list");
		INVARIANT(++walked <= free_slots, "the free list is longer than the free slots, or a ring");
	}
	INVARIANT(walked == free_slots, "a free slot is not in the free list");
	INVARIANT(table->confirmed + table->lists[LIST_UNCONFIRMED].count == used,
		  "the number of confirmed sessions is wrong");
	INVARIANT(table->peak >= table->confirmed, "the peak is below the present");
	return NULL;
}

static const char *check_list(const struct table *table, unsigned int which)
{
	const struct table_list *list = &table->lists[which];
	uint32_t previous = SESSION_NONE, count = 0;

	for (uint32_t index = list->head; index != SESSION_NONE; index = table->sessions[index].list_next) {
		const struct session *session = &table->sessions[index];

		INVARIANT(index < table->untouched && session->list == which, "a list holds a session of another");
		INVARIANT(session->list_previous == previous, "a list's links disagree");
		INVARIANT(!(session->flags & SESSION_CONFIRMED) == (which == LIST_UNCONFIRMED),
			  "a session is confirmed in the list of the unconfirmed, or the other way round");
		INVARIANT(previous == SESSION_NONE || table->sessions[previous].refreshed <= session->refreshed,
			  "a list is not in the order of refresh");
		INVARIANT(++count <= list->count, "a list is longer than its count, or a ring");
		previous = index;
	}
	INVARIANT(list->tail == previous && count == list->count, "a list's tail or count is wrong");
	return NULL;
}

static const char *check_lists(const struct table *table)
{
	uint32_t listed = 0, used = 0;

	for (unsigned int which = 0; which < LIST_COUNT; which++) {
		const char *wrong = check_list(table, which);

		if (wrong)
			return wrong;
		listed += table->lists[which].count;
	}
	for (uint32_t index = 0; index < table->untouched; index++)
		used += is_used(table, index);
	INVARIANT(listed == used, "a session is in no list");
	return NULL;
}

/* ------------------------------------------------------------------- hash */

static struct tuple peer_key(const struct table *table, const struct session *session)
{
	struct tuple reply = table_tuple(table, session, DIRECTION_REPLY);

	return (struct tuple){
		.source = { .address = table_peer(table, session).address },
		.destination = reply.destination,
		.protocol = reply.protocol,
		.zero = 1,
	};
}

/* What the node of that kind stands under. */
static struct tuple node_key(const struct table *table, const struct session *session, unsigned int kind)
{
	struct tuple middle = {
		.source = table_tuple(table, session, DIRECTION_ORIGINAL).source,
		.destination = table_tuple(table, session, DIRECTION_REPLY).source,
		.protocol = session_protocol(session),
	};

	if (kind < NODE_MIDDLE)
		return table_tuple(table, session, (enum direction)kind);
	if (kind == NODE_PEER)
		return peer_key(table, session);
	return memcmp(&middle.source, &middle.destination, sizeof(middle.source)) <= 0 ? middle : tuple_invert(&middle);
}

/* Only the first of those with the same peer key stands in the hash. */
static bool has_node(const struct session *session, unsigned int kind)
{
	if (kind < NODE_MIDDLE)
		return true;
	if (kind == NODE_MIDDLE)
		return session_nat(session) == SESSION_NAT_BOTH;
	return session->mapping != MAPPING_NONE && session->peer_previous == SESSION_NONE;
}

static uint32_t nodes_expected(const struct table *table)
{
	uint32_t expected = 0;

	for (uint32_t index = 0; index < table->untouched; index++)
		for (unsigned int kind = 0; is_used(table, index) && kind < NODE_KINDS; kind++)
			expected += has_node(&table->sessions[index], kind);
	return expected;
}

static bool stands(const void *context, uint32_t node, uint32_t *hash)
{
	const struct table *table = context;
	uint32_t index = node / NODE_KINDS, kind = node % NODE_KINDS;
	struct tuple key;

	if (!is_used(table, index) || !has_node(&table->sessions[index], kind))
		return false;
	key = node_key(table, &table->sessions[index], kind);
	*hash = hash_tuple(table->hash_key, &key);
	return true;
}

static const char *check_nodes(const struct table *table)
{
	const struct nodes_owner owner = { stands, table };

	return invariants_check_nodes(&table->nodes, &owner, nodes_expected(table));
}

/* Each translated address is there as often as sessions refer to it, and no longer. */
static const char *check_addresses(const struct table *table)
{
	const struct addresses *addresses = &table->addresses;

	for (uint32_t entry = ADDRESS_NONE + 1; entry < addresses->untouched; entry++) {
		uint32_t uses = 0;

		for (uint32_t index = 0; index < table->untouched; index++)
			if (is_used(table, index))
				uses += (table->sessions[index].source_after == entry) +
					(table->sessions[index].destination_after == entry);
		INVARIANT(uses == addresses->list[entry].uses, "an address is referred to more or less than it knows");
	}
	return invariants_check_addresses(addresses);
}

static bool same_translation(const struct table *table, const struct session *a, const struct session *b)
{
	struct tuple first = node_key(table, a, NODE_MIDDLE), second = node_key(table, b, NODE_MIDDLE);

	return session_nat(a) == SESSION_NAT_BOTH && session_nat(b) == SESSION_NAT_BOTH && tuple_equal(&first, &second);
}

/* A packet must lead to one session only. */
static const char *check_unique(const struct table *table)
{
	for (uint32_t i = 0; i < table->untouched; i++) {
		const struct session *a = &table->sessions[i];

		for (uint32_t j = 0; is_used(table, i) && j < i; j++) {
			const struct session *b = &table->sessions[j];

			if (!is_used(table, j))
				continue;
			for (unsigned int pair = 0; pair < 4; pair++) {
				struct tuple one = table_tuple(table, a, (enum direction)(pair & 1));
				struct tuple other = table_tuple(table, b, (enum direction)(pair >> 1));

				INVARIANT(!tuple_equal(&one, &other), "two sessions answer to the same tuple");
			}
			INVARIANT(!same_translation(table, a, b), "two sessions look the same between the hooks");
		}
	}
	return NULL;
}

static const char *check_peers(const struct table *table)
{
	uint32_t holders = 0, reached = 0;

	for (uint32_t index = 0; index < table->untouched; index++) {
		const struct session *first = &table->sessions[index];
		uint32_t previous = index;
		struct tuple key, other;

		if (!is_used(table, index) || first->mapping == MAPPING_NONE)
			continue;
		holders++;
		if (first->peer_previous != SESSION_NONE)
			continue;
		key = peer_key(table, first);
		reached++;
		for (uint32_t next = first->peer_next; next != SESSION_NONE; next = table->sessions[next].peer_next) {
			INVARIANT(is_used(table, next) && table->sessions[next].mapping != MAPPING_NONE,
				  "one without a mapping is linked to a peer");
			other = peer_key(table, &table->sessions[next]);
			INVARIANT(tuple_equal(&key, &other), "sessions of different peers are linked");
			INVARIANT(table->sessions[next].peer_previous == previous, "a peer's links disagree");
			INVARIANT(++reached <= table->capacity, "a peer's sessions form a ring");
			previous = next;
		}
		for (uint32_t later = index + 1; later < table->untouched; later++) {
			if (!is_used(table, later) || !has_node(&table->sessions[later], NODE_PEER))
				continue;
			other = peer_key(table, &table->sessions[later]);
			INVARIANT(!tuple_equal(&key, &other), "a peer has two places in the hash");
		}
	}
	INVARIANT(holders == reached, "a session with a mapping is not linked to its peer");
	return NULL;
}

/* ---------------------------------------------------------------- tallies */

static bool is_expendable(unsigned int list)
{
	switch (list) {
	case TIMEOUT_TCP_ESTABLISHED:
	case TIMEOUT_TCP_UNACKNOWLEDGED:
	case TIMEOUT_TCP_RETRANSMITTING:
	case TIMEOUT_UDP_STREAM:
	case TIMEOUT_DCCP_OPEN:
	case TIMEOUT_GENERIC:
		return false;
	default:
		return list < TIMEOUT_COUNT;
	}
}

static bool is_counted(const struct table *table, uint32_t index)
{
	return is_used(table, index) && table->sessions[index].flags & SESSION_CONFIRMED;
}

/* A source's sessions that may be given up, from the oldest on. */
static const char *check_crowd(const struct engine *engine, uint32_t source, uint32_t count)
{
	const struct tally_entry *entry = &engine->sources.entries[source];
	uint32_t previous = SESSION_NONE, walked = 0;

	for (uint32_t index = entry->oldest; index != SESSION_NONE;) {
		const struct session *session = table_session(&engine->table, index);

		INVARIANT(is_counted(&engine->table, index) && session->source_tally == source &&
			      is_expendable(session->list),
			  "a source would give up a session that is not its own or not expendable");
		INVARIANT(session->crowd_previous == previous, "the links of a source's expendable sessions disagree");
		INVARIANT(++walked <= count, "a source has more expendable sessions than it should, or a ring");
		previous = index;
		index = session->crowd_next;
	}
	INVARIANT(entry->newest == previous && walked == count, "an expendable session is missing from its source's");
	return NULL;
}

static const char *check_rank(const struct rank *rank, uint32_t entries)
{
	uint32_t last = UINT32_MAX, ranked = 0, counted = 0;

	for (uint32_t entry = 0; entry < entries; entry++)
		counted += rank_count(rank, entry) != 0;
	for (uint32_t entry = rank_first(rank); entry != RANK_NONE; entry = rank_next(rank, entry)) {
		INVARIANT(entry < entries && rank_count(rank, entry) > 0, "one who holds nothing has a rank");
		INVARIANT(rank_count(rank, entry) <= last, "ranks are out of order");
		INVARIANT(++ranked <= counted, "ranks form a ring");
		last = rank_count(rank, entry);
	}
	INVARIANT(ranked == counted, "one who holds something has no rank");
	return NULL;
}

static uint32_t entry_of(const struct session *session, bool by_source)
{
	return by_source ? session->source_tally : session->destination_tally;
}

static const char *check_entry(const struct engine *engine, const struct tally *tally, bool by_source, uint32_t entry)
{
	uint32_t sessions = 0, expendable = 0;

	for (uint32_t index = 0; index < engine->table.untouched; index++) {
		const struct session *session = table_session(&engine->table, index);
		struct tuple tuple =
		    table_tuple(&engine->table, session, by_source ? DIRECTION_ORIGINAL : DIRECTION_REPLY);
		struct address key = tally_key(&tuple.source.address);

		if (!is_counted(&engine->table, index) || entry_of(session, by_source) != entry)
			continue;
		INVARIANT(entry == TALLY_REST || address_equal(&key, &tally->entries[entry].address),
			  "a session counts for somebody else");
		INVARIANT(entry == TALLY_REST || tally_lookup(tally, &key) == entry, "a tally's entry is not found");
		sessions++;
		expendable += is_expendable(session->list);
	}
	INVARIANT(rank_count(&tally->sessions, entry) == sessions, "a tally of sessions is wrong");
	if (!by_source)
		return NULL;
	INVARIANT(rank_count(&tally->expendable, entry) == expendable, "a tally of expendable sessions is wrong");
	return expendable || rank_count(&tally->sessions, entry) ? check_crowd(engine, entry, expendable) : NULL;
}

static const char *check_tally(const struct engine *engine, const struct tally *tally, bool by_source)
{
	const char *wrong = check_rank(&tally->sessions, tally->untouched);

	if (!wrong)
		wrong = check_rank(&tally->expendable, tally->untouched);
	for (uint32_t index = 0; !wrong && index < engine->table.untouched; index++)
		if (is_counted(&engine->table, index) &&
		    entry_of(table_session(&engine->table, index), by_source) >= tally->untouched)
			wrong = "a session counts for an entry that was never used";
	for (uint32_t entry = 0; !wrong && entry < tally->untouched; entry++)
		wrong = check_entry(engine, tally, by_source, entry);
	return wrong;
}

/* --------------------------------------------------------------- counters */

static const char *check_counters(const struct engine_counters *counters)
{
	uint64_t drops = 0;

	for (unsigned int reason = 0; reason < REASON_COUNT; reason++)
		drops += counters->drops[reason];
	INVARIANT(counters->drops[REASON_NONE] == 0, "a packet was dropped for no reason");
	INVARIANT(drops == counters->dropped, "drops are not the sum of their reasons");
	INVARIANT(counters->received == counters->accepted + counters->dropped,
		  "a packet was neither accepted nor dropped");
	INVARIANT(counters->created >= counters->expired + counters->evicted, "more sessions ended than began");
	return NULL;
}

const char *invariants_check(const struct engine *engine)
{
	const char *wrong = check_slots(&engine->table);

	if (!wrong)
		wrong = check_lists(&engine->table);
	if (!wrong)
		wrong = check_peers(&engine->table);
	if (!wrong)
		wrong = check_nodes(&engine->table);
	if (!wrong)
		wrong = check_addresses(&engine->table);
	if (!wrong)
		wrong = check_unique(&engine->table);
	if (!wrong)
		wrong = check_tally(engine, &engine->sources, true);
	if (!wrong)
		wrong = check_tally(engine, &engine->destinations, false);
	if (!wrong)
		wrong = check_counters(&engine->counters);
	if (!wrong)
		wrong = invariants_check_followers(engine);
	return wrong ? wrong : invariants_check_mappings(engine);
}
