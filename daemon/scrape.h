/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The metrics listener: just enough HTTP for Prometheus to fetch one page.
 */
#ifndef SLUICE_DAEMON_SCRAPE_H
#define SLUICE_DAEMON_SCRAPE_H

#include "sluice/tuple.h"
#include "daemon/loop.h"

struct scrape;

/**
 * scrape_start() - serve /metrics at @endpoint
 * @page: makes the page, malloc()ed; NULL without memory
 *
 * Return: 0, or negative errno.
 */
int scrape_start(struct loop *loop, const struct endpoint *endpoint, char *(*page)(void *context), void *context,
		 struct scrape **scrape);

/** scrape_stop() - drop all connections; NULL is allowed */
void scrape_stop(struct scrape *scrape);

#endif
