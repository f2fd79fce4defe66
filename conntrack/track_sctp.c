/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCTP (RFC 9260): an association is told from a forgery by its verification tags,
 * and followed by its chunks. All states share the generic timeout; a closed
 * association is not refreshed, and an aborted one ends at once.
 */
#include <assert.h>

#include "conntrack/track_protocol.h"
#include "sluice/cursor.h"

#define HEADER_SIZE 12
#define TAG_OFFSET 4

#define CHUNK_INIT 1
#define CHUNK_INIT_ACK 2
#define CHUNK_HEARTBEAT 4
#define CHUNK_ABORT 6
#define CHUNK_SHUTDOWN 7
#define CHUNK_SHUTDOWN_ACK 8
#define CHUNK_COOKIE_ECHO 10
#define CHUNK_COOKIE_ACK 11
#define CHUNK_SHUTDOWN_COMPLETE 14

#define CHUNK_FLAG_T 0x01 /* the tag is the one its sender receives, RFC 9260 section 8.5.1 */

#define CHUNK_BIT(kind) (1U << CHUNK_##kind)

/**
 * struct chunks - what one packet carries
 * @kinds: bit 1 << type, types above 31 left out: none of them moves a state
 * @count: of chunks
 * @reflected: an ABORT or SHUTDOWN COMPLETE with the T bit
 * @initiate_tag: of an INIT or INIT ACK
 */
struct chunks {
	uint32_t tag;
	uint32_t kinds;
	uint32_t count;
	bool reflected;
	uint32_t initiate_tag;
};

#define MOVE(state) (1U << SCTP_STATE_##state)
#define MOVES_SHUTDOWN (MOVE(SHUTDOWN_SENT) | MOVE(SHUTDOWN_RECD) | MOVE(SHUTDOWN_ACK_SENT) | MOVE(CLOSED))

/* The comment at enum sctp_state, for assert(). */
static const uint16_t legal_moves[SCTP_STATE_COUNT] = {
	[SCTP_STATE_NONE] = MOVE(COOKIE_WAIT) | MOVE(HEARTBEAT_SENT) | MOVE(ESTABLISHED),
	[SCTP_STATE_COOKIE_WAIT] = MOVE(COOKIE_ECHOED) | MOVE(CLOSED),
	[SCTP_STATE_COOKIE_ECHOED] = MOVE(ESTABLISHED) | MOVES_SHUTDOWN,
	[SCTP_STATE_HEARTBEAT_SENT] = MOVE(ESTABLISHED) | MOVE(COOKIE_ECHOED) | MOVES_SHUTDOWN,
	[SCTP_STATE_ESTABLISHED] = MOVE(COOKIE_ECHOED) | MOVES_SHUTDOWN,
	[SCTP_STATE_SHUTDOWN_SENT] = MOVE(SHUTDOWN_ACK_SENT) | MOVE(COOKIE_ECHOED) | MOVE(CLOSED),
	[SCTP_STATE_SHUTDOWN_RECD] = MOVE(SHUTDOWN_ACK_SENT) | MOVE(COOKIE_ECHOED) | MOVE(CLOSED),
	[SCTP_STATE_SHUTDOWN_ACK_SENT] = MOVE(COOKIE_ECHOED) | MOVE(CLOSED),
};

static void set_state(struct track_sctp *sctp, enum sctp_state state)
{
	assert(state == sctp->state || legal_moves[sctp->state] & 1U << state);
	sctp->state = (uint8_t)state;
}

static bool read_chunk(struct chunks *chunks, struct cursor *cursor)
{
	uint8_t kind = cursor_u8(cursor), flags = cursor_u8(cursor);
	uint16_t length = be16_to_host(cursor_be16(cursor));

	if (length < 4)
		return false;
	if (kind < 32)
		chunks->kinds |= UINT32_C(1) << kind;
	chunks->count++;
	if (kind == CHUNK_INIT || kind == CHUNK_INIT_ACK) {
		struct cursor body = *cursor;

		/* Never 0, RFC 9260 section 3.3.2; and neither is bundled, section 6.10. */
		chunks->initiate_tag = be32_to_host(cursor_be32(&body));
		if (length < 20 || chunks->initiate_tag == 0)
			return false;
	}
	if (kind == CHUNK_ABORT || kind == CHUNK_SHUTDOWN_COMPLETE)
		chunks->reflected = flags & CHUNK_FLAG_T;
	cursor_skip(cursor, length - 4U);
	/* The last chunk's padding may be missing. */
	if (cursor_left(cursor) > 0)
		cursor_skip(cursor, -length & 3U);
	return !cursor->failed;
}

static bool read_chunks(struct chunks *chunks, const struct packet *packet)
{
	const uint32_t alone = CHUNK_BIT(INIT) | CHUNK_BIT(INIT_ACK) | CHUNK_BIT(SHUTDOWN_COMPLETE);
	struct cursor cursor = cursor_over(packet->bytes + packet->l4_offset, packet->l4_length);

	*chunks = (struct chunks){ 0 };
	cursor_skip(&cursor, TAG_OFFSET);
	chunks->tag = be32_to_host(cursor_be32(&cursor));
	cursor_skip(&cursor, HEADER_SIZE - TAG_OFFSET - 4);
	while (cursor_left(&cursor) > 0) {
		if (!read_chunk(chunks, &cursor))
			return false;
	}
	if (cursor.failed || chunks->count == 0 || (chunks->kinds & alone && chunks->count > 1))
		return false;
	/* An INIT carries the tag 0, and nothing else does. */
	return (chunks->tag == 0) == !!(chunks->kinds & CHUNK_BIT(INIT));
}

static struct track_result refreshed(const struct track_sctp *sctp, bool seen_reply)
{
	return (struct track_result){
		.timeout = TIMEOUT_GENERIC,
		.refresh = true,
		.assured = seen_reply && sctp->state >= SCTP_STATE_ESTABLISHED && sctp->state < SCTP_STATE_CLOSED,
	};
}

static void learn_tag(uint32_t tag[2], uint8_t *known, enum direction direction, uint32_t value)
{
	tag[direction] = value;
	*known |= (uint8_t)(1U << direction);
}

static bool tag_is(const uint32_t tag[2], uint8_t known, enum direction direction, uint32_t value)
{
	return known & 1U << direction && tag[direction] == value;
}

static struct track_result sctp_open(union track *track, const struct packet *packet, const struct settings *settings)
{
	struct track_sctp *sctp = &track->sctp;
	struct chunks chunks;

	if (!read_chunks(&chunks, packet))
		return track_invalid(REASON_INVALID, TIMEOUT_GENERIC);
	if (chunks.kinds & CHUNK_BIT(INIT)) {
		learn_tag(sctp->tag, &sctp->known, DIRECTION_REPLY, chunks.initiate_tag);
		set_state(sctp, SCTP_STATE_COOKIE_WAIT);
		return refreshed(sctp, false);
	}
	if (chunks.kinds & (CHUNK_BIT(ABORT) | CHUNK_BIT(SHUTDOWN_ACK) | CHUNK_BIT(SHUTDOWN_COMPLETE) |
			    CHUNK_BIT(INIT_ACK) | CHUNK_BIT(COOKIE_ECHO)))
		return track_invalid(REASON_INVALID, TIMEOUT_GENERIC);
	/* A heartbeat begins another path of an association that began elsewhere. */
	if (chunks.kinds & CHUNK_BIT(HEARTBEAT))
		set_state(sctp, SCTP_STATE_HEARTBEAT_SENT);
	else if (settings->tcp_loose)
		set_state(sctp, SCTP_STATE_ESTABLISHED);
	else
		return track_invalid(REASON_INVALID, TIMEOUT_GENERIC);
	learn_tag(sctp->tag, &sctp->known, DIRECTION_ORIGINAL, chunks.tag);
	return refreshed(sctp, false);
}

/* Does the packet carry a tag that only the association's endpoints know? */
static bool tag_fits(const struct track_sctp *sctp, enum direction direction, const struct chunks *chunks)
{
	enum direction opposite = direction_opposite(direction);

	if (chunks->reflected && tag_is(sctp->tag, sctp->known, opposite, chunks->tag))
		return true;
	if (tag_is(sctp->tag, sctp->known, direction, chunks->tag))
		return true;
	if (chunks->kinds & (CHUNK_BIT(INIT_ACK) | CHUNK_BIT(COOKIE_ECHO)))
		return tag_is(sctp->restart_tag, sctp->restart_known, direction, chunks->tag);
	/* Picked up in the middle: the other side's tag shows with its first packet. */
	return !(sctp->known & 1U << direction) && sctp->state != SCTP_STATE_COOKIE_WAIT &&
	       !(chunks->kinds & (CHUNK_BIT(ABORT) | CHUNK_BIT(SHUTDOWN_COMPLETE)));
}

static struct track_result handle_init(struct track_sctp *sctp, enum direction direction, const struct chunks *chunks)
{
	struct track_result result = track_unchanged(TIMEOUT_GENERIC);

	if (sctp->state == SCTP_STATE_CLOSED) {
		result.reopen = true;
		return result;
	}
	if (sctp->state == SCTP_STATE_COOKIE_WAIT) {
		learn_tag(sctp->tag, &sctp->known, direction_opposite(direction), chunks->initiate_tag);
		return refreshed(sctp, direction == DIRECTION_REPLY);
	}
	/* On a live association it proves nothing until the cookie comes back. */
	if (direction == DIRECTION_ORIGINAL) {
		sctp->restart_known = 0;
		learn_tag(sctp->restart_tag, &sctp->restart_known, DIRECTION_REPLY, chunks->initiate_tag);
	}
	return result;
}

static struct track_result handle_init_ack(struct track_sctp *sctp, enum direction direction,
					   const struct chunks *chunks)
{
	enum direction opposite = direction_opposite(direction);

	if (sctp->state == SCTP_STATE_COOKIE_WAIT) {
		learn_tag(sctp->tag, &sctp->known, opposite, chunks->initiate_tag);
		return refreshed(sctp, direction == DIRECTION_REPLY);
	}
	if (tag_is(sctp->restart_tag, sctp->restart_known, direction, chunks->tag))
		learn_tag(sctp->restart_tag, &sctp->restart_known, opposite, chunks->initiate_tag);
	return track_unchanged(TIMEOUT_GENERIC);
}

/* The state after a packet that carries none of INIT, INIT ACK and ABORT. */
static enum sctp_state next_state(enum sctp_state state, enum direction direction, uint32_t kinds)
{
	bool live =
	    state == SCTP_STATE_COOKIE_ECHOED || state == SCTP_STATE_ESTABLISHED || state == SCTP_STATE_HEARTBEAT_SENT;

	if (kinds & CHUNK_BIT(SHUTDOWN_COMPLETE))
		return SCTP_STATE_CLOSED;
	if (state == SCTP_STATE_CLOSED)
		return state;
	if (kinds & CHUNK_BIT(COOKIE_ECHO) && state == SCTP_STATE_COOKIE_WAIT)
		return SCTP_STATE_COOKIE_ECHOED;
	if (state == SCTP_STATE_COOKIE_WAIT)
		return state;
	if (kinds & CHUNK_BIT(SHUTDOWN_ACK))
		return SCTP_STATE_SHUTDOWN_ACK_SENT;
	if (kinds & CHUNK_BIT(SHUTDOWN) && live)
		return direction == DIRECTION_ORIGINAL ? SCTP_STATE_SHUTDOWN_SENT : SCTP_STATE_SHUTDOWN_RECD;
	if (kinds & CHUNK_BIT(COOKIE_ACK) && state == SCTP_STATE_COOKIE_ECHOED)
		return SCTP_STATE_ESTABLISHED;
	if (state == SCTP_STATE_HEARTBEAT_SENT && direction == DIRECTION_REPLY)
		return SCTP_STATE_ESTABLISHED;
	return state;
}

static struct track_result handle_others(struct track_sctp *sctp, enum direction direction, bool seen_reply,
					 const struct chunks *chunks)
{
	bool restart = sctp->state != SCTP_STATE_CLOSED && chunks->kinds & CHUNK_BIT(COOKIE_ECHO) &&
		       !tag_is(sctp->tag, sctp->known, direction, chunks->tag) &&
		       tag_is(sctp->restart_tag, sctp->restart_known, direction, chunks->tag);

	if (restart) {
		memcpy(sctp->tag, sctp->restart_tag, sizeof(sctp->tag));
		sctp->known = sctp->restart_known;
		sctp->restart_known = 0;
		set_state(sctp, SCTP_STATE_COOKIE_ECHOED);
	} else if (!(sctp->known & 1U << direction) && !chunks->reflected) {
		learn_tag(sctp->tag, &sctp->known, direction, chunks->tag);
	}
	set_state(sctp, next_state(sctp->state, direction, chunks->kinds));
	if (sctp->state == SCTP_STATE_CLOSED)
		return track_unchanged(TIMEOUT_GENERIC);
	return refreshed(sctp, seen_reply);
}

static struct track_result sctp_packet(union track *track, enum timeout current, const struct packet *packet,
				       enum direction direction, bool seen_reply, const struct settings *settings)
{
	struct track_sctp *sctp = &track->sctp;
	struct track_result result;
	struct chunks chunks;

	(void)settings;
	if (!read_chunks(&chunks, packet))
		return track_invalid(REASON_INVALID, current);
	if (chunks.kinds & CHUNK_BIT(INIT))
		return handle_init(sctp, direction, &chunks);
	if (!tag_fits(sctp, direction, &chunks))
		return track_invalid(REASON_INVALID, current);
	if (chunks.kinds & CHUNK_BIT(INIT_ACK))
		return handle_init_ack(sctp, direction, &chunks);
	if (chunks.kinds & CHUNK_BIT(ABORT)) {
		set_state(sctp, SCTP_STATE_CLOSED);
		result = track_unchanged(current);
		result.end = true;
		return result;
	}
	return handle_others(sctp, direction, seen_reply || direction == DIRECTION_REPLY, &chunks);
}

static const char *sctp_state_name(const union track *track)
{
	static const char names[SCTP_STATE_COUNT][18] = {
		"NONE",		 "COOKIE_WAIT",	      "COOKIE_ECHOED", "ESTABLISHED",	 "SHUTDOWN_SENT",
		"SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "CLOSED",	       "HEARTBEAT_SENT",
	};

	return track->sctp.state < SCTP_STATE_COUNT ? names[track->sctp.state] : "";
}

const struct track_protocol track_sctp_protocol = {
	.open = sctp_open,
	.packet = sctp_packet,
	.state_name = sctp_state_name,
};
