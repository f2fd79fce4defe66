/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The black-hole watch: notices by itself when a path carries small packets and
 * swallows large ones without a word, finds out what it carries, and cures it.
 *
 * Theory of operation. Only a session that looks suspicious has a record here, in a
 * table of fixed size; all others cost one test of two flags for each packet.
 *
 * TCP. Suspicion begins when the first segment that the receiver misses comes by
 * again, larger than what every path carries and with DF set. It is confirmed when
 *   - it came three times at least, over a second at least,
 *   - the receiver acknowledged nothing new meanwhile, but did speak: it lives, and
 *     small packets pass in both directions. Where it has no reason to speak, the
 *     gateway asks, by an empty segment in the sender's name of a sequence number
 *     that was acknowledged (the keep-alive of RFC 9293 section 3.8.4),
 *   - it offers a window that the segment fits into, and
 *   - none of its SACK blocks is as large as the segment: none like it arrived.
 * So a dead peer, a closed window, plain loss and a quiet application are no black
 * holes. A sender that goes on with smaller segments by itself (RFC 4821) confirms it
 * as well. The gateway must see the sender's packets: those that vanish before they
 * reach it leave no trace that could be told from an application that is quiet.
 *
 * The kernel hands over coalesced segments of up to 64 KiB whose parts it does not
 * tell the size of. The repetition after a timeout is one segment, and only single
 * ones begin a suspicion; what no single link of this machine carries is coalesced.
 *
 * The search (settings `clamp` and `repair`). What the path carries lies between what
 * is known to work and what failed. The gateway keeps the repeated segment and sends
 * the receiver its beginning in eight sizes, the largest first. The acknowledgement
 * says how far the largest of them that arrived reached, or, once the receiver has
 * those bytes, its duplicate SACK does (RFC 2883): three halvings in one round trip, four
 * rounds for every byte between 552 and 1500. Nothing is sent but what the sender itself
 * is sending. One session of a destination searches, the others wait for what it finds.
 *
 * The cure. `clamp`: the MSS of new connections is lowered to what works. `repair`: in
 * addition the sender is sent the fragmentation-needed, or packet-too-big, that the
 * path should have sent, about the very segment, with that MTU.
 *
 * UDP. There is no telling what answers what. A large datagram counts as unanswered
 * when nothing came back for a second; three in a row, while small ones sent in
 * between were answered at once, are a finding: reported, not cured.
 */
#ifndef CONNTRACK_PATHWATCH_H
#define CONNTRACK_PATHWATCH_H

#include "conntrack/black_holes.h"
#include "conntrack/outbox.h"
#include "conntrack/session.h"

#define PATHWATCH_RECORDS 1024
#define PATHWATCH_WAYS 4
/* Sizes tried in one round of the search. */
#define PATHWATCH_RUNGS 8
/* Searches at one time. */
#define PATHWATCH_SEARCHES 16

struct engine;
struct passage;

/**
 * struct watch - one session under suspicion; IP packet sizes throughout
 * @head: TCP: the sequence number that the receiver waits for
 * @size: TCP: that comes again and again; UDP: the smallest that stayed unanswered
 * @headers: of the packets of that size, IP and TCP
 * @smaller: TCP: what the sender tried after @size, 0: nothing; UDP: the largest that was answered
 * @repeats: how often @size came; UDP: how often it stayed unanswered, in a row
 * @smaller_repeats: the same of @smaller
 * @asked, @told: how often the receiver was asked whether it lives, the sender was sent an error
 * @answered: small packets pass
 * @arrived: something as large as @size passed after all
 * @pending, @small_pending: UDP: the datagram that waits for an answer since @at
 * @at: when the error was sent
 */
struct watch {
	struct session_handle handle; /* generation 0: free */
	struct mono began, at, touched;
	uint32_t head;
	uint16_t size, headers, smaller;
	uint8_t repeats, smaller_repeats, asked, told;
	uint8_t direction;
	bool answered, arrived, pending, small_pending, dismissed;
};

/**
 * struct size_search - what does the path carry?
 * @session: whose segment it is
 * @destination: of the black hole
 * @original: the segment's endpoints as its sender sent it
 * @iif: by which the sender is reached
 * @base: the segment's sequence number; @head: the highest acknowledgement since
 * @headers: its IP and TCP headers
 * @rungs: sizes under way, descending
 * @lost: how often nothing came back from the first round
 * @sent: when the round was; @rtt_ms: of the first round, 0: not known yet
 * @bytes: the segment as it leaves, @length of them
 */
struct size_search {
	bool used;
	struct session_handle session;
	struct address destination;
	struct tuple original;
	uint32_t iif, base, head, rtt_ms;
	struct mono sent;
	uint16_t length, headers;
	uint8_t lost, rung_count;
	uint16_t rungs[PATHWATCH_RUNGS];
	uint8_t bytes[OUTBOX_PACKET_SIZE];
};

/** struct pathwatch - TCP and UDP apart, so that neither crowds out the other */
struct pathwatch {
	struct watch tcp[PATHWATCH_RECORDS], udp[PATHWATCH_RECORDS];
	uint32_t searching; /* of them, in use */
	struct size_search searches[PATHWATCH_SEARCHES];
	struct black_holes holes;
};

/* Return: NULL without memory. */
struct pathwatch *pathwatch_create(const uint64_t key[2]);
void pathwatch_destroy(struct pathwatch *watch);

/**
 * pathwatch_packet() - look at a packet that belongs, after it was judged, counted and rewritten
 * @retransmission: as track_packet() says
 */
void pathwatch_packet(struct passage *passage, bool retransmission);

/* An error about the passage's session said what the path carries: no black hole. */
void pathwatch_told(struct passage *passage);

/* The MSS that a SYN of this session may announce at most; 0: any. */
uint16_t pathwatch_mss(const struct passage *passage);

/* At every tick: searches that wait no longer. */
void pathwatch_search(struct engine *engine, struct mono now);

/* Once a second: what nothing confirmed for long is over. */
void pathwatch_tick(struct engine *engine, struct mono now);

/* ------------------------------------------------------ among its own files */

/* The record of the passage's session; NULL when it has none, and @make is false. */
struct watch *watch_find(struct passage *passage, bool make);
void watch_forget(struct passage *passage, struct watch *watch);

/* Where packets of @direction go in the end. */
struct address watch_destination(const struct passage *passage, enum direction direction);

/* A black hole towards where the passage's packet goes: a new one, or more of one that is known. */
struct black_hole *watch_report(struct passage *passage, enum direction direction, uint16_t works, uint16_t fails,
				bool datagrams);
/* It was none, or is over. */
void watch_clear(struct engine *engine, struct black_hole *hole);

/* pathwatch_udp.c */
void pathwatch_datagram(struct passage *passage);

/**
 * size_search.c: size_search_begin() - find out what the path to @hole carries, by the packet at hand
 * size_search_hear() - an acknowledgement of a session that may be searching: does it say something?
 * size_search_end() - whatever it has found
 */
void size_search_begin(struct passage *passage, struct watch *watch, struct black_hole *hole);
bool size_search_hear(struct passage *passage);
void size_search_end(struct engine *engine, const struct address *destination);

#endif
