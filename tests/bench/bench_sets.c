/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a verdict costs with 10, 1,000 and 100,000 elements in the set it asks, for
 * each shape of set, and with as many rules instead of a set. Whole calls of
 * ruleset_evaluate(), half of them hits, keys at random so that caches are cold where
 * they would be. Prints one JSON object a line.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/stopwatch.h"
#include "tests/model/configuration_text.h"

#define CALLS 200000
#define RUNS 9

/* Element number @i of @shape; even third octets are in the set, odd ones are not. */
static int element_text(char *at, size_t size, const char *shape, unsigned int i)
{
	unsigned int a = i >> 15 & 255, b = i >> 7 & 255, c = (i & 127) * 2;

	if (strcmp(shape, "points") == 0)
		return snprintf(at, size, "10.%u.%u.%u,\n", a, b, c);
	if (strcmp(shape, "intervals") == 0)
		return snprintf(at, size, "10.%u.%u.%u-10.%u.%u.%u,\n", a, b, c, a, b, c);
	if (strcmp(shape, "joined") == 0)
		return snprintf(at, size, i % 3 ? "10.%u.%u.%u/32 . 80-95,\n" : "10.%u.%u.%u . 80,\n", a, b, c);
	return snprintf(at, size, "ip saddr 10.%u.%u.%u accept\n", a, b, c);
}

static struct configuration *load(const char *shape, unsigned int count)
{
	char *text = malloc((size_t)count * 64 + 1024);
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration;
	bool rules = strcmp(shape, "rules") == 0, joined = strcmp(shape, "joined") == 0;
	char *at = text;

	if (!at)
		exit(1);
	at += sprintf(at, "table inet t {\n");
	if (!rules)
		at += sprintf(at, "set s { type ipv4_addr%s; flags interval; elements = {\n",
			      joined ? " . inet_service" : "");
	else
		at += sprintf(at, "chain c { type filter hook forward priority 0; policy drop;\n");
	for (unsigned int i = 0; i < count; i++)
		at += element_text(at, 64, shape, i);
	if (!rules) {
		/* One true range, so that the shape is the one that is asked for. */
		if (strcmp(shape, "intervals") == 0)
			at += sprintf(at, "11.0.0.0/8\n");
		at += sprintf(
		    at, "}; }\nchain c { type filter hook forward priority 0; policy drop;\nip saddr%s @s accept\n",
		    joined ? " . tcp dport" : "");
	}
	sprintf(at, "}\n}\n");
	configuration = configuration_from_text("bench.conf", text, &diagnostics);
	if (!configuration) {
		char message[1024] = "no memory";

		if (diagnostics.count)
			diagnostic_format(&diagnostics.list[0], message, sizeof(message));
		fputs(message, stderr);
		exit(1);
	}
	diagnostics_fini(&diagnostics);
	free(text);
	return configuration;
}

static double run(struct configuration *configuration, unsigned int count, unsigned int calls)
{
	struct packet packet = { .family = FAMILY_IPV4, .length = 100, .tuple.protocol = PROTOCOL_TCP };
	struct rule_context context = { .packet = &packet, .now = mono_from_ms(1) };
	struct rule_outcome outcome;
	size_t chains, accepted = 0;
	const struct base_chain *chain = *ruleset_base_chains(configuration->ruleset, HOOK_FORWARD, &chains);
	uint64_t begin;

	packet.tuple.destination.address = address_from_ipv4((const uint8_t[]){ 192, 0, 2, 1 });
	packet.tuple.destination.port = be16_from_host(80);
	context.view = packet.tuple;
	begin = clock_ns();
	for (unsigned int i = 0; i < calls; i++) {
		uint64_t random = draw() >> 16;
		unsigned int number = (unsigned int)(random % count), odd = random >> 40 & 1;
		const uint8_t wire[4] = { 10, (uint8_t)(number >> 15), (uint8_t)(number >> 7),
					  (uint8_t)((number & 127) * 2 + odd) };

		context.view.source.address = address_from_ipv4(wire);
		ruleset_evaluate(configuration->ruleset, chain, &context, &outcome);
		accepted += outcome.action == RULE_ACCEPT;
	}
	if (accepted < calls / 3 || accepted > calls / 3 * 2)
		exit(1);
	return (double)(clock_ns() - begin) / calls;
}

int main(void)
{
	static const char *const shapes[] = { "points", "intervals", "joined", "rules" };
	static const unsigned int counts[] = { 10, 1000, 100000 };

	for (size_t shape = 0; shape < 4; shape++) {
		for (size_t count = 0; count < 3; count++) {
			bool rules = strcmp(shapes[shape], "rules") == 0;
			unsigned int calls = rules ? CALLS / counts[count] + 20 : CALLS;
			struct configuration *configuration = load(shapes[shape], counts[count]);
			double runs[RUNS];

			for (int i = 0; i < RUNS; i++)
				runs[i] = run(configuration, counts[count], calls);
			printf("{\"bench\":\"verdict\",\"shape\":\"%s\",\"elements\":%u,\"ns\":%.1f}\n", shapes[shape],
			       counts[count], median(runs, RUNS));
			configuration_destroy(configuration);
		}
	}
	return 0;
}
