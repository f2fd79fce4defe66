/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `top` shows, as it was at one moment: the status, who holds most, and how
 * fast the counters have grown since the moment before.
 */
#ifndef SLUICE_CTL_SAMPLE_H
#define SLUICE_CTL_SAMPLE_H

#include "daemon/ctl/client.h"
#include "daemon/ctl/document.h"

#define SAMPLE_PARTIES 1000u
#define SAMPLE_ADDRESS 48

enum sample_order {
	SAMPLE_BY_SESSIONS,
	SAMPLE_BY_EXPENDABLE,
	SAMPLE_BY_PORTS,
	SAMPLE_BY_ADDRESS,
	SAMPLE_ORDER_COUNT,
};

struct sample_party {
	char address[SAMPLE_ADDRESS];
	int64_t sessions, expendable;
	int64_t ports; /* -1: not counted */
};

struct sample_list {
	size_t count;
	struct sample_party parties[SAMPLE_PARTIES];
};

/**
 * struct sample - start with zeros, end with sample_fini()
 * @status: NULL until one was taken
 * @before: the one before, for rates; NULL: there is none
 * @elapsed_s: between the two
 */
struct sample {
	struct document *status, *before;
	double taken_s, elapsed_s;
	struct sample_list sources, destinations;
};

/**
 * sample_take() - ask the daemon
 * @limit: so many sources and destinations, SAMPLE_PARTIES at most
 *
 * What was there stays when it fails.
 * Return: 0; negative errno; -ECONNRESET: the daemon hung up or made no sense.
 */
int sample_take(struct sample *sample, struct client *client, unsigned int limit);
void sample_fini(struct sample *sample);

/* No rates from before: another daemon may be there by now. */
void sample_forget(struct sample *sample);

/**
 * sample_rate() - growth of a counter of the status, or of all members of an object, a second
 * Return: negative: not known.
 */
double sample_rate(const struct sample *sample, const char *path);

/**
 * sample_arrange() - keep those whose address contains @filter, in order
 * @order: the most first, or addresses from the lowest text; @reversed: the other way
 */
void sample_arrange(struct sample_list *list, const char *filter, enum sample_order order, bool reversed);

#endif
