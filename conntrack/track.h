/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocols' state machines. The engine finds the session and asks here
 * whether a packet belongs to it, and how long the session may now be silent.
 *
 * Theory of operation. Each protocol keeps at most TRACK_SIZE bytes in the
 * session, in union track. Sequence numbers are those on the wire, never
 * translated. A packet that is judged invalid leaves the union as it was, to the
 * bit; so does one that passes but proves nothing (a SYN on a live connection, a
 * RST that is in the window without being exact): then @refresh is false as well,
 * and the timer runs on.
 *
 * TCP follows Guido van Rooij, "Real Stateful TCP Packet Filtering in IP Filter"
 * (2001): each side is described by the highest sequence number it sent, the
 * highest one it may send, the largest window it ever offered, and the highest
 * number it acknowledged. A gateway sees every packet before its receiver does and
 * every window before it can be used, so an honest packet always fits these bounds.
 *
 * Of a connection picked up in the middle two things are not known. What a side had
 * sent before: so it is judged leniently until it says itself where it stands, with
 * everything acknowledged (tcp_window_update()); from then on its numbers are exact,
 * and nobody can acknowledge for the other side what was never sent. And the scale of
 * the windows, which only the SYNs told (RFC 7323 section 2.2): no later packet bounds
 * it from above, so that windows count with the largest there is as long as the
 * connection lives.
 */
#ifndef CONNTRACK_TRACK_H
#define CONNTRACK_TRACK_H

#include "sluice/packet.h"
#include "sluice/reasons.h"
#include "sluice/settings.h"

#define TRACK_SIZE 40

/**
 * enum tcp_state - what both endpoints agree on, as seen from between
 *
 * Legal moves (staying is always legal); tcp_set_state() asserts them:
 *   NONE         SYN_SENT; ESTABLISHED or FIN_WAIT when picked up in the middle
 *   SYN_SENT     SYN_SENT2 (simultaneous open), SYN_RECV, CLOSE; ESTABLISHED or FIN_WAIT
 *                when only one direction comes by
 *   SYN_SENT2    SYN_RECV, CLOSE
 *   SYN_RECV     ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, CLOSE
 *   ESTABLISHED  FIN_WAIT, CLOSE_WAIT, CLOSE
 *   FIN_WAIT     CLOSE_WAIT, LAST_ACK, TIME_WAIT, CLOSE; ESTABLISHED when the FIN proves false
 *   CLOSE_WAIT   LAST_ACK, TIME_WAIT, CLOSE
 *   LAST_ACK     TIME_WAIT, CLOSE; FIN_WAIT or CLOSE_WAIT when one FIN proves false
 *   TIME_WAIT    -
 *   CLOSE        ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT when the RST proves false
 * and from ESTABLISHED on, except CLOSE, to SYN_RECV: the endpoints had forgotten the
 * connection and opened a new one on the same ports. With tcp-liberal, a packet outside
 * the window leads from any state between ESTABLISHED and LAST_ACK to ESTABLISHED or FIN_WAIT.
 */
enum tcp_state {
	TCP_STATE_NONE,
	TCP_STATE_SYN_SENT,
	TCP_STATE_SYN_SENT2,
	TCP_STATE_SYN_RECV,
	TCP_STATE_ESTABLISHED,
	TCP_STATE_FIN_WAIT,   /* one FIN seen */
	TCP_STATE_CLOSE_WAIT, /* one FIN seen and acknowledged */
	TCP_STATE_LAST_ACK,   /* both FINs seen, not both acknowledged */
	TCP_STATE_TIME_WAIT,  /* both FINs acknowledged */
	TCP_STATE_CLOSE,      /* reset */
	TCP_STATE_COUNT,
};

#define TCP_SIDE_SEEN 0x01	/* a packet of this side came by */
#define TCP_SIDE_ACKED 0x02	/* it acknowledged something: @maxack counts */
#define TCP_SIDE_SCALE 0x04	/* window scaling is agreed on */
#define TCP_SIDE_SACK 0x08	/* it may send SACK blocks */
#define TCP_SIDE_FIN 0x10	/* it sent FIN, and @end is behind it */
#define TCP_SIDE_UNACKED 0x20	/* the other side owes an acknowledgement */
#define TCP_SIDE_LENIENT 0x40	/* picked up in the middle: @end and @maxend may lag behind */
#define TCP_SIDE_TIMESTAMP 0x80 /* in TIME_WAIT: @timestamp counts (RFC 6191) */

/**
 * struct tcp_side - what one endpoint did
 * @end: the highest sequence number it sent, plus one (SYN and FIN count)
 * @maxend: the right edge of the largest window it was ever offered
 * @timestamp: shares @maxend's place: once both FINs are acknowledged nothing may
 *	lie beyond @end, and RFC 6191 wants the last timestamp
 * @maxack: the highest acknowledgement it sent; before the first one, the other
 *	side's initial sequence number, which it must exceed
 * @maxwin: the largest window it offered, in units of 1 << @scale, rounded up
 */
struct tcp_side {
	uint32_t end;
	union {
		uint32_t maxend;
		uint32_t timestamp;
	};
	uint32_t maxack;
	uint16_t maxwin;
	uint8_t scale;
	uint8_t flags;
};

/** tcp_scale_unknown() - nobody saw whether @side's windows are scaled: @scale is the largest there is */
static inline bool tcp_scale_unknown(const struct tcp_side *side)
{
	return side->scale && !(side->flags & TCP_SIDE_SCALE);
}

/**
 * struct track_tcp
 * @syn_sequence: of the last SYN from the original direction
 * @syn_offers_scale, @syn_scale, @syn_offers_sack: what that SYN offered
 * @syn_pending: it met a live connection and was not answered yet
 * @last_packet: a digest, to notice the same segment again
 * @repeats: how often it came again, up to 3
 * @reset_direction: in CLOSE: who sent the RST
 * @spoke_after: in CLOSE: the other side sent something new after the RST
 */
struct track_tcp {
	struct tcp_side side[2];
	uint32_t syn_sequence;
	uint16_t last_packet;
	uint16_t state : 4;
	uint16_t repeats : 2;
	uint16_t last_direction : 1;
	uint16_t syn_pending : 1;
	uint16_t syn_scale : 4;
	uint16_t syn_offers_scale : 1;
	uint16_t syn_offers_sack : 1;
	uint16_t reset_direction : 1;
	uint16_t spoke_after : 1;
};

/**
 * enum sctp_state - of an association (RFC 9260), in conntrack's words
 *
 * Legal moves (staying is always legal); set_state() in track_sctp.c asserts them:
 *   NONE               COOKIE_WAIT, HEARTBEAT_SENT, ESTABLISHED (picked up in the middle)
 *   COOKIE_WAIT        COOKIE_ECHOED, CLOSED
 *   COOKIE_ECHOED      ESTABLISHED, SHUTDOWN_*, CLOSED
 *   HEARTBEAT_SENT     ESTABLISHED, COOKIE_ECHOED, SHUTDOWN_*, CLOSED
 *   ESTABLISHED        SHUTDOWN_*, COOKIE_ECHOED (restart), CLOSED
 *   SHUTDOWN_SENT, SHUTDOWN_RECD
 *                      SHUTDOWN_ACK_SENT, COOKIE_ECHOED, CLOSED
 *   SHUTDOWN_ACK_SENT  COOKIE_ECHOED, CLOSED
 *   CLOSED             -
 */
enum sctp_state {
	SCTP_STATE_NONE,
	SCTP_STATE_COOKIE_WAIT,
	SCTP_STATE_COOKIE_ECHOED,
	SCTP_STATE_ESTABLISHED,
	SCTP_STATE_SHUTDOWN_SENT,
	SCTP_STATE_SHUTDOWN_RECD,
	SCTP_STATE_SHUTDOWN_ACK_SENT,
	SCTP_STATE_CLOSED,
	SCTP_STATE_HEARTBEAT_SENT,
	SCTP_STATE_COUNT,
};

/**
 * struct track_sctp
 * @tag: the verification tag that packets of each direction must carry
 * @known: bit 1 << direction: that tag is known
 * @restart_tag: the same, of an INIT that met a live association; anybody can send
 *	one, so both sets hold until the cookie comes back
 * @restart_known: as @known
 */
struct track_sctp {
	uint32_t tag[2];
	uint32_t restart_tag[2];
	uint8_t state;
	uint8_t known;
	uint8_t restart_known;
};

/**
 * enum dccp_state - of a connection (RFC 4340 section 8), as seen from between
 *
 * Legal moves (staying is always legal); set_state() in track_dccp.c asserts them:
 *   NONE           REQUEST, OPEN (picked up in the middle)
 *   REQUEST        RESPOND, TIME_WAIT (refused)
 *   RESPOND        PARTLY_OPEN, CLOSE_REQUEST, CLOSING, TIME_WAIT
 *   PARTLY_OPEN    OPEN, CLOSE_REQUEST, CLOSING, TIME_WAIT
 *   OPEN           CLOSE_REQUEST, CLOSING, TIME_WAIT
 *   CLOSE_REQUEST  CLOSING, TIME_WAIT
 *   CLOSING        TIME_WAIT
 *   TIME_WAIT      -
 */
enum dccp_state {
	DCCP_STATE_NONE,
	DCCP_STATE_REQUEST,
	DCCP_STATE_RESPOND,
	DCCP_STATE_PARTLY_OPEN, /* the client has acknowledged, the server has not spoken again */
	DCCP_STATE_OPEN,
	DCCP_STATE_CLOSE_REQUEST,
	DCCP_STATE_CLOSING,
	DCCP_STATE_TIME_WAIT,
	DCCP_STATE_COUNT,
};

/**
 * struct track_dccp
 * @low, @high: 32 and 16 bits of the highest sequence number of each direction
 * @known: bit 1 << direction: that number is known
 */
struct track_dccp {
	uint32_t low[2];
	uint16_t high[2];
	uint8_t state;
	uint8_t known;
};

#define TRACK_GRE_KEYS 6

/**
 * struct track_gre - keys of version 0 (RFC 2890) that came by; conntrack/gre.h says what for
 * @keys, @count: of the original direction, each once; of a session with a number, its key alone
 * @many: there are more than have room
 * @answer: the first of the reply direction that is none of @keys; counts when @answered
 * @shared: another tunnel has been told from this one by its key
 */
struct track_gre {
	uint32_t keys[TRACK_GRE_KEYS];
	uint32_t answer;
	uint8_t count;
	uint8_t many : 1, answered : 1, shared : 1;
};

union track {
	struct track_tcp tcp;
	struct track_dccp dccp;
	struct track_sctp sctp;
	struct track_gre gre;
};

_Static_assert(sizeof(union track) <= TRACK_SIZE, "it sits in every session");

/**
 * struct track_result - the judgement on one packet
 * @reason: REASON_NONE: the packet belongs; else why it is invalid, and nothing changed
 * @timeout: the class the session is in now
 * @refresh: the timer of @timeout starts anew
 * @assured: the session has proved itself two-way and is worth keeping under
 *	pressure; the caller keeps it once it was set
 * @reopen: the old connection is over and this packet may open a new one on the same
 *	tuple (RFC 6191, or after a reset): the caller ends the session and treats the
 *	packet as new. It can come from either direction
 * @end: the packet belongs and the session is over with it
 * @retransmission: TCP data that came by before and is not acknowledged yet
 * @progress: TCP: acknowledges something for the first time
 */
struct track_result {
	enum reason reason;
	enum timeout timeout;
	bool refresh;
	bool assured;
	bool reopen;
	bool end;
	bool retransmission;
	bool progress;
};

/**
 * track_open() - may this packet open a session?
 * @track: filled in when so
 * @packet: not an ICMP error
 *
 * Return: REASON_NONE and the first timeout class; else why not.
 */
struct track_result track_open(union track *track, const struct packet *packet, const struct settings *settings);

/**
 * track_packet() - does this packet belong to its session?
 * @current: the timeout class the session is in
 * @packet: as received, before any rewriting
 * @direction: which of the session's tuples it matched
 * @seen_reply: a packet of the reply direction was accepted before this one
 *
 * Reads no clock. Changes nothing when the reason is not REASON_NONE.
 */
struct track_result track_packet(union track *track, enum timeout current, const struct packet *packet,
				 enum direction direction, bool seen_reply, const struct settings *settings);

/**
 * track_quote_valid() - could this session have sent the packet an ICMP error quotes?
 * @direction: of the quoted packet, the one that did not arrive
 * @sequence: the quoted TCP sequence number, host order; not looked at for other protocols
 *
 * RFC 5927 section 4.1: for TCP, not yet acknowledged and already sent.
 */
bool track_quote_valid(uint8_t protocol, const union track *track, enum direction direction, uint32_t sequence);

struct fastpath_slot;

/* May the fast path forward what comes next of this session? */
bool track_may_lend(uint8_t protocol, const union track *track);

/* Fills @slot for the fast path to go on from; nobody else uses it yet. */
void track_lend(uint8_t protocol, const union track *track, struct fastpath_slot *slot);

/* Tells the fast path what one more packet that came to us has changed. */
void track_share(uint8_t protocol, const union track *track, struct fastpath_slot *slot);

/**
 * track_regain() - learn what passed on the fast path
 *
 * To be called before the next packet is judged, and only when something has passed.
 * Return: as track_packet() would have for the last packet there.
 */
struct track_result track_regain(uint8_t protocol, union track *track, const struct fastpath_slot *slot,
				 const struct settings *settings);

/* Could a tracker have left @track in a session of that list? For state that comes from a file. */
bool track_is_sound(uint8_t protocol, const union track *track, unsigned int list);

/* Packets went by that nobody saw: the next one of an established TCP connection tells its numbers anew. */
void track_forget_numbers(uint8_t protocol, union track *track);

/* Has a GRE tunnel used @key, in either direction? With too many to know: yes. */
bool track_gre_knows(const struct track_gre *gre, uint32_t key);

/* conntrack's word for the state (SYN_SENT, ESTABLISHED, ...); "" for protocols without. Never NULL. */
const char *track_state_name(uint8_t protocol, const union track *track, enum timeout timeout);

#endif
