/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rule language: text -> diagnostics | configuration, and an immutable
 * program -> verdict.
 *
 * Theory of operation. configuration_load() parses one file and its includes,
 * checks it and compiles the rules into a `struct ruleset`. The engine asks for
 * the base chains of a hook in priority order and evaluates them one after
 * another, because a translation decided in one chain changes what the next one
 * sees. A ruleset never changes after compilation, except for what nft itself
 * counts in it: counters, limits, quotas and dynamic sets.
 *
 * Nothing here reads a file, prints, exits, or knows the time: files come through
 * `struct loader`, diagnostics go into a list, time and random numbers are in
 * `struct rule_context`.
 */
#ifndef SLUICE_RULESET_H
#define SLUICE_RULESET_H

#include "sluice/link.h"
#include "sluice/packet.h"
#include "sluice/settings.h"

/* ------------------------------------------------------------- diagnostics */

enum severity {
	SEVERITY_WARNING,
	SEVERITY_ERROR,
};

/** struct diagnostic - one message with its place; lines and columns count from 1 */
struct diagnostic {
	enum severity severity;
	char *file;
	unsigned int line, column;
	char *text;
	char *source_line; /* without newline; NULL when unknown */
};

struct diagnostics {
	struct diagnostic *list;
	size_t count, capacity;
	size_t errors;
};

void diagnostics_fini(struct diagnostics *diagnostics);

/**
 * diagnostic_format() - `FILE:LINE:COLUMN: error: TEXT`, the source line, a caret
 * @buffer: receives the lines, each ended by a newline, NUL-terminated
 *
 * Return: bytes needed without the NUL, as snprintf() counts.
 */
size_t diagnostic_format(const struct diagnostic *diagnostic, char *buffer, size_t size);

/* ------------------------------------------------------------------ loading */

/**
 * struct loader - how the language gets at files
 * @read: the whole contents of @path, malloc()ed, NUL-terminated, its length in
 *	@length; NULL with errno set when it cannot be read
 * @expand: calls @each with every path that matches the glob @pattern, in sorted
 *	order; 0, or negative errno. No match is not an error.
 */
struct loader {
	void *context;
	char *(*read)(void *context, const char *path, size_t *length);
	int (*expand)(void *context, const char *pattern, void (*each)(void *each_context, const char *path),
		      void *each_context);
};

struct ruleset;

struct configuration {
	struct settings settings;
	struct ruleset *ruleset;
};

/**
 * configuration_load() - parse, check and compile a configuration file
 * @diagnostics: receives every error and warning found; initialise to zeros
 *
 * Return: the configuration, or NULL when there was an error (or no memory).
 */
struct configuration *configuration_load(const struct loader *loader, const char *path,
					 struct diagnostics *diagnostics);

void configuration_destroy(struct configuration *configuration);

/**
 * configuration_print() - the canonical text of @configuration, malloc()ed
 *
 * Loading and printing the output again gives the same bytes.
 * Return: NUL-terminated text, or NULL without memory.
 */
char *configuration_print(const struct configuration *configuration);

/* --------------------------------------------------------------- evaluation */

enum ct_state {
	CT_STATE_INVALID = 1,
	CT_STATE_ESTABLISHED = 2,
	CT_STATE_RELATED = 4,
	CT_STATE_NEW = 8,
	CT_STATE_UNTRACKED = 64,
};

enum ct_status {
	CT_STATUS_SEEN_REPLY = 2,
	CT_STATUS_ASSURED = 4,
	CT_STATUS_CONFIRMED = 8,
	CT_STATUS_SNAT = 16,
	CT_STATUS_DNAT = 32,
};

enum address_type {
	ADDRESS_TYPE_UNICAST,
	ADDRESS_TYPE_LOCAL,
	ADDRESS_TYPE_BROADCAST,
	ADDRESS_TYPE_MULTICAST,
	ADDRESS_TYPE_UNREACHABLE,
	ADDRESS_TYPE_BLACKHOLE,
};

/**
 * struct oracle - questions about the world that only some rules ask
 *
 * Every member may be NULL: then the expression that asks does not match.
 */
struct oracle {
	void *context;
	/* fib daddr type; @link limits a local address to that interface, NULL: any */
	enum address_type (*address_type)(void *context, const struct address *address, const struct link *link);
	/* the interface by which @address is reached (fib saddr . iif oif); 0: no route */
	uint32_t (*route_interface)(void *context, const struct address *address, uint32_t via_interface,
				    uint32_t mark);
	/* the interface of that index, for fib ... oifname; NULL: unknown */
	const struct link *(*link)(void *context, uint32_t index);
	/* does a session with this original tuple exist? (ct count) */
	bool (*session_alive)(void *context, const struct tuple *original);
	/* lowest MTU known towards @address (rt mtu), 0: unknown */
	uint32_t (*path_mtu)(void *context, const struct address *address);
};

/**
 * struct rule_context - what one evaluation may look at
 * @view: addresses and ports as this chain sees them: translated by what earlier
 *	chains and hooks decided, whatever the packet's bytes still say
 * @iif, @oif: NULL where the hook has none
 * @mark, @ct_mark: read and written by rules; the engine carries them on
 * @ct_state: one of enum ct_state; @ct_status: a sum of enum ct_status
 * @ct_original, @ct_reply: the session's tuples, NULL when there is none
 * @random: fresh for each packet, for numgen random and the like
 */
struct rule_context {
	const struct packet *packet;
	struct tuple view;
	enum hook hook;
	const struct link *iif, *oif;
	uint32_t mark;
	uint32_t ct_mark;
	uint8_t ct_state;
	uint8_t ct_status;
	enum direction ct_direction;
	const struct tuple *ct_original, *ct_reply;
	struct mono now;
	uint64_t random;
	const struct oracle *oracle;
};

enum rule_action {
	RULE_ACCEPT,
	RULE_DROP,
	RULE_REJECT,
	RULE_NAT, /* ends the chain like accept; @nat says what to do */
};

enum reject_with {
	REJECT_TCP_RESET,
	REJECT_ICMP, /* @reject_code is the code of ICMP type 3 or ICMPv6 type 1, by family */
};

enum nat_kind {
	NAT_SNAT,
	NAT_MASQUERADE,
	NAT_DNAT,
	NAT_REDIRECT,
};

/**
 * struct nat_request - what a nat statement asks for
 * @address_first, @address_last: the range (equal for one address); not for
 *	masquerade and redirect, nor when @has_address is false (port only)
 * @port_first, @port_last: host order; 0 and 0: none named
 * @prefix: one-to-one: keep the host bits of a network of @prefix_length
 * @mapping, @filtering: 1 + enum behaviour; 0: as the gateway block says
 */
struct nat_request {
	enum nat_kind kind;
	bool has_address;
	struct address address_first, address_last;
	uint16_t port_first, port_last;
	bool random, fully_random, persistent;
	uint8_t mapping, filtering;
	bool prefix;
	uint8_t prefix_length;
};

struct log_request {
	const char *prefix; /* lives as long as the ruleset */
	uint8_t level;	    /* syslog priority 0-7 */
	uint32_t rule;
};

#define RULE_LOG_LIMIT 4
#define RULE_NONE UINT32_MAX /* the chain's policy decided */

/**
 * struct rule_outcome - what one base chain decided
 * @rule: the deciding rule, for ruleset_rule_place(), or RULE_NONE
 * @mss: lower the MSS of this SYN to that, 0: leave it; @mss_route: to what the
 *	route carries (rt mtu)
 * @helper: follow the session that this packet opens as FTP's control connection
 */
struct rule_outcome {
	enum rule_action action;
	uint32_t rule;
	enum reject_with reject_with;
	uint8_t reject_code;
	struct nat_request nat;
	uint16_t mss;
	bool mss_route;
	bool notrack;
	bool helper;
	unsigned int log_count;
	struct log_request logs[RULE_LOG_LIMIT];
};

enum chain_type {
	CHAIN_FILTER,
	CHAIN_NAT,
	CHAIN_ROUTE,
};

/* Where packets meet connection tracking, as in nft: behind it `notrack` comes too late. */
#define TRACKING_PRIORITY (-200)

struct base_chain; /* one chain with a hook, inside a ruleset */

/**
 * ruleset_base_chains() - the base chains on @hook, ascending by priority
 * @count: receives their number
 */
const struct base_chain *const *ruleset_base_chains(const struct ruleset *ruleset, enum hook hook, size_t *count);

enum chain_type base_chain_type(const struct base_chain *chain);
int base_chain_priority(const struct base_chain *chain);

/* Does the chain's table see packets of that family (ip, ip6, inet)? */
bool base_chain_sees(const struct base_chain *chain, enum family family);

/**
 * ruleset_evaluate() - run one base chain over one packet
 *
 * Counters, limits, quotas and dynamic sets of the rules passed are updated.
 * Bounded: jumps are acyclic and at most 16 deep. Allocates nothing.
 */
void ruleset_evaluate(struct ruleset *ruleset, const struct base_chain *chain, struct rule_context *context,
		      struct rule_outcome *outcome);

/**
 * ruleset_established_accepted() - is an established packet of @family that is no
 *	TCP SYN accepted by every filter chain of @hook, whatever else is in it?
 *
 * Decided once, when compiling. Only then may the engine settle such packets
 * without evaluation; it then calls ruleset_count_established() for the counters
 * that stand on the way.
 */
bool ruleset_established_accepted(const struct ruleset *ruleset, enum hook hook, enum family family);
void ruleset_count_established(struct ruleset *ruleset, enum hook hook, enum family family, uint64_t packets,
			       uint64_t bytes);

/* Does some rule follow FTP (ct helper set)? */
bool ruleset_has_helper(const struct ruleset *ruleset);

/* Where a rule stands: file, line, and its canonical text. NULL file for RULE_NONE. */
struct rule_place {
	const char *file;
	unsigned int line;
	const char *text;
};
struct rule_place ruleset_rule_place(const struct ruleset *ruleset, uint32_t rule);

/* Where the first chain on @hook stands whose policy drops packets of @family; NULL file: none. */
struct rule_place ruleset_policy_place(const struct ruleset *ruleset, enum hook hook, enum family family);

/**
 * ruleset_inherit() - carry counters, quotas, limits and dynamic sets of the same
 *	name and type over from the ruleset that is being replaced
 */
void ruleset_inherit(struct ruleset *ruleset, const struct ruleset *old);

/**
 * ruleset_seed() - give the sets that rules fill a secret hash key
 *
 * To be called once, before the first evaluation: remote parties choose what is
 * put into those sets. It also starts jhash where no seed is written.
 */
void ruleset_seed(struct ruleset *ruleset, uint64_t seed);

/**
 * struct rule_listing - one rule, for people
 * @family: ip, ip6 or inet
 * @packets, @bytes: of its first counter, when it has one
 */
struct rule_listing {
	uint32_t rule;
	const char *family, *table, *chain;
	struct rule_place place;
	bool has_counter;
	uint64_t packets, bytes;
};

/**
 * ruleset_next_rule() - all rules, in the order of the configuration
 * @position: start with 0
 *
 * Return: false at the end. Strings live as long as the ruleset.
 */
bool ruleset_next_rule(const struct ruleset *ruleset, uint32_t *position, struct rule_listing *listing);

/* Set all counters, named ones too, to zero. */
void ruleset_reset_counters(struct ruleset *ruleset);

/* ---------------------------------------------- what the kernel must hand over */

/**
 * struct prefilter_match - packets that a prerouting rule could translate or judge
 *
 * A superset of what the rule matches: conditions that cannot be put here are
 * left out. Members that are unset match everything.
 */
struct prefilter_match {
	bool has_interface;
	char interface[INTERFACE_NAME_SIZE]; /* a trailing '*' matches a prefix */
	bool has_family;
	enum family family;
	bool has_destination;
	struct address destination_first, destination_last;
	bool has_protocol;
	uint8_t protocol;
	uint16_t port_first, port_last; /* destination, host order; 0 and 0: any */
};

struct address_range {
	struct address first, last;
};

/**
 * struct prefilter - derived from a ruleset, for the kernel's prerouting hook
 * @everything: some prerouting rule has no usable condition
 * @masquerade: names of the interfaces whose addresses masquerade may use, or whose ports
 *	are forwarded (trailing '*' for a prefix; "*" for any)
 * @external: addresses that NAT rules name
 */
struct prefilter {
	bool everything;
	size_t match_count, masquerade_count, external_count;
	const struct prefilter_match *matches;
	const char (*masquerade)[INTERFACE_NAME_SIZE];
	const struct address_range *external;
};

/* Lives as long as @ruleset. */
const struct prefilter *ruleset_prefilter(const struct ruleset *ruleset);

#endif
