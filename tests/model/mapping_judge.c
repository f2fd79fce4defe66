/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/mapping_judge.h"

bool mapping_has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_ICMP;
}

struct endpoint mapping_part_of(enum behaviour behaviour, const struct endpoint *peer)
{
	struct endpoint part = { 0 };

	if (behaviour == BEHAVIOUR_ADDRESS_DEPENDENT)
		part.address = peer->address;
	if (behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT)
		part = *peer;
	return part;
}

bool mapping_within(const struct address *address, const struct address *first, const struct address *last)
{
	return memcmp(address, first, sizeof(*first)) >= 0 && memcmp(address, last, sizeof(*last)) <= 0;
}

/* May anybody, the router included, use that port of that address? */
static bool permitted(const struct mapping_model *model, uint8_t protocol, const struct endpoint *external)
{
	return !model->port_sets || !mapping_has_ports(protocol) || !address_is_ipv4(&external->address) ||
	       port_set_contains(&model->port_set, be16_to_host(external->port));
}

static bool reserved(const struct mapping_model *model, uint8_t protocol, const struct address *address, uint16_t port)
{
	for (size_t i = 0; i < model->reservation_count; i++) {
		const struct pool_reservation *entry = &model->reservations[i];

		if (entry->protocol == protocol && port >= entry->first && port <= entry->last &&
		    (address_is_unspecified(&entry->address) || address_equal(&entry->address, address)))
			return true;
	}
	return false;
}

struct mapping_view mapping_view_of(const struct mapping_model *model, const struct mapping_request *request,
				    const struct endpoint *external)
{
	struct mapping_view view = { .reserved = reserved(model, request->protocol, &external->address,
							  be16_to_host(external->port)) };
	bool held = false;

	view.reserved |= !permitted(model, request->protocol, external);
	for (size_t i = 0; i < model->mapping_end; i++) {
		const struct model_mapping *mapping = &model->mappings[i];
		struct endpoint part;

		if (!mapping->live || mapping->protocol != request->protocol ||
		    !endpoint_equal(&mapping->external, external))
			continue;
		part = mapping_part_of(mapping->behaviour, &request->peer);
		view.mappings++;
		held = mapping->held;
		view.any_held |= held;
		if (mapping->one_to_one && mapping->behaviour != BEHAVIOUR_ENDPOINT_INDEPENDENT)
			view.maybe = true;
		else
			view.taken = true;
		if (!endpoint_equal(&mapping->peer, &part))
			continue;
		if (mapping->held)
			view.blocked = true;
		else if (mapping->behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT)
			view.here = true;
	}
	view.sole_held = view.mappings == 1 && held && view.taken && !view.reserved && !model->shared_ports;
	if (mapping_model_in_use((void *)model, request->protocol, external, &request->peer))
		view.here = true;
	return view;
}

struct offer {
	bool any_exclusive, any_usable, any_blocked, any_held, any_sole_held, any_maybe;
	bool got_exclusive, got_usable; /* the answer is one of them */
};

/* Is the host paired with @address, in the range of @request? */
static bool is_paired(const struct mapping_model *model, const struct mapping_request *request,
		      const struct address *address)
{
	for (size_t i = 0; i < model->mapping_end; i++) {
		const struct model_mapping *mapping = &model->mappings[i];

		if (mapping->live && mapping->paired &&
		    address_equal(&mapping->internal.address, &request->internal.address) &&
		    address_equal(&mapping->external.address, address) &&
		    mapping_within(address, &request->address_first, &request->address_last))
			return true;
	}
	return false;
}

static void consider(struct offer *offer, const struct mapping_view *view, bool got)
{
	bool exclusive = !view->reserved && !view->taken;
	bool usable = !view->reserved && !view->here && !view->blocked;

	offer->any_exclusive |= exclusive && !view->maybe;
	offer->any_usable |= usable;
	offer->any_blocked |= view->blocked;
	offer->any_sole_held |= view->sole_held;
	offer->any_held |= view->any_held;
	offer->any_maybe |= view->maybe;
	if (got) {
		offer->got_exclusive = exclusive;
		offer->got_usable = usable;
	}
}

static struct offer look(const struct mapping_model *model, const struct mapping_request *request,
			 const struct endpoint *got)
{
	uint32_t addresses = address_range_size(&request->address_first, &request->address_last);
	uint32_t first = request->port_first, last = request->port_last;
	struct offer offer = { 0 };

	if (first == 0 && request->protocol != PROTOCOL_ICMP)
		first = 1;
	if (!mapping_has_ports(request->protocol))
		first = last = 0;
	for (uint32_t i = 0; i < addresses; i++) {
		struct endpoint external = { .address = address_advance(&request->address_first, i) };

		for (uint32_t port = first; port <= last; port++) {
			struct mapping_view view;

			external.port = be16_from_host((uint16_t)port);
			view = mapping_view_of(model, request, &external);
			consider(&offer, &view, endpoint_equal(&external, got));
		}
	}
	return offer;
}

static const char *judge_static(const struct mapping_model *model, const struct mapping_request *request,
				const struct endpoint *got, enum reason reason)
{
	struct endpoint external = { .address = request->address_first, .port = request->internal.port };
	struct mapping_view view = mapping_view_of(model, request, &external);

	if (view.here || view.blocked)
		return reason == REASON_TUPLE_CLASH ? NULL : "one-to-one: a clash went unnoticed";
	if (reason != REASON_NONE)
		return "one-to-one: refused though nobody is in the way";
	return endpoint_equal(got, &external) ? NULL : "one-to-one: something was translated that must not be";
}

static const char *judge_portless(const struct mapping_model *model, const struct mapping_request *request,
				  const struct endpoint *got, enum reason reason)
{
	struct offer offer = look(model, request, got);
	struct mapping_view own = mapping_view_of(model, request, &request->internal);

	if (request->identity && !own.here && !own.blocked)
		return reason == REASON_NONE && endpoint_equal(got, &request->internal)
			   ? NULL
			   : "without ports: the router's own address did not stay";
	if (reason == REASON_NONE)
		return offer.got_usable ? NULL : "without ports: the address is in use towards this peer";
	if (offer.any_usable)
		return "without ports: refused though an address is free";
	return reason == (offer.any_blocked ? REASON_HOLD_DOWN : REASON_DESTINATION_EXHAUSTED)
		   ? NULL
		   : "without ports: the wrong reason";
}

static const char *judge_refusal(const struct offer *offer, const struct mapping_request *request, enum reason reason)
{
	bool overload = request->overload && request->in_use;

	if (offer->any_exclusive)
		return "refused though a port is free";
	if (overload && offer->any_usable)
		return "refused though a port is free for this destination";
	if (reason == REASON_HOLD_DOWN)
		return offer->any_held ? NULL : "nothing is held down";
	if (offer->any_sole_held)
		return "a held port is the cause";
	return reason == (overload ? REASON_DESTINATION_EXHAUSTED : REASON_POOL_EXHAUSTED) ? NULL : "the wrong reason";
}

static const char *judge_dynamic(const struct mapping_model *model, const struct mapping_request *request,
				 const struct endpoint *got, enum reason reason)
{
	struct mapping_request own = *request;
	struct offer offer;

	if (request->identity && permitted(model, request->protocol, &request->internal)) {
		struct mapping_view view = mapping_view_of(model, request, &request->internal);

		if (!view.taken && reason == REASON_NONE && endpoint_equal(got, &request->internal))
			return NULL;
		if (!view.mappings)
			return "the router's own port did not stay";
	}
	offer = look(model, &own, got);
	if (reason != REASON_NONE)
		return judge_refusal(&offer, request, reason);
	if (offer.got_exclusive)
		return NULL;
	if (offer.any_exclusive)
		return "overloaded though a port is free";
	if (!request->overload || !request->in_use)
		return "somebody else's port, without overloading";
	return offer.got_usable ? NULL : "overloaded, but not free for this destination";
}

static const char *judge_choice(const struct mapping_model *model, const struct mapping_request *request,
				const struct model_answer *answer)
{
	if (!mapping_has_ports(request->protocol))
		return judge_portless(model, request, &answer->external, answer->reason);
	return judge_dynamic(model, request, &answer->external, answer->reason);
}

/* Paired, but another address once that is full: nothing is refused that any address has. */
static const char *judge_spill(const struct mapping_model *model, const struct mapping_request *request,
			       const struct model_answer *answer, const struct mapping_request *home)
{
	struct offer at_home = look(model, home, &answer->external);

	if (at_home.any_exclusive && !address_equal(&answer->external.address, &home->address_first))
		return "left its address though that has room";
	return judge_choice(model, request, answer);
}

/* A host that is paired with several addresses of this range (by other, overlapping ranges) may get any of them. */
const char *mapping_judge_new(const struct mapping_model *model, const struct mapping_request *request,
			      const struct model_answer *answer)
{
	uint32_t addresses = address_range_size(&request->address_first, &request->address_last);
	struct mapping_request home = *request;
	const char *wrong = NULL;
	unsigned int paired = 0;

	if (request->static_nat)
		return judge_static(model, request, &answer->external, answer->reason);
	for (uint32_t i = 0; request->paired && addresses > 1 && i < addresses; i++) {
		struct mapping_request narrowed = *request;

		narrowed.address_first = narrowed.address_last = address_advance(&request->address_first, i);
		if (!is_paired(model, request, &narrowed.address_first))
			continue;
		paired++;
		home = narrowed;
		wrong = judge_choice(model, &narrowed, answer);
		if (!wrong && !request->spill)
			return NULL;
	}
	if (request->spill && paired == 1 && mapping_has_ports(request->protocol) && !request->identity)
		return judge_spill(model, request, answer, &home);
	return paired && !request->spill ? wrong : judge_choice(model, request, answer);
}
