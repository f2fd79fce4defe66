/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's word on packets that are about to come, held against what it then does. An
 * answer may change nothing: with and without questions a play has the same digest.
 */
#include <stdio.h>

#include "tests/model/engine_play.h"

/* A packet that the engine can think of: one that opens a flow, and is right. */
static bool is_first(const struct packet *parsed)
{
	switch (parsed->tuple.protocol) {
	case PROTOCOL_TCP:
		return parsed->tcp.flags == TCP_SYN;
	case PROTOCOL_UDP:
	case PROTOCOL_GRE:
		return true;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return parsed->icmp.query && !parsed->icmp.reply && parsed->icmp.code == 0;
	default:
		return false;
	}
}

#define EXPIRE_ALL 65536

void play_explain(struct play *play, const struct play_packet *packet)
{
	struct question question = { .iif = packet->iif, .oif = 0 };
	struct packet parsed;
	uint8_t copy[PLAY_PACKET];

	play->expects = false;
	/*
	 * Ports whose rest is over come back a few at each allocation: with many of them due, the
	 * packet would find more than the question did.
	 */
	while ((play->explain || play->plain) && engine_tick(play->engine, play->now, EXPIRE_ALL))
		;
	memcpy(copy, packet->bytes, packet->length);
	if (!play->explain || packet_parse(&parsed, copy, packet->length) != REASON_NONE ||
	    packet_is_icmp_error(&parsed))
		return;
	question.tuple = parsed.tuple;
	question.keyed = packet_is_keyed(&parsed);
	question.key = question.keyed ? parsed.gre.key : 0;
	if (engine_explain(play->engine, &question, play->now, &play->expected) != 0)
		return;
	play->expects = is_first(&parsed) && !parsed.fragment && !play->expected.has_session &&
			play->expected.obstacle == OBSTACLE_NONE && !play->expected.evicts && packet->mark == 0 &&
			(play->expected.path[0] == HOOK_OUTPUT) == (packet->iif == 0) &&
			(packet->unfinished || packet_checksum_valid(&parsed));
}

void play_compare(struct play *play, enum reason reason, const struct play_packet *left)
{
	struct packet parsed;
	uint8_t copy[PLAY_PACKET];

	if (!play->expects || play->failure)
		return;
	play->expects = false;
	play->compared++;
	if (reason != play->expected.reason) {
		snprintf(play->text, sizeof(play->text),
			 "explained as %s, but it was %s; protocol %u, from %u, path %zu",
			 reason_key(play->expected.reason), reason_key(reason), play->expected.tuple.protocol,
			 play->expected.iif, play->expected.path_count);
		play_fail(play, play->text);
		return;
	}
	memcpy(copy, left->bytes, left->length);
	if (reason == REASON_NONE && packet_parse(&parsed, copy, left->length) == REASON_NONE &&
	    !tuple_equal(&parsed.tuple, &play->expected.leaves))
		play_fail(play, "it left otherwise than was explained");
}

/* FNV-1a: order and every byte count. */
static void add(struct play *play, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		play->digest = (play->digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

/* Not the bytes behind the headers: what they are filled with is left over from other plays. */
void play_digest(struct play *play, const struct engine_verdict *verdict, const struct play_packet *packet)
{
	uint32_t words[4] = { (uint32_t)verdict->reason, verdict->rule, verdict->settled, verdict->mark };
	struct packet parsed;
	uint8_t copy[PLAY_PACKET];

	add(play, words, sizeof(words));
	memcpy(copy, packet->bytes, packet->length);
	if (verdict->verdict == VERDICT_ACCEPT && packet_parse(&parsed, copy, verdict->length) == REASON_NONE)
		add(play, &parsed.tuple, sizeof(parsed.tuple));
}
