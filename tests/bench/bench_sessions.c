/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a whole new session costs by fill, a SYN through engine_process() with rules, session,
 * mapping and port: ns each, sessions being ended at random in between so that the fill stays.
 * Then a refused one. The table has as many sessions at every fill: those that hold no port of
 * the pool measured are of another address, so that only the ports differ. Prints one JSON
 * object a line.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conntrack/checksum.h"
#include "sluice/engine.h"
#include "sluice/snapshot.h"
#include "tests/bench/gateway_text.h"
#include "tests/bench/stopwatch.h"
#include "tests/model/configuration_text.h"

#define SPAN 64512
#define BATCH 32
#define RUNS 4000
#define EACH 250 /* of one fill, before the next one's turn */
#define FILLS 5
#define SOURCES 250
#define LAN 2
#define WAN 3

static const char rules[] =
    GATEWAY_TEXT("capacity 131072; sessions-per-source 0; port-overloading %s; pooling paired",
		 "		ip saddr 10.1.0.0/16 oifname \"wan\" snat ip to 198.51.100.8\n"
		 "		ip saddr 10.0.0.0/16 oifname \"wan\" snat ip to 198.51.100.7\n");

/* ------------------------------------------------------------------- a gateway */

/* Sessions by which of the two addresses they have. */
struct load {
	struct engine *engine;
	struct configuration *configuration;
	struct mono now;
	uint32_t serial;
	struct session_handle *sessions[2];
	uint32_t count[2];
	uint8_t syn[40];
};

static void raise_gateway(struct load *load, bool overloading)
{
	static const struct engine_secrets secrets = { { 1, 2 }, { 3, 4, 5, 6 } };
	static const uint8_t syn[40] = { 0x45, 0,   0, 40, 0, 0,    0x40, 0, 64, 6, 0, 0, 10, 0, 0,    0, 198,	51,
					 100,  200, 0, 0,  1, 0xbb, 0,	  0, 0,	 9, 0, 0, 0,  0, 0x50, 2, 0xff, 0xff };
	struct link links[] = { link_with_address(LAN, "lan", "10.0.0.1", 8),
				link_with_address(WAN, "wan", "198.0.0.1", 8) };
	struct link_table table = { 2, links };
	struct diagnostics diagnostics = { 0 };
	char text[sizeof(rules) + 8];

	snprintf(text, sizeof(text), rules, overloading ? "yes" : "no");
	*load = (struct load){ .now = { 1000 * NS_PER_S } };
	memcpy(load->syn, syn, sizeof(syn));
	load->configuration = configuration_from_text("bench", text, &diagnostics);
	diagnostics_fini(&diagnostics);
	if (!load->configuration)
		exit(1);
	load->engine = engine_create(&load->configuration->settings, &secrets, load->now);
	for (int i = 0; i < 2; i++)
		load->sessions[i] = malloc(2 * SPAN * sizeof(*load->sessions[i]));
	if (!load->engine || engine_apply(load->engine, load->configuration, load->now) ||
	    engine_set_links(load->engine, &table, load->now) || !load->sessions[0] || !load->sessions[1])
		exit(1);
}

static void end_gateway(struct load *load)
{
	engine_destroy(load->engine);
	configuration_destroy(load->configuration);
	free(load->sessions[0]);
	free(load->sessions[1]);
}

/* A SYN of a source that never had this port before. @side: which address it will get. */
static enum reason open_session(struct load *load, int side)
{
	static const struct packet_meta meta = {
		.hook = HOOK_FORWARD, .iif = LAN, .oif = WAN, .checksum_verified = true
	};
	uint32_t serial = load->serial++;
	uint8_t packet[40];
	uint16_t sum;

	memcpy(packet, load->syn, sizeof(packet));
	packet[13] = (uint8_t)side;
	packet[14] = (uint8_t)(serial / 64512 % 200);
	packet[15] = (uint8_t)(1 + serial % SOURCES);
	packet[20] = (uint8_t)((1024 + serial / SOURCES % 64512) >> 8);
	packet[21] = (uint8_t)(1024 + serial / SOURCES % 64512);
	sum = (uint16_t)~checksum_fold(checksum_add(0, packet, 20));
	memcpy(packet + 10, &sum, 2);
	return engine_process(load->engine, &meta, packet, sizeof(packet), load->now).reason;
}

/* Takes note of the sessions that came to be. */
static uint32_t collect(struct load *load)
{
	struct effect effect;
	uint32_t made = 0;

	while (engine_next_effect(load->engine, &effect)) {
		int side;

		if (effect.kind != EFFECT_SESSION_EVENT || effect.session.event != SESSION_NEW)
			continue;
		side = effect.session.original.source.address.bytes[13];
		load->sessions[side][load->count[side]++] = effect.session.handle;
		made++;
	}
	return made;
}

static void fill_up(struct load *load, int side, uint32_t wanted)
{
	while (load->count[side] < wanted) {
		if (open_session(load, side) != REASON_NONE)
			exit(1);
		(void)collect(load);
	}
}

static void end_some(struct load *load, int side, uint32_t count)
{
	while (count--) {
		uint32_t at = (uint32_t)(draw() >> 32) % load->count[side];

		if (!engine_delete_session(load->engine, load->sessions[side][at], load->now))
			exit(1);
		load->sessions[side][at] = load->sessions[side][--load->count[side]];
		(void)collect(load);
	}
}

/* ------------------------------------------------------------------- measuring */

/* @count runs of a batch; at 100 % fill the batch takes the last ports there are. */
static void run_batches(struct load *load, enum reason expected, double *runs, size_t count)
{
	for (size_t run = 0; run < count; run++) {
		uint64_t begin;

		if (expected == REASON_NONE)
			end_some(load, 0, BATCH);
		begin = clock_ns();
		for (uint32_t i = 0; i < BATCH; i++)
			if (open_session(load, 0) != expected)
				exit(1);
		runs[run] = (double)(clock_ns() - begin) / BATCH;
		if (collect(load) != (expected == REASON_NONE ? BATCH : 0))
			exit(1);
	}
}

/*
 * All fills in turn, a little of each, again and again: what else the machine does falls on
 * all of them alike.
 */
static void measure(bool overloading)
{
	static const double fills[] = { 0.5, 0.9, 0.99, 0.999, 1.0 };
	static double runs[FILLS + 1][RUNS];
	static struct load loads[FILLS];
	const enum reason refused = overloading ? REASON_DESTINATION_EXHAUSTED : REASON_POOL_EXHAUSTED;
	const char *name = overloading ? "session, overloading allowed" : "session";

	for (size_t f = 0; f < FILLS; f++) {
		uint32_t used = (uint32_t)(fills[f] * SPAN);

		raise_gateway(&loads[f], overloading);
		fill_up(&loads[f], 0, used);
		fill_up(&loads[f], 1, SPAN + SPAN / 2 - used);
	}
	/* The first round warms up. */
	for (size_t at = 0; at < RUNS + EACH; at += EACH) {
		size_t place = at < RUNS ? at : 0;

		for (size_t f = 0; f < FILLS; f++)
			run_batches(&loads[f], REASON_NONE, &runs[f][place], EACH);
		run_batches(&loads[FILLS - 1], refused, &runs[FILLS][place], EACH);
	}
	for (size_t f = 0; f < FILLS; f++) {
		printf("{\"what\":\"%s\",\"fill\":%g,\"ns\":%.1f}\n", name, fills[f], median(runs[f], RUNS));
		end_gateway(&loads[f]);
	}
	printf("{\"what\":\"%s refused\",\"fill\":1,\"ns\":%.1f}\n", name, median(runs[FILLS], RUNS));
}

int main(void)
{
	measure(false);
	measure(true);
	return 0;
}
