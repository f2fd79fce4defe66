/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a session costs, by how many there are: opening it, a packet of it among all the
 * others, a lookup, and the end of all at once. The pure engine with real rules, on one core; packets
 * come in previewed batches, as the daemon takes them.
 *
 *	bench_table [CAPACITY [SIZE...]]
 *
 * Prints one JSON object a line: ns of the processor a packet without what making the packet costs, bytes
 * the process has, and for the end the longest single turn with the daemon's budget.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "conntrack/engine_private.h"
#include "tests/bench/stopwatch.h"
#include "tests/model/configuration_text.h"

#define PACKETS 2000000u
#define PACE_NS 1000u	 /* simulated time between two packets: a million a second */
#define TICK_BUDGET 512u /* as often as the daemon ends sessions before it serves packets */
#define HOSTS_LOG 10

enum shape { SHAPE_PLAIN, SHAPE_NAT, SHAPE_NAT6, SHAPE_COUNT };

static const char *const shape_names[] = { "plain", "nat", "nat6" };

static const char *const rules = "gateway {\n"
				 "capacity %u\n"
				 "sessions-per-source 0\n"
				 "}\n"
				 "table inet t {\n"
				 "chain forward { type filter hook forward priority 0; policy drop;\n"
				 "ct state established,related accept; iifname lan accept; }\n"
				 "chain post { type nat hook postrouting priority 100;\n"
				 "%s }\n"
				 "}\n";

static const char *const translations[] = {
	[SHAPE_PLAIN] = "",
	[SHAPE_NAT] = "oifname wan snat ip to 203.0.113.1-203.0.113.80",
	[SHAPE_NAT6] = "oifname wan snat ip6 to 2001:db8:f::1-2001:db8:f::50",
};

struct bench {
	struct engine *engine;
	struct configuration *configuration;
	struct mono now;
	enum shape shape;
	uint32_t size;
	struct be16 *external_port; /* of each session: where its answers go */
	uint8_t *external_host;
};

static uint32_t draw_below(uint32_t limit)
{
	return (uint32_t)((draw() >> 32) * limit >> 32);
}

static uint64_t resident_bytes(void)
{
	unsigned long pages = 0, ignored;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file && fscanf(file, "%lu %lu", &ignored, &pages) != 2)
		pages = 0;
	if (file)
		fclose(file);
	return pages * UINT64_C(4096);
}

/* ------------------------------------------------------------------- packets */

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static void sum_header(uint8_t *header)
{
	uint32_t sum = 0;

	put16(header + 10, 0);
	for (unsigned int i = 0; i < 20; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(header + 10, ~sum);
}

/* A datagram of session @i, outward or back. Returns its length. */
static size_t build(const struct bench *bench, uint32_t i, bool back, uint8_t *bytes)
{
	uint32_t host = i & ((1u << HOSTS_LOG) - 1), port = 1024 + (i >> HOSTS_LOG);
	bool six = bench->shape == SHAPE_NAT6;
	size_t header = six ? 40 : 20;
	uint8_t *in = bytes + (six ? 8 : 12), *out = in + (six ? 16 : 4), *swap = in;

	memset(bytes, 0, header + 8);
	bytes[0] = six ? 0x60 : 0x45;
	if (back) {
		in = out;
		out = swap;
	}
	if (six) {
		bytes[5] = 8;
		bytes[6] = PROTOCOL_UDP;
		bytes[7] = 64;
		put32(in, 0xfd000000 + host);
		put32(out, 0x20010db8);
		put32(out + 12, i & 0xffff);
	} else {
		put16(bytes + 2, 28);
		bytes[8] = 64;
		bytes[9] = PROTOCOL_UDP;
		put32(in, 0x0a000000 + host);
		put32(out, 0xc6120000 + (i & 0xffff));
	}
	if (back && bench->shape != SHAPE_PLAIN) {
		if (six) {
			put32(in, 0x20010db8);
			put32(in + 4, 0x000f0000);
			put32(in + 12, bench->external_host[i]);
		} else {
			put32(in, 0xcb007100u + bench->external_host[i]);
		}
		port = be16_to_host(bench->external_port[i]);
	}
	if (!six)
		sum_header(bytes);
	put16(bytes + header + (back ? 2 : 0), port);
	put16(bytes + header + (back ? 0 : 2), 53);
	put16(bytes + header + 4, 8);
	return header + 8;
}

static void fail(const struct bench *bench, const char *what, enum reason reason)
{
	fprintf(stderr, "bench_table: %s, %u sessions: %s: reason %d\n", shape_names[bench->shape], bench->size, what,
		(int)reason);
	exit(1);
}

/* One packet of a batch that was previewed. */
static void send_packet(struct bench *bench, uint32_t i, bool back, const struct engine_preview *preview,
			uint8_t *bytes, const char *what)
{
	struct packet_meta meta = { .hook = HOOK_FORWARD, .iif = 2, .oif = 3, .checksum_verified = true };
	size_t header = bench->shape == SHAPE_NAT6 ? 40 : 20;
	struct engine_verdict verdict;

	meta.preview = preview;
	if (back) {
		meta.iif = 3;
		meta.oif = 2;
		/* Translated before routing; then nothing is left to ask. */
		if (bench->shape != SHAPE_PLAIN) {
			meta.hook = HOOK_PREROUTING;
			meta.oif = 0;
		}
	}
	verdict = engine_process(bench->engine, &meta, bytes, preview->length, bench->now);
	if (verdict.reason != REASON_NONE || !verdict.settled)
		fail(bench, what, verdict.reason);
	bench->now.ns += PACE_NS;
	if (!back && bench->external_host) {
		bench->external_host[i] = bytes[header == 40 ? 23 : 15];
		memcpy(&bench->external_port[i], bytes + header, 2);
	}
}

/* As the daemon takes them from the queue: the next @count packets of @sessions. */
static void send_batch(struct bench *bench, const uint32_t *sessions, unsigned int count, bool back, const char *what)
{
	bool early = back && bench->shape != SHAPE_PLAIN;
	struct engine_preview previews[ENGINE_PREVIEW];
	uint8_t packets[ENGINE_PREVIEW][64];

	for (unsigned int i = 0; i < count; i++)
		previews[i] = (struct engine_preview){
			.bytes = packets[i],
			.length = (uint32_t)build(bench, sessions[i], back, packets[i]),
			.hook = early ? HOOK_PREROUTING : HOOK_FORWARD,
		};
	engine_preview(bench->engine, previews, count);
	for (unsigned int i = 0; i < count; i++)
		send_packet(bench, sessions[i], back, &previews[i], packets[i], what);
}

static void forget_effects(struct bench *bench)
{
	struct effect effect;

	while (engine_next_effect(bench->engine, &effect))
		;
}

/* --------------------------------------------------------------- measurements */

static void send_each(struct bench *bench, bool back, const char *what)
{
	uint32_t sessions[ENGINE_PREVIEW];
	unsigned int count = 0;

	for (uint32_t i = 0; i < bench->size; i++) {
		sessions[count++] = i;
		if (count < ENGINE_PREVIEW && i + 1 < bench->size)
			continue;
		send_batch(bench, sessions, count, back, what);
		forget_effects(bench);
		count = 0;
	}
}

static double measure_open(struct bench *bench)
{
	uint64_t begin = thread_ns(), spent;

	send_each(bench, false, "open");
	spent = thread_ns() - begin;
	send_each(bench, true, "answer");
	return (double)spent / bench->size;
}

static double measure_packets(struct bench *bench, bool back)
{
	volatile uint8_t sink;
	uint8_t bytes[64];
	uint64_t begin, making, sending;

	begin = thread_ns();
	for (uint32_t n = 0; n < PACKETS / 4; n++) {
		build(bench, draw_below(bench->size), back, bytes);
		sink = bytes[20];
	}
	(void)sink;
	making = (thread_ns() - begin) * 4;
	begin = thread_ns();
	for (uint32_t n = 0; n < PACKETS; n += ENGINE_PREVIEW) {
		uint32_t sessions[ENGINE_PREVIEW];

		for (unsigned int i = 0; i < ENGINE_PREVIEW; i++)
			sessions[i] = draw_below(bench->size);
		send_batch(bench, sessions, ENGINE_PREVIEW, back, "packet");
	}
	sending = thread_ns() - begin;
	return ((double)sending - (double)making) / PACKETS;
}

/* The tuple is made from the session's number, so that nothing of the session is in the cache already. */
static double measure_lookup(struct bench *bench)
{
	struct tuple tuple = { .protocol = PROTOCOL_UDP, .destination.port = be16_from_host(53) };
	uint64_t begin;
	uint8_t bytes[64];
	enum direction direction;
	bool six = bench->shape == SHAPE_NAT6;

	begin = thread_ns();
	for (uint32_t n = 0; n < PACKETS; n++) {
		uint32_t i = draw_below(bench->size);

		build(bench, i, false, bytes);
		tuple.source.address = six ? address_from_ipv6(bytes + 8) : address_from_ipv4(bytes + 12);
		tuple.destination.address = six ? address_from_ipv6(bytes + 24) : address_from_ipv4(bytes + 16);
		memcpy(&tuple.source.port, bytes + (six ? 40 : 20), 2);
		if (table_lookup(&bench->engine->table, &tuple, &direction) == SESSION_NONE)
			fail(bench, "lookup", REASON_NONE);
	}
	return (double)(thread_ns() - begin) / PACKETS;
}

/* All are due at once: what each turn takes, and what all take. */
static void measure_end(struct bench *bench)
{
	uint64_t longest = 0, total = 0, begin, spent;
	unsigned int turns = 0;
	bool more;

	bench->now.ns += 3600 * NS_PER_S;
	do {
		begin = thread_ns();
		more = engine_tick(bench->engine, bench->now, TICK_BUDGET);
		spent = thread_ns() - begin;
		forget_effects(bench);
		longest = spent > longest ? spent : longest;
		total += spent;
		turns++;
	} while (more);
	printf("{\"bench\":\"end\",\"shape\":\"%s\",\"sessions\":%u,\"ns_each\":%.0f,\"turns\":%u,"
	       "\"longest_turn_us\":%.0f}\n",
	       shape_names[bench->shape], bench->size, (double)total / bench->size, turns, (double)longest / 1000);
}

/* ---------------------------------------------------------------- the engine */

static void begin(struct bench *bench, uint32_t capacity)
{
	static const struct engine_secrets secrets = { { 11, 12 }, { 13, 14, 15, 16 } };
	struct link links[] = { { .index = 2, .name = "lan", .mtu = 1500, .type = 1, .up = true },
				{ .index = 3, .name = "wan", .mtu = 1500, .type = 1, .up = true } };
	const struct link_table table = { 2, links };
	struct diagnostics diagnostics = { 0 };
	char text[1024];

	snprintf(text, sizeof(text), rules, capacity, translations[bench->shape]);
	bench->configuration = configuration_from_text("bench", text, &diagnostics);
	if (!bench->configuration) {
		if (diagnostics.count)
			diagnostic_format(&diagnostics.list[0], text, sizeof(text));
		fprintf(stderr, "bench_table: %s\n", text);
		exit(1);
	}
	diagnostics_fini(&diagnostics);
	bench->now.ns = 1000 * NS_PER_S;
	bench->engine = engine_create(&bench->configuration->settings, &secrets, bench->now);
	bench->external_port = calloc(bench->size, sizeof(*bench->external_port));
	bench->external_host = calloc(bench->size, sizeof(*bench->external_host));
	if (!bench->engine || !bench->external_port || !bench->external_host ||
	    engine_apply(bench->engine, bench->configuration, bench->now) < 0 ||
	    engine_set_links(bench->engine, &table, bench->now) < 0)
		fail(bench, "start", REASON_NONE);
}

static void measure(enum shape shape, uint32_t capacity, uint32_t size)
{
	struct bench bench = { .shape = shape, .size = size };
	struct snapshot_status status;
	uint64_t before = resident_bytes(), held;
	double open, outward, back, lookup;

	begin(&bench, capacity);
	open = measure_open(&bench);
	held = resident_bytes() - before;
	outward = measure_packets(&bench, false);
	back = measure_packets(&bench, true);
	lookup = measure_lookup(&bench);
	snapshot_status(bench.engine, &status);
	printf("{\"bench\":\"sessions\",\"shape\":\"%s\",\"sessions\":%u,\"open_ns\":%.0f,\"opened_per_s\":%.0f,"
	       "\"packet_ns\":%.0f,\"answer_ns\":%.0f,\"lookup_ns\":%.0f,\"resident_bytes\":%llu,\"bytes_each\":%u}\n",
	       shape_names[shape], size, open, 1e9 / open, outward, back, lookup, (unsigned long long)held,
	       status.sessions.bytes_each);
	measure_end(&bench);
	fflush(stdout);
	engine_destroy(bench.engine);
	configuration_destroy(bench.configuration);
	free(bench.external_port);
	free(bench.external_host);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 1000, 10000, 100000, 1000000 };
	uint32_t capacity = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1u << 20;

	for (enum shape shape = SHAPE_PLAIN; shape < SHAPE_COUNT; shape++) {
		if (argc > 2)
			for (int i = 2; i < argc; i++)
				measure(shape, capacity, (uint32_t)strtoul(argv[i], NULL, 10));
		else
			for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
				measure(shape, capacity, sizes[i]);
	}
	return 0;
}
