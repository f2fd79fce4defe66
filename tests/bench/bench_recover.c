/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long it takes until sessions of an earlier process go on: a table is filled with
 * SYNs through engine_process(), with rules and ports, and another engine takes over its memory.
 * Prints one JSON object, in ms of the processor. The memory is the process's own; a mapped file adds its page faults.
 *
 *	bench_recover [SESSIONS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "conntrack/checksum.h"
#include "sluice/snapshot.h"
#include "sluice/storage.h"

#define SESSIONS 1000000u
#define CAPACITY 1048576u
#define PORTS 30000u /* of each source */
#define LAN 2
#define WAN 3

static const char rules[] = "gateway { capacity 1048576; sessions-per-source 0 }\n"
			    "table inet gateway {\n"
			    "	chain forward {\n"
			    "		type filter hook forward priority filter; policy drop;\n"
			    "		ct state vmap { established : accept, related : accept, invalid : drop }\n"
			    "		iifname \"lan\" oifname \"wan\" accept\n"
			    "	}\n"
			    "	chain postrouting {\n"
			    "		type nat hook postrouting priority srcnat;\n"
			    "		oifname \"wan\" snat ip to 198.51.100.20-198.51.100.60\n"
			    "	}\n"
			    "}\n";

static uint64_t used_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static char *give_text(void *context, const char *path, size_t *length)
{
	(void)path;
	*length = strlen(context);
	return strdup(context);
}

static int expand_nothing(void *context, const char *pattern, void (*each)(void *, const char *), void *each_context)
{
	(void)context;
	(void)pattern;
	(void)each;
	(void)each_context;
	return 0;
}

static struct link link_of(uint32_t index, const char *name, uint8_t first, uint8_t last)
{
	struct link link = { .index = index, .mtu = 1500, .up = true, .address_count = 1 };
	uint8_t address[4] = { first, 0, 0, last };

	snprintf(link.name, sizeof(link.name), "%s", name);
	link.addresses[0] = (struct link_address){
		.address = address_from_ipv4(address),
		.prefix_length = 8,
		.global = true,
		.usable = true,
	};
	return link;
}

static struct engine *raise_engine(struct configuration *configuration, void *memory, struct mono now)
{
	static const struct engine_secrets secrets = { { 1, 2 }, { 3, 4, 5, 6 } };
	struct link links[] = { link_of(LAN, "lan", 10, 1), link_of(WAN, "wan", 198, 1) };
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
	uint8_t packet[40] = { 0x45, 0,	  0, 40, 0, 0,	  0x40, 0, 64, 6, 0, 0, 10, 0, 0,    0, 198,  51,
			       100,  200, 0, 0,	 1, 0xbb, 0,	0, 0,  9, 0, 0, 0,  0, 0x50, 2, 0xff, 0xff };
	struct effect effect;
	uint16_t sum, port = (uint16_t)(1024 + serial % PORTS);

	packet[14] = (uint8_t)(serial / PORTS >> 8);
	packet[15] = (uint8_t)(1 + serial / PORTS);
	packet[20] = (uint8_t)(port >> 8);
	packet[21] = (uint8_t)port;
	sum = (uint16_t)~checksum_fold(checksum_add(0, packet, 20));
	memcpy(packet + 10, &sum, 2);
	if (engine_process(engine, &meta, packet, sizeof(packet), now).reason != REASON_NONE)
		exit(1);
	while (engine_next_effect(engine, &effect))
		;
}

int main(int argc, char **argv)
{
	uint32_t sessions = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : SESSIONS;
	const struct loader loader = { (void *)(uintptr_t)rules, give_text, expand_nothing };
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration = configuration_load(&loader, "bench", &diagnostics);
	void *memory = calloc(1, storage_size(CAPACITY));
	struct mono now = { 1000 * NS_PER_S };
	struct engine_recovery recovery;
	struct engine *engine;
	uint64_t begin, created, opening;

	diagnostics_fini(&diagnostics);
	if (!configuration || !memory)
		return EXIT_FAILURE;
	engine = raise_engine(configuration, memory, now);
	if (engine_recover(engine, now, &recovery) != 0)
		return EXIT_FAILURE;
	opening = used_ns();
	for (uint32_t i = 0; i < sessions; i++) {
		now.ns += NS_PER_MS;
		open_session(engine, i, now);
	}
	opening = used_ns() - opening;
	engine_destroy(engine);
	begin = used_ns();
	engine = raise_engine(configuration, memory, now);
	created = used_ns();
	if (engine_recover(engine, now, &recovery) != 0)
		return EXIT_FAILURE;
	printf("{\"sessions\":%u,\"lost\":%u,\"open_ms\":%.1f,\"create_ms\":%.1f,\"recover_ms\":%.1f}\n",
	       recovery.recovered, recovery.lost, (double)opening / 1e6, (double)(created - begin) / 1e6,
	       (double)(used_ns() - created) / 1e6);
	engine_destroy(engine);
	configuration_destroy(configuration);
	free(memory);
	return recovery.lost || recovery.recovered != sessions ? EXIT_FAILURE : EXIT_SUCCESS;
}
