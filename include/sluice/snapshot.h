/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions about an engine, answered by copies. A listing is a cursor that does a
 * bounded amount of work at each call, so a million sessions never hold up a packet.
 */
#ifndef SLUICE_SNAPSHOT_H
#define SLUICE_SNAPSHOT_H

#include "sluice/engine.h"
#include "sluice/statistics.h"

enum pressure_level {
	PRESSURE_NORMAL,
	PRESSURE_ELEVATED,
	PRESSURE_HIGH,
	PRESSURE_FULL,
};

enum refusal {
	REFUSAL_POOL_EXHAUSTED,
	REFUSAL_DESTINATION_EXHAUSTED,
	REFUSAL_SOURCE_QUOTA,
	REFUSAL_HOLD_DOWN,
	REFUSAL_TABLE_FULL,
	REFUSAL_COUNT,
};

/* The words of CONTRACT for the two enums above; never NULL. */
const char *pressure_level_name(enum pressure_level level);
const char *refusal_name(enum refusal refusal);

/* How full something is, and when it will be full. */
struct snapshot_pressure {
	enum pressure_level level;
	double fill;		/* 0 to 1 */
	double rate;		/* net growth a second, smoothed */
	double seconds_to_full; /* negative: not at this rate */
};

struct snapshot_status {
	struct {
		uint32_t current, capacity, peak;
		uint64_t created, expired, evicted;
		uint32_t reserve;    /* of the capacity, for management and the gateway itself */
		uint32_t bytes_each; /* memory for each session with all of its own, a mapping included */
		uint32_t tcp, udp, icmp, other;
		uint32_t by_state[TIMEOUT_COUNT];
	} sessions;
	struct snapshot_pressure pressure;
	uint64_t refusals[REFUSAL_COUNT];
	uint64_t drops[REASON_COUNT];
	struct {
		uint64_t received, accepted, dropped, rewritten, truncated;
	} packets;
	struct {
		uint64_t translated, unmatched, invalid, frag_needed;
	} icmp;
	uint64_t mss_clamped;
	struct {
		uint32_t installed; /* sessions in the fast path now */
		uint64_t hits;	    /* packets that passed there and were reported */
	} fastpath;
	uint64_t effects_lost;
	uint32_t generation; /* of the ruleset: grows with each engine_apply() */
};

void snapshot_status(const struct engine *engine, struct snapshot_status *status);

struct snapshot_pool {
	struct address address;
	uint8_t protocol;
	uint32_t ports, used, peak;
	struct snapshot_pressure pressure;
	uint64_t refused;		  /* in sum */
	uint64_t refusals[REFUSAL_COUNT]; /* by cause; causes that are no pool's stay 0 */
};

enum session_nat {
	SESSION_NAT_NONE,
	SESSION_NAT_SNAT,
	SESSION_NAT_DNAT,
	SESSION_NAT_BOTH,
};

struct snapshot_session {
	struct session_handle handle;
	struct tuple tuples[2];
	uint64_t packets[2], bytes[2];
	enum timeout state;	/* the timeout class names the state */
	const char *state_name; /* conntrack's word: SYN_SENT, ESTABLISHED, ...; "" where it has none */
	uint32_t timeout_s;	/* left */
	bool assured, seen_reply;
	enum session_nat nat;
	const char *rule_file; /* NULL: no rule */
	uint32_t rule_line;
	uint32_t mark;
	uint16_t path_mtu; /* 0: none learned */
	bool fastpath;
	bool keyed;   /* GRE: told from another tunnel between the same addresses by its @key */
	uint32_t key; /* host order */
	uint32_t iif, oif;
};

struct snapshot_mapping {
	uint8_t protocol;
	struct endpoint internal, external;
	struct endpoint peer; /* unspecified: endpoint-independent; port 0: address-dependent */
	uint32_t sessions;
	uint32_t hold_s; /* left, once no session uses it */
};

/* A place in a listing; start with zeros. */
struct snapshot_cursor {
	uint32_t position;
};

/**
 * snapshot_next_session() - copy the next session into @session
 * @steps: slots to look at, at most; counted down
 *
 * A session that lives through the whole listing is shown exactly once.
 * Return: 1 copied; 0 the end; -EAGAIN when @steps are used up.
 */
int snapshot_next_session(const struct engine *engine, struct snapshot_cursor *cursor, struct mono now,
			  unsigned int *steps, struct snapshot_session *session);
int snapshot_next_mapping(const struct engine *engine, struct snapshot_cursor *cursor, struct mono now,
			  unsigned int *steps, struct snapshot_mapping *mapping);
int snapshot_next_pool(const struct engine *engine, struct snapshot_cursor *cursor, struct snapshot_pool *pool);

/* Who holds sessions: a source or a destination; IPv6 counts by /64. */
struct snapshot_party {
	struct address address; /* unspecified: all those beyond what is counted one by one */
	uint32_t sessions;
	uint32_t expendable; /* of those: unanswered or closing, given up first under pressure */
	uint32_t ports;	     /* external ports that a source's mappings hold */
	struct snapshot_statistics statistics;
	uint16_t path_mtu; /* a destination's, the lowest learned there; 0: none */
};

/**
 * snapshot_sources(), snapshot_destinations() - those with most sessions, in order
 *
 * A destination is where sessions go after translation.
 * Return: how many of @limit places in @list were filled.
 */
size_t snapshot_sources(const struct engine *engine, struct snapshot_party *list, size_t limit);
size_t snapshot_destinations(const struct engine *engine, struct snapshot_party *list, size_t limit);

/**
 * snapshot_statistics_of() - all that is counted of one address, as a source and as a destination
 *
 * An IPv6 source counts with its /64, a destination by itself.
 */
void snapshot_statistics_of(const struct engine *engine, const struct address *address,
			    struct snapshot_statistics *source, struct snapshot_statistics *destination);

/**
 * struct snapshot_black_hole - a destination towards which large packets vanish
 * @works, @fails: bytes of an IP packet: the largest that arrived (0: none is known), the smallest that did not
 * @datagrams: seen with UDP only
 * @action: what is done: the word of the setting black-holes, never NULL
 */
struct snapshot_black_hole {
	struct address destination;
	uint16_t works, fails;
	struct mono since;
	bool datagrams;
	const char *action;
};

/* At most this many are known. */
#define SNAPSHOT_BLACK_HOLES 256

/* Return: how many of @limit places in @list were filled. */
size_t snapshot_black_holes(const struct engine *engine, struct snapshot_black_hole *list, size_t limit);

/**
 * engine_delete_session() - end one session, its mapping with it when unused
 * Return: false when the handle is stale.
 */
bool engine_delete_session(struct engine *engine, struct session_handle handle, struct mono now);

#endif
