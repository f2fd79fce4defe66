/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Whoever sends PORT, EPRT or the replies 227 and 229 will listen:
 * the other end of the control connection will connect. So all four are one case. The
 * line must name its sender's own address, as it is before translation, and a port from
 * 1024 on. Where the other end knows that address by another, an external port is taken
 * for it and the line is rewritten; edits.h says what follows for sequence numbers.
 *
 * The connection must behave like FTP, or somebody lets a browser speak to port 21 and
 * hopes that the gateway takes a form's text for a command (NAT slipstreaming): the
 * server greets first; every line of the client begins with a command of FTP; 227 and
 * 229 answer PASV or EPSV. The first line that does not ends the following, for good. A
 * command counts only in data that comes in order, for the first time, at the start of
 * a line, and whole in its segment. What is expected is one connection at a time, from
 * the very address at the other end, for a minute.
 */
#include "conntrack/follow.h"

#include "conntrack/checksum.h"
#include "conntrack/helper_ftp.h"
#include "conntrack/rewrite.h"
#include "conntrack/track_protocol.h"

/* Control connections at one time: a share of the sessions, between these bounds. */
#define FOLLOWERS_SHARE 64
#define FOLLOWERS_LEAST 16
#define FOLLOWERS_MOST 4096

#define EXPECTED_MS 60000

/* No line of FTP is that long, and no client sends so many at once. */
#define SEGMENT_LIMIT 2048
#define PORT_LEAST 1024

int follow_prepare(struct engine *engine, const struct ruleset *ruleset)
{
	uint32_t capacity = engine->table.capacity / FOLLOWERS_SHARE;

	if (!ruleset_has_helper(ruleset) || engine->followers.list)
		return 0;
	if (capacity < FOLLOWERS_LEAST)
		capacity = FOLLOWERS_LEAST;
	if (capacity > FOLLOWERS_MOST)
		capacity = FOLLOWERS_MOST;
	return followers_init(&engine->followers, capacity, engine->table.hash_key);
}

static struct follower *follower_of(const struct passage *passage)
{
	if (!passage->session || !(passage->session->flags & SESSION_FOLLOWED))
		return NULL;
	return followers_lookup(&passage->engine->followers, passage->index);
}

/* --------------------------------------------------------- beginning and end */

void follow_begin(struct passage *passage)
{
	struct session *session = passage->session;
	const struct packet *packet = &passage->packet;
	struct follower *follower = NULL;

	if (!passage->helper && !(session->flags & SESSION_FOLLOWED))
		return;
	session->flags &= (uint16_t)~SESSION_FOLLOWED;
	if (packet_is_tcp(packet) && packet->tcp.flags & TCP_SYN && passage->engine->followers.list)
		follower = followers_add(&passage->engine->followers, passage->index);
	if (!follower)
		return;
	session->flags |= SESSION_FOLLOWED;
	follower->next[DIRECTION_ORIGINAL] = packet->tcp.sequence + 1;
	follower->at_start[DIRECTION_ORIGINAL] = true;
}

static void expect_no_more(struct engine *engine, struct follower *follower)
{
	if (!follower->expects)
		return;
	if (follower->expected.mapping != MAPPING_NONE)
		mapping_release(engine->mappings, follower->expected.mapping, &follower->expected.peer, engine->now);
	followers_forget(&engine->followers, follower);
}

void follow_end(struct engine *engine, uint32_t session)
{
	struct follower *follower;

	if (!(table_session(&engine->table, session)->flags & SESSION_FOLLOWED))
		return;
	follower = followers_lookup(&engine->followers, session);
	if (!follower)
		return;
	expect_no_more(engine, follower);
	followers_remove(&engine->followers, follower);
}

void follow_end_address(struct engine *engine, const struct address *address)
{
	for (uint32_t i = 0; i < engine->followers.used; i++) {
		struct follower *follower = &engine->followers.list[i];

		if (follower->expects && address_equal(&follower->expected.announced.address, address))
			expect_no_more(engine, follower);
	}
}

static bool is_due(const struct follower *follower, struct mono now)
{
	return follower && mono_ms_between(follower->expected.made, now) >= EXPECTED_MS;
}

bool follow_tick(struct engine *engine, struct mono now, unsigned int *budget)
{
	struct follower *oldest = followers_oldest(&engine->followers);

	for (; *budget && is_due(oldest, now); (*budget)--) {
		expect_no_more(engine, oldest);
		oldest = followers_oldest(&engine->followers);
	}
	return is_due(oldest, now);
}

/* ------------------------------------------------------- expected connections */

static struct follower *expecting(const struct passage *passage)
{
	const struct packet *packet = &passage->packet;
	struct follower *follower;

	if (!packet_is_tcp(packet) || (packet->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN)
		return NULL;
	follower = followers_expecting(&passage->engine->followers, &passage->original.source.address,
				       &passage->original.destination);
	return is_due(follower, passage->now) ? NULL : follower;
}

bool follow_expected(struct passage *passage)
{
	const struct follower *follower = expecting(passage);
	const struct expectation *expected;
	enum hook hook = passage->meta->hook;
	bool moves;

	if (!follower)
		return false;
	expected = &follower->expected;
	moves = !endpoint_equal(&expected->announced, &expected->listener);
	if (moves && !passage->session) {
		/* Routed already, to where it was sent. */
		if (hook != HOOK_PREROUTING && hook != HOOK_OUTPUT)
			return false;
		passage->context.view.destination = expected->listener;
		passage->has_dnat = true;
	}
	/* As in the kernel, it has the mark of the connection that announced it. */
	if (!passage->session)
		passage->context.ct_mark = table_session(&passage->engine->table, follower->session)->mark;
	if (hook != HOOK_PREROUTING && !address_equal(&expected->connector, &expected->appears)) {
		passage->snat = (struct nat_request){ .kind = NAT_SNAT, .has_address = true };
		passage->snat.address_first = passage->snat.address_last = expected->appears;
		passage->has_snat = true;
	}
	return true;
}

void follow_fulfil(struct passage *passage)
{
	struct follower *follower = expecting(passage);

	if (follower)
		expect_no_more(passage->engine, follower);
}

/* ------------------------------------------------------------------ announcing */

/* The line's sender will listen: what is expected of whom, as it arrives here. */
static struct expectation describe(const struct passage *passage, const struct ftp_announcement *announcement)
{
	const struct table *table = &passage->engine->table;
	struct tuple sent = table_tuple(table, passage->session, passage->direction);
	struct tuple answered = table_tuple(table, passage->session, direction_opposite(passage->direction));
	struct endpoint listener = { sent.source.address, be16_from_host(announcement->port) };

	return (struct expectation){
		.connector = answered.source.address,
		.announced = { answered.destination.address, listener.port },
		.listener = listener,
		.appears = sent.destination.address,
		.mapping = MAPPING_NONE,
		.peer = { .address = answered.source.address },
		.made = passage->now,
	};
}

/* Puts the external endpoint in the announced one's place, in the stream from here on. */
static enum reason rewrite_line(struct passage *passage, struct follower *follower, uint32_t line,
				const struct ftp_announcement *announcement, const struct endpoint *announced)
{
	const struct tcp_side *receiver = &passage->session->track.tcp.side[direction_opposite(passage->direction)];
	uint32_t at = line + (uint32_t)announcement->at;
	uint8_t text[FTP_TEXT];
	size_t length = ftp_write(announcement, announced, text);

	if (length > announcement->length && length - announcement->length > passage->meta->room)
		return REASON_HELPER;
	if (!edits_add(&follower->edits[passage->direction], passage->packet.tcp.sequence + at, announcement->length,
		       text, length, receiver->maxack))
		return REASON_HELPER;
	return REASON_NONE;
}

static enum reason announce(struct passage *passage, struct follower *follower, uint32_t line,
			    const struct ftp_announcement *announcement)
{
	struct engine *engine = passage->engine;
	struct expectation expected = describe(passage, announcement);
	enum reason reason = REASON_NONE;

	/* Nobody announces for another, nor a service of the system's. */
	if (announcement->port < PORT_LEAST ||
	    (announcement->has_address && !address_equal(&announcement->address, &expected.listener.address)))
		return REASON_NONE;
	if (!address_equal(&expected.announced.address, &expected.listener.address)) {
		reason = nat_listen(passage, &expected.listener, &expected.announced.address, &expected.peer,
				    &expected.mapping);
		if (reason != REASON_NONE)
			return reason;
		expected.announced = mapping_external(engine->mappings, expected.mapping);
		reason = rewrite_line(passage, follower, line, announcement, &expected.announced);
	}
	if (reason != REASON_NONE) {
		mapping_cancel(engine->mappings, expected.mapping, &expected.peer);
		return reason;
	}
	expect_no_more(engine, follower);
	followers_expect(&engine->followers, follower, &expected);
	return REASON_NONE;
}

/* -------------------------------------------------------------- reading lines */

static void distrust(struct passage *passage, struct follower *follower)
{
	follower->foreign = true;
	expect_no_more(passage->engine, follower);
}

/* A client's line, perhaps not whole. */
static enum reason read_command(struct passage *passage, struct follower *follower, uint32_t at, size_t length)
{
	const uint8_t *line = passage->packet.bytes + passage->packet.payload_offset + at;
	struct ftp_announcement announcement;

	switch (ftp_judge_command(line, length)) {
	case FTP_LINE_FOREIGN:
		distrust(passage, follower);
		return REASON_NONE;
	case FTP_LINE_PARTIAL:
		return REASON_NONE;
	case FTP_LINE_PASSIVE:
		follower->passive = true;
		break;
	case FTP_LINE_COMMAND:
		follower->passive = false;
		break;
	}
	if (!follower->greeted) {
		distrust(passage, follower);
		return REASON_NONE;
	}
	if (!ftp_read_command(line, length, passage->packet.family, &announcement))
		return REASON_NONE;
	return announce(passage, follower, at, &announcement);
}

static enum reason read_reply(struct passage *passage, struct follower *follower, uint32_t at, size_t length)
{
	const uint8_t *line = passage->packet.bytes + passage->packet.payload_offset + at;
	struct ftp_announcement announcement;
	unsigned int code;

	if (!follower->greeted) {
		/* 120: ready in some minutes; 220: at your service; 421: good bye. */
		code = ftp_reply_code(line, length);
		follower->greeted = code == 120 || code == 220;
		if (!follower->greeted && length >= 4)
			distrust(passage, follower);
		return REASON_NONE;
	}
	if (!follower->passive || !ftp_read_reply(line, length, passage->packet.family, &announcement))
		return REASON_NONE;
	follower->passive = false;
	return announce(passage, follower, at, &announcement);
}

/* All lines that begin in the segment; one of them may announce something. */
static enum reason read_lines(struct passage *passage, struct follower *follower)
{
	const struct packet *packet = &passage->packet;
	const uint8_t *payload = packet->bytes + packet->payload_offset;
	bool client = passage->direction == DIRECTION_ORIGINAL;
	uint32_t at = 0, count = follower->edits[passage->direction].count;
	enum reason reason = REASON_NONE;

	if (packet->payload_length > SEGMENT_LIMIT) {
		if (client)
			distrust(passage, follower);
		return REASON_NONE;
	}
	while (at < packet->payload_length && reason == REASON_NONE && !follower->foreign &&
	       follower->edits[passage->direction].count == count) {
		const uint8_t *end = memchr(payload + at, '\n', packet->payload_length - at);
		uint32_t length = end ? (uint32_t)(end - payload) + 1 - at : packet->payload_length - at;

		reason =
		    client ? read_command(passage, follower, at, length) : read_reply(passage, follower, at, length);
		at += length;
	}
	return reason;
}

/* Data: is it new, in order, and at the start of a line? Then it is read. */
static enum reason read_segment(struct passage *passage, struct follower *follower)
{
	const struct packet *packet = &passage->packet;
	enum direction direction = passage->direction;
	uint32_t end = packet->tcp.sequence + packet->payload_length;
	enum reason reason = REASON_NONE;

	if (!tcp_after(end, follower->next[direction]))
		return REASON_NONE;
	if (packet->tcp.sequence == follower->next[direction] && follower->at_start[direction] && !follower->foreign &&
	    !packet->fragment && ruleset_has_helper(passage->engine->configuration->ruleset))
		reason = read_lines(passage, follower);
	if (reason != REASON_NONE)
		return reason;
	follower->next[direction] = end;
	follower->at_start[direction] = packet->bytes[packet->payload_offset + packet->payload_length - 1] == '\n';
	edits_forget(&follower->edits[direction], end);
	return REASON_NONE;
}

/* ------------------------------------------------------------------- the packet */

void follow_receive(struct passage *passage)
{
	const struct follower *follower = follower_of(passage);
	const struct edits *edits;

	if (!follower || !packet_is_tcp(&passage->packet))
		return;
	edits = &follower->edits[direction_opposite(passage->direction)];
	if (!edits_any(edits))
		return;
	edits_acknowledge(edits, &passage->packet, passage->meta->checksum_unfinished);
	passage->rewritten = true;
}

enum reason follow_send(struct passage *passage, const struct track_result *result)
{
	struct follower *follower = follower_of(passage);
	const struct packet *packet = &passage->packet;
	enum direction direction = passage->direction;
	enum reason reason;

	if (!follower || !packet_is_tcp(packet))
		return REASON_NONE;
	if (packet->tcp.flags & TCP_SYN) {
		/* Only in the handshake: on a live connection a SYN proves nothing. */
		if (result->refresh && !edits_any(&follower->edits[direction])) {
			follower->next[direction] = packet->tcp.sequence + 1;
			follower->at_start[direction] = true;
		}
	} else if (packet->payload_length) {
		reason = read_segment(passage, follower);
		if (reason != REASON_NONE)
			return reason;
	}
	if (!edits_any(&follower->edits[direction]))
		return REASON_NONE;
	if (!edits_apply(&follower->edits[direction], &passage->packet, passage->meta->room,
			 passage->meta->checksum_unfinished))
		return REASON_HELPER;
	passage->rewritten = true;
	return REASON_NONE;
}

void follow_quote(struct passage *passage)
{
	struct packet *packet = &passage->packet;
	struct packet_quote *quote = &packet->icmp.quote;
	const struct follower *follower = follower_of(passage);
	const struct edits *edits;
	uint8_t *at = packet->bytes + quote->l4_offset + 4;
	struct be32 sequence;

	if (!follower || quote->fragment || passage->arrived_translated)
		return;
	edits = &follower->edits[direction_opposite(passage->direction)];
	if (!edits_any(edits))
		return;
	quote->tcp_sequence = edits_back(edits, quote->tcp_sequence);
	sequence = be32_from_host(quote->tcp_sequence);
	checksum_update(packet->bytes + packet->l4_offset + 2, checksum_delta(at, &sequence.raw, 4));
	memcpy(at, &sequence.raw, 4);
	if (passage->meta->checksum_unfinished)
		rewrite_finish_checksum(packet);
	passage->rewritten = true;
}
