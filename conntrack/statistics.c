/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/statistics.h"

#include <errno.h>
#include <stdlib.h>

#include "conntrack/hash.h"

/* A party that fails is worth more room than one that goes well. */
#define WEIGHT_OPENED 1
#define WEIGHT_FAILED 4

int statistics_init(struct statistics *statistics, uint32_t capacity, const uint64_t key[2])
{
	uint32_t sets = 1;

	while (sets * STATISTICS_WAYS < capacity)
		sets <<= 1;
	*statistics = (struct statistics){ .sets = sets, .key = { key[0], key[1] } };
	statistics->entries = calloc((size_t)sets * STATISTICS_WAYS, sizeof(*statistics->entries));
	statistics->ways = calloc((size_t)sets * STATISTICS_WAYS, sizeof(*statistics->ways));
	if (!statistics->entries || !statistics->ways) {
		statistics_fini(statistics);
		return -ENOMEM;
	}
	return 0;
}

void statistics_fini(struct statistics *statistics)
{
	free(statistics->entries);
	free(statistics->ways);
	statistics->entries = NULL;
	statistics->ways = NULL;
}

static uint32_t seconds_of(struct mono now)
{
	return (uint32_t)(now.ns / NS_PER_S);
}

/* Never 0, so that 0 can stand for none. */
static uint32_t window_of(struct mono now)
{
	return seconds_of(now) / STATISTICS_WINDOW_S + 1;
}

/* ------------------------------------------------------------------ finding */

static uint64_t hash_party(const struct statistics *statistics, const struct endpoint *who, uint8_t protocol)
{
	struct {
		struct endpoint who;
		uint8_t protocol, zero;
	} party = { *who, protocol, 0 };

	return hash_bytes(statistics->key, &party, sizeof(party));
}

static bool is_party(const struct statistics_entry *entry, const struct endpoint *who, uint8_t protocol)
{
	return entry->protocol == protocol && endpoint_equal(&entry->who, who);
}

/* The index of a party within its set's places, or the number of places. */
static uint32_t lookup(const struct statistics *statistics, uint32_t first, uint32_t tag, const struct endpoint *who,
		       uint8_t protocol)
{
	for (uint32_t way = first; way < first + STATISTICS_WAYS; way++)
		if (statistics->ways[way].tag == tag && is_party(&statistics->entries[way], who, protocol))
			return way;
	return first + STATISTICS_WAYS;
}

static uint32_t first_of(const struct statistics *statistics, uint64_t hash)
{
	return (uint32_t)(hash & (statistics->sets - 1)) * STATISTICS_WAYS;
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

const struct statistics_entry *statistics_find(const struct statistics *statistics, const struct endpoint *who,
					       uint8_t protocol)
{
	uint64_t hash = hash_party(statistics, who, protocol);
	uint32_t first = first_of(statistics, hash), way = lookup(statistics, first, tag_of(hash), who, protocol);

	return way == first + STATISTICS_WAYS ? NULL : &statistics->entries[way];
}

/* What the party weighs now: half for each window that passed. */
static uint32_t weight_now(const struct statistics_way *way, uint32_t window)
{
	uint32_t passed = window - way->window;

	return passed < 32 ? way->weight >> passed : 0;
}

static void add_to_rest(struct statistics *statistics, const struct statistics_entry *entry)
{
	for (unsigned int i = 0; i < STATISTIC_COUNT; i++)
		statistics->rest.counters[i].total += entry->counters[i].total;
}

/* A free place of the set, or that of the one who weighs least. */
static uint32_t make_room(struct statistics *statistics, uint32_t first, uint32_t window)
{
	uint32_t least = first;

	for (uint32_t way = first; way < first + STATISTICS_WAYS; way++) {
		if (!statistics->ways[way].tag)
			return way;
		if (weight_now(&statistics->ways[way], window) < weight_now(&statistics->ways[least], window))
			least = way;
	}
	add_to_rest(statistics, &statistics->entries[least]);
	return least;
}

struct statistics_entry *statistics_open(struct statistics *statistics, const struct endpoint *who, uint8_t protocol,
					 struct mono now)
{
	uint64_t hash = hash_party(statistics, who, protocol);
	uint32_t first = first_of(statistics, hash), tag = tag_of(hash), window = window_of(now);
	uint32_t way = lookup(statistics, first, tag, who, protocol);

	if (way == first + STATISTICS_WAYS) {
		way = make_room(statistics, first, window);
		statistics->entries[way] =
		    (struct statistics_entry){ .who = *who, .protocol = protocol, .window = window };
		statistics->ways[way] = (struct statistics_way){ .tag = tag, .window = window };
	}
	statistics->ways[way].weight = weight_now(&statistics->ways[way], window) + WEIGHT_OPENED;
	statistics->ways[way].window = window;
	if (statistics->entries[way].peer_count)
		statistics->ways[way].weight += WEIGHT_FAILED;
	return &statistics->entries[way];
}

/* ----------------------------------------------------------------- counting */

static void move_on(struct statistics_entry *entry, struct mono now)
{
	uint32_t window = window_of(now), left = 0;

	if (entry->window == window)
		return;
	for (unsigned int i = 0; i < STATISTIC_COUNT; i++) {
		struct statistics_counter *counter = &entry->counters[i];

		counter->previous = entry->window + 1 == window ? counter->present : 0;
		counter->present = 0;
		left += i == STATISTIC_OPENED || i == STATISTIC_ANSWERED ? 0 : counter->previous;
	}
	entry->window = window;
	if (left)
		return;
	entry->peer_count = 0;
	entry->reporters = 0;
}

static void count_rate(struct statistics_entry *entry, struct mono now)
{
	uint32_t slot = seconds_of(now) / STATISTICS_RATE_S;

	if (slot != entry->rate_slot) {
		entry->rate_previous = slot == entry->rate_slot + 1 ? entry->rate_present : 0;
		entry->rate_present = 0;
		entry->rate_slot = slot;
	}
	entry->rate_present++;
}

void statistics_count(struct statistics_entry *entry, enum statistic statistic, struct mono now)
{
	struct statistics_counter *counter = &entry->counters[statistic];

	move_on(entry, now);
	if (!counter->present && !counter->previous)
		counter->since = seconds_of(now);
	counter->present++;
	counter->total++;
	if (statistic == STATISTIC_OPENED)
		count_rate(entry, now);
}

void statistics_take_back(struct statistics_entry *entry, enum statistic statistic, struct mono now)
{
	struct statistics_counter *counter = &entry->counters[statistic];

	move_on(entry, now);
	if (counter->present)
		counter->present--;
	else if (counter->previous)
		counter->previous--;
	else
		return;
	counter->total--;
}

static uint16_t peer_tag(const struct address *peer, uint16_t port)
{
	uint32_t mixed = port * UINT32_C(0x9e3779b1);

	/* The set is cleared every few minutes and only counted: whoever makes tags collide hides himself. */
	for (unsigned int i = 0; i < sizeof(peer->bytes); i += 4) {
		uint32_t word;

		memcpy(&word, peer->bytes + i, sizeof(word));
		mixed = (mixed ^ word) * UINT32_C(0x85ebca77);
		mixed ^= mixed >> 15;
	}
	return (uint16_t)(mixed >> 16);
}

bool statistics_knows_peer(const struct statistics_entry *entry, const struct address *peer, uint16_t port)
{
	uint16_t tag = peer_tag(peer, port);

	for (unsigned int i = 0; i < entry->peer_count; i++)
		if (entry->peers[i] == tag)
			return true;
	return false;
}

void statistics_note_peer(struct statistics_entry *entry, const struct address *peer, uint16_t port)
{
	entry->peer = *peer;
	if (entry->peer_count < STATISTICS_PEERS && !statistics_knows_peer(entry, peer, port))
		entry->peers[entry->peer_count++] = peer_tag(peer, port);
}

void statistics_smooth(uint32_t *smoothed_us, uint64_t sample_ns)
{
	uint64_t sample_us = sample_ns / 1000;

	if (sample_us > UINT32_MAX / 2)
		sample_us = UINT32_MAX / 2;
	/* RFC 6298 section 2.3; 0 is kept for what is not known. */
	*smoothed_us = *smoothed_us ? (uint32_t)((*smoothed_us * UINT64_C(7) + sample_us) / 8) : (uint32_t)sample_us;
	if (!*smoothed_us)
		*smoothed_us = 1;
}

/* ------------------------------------------------------------------ reading */

uint32_t statistics_recent(const struct statistics_entry *entry, enum statistic statistic, struct mono now)
{
	const struct statistics_counter *counter = &entry->counters[statistic];
	uint32_t passed = window_of(now) - entry->window;

	if (passed == 0)
		return counter->present + counter->previous;
	return passed == 1 ? counter->present : 0;
}

double statistics_rate(const struct statistics_entry *entry, struct mono now)
{
	uint32_t slot = seconds_of(now) / STATISTICS_RATE_S;
	double present = slot == entry->rate_slot ? entry->rate_present : 0, previous = 0, passed;

	if (slot == entry->rate_slot)
		previous = entry->rate_previous;
	else if (slot == entry->rate_slot + 1)
		previous = entry->rate_present;
	/* So much of this slot has passed; for the rest, the one before stands in. */
	passed = (double)(now.ns % (STATISTICS_RATE_S * NS_PER_S)) / (double)(STATISTICS_RATE_S * NS_PER_S);
	return (present + previous * (1 - passed)) / STATISTICS_RATE_S;
}

struct snapshot_statistics statistics_none(void)
{
	return (struct snapshot_statistics){ .rtt_ms = -1, .dns_ms = -1 };
}

void statistics_add(struct snapshot_statistics *sum, const struct statistics_entry *entry, struct mono now)
{
	for (unsigned int i = 0; i < STATISTIC_COUNT; i++)
		sum->counts[i] += entry->counters[i].total;
	for (unsigned int i = 0; i < STATISTIC_CODES; i++)
		sum->codes[i] += entry->codes[i];
	sum->rate += statistics_rate(entry, now);
	if (entry->rtt_us && sum->rtt_ms < 0)
		sum->rtt_ms = entry->rtt_us / 1000.0;
	if (entry->dns_us && sum->dns_ms < 0)
		sum->dns_ms = entry->dns_us / 1000.0;
}

const struct statistics_entry *statistics_next(const struct statistics *statistics, uint32_t *position)
{
	while (*position < statistics->sets * STATISTICS_WAYS) {
		uint32_t way = (*position)++;

		if (statistics->ways[way].tag)
			return &statistics->entries[way];
	}
	return NULL;
}
