/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters for parties: sources, and the services and addresses they talk to.
 *
 * Theory of operation. A table has a fixed number of entries in sets of eight; a
 * party's keyed hash says in which set it may be, so every call looks at eight tags
 * at most, whatever remote parties send. When a set is full, the party with the
 * least weight makes room, and what was counted of it goes to "the rest". Weight is
 * what was counted lately, so a scan of ten thousand ports displaces itself and
 * not the service that everybody uses.
 *
 * Each counter has a total and two windows: the present one and the one before.
 * What is recent is their sum, so evidence is between one and two windows old when
 * it is forgotten, and no timer runs for it: an entry's windows move on when it is
 * next looked at.
 */
#ifndef SLUICE_CONNTRACK_STATISTICS_H
#define SLUICE_CONNTRACK_STATISTICS_H

#include "sluice/statistics.h"
#include "sluice/tuple.h"

#define STATISTICS_WINDOW_S 150
/* New sessions a second are reckoned over so many seconds. */
#define STATISTICS_RATE_S 8
/* Peers told apart for each party. */
#define STATISTICS_PEERS 16
#define STATISTICS_WAYS 8

/**
 * struct statistics_counter
 * @present, @previous: in the windows of the entry's @window and the one before
 * @since: second of the first one that is recent
 */
struct statistics_counter {
	uint32_t total, present, previous, since;
};

/**
 * struct statistics_entry - one party
 * @who: a source or a whole address has port 0 and @protocol 0
 * @window: which window the counters' @present is
 * @peers: tags of those it failed with lately; @peer is the last one's address
 * @reporter, @icmp_type, @icmp_code, @mtu: of the last ICMP error about it
 * @reporters: different senders of these in a row, up to 2
 * @idle_s, @dropped_late: the timeout that the last session which went on after it had; was its packet dropped?
 * @place, @hook: which rule dropped last, 0: a policy; and where
 */
struct statistics_entry {
	struct endpoint who;
	uint8_t protocol;
	uint8_t peer_count;
	uint8_t icmp_type, icmp_code, reporters, hook;
	bool dropped_late;
	uint16_t mtu;
	uint32_t idle_s;
	uint32_t window;
	uint32_t place;
	uint32_t rtt_us, dns_us; /* smoothed; 0: not known */
	uint32_t rate_slot, rate_present, rate_previous;
	struct statistics_counter counters[STATISTIC_COUNT];
	uint16_t peers[STATISTICS_PEERS];
	uint16_t codes[STATISTIC_CODES];
	struct address peer, reporter;
};

struct statistics_way {
	uint32_t tag; /* 0: free */
	uint32_t weight, window;
};

struct statistics {
	struct statistics_entry *entries;
	struct statistics_way *ways;
	struct statistics_entry rest; /* all those that made room */
	uint32_t sets;		      /* a power of two */
	uint64_t key[2];
};

/**
 * statistics_init() - @capacity is rounded up to eight times a power of two
 * Return: 0 or -ENOMEM.
 */
int statistics_init(struct statistics *statistics, uint32_t capacity, const uint64_t key[2]);
void statistics_fini(struct statistics *statistics);

/* The entry of a party; NULL when nothing is counted of it one by one. */
const struct statistics_entry *statistics_find(const struct statistics *statistics, const struct endpoint *who,
					       uint8_t protocol);

/* The same, made if need be; never NULL. Valid until the next call. */
struct statistics_entry *statistics_open(struct statistics *statistics, const struct endpoint *who, uint8_t protocol,
					 struct mono now);

/* One more; the windows of @entry move on as far as @now says. */
void statistics_count(struct statistics_entry *entry, enum statistic statistic, struct mono now);

/* One less, where a judgement proves wrong: an answer that came late. */
void statistics_take_back(struct statistics_entry *entry, enum statistic statistic, struct mono now);

/* The party failed with @peer. */
void statistics_note_peer(struct statistics_entry *entry, const struct address *peer, uint16_t port);

/* Has it lately failed with that peer? May err, once in some thousands, to yes. */
bool statistics_knows_peer(const struct statistics_entry *entry, const struct address *peer, uint16_t port);

/* A time measured, smoothed as RFC 6298 does it. */
void statistics_smooth(uint32_t *smoothed_us, uint64_t sample_ns);

/* How many lately: in this window and the one before. */
uint32_t statistics_recent(const struct statistics_entry *entry, enum statistic statistic, struct mono now);

/* New sessions a second. */
double statistics_rate(const struct statistics_entry *entry, struct mono now);

/* Adds @entry's numbers to @sum; times are taken where @sum has none. */
void statistics_add(struct snapshot_statistics *sum, const struct statistics_entry *entry, struct mono now);

/* All zero, no time known. */
struct snapshot_statistics statistics_none(void);

/* Entries in turn; *@position starts at 0. NULL at the end. */
const struct statistics_entry *statistics_next(const struct statistics *statistics, uint32_t *position);

#endif
