/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a batch of packets will need, on its way into the cache before the first of them is
 * processed.
 *
 * Theory of operation. A session in a table of many megabytes costs mostly waiting: each of
 * a dozen places that a new one touches is a line that no cache has. The places follow
 * from the packet's tuple alone, and one core fetches about ten lines at a time. So a
 * batch is gone through in steps, and each step asks for what the next one reads:
 *   1. the tuple, and the line of the hash where its session stands;
 *   2. the session; or, where there is none, where a new one will be looked for and entered;
 *   3. what hangs on those.
 * Nothing is decided here and nothing changed. What was guessed wrong costs a little time.
 * The hashes are kept for who looks next.
 */
#include "conntrack/engine_private.h"
#include "conntrack/hash.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE ||
	       protocol == PROTOCOL_SCTP || protocol == PROTOCOL_DCCP;
}

/* The tuple of the plain packets that nearly all are; the parser has the last word. */
static bool peek(struct engine_preview *preview)
{
	const uint8_t *bytes = preview->bytes, *ports;
	struct tuple *tuple = &preview->tuple;

	if (preview->length >= IPV4_HEADER + 4 && bytes[0] == 0x45 && !(bytes[6] & 0x3f) && !bytes[7]) {
		*tuple = (struct tuple){ .protocol = bytes[9] };
		tuple->source.address = address_from_ipv4(bytes + 12);
		tuple->destination.address = address_from_ipv4(bytes + 16);
		ports = bytes + IPV4_HEADER;
	} else if (preview->length >= IPV6_HEADER + 4 && bytes[0] >> 4 == 6) {
		*tuple = (struct tuple){ .protocol = bytes[6] };
		tuple->source.address = address_from_ipv6(bytes + 8);
		tuple->destination.address = address_from_ipv6(bytes + 24);
		ports = bytes + IPV6_HEADER;
	} else {
		return false;
	}
	memcpy(&tuple->source.port, ports, 2);
	memcpy(&tuple->destination.port, ports + 2, 2);
	return has_ports(tuple->protocol);
}

/* Where the second step leads. */
struct lead {
	const uint32_t *source, *destination, *host;
};

static void foresee_new(const struct engine *engine, struct engine_preview *preview, struct lead *lead)
{
	const struct tuple *tuple = &preview->tuple;
	struct tuple inverse = tuple_invert(tuple);

	preview->inverse = hash_tuple(engine->table.hash_key, &inverse);
	nodes_prefetch(&engine->table.nodes, preview->inverse);
	lead->source = tally_prefetch(&engine->sources, &tuple->source.address);
	lead->destination = tally_prefetch(&engine->destinations, &tuple->destination.address);
	lead->host = mapping_prefetch(engine->mappings, tuple->protocol, &tuple->source, engine->settings.mapping,
				      &tuple->destination);
}

static void foresee(const struct engine *engine, struct engine_preview *preview, struct lead *lead)
{
	const struct nodes *nodes = &engine->table.nodes;
	struct nodes_walk walk = nodes_walk(nodes, preview->hash);
	uint32_t node = nodes_next(nodes, &walk);

	if (node != NODE_NONE) {
		table_prefetch(&engine->table, node / NODE_KINDS);
	} else if (preview->hook == HOOK_FORWARD) {
		preview->fresh = true;
		foresee_new(engine, preview, lead);
	}
}

void engine_preview(const struct engine *engine, struct engine_preview *previews, unsigned int count)
{
	struct lead leads[ENGINE_PREVIEW];

	for (unsigned int i = 0; i < count; i++) {
		struct engine_preview *preview = &previews[i];

		preview->fresh = false;
		preview->known = peek(preview);
		if (!preview->known)
			continue;
		preview->hash = hash_tuple(engine->table.hash_key, &preview->tuple);
		nodes_prefetch(&engine->table.nodes, preview->hash);
	}
	for (unsigned int i = 0; i < count; i++)
		if (previews[i].known)
			foresee(engine, &previews[i], &leads[i]);
	for (unsigned int i = 0; i < count; i++) {
		if (!previews[i].fresh)
			continue;
		tally_prefetch_entry(&engine->sources, leads[i].source);
		tally_prefetch_entry(&engine->destinations, leads[i].destination);
		mapping_prefetch_host(engine->mappings, leads[i].host);
	}
}
