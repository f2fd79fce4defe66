/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DCCP (RFC 4340) behind a NAT (RFC 5597): from Request to Reset. The client is who
 * opened the session. Every packet takes one number of 48 bits, so a packet near
 * the last one of its direction is the connection's; whatever ends something must be
 * near, and a Response must answer the very Request.
 */
#include <assert.h>

#include "conntrack/track_protocol.h"
#include "sluice/cursor.h"

enum packet_type {
	TYPE_REQUEST,
	TYPE_RESPONSE,
	TYPE_DATA,
	TYPE_ACK,
	TYPE_DATA_ACK,
	TYPE_CLOSE_REQUEST,
	TYPE_CLOSE,
	TYPE_RESET,
	TYPE_SYNC,
	TYPE_SYNC_ACK,
	TYPE_COUNT,
};

#define SEQUENCE_MASK ((UINT64_C(1) << 48) - 1)
/* How far off the last packet's number one may be: more than loss and reordering can explain. */
#define SEQUENCE_REACH 65536

/* What the header says; numbers in host order. */
struct header {
	unsigned int type;
	bool extended; /* numbers of 48 bits, else of 24 */
	uint64_t sequence, acknowledgement;
};

#define MOVE(state) (1U << DCCP_STATE_##state)
#define MOVES_END (MOVE(CLOSE_REQUEST) | MOVE(CLOSING) | MOVE(TIME_WAIT))

/* The comment at enum dccp_state, for assert(). */
static const uint16_t legal_moves[DCCP_STATE_COUNT] = {
	[DCCP_STATE_NONE] = MOVE(REQUEST) | MOVE(OPEN),
	[DCCP_STATE_REQUEST] = MOVE(RESPOND) | MOVE(TIME_WAIT),
	[DCCP_STATE_RESPOND] = MOVE(PARTLY_OPEN) | MOVES_END,
	[DCCP_STATE_PARTLY_OPEN] = MOVE(OPEN) | MOVES_END,
	[DCCP_STATE_OPEN] = MOVES_END,
	[DCCP_STATE_CLOSE_REQUEST] = MOVE(CLOSING) | MOVE(TIME_WAIT),
	[DCCP_STATE_CLOSING] = MOVE(TIME_WAIT),
};

static void set_state(struct track_dccp *dccp, enum dccp_state state)
{
	assert(state == dccp->state || legal_moves[dccp->state] & 1U << state);
	dccp->state = (uint8_t)state;
}

/* ------------------------------------------------------------------- headers */

static uint64_t read_number(struct cursor *cursor)
{
	uint64_t high = be16_to_host(cursor_be16(cursor));

	return high << 32 | be32_to_host(cursor_be32(cursor));
}

/* False: the header is shorter than its type needs, or of no known type (RFC 4340 section 5.1). */
static bool read_header(struct header *header, const struct packet *packet)
{
	static const uint8_t least[TYPE_COUNT] = { 20, 28, 16, 24, 24, 24, 24, 28, 24, 24 };
	const uint8_t *l4 = packet->bytes + packet->l4_offset;
	struct cursor cursor = cursor_over(l4, packet->payload_offset - packet->l4_offset);
	bool acknowledges;

	*header = (struct header){ .type = l4[8] >> 1 & 0xf, .extended = l4[8] & 1 };
	if (header->type >= TYPE_COUNT)
		return false;
	acknowledges = header->type != TYPE_REQUEST && header->type != TYPE_DATA;
	if (!header->extended) {
		if (header->type < TYPE_DATA || header->type > TYPE_DATA_ACK)
			return false;
		header->sequence = (uint64_t)l4[9] << 16 | (uint64_t)l4[10] << 8 | l4[11];
		return !acknowledges || cursor.length >= 16;
	}
	cursor_skip(&cursor, 10);
	header->sequence = read_number(&cursor);
	if (acknowledges) {
		cursor_skip(&cursor, 2);
		header->acknowledgement = read_number(&cursor);
	}
	return !cursor.failed && cursor.length >= least[header->type];
}

/* ------------------------------------------------------------------- numbers */

static uint64_t last_sequence(const struct track_dccp *dccp, enum direction direction)
{
	return (uint64_t)dccp->high[direction] << 32 | dccp->low[direction];
}

/* How far @header is ahead of the last packet of its direction; negative: behind. */
static int64_t distance(const struct track_dccp *dccp, enum direction direction, const struct header *header)
{
	unsigned int bits = header->extended ? 48 : 24;

	return (int64_t)((header->sequence - last_sequence(dccp, direction)) << (64 - bits)) >> (64 - bits);
}

static bool is_near(const struct track_dccp *dccp, enum direction direction, const struct header *header)
{
	int64_t ahead = distance(dccp, direction, header);

	return !(dccp->known & 1U << direction) || (ahead > -SEQUENCE_REACH && ahead < SEQUENCE_REACH);
}

static void note_sequence(struct track_dccp *dccp, enum direction direction, const struct header *header)
{
	bool known = dccp->known & 1U << direction;
	uint64_t sequence = header->sequence;
	int64_t ahead;

	/* A short number says nothing before a long one. */
	if (!known && !header->extended)
		return;
	if (known) {
		ahead = distance(dccp, direction, header);
		if (ahead < 0)
			return;
		sequence = (last_sequence(dccp, direction) + (uint64_t)ahead) & SEQUENCE_MASK;
	}
	dccp->high[direction] = (uint16_t)(sequence >> 32);
	dccp->low[direction] = (uint32_t)sequence;
	dccp->known |= (uint8_t)(1U << direction);
}

/* -------------------------------------------------------------------- states */

static struct track_result refreshed(const struct track_dccp *dccp)
{
	struct track_result result = { .timeout = TIMEOUT_DCCP_CLOSING, .refresh = true };

	if (dccp->state == DCCP_STATE_OPEN) {
		result.timeout = TIMEOUT_DCCP_OPEN;
		result.assured = true;
	} else if (dccp->state < DCCP_STATE_OPEN) {
		result.timeout = TIMEOUT_DCCP_OPENING;
	}
	return result;
}

static struct track_result dccp_open(union track *track, const struct packet *packet, const struct settings *settings)
{
	struct track_dccp *dccp = &track->dccp;
	struct header header;
	bool middle;

	if (!read_header(&header, packet))
		return track_invalid(REASON_INVALID, TIMEOUT_DCCP_OPENING);
	middle = header.type >= TYPE_DATA && header.type <= TYPE_DATA_ACK;
	if (header.type != TYPE_REQUEST && !(middle && settings->tcp_loose))
		return track_invalid(REASON_INVALID, TIMEOUT_DCCP_OPENING);
	note_sequence(dccp, DIRECTION_ORIGINAL, &header);
	set_state(dccp, middle ? DCCP_STATE_OPEN : DCCP_STATE_REQUEST);
	return refreshed(dccp);
}

/* Who may send it, and when: the state after it, or DCCP_STATE_NONE when it does not fit. */
static enum dccp_state next_state(const struct track_dccp *dccp, enum direction direction, const struct header *header)
{
	enum dccp_state state = (enum dccp_state)dccp->state;
	bool client = direction == DIRECTION_ORIGINAL;

	switch ((enum packet_type)header->type) {
	case TYPE_REQUEST:
		return client && state == DCCP_STATE_REQUEST ? state : DCCP_STATE_NONE;
	case TYPE_RESPONSE:
		if (client || header->acknowledgement != last_sequence(dccp, DIRECTION_ORIGINAL))
			return DCCP_STATE_NONE;
		return state <= DCCP_STATE_RESPOND ? DCCP_STATE_RESPOND : DCCP_STATE_NONE;
	case TYPE_CLOSE_REQUEST:
		if (client || state < DCCP_STATE_RESPOND || state > DCCP_STATE_CLOSE_REQUEST)
			return DCCP_STATE_NONE;
		return DCCP_STATE_CLOSE_REQUEST;
	case TYPE_CLOSE:
		return state >= DCCP_STATE_RESPOND && state <= DCCP_STATE_CLOSING ? DCCP_STATE_CLOSING
										  : DCCP_STATE_NONE;
	case TYPE_RESET:
		/* A refusal answers the Request. */
		if (state == DCCP_STATE_REQUEST &&
		    (client || header->acknowledgement != last_sequence(dccp, DIRECTION_ORIGINAL)))
			return DCCP_STATE_NONE;
		return DCCP_STATE_TIME_WAIT;
	default:
		if (state == DCCP_STATE_REQUEST)
			return DCCP_STATE_NONE;
		if (client && state == DCCP_STATE_RESPOND)
			return DCCP_STATE_PARTLY_OPEN;
		return !client && state == DCCP_STATE_PARTLY_OPEN ? DCCP_STATE_OPEN : state;
	}
}

static struct track_result dccp_packet(union track *track, enum timeout current, const struct packet *packet,
				       enum direction direction, bool seen_reply, const struct settings *settings)
{
	struct track_dccp *dccp = &track->dccp;
	enum dccp_state before = (enum dccp_state)dccp->state, state;
	struct track_result result;
	struct header header;

	(void)seen_reply;
	(void)settings;
	if (!read_header(&header, packet))
		return track_invalid(REASON_INVALID, current);
	if (header.type == TYPE_REQUEST && direction == DIRECTION_ORIGINAL && before != DCCP_STATE_REQUEST) {
		/* On a live connection it is an old one, and answered by a Sync (RFC 4340 section 8.5). */
		result = track_unchanged(current);
		result.reopen = before == DCCP_STATE_TIME_WAIT;
		return result;
	}
	state = next_state(dccp, direction, &header);
	if (state == DCCP_STATE_NONE)
		return track_invalid(REASON_INVALID, current);
	/* A Request that comes again may have a new number: RFC 4340 section 8.1.1 asks for it. */
	if (header.type != TYPE_REQUEST && header.type != TYPE_RESPONSE && !is_near(dccp, direction, &header))
		return track_invalid(REASON_OUT_OF_WINDOW, current);
	note_sequence(dccp, direction, &header);
	set_state(dccp, state);
	/* What still comes by of a connection that ends does not make it last. */
	if (state == before && state >= DCCP_STATE_CLOSE_REQUEST)
		return track_unchanged(current);
	return refreshed(dccp);
}

static const char *dccp_state_name(const union track *track)
{
	static const char *const names[DCCP_STATE_COUNT] = {
		"NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT",
	};

	return names[track->dccp.state];
}

const struct track_protocol track_dccp_protocol = {
	.open = dccp_open,
	.packet = dccp_packet,
	.state_name = dccp_state_name,
};
