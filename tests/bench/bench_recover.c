/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long it takes until sessions of an earlier process go on: a table is filled with
 * SYNs through engine_process(), with rules and ports, and another engine takes over its memory.
 * Prints one JSON object, in ms of the processor. The memory is the process's own; a mapped file adds its page faults.
 * Of several rounds the quickest counts: what else runs on the machine only makes it slower.
 *
 *	bench_recover [SESSIONS [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>

#include "conntrack/checksum.h"
#include "sluice/snapshot.h"
#include "sluice/storage.h"
#include "tests/bench/gateway_text.h"
#include "tests/bench/stopwatch.h"
#include "tests/model/configuration_text.h"

#define SESSIONS 1000000u
#define ROUNDS 3u
#define CAPACITY 1048576u
#define PORTS 100u	    /* of each source */
#define DESTINATIONS 50000u /* of 203.0.0.0/16 */
#define LAN 2
#define WAN 3

static const char rules[] = GATEWAY_TEXT("capacity 1048576; sessions-per-source 0",
					 "		oifname \"wan\" snat ip to 198.51.100.20-198.51.100.60\n");

static struct engine *raise_engine(struct configuration *configuration, void *memory, struct mono now)
{
	static const struct engine_secrets secrets = { { 1, 2 }, { 3, 4, 5, 6 } };
	struct link links[] = { link_with_address(LAN, "lan", "10.0.0.1", 8),
				link_with_address(WAN, "wan", "198.0.0.1", 8) };
	struct link_table table = { 2, links };
	struct engine *engine = engine_create_in(&configuration->settings, &secrets, now, memory);

	if (!engine || engine_apply(engine, configuration, now) || engine_set_links(engine, &table, now))
		exit(1);
	return engine;
}

static void open_session(struct engine *engine, uint32_t serial, struct mono now)
{
	static const struct packet_meta meta = {
		.hook = HOOK_FORWARD, .iif = LAN, .oif = WAN, .checksum_verified = true
	};
	uint8_t packet[40] = { 0x45, 0, 0, 40, 0, 0,	0x40, 0, 64, 6, 0, 0, 10, 0, 0,	   0, 203,  0,
			       0,    0, 0, 0,  1, 0xbb, 0,    0, 0,  9, 0, 0, 0,  0, 0x50, 2, 0xff, 0xff };
	uint32_t destination = (uint32_t)((uint64_t)serial * 2654435761u % DESTINATIONS);
	struct effect effect;
	uint16_t sum, port = (uint16_t)(1024 + serial % PORTS);

	packet[14] = (uint8_t)(1 + serial / PORTS / 250);
	packet[15] = (uint8_t)(1 + serial / PORTS % 250);
	packet[18] = (uint8_t)(destination >> 8);
	packet[19] = (uint8_t)destination;
	packet[20] = (uint8_t)(port >> 8);
	packet[21] = (uint8_t)port;
	sum = (uint16_t)~checksum_fold(checksum_add(0, packet, 20));
	memcpy(packet + 10, &sum, 2);
	if (engine_process(engine, &meta, packet, sizeof(packet), now).reason != REASON_NONE)
		exit(1);
	while (engine_next_effect(engine, &effect))
		;
}

/* Another engine in the same memory: ms of its recovery; -1: sessions were lost. */
static double recover(struct configuration *configuration, void *memory, struct mono now, uint32_t sessions)
{
	struct engine *engine = raise_engine(configuration, memory, now);
	struct engine_recovery recovery;
	uint64_t begin = thread_ns();
	double took;

	if (engine_recover(engine, now, &recovery) != 0)
		exit(1);
	took = (double)(thread_ns() - begin) / 1e6;
	engine_destroy(engine);
	return recovery.lost || recovery.recovered != sessions ? -1 : took;
}

int main(int argc, char **argv)
{
	uint32_t sessions = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : SESSIONS;
	uint32_t rounds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : ROUNDS;
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration = configuration_from_text("bench", rules, &diagnostics);
	void *memory = calloc(1, storage_size(CAPACITY));
	struct mono now = { 1000 * NS_PER_S };
	struct engine_recovery recovery;
	struct engine *engine;
	double best = -1;
	uint64_t opening;

	diagnostics_fini(&diagnostics);
	if (!configuration || !memory)
		return EXIT_FAILURE;
	engine = raise_engine(configuration, memory, now);
	if (engine_recover(engine, now, &recovery) != 0)
		return EXIT_FAILURE;
	opening = thread_ns();
	for (uint32_t i = 0; i < sessions; i++) {
		now.ns += NS_PER_MS;
		open_session(engine, i, now);
	}
	/* Sent again in another order: the slots' is not that of their last use. */
	for (uint64_t i = 0; i < sessions; i++) {
		now.ns += NS_PER_MS / 10;
		open_session(engine, (uint32_t)(i * 2654435761u % sessions), now);
	}
	opening = thread_ns() - opening;
	engine_destroy(engine);
	for (uint32_t i = 0; i < rounds; i++) {
		double took = recover(configuration, memory, now, sessions);

		if (took < 0)
			return EXIT_FAILURE;
		best = best < 0 || took < best ? took : best;
	}
	printf("{\"sessions\":%u,\"open_ms\":%.1f,\"recover_ms\":%.1f}\n", sessions, (double)opening / 1e6, best);
	configuration_destroy(configuration);
	free(memory);
	return EXIT_SUCCESS;
}
