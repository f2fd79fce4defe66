/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any ruleset that loads, over any packets. The input is a configuration, a zero byte,
 * and then packets: a few bytes of what is known about each, and its bytes. Where the
 * compiler says that established packets are accepted, evaluation must agree.
 */
#include <stdlib.h>

#include "sluice/ruleset.h"

#define CONTEXT_SIZE 16
#define PACKET_SIZE 80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *bytes;
	size_t size;
};

static char *read_input(void *context, const char *path, size_t *length)
{
	const struct input *input = context;
	char *text = strcmp(path, "main.conf") == 0 ? malloc(input->size + 1) : NULL;

	if (!text)
		return NULL;
	memcpy(text, input->bytes, input->size);
	text[input->size] = '\0';
	*length = input->size;
	return text;
}

static enum address_type address_type(void *context, const struct address *address, const struct link *link)
{
	(void)context;
	(void)link;
	return (enum address_type)(address->bytes[15] % 6);
}

static uint32_t route_interface(void *context, const struct address *address, uint32_t via, uint32_t mark)
{
	(void)context;
	(void)via;
	return (address->bytes[15] + mark) % 4;
}

static bool session_alive(void *context, const struct tuple *original)
{
	(void)context;
	return original->source.port.raw & 1;
}

static const struct oracle oracle = {
	.address_type = address_type,
	.route_interface = route_interface,
	.session_alive = session_alive,
};

static const struct link links[2] = {
	{ .index = 1, .name = "eth0", .type = 1 },
	{ .index = 2, .name = "wan", .type = 512, .group = 7 },
};

/* By hand, not by packet_parse(): what a rule asks for must be checked here too. */
static void make_packet(struct packet *packet, uint8_t *bytes, const uint8_t *hint)
{
	memset(packet, 0, sizeof(*packet));
	packet->bytes = bytes;
	packet->length = PACKET_SIZE - hint[0] % 60;
	packet->family = hint[1] & 1 ? FAMILY_IPV6 : FAMILY_IPV4;
	packet->tuple.protocol = (const uint8_t[]){ 6, 17, 1, 58, 132, 47, 0, 6 }[hint[2] & 7];
	if (packet->family == FAMILY_IPV4) {
		packet->tuple.source.address = address_from_ipv4(bytes + 12);
		packet->tuple.destination.address = address_from_ipv4(bytes + 16);
	} else {
		packet->tuple.source.address = address_from_ipv6(bytes + 8);
		packet->tuple.destination.address = address_from_ipv6(bytes + 24);
	}
	memcpy(&packet->tuple.source.port.raw, bytes + 40, 2);
	memcpy(&packet->tuple.destination.port.raw, bytes + 42, 2);
	packet->l4_offset = packet->length < 40 ? 20 : 40;
	packet->later_fragment = (hint[3] & 15) == 1;
	packet->ttl = hint[4];
	packet->dscp = hint[5] & 63;
	if (packet->tuple.protocol == PROTOCOL_TCP) {
		packet->tcp.flags = hint[6];
		packet->tcp.options_offset = 60;
		packet->tcp.options_length = packet->length > 60 ? (uint16_t)(packet->length - 60) : 0;
	} else if (packet_is_icmp(packet)) {
		packet->icmp.type = hint[6];
		packet->icmp.code = hint[7];
	}
}

static void make_context(struct rule_context *context, struct packet *packet, const uint8_t *hint, uint64_t now_ms)
{
	static const uint8_t states[] = { CT_STATE_NEW, CT_STATE_ESTABLISHED, CT_STATE_RELATED, CT_STATE_INVALID };

	memset(context, 0, sizeof(*context));
	context->packet = packet;
	context->view = packet->tuple;
	context->iif = hint[8] & 1 ? &links[hint[8] >> 1 & 1] : NULL;
	context->oif = hint[8] & 4 ? &links[hint[8] >> 3 & 1] : NULL;
	context->mark = hint[9];
	context->ct_state = states[hint[10] & 3];
	context->ct_status = hint[11] & 0x3e;
	context->ct_direction = hint[10] & 4 ? DIRECTION_REPLY : DIRECTION_ORIGINAL;
	context->ct_original = hint[10] & 8 ? &packet->tuple : NULL;
	context->ct_reply = hint[10] & 16 ? &packet->tuple : NULL;
	context->now = mono_from_ms(now_ms);
	context->random = hint[12];
	context->oracle = hint[13] & 1 ? &oracle : NULL;
}

static void evaluate_hook(struct ruleset *ruleset, struct rule_context *context, enum hook hook)
{
	enum family family = context->packet->family;
	struct rule_outcome outcome;
	size_t count;
	const struct base_chain *const *chains = ruleset_base_chains(ruleset, hook, &count);

	context->hook = hook;
	for (size_t i = 0; i < count; i++) {
		if (!base_chain_sees(chains[i], family))
			continue;
		ruleset_evaluate(ruleset, chains[i], context, &outcome);
		if (outcome.rule != RULE_NONE && !ruleset_rule_place(ruleset, outcome.rule).file)
			abort();
		if (packet_is_tcp(context->packet) && context->packet->tcp.flags & TCP_SYN)
			continue;
		if (context->ct_state == CT_STATE_ESTABLISHED && base_chain_type(chains[i]) != CHAIN_NAT &&
		    ruleset_established_accepted(ruleset, hook, family) &&
		    (outcome.action != RULE_ACCEPT || outcome.log_count || outcome.mss || outcome.mss_route))
			abort();
	}
}

static void run(struct ruleset *ruleset, const uint8_t *data, size_t size)
{
	uint8_t bytes[PACKET_SIZE];
	uint64_t now_ms = 1;

	ruleset_seed(ruleset, size);
	for (unsigned int packets = 0; packets < 16 && size >= CONTEXT_SIZE; packets++) {
		struct rule_context context;
		struct packet packet;
		size_t length = size - CONTEXT_SIZE < PACKET_SIZE ? size - CONTEXT_SIZE : PACKET_SIZE;

		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, data + CONTEXT_SIZE, length);
		make_packet(&packet, bytes, data);
		make_context(&context, &packet, data, now_ms);
		for (enum hook hook = 0; hook < HOOK_COUNT; hook++)
			evaluate_hook(ruleset, &context, hook);
		now_ms += data[15];
		data += CONTEXT_SIZE + length;
		size -= CONTEXT_SIZE + length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, 0, size);
	struct input input = { data, end ? (size_t)(end - data) : size };
	struct loader loader = { .context = &input, .read = read_input };
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration = configuration_load(&loader, "main.conf", &diagnostics);

	diagnostics_fini(&diagnostics);
	if (!configuration)
		return 0;
	if (end)
		run(configuration->ruleset, end + 1, size - input.size - 1);
	configuration_destroy(configuration);
	return 0;
}
