/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following FTP (RFC 959, RFC 2428): where the pipeline asks. A session whose first packet
 * met `ct helper set` is followed; SESSION_FOLLOWED says so.
 */
#ifndef SLUICE_CONNTRACK_FOLLOW_H
#define SLUICE_CONNTRACK_FOLLOW_H

#include "conntrack/engine_private.h"

/**
 * follow_prepare() - take the memory that a ruleset's helpers need, once
 *
 * Return: 0 or -ENOMEM.
 */
int follow_prepare(struct engine *engine, const struct ruleset *ruleset);

/* Follow the session just made, if a rule asked for it and it began with its SYN. */
void follow_begin(struct passage *passage);

/* The session ends, and with it what was expected of it. */
void follow_end(struct engine *engine, uint32_t session);

/* Before a packet is tracked: what it acknowledges, as the other side counts. */
void follow_receive(struct passage *passage);

/**
 * follow_send() - a tracked and judged packet goes on: read it, rewrite it
 *
 * Return: REASON_NONE, or why it must be dropped: it comes again.
 */
enum reason follow_send(struct passage *passage, const struct track_result *result);

/* A quoted TCP header, as its sender counts: before the quote is judged. */
void follow_quote(struct passage *passage);

/**
 * follow_expected() - is this first packet's connection one that was announced?
 *
 * Then it is related, goes where its listener is, and its source is translated like the
 * control connection's.
 */
bool follow_expected(struct passage *passage);

/* The announced connection has come to be; a second one is not expected. */
void follow_fulfil(struct passage *passage);

/* An external address is gone, and what was announced on it. */
void follow_end_address(struct engine *engine, const struct address *address);

/**
 * follow_tick() - what has not come in time is expected no more
 * @budget: counted down
 *
 * Return: true when more is due.
 */
bool follow_tick(struct engine *engine, struct mono now, unsigned int *budget);

#endif
