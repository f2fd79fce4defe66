/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet's way through the hooks, as the kernel leads it, and what must hold at each. */
#include "tests/model/engine_play.h"

#include "tests/model/invariants.h"

static struct address destination_of(const struct play_packet *packet)
{
	return packet->bytes[0] >> 4 == 4 ? address_from_ipv4(packet->bytes + 16)
					  : address_from_ipv6(packet->bytes + 24);
}

static struct address source_of(const struct play_packet *packet)
{
	return packet->bytes[0] >> 4 == 4 ? address_from_ipv4(packet->bytes + 12)
					  : address_from_ipv6(packet->bytes + 8);
}

/* --------------------------------------------------------- what must hold */

static void check_answers(struct play *play)
{
	static uint8_t bytes[4096];
	struct effect effect;
	struct packet parsed;

	while (engine_next_effect(play->engine, &effect)) {
		if (effect.kind != EFFECT_INJECT)
			continue;
		if (effect.inject.length > sizeof(bytes)) {
			play_fail(play, "the engine sends a packet of unlikely length");
			return;
		}
		memcpy(bytes, effect.inject.bytes, effect.inject.length);
		if (packet_parse(&parsed, bytes, effect.inject.length) != REASON_NONE)
			play_fail(play, "the engine sends what it would not accept");
		else if (parsed.length != effect.inject.length || !wire_checksums_right(&parsed))
			play_fail(play, "the engine sends a packet with a wrong checksum or length");
	}
}

/* An accepted packet: @before is what it was, @right whether its checksums were. */
static void check_accepted(struct play *play, struct play_packet *packet, const struct play_packet *before, bool right,
			   const struct engine_verdict *verdict)
{
	struct packet parsed;

	play->accepted++;
	play->rewritten += verdict->rewritten;
	if (verdict->length > PLAY_PACKET ||
	    (verdict->length != before->length && before->head.protocol != PROTOCOL_TCP &&
	     verdict->length > before->length)) {
		play_fail(play, "a packet became longer than it may");
		return;
	}
	if (!verdict->rewritten && memcmp(packet->bytes, before->bytes, before->length) != 0)
		play_fail(play, "a packet was changed without a word of it");
	if (packet_parse(&parsed, packet->bytes, verdict->length) != REASON_NONE)
		play_fail(play, "a packet that was accepted cannot be read any more");
	else if ((right || (before->unfinished && verdict->rewritten)) && !wire_checksums_right(&parsed))
		play_fail(play, "a packet left with a wrong checksum");
	if (verdict->rewritten)
		packet->unfinished = false;
	packet->length = (uint16_t)verdict->length;
}

/* The router's own inside address is no secret to whoever asks it directly. */
static bool is_secret(const struct address *address)
{
	return play_is_inside(address) && !play_is_own(address);
}

/* Leaves to the outside: then nothing of it may tell of the inside. */
static void check_leaks(struct play *play, const struct play_packet *packet)
{
	struct packet parsed;
	uint8_t copy[PLAY_PACKET];

	if (!play->leaks_count || packet->oif != PLAY_WAN)
		return;
	memcpy(copy, packet->bytes, packet->length);
	if (packet_parse(&parsed, copy, packet->length) != REASON_NONE)
		return;
	if (packet->iif == PLAY_LAN && is_secret(&parsed.tuple.source.address))
		play_fail(play, "a packet left with an inside address");
	else if (packet_is_icmp_error(&parsed) && (is_secret(&parsed.icmp.quote.tuple.source.address) ||
						   is_secret(&parsed.icmp.quote.tuple.destination.address)))
		play_fail(play, "an ICMP error left that quotes an inside address");
}

/* A tunnel's packet: told from others by its key. */
static void check_delivery(struct play *play, const struct play_packet *came, const struct play_packet *left)
{
	struct packet before, after;
	uint8_t bytes[2][PLAY_PACKET];

	memcpy(bytes[0], came->bytes, came->length);
	memcpy(bytes[1], left->bytes, left->length);
	if (packet_parse(&before, bytes[0], came->length) == REASON_NONE &&
	    packet_parse(&after, bytes[1], left->length) == REASON_NONE)
		play_fail(play, invariants_check_delivery(play->engine, &before, &after.tuple));
}

/* ------------------------------------------------------------------ hooks */

static bool was_right(const struct play_packet *packet)
{
	struct packet parsed;
	uint8_t copy[PLAY_PACKET];

	memcpy(copy, packet->bytes, packet->length);
	return !packet->unfinished && packet_parse(&parsed, copy, packet->length) == REASON_NONE &&
	       wire_checksums_right(&parsed);
}

/* As of a batch: of this packet, alone or among others, or of the one before it; or there was none. */
static const struct engine_preview *look_ahead(struct play *play, enum hook hook, const struct play_packet *packet)
{
	struct engine_preview *previews = play->previews;
	uint64_t kind = wire_below(&play->random, 4);

	if (kind == 0)
		return NULL;
	if (kind == 1)
		return &previews[0];
	for (unsigned int i = 0; i < 3; i++)
		previews[i] = (struct engine_preview){
			.bytes = packet->bytes,
			.length = (uint32_t)packet->length - (i == 2),
			.hook = hook,
		};
	engine_preview(play->engine, previews, 1 + (unsigned int)wire_below(&play->random, 3));
	return &previews[0];
}

/* Return: accepted. @settled: no later hook need be asked. */
static bool pass_hook(struct play *play, enum hook hook, struct play_packet *packet, bool *settled)
{
	struct packet_meta meta = {
		.preview = look_ahead(play, hook, packet),
		.hook = hook,
		.iif = hook == HOOK_OUTPUT ? 0 : packet->iif,
		.oif = hook == HOOK_PREROUTING || hook == HOOK_INPUT ? 0 : packet->oif,
		.mark = packet->mark,
		.room = PLAY_PACKET - packet->length,
		.checksum_unfinished = packet->unfinished,
	};
	struct play_packet before = *packet;
	bool right = was_right(packet);
	struct engine_verdict verdict = engine_process(play->engine, &meta, packet->bytes, packet->length, play->now);

	play_digest(play, &verdict, packet);
	check_answers(play);
	if (verdict.verdict != VERDICT_ACCEPT)
		play_compare(play, verdict.reason, packet);
	if (!play->failure)
		play_fail(play, invariants_check(play->engine));
	if (!play->failure)
		play_fail(play, invariants_check_tunnels(play->engine));
	if ((verdict.verdict == VERDICT_ACCEPT) != (verdict.reason == REASON_NONE))
		play_fail(play, "verdict and reason disagree");
	if (verdict.verdict != VERDICT_ACCEPT || play->failure)
		return false;
	check_accepted(play, packet, &before, right, &verdict);
	if (verdict.mark_changed)
		packet->mark = verdict.mark;
	*settled = verdict.settled;
	return !play->failure;
}

static void remember(struct play *play, const struct play_packet *came, const struct play_packet *left)
{
	struct play_memory *memory = &play->memory[play->memory_next++ % PLAY_MEMORY];

	memory->came = *came;
	memory->left = *left;
	memory->came.valid = memory->left.valid = true;
}

/* Routed, or to the router itself: what follows on prerouting. */
static void pass_on(struct play *play, struct play_packet *packet, const struct play_packet *came, bool settled)
{
	struct address destination = destination_of(packet);
	enum hook hook = play_is_own(&destination) ? HOOK_INPUT : HOOK_FORWARD;

	/* An address that the router has lost is still its own to the play. */
	if (play->expected.path_count > 1 && play->expected.path[1] != hook)
		play->expects = false;
	packet->oif = hook == HOOK_INPUT ? 0 : play_route(NULL, &destination, 0, 0);
	if (!settled && !pass_hook(play, hook, packet, &settled))
		return;
	play_compare(play, REASON_NONE, packet);
	check_leaks(play, packet);
	check_delivery(play, came, packet);
	remember(play, came, packet);
}

void play_resume(struct play *play, struct play_packet *packet)
{
	struct play_packet came = *packet;

	if (!packet->valid)
		return;
	packet->valid = false;
	pass_on(play, packet, &came, false);
}

static void send_own(struct play *play, struct play_packet *packet, const struct play_packet *came)
{
	struct address destination = destination_of(packet), source = source_of(packet);
	bool settled;

	/* To itself it goes over the loopback, which is never queued. */
	if (packet->length < 20 || !play_is_own(&source) || play_is_own(&destination))
		return;
	packet->oif = play_route(NULL, &destination, 0, 0);
	play_explain(play, packet);
	if (pass_hook(play, HOOK_OUTPUT, packet, &settled)) {
		play_compare(play, REASON_NONE, packet);
		remember(play, came, packet);
	}
}

void play_send(struct play *play, struct play_packet *packet)
{
	uint8_t how = play_byte(play);
	struct play_packet came = *packet;
	struct address source = source_of(packet);
	bool settled = false;

	if (how >= 240 && packet->head.protocol == PROTOCOL_UDP)
		packet->mark = how & 7;
	/* The inside claims no outside addresses: else answers to those would look like leaks. */
	if (packet->iif == PLAY_LAN && packet->length >= 20 && !play_is_inside(&source))
		return;
	if (!packet->iif) {
		send_own(play, packet, &came);
		return;
	}
	play_explain(play, packet);
	if (!pass_hook(play, HOOK_PREROUTING, packet, &settled))
		return;
	/* Held up on its way, or lost there. */
	if (how < 12 && !settled) {
		play->expects = false;
		if (how < 10)
			play->held_up[how % PLAY_HELD_UP] = *packet;
		return;
	}
	pass_on(play, packet, &came, settled);
}
