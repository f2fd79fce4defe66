/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which external endpoint a new mapping gets: exclusive, overloaded, or nothing to choose. */
#include "conntrack/mapping_private.h"

/* Ports to guess before a destination counts as crowded. Also: ranges that small are walked instead. */
#define GUESSES 32

/* Addresses to try for a protocol without ports. */
#define PORTLESS_ADDRESSES 1024

/* Retries when a port turns out to be that of a one-to-one mapping. */
#define ADOPTIONS 16

/* -------------------------------------------------------------------- judging */

enum port_state search_judge(const struct search *search, const struct endpoint *external)
{
	const struct mapping_request *request = search->request;
	const struct mappings *mappings = search->mappings;
	uint32_t index;

	index = mapping_find_external(mappings, request->protocol, external, BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT,
				      &request->peer);
	if (index != MAPPING_NONE)
		return mappings->list[index].held ? PORT_BLOCKED : PORT_IN_USE;
	index =
	    mapping_find_external(mappings, request->protocol, external, BEHAVIOUR_ADDRESS_DEPENDENT, &request->peer);
	if (index != MAPPING_NONE && mappings->list[index].held)
		return PORT_BLOCKED;
	index = mapping_find_external(mappings, request->protocol, external, BEHAVIOUR_ENDPOINT_INDEPENDENT,
				      &request->peer);
	if (index != MAPPING_NONE && mappings->list[index].held)
		return PORT_BLOCKED;
	return search_in_use(search, external) ? PORT_IN_USE : PORT_USABLE;
}

static enum port_state judge_port(const void *context, uint16_t port)
{
	const struct search *search = context;
	struct endpoint external = { .address = search->address, .port = be16_from_host(port) };

	return search_judge(search, &external);
}

void search_addresses(const struct search *search, const struct address **first, const struct address **last)
{
	*first = &search->request->address_first;
	*last = &search->request->address_last;
	if (search->paired_host != HOST_NONE && !search->request->spill)
		*first = *last = &search->mappings->hosts.list[search->paired_host].external;
}

/* ------------------------------------------------------------ an exclusive port */

static struct ports_wish wish_of(const struct search *search)
{
	const struct mapping_request *request = search->request;
	bool udp = request->protocol == PROTOCOL_UDP || request->protocol == PROTOCOL_UDPLITE;
	bool icmp = request->protocol == PROTOCOL_ICMP || request->protocol == PROTOCOL_ICMPV6;

	return (struct ports_wish){
		.first = search->port_first,
		.last = search->port_last,
		.port = be16_to_host(request->internal.port),
		.preserve = request->preserve && !request->fully_random,
		.parity = udp && !request->fully_random,
		.well_known = !icmp && !request->fully_random,
		.random = (uint32_t)request->random,
	};
}

/*
 * The pool knows nothing of one-to-one mappings made before it existed. When it hands out
 * the port of one, that mapping becomes the owner.
 */
static bool adopt(struct search *search, uint32_t pool, int32_t port)
{
	struct mappings *mappings = search->mappings;
	struct endpoint external = { .address = mappings->pools.list[pool].address,
				     .port = be16_from_host((uint16_t)port) };
	uint32_t index = MAPPING_NONE;

	if (mappings->unowned == 0)
		return false;
	/* Those towards other peers are not in the way. */
	for (int like = BEHAVIOUR_ENDPOINT_INDEPENDENT;
	     index == MAPPING_NONE && like <= BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT; like++)
		index = mapping_find_external(mappings, search->request->protocol, &external, (enum behaviour)like,
					      &search->request->peer);
	if (index == MAPPING_NONE || mappings->list[index].owns_port)
		return false;
	mappings->list[index].owns_port = true;
	mappings->unowned--;
	if (mappings->list[index].held)
		ports_hold(&mappings->pools.ports[pool], (uint16_t)port);
	return true;
}

bool search_take(struct search *search, uint32_t pool, uint16_t first, uint16_t last)
{
	struct pools *pools = &search->mappings->pools;
	struct ports_wish wish = wish_of(search);

	pools_widen(pools, pool, search->port_first, search->port_last);
	if (pools->list[pool].free == 0)
		return false;
	wish.first = first;
	wish.last = last;
	for (unsigned int i = 0; i < ADOPTIONS; i++) {
		int32_t port = pools_take(pools, pool, &wish);

		if (port == PORT_NONE)
			return false;
		if (adopt(search, pool, port)) {
			if (search->mappings->blocks.size)
				blocks_settle(&search->mappings->blocks, pool, &pools->ports[pool], (uint16_t)port);
			continue;
		}
		search->draft.external.address = pools->list[pool].address;
		search->draft.external.port = be16_from_host((uint16_t)port);
		search->draft.owns_port = true;
		return true;
	}
	return false;
}

static bool take_from(struct search *search, uint32_t pool)
{
	return pool != POOL_NONE && search_take(search, pool, search->port_first, search->port_last);
}

/* A pool may be a reused one: what was known of its old address is worth nothing. */
uint32_t search_open_pool(struct mappings *mappings, const struct address *address, uint8_t protocol)
{
	uint32_t index = pools_lookup(&mappings->pools, address, protocol);

	if (index != POOL_NONE)
		return index;
	if (mappings->pools.count == mappings->pools.limit)
		destinations_clear(&mappings->destinations);
	index = pools_open(&mappings->pools, address, protocol);
	if (index != POOL_NONE && mappings->blocks.size)
		blocks_refresh(&mappings->blocks, index, &mappings->pools.ports[index]);
	return index;
}

static uint32_t room_at(const struct search *search, const struct address *address)
{
	struct pools *pools = &search->mappings->pools;
	uint32_t pool = pools_lookup(pools, address, search->request->protocol);

	if (pool == POOL_NONE)
		return (uint32_t)search->port_last - search->port_first + 1;
	if (pools->list[pool].free == 0)
		return 0;
	return pools_room(pools, pool, search->port_first, search->port_last);
}

/* So many addresses are all looked at. */
#define EXACT_ADDRESSES 64

/* Of two addresses of the range, drawn at random, the roomier one: close to the best, for two looks. */
static struct address draw_address(const struct search *search)
{
	const struct mapping_request *request = search->request;
	uint32_t high = (uint32_t)(request->random >> 32);
	uint32_t other = (uint32_t)(request->random * UINT64_C(0x9e3779b97f4a7c15) >> 32);
	struct address a, b;

	a = address_advance(&request->address_first, hash_scale(high, search->address_count));
	b = address_advance(&request->address_first, hash_scale(other, search->address_count));
	return room_at(search, &a) >= room_at(search, &b) ? a : b;
}

/* The address with most room; of a large range, or before all of it is in use, one close to it. */
static struct address choose_address(const struct search *search)
{
	const struct mapping_request *request = search->request;
	struct pools *pools = &search->mappings->pools;
	uint32_t present, roomiest;

	if (search->address_count > EXACT_ADDRESSES)
		return draw_address(search);
	roomiest = pools_roomiest(pools, &request->address_first, &request->address_last, request->protocol,
				  search->port_first, search->port_last, &present);
	if (roomiest == POOL_NONE || present < search->address_count)
		return draw_address(search);
	return pools->list[roomiest].address;
}

uint32_t search_open_unopened(struct search *search)
{
	const struct mapping_request *request = search->request;
	const struct pools *pools = &search->mappings->pools;

	/* Among one more addresses than there are pools, one has none. */
	for (uint32_t i = 0; i < search->address_count && i <= pools->count; i++) {
		struct address address = address_advance(&request->address_first, i);

		if (pools_lookup(pools, &address, request->protocol) == POOL_NONE)
			return search_open_pool(search->mappings, &address, request->protocol);
	}
	return POOL_NONE;
}

static bool take_exclusive(struct search *search)
{
	const struct mapping_request *request = search->request;
	struct mappings *mappings = search->mappings;
	struct address address = request->address_first;
	uint32_t roomiest, present;

	if (search->paired_host != HOST_NONE)
		address = mappings->hosts.list[search->paired_host].external;
	else if (search->address_count > 1)
		address = choose_address(search);
	if (take_from(search, search_open_pool(mappings, &address, request->protocol)))
		return true;
	if (search->address_count == 1 || (search->paired_host != HOST_NONE && !request->spill))
		return false;
	roomiest = pools_roomiest(&mappings->pools, &request->address_first, &request->address_last, request->protocol,
				  search->port_first, search->port_last, &present);
	return take_from(search, roomiest) ||
	       (present < search->address_count && take_from(search, search_open_unopened(search)));
}

/* ------------------------------------------------------------ an overloaded port */

static int32_t try_port(struct search *search, const struct ports *ports, uint16_t port)
{
	if (ports_is_reserved(ports, port) || judge_port(search, port) != PORT_USABLE)
		return PORT_NONE;
	return port;
}

static int32_t guess_port(struct search *search, const struct ports *ports)
{
	const struct mapping_request *request = search->request;
	uint32_t size = (uint32_t)search->port_last - search->port_first + 1;
	uint32_t start = hash_scale((uint32_t)request->random, size);
	uint16_t own = be16_to_host(request->internal.port);
	uint64_t random = request->random;
	int32_t port = PORT_NONE;

	if (request->preserve && !request->fully_random && own >= search->port_first && own <= search->port_last)
		port = try_port(search, ports, own);
	for (uint32_t i = 0; port == PORT_NONE && i < GUESSES; i++) {
		uint32_t offset = (start + i) % size;

		if (size > GUESSES) {
			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			offset = hash_scale((uint32_t)(random >> 32), size);
		} else if (i == size) {
			break;
		}
		port = try_port(search, ports, (uint16_t)(search->port_first + offset));
	}
	return port;
}

static bool overload_pool(struct search *search, uint32_t pool)
{
	struct mappings *mappings = search->mappings;
	const struct mapping_request *request = search->request;
	const struct ports *ports = &mappings->pools.ports[pool];
	struct port_judge judge = { .state = judge_port, .context = search };
	struct ports_wish wish = wish_of(search);
	uint32_t crowded = destinations_lookup(&mappings->destinations, pool, &request->peer);
	bool walked = search->port_last - search->port_first < GUESSES;
	int32_t port = PORT_NONE;

	search->address = mappings->pools.list[pool].address;
	/* A range that guessing walks needs no allocator, though a wider one may have made it. */
	if (crowded == DESTINATION_NONE || walked)
		port = guess_port(search, ports);
	if (port == PORT_NONE && !walked) {
		crowded = destinations_open(&mappings->destinations, pool, &request->peer);
		port = destinations_take(&mappings->destinations, crowded, ports, &wish, &judge);
	}
	if (port == PORT_NONE)
		return false;
	if (!pools_share(&mappings->pools, pool, (uint16_t)port)) {
		destinations_freed(&mappings->destinations, pool, &request->peer, (uint16_t)port);
		return false;
	}
	search->draft.external =
	    (struct endpoint){ .address = search->address, .port = be16_from_host((uint16_t)port) };
	search->draft.behaviour = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	search->draft.owns_port = true;
	return true;
}

/* The pools that take_exclusive() found full, one after another from a random one on. */
static bool take_overloaded(struct search *search)
{
	const struct mapping_request *request = search->request;
	const struct pools *pools = &search->mappings->pools;
	uint32_t start = hash_scale((uint32_t)(request->random >> 32), pools->count);
	const struct address *first, *last;

	search_addresses(search, &first, &last);
	if (address_equal(first, last)) {
		uint32_t pool = pools_lookup(pools, first, request->protocol);

		return pool != POOL_NONE && overload_pool(search, pool);
	}
	for (uint32_t i = 0; i < pools->count; i++) {
		uint32_t index = start + i < pools->count ? start + i : start + i - pools->count;
		const struct pool *pool = &pools->list[index];

		if (pool->protocol == request->protocol && address_within(&pool->address, first, last) &&
		    overload_pool(search, index))
			return true;
	}
	return false;
}

/* --------------------------------------------------------------------- deciding */

/* One-to-one: there is nothing to choose, but somebody may be in the way. */
static enum reason decide_static(struct search *search)
{
	const struct mapping_request *request = search->request;
	struct mappings *mappings = search->mappings;
	struct endpoint external = { .address = request->address_first, .port = request->internal.port };
	uint32_t pool;

	if (search_judge(search, &external) != PORT_USABLE)
		return REASON_TUPLE_CLASH;
	search->draft.external = external;
	search->draft.one_to_one = true;
	/* Somebody else's already, towards others: this one then is bound to its peer. */
	if (!protocol_has_ports(request->protocol) ||
	    mapping_find_external(mappings, request->protocol, &external, search->draft.behaviour, &request->peer) !=
		MAPPING_NONE)
		search->draft.behaviour = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	if (!protocol_has_ports(request->protocol))
		return REASON_NONE;
	pool = pools_lookup(&mappings->pools, &external.address, request->protocol);
	if (pool != POOL_NONE && pools_share(&mappings->pools, pool, be16_to_host(external.port)))
		search->draft.owns_port = true;
	return REASON_NONE;
}

static enum reason decide_portless(struct search *search)
{
	const struct mapping_request *request = search->request;
	uint32_t count = search->address_count < PORTLESS_ADDRESSES ? search->address_count : PORTLESS_ADDRESSES;
	uint32_t start = hash_scale((uint32_t)(request->random >> 32), search->address_count);
	struct endpoint external = { .port = request->internal.port };
	bool paired = search->paired_host != HOST_NONE, held = false;

	search->draft.behaviour = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	/* The paired address comes first, and is the only one unless the host may leave it. */
	if (paired && !request->spill)
		count = 0;
	if (request->identity && search_judge(search, &request->internal) == PORT_USABLE) {
		search->draft.external = request->internal;
		return REASON_NONE;
	}
	for (uint32_t i = paired ? 0 : 1; i <= count; i++) {
		enum port_state state;

		if (i == 0)
			external.address = search->mappings->hosts.list[search->paired_host].external;
		else
			external.address = address_advance(
			    &request->address_first, (uint32_t)(((uint64_t)start + i - 1) % search->address_count));
		state = search_judge(search, &external);
		held |= state == PORT_BLOCKED;
		if (state != PORT_USABLE)
			continue;
		search->draft.external = external;
		return REASON_NONE;
	}
	search->mappings->refused = request->address_first;
	return held ? REASON_HOLD_DOWN : REASON_DESTINATION_EXHAUSTED;
}

/* The router's own port stays, unless a mapping has it. */
static bool keep_identity(struct search *search)
{
	const struct mapping_request *request = search->request;
	struct mappings *mappings = search->mappings;
	uint16_t port = be16_to_host(request->internal.port);
	uint32_t pool = search_open_pool(mappings, &request->internal.address, request->protocol);

	if (!pools_permits(&mappings->pools, &request->internal.address, port))
		return false;
	if (pool != POOL_NONE) {
		if (ports_is_used(&mappings->pools.ports[pool], port))
			return false;
		(void)pools_share(&mappings->pools, pool, port);
		if (adopt(search, pool, port))
			return false;
		search->draft.owns_port = true;
	}
	search->draft.external = request->internal;
	return true;
}

static bool held_in(const struct search *search, uint32_t pool)
{
	return search->mappings->first_held != MAPPING_NONE &&
	       ports_any_held(&search->mappings->pools.ports[pool], search->port_first, search->port_last);
}

/* Why there is no port: a port in quarantine would have done. The refusal counts for the first pool of the range. */
static enum reason refuse(struct search *search)
{
	const struct mapping_request *request = search->request;
	struct pools *pools = &search->mappings->pools;
	bool resting = search->mappings->first_held != MAPPING_NONE, held = false;
	static const enum reason reasons[REFUSAL_COUNT] = {
		[REFUSAL_POOL_EXHAUSTED] = REASON_POOL_EXHAUSTED,
		[REFUSAL_DESTINATION_EXHAUSTED] = REASON_DESTINATION_EXHAUSTED,
		[REFUSAL_HOLD_DOWN] = REASON_HOLD_DOWN,
	};
	enum refusal cause = REFUSAL_POOL_EXHAUSTED;
	const struct address *first, *last;
	uint32_t culprit;

	search_addresses(search, &first, &last);
	culprit = pools_lookup(pools, first, request->protocol);
	if (culprit != POOL_NONE)
		held = held_in(search, culprit);
	for (uint32_t i = 0; (resting || culprit == POOL_NONE) && !held && i < pools->count; i++) {
		const struct pool *pool = &pools->list[i];

		if (pool->protocol != request->protocol || !address_within(&pool->address, first, last))
			continue;
		culprit = culprit == POOL_NONE ? i : culprit;
		held = held_in(search, i);
	}
	search->mappings->refused = *first;
	if (held)
		cause = REFUSAL_HOLD_DOWN;
	else if (search->overload)
		cause = REFUSAL_DESTINATION_EXHAUSTED;
	if (culprit != POOL_NONE)
		pools_note_refusal(pools, culprit, cause);
	return reasons[cause];
}

enum reason search_decide(struct search *search)
{
	const struct mapping_request *request = search->request;

	search->draft = (struct mapping_draft){
		.protocol = request->protocol,
		.internal = request->internal,
		.behaviour = search->draft.behaviour,
		.filtering = request->filtering,
	};
	if (request->static_nat)
		return decide_static(search);
	if (!protocol_has_ports(request->protocol))
		return decide_portless(search);
	if (request->identity && keep_identity(search))
		return REASON_NONE;
	if (search->mappings->blocks.size ? search_take_dealt(search) : take_exclusive(search))
		return REASON_NONE;
	if (search->overload && take_overloaded(search))
		return REASON_NONE;
	return refuse(search);
}
