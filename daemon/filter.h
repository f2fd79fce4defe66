/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which sessions a question is about: conntrack's words for them (-p, -s, --sport,
 * --state ...), each a name and a text, made into values once and then compared
 * with every session of a listing. Knows no socket, no JSON and no engine.
 */
#ifndef SLUICE_DAEMON_FILTER_H
#define SLUICE_DAEMON_FILTER_H

#include "sluice/snapshot.h"

/* Longest text that a filter's word may have. */
#define FILTER_TEXT_SIZE 64

/* Both families count bits in the 16 bytes of struct address: IPv4 /24 is 120. */
struct filter_prefix {
	bool set;
	uint8_t bits;
	struct address address;
};

struct filter_port {
	bool set;
	uint16_t port; /* host order */
};

enum filter_status {
	FILTER_STATUS_ANY,
	FILTER_STATUS_ASSURED,
	FILTER_STATUS_UNREPLIED,
	FILTER_STATUS_SEEN_REPLY,
};

/**
 * struct filter - all members that are set must match
 * @source, @destination, @source_port, @destination_port: by direction, as the
 *	packets of that direction carry them
 * @state: conntrack's word or the word of `timeout` in the configuration; "": any
 */
struct filter {
	bool has_protocol;
	uint8_t protocol;
	bool has_family;
	enum family family;
	struct filter_prefix source[2], destination[2];
	struct filter_port source_port[2], destination_port[2];
	enum filter_status status;
	char state[FILTER_TEXT_SIZE];
};

/**
 * filter_add() - one word of a filter
 * @name: protocol, family, src, dst, sport, dport, reply_src, reply_dst,
 *	reply_sport, reply_dport, state or status
 * @value: its text: `tcp`, `10.0.0.0/8`, `443`, `ESTABLISHED`
 * @error: receives what is wrong, in words
 *
 * Return: 0, or -EINVAL: then @filter is as it was.
 */
int filter_add(struct filter *filter, const char *name, const char *value, char *error, size_t size);

/* Does @session fit every word of @filter? A filter of zeros fits all. */
bool filter_match(const struct filter *filter, const struct snapshot_session *session);

/* Is nothing asked for? */
bool filter_is_empty(const struct filter *filter);

#endif
