/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gateway with a fast path in memory, and what is sent through the two. */
#ifndef TESTS_UNIT_FASTPATH_WORLD_H
#define TESTS_UNIT_FASTPATH_WORLD_H

#include "tests/model/fake_fastpath.h"
#include "tests/model/gateway.h"
#include "tests/model/invariants.h"

#define WORLD_LAN 2
#define WORLD_WAN 3

/* A configuration for it: masquerading, a helper, and rules that come before what is established. */
#define WORLD_RULES(forward) WORLD_RULES_STREAM("20s", forward)
/* The same, and how long a stream of datagrams lives. */
#define WORLD_RULES_STREAM(lifetime, forward) \
	"gateway { capacity 64; timeout udp stream " lifetime "; timeout tcp established 400s }\n" \
	"table inet gateway {\n" \
	"	ct helper ftp { type \"ftp\" protocol tcp; }\n" \
	"	chain helpers { type filter hook prerouting priority filter; tcp dport 21 ct helper set \"ftp\"; }\n" \
	"	chain forward {\n" \
	"		type filter hook forward priority filter; policy drop;\n" forward \
	"		ct state established,related accept\n" \
	"		ct status dnat accept\n" \
	"		iifname \"lan\" accept\n" \
	"	}\n" \
	"	chain prerouting {\n" \
	"		type nat hook prerouting priority dstnat;\n" \
	"		ip daddr 198.51.100.1 udp dport 8000 dnat ip to 10.0.0.9:80\n" \
	"	}\n" \
	"	chain postrouting { type nat hook postrouting priority srcnat; oifname \"wan\" masquerade; }\n" \
	"}\n"

struct world {
	struct gateway gateway;
	struct fake_fastpath fake;
	uint64_t random;
};

/* What a packet is to be; numbers only count for TCP. */
struct told {
	struct tuple tuple;
	uint32_t iif;
	uint8_t flags;
	uint32_t sequence, acknowledgement;
	size_t payload;
};

void world_start(struct world *world, const char *rules, bool fastpath);
/* With all that must hold. */
void world_stop(struct world *world);

/* Return: NULL, or what is wrong: the engine's own account and the fast path's agree. */
const char *world_wrong(const struct world *world);

struct tuple world_flow(uint8_t protocol, const char *source, uint16_t sport, const char *destination, uint16_t dport);
void world_make(struct wire *wire, const struct told *told, uint64_t *random);
struct tuple world_tuple(const struct wire *wire);
uint32_t world_sessions(const struct world *world);

/* The fast path takes what was offered. */
void world_install(struct world *world);

#endif
