/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of track share among themselves; the engine includes track.h. */
#ifndef CONNTRACK_TRACK_PROTOCOL_H
#define CONNTRACK_TRACK_PROTOCOL_H

#include "conntrack/track.h"

/** struct track_protocol - one state machine */
struct track_protocol {
	struct track_result (*open)(union track *track, const struct packet *packet, const struct settings *settings);
	struct track_result (*packet)(union track *track, enum timeout current, const struct packet *packet,
				      enum direction direction, bool seen_reply, const struct settings *settings);
	const char *(*state_name)(const union track *track);
};

extern const struct track_protocol track_tcp_protocol;
extern const struct track_protocol track_udp_protocol;
extern const struct track_protocol track_icmp_protocol;
extern const struct track_protocol track_sctp_protocol;
extern const struct track_protocol track_dccp_protocol;
extern const struct track_protocol track_gre_protocol;
extern const struct track_protocol track_generic_protocol;

static inline struct track_result track_invalid(enum reason reason, enum timeout current)
{
	return (struct track_result){ .reason = reason, .timeout = current };
}

/* The packet passes and proves nothing: the timer runs on. */
static inline struct track_result track_unchanged(enum timeout current)
{
	return (struct track_result){ .reason = REASON_NONE, .timeout = current };
}

/**
 * struct tcp_segment - what the window arithmetic needs of a TCP packet
 * @sequence, @end: the space it occupies, SYN and FIN included; host order, as all here
 * @sack: the highest number it acknowledges, SACK blocks included
 * @window: as on the wire, not scaled
 * @length: of the payload
 */
struct tcp_segment {
	uint32_t sequence, end;
	uint32_t acknowledgement, sack;
	uint32_t length;
	uint16_t window;
	uint8_t flags;
	uint8_t scale;
	bool offers_scale, offers_sack, has_timestamp;
	uint32_t timestamp, echo;
};

/* Sequence numbers are compared modulo 2^32 (RFC 9293 section 3.4). */
static inline bool tcp_before(uint32_t a, uint32_t b)
{
	return a - b > UINT32_MAX / 2;
}

static inline bool tcp_after(uint32_t a, uint32_t b)
{
	return tcp_before(b, a);
}

/* The largest window there is: 65535 << 14 (RFC 7323), rounded up. */
#define TCP_WINDOW_LIMIT (UINT32_C(1) << 30)
/* How far back a late duplicate may lie, however small the windows are. */
#define TCP_LOOKBACK 66000
/* And how far at most: with the largest window ahead it stays below half of the number space. */
#define TCP_LOOKBACK_LIMIT (UINT32_C(1) << 29)
/* After a pick-up: how much larger the windows may be that nobody saw. */
#define TCP_UNSEEN_WINDOW (UINT32_C(1) << 26)

/* True when these flags may stand together in a packet. */
bool tcp_flags_valid(uint8_t flags);

/* Decode @packet with its options; a malformed option ends the list. */
struct tcp_segment tcp_segment_of(const struct packet *packet);

/**
 * tcp_window_start() - a first SYN: everything begins anew
 * tcp_window_join() - the reply's SYN or SYN-ACK: windows and scales are agreed on
 * tcp_window_restart() - like tcp_window_start(), from the noted SYN that was answered after all
 * tcp_window_pick_up() - a packet in the middle of a connection nobody saw begin
 */
void tcp_window_start(struct track_tcp *tcp, const struct tcp_segment *segment);
void tcp_window_join(struct track_tcp *tcp, const struct tcp_segment *segment);
void tcp_window_restart(struct track_tcp *tcp);
void tcp_window_pick_up(struct track_tcp *tcp, enum direction direction, const struct tcp_segment *segment);

/* Note what a SYN of the original direction offers. */
void tcp_window_note_syn(struct track_tcp *tcp, const struct tcp_segment *segment);

/* The four bounds of van Rooij's paper. */
bool tcp_window_admits(const struct track_tcp *tcp, enum direction direction, const struct tcp_segment *segment);
/* The two of them that are about the acknowledgement. */
bool tcp_window_admits_acknowledgement(const struct track_tcp *tcp, enum direction direction,
				       const struct tcp_segment *segment);
/* A RST's sequence number: it must not lie before what its receiver has acknowledged. */
bool tcp_window_admits_reset(const struct track_tcp *tcp, enum direction direction, uint32_t sequence);

/* Learn from a packet that was admitted. */
void tcp_window_update(struct track_tcp *tcp, enum direction direction, const struct tcp_segment *segment);

/* True when that side's FIN was acknowledged. */
bool tcp_window_fin_acked(const struct track_tcp *tcp, enum direction direction);

/* See track_quote_valid(). */
bool tcp_window_quote_valid(const struct track_tcp *tcp, enum direction direction, uint32_t sequence);

/** struct tcp_step - one packet on its way through the state machine */
struct tcp_step {
	struct track_tcp *tcp;
	enum direction direction;
	enum timeout current;
	bool seen_reply;
	const struct settings *settings;
	struct tcp_segment segment;
	struct tcp_side *sender, *receiver;
};

/* A live connection after track_forget_numbers()? */
bool tcp_knows_nothing(const struct track_tcp *tcp);

/* Move to @state; asserts that the move is legal. */
void tcp_set_state(struct track_tcp *tcp, enum tcp_state state);
/* The state that the acknowledgements of SYNs and FINs spell. */
enum tcp_state tcp_derive_state(const struct track_tcp *tcp);
/* Notice when the same segment comes again and again. */
void tcp_count_repeats(const struct tcp_step *step);
/* The packet counts: its session's timer starts anew in the class that fits. */
struct track_result tcp_refreshed(const struct tcp_step *step);
const char *tcp_state_name(const union track *track);

#endif
