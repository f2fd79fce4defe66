/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/gateway.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/model/configuration_text.h"

#define TICK_MS 100u
#define START_NS (1000 * NS_PER_S)

/* -------------------------------------------------------------- interfaces */

static bool add_address(struct link *link, char *text)
{
	char *slash = strchr(text, '/');

	if (!slash || link->address_count == LINK_ADDRESS_LIMIT)
		return false;
	*slash = '\0';
	link->addresses[link->address_count++] = (struct link_address){
		.address = wire_address(text),
		.prefix_length = (uint8_t)atoi(slash + 1),
		.global = true,
		.usable = true,
	};
	return true;
}

bool gateway_add_link(struct gateway *gateway, const char *text)
{
	struct link *link = &gateway->links[gateway->link_count];
	char copy[256], *rest = NULL, *equals;

	if (gateway->link_count == GATEWAY_LINKS || strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	equals = strchr(copy, '=');
	if (!equals || equals - copy >= INTERFACE_NAME_SIZE)
		return false;
	*link = (struct link){ .index = (uint32_t)(gateway->link_count + 2), .mtu = 1500, .type = 1, .up = true };
	memcpy(link->name, copy, (size_t)(equals - copy));
	for (char *word = strtok_r(equals + 1, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
		if (!add_address(link, word))
			return false;
	gateway->link_count++;
	return true;
}

const struct link *gateway_find_link(const struct gateway *gateway, const char *name)
{
	for (size_t i = 0; i < gateway->link_count; i++)
		if (strcmp(gateway->links[i].name, name) == 0)
			return &gateway->links[i];
	return NULL;
}

static bool within(const struct link_address *own, const struct address *address)
{
	unsigned int bits = own->prefix_length + (address_is_ipv4(&own->address) ? 96u : 0u);

	for (unsigned int bit = 0; bit < bits; bit++)
		if ((own->address.bytes[bit / 8] ^ address->bytes[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

/* On no two interfaces do networks overlap here. */
static uint32_t route(const struct gateway *gateway, const struct address *address)
{
	for (size_t i = 0; i < gateway->link_count; i++)
		for (unsigned int j = 0; j < gateway->links[i].address_count; j++)
			if (within(&gateway->links[i].addresses[j], address))
				return gateway->links[i].index;
	return gateway->link_count ? gateway->links[gateway->link_count - 1].index : 0;
}

static bool is_own(const struct gateway *gateway, const struct address *address)
{
	for (size_t i = 0; i < gateway->link_count; i++)
		for (unsigned int j = 0; j < gateway->links[i].address_count; j++)
			if (address_equal(&gateway->links[i].addresses[j].address, address))
				return true;
	return false;
}

/* ------------------------------------------------------------ start and stop */

bool gateway_links_changed(struct gateway *gateway)
{
	const struct link_table table = { gateway->link_count, gateway->links };

	return engine_set_links(gateway->engine, &table, gateway->now) == 0;
}

bool gateway_start(struct gateway *gateway, const char *file, const char *text, char *why, size_t size)
{
	static const struct engine_secrets secrets = { { 1, 2 }, { 3, 4, 5, 6 } };
	struct diagnostics diagnostics = { 0 };

	gateway->now.ns = START_NS;
	gateway->configuration = configuration_from_text(file, text, &diagnostics);
	snprintf(why, size, "no memory");
	if (diagnostics.count)
		diagnostic_format(&diagnostics.list[0], why, size);
	diagnostics_fini(&diagnostics);
	if (!gateway->configuration)
		return false;
	gateway->engine = engine_create(&gateway->configuration->settings, &secrets, gateway->now);
	return gateway->engine && engine_apply(gateway->engine, gateway->configuration, gateway->now) == 0 &&
	       gateway_links_changed(gateway);
}

void gateway_stop(struct gateway *gateway)
{
	engine_destroy(gateway->engine);
	if (gateway->configuration)
		configuration_destroy(gateway->configuration);
	*gateway = (struct gateway){ 0 };
}

/* ----------------------------------------------------------- packets and time */

static void keep_answers(struct gateway *gateway)
{
	struct effect effect;

	while (engine_next_effect(gateway->engine, &effect)) {
		if (effect.kind == EFFECT_SESSION_EVENT)
			gateway->event = effect;
		if (effect.kind == EFFECT_INSTALL && gateway->offer_count < GATEWAY_OFFERS)
			gateway->offers[gateway->offer_count++] = effect;
		if (effect.kind == EFFECT_ALERT)
			gateway->alerts[gateway->alert_count++ % GATEWAY_ALERTS] = effect;
		if (effect.kind != EFFECT_INJECT || gateway->answer_count == GATEWAY_ANSWERS ||
		    effect.inject.length > sizeof(gateway->answers[0].bytes))
			continue;
		gateway->answers[gateway->answer_count].length = effect.inject.length;
		memcpy(gateway->answers[gateway->answer_count++].bytes, effect.inject.bytes, effect.inject.length);
	}
}

void gateway_pass(struct gateway *gateway, uint64_t ms)
{
	while (ms) {
		uint64_t step = ms < TICK_MS ? ms : TICK_MS;

		ms -= step;
		gateway->now.ns += step * NS_PER_MS;
		while (engine_tick(gateway->engine, gateway->now, 4096))
			keep_answers(gateway);
		keep_answers(gateway);
	}
}

static struct engine_verdict through(struct gateway *gateway, struct packet_meta *meta, enum hook hook,
				     struct wire *wire)
{
	struct engine_verdict verdict;

	meta->hook = hook;
	meta->room = (uint32_t)(sizeof(wire->bytes) - wire->length);
	verdict = engine_process(gateway->engine, meta, wire->bytes, wire->length, gateway->now);
	if (verdict.verdict == VERDICT_ACCEPT)
		wire->length = verdict.length;
	if (verdict.mark_changed)
		meta->mark = verdict.mark;
	return verdict;
}

static struct address destination_of(const struct wire *wire)
{
	return wire->family == FAMILY_IPV4 ? address_from_ipv4(wire->bytes + 16) : address_from_ipv6(wire->bytes + 24);
}

static uint8_t ttl_of(const struct wire *wire)
{
	return wire->bytes[wire->family == FAMILY_IPV4 ? 8 : 7];
}

struct gateway_verdict gateway_send(struct gateway *gateway, uint32_t iif, struct wire *wire)
{
	struct packet_meta meta = { .iif = iif };
	struct address destination = destination_of(wire);
	struct gateway_verdict result = { .rule = RULE_NONE };
	struct engine_verdict verdict = { 0 };
	bool stays = false;

	if (iif) {
		verdict = through(gateway, &meta, HOOK_PREROUTING, wire);
		destination = destination_of(wire);
		stays = is_own(gateway, &destination);
	}
	if (!stays)
		meta.oif = route(gateway, &destination);
	/* The kernel looks at the TTL between routing and the forward hook. */
	result.expired = iif && !stays && verdict.reason == REASON_NONE && ttl_of(wire) <= 1;
	if (verdict.reason == REASON_NONE && !verdict.settled && !result.expired)
		verdict = through(gateway, &meta, !iif ? HOOK_OUTPUT : stays ? HOOK_INPUT : HOOK_FORWARD, wire);
	/* What the output hook gives another destination is routed anew. */
	destination = destination_of(wire);
	if (!iif && verdict.rewritten)
		meta.oif = route(gateway, &destination);
	keep_answers(gateway);
	result.reason = verdict.reason;
	result.rule = verdict.rule;
	result.oif = verdict.reason == REASON_NONE && !result.expired ? meta.oif : 0;
	return result;
}

enum reason gateway_send_tuple(struct gateway *gateway, uint32_t iif, const struct tuple *tuple, uint64_t *random)
{
	const struct wire_shape shape = { .tuple = *tuple };
	struct wire wire;

	wire_build(&wire, &shape, random);
	wire.bytes[wire.family == FAMILY_IPV4 ? 8 : 7] = 64;
	wire_seal(&wire);
	return gateway_send(gateway, iif, &wire).reason;
}
