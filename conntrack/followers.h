/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control connections that are followed, and the one data connection that each of
 * them may have announced.
 *
 * Theory of operation. A side table of fixed capacity beside the sessions, taken when
 * the first ruleset with a `ct helper` is applied: a session that is followed has a
 * flag, and only then is its follower looked up, by the session's index. What it
 * expects is found in a second, keyed hash by who may connect and to where; the
 * peer's port is not part of the key. All expectations live equally long, hence one
 * list in the order of their making. Nothing here allocates after followers_init().
 */
#ifndef SLUICE_CONNTRACK_FOLLOWERS_H
#define SLUICE_CONNTRACK_FOLLOWERS_H

#include "conntrack/edits.h"

#define FOLLOWER_NONE UINT32_MAX

/**
 * struct expectation - a TCP connection that was announced
 * @connector: who may open it, from any port; as it arrives here
 * @announced: where to, as it arrives here
 * @listener: where it is to go: differs from @announced where that is translated
 * @appears: the connector's address as the listener knows it
 * @mapping: holds @announced for @listener; MAPPING_NONE: nothing is translated
 * @peer: what the mapping was acquired for
 */
struct expectation {
	struct address connector;
	struct endpoint announced, listener;
	struct address appears;
	uint32_t mapping;
	struct endpoint peer;
	struct mono made;
};

/**
 * struct follower - a followed control connection
 * @session: its index in the table
 * @edits: for each direction
 * @next: for each direction, where data goes on that has not come by yet
 * @at_start: for each direction, a line begins there
 * @greeted: the server has spoken first, as FTP has it
 * @foreign: something that is not FTP came by: nothing is expected of it any more
 * @passive: the client has asked the server to listen
 * @expects: @expected is valid and in the second hash
 */
struct follower {
	uint32_t session;
	uint32_t session_next;			/* in its chain, or in the free list */
	uint32_t expected_next, older, younger; /* valid while it expects */
	uint32_t next[2];
	bool at_start[2];
	bool greeted, foreign, passive, expects;
	struct edits edits[2];
	struct expectation expected;
};

struct followers {
	struct follower *list;
	uint32_t *by_session, *by_expected;
	uint32_t capacity, used, free; /* slots from @used on were never used */
	uint32_t mask;
	uint32_t count;		 /* that follow a session */
	uint32_t oldest, newest; /* of those that expect */
	uint64_t key[2];
};

/**
 * followers_init() - take the memory
 * @key: secret, for the second hash
 *
 * Return: 0 or -ENOMEM.
 */
int followers_init(struct followers *followers, uint32_t capacity, const uint64_t key[2]);
void followers_fini(struct followers *followers);

/* Follow @session, which is not followed. Return: NULL when there is no room. */
struct follower *followers_add(struct followers *followers, uint32_t session);

/* Who follows @session; NULL: nobody. */
struct follower *followers_lookup(const struct followers *followers, uint32_t session);

/* Follow it no more; it expects nothing any more. */
void followers_remove(struct followers *followers, struct follower *follower);

/* From now on it expects @expectation; it expected nothing before. */
void followers_expect(struct followers *followers, struct follower *follower, const struct expectation *expectation);

/* It expects nothing any more. The mapping is the caller's to release. */
void followers_forget(struct followers *followers, struct follower *follower);

/* Who expects a connection from @connector to @destination? The one that said so last; NULL: nobody. */
struct follower *followers_expecting(const struct followers *followers, const struct address *connector,
				     const struct endpoint *destination);

/* Who has been expecting longest; NULL: nobody expects anything. */
struct follower *followers_oldest(const struct followers *followers);

#endif
