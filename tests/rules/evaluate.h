/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ruleset from text and packets made by hand, for tests of evaluation. Packets are
 * parsed from real bytes where a rule looks at bytes.
 */
#ifndef SLUICE_TESTS_RULES_EVALUATE_H
#define SLUICE_TESTS_RULES_EVALUATE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/address_text.h"
#include "tests/rules/files.h"

struct fixture {
	struct configuration *configuration;
	struct link links[3]; /* lan wan lo */
	struct packet packet;
	uint8_t bytes[1500];
	struct rule_context context;
	struct rule_outcome outcome;
	struct oracle oracle;
};

static inline struct address address_of(const char *text)
{
	uint8_t wire[16];

	if (strchr(text, ':')) {
		assert_true(address_text_parse_ipv6(text, wire));
		return address_from_ipv6(wire);
	}
	assert_true(address_text_parse_ipv4(text, wire));
	return address_from_ipv4(wire);
}

static inline void fixture_load(struct fixture *fixture, const char *text)
{
	struct diagnostics diagnostics = { 0 };
	char buffer[1024];

	memset(fixture, 0, sizeof(*fixture));
	fixture->configuration = files_load_text(text, &diagnostics);
	if (!fixture->configuration) {
		diagnostic_format(&diagnostics.list[0], buffer, sizeof(buffer));
		fail_msg("%s", buffer);
	}
	diagnostics_fini(&diagnostics);
	strcpy(fixture->links[0].name, "lan0");
	strcpy(fixture->links[1].name, "wan0");
	strcpy(fixture->links[2].name, "lo");
	for (uint32_t i = 0; i < 3; i++) {
		fixture->links[i].index = i + 1;
		fixture->links[i].type = 1;
		fixture->links[i].group = 10 + i;
	}
	fixture->context.now = mono_from_ms(1000000);
	fixture->context.ct_state = CT_STATE_NEW;
}

/* A small chain around one or more rules: drop unless a rule accepts. */
static inline void fixture_rules(struct fixture *fixture, const char *rules)
{
	char text[8192];

	snprintf(text, sizeof(text),
		 "table inet t {\nchain other { drop; }\nchain c {\ntype filter hook forward priority 0; policy "
		 "drop;\n%s\n}\n}\n",
		 rules);
	fixture_load(fixture, text);
}

static inline void fixture_packet(struct fixture *fixture, uint8_t protocol, const char *source, uint16_t sport,
				  const char *destination, uint16_t dport)
{
	struct packet *packet = &fixture->packet;

	memset(packet, 0, sizeof(*packet));
	memset(fixture->bytes, 0, sizeof(fixture->bytes));
	packet->bytes = fixture->bytes;
	packet->tuple.source.address = address_of(source);
	packet->tuple.destination.address = address_of(destination);
	packet->tuple.source.port = be16_from_host(sport);
	packet->tuple.destination.port = be16_from_host(dport);
	packet->tuple.protocol = protocol;
	packet->family = address_family(&packet->tuple.source.address);
	packet->l4_offset = packet->family == FAMILY_IPV4 ? 20 : 40;
	packet->length = 100;
	packet->l4_length = packet->length - packet->l4_offset;
	packet->ttl = 64;
	fixture->context.packet = packet;
	fixture->context.view = packet->tuple;
	fixture->context.hook = HOOK_FORWARD;
	fixture->context.iif = &fixture->links[0];
	fixture->context.oif = &fixture->links[1];
	fixture->context.oracle = &fixture->oracle;
}

static inline enum rule_action fixture_run(struct fixture *fixture, enum hook hook)
{
	size_t count;
	const struct base_chain *const *chains = ruleset_base_chains(fixture->configuration->ruleset, hook, &count);

	assert_true(count > 0);
	fixture->context.hook = hook;
	ruleset_evaluate(fixture->configuration->ruleset, chains[0], &fixture->context, &fixture->outcome);
	return fixture->outcome.action;
}

static inline bool fixture_accepts(struct fixture *fixture)
{
	return fixture_run(fixture, HOOK_FORWARD) == RULE_ACCEPT;
}

static inline void fixture_fini(struct fixture *fixture)
{
	configuration_destroy(fixture->configuration);
}

#endif
