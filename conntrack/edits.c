/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/edits.h"

#include <assert.h>

#include "conntrack/checksum.h"
#include "conntrack/rewrite.h"
#include "conntrack/track_protocol.h"

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_SACK 5

/* Numbers are compared within half of their space: an edit so far back must go. */
#define EDIT_REACH (UINT32_C(1) << 30)

static uint32_t edit_end(const struct edit *edit)
{
	return edit->start + edit->old_length;
}

static uint32_t edit_after(const struct edit *edit)
{
	return edit->before + edit->new_length - edit->old_length;
}

static void forget_oldest(struct edits *edits)
{
	edits->count--;
	memmove(edits->list, edits->list + 1, edits->count * sizeof(edits->list[0]));
}

void edits_forget(struct edits *edits, uint32_t sequence)
{
	while (edits->count && sequence - edit_end(&edits->list[0]) > EDIT_REACH)
		forget_oldest(edits);
}

bool edits_add(struct edits *edits, uint32_t start, size_t old_length, const uint8_t *text, size_t new_length,
	       uint32_t acknowledged)
{
	struct edit *edit;

	assert(old_length > 0 && old_length <= UINT8_MAX && new_length > 0 && new_length <= EDIT_TEXT);
	assert(!edits->count || !tcp_before(start, edit_end(&edits->list[edits->count - 1])));
	edits_forget(edits, start);
	if (edits->count == EDITS_LIMIT) {
		if (tcp_before(acknowledged, edit_end(&edits->list[0])))
			return false;
		forget_oldest(edits);
	}
	edit = &edits->list[edits->count++];
	*edit = (struct edit){
		.start = start,
		.before = edits->shift,
		.old_length = (uint8_t)old_length,
		.new_length = (uint8_t)new_length,
	};
	memcpy(edit->text, text, new_length);
	edits->shift = edit_after(edit);
	return true;
}

uint32_t edits_forward(const struct edits *edits, uint32_t sequence)
{
	if (!edits->count)
		return sequence + edits->shift;
	for (unsigned int i = edits->count; i-- > 0;) {
		const struct edit *edit = &edits->list[i];

		if (!tcp_before(sequence, edit_end(edit)))
			return sequence + edit_after(edit);
		if (tcp_after(sequence, edit->start))
			return edit->start + edit->before;
	}
	return sequence + edits->list[0].before;
}

uint32_t edits_back(const struct edits *edits, uint32_t number)
{
	if (!edits->count)
		return number - edits->shift;
	for (unsigned int i = edits->count; i-- > 0;) {
		const struct edit *edit = &edits->list[i];
		uint32_t start = edit->start + edit->before;

		if (!tcp_before(number, start + edit->new_length))
			return number - edit_after(edit);
		if (tcp_after(number, start))
			return edit->start;
	}
	return number - edits->list[0].before;
}

/* ------------------------------------------------------------------- payload */

/* Does @packet hold the edit's text? 1: all of it; 0: none; -1: a part. */
static int holds(const struct packet *packet, const struct edit *edit)
{
	uint32_t start = packet->tcp.sequence, end = start + packet->payload_length;

	if (!packet->payload_length || !tcp_after(end, edit->start) || !tcp_before(start, edit_end(edit)))
		return 0;
	return !tcp_after(start, edit->start) && !tcp_before(end, edit_end(edit)) ? 1 : -1;
}

static void replace(struct packet *packet, const struct edit *edit)
{
	uint32_t at = packet->payload_offset + (edit->start - packet->tcp.sequence);
	uint32_t tail = packet->length - at - edit->old_length;

	memmove(packet->bytes + at + edit->new_length, packet->bytes + at + edit->old_length, tail);
	memcpy(packet->bytes + at, edit->text, edit->new_length);
	packet->length = at + edit->new_length + tail;
}

/* The IP header and the packet's own lengths follow from @packet->length. */
static void settle_length(struct packet *packet)
{
	bool ipv4 = packet->family == FAMILY_IPV4;
	uint8_t *field = packet->bytes + (ipv4 ? 2 : 4);
	struct be16 before = { checksum_load16(field) }, now = be16_from_host((uint16_t)packet->length);

	if (!ipv4)
		now = be16_from_host((uint16_t)(packet->length - 40));
	checksum_store16(field, now.raw);
	if (ipv4)
		checksum_update(packet->bytes + 10, checksum_delta16(before, now));
	packet->l4_length = packet->length - packet->l4_offset;
	packet->payload_length = packet->length - packet->payload_offset;
}

/* -------------------------------------------------------------------- header */

static uint32_t load32(const uint8_t *at)
{
	return be32_to_host((struct be32){ checksum_load32(at) });
}

static void store32(uint8_t *at, uint32_t value)
{
	struct be32 wire = be32_from_host(value);

	memcpy(at, &wire.raw, sizeof(wire.raw));
}

/* All of the header, whose options may begin anywhere: words of it, not of what changed. */
static uint64_t header_sum(const struct packet *packet)
{
	return checksum_add(0, packet->bytes + packet->l4_offset, 20u + packet->tcp.options_length);
}

/* The header changed since its sum was @before. */
static void settle_checksum(struct packet *packet, uint64_t before, bool unfinished)
{
	if (unfinished)
		rewrite_finish_checksum(packet);
	else
		checksum_update(packet->bytes + packet->l4_offset + 16,
				(uint64_t)(uint16_t)~checksum_fold(before) + checksum_fold(header_sum(packet)));
}

bool edits_apply(const struct edits *edits, struct packet *packet, uint32_t room, bool unfinished)
{
	uint32_t sequence = edits_forward(edits, packet->tcp.sequence), old = 0, new = 0;
	uint64_t before = header_sum(packet);

	for (unsigned int i = 0; i < edits->count; i++) {
		int held = holds(packet, &edits->list[i]);

		if (held < 0 || (held && packet->fragment))
			return false;
		old += held ? edits->list[i].old_length : 0;
		new += held ? edits->list[i].new_length : 0;
	}
	if (new > old && (new - old > room || packet->length + (new - old) > UINT16_MAX))
		return false;
	/* From the last one on: so none moves another's place. */
	for (unsigned int i = edits->count; old && i-- > 0;)
		if (holds(packet, &edits->list[i]) > 0)
			replace(packet, &edits->list[i]);
	if (old)
		settle_length(packet);
	packet->tcp.sequence = sequence;
	store32(packet->bytes + packet->l4_offset + 4, sequence);
	if (old)
		rewrite_finish_checksum(packet);
	else
		settle_checksum(packet, before, unfinished);
	return true;
}

/* A block that begins in replaced text claims nothing of that text. */
static uint32_t left_edge_back(const struct edits *edits, uint32_t number)
{
	uint32_t back = edits_back(edits, number);

	for (unsigned int i = 0; i < edits->count; i++)
		if (back == edits->list[i].start && number != back + edits->list[i].before)
			return edit_end(&edits->list[i]);
	return back;
}

static void sack_back(const struct edits *edits, uint8_t *blocks, size_t length)
{
	for (size_t i = 0; i + 8 <= length; i += 8) {
		store32(blocks + i, left_edge_back(edits, load32(blocks + i)));
		store32(blocks + i + 4, edits_back(edits, load32(blocks + i + 4)));
	}
}

void edits_acknowledge(const struct edits *edits, struct packet *packet, bool unfinished)
{
	uint8_t *option = packet->bytes + packet->tcp.options_offset, *end = option + packet->tcp.options_length;
	uint64_t before = header_sum(packet);

	if (!(packet->tcp.flags & TCP_ACK))
		return;
	packet->tcp.acknowledgement = edits_back(edits, packet->tcp.acknowledgement);
	store32(packet->bytes + packet->l4_offset + 8, packet->tcp.acknowledgement);
	while (option < end && *option != OPTION_END) {
		if (*option == OPTION_NOP) {
			option++;
			continue;
		}
		if (end - option < 2 || option[1] < 2 || option[1] > end - option)
			break;
		if (*option == OPTION_SACK)
			sack_back(edits, option + 2, option[1] - 2u);
		option += option[1];
	}
	settle_checksum(packet, before, unfinished);
}
