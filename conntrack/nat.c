/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a nat statement to endpoints: which destination, which external address and
 * port. Who holds which port is the business of mapping.c.
 */
#include "conntrack/engine_private.h"
#include "conntrack/gre.h"
#include "conntrack/hash.h"

/* ------------------------------------------------------------------ addresses */

/* What masquerade and redirect use: the interface's first address that will do. */
const struct address *link_primary(const struct link *link, enum family family)
{
	const struct address *fallback = NULL;

	for (unsigned int i = 0; link && i < link->address_count; i++) {
		const struct link_address *candidate = &link->addresses[i];

		if (!candidate->usable || !candidate->global || address_family(&candidate->address) != family)
			continue;
		if (!candidate->secondary)
			return &candidate->address;
		if (!fallback)
			fallback = &candidate->address;
	}
	return fallback;
}

/* The network of @base with the host bits of @host. */
static struct address with_host_bits(struct address base, const struct address *host, enum family family,
				     uint8_t prefix_length)
{
	unsigned int keep = prefix_length + (family == FAMILY_IPV4 ? 96U : 0U);

	for (unsigned int byte = 0; byte < sizeof(base.bytes); byte++) {
		unsigned int bits = keep > byte * 8 ? keep - byte * 8 : 0;
		uint8_t mask = (uint8_t)(bits >= 8 ? 0xffU : 0xff00U >> bits);

		base.bytes[byte] = (uint8_t)((base.bytes[byte] & mask) | (host->bytes[byte] & ~mask));
	}
	return base;
}

static struct address loopback_address(enum family family)
{
	static const uint8_t v4[4] = { 127, 0, 0, 1 };
	static const uint8_t v6[16] = { [15] = 1 };

	return family == FAMILY_IPV4 ? address_from_ipv4(v4) : address_from_ipv6(v6);
}

/* The ports that a session's outer side may use; identifiers know no reserved range. */
static void port_range(const struct passage *passage, const struct nat_request *request, uint16_t *first,
		       uint16_t *last)
{
	uint8_t protocol = passage->original.protocol;

	*first = passage->engine->settings.port_first;
	*last = passage->engine->settings.port_last;
	if (protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6) {
		*first = 0;
		*last = UINT16_MAX;
	}
	if (request->port_first || request->port_last) {
		*first = request->port_first;
		*last = request->port_last;
	}
}

/* --------------------------------------------------------------- destination */

/* One of a range, the same for the same source (and, without persistent, destination). */
static struct address spread(const struct passage *passage, const struct nat_request *request)
{
	struct address key[2] = { passage->original.source.address };
	uint32_t size = address_range_size(&request->address_first, &request->address_last);

	if (size <= 1)
		return request->address_first;
	if (!request->persistent)
		key[1] = passage->original.destination.address;
	return address_advance(&request->address_first,
			       (uint32_t)(hash_bytes(passage->engine->table.hash_key, key, sizeof(key)) % size));
}

enum reason nat_destination(struct passage *passage, const struct nat_request *request, struct endpoint *destination)
{
	enum family family = passage->packet.family;
	uint16_t port = be16_to_host(destination->port);
	const struct address *local;

	if (request->kind == NAT_REDIRECT) {
		local = link_primary(passage->context.iif, family);
		if (!local && passage->context.iif)
			return REASON_NO_EXTERNAL_ADDRESS;
		destination->address = local ? *local : loopback_address(family);
	} else if (request->has_address && request->prefix) {
		destination->address =
		    with_host_bits(request->address_first, &destination->address, family, request->prefix_length);
	} else if (request->has_address) {
		destination->address = spread(passage, request);
	}
	if ((request->port_first || request->port_last) && (port < request->port_first || port > request->port_last)) {
		uint32_t size = (uint32_t)request->port_last - request->port_first + 1;

		port = (uint16_t)(request->port_first + port % size);
		if (request->random || request->fully_random)
			port = (uint16_t)(request->port_first + engine_random(passage->engine) % size);
		destination->port = be16_from_host(port);
	}
	return REASON_NONE;
}

/* -------------------------------------------------------------------- source */

/* Is the external endpoint already in use towards that peer, by whatever session? */
static bool in_use(void *context, uint8_t protocol, const struct endpoint *external, const struct endpoint *peer)
{
	const struct passage *passage = context;
	const struct table *table = &passage->engine->table;
	struct tuple reply = { .source = *peer, .destination = *external, .protocol = protocol };
	struct table_key key = table_key(table, &reply);

	return create_is_taken(table, &key) || gre_contends(passage, &reply);
}

/* A session will be looked for there, and entered, in a moment. */
static void expect(void *context, uint8_t protocol, const struct endpoint *external, const struct endpoint *peer)
{
	struct passage *passage = context;
	struct tuple reply = { .source = *peer, .destination = *external, .protocol = protocol };

	passage->reply = table_key(&passage->engine->table, &reply);
	passage->peer = table_peer_key(&passage->engine->table, protocol, external, &peer->address);
	nodes_prefetch(&passage->engine->table.nodes, passage->reply.hash);
	nodes_prefetch(&passage->engine->table.nodes, passage->peer.hash);
}

static struct mapping_request mapping_request_for(struct passage *passage)
{
	const struct settings *settings = &passage->engine->settings;

	return (struct mapping_request){
		.protocol = passage->original.protocol,
		.internal = passage->original.source,
		.peer = table_peer(&passage->engine->table, passage->session),
		.behaviour = settings->mapping,
		.paired = settings->pooling != POOLING_ARBITRARY || settings->port_block,
		.spill = settings->pooling != POOLING_PAIRED,
		.preserve = settings->port_preservation,
		.overload = settings->port_overloading,
		.ports_limit = settings->ports_per_source && admit_is_exempt(passage) ? 0 : settings->ports_per_source,
		.random = engine_random(passage->engine),
		.now = passage->now,
		.in_use = in_use,
		.expect = expect,
		.context = passage,
	};
}

/*
 * A session without a mapping may answer to the endpoint that was chosen: a stray
 * packet to the router itself, which anybody outside can send. It must not keep a
 * port from being mapped, so another one is drawn; a few draws are enough, since
 * it has to be guessed each time.
 */
#define ACQUIRE_TRIES 8

static enum reason acquire(struct passage *passage, struct mapping_request *request)
{
	struct mappings *mappings = passage->engine->mappings;
	struct session *session = passage->session;
	enum reason reason = REASON_NONE;
	struct endpoint external;
	struct tuple reply;

	for (unsigned int tries = 0; tries < ACQUIRE_TRIES; tries++) {
		session->mapping = mapping_acquire(mappings, request, &reason);
		if (session->mapping == MAPPING_NONE)
			return reason;
		external = mapping_external(mappings, session->mapping);
		reply = tuple_invert(&passage->context.view);
		reply.destination = external;
		if (!table_set_tuples(&passage->engine->table, passage->index, &passage->original, &reply)) {
			mapping_cancel(mappings, session->mapping, &request->peer);
			session->mapping = MAPPING_NONE;
			return REASON_TABLE_FULL;
		}
		if (!tuple_same_ends(&passage->reply.tuple, &reply))
			passage->reply = table_key(&passage->engine->table, &reply);
		if (!create_is_taken(&passage->engine->table, &passage->reply))
			return REASON_NONE;
		nat_cancel(passage);
		request->preserve = false;
		request->fully_random = true;
		request->random = engine_random(passage->engine);
	}
	return REASON_TUPLE_CLASH;
}

enum reason nat_source(struct passage *passage, const struct nat_request *request)
{
	struct mapping_request wanted = mapping_request_for(passage);
	const struct address *own;

	port_range(passage, request, &wanted.port_first, &wanted.port_last);
	wanted.address_first = request->address_first;
	wanted.address_last = request->address_last;
	if (request->kind == NAT_MASQUERADE) {
		own = link_primary(passage->context.oif, passage->packet.family);
		if (!own)
			return REASON_NO_EXTERNAL_ADDRESS;
		wanted.address_first = wanted.address_last = *own;
	} else if (!request->has_address) {
		wanted.address_first = wanted.address_last = wanted.internal.address;
	} else if (request->prefix) {
		wanted.address_first = with_host_bits(request->address_first, &wanted.internal.address,
						      passage->packet.family, request->prefix_length);
		wanted.address_last = wanted.address_first;
		wanted.static_nat = !request->port_first && !request->port_last;
	}
	passage->pool_first = wanted.address_first;
	passage->pool_last = wanted.address_last;
	wanted.fully_random = request->random || request->fully_random;
	wanted.filtering = request->filtering;
	if (request->mapping)
		wanted.behaviour = (enum behaviour)(request->mapping - 1);
	/* An address that is external already keeps its port if no mapping has it and no rule names others. */
	wanted.identity = !request->port_first && !request->port_last &&
			  address_within(&wanted.internal.address, &wanted.address_first, &wanted.address_last);
	return acquire(passage, &wanted);
}

/* May masquerade take its address from that interface? */
static bool is_masqueraded(const struct engine *engine, const struct link *link)
{
	const struct prefilter *prefilter = ruleset_prefilter(engine->configuration->ruleset);

	for (size_t i = 0; link && i < prefilter->masquerade_count; i++)
		if (link_name_matches(prefilter->masquerade[i], link->name))
			return true;
	return false;
}

/* Is the address ours by part of its ports only? Then the router itself keeps to them. */
static bool is_shared(const struct passage *passage, const struct address *address)
{
	const struct settings *settings = &passage->engine->settings;
	const struct settings_port_set *set = port_set_of(settings->port_sets, settings->port_set_count, address);

	return set && (!address_is_unspecified(&set->address) || is_masqueraded(passage->engine, passage->context.oif));
}

/* Does sluice hand out ports of this address? Then the router's own use must count. */
static bool shares_ports(const struct passage *passage, const struct address *address)
{
	return is_shared(passage, address) || pools_lookup(mappings_pools_const(passage->engine->mappings), address,
							   passage->original.protocol) != POOL_NONE;
}

enum reason nat_local(struct passage *passage)
{
	static const struct nat_request unchanged = { .kind = NAT_SNAT };

	if (passage->meta->hook != HOOK_OUTPUT || !shares_ports(passage, &passage->original.source.address))
		return REASON_NONE;
	return nat_source(passage, &unchanged);
}

enum reason nat_listen(struct passage *passage, const struct endpoint *internal, const struct address *external,
		       const struct endpoint *peer, uint32_t *mapping)
{
	static const struct nat_request any = { .kind = NAT_SNAT };
	struct mappings *mappings = passage->engine->mappings;
	struct mapping_request wanted = mapping_request_for(passage);
	uint32_t own = passage->session->mapping;
	enum reason reason;

	port_range(passage, &any, &wanted.port_first, &wanted.port_last);
	wanted.internal = *internal;
	wanted.peer = *peer;
	wanted.address_first = wanted.address_last = *external;
	wanted.behaviour = BEHAVIOUR_ADDRESS_DEPENDENT;
	wanted.overload = false;
	wanted.static_nat =
	    own != MAPPING_NONE && passage->direction == DIRECTION_ORIGINAL && mapping_is_static(mappings, own);
	*mapping = mapping_acquire(mappings, &wanted, &reason);
	return reason;
}

void nat_cancel(struct passage *passage)
{
	struct session *session = passage->session;
	struct endpoint peer;

	if (session->mapping == MAPPING_NONE)
		return;
	peer = table_peer(&passage->engine->table, session);
	mapping_cancel(passage->engine->mappings, session->mapping, &peer);
	session->mapping = MAPPING_NONE;
}
