/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stage and the steps that are not packets. */
#include "sluice/storage.h"
#include "tests/model/engine_play.h"
#include "tests/model/engine_play_survive.h"

#include <stdio.h>
#include <stdlib.h>

#include "sluice/snapshot.h"
#include "tests/model/configuration_text.h"
#include "tests/model/invariants.h"

/* Steps between two looks at every port. */
#define PORTS_EVERY 32

uint8_t play_byte(struct play *play)
{
	return play->offset < play->size ? play->data[play->offset++] : 0;
}

uint32_t play_below(struct play *play, uint32_t limit)
{
	return play_byte(play) % limit;
}

void play_fail(struct play *play, const char *sentence)
{
	if (!play->failure)
		play->failure = sentence;
}

/* ------------------------------------------------------------------ rules */

#define FORWARD_STRICT \
	"	chain forward {\n" \
	"		type filter hook forward priority filter; policy drop;\n" \
	"		ct state vmap { established : accept, related : accept, invalid : drop }\n" \
	"		ct status dnat accept\n" \
	"		iifname \"lan\" tcp dport 25 reject with tcp reset\n" \
	"		iifname \"lan\" tcp flags syn tcp option maxseg size set rt mtu\n" \
	"		iifname \"lan\" oifname \"wan\" accept\n" \
	"	}\n"

#define FORWARD_MENDED \
	"	chain forward {\n" \
	"		type filter hook forward priority filter; policy drop;\n" \
	"		tcp flags syn tcp option maxseg size set 500\n" \
	"		ct state invalid log prefix \"odd \" drop\n" \
	"		ct state established,related counter accept\n" \
	"		iifname \"lan\" accept\n" \
	"		ct status dnat accept\n" \
	"		reject\n" \
	"	}\n"

#define FORWARDS \
	"	chain prerouting {\n" \
	"		type nat hook prerouting priority dstnat;\n" \
	"		ip daddr 198.51.100.1 tcp dport 1024 dnat ip to 10.0.0.10:1025\n" \
	"		iifname \"wan\" ip daddr 198.51.100.0/24 udp dport 1025 dnat ip to 10.0.0.10\n" \
	"		ip daddr 198.51.100.1 tcp dport 21 dnat ip to 10.0.0.3\n" \
	"		ip daddr 198.51.100.2 dnat ip to 10.0.0.2\n" \
	"		iifname \"lan\" tcp dport 1026 redirect to :1024\n" \
	"	}\n"

#define HELPER \
	"	ct helper ftp { type \"ftp\" protocol tcp; }\n" \
	"	chain helpers { type filter hook prerouting priority filter; tcp dport 21 ct helper set \"ftp\"; }\n"

#define TABLE(chains) "table inet gateway {\n" HELPER chains "}\n"

#define SNAT(rule) \
	"	chain postrouting {\n" \
	"		type nat hook postrouting priority srcnat;\n" \
	"		oifname \"wan\" " rule "\n" \
	"	}\n"

/* The first ones hide what is inside; those from RULES_OPEN on do not. */
static const char *const rule_texts[] = {
	TABLE(FORWARD_STRICT FORWARDS SNAT("masquerade")),
	TABLE(FORWARD_MENDED SNAT("masquerade fully-random")),
	TABLE(FORWARD_STRICT FORWARDS SNAT("masquerade to :1024-1026")),
	TABLE(FORWARD_MENDED FORWARDS SNAT("meta nfproto ipv6 masquerade\n oifname \"wan\" snat ip to "
					   "198.51.100.1-198.51.100.2")),
	TABLE(FORWARD_STRICT FORWARDS SNAT("meta nfproto ipv6 masquerade\n oifname \"wan\" snat ip prefix to ip saddr "
					   "map { 10.0.0.0/24 : 198.51.100.0/24 }")),
	TABLE(FORWARDS SNAT("masquerade")),
	TABLE("	chain all { type filter hook forward priority 0; ct mark set meta mark; meta mark set 7; }\n"
	      "	chain early { type filter hook prerouting priority raw; udp dport 53 notrack; }\n" SNAT(
		  "ip protocol tcp snat ip to 198.51.100.1:1024-1030")),
	"",
};

#define RULES (sizeof(rule_texts) / sizeof(rule_texts[0]))
#define RULES_ONE_TO_ONE 4
#define RULES_OPEN 5

static void choose_ports(struct play *play, struct settings *settings)
{
	static const uint16_t ranges[][2] = { { 1024, 1026 }, { 1024, 1024 }, { 1024, 65535 }, { 1000, 1060 } };
	uint32_t range = play_below(play, 4);

	settings->port_first = ranges[range][0];
	settings->port_last = ranges[range][1];
}

/* Half of the ports, by parity, in 32,767 runs of one; few new sessions; who is exempt. */
static void choose_limits(struct play *play, struct settings *settings)
{
	static const uint8_t exempt[4] = { 10, 0, 0, 2 };
	uint8_t bits = play_byte(play);

	if ((bits & 3) == 1)
		settings->pooling = POOLING_PAIRED_THEN_ANY;
	if ((bits & 12) == 4) {
		settings->port_set_count = 1;
		settings->port_sets[0] = (struct settings_port_set){ .offset = 15, .length = 1, .id = bits >> 7 };
	}
	if ((bits & 48) == 16)
		settings->new_per_source = (struct settings_rate){ .count = 2, .period_s = 1, .burst = 3 };
	if ((bits & 12) == 8)
		settings->port_block = 16;
	settings->log_mappings = bits & 32;
	settings->exempt_count = bits >> 6 & 1;
	settings->exempt[0] = (struct settings_network){ address_from_ipv4(exempt), 128 };
}

static void choose_settings(struct play *play, struct settings *settings)
{
	static const uint32_t capacities[] = { 64, 2, 3, 5, 8, 16 };
	static const uint32_t holds_ms[] = { 0, 0, 300, 5000 };
	uint8_t first = play_byte(play), second = play_byte(play);

	settings->capacity = capacities[play_below(play, 6)];
	settings->sessions_per_source = play_below(play, 5) == 1 ? 2 : 0;
	settings->ports_per_source = play_below(play, 5) == 1 ? 2 : 0;
	settings->mapping = (enum behaviour)(first % 3);
	settings->filtering = (enum behaviour)(first / 3 % 3);
	settings->pooling = first & 64 ? POOLING_PAIRED : POOLING_ARBITRARY;
	settings->port_preservation = !(first & 128);
	settings->port_hold_ms = holds_ms[second & 3];
	settings->port_overloading = second & 4;
	settings->table_full = second & 8 ? TABLE_FULL_REFUSE : TABLE_FULL_EVICT;
	settings->refuse_with = (second >> 4 & 3) % 3;
	settings->tcp_loose = !(second & 64);
	settings->tcp_liberal = second & 128;
	choose_ports(play, settings);
	choose_limits(play, settings);
	if (play->plain) {
		settings->port_hold_ms = 0;
		settings->port_overloading = false;
	}
}

static struct configuration *load(struct play *play)
{
	uint32_t chosen = play_below(play, RULES), rules = play->plain && chosen == RULES_ONE_TO_ONE ? 0 : chosen;
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration = configuration_from_text("play.conf", rule_texts[rules], &diagnostics);

	if (!configuration) {
		if (diagnostics.count)
			diagnostic_format(&diagnostics.list[0], play->text, sizeof(play->text));
		play_fail(play, play->text);
	} else {
		choose_settings(play, &configuration->settings);
		play->configurations[play->configuration_count++] = configuration;
		play->leaks_count &= rules < RULES_OPEN;
	}
	diagnostics_fini(&diagnostics);
	return configuration;
}

static void step_apply(struct play *play)
{
	struct configuration *configuration;

	if (play->configuration_count == PLAY_CONFIGURATIONS)
		return;
	configuration = load(play);
	if (configuration && engine_apply(play->engine, configuration, play->now) != 0)
		play_fail(play, "no memory");
}

/* ------------------------------------------------------------- interfaces */

static void add_address(struct link *link, const char *text, bool usable)
{
	link->addresses[link->address_count++] = (struct link_address){
		.address = wire_address(text),
		.prefix_length = 24,
		.secondary = link->address_count > 0,
		.global = true,
		.usable = usable,
	};
}

/* Bits of @present: which addresses the outside has. */
void play_set_links(struct play *play, uint8_t present)
{
	struct link *links = calloc(2, sizeof(*links));
	struct link_table table = { 2, links };

	play->links = present;
	if (!links)
		return;
	links[0] = (struct link){ .index = PLAY_LAN, .name = "lan", .mtu = 1500, .up = true };
	links[1] = (struct link){ .index = PLAY_WAN, .name = "wan", .mtu = present & 16 ? 1400 : 1500, .up = true };
	add_address(&links[0], "10.0.0.1", true);
	add_address(&links[0], "2001:db8:1::1", true);
	if (present & 1)
		add_address(&links[1], "198.51.100.1", !(present & 8));
	if (present & 2)
		add_address(&links[1], "198.51.100.2", true);
	if (present & 4)
		add_address(&links[1], "2001:db8:2::1", true);
	if (engine_set_links(play->engine, &table, play->now) != 0)
		play_fail(play, "no memory");
	free(links);
}

static void step_links(struct play *play)
{
	uint8_t choice = play_byte(play);

	/* Mostly all of them are there. */
	play_set_links(play, choice & 32 ? choice : 7);
}

/* ---------------------------------------------------------- time and ends */

static void step_time(struct play *play)
{
	static const uint64_t steps_ms[] = { 0, 1, 99, 100, 1000, 2100, 31000, 120000, 301000, 7441000, 90000000 };
	unsigned int budget = play_byte(play);

	play->now.ns += steps_ms[play_below(play, sizeof(steps_ms) / sizeof(steps_ms[0]))] * NS_PER_MS;
	for (unsigned int i = 0; engine_tick(play->engine, play->now, budget) && budget; i++) {
		if (i > 1000)
			play_fail(play, "ticks do not come to an end");
		if (play->failure)
			return;
	}
}

static void step_delete(struct play *play)
{
	const struct table *table = &play->engine->table;
	uint32_t index = play_below(play, table->capacity);
	struct session_handle handle = table_handle(table, index);
	bool there = handle.generation & 1;

	if (engine_delete_session(play->engine, handle, play->now) != there)
		play_fail(play, "a session could not be ended, or one that is gone could");
	else if (engine_delete_session(play->engine, handle, play->now))
		play_fail(play, "a session was ended twice");
}

static void check_listing(struct play *play)
{
	struct snapshot_cursor cursor = { 0 };
	struct snapshot_session session;
	struct snapshot_mapping mapping;
	struct snapshot_status status;
	struct snapshot_party parties[4];
	unsigned int steps = 100000;
	uint32_t count = 0;

	snapshot_status(play->engine, &status);
	while (snapshot_next_session(play->engine, &cursor, play->now, &steps, &session) == 1)
		count++;
	if (count != status.sessions.current)
		play_fail(play, "a listing shows more or fewer sessions than the status");
	cursor = (struct snapshot_cursor){ 0 };
	while (snapshot_next_mapping(play->engine, &cursor, play->now, &steps, &mapping) == 1)
		if (!mapping.sessions && mapping.hold_s > 5)
			play_fail(play, "a mapping rests longer than it may");
	(void)snapshot_sources(play->engine, parties, 4);
	(void)snapshot_destinations(play->engine, parties, 4);
}

/* --------------------------------------------------------------- the play */

static void step_packet(struct play *play)
{
	static struct play_packet packet;

	if (play_compose(play, &packet))
		play_send(play, &packet);
}

static void step(struct play *play)
{
	uint8_t kind = play_byte(play);

	if (kind < 190)
		step_packet(play);
	else if (kind < 200)
		play_ftp(play);
	else if (kind < 220)
		step_time(play);
	else if (kind < 235)
		play_resume(play, &play->held_up[play_below(play, PLAY_HELD_UP)]);
	else if (kind < 240 && !play->plain) /* by slot, and a question moves those that are free */
		step_delete(play);
	else if (kind < 246)
		step_links(play);
	else if (kind < 250)
		step_apply(play);
	else if (kind < 252 && play->survive)
		play_survive(play, kind & 1);
	else
		check_listing(play);
	play->steps++;
}

const char *play_run(struct play *play, const uint8_t *data, size_t size)
{
	struct configuration *configuration;

	*play = (struct play){
		.data = data,
		.size = size,
		.random = 1,
		.now = { 1000 * NS_PER_S },
		.leaks_count = true,
		.explain = play->explain,
		.plain = play->plain,
		.survive = play->survive,
		.damage = play->damage,
		.forged = play->forged,
	};
	configuration = load(play);
	if (configuration) {
		play->engine = play_create_engine(play, &configuration->settings);
		if (!play->engine || engine_apply(play->engine, configuration, play->now) != 0)
			play_fail(play, "no memory");
		else
			play_set_links(play, 7);
		if (play->engine && play->survive &&
		    engine_recover(play->engine, play->now, &(struct engine_recovery){ 0 }) != 0)
			play_fail(play, "no memory");
		if (play->engine)
			engine_set_oracle(play->engine, &(struct oracle){ .route_interface = play_route });
	}
	while (!play->failure && play->offset < play->size) {
		step(play);
		if (play->forged && play->survived)
			break; /* two sessions may well have the same tuple now */
		if (!play->failure)
			play_fail(play, invariants_check(play->engine));
		if (!play->failure && play->steps % PORTS_EVERY == 0)
			play_fail(play, invariants_check_ports(play->engine));
	}
	if (!play->failure && !play->forged)
		play_fail(play, invariants_check_ports(play->engine));
	engine_destroy(play->engine);
	free(play->storage);
	play->storage = NULL;
	for (size_t i = 0; i < play->configuration_count; i++)
		configuration_destroy(play->configurations[i]);
	return play->failure;
}
