/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must hold in an engine between two calls, whatever came before: every index
 * says what the sessions and mappings themselves say.
 */
#ifndef SLUICE_INVARIANTS_MODEL_H
#define SLUICE_INVARIANTS_MODEL_H

#include "conntrack/engine_private.h"

/**
 * invariants_check() - look at everything once
 *
 * Time grows with the square of sessions and mappings: for small tables.
 * Return: NULL, or a sentence that says what is wrong.
 */
const char *invariants_check(const struct engine *engine);

/**
 * invariants_check_ports() - that every port's bits agree with their counts
 *
 * The slow part, left out of invariants_check(): what goes wrong there stays wrong.
 */
const char *invariants_check_ports(const struct engine *engine);

/* The part about mappings, ports and hosts. */
const char *invariants_check_mappings(const struct engine *engine);

/* The part about control connections that are followed. */
const char *invariants_check_followers(const struct engine *engine);

/* The part about GRE tunnels, left out of invariants_check(): damaged memory may have them otherwise. */
const char *invariants_check_tunnels(const struct engine *engine);

/* A packet that came as @came left with @left: was it the host's whose tunnel has its key? */
const char *invariants_check_delivery(const struct engine *engine, const struct packet *came, const struct tuple *left);

/**
 * struct nodes_owner - what a hash of nodes is for
 * @stands: must @node be there, and under which hash?
 */
struct nodes_owner {
	bool (*stands)(const void *context, uint32_t node, uint32_t *hash);
	const void *context;
};

/* The part about one hash; @expected: nodes that must be in it. */
const char *invariants_check_nodes(const struct nodes *nodes, const struct nodes_owner *owner, uint32_t expected);

/* The part about one table of addresses; who refers to them is for its owner to check. */
const char *invariants_check_addresses(const struct addresses *addresses);

/* In a function that returns such a sentence: the condition holds, or this is it. */
#define INVARIANT(condition, sentence) \
	do { \
		if (!(condition)) \
			return sentence; \
	} while (0)

#endif
