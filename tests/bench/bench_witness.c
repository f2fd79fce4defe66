/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What counting for `diagnose` costs: packets through engine_process(), with the witness and
 * without it, a little of each in turn, so that what else the machine does falls on both. Prints
 * one JSON object a line: ns a packet of both, and how much more it is.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conntrack/checksum.h"
#include "conntrack/engine_private.h"
#include "sluice/diagnosis.h"
#include "tests/bench/gateway_text.h"
#include "tests/bench/stopwatch.h"
#include "tests/model/configuration_text.h"

#define ROUNDS 400
#define BATCH 256
#define FLOWS 4096
#define SOURCES 1000
#define LAN 2
#define WAN 3
#define TCP_HEADERS 40
#define UDP_HEADERS 28

static const char rules[] =
    GATEWAY_TEXT("capacity 262144; sessions-per-source 0; timeout udp unreplied 1s",
		 "		ip saddr 10.0.0.0/8 oifname \"wan\" snat ip to 198.51.100.7-198.51.100.250\n");

struct bench {
	struct engine *engine;
	struct configuration *configuration;
	struct mono now;
	uint32_t serial;
	struct tuple flows[2][FLOWS]; /* of established UDP sessions, by direction */
};

/* ------------------------------------------------------------------- a gateway */

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

/* One packet without payload through prerouting, if it comes from outside, and forward. */
static bool send_packet(struct bench *bench, const struct tuple *tuple, bool inward, uint8_t flags, uint32_t sequence,
			uint32_t acknowledgement)
{
	const bool tcp = tuple->protocol == PROTOCOL_TCP;
	const uint16_t length = tcp ? TCP_HEADERS : UDP_HEADERS;
	struct packet_meta meta = { .hook = inward ? HOOK_PREROUTING : HOOK_FORWARD,
				    .iif = inward ? WAN : LAN,
				    .oif = inward ? 0 : WAN,
				    .checksum_verified = true };
	struct engine_verdict verdict;
	uint8_t packet[TCP_HEADERS] = { 0x45 };

	put16(packet + 2, length);
	packet[6] = 0x40;
	packet[8] = 64;
	packet[9] = tuple->protocol;
	memcpy(packet + 12, tuple->source.address.bytes + 12, 4);
	memcpy(packet + 16, tuple->destination.address.bytes + 12, 4);
	put16(packet + 10, (uint16_t)~be16_to_host((struct be16){ checksum_fold(checksum_add(0, packet, 20)) }));
	memcpy(packet + 20, &tuple->source.port, 2);
	memcpy(packet + 22, &tuple->destination.port, 2);
	if (tcp) {
		put32(packet + 24, sequence);
		put32(packet + 28, acknowledgement);
		packet[32] = 0x50;
		packet[33] = flags;
		put16(packet + 34, 0xffff);
	} else {
		put16(packet + 24, 8);
	}
	verdict = engine_process(bench->engine, &meta, packet, length, bench->now);
	if (verdict.verdict == VERDICT_ACCEPT && inward && !verdict.settled) {
		meta.hook = HOOK_FORWARD;
		meta.oif = LAN;
		verdict = engine_process(bench->engine, &meta, packet, length, bench->now);
	}
	return verdict.verdict == VERDICT_ACCEPT;
}

static struct tuple fresh_tuple(struct bench *bench, uint8_t protocol)
{
	uint32_t serial = bench->serial++;
	uint8_t source[4] = { 10, 1, (uint8_t)(serial % SOURCES >> 8), (uint8_t)(serial % SOURCES) };
	uint8_t destination[4] = { 203, 0, 113, (uint8_t)(serial % 200) };

	return (struct tuple){
		.source = { address_from_ipv4(source), be16_from_host((uint16_t)(1024 + serial / SOURCES % 60000)) },
		.destination = { address_from_ipv4(destination), be16_from_host(443) },
		.protocol = protocol,
	};
}

/* What the latest session's answers carry. */
static struct tuple latest_reply(struct bench *bench)
{
	struct tuple reply = { .protocol = 0 };
	struct effect effect;

	while (engine_next_effect(bench->engine, &effect))
		if (effect.kind == EFFECT_SESSION_EVENT && effect.session.event == SESSION_NEW)
			reply = effect.session.reply;
	return reply;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench_witness: %s\n", what);
	exit(1);
}

static void raise(struct bench *bench, bool with)
{
	static const struct engine_secrets secrets = { { 1, 2 }, { 3, 4, 5, 6 } };
	struct link links[] = { link_with_address(LAN, "lan", "10.0.0.1", 8),
				link_with_address(WAN, "wan", "198.0.0.1", 8) };
	struct link_table table = { 2, links };
	struct diagnostics diagnostics = { 0 };

	bench->now.ns = 1000 * NS_PER_S;
	bench->configuration = configuration_from_text("bench", rules, &diagnostics);
	diagnostics_fini(&diagnostics);
	if (!bench->configuration)
		fail("rules");
	bench->engine = engine_create(&bench->configuration->settings, &secrets, bench->now);
	if (!bench->engine || engine_apply(bench->engine, bench->configuration, bench->now) ||
	    engine_set_links(bench->engine, &table, bench->now))
		fail("engine");
	if (!with) {
		witness_destroy(bench->engine->witness);
		bench->engine->witness = NULL;
	}
	for (uint32_t i = 0; i < FLOWS; i++) {
		bench->flows[0][i] = fresh_tuple(bench, PROTOCOL_UDP);
		if (!send_packet(bench, &bench->flows[0][i], false, 0, 0, 0))
			fail("a session");
		bench->flows[1][i] = latest_reply(bench);
		if (!send_packet(bench, &bench->flows[1][i], true, 0, 0, 0) ||
		    !send_packet(bench, &bench->flows[0][i], false, 0, 0, 0))
			fail("a reply");
	}
}

/* ------------------------------------------------------------------- workloads */

/* Time goes on between two batches, as in the daemon. */
static void pass(struct bench *bench, uint64_t ms)
{
	bench->now.ns += ms * NS_PER_MS;
	while (engine_tick(bench->engine, bench->now, 4096))
		;
	(void)latest_reply(bench);
}

/* Packets of established sessions, there and back. */
static uint64_t run_established(struct bench *bench)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		uint32_t flow = bench->serial++ * 2654435761u % FLOWS;

		if (!send_packet(bench, &bench->flows[0][flow], false, 0, 0, 0) ||
		    !send_packet(bench, &bench->flows[1][flow], true, 0, 0, 0))
			fail("an established packet");
	}
	return 2 * BATCH;
}

/* First packets that nobody answers; the sessions end by their timeout in the ticks, which count. */
static uint64_t run_unanswered(struct bench *bench)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		struct tuple tuple = fresh_tuple(bench, PROTOCOL_UDP);

		if (!send_packet(bench, &tuple, false, 0, 0, 0))
			fail("a first packet");
		(void)latest_reply(bench);
	}
	pass(bench, 20);
	return BATCH;
}

/* Whole short connections: handshake, a question, an answer, FINs: ten packets. */
static uint64_t run_connections(struct bench *bench)
{
	for (uint32_t i = 0; i < BATCH / 8; i++) {
		struct tuple there = fresh_tuple(bench, PROTOCOL_TCP), back;
		bool good = send_packet(bench, &there, false, TCP_SYN, 1000, 0);

		back = latest_reply(bench);
		good = good && send_packet(bench, &back, true, TCP_SYN | TCP_ACK, 5000, 1001) &&
		       send_packet(bench, &there, false, TCP_ACK, 1001, 5001) &&
		       send_packet(bench, &there, false, TCP_PSH | TCP_ACK, 1001, 5001) &&
		       send_packet(bench, &back, true, TCP_ACK, 5001, 1001) &&
		       send_packet(bench, &back, true, TCP_PSH | TCP_ACK, 5001, 1001) &&
		       send_packet(bench, &there, false, TCP_ACK, 1001, 5001) &&
		       send_packet(bench, &there, false, TCP_FIN | TCP_ACK, 1001, 5001) &&
		       send_packet(bench, &back, true, TCP_FIN | TCP_ACK, 5001, 1002) &&
		       send_packet(bench, &there, false, TCP_ACK, 1002, 5002);
		if (!good)
			fail("a connection");
		(void)latest_reply(bench);
	}
	pass(bench, 20);
	return BATCH / 8 * 10;
}

static void measure(const char *what, struct bench benches[2], uint64_t (*run)(struct bench *bench))
{
	static double costs[2][ROUNDS], ratios[ROUNDS];

	for (int round = -ROUNDS / 8; round < ROUNDS; round++) {
		double cost[2];

		for (int turn = 0; turn < 2; turn++) {
			/* Neither is always the one that comes first. */
			int which = (turn + round) & 1;
			uint64_t begin = clock_ns(), packets = run(&benches[which]);

			cost[which] = (double)(clock_ns() - begin) / (double)packets;
		}
		if (round < 0)
			continue;
		costs[0][round] = cost[0];
		costs[1][round] = cost[1];
		ratios[round] = cost[1] / cost[0];
	}
	printf("{\"what\":\"%s\",\"without_ns\":%.1f,\"with_ns\":%.1f,\"more\":%.3f}\n", what, median(costs[0], ROUNDS),
	       median(costs[1], ROUNDS), median(ratios, ROUNDS) - 1);
}

/* One question about everything, with the tables as full as the workloads have left them. */
static void measure_question(struct bench *bench)
{
	static struct finding findings[FINDING_LIMIT];
	static double costs[ROUNDS];
	size_t found = 0;
	double middle;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = clock_ns();

		found = engine_diagnose(bench->engine, NULL, bench->now, findings, FINDING_LIMIT);
		costs[round] = (double)(clock_ns() - begin) / 1e6;
	}
	middle = median(costs, ROUNDS);
	fprintf(stderr, "diagnose: %.2f ms, %.2f at most, %zu findings\n", middle, costs[ROUNDS - 1], found);
}

int main(void)
{
	static struct bench benches[2];

	raise(&benches[0], false);
	raise(&benches[1], true);
	measure("established packet", benches, run_established);
	measure("packet of a short connection", benches, run_connections);
	measure("first packet, never answered", benches, run_unanswered);
	measure_question(&benches[1]);
	for (int i = 0; i < 2; i++) {
		engine_destroy(benches[i].engine);
		configuration_destroy(benches[i].configuration);
	}
	return 0;
}
