/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the engine share: the state behind `struct engine`, and
 * `struct passage`, everything known of one packet on its way through.
 */
#ifndef SLUICE_CONNTRACK_ENGINE_PRIVATE_H
#define SLUICE_CONNTRACK_ENGINE_PRIVATE_H

#include "conntrack/alerts.h"
#include "conntrack/departures.h"
#include "conntrack/followers.h"
#include "conntrack/held_syns.h"
#include "conntrack/identification.h"
#include "conntrack/mapping.h"
#include "conntrack/martians.h"
#include "conntrack/outbox.h"
#include "conntrack/path_mtu.h"
#include "conntrack/pathwatch.h"
#include "conntrack/pressure.h"
#include "conntrack/quota.h"
#include "conntrack/refusal.h"
#include "conntrack/recent.h"
#include "conntrack/table.h"
#include "conntrack/tally.h"
#include "conntrack/untracked.h"
#include "conntrack/witness.h"
#include "sluice/engine.h"
#include "sluice/explain.h"

/* Names of configuration files that sessions remember, over reloads. */
#define PLACE_FILES 64
#define PLACE_FILE_SIZE 192

struct engine_counters {
	uint64_t received, accepted, dropped, rewritten, truncated;
	uint64_t created, expired, evicted;
	uint64_t drops[REASON_COUNT];
	uint64_t refusals[REFUSAL_COUNT];
	uint64_t icmp_translated, icmp_unmatched, icmp_invalid, icmp_frag_needed;
	uint64_t mss_clamped;
	uint64_t fastpath_hits;
};

struct storage;

struct engine {
	struct settings settings; /* of the configuration in force */
	struct configuration *configuration;
	uint32_t generation;
	struct table table;
	struct mappings *mappings;
	bool mappings_watched, sessions_watched; /* by who follows the events */
	struct tally sources, destinations;
	struct quota quota;
	struct refusal_note refused[REFUSAL_COUNT];
	struct witness *witness; /* NULL: nothing is counted for anybody */
	struct followers followers;
	struct outbox outbox;
	struct held_syns held_syns;
	struct recent recent;
	struct identifications identifications;
	struct pressure pressure;
	struct alerts alerts;
	struct untracked untracked;
	struct path_mtus *path_mtus;
	struct pathwatch *pathwatch;
	struct engine_counters counters;
	struct engine_fastpath fastpath;
	uint32_t lent, swept; /* sessions in the fast path; where the sweep goes on */
	struct oracle oracle;
	struct oracle rule_oracle; /* what rules ask: the shell's answers and our own */
	struct link *links;
	struct link_table link_table;
	struct martians martians; /* by those interfaces */
	struct departures departures;
	struct listener *listeners;
	size_t listener_count;
	uint64_t random[4];
	struct storage *storage; /* NULL: sessions end with the engine */
	bool recovered;		 /* what @storage says is true of this engine */
	char place_files[PLACE_FILES][PLACE_FILE_SIZE];
	struct mono now; /* of the call in progress, for questions that rules ask */
};

/**
 * struct passage - one packet on its way through the engine
 * @index, @session: SESSION_NONE and NULL until one is found or made
 * @direction: of this packet within @session
 * @arrived_translated: prerouting already rewrote its destination
 * @original: its tuple as it came to the gateway: the session's key
 * @key, @inverse: the packet's tuple and its inverse, where a session was looked for by them
 * @reply: the reply tuple that was found free for the session to be
 * @peer: and its peer key
 * @tuples: the session's, after session_tell_tuples()
 * @dnat, @snat: what rules asked for, valid when @has_dnat, @has_snat
 * @rule: the last rule that accepted, RULE_NONE when a policy did
 * @mss: lower the MSS to that, 0: leave it
 * @too_fast: its source opens sessions faster than it may
 * @helper: a rule wants the session followed
 * @pool_first, @pool_last: the external addresses that a port was looked for on
 * @trace: NULL for a real packet. Otherwise nobody sent it: rules are rehearsed, and
 *	what it would change is left alone or can be given back (explain.c)
 */
struct passage {
	struct engine *engine;
	const struct packet_meta *meta;
	struct mono now;
	struct packet packet;
	uint32_t index;
	struct session *session;
	enum direction direction;
	bool arrived_translated;
	struct tuple original, tuples[2];
	struct table_key key, inverse, reply, peer;
	struct rule_context context;
	uint32_t rule;
	bool has_dnat, has_snat;
	struct nat_request dnat, snat;
	uint16_t mss;
	struct address pool_first, pool_last;
	struct rule_trace *trace;
	bool notrack;
	bool too_fast;
	bool helper;
	bool rewritten;
	bool settled;
};

/**
 * engine_timeout_ticks() - how long a session of that list may be idle now
 *
 * Under pressure, sessions that are not established get less time, linearly from
 * their setting at the first level to half a minute when the table is full.
 */
uint32_t engine_timeout_ticks(const struct engine *engine, unsigned int list);

/* A fresh number from the engine's generator (xoshiro256**, seeded by the shell). */
uint64_t engine_random(struct engine *engine);

/* ------------------------------------------------------------------ engine.c */

/* Takes a packet through one hook: REASON_NONE, or why it is dropped. Counts nothing. */
enum reason engine_pass(struct passage *passage, uint8_t *bytes, size_t length);

/* ----------------------------------------------------------------- session.c */

/* What rules may know of the session; without one, of the session that may become. */
void session_describe(struct passage *passage, uint8_t ct_state);

/* Puts the tuples together that rules may ask for; most packets meet no rule. */
void session_tell_tuples(struct passage *passage);

/* NEW, RELATED or ESTABLISHED, for a valid packet of the passage's session. */
uint8_t session_ct_state(const struct passage *passage);

/* Tells the shell. */
void session_announce(struct engine *engine, uint32_t index, enum session_event event);

/* Counts the packet; lets a judged packet, counted too, act on its session. */
void session_count(struct passage *passage);
void session_advance(struct passage *passage, const struct track_result *result);

/* Ends a session: its port, its place in the table; tells the shell. */
void engine_end_session(struct engine *engine, uint32_t index);

/* ---------------------------------------------------------------- fastpath.c */

/* After a packet was accepted: offers its session to the fast path, or tells it what is new. */
void fastpath_consider(struct passage *passage);
/* A packet of a lent session has come to us: regains the session, recalls it when it may end it. */
void fastpath_meet(struct passage *passage);
/* Brings a lent session up to date. */
void fastpath_regain(struct engine *engine, uint32_t index);
/*
 * A session that an earlier process had lent, and that is back in its list: it stays lent
 * where its slot is still its own; else what it knows of its numbers is out of date.
 */
void fastpath_adopt(struct engine *engine, uint32_t index);
/* Takes a lent session back for good. */
void fastpath_recall(struct engine *engine, uint32_t index);
/* Regains the next few lent sessions, recalls the silent among them. */
void fastpath_sweep(struct engine *engine);

/* ------------------------------------------------------------ reservations.c */

/* Puts in force which ports no mapping gets. Return: 0, or -ENOMEM: then the old ones stay. */
int reservations_apply(struct engine *engine, const struct prefilter *prefilter);

/* ----------------------------------------------------------------- transit.c */

/* Finds the packet's session; one whose destination prerouting translated is recognised in the next hook. */
void transit_find_session(struct passage *passage);

/* The packet's destination was translated, and a later hook settles it. */
void transit_mark(struct passage *passage);

/* -------------------------------------------------------- mapping_effects.c */

/* The settings changed: are mappings watched, or logged? */
void mapping_effects_choose(struct engine *engine);

/* ------------------------------------------------------------------ create.c */

/* Reserves the session of a first packet whose destination is translated. */
enum reason create_reserve(struct passage *passage);

/* Does that reply tuple belong to a session? */
bool create_is_taken(const struct table *table, const struct table_key *reply);

/* Would its answers, or its packets between two hooks, be taken for another session's? */
bool create_clashes(const struct table *table, const struct tuple *original, const struct table_key *reply);

/* Makes the session of a judged first packet, or confirms the one that was reserved. */
enum reason create_commit(struct passage *passage, const union track *track, const struct track_result *opened);

/* Gives a session that is not linked back, with its port, without a trace. */
void create_cancel(struct passage *passage);

/* ------------------------------------------------------------------- judge.c */

/**
 * judge() - run the base chains of @hook over the packet
 * @nat: may its nat chains decide? Only a session's first packet may ask them.
 *
 * Return: REASON_NONE when accepted; a rejected packet's answer is already in the
 * outbox.
 */
enum reason judge(struct passage *passage, enum hook hook, bool nat);

/* Composes the answer that a reject asks for. The packet may be rewritten to what its sender sent. */
void judge_answer(struct passage *passage, const struct rule_outcome *outcome);

/* Are established packets accepted in @hook without asking any rule? */
bool judge_established(const struct passage *passage, enum hook hook);
/* Counts the packet in the counters that judge_established() lets it skip. */
void judge_count_established(struct passage *passage, enum hook hook);

/* Remembers names of files that @files holds, in their order; false: that cannot have been ours. */
bool place_adopt(struct engine *engine, const char files[PLACE_FILES][PLACE_FILE_SIZE]);
/* Could a session have been given that place? */
bool place_is_sound(const struct engine *engine, uint32_t place);
/* Which rule accepted, in a form that outlives the ruleset; 0: none. */
uint32_t place_of_rule(struct engine *engine, uint32_t rule);
/* The same for a policy that drops. */
uint32_t place_of_policy(struct engine *engine, enum hook hook, enum family family);
const char *place_file(const struct engine *engine, uint32_t place);
unsigned int place_line(uint32_t place);

/* --------------------------------------------------------------------- nat.c */

/* The interface's own address that stands for it; NULL: it has none of that family. */
const struct address *link_primary(const struct link *link, enum family family);

/**
 * nat_destination() - where a destination translation sends the packet
 *
 * Return: REASON_NONE and the new destination, or why there is none.
 */
enum reason nat_destination(struct passage *passage, const struct nat_request *request, struct endpoint *destination);

/**
 * nat_source() - give the passage's session its external endpoint
 *
 * Takes a mapping and sets the session's reply tuple. The session is not linked.
 */
enum reason nat_source(struct passage *passage, const struct nat_request *request);

/* A session of the router itself occupies the external port it uses (output, input). */
enum reason nat_local(struct passage *passage);

/**
 * nat_listen() - an external endpoint for who will listen at @internal
 * @external: the address to have it on
 * @peer: who will connect; any port when that is 0
 * @mapping: taken; the caller owes one release or cancel with @peer
 */
enum reason nat_listen(struct passage *passage, const struct endpoint *internal, const struct address *external,
		       const struct endpoint *peer, uint32_t *mapping);

/* Gives back what nat_source() or nat_local() took, as if it never was. */
void nat_cancel(struct passage *passage);

/* ------------------------------------------------------------------- enter.c */

/* The mapping whose external endpoint the packet was sent to, or MAPPING_NONE. */
uint32_t enter_lookup(const struct passage *passage);

/*
 * The packet was refused by a mapping's filtering. A connection request is answered in the
 * end, if the inside does not ask for the same (RFC 5382 REQ-4).
 */
void enter_refused(struct passage *passage);

/* Answers the requests that were held long enough. */
void enter_answer_held(struct engine *engine, struct mono now);

/* REASON_NONE when its session may be reserved. A host inside is judged by enter_settle(), in forward. */
enum reason enter_may_reserve(const struct passage *passage, uint32_t mapping);

/* The source translation of a hairpinned packet that no rule translates; false: it needs none. */
bool enter_hairpin(const struct passage *passage, struct nat_request *request);

/**
 * enter_settle() - is the sender admitted, now that its external endpoint is known?
 *
 * Return: REASON_NONE, also when the session has become a hole: then the packet itself
 * must be dropped as filtered.
 */
enum reason enter_settle(struct passage *passage);

/* A session begins: holds the mapping that it entered by; the hole that waits for it, at @reply, ends. */
void enter_begin(struct engine *engine, struct session *session, const struct table_key *reply);
/* The mapping that the session entered by; MAPPING_NONE: by none, or it is gone. */
uint32_t enter_mapping_of(const struct engine *engine, const struct session *session);
/* It ends. */
void enter_end(struct engine *engine, const struct session *session);

/* A packet of a hole: REASON_NONE when its session is admitted by now. */
enum reason enter_hole(struct passage *passage);

/* ------------------------------------------------------------------- admit.c */

/* Room for one more session of this source? Makes room where the policy allows it. */
enum reason admit(struct passage *passage, uint32_t *index);

/* No room for a mapping: gives up one session that may have what is wanted. False: there is none. */
bool admit_make_room(struct engine *engine);

/* With no room left, is there a session that would be given up for a new one? */
bool admit_could_evict(const struct engine *engine);

/*
 * Slots that only sessions from management interfaces can take, and half of them also those of
 * the router itself: a hundredth of the table, 64 at least; none in a table below 1024.
 */
uint32_t admit_reserve(uint32_t capacity);

/* Slots for everybody: with so many sessions the table is full. */
uint32_t admit_room(const struct engine *engine);

/* A confirmed session counts for its source and destination until it ends. */
void admit_count(struct engine *engine, uint32_t index);
/* May a session in that list be given up? */
bool admit_is_expendable(unsigned int list);
/* The newest of its source's sessions that may be given up; the ranks are for the caller. */
void admit_join_crowd(struct engine *engine, uint32_t index);
void admit_uncount(struct engine *engine, uint32_t index);
/* It moved on from list @before. */
void admit_reclass(struct engine *engine, uint32_t index, unsigned int before);

/* Does no quota hold for the packet's source? */
bool admit_is_exempt(const struct passage *passage);

/* ---------------------------------------------------------------- snapshot.c */

void snapshot_copy_session(const struct engine *engine, uint32_t index, struct mono now, struct snapshot_session *copy);

/* ----------------------------------------------------------------- explain.c */

/* Notes a dropped packet for whoever asks why. */
void explain_remember(struct passage *passage, enum reason reason);

/* ----------------------------------------------------------------- related.c */

/* An ICMP error: find the session it is about, check it, translate it inside and out. */
enum reason related_process(struct passage *passage);

#endif
