/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a port costs, by fill: ns a take, the range being topped up again after each
 * so that the fill stays, and ns a refusal. Then the same for a whole mapping.
 * Prints one JSON object a line.
 */
#include <stdio.h>
#include <stdlib.h>

#include "conntrack/mapping.h"
#include "tests/bench/stopwatch.h"

#define FIRST 1024
#define LAST 65535
#define SPAN (LAST - FIRST + 1)
#define ROUNDS 400000
#define BATCH 32

/* What reading the clock itself adds to a run. */
static double clock_cost(void)
{
	uint64_t begin = clock_ns();

	for (int i = 0; i < 100000; i++)
		(void)clock_ns();
	return (double)(clock_ns() - begin) / 100000;
}

/* Fill up to @used, without a bias. */
static void fill(struct ports *ports, uint32_t used)
{
	struct ports_wish wish = { .first = FIRST, .last = LAST };

	ports_init(ports);
	while (ports->used < used) {
		wish.random = (uint32_t)(draw() >> 32);
		(void)ports_take(ports, &wish);
	}
}

static double cost_of_take(struct ports *ports, uint32_t batch, bool udp)
{
	static double runs[ROUNDS / BATCH];
	struct ports_wish wish = { .first = FIRST, .last = LAST, .parity = udp, .well_known = true };
	double overhead = clock_cost();
	size_t count = 0;

	for (; count < ROUNDS / BATCH; count++) {
		int32_t taken[BATCH];
		uint64_t begin;

		/* Give back random ones outside the measured time. */
		for (uint32_t i = 0; i < batch;) {
			uint16_t port = (uint16_t)(FIRST + draw() % SPAN);

			if (ports_is_used(ports, port)) {
				ports_release(ports, port);
				i++;
			}
		}
		begin = clock_ns();
		for (uint32_t i = 0; i < batch; i++) {
			uint64_t random = draw();

			wish.random = (uint32_t)(random >> 32);
			wish.port = (uint16_t)random;
			taken[i] = ports_take(ports, &wish);
		}
		runs[count] = ((double)(clock_ns() - begin) - overhead) / batch;
		if (taken[batch - 1] == PORT_NONE)
			exit(1);
	}
	return median(runs, count);
}

static double cost_of_refusal(struct ports *ports)
{
	static double runs[ROUNDS / BATCH];
	struct ports_wish wish = { .first = FIRST, .last = LAST, .well_known = true };
	size_t count = 0;

	for (; count < ROUNDS / BATCH; count++) {
		uint64_t begin = clock_ns();

		for (uint32_t i = 0; i < BATCH; i++) {
			uint64_t random = draw();

			wish.random = (uint32_t)(random >> 32);
			wish.port = (uint16_t)random;
			if (ports_take(ports, &wish) != PORT_NONE)
				exit(1);
		}
		runs[count] = (double)(clock_ns() - begin) / BATCH;
	}
	return median(runs, count);
}

/* ---------------------------------------------------------------------- mappings */

static struct endpoint endpoint(uint32_t address, uint16_t port)
{
	uint8_t wire[4] = { (uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8),
			    (uint8_t)address };

	return (struct endpoint){ .address = address_from_ipv4(wire), .port = be16_from_host(port) };
}

static struct mapping_request request_of(uint32_t host, uint16_t port, uint32_t addresses)
{
	return (struct mapping_request){
		.protocol = PROTOCOL_TCP,
		.internal = endpoint(0x0a000000 + host, port),
		.peer = endpoint(0xc6336401, 443),
		.address_first = endpoint(0xcb007100, 0).address,
		.address_last = endpoint(0xcb007100 + addresses - 1, 0).address,
		.port_first = FIRST,
		.port_last = LAST,
		.random = draw(),
	};
}

struct load {
	struct mappings *mappings;
	uint32_t addresses, count, serial;
	uint32_t *taken;
};

static uint32_t acquire(struct load *load)
{
	struct mapping_request request;
	enum reason reason;

	load->serial++;
	request = request_of(load->serial % 250, (uint16_t)(1024 + load->serial / 250 % 64512), load->addresses);
	return mapping_acquire(load->mappings, &request, &reason);
}

static void give_back(struct load *load, uint32_t count)
{
	struct endpoint peer = endpoint(0xc6336401, 443);

	while (count--) {
		uint32_t at = (uint32_t)(draw() >> 32) % load->count;

		mapping_cancel(load->mappings, load->taken[at], &peer);
		load->taken[at] = load->taken[--load->count];
	}
}

static void measure_mappings(uint32_t addresses)
{
	static const double fills[] = { 0.5, 0.9, 0.99, 0.999, 1.0 };
	static double runs[2000];
	uint64_t key[2] = { draw(), draw() };
	uint32_t capacity = addresses * SPAN;
	struct mappings_limits limits = { .capacity = capacity + 1000 };
	struct load load = { .addresses = addresses };

	load.mappings = mappings_create(&limits, key, 0);
	load.taken = malloc((capacity + 1) * sizeof(*load.taken));
	if (!load.mappings || !load.taken)
		exit(1);
	for (size_t f = 0; f < sizeof(fills) / sizeof(*fills); f++) {
		uint32_t wanted = (uint32_t)(fills[f] * capacity);

		while (load.count < wanted) {
			uint32_t index = acquire(&load);

			if (index == MAPPING_NONE)
				exit(1);
			load.taken[load.count++] = index;
		}
		for (size_t run = 0; run < 2000; run++) {
			uint64_t begin;

			give_back(&load, BATCH);
			begin = clock_ns();
			for (uint32_t i = 0; i < BATCH; i++)
				load.taken[load.count++] = acquire(&load);
			runs[run] = (double)(clock_ns() - begin) / BATCH;
		}
		printf("{\"what\":\"mapping\",\"addresses\":%u,\"fill\":%g,\"ns\":%.1f}\n", addresses, fills[f],
		       median(runs, 2000));
	}
	for (size_t run = 0; run < 2000; run++) {
		uint64_t begin = clock_ns();

		for (uint32_t i = 0; i < BATCH; i++)
			if (acquire(&load) != MAPPING_NONE)
				exit(1);
		runs[run] = (double)(clock_ns() - begin) / BATCH;
	}
	printf("{\"what\":\"mapping refused\",\"addresses\":%u,\"fill\":1,\"ns\":%.1f}\n", addresses,
	       median(runs, 2000));
	free(load.taken);
	mappings_destroy(load.mappings);
}

/* ------------------------------------------------------------------- overloading */

static bool never_in_use(void *context, uint8_t protocol, const struct endpoint *external, const struct endpoint *peer)
{
	(void)context;
	(void)protocol;
	(void)external;
	(void)peer;
	return false;
}

/* The pool is full, and a second destination fills up: the mappings themselves know who is bound to it. */
static void measure_overloading(void)
{
	static double runs[SPAN / BATCH + 1];
	uint64_t key[2] = { draw(), draw() };
	struct mappings_limits limits = { .capacity = 2 * SPAN + 1 };
	struct mappings *mappings = mappings_create(&limits, key, 0);
	enum reason reason;
	double overhead = clock_cost();
	size_t run = 0;

	if (!mappings)
		exit(1);
	for (uint32_t i = 0; i < 2 * SPAN + BATCH; i++) {
		struct mapping_request request = request_of(i % 250, (uint16_t)(1024 + i / 250), 1);
		uint64_t begin = clock_ns();
		uint32_t index;

		request.peer.port = be16_from_host(i < SPAN ? 443 : 80);
		request.behaviour = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
		request.overload = true;
		request.in_use = never_in_use;
		index = mapping_acquire(mappings, &request, &reason);
		if ((index == MAPPING_NONE) != (i >= 2 * SPAN))
			exit(1);
		if (i >= SPAN && i < 2 * SPAN) {
			runs[run / BATCH] += ((double)(clock_ns() - begin) - overhead) / BATCH;
			run++;
		}
	}
	for (size_t part = 0; part < 4; part++) {
		static const double ends[] = { 0.5, 0.9, 0.99, 0.999 };
		size_t at = (size_t)(ends[part] * SPAN / BATCH);

		printf("{\"what\":\"overloaded\",\"fill\":%g,\"ns\":%.1f}\n", ends[part], median(runs + at - 20, 20));
	}
	mappings_destroy(mappings);
}

int main(void)
{
	static const double fills[] = { 0.5, 0.9, 0.99, 0.999, 1.0 };
	static struct ports ports;

	for (int udp = 0; udp < 2; udp++) {
		for (size_t i = 0; i < sizeof(fills) / sizeof(*fills); i++) {
			uint32_t used = (uint32_t)(fills[i] * SPAN);
			/* At 100 % one at a time: the very last port. */
			uint32_t batch = used == SPAN ? 1 : BATCH;

			fill(&ports, used);
			printf("{\"what\":\"%s\",\"fill\":%g,\"ns\":%.1f}\n", udp ? "port, parity kept" : "port",
			       fills[i], cost_of_take(&ports, batch, udp));
		}
	}
	fill(&ports, SPAN);
	printf("{\"what\":\"port refused\",\"fill\":1,\"ns\":%.1f}\n", cost_of_refusal(&ports));
	measure_mappings(1);
	measure_mappings(16);
	measure_overloading();
	return 0;
}
