/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replaced text in a TCP stream against a naive model: the whole stream as it was sent and as
 * it arrives, byte for byte, with a map from each byte to its place. Segments are cut at random,
 * sent again, cut otherwise. SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "conntrack/edits.h"
#include "tests/model/wire_model.h"

#define STREAM 4000
#define RUNS 300

/* What was sent, what arrives, and where each sent byte (and the end) arrives; -1: within replaced text. */
struct stream {
	uint32_t first;	  /* sequence number of sent[0] */
	uint32_t arrives; /* and of there[0] */
	size_t sent_length, there_length;
	uint8_t sent[STREAM], there[STREAM * 2];
	int place[STREAM + 1];
};

static void send_plain(struct stream *stream, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		stream->place[stream->sent_length] = (int)stream->there_length;
		stream->sent[stream->sent_length++] = bytes[i];
		stream->there[stream->there_length++] = bytes[i];
	}
	stream->place[stream->sent_length] = (int)stream->there_length;
}

static void send_replaced(struct stream *stream, const uint8_t *old, size_t old_length, const uint8_t *text,
			  size_t length)
{
	for (size_t i = 0; i < old_length; i++) {
		stream->place[stream->sent_length] = i ? -1 : (int)stream->there_length;
		stream->sent[stream->sent_length++] = old[i];
	}
	memcpy(stream->there + stream->there_length, text, length);
	stream->there_length += length;
	stream->place[stream->sent_length] = (int)stream->there_length;
}

static void build(struct wire *wire, const struct stream *stream, size_t from, size_t to, uint64_t *random)
{
	static const uint8_t sack[12] = { 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct wire_shape shape = {
		.tuple = wire_random_tuple(random, wire_below(random, 2) ? FAMILY_IPV4 : FAMILY_IPV6, PROTOCOL_TCP),
		.payload = to - from,
		.tcp_flags = TCP_ACK,
		.tcp_options = sack,
		.tcp_options_length = wire_below(random, 2) ? sizeof(sack) : 0,
	};
	uint32_t sequence = __builtin_bswap32(stream->first + (uint32_t)from);

	wire_build(wire, &shape, random);
	memcpy(wire->bytes + wire->l4 + 4, &sequence, 4);
	memcpy(wire->bytes + wire->length - shape.payload, stream->sent + from, to - from);
	wire_seal(wire);
}

/* A segment of the stream must arrive as the stream arrives, or not at all when it cuts replaced text. */
static void check_segment(const struct stream *stream, const struct edits *edits, size_t from, size_t to,
			  uint64_t *random)
{
	static struct wire wire;
	struct packet packet;
	bool cut = stream->place[from] < 0 || stream->place[to] < 0, unfinished = wire_below(random, 3) == 0;
	size_t length;

	build(&wire, stream, from, to, random);
	if (unfinished)
		wire_unfinish(&wire);
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	assert_int_equal(edits_apply(edits, &packet, 500, unfinished), !cut || from == to);
	if (cut)
		return;
	length = (size_t)(stream->place[to] - stream->place[from]);
	assert_int_equal(packet.length, wire.length + length - (to - from));
	assert_int_equal(packet_parse(&packet, wire.bytes, packet.length), REASON_NONE);
	assert_true(wire_checksums_right(&packet));
	assert_int_equal(packet.tcp.sequence, stream->arrives + (uint32_t)stream->place[from]);
	assert_int_equal(packet.payload_length, length);
	assert_memory_equal(packet.bytes + packet.payload_offset, stream->there + stream->place[from], length);
}

static void put_sack(struct wire *wire, uint32_t left, uint32_t right)
{
	left = __builtin_bswap32(left);
	right = __builtin_bswap32(right);
	memcpy(wire->bytes + wire->l4 + 23, &left, 4);
	memcpy(wire->bytes + wire->l4 + 27, &right, 4);
	wire_seal(wire);
}

/* An answer that acknowledges up to @at, and by SACK @from to @to, of what arrived. */
static void check_answer(const struct stream *stream, const struct edits *edits, size_t at, size_t from, size_t to,
			 uint64_t *random)
{
	static const uint8_t sack[12] = { 1, 5, 10 };
	struct wire_shape shape = {
		.tuple = wire_random_tuple(random, FAMILY_IPV4, PROTOCOL_TCP),
		.tcp_flags = TCP_ACK,
		.tcp_options = sack,
		.tcp_options_length = sizeof(sack),
		.payload = wire_below(random, 5),
	};
	uint32_t number = __builtin_bswap32(stream->arrives + (uint32_t)stream->place[at]), edges[2];
	static struct wire wire;
	struct packet packet;

	wire_build(&wire, &shape, random);
	memcpy(wire.bytes + wire.l4 + 8, &number, 4);
	put_sack(&wire, stream->arrives + (uint32_t)stream->place[from], stream->arrives + (uint32_t)stream->place[to]);
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	edits_acknowledge(edits, &packet, false);
	assert_true(wire_checksums_right(&packet));
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	assert_int_equal(packet.tcp.acknowledgement, stream->first + (uint32_t)at);
	memcpy(edges, wire.bytes + wire.l4 + 23, 8);
	assert_int_equal(__builtin_bswap32(edges[0]), stream->first + (uint32_t)from);
	assert_int_equal(__builtin_bswap32(edges[1]), stream->first + (uint32_t)to);
}

static size_t whole_place(const struct stream *stream, uint64_t *random)
{
	size_t at;

	do
		at = wire_below(random, (uint32_t)stream->sent_length + 1);
	while (stream->place[at] < 0);
	return at;
}

static void random_bytes(uint8_t *bytes, size_t length, uint64_t *random)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)wire_random(random);
}

static void play(uint64_t *random)
{
	static struct stream stream;
	struct edits edits = { 0 };
	uint8_t bytes[300], text[EDIT_TEXT];

	stream = (struct stream){ .first = (uint32_t)wire_random(random) };
	/* Near the wrap-around as often as not. */
	if (wire_below(random, 2))
		stream.first = UINT32_MAX - wire_below(random, 1000);
	stream.arrives = stream.first;
	for (unsigned int change = 0; change < EDITS_LIMIT; change++) {
		size_t old = 1 + wire_below(random, 60), new = 1 + wire_below(random, EDIT_TEXT);
		size_t before = wire_below(random, 200);

		random_bytes(bytes, sizeof(bytes), random);
		random_bytes(text, sizeof(text), random);
		send_plain(&stream, bytes, before);
		assert_true(
		    edits_add(&edits, stream.first + (uint32_t)stream.sent_length, old, text, new, stream.first));
		send_replaced(&stream, bytes + before, old, text, new);
		for (unsigned int i = 0; i < 40; i++) {
			size_t a = wire_below(random, (uint32_t)stream.sent_length + 1);
			size_t b = wire_below(random, (uint32_t)stream.sent_length + 1);

			check_segment(&stream, &edits, a < b ? a : b, a < b ? b : a, random);
			check_answer(&stream, &edits, whole_place(&stream, random), whole_place(&stream, random),
				     whole_place(&stream, random), random);
		}
	}
}

static void test_model(void **state)
{
	uint64_t random = wire_seed();

	(void)state;
	for (unsigned int run = 0; run < RUNS; run++)
		play(&random);
}

static void test_places_come_back_when_acknowledged(void **state)
{
	struct edits edits = { 0 };

	(void)state;
	for (uint32_t i = 0; i < EDITS_LIMIT; i++)
		assert_true(edits_add(&edits, 1000 + 100 * i, 10, (const uint8_t *)"012345678901", 12, 1000));
	/* Somebody may still ask for the first one again. */
	assert_false(edits_add(&edits, 2000, 10, (const uint8_t *)"x", 1, 1009));
	assert_int_equal(edits_forward(&edits, 2000), 2008);
	assert_true(edits_add(&edits, 2000, 10, (const uint8_t *)"x", 1, 1010));
	assert_int_equal(edits_forward(&edits, 2010), 2009);
	assert_int_equal(edits_back(&edits, 2009), 2010);
	assert_int_equal(edits_forward(&edits, 1200), 1204);
}

static void test_far_behind_stays_behind(void **state)
{
	struct edits edits = { 0 };

	(void)state;
	assert_true(edits_add(&edits, 5, 1, (const uint8_t *)"xyz", 3, 5));
	/* Twice around the space of numbers. */
	for (uint64_t sent = 6; sent < UINT64_C(9) << 30; sent += 1 << 28) {
		edits_forget(&edits, (uint32_t)sent);
		assert_int_equal(edits_forward(&edits, (uint32_t)sent), (uint32_t)sent + 2);
		assert_int_equal(edits_back(&edits, (uint32_t)sent + 2), (uint32_t)sent);
	}
}

static void test_no_room_no_change(void **state)
{
	static struct wire wire, before;
	static struct stream stream;
	struct edits edits = { 0 };
	struct packet packet;
	uint64_t random = 1;

	(void)state;
	send_plain(&stream, (const uint8_t *)"PORT 1,2\r\n", 10);
	assert_true(edits_add(&edits, 5, 3, (const uint8_t *)"10,20", 5, 0));
	build(&wire, &stream, 0, 10, &random);
	before = wire;
	assert_int_equal(packet_parse(&packet, wire.bytes, wire.length), REASON_NONE);
	assert_false(edits_apply(&edits, &packet, 1, false));
	assert_memory_equal(wire.bytes, before.bytes, wire.length);
	assert_true(edits_apply(&edits, &packet, 2, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_places_come_back_when_acknowledged),
		cmocka_unit_test(test_far_behind_stays_behind),
		cmocka_unit_test(test_no_room_no_change),
	};

	return cmocka_run_group_tests_name("edits", tests, NULL, NULL);
}
