/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fast each source may open sessions, and who is exempt from every quota.
 *
 * Theory of operation. A source, counted as in tally.h, has a token bucket, kept as
 * one instant: when the bucket will be full again (the generic cell rate algorithm,
 * ITU-T I.371). A new session moves it one token's time on; it is refused when that
 * would lie further ahead than the burst. An instant that has passed says nothing any
 * more, so its entry is free, and no clock has to clean up.
 *
 * Entries stand in sets of four, found by a keyed hash. Where four sources of one set
 * are all in debt, the one with the least debt is forgotten: it may open a burst too many,
 * nobody is refused for another.
 */
#ifndef CONNTRACK_QUOTA_H
#define CONNTRACK_QUOTA_H

#include "sluice/settings.h"

#define QUOTA_WAYS 4

struct quota_entry {
	struct address source;
	struct mono full; /* when it may open a whole burst again */
};

struct quota {
	struct quota_entry (*sets)[QUOTA_WAYS];
	uint32_t set_mask;
	uint64_t key[2];
};

/* Room for some @sources; touched only where a rate is set. Return: 0 or -ENOMEM. */
int quota_init(struct quota *quota, uint32_t sources, const uint64_t key[2]);

/* Bytes taken. */
uint64_t quota_bytes(const struct quota *quota);
void quota_fini(struct quota *quota);

/**
 * quota_take() - one session more of @source, if @rate allows it now
 * @rate: its count is not 0
 */
bool quota_take(struct quota *quota, const struct address *source, const struct settings_rate *rate, struct mono now);

/* What quota_take() would say, with nothing taken. */
bool quota_has_room(const struct quota *quota, const struct address *source, const struct settings_rate *rate,
		    struct mono now);

/**
 * quota_is_exempt() - may this source do as it likes?
 * @interface: where it comes in; NULL: unknown, or the router itself
 *
 * By `quota-exempt` or because the interface is one of `management`.
 */
bool quota_is_exempt(const struct settings *settings, const char *interface, const struct address *source);

#endif
