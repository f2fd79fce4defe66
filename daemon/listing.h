/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long answers in short pieces: a listing keeps its place and does a bounded amount
 * of work at each step, so that packets never wait for a question.
 */
#ifndef SLUICE_DAEMON_LISTING_H
#define SLUICE_DAEMON_LISTING_H

#include "daemon/request.h"

/* Slots looked at and lines made in one step, at most: well under a millisecond. */
#define LISTING_SLOTS 2048u
#define LISTING_LINES 64u

/** struct listing - a place in one answer */
struct listing {
	enum request_verb verb;
	struct filter filter;
	struct snapshot_cursor cursor;
	uint64_t count; /* of lines made, or of sessions ended */
	char *text;	/* of `rules`: a copy, since the ruleset may be replaced meanwhile */
	size_t offset;
	const struct configuration *configuration; /* whose rules @text shows */
	uint32_t rule;				   /* the first one not yet met in @text */
	struct snapshot_party *parties; /* of `sources` and `destinations`: all of one instant, since order moves */
	size_t party_count;
};

/* Is that verb answered by a listing? */
bool listing_serves(enum request_verb verb);

/**
 * listing_begin() - start to answer @request
 * Return: 0, or -ENOMEM.
 */
int listing_begin(struct listing *listing, const struct request *request, const struct engine *engine);

/**
 * listing_step() - go on a little
 * @emit: receives each line, newline included
 *
 * Return: 1 when there is more, 0 at the end, -ENOMEM.
 */
int listing_step(struct listing *listing, struct engine *engine, struct mono now,
		 void (*emit)(void *context, const char *line, size_t length), void *context);

/** listing_fini() - free what it holds */
void listing_fini(struct listing *listing);

#endif
