/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A gateway around the real engine, with real rules: interfaces, routes, a clock that
 * ticks as the daemon's does, and the way of a packet through the hooks.
 */
#ifndef SLUICE_GATEWAY_MODEL_H
#define SLUICE_GATEWAY_MODEL_H

#include "sluice/engine.h"
#include "sluice/snapshot.h"
#include "tests/model/wire_model.h"

#define GATEWAY_LINKS 8
#define GATEWAY_ANSWERS 16
#define GATEWAY_ALERTS 8
#define GATEWAY_OFFERS 8

/**
 * struct gateway - start with zeros
 * @links: the last one carries the default route
 * @answers: packets the engine sent on its own, not yet looked at
 */
struct gateway {
	struct engine *engine;
	struct configuration *configuration;
	struct mono now;
	struct link links[GATEWAY_LINKS];
	size_t link_count;
	struct effect event; /* the latest of a session */
	size_t alert_count;  /* since the start; the latest GATEWAY_ALERTS of them are kept, in turn */
	struct effect alerts[GATEWAY_ALERTS];
	size_t offer_count; /* of sessions for a fast path, not yet looked at */
	struct effect offers[GATEWAY_OFFERS];
	size_t answer_count;
	struct {
		uint32_t length;
		uint8_t bytes[1500];
	} answers[GATEWAY_ANSWERS];
};

/**
 * struct gateway_verdict - what became of a packet in all its hooks
 * @oif: where it leaves; 0: it stays, or was dropped
 * @expired: its TTL ended here: the kernel drops it behind prerouting
 */
struct gateway_verdict {
	enum reason reason;
	uint32_t rule;
	uint32_t oif;
	bool expired;
};

/* An interface in words: NAME=ADDRESS/LENGTH[,ADDRESS/LENGTH...]. False: it cannot be read. */
bool gateway_add_link(struct gateway *gateway, const char *text);

/* The interface of that name, or NULL. */
const struct link *gateway_find_link(const struct gateway *gateway, const char *name);

/**
 * gateway_start() - an engine with that configuration
 * @file: its name in diagnostics and rules
 *
 * Return: false, and what is wrong in @why.
 */
bool gateway_start(struct gateway *gateway, const char *file, const char *text, char *why, size_t size);
void gateway_stop(struct gateway *gateway);

/* Hands the interfaces over anew, after a change. */
bool gateway_links_changed(struct gateway *gateway);

/* Lets time pass in ticks of 100 ms; all that is due by the end is done. */
void gateway_pass(struct gateway *gateway, uint64_t ms);

/**
 * gateway_send() - one packet through all its hooks
 * @iif: where it comes in; 0: the gateway's own
 * @wire: rewritten in place
 */
struct gateway_verdict gateway_send(struct gateway *gateway, uint32_t iif, struct wire *wire);

/**
 * gateway_send_tuple() - the shortest packet of that tuple, with hops to spare
 * @random: what else it needs is from there, see wire_build()
 *
 * Return: the reason; gateway->event tells of its session.
 */
enum reason gateway_send_tuple(struct gateway *gateway, uint32_t iif, const struct tuple *tuple, uint64_t *random);

#endif
