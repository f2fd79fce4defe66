/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/mapping_model.h"

/* What there is to know of one port of a range, or of one address for protocols without ports. */
struct view {
	bool reserved;
	bool taken;	/* some mapping has it for certain */
	bool maybe;	/* a one-to-one mapping bound to a peer has it: the pool may not know */
	bool here;	/* in use, or mapped, towards this very peer */
	bool blocked;	/* in quarantine, as far as this peer is concerned */
	bool any_held;	/* some mapping of it is in quarantine */
	bool sole_held; /* its only mapping is in quarantine */
	uint32_t mappings;
};

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_ICMP;
}

static struct endpoint part_of(enum behaviour behaviour, const struct endpoint *peer)
{
	struct endpoint part = { 0 };

	if (behaviour == BEHAVIOUR_ADDRESS_DEPENDENT)
		part.address = peer->address;
	if (behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT)
		part = *peer;
	return part;
}

static bool within(const struct address *address, const struct address *first, const struct address *last)
{
	return memcmp(address, first, sizeof(*first)) >= 0 && memcmp(address, last, sizeof(*last)) <= 0;
}

bool mapping_model_in_use(void *context, uint8_t protocol, const struct endpoint *external, const struct endpoint *peer)
{
	const struct mapping_model *model = context;

	for (size_t i = 0; i < model->session_end; i++) {
		const struct model_session *session = &model->sessions[i];

		if (session->live && model->mappings[session->mapping].protocol == protocol &&
		    endpoint_equal(&model->mappings[session->mapping].external, external) &&
		    endpoint_equal(&session->peer, peer))
			return true;
	}
	return false;
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

static struct view view_of(const struct mapping_model *model, const struct mapping_request *request,
			   const struct endpoint *external)
{
	struct view view = { .reserved =
				 reserved(model, request->protocol, &external->address, be16_to_host(external->port)) };
	bool held = false;

	for (size_t i = 0; i < model->mapping_end; i++) {
		const struct model_mapping *mapping = &model->mappings[i];
		struct endpoint part;

		if (!mapping->live || mapping->protocol != request->protocol ||
		    !endpoint_equal(&mapping->external, external))
			continue;
		part = part_of(mapping->behaviour, &request->peer);
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

/* ---------------------------------------------------------------------- sharing */

static bool fits(const struct model_mapping *mapping, const struct mapping_request *request)
{
	uint16_t port = be16_to_host(mapping->external.port);
	uint16_t least = request->protocol == PROTOCOL_ICMP ? 0 : 1;

	if (mapping->gone || mapping->one_to_one != request->static_nat)
		return false;
	if (request->static_nat)
		return address_equal(&mapping->external.address, &request->address_first);
	if (request->identity && endpoint_equal(&mapping->external, &request->internal))
		return true;
	if (!within(&mapping->external.address, &request->address_first, &request->address_last))
		return false;
	return !has_ports(request->protocol) ||
	       (port >= request->port_first && port <= request->port_last && port >= least);
}

static bool shareable(struct mapping_model *model, size_t i, const struct mapping_request *request,
		      enum behaviour behaviour, bool *clash)
{
	const struct model_mapping *mapping = &model->mappings[i];
	struct endpoint part = part_of(behaviour, &request->peer);

	if (!mapping->live || mapping->protocol != request->protocol || mapping->behaviour != behaviour ||
	    !endpoint_equal(&mapping->internal, &request->internal) || !endpoint_equal(&mapping->peer, &part) ||
	    !fits(mapping, request))
		return false;
	if (request->in_use && mapping_model_in_use(model, request->protocol, &mapping->external, &request->peer)) {
		*clash = true;
		return false;
	}
	return true;
}

/* ---------------------------------------------------------------------- judging */

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
		    within(address, &request->address_first, &request->address_last))
			return true;
	}
	return false;
}

static void consider(struct offer *offer, const struct view *view, bool got)
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
	if (!has_ports(request->protocol))
		first = last = 0;
	for (uint32_t i = 0; i < addresses; i++) {
		struct endpoint external = { .address = address_advance(&request->address_first, i) };

		for (uint32_t port = first; port <= last; port++) {
			struct view view;

			external.port = be16_from_host((uint16_t)port);
			view = view_of(model, request, &external);
			consider(&offer, &view, endpoint_equal(&external, got));
		}
	}
	return offer;
}

static const char *judge_static(const struct mapping_model *model, const struct mapping_request *request,
				const struct endpoint *got, enum reason reason)
{
	struct endpoint external = { .address = request->address_first, .port = request->internal.port };
	struct view view = view_of(model, request, &external);

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
	struct view own = view_of(model, request, &request->internal);

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

	if (request->identity) {
		struct view view = view_of(model, request, &request->internal);

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

/* ------------------------------------------------------------------- taking note */

static size_t free_session(struct mapping_model *model)
{
	for (size_t i = 0;; i++) {
		if (!model->sessions[i].live) {
			if (i >= model->session_end)
				model->session_end = i + 1;
			return i;
		}
	}
}

static void add_session(struct mapping_model *model, size_t mapping, const struct endpoint *peer, size_t *session)
{
	*session = free_session(model);
	model->sessions[*session] = (struct model_session){ .live = true, .mapping = mapping, .peer = *peer };
	model->mappings[mapping].held = false;
	model->mappings[mapping].fresh = false;
	model->mappings[mapping].sessions++;
}

static size_t add_mapping(struct mapping_model *model, const struct model_mapping *mapping)
{
	for (size_t i = 0;; i++) {
		if (!model->mappings[i].live) {
			if (i >= model->mapping_end)
				model->mapping_end = i + 1;
			model->mappings[i] = *mapping;
			model->count++;
			return i;
		}
	}
}

static const char *judge_choice(const struct mapping_model *model, const struct mapping_request *request,
				const struct model_answer *answer)
{
	if (!has_ports(request->protocol))
		return judge_portless(model, request, &answer->external, answer->reason);
	return judge_dynamic(model, request, &answer->external, answer->reason);
}

/* A host that is paired with several addresses of this range (by other, overlapping ranges) may get any of them. */
static const char *judge_new(const struct mapping_model *model, const struct mapping_request *request,
			     const struct model_answer *answer)
{
	uint32_t addresses = address_range_size(&request->address_first, &request->address_last);
	const char *wrong = NULL;
	bool paired = false;

	if (request->static_nat)
		return judge_static(model, request, &answer->external, answer->reason);
	for (uint32_t i = 0; request->paired && addresses > 1 && i < addresses; i++) {
		struct mapping_request narrowed = *request;

		narrowed.address_first = narrowed.address_last = address_advance(&request->address_first, i);
		if (!is_paired(model, request, &narrowed.address_first))
			continue;
		paired = true;
		wrong = judge_choice(model, &narrowed, answer);
		if (!wrong)
			return NULL;
	}
	return paired ? wrong : judge_choice(model, request, answer);
}

/* One of the mappings that fit must have been shared; says so in @shared. */
static const char *judge_sharing(struct mapping_model *model, const struct mapping_request *request, uint32_t index,
				 bool *clash, size_t *shared)
{
	enum behaviour order[2] = { request->behaviour, BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT };

	if (!has_ports(request->protocol))
		order[0] = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	for (size_t pass = 0; pass < 2; pass++) {
		bool any = false;

		for (size_t i = 0; i < model->mapping_end; i++) {
			if (!shareable(model, i, request, order[pass], clash))
				continue;
			any = true;
			if (model->mappings[i].index == index && index != MAPPING_NONE) {
				*shared = i;
				return NULL;
			}
		}
		if (any)
			return "a mapping that fits was not shared";
	}
	return NULL;
}

/* What a new mapping must be bound to. */
static bool right_behaviour(const struct mapping_model *model, const struct mapping_request *request, bool clash,
			    const struct model_answer *answer)
{
	enum behaviour wanted = clash ? BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT : request->behaviour;
	struct view view = view_of(model, request, &answer->external);
	bool taken_alike = false;

	for (size_t i = 0; i < model->mapping_end; i++) {
		const struct model_mapping *other = &model->mappings[i];
		struct endpoint part = part_of(wanted, &request->peer);

		taken_alike |= other->live && other->protocol == request->protocol && other->behaviour == wanted &&
			       endpoint_equal(&other->peer, &part) &&
			       endpoint_equal(&other->external, &answer->external);
	}
	if (!has_ports(request->protocol) || (request->static_nat ? taken_alike : view.taken))
		wanted = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT;
	else if (!request->static_nat && view.maybe && answer->behaviour == BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT)
		return true;
	return answer->behaviour == wanted;
}

static const char *note_new(struct mapping_model *model, const struct mapping_request *request, bool clash,
			    const struct model_answer *answer, size_t *session)
{
	struct model_mapping mapping = {
		.live = true,
		.one_to_one = request->static_nat,
		.paired = request->paired && !address_equal(&request->address_first, &request->address_last),
		.protocol = request->protocol,
		.behaviour = answer->behaviour,
		.internal = request->internal,
		.external = answer->external,
		.peer = part_of(answer->behaviour, &request->peer),
		.index = answer->index,
	};
	size_t added;

	for (size_t i = 0; i < model->mapping_end; i++)
		if (model->mappings[i].live && model->mappings[i].index == answer->index)
			return "new, but not a mapping that was free";
	if (!right_behaviour(model, request, clash, answer))
		return "bound to the wrong part of the peer";
	added = add_mapping(model, &mapping);
	add_session(model, added, &request->peer, session);
	model->mappings[added].fresh = true;
	return NULL;
}

const char *mapping_model_acquire(struct mapping_model *model, const struct mapping_request *request,
				  const struct model_answer *answer, size_t *session)
{
	size_t shared = SIZE_MAX;
	bool clash = false;
	const char *wrong;

	if ((answer->index == MAPPING_NONE) != (answer->reason != REASON_NONE))
		return "an answer and a reason, or neither";
	wrong = judge_sharing(model, request, answer->index, &clash, &shared);
	if (wrong)
		return wrong;
	if (shared != SIZE_MAX) {
		if (!endpoint_equal(&model->mappings[shared].external, &answer->external))
			return "a mapping moved";
		add_session(model, shared, &request->peer, session);
		return NULL;
	}
	if (request->ports_limit && mapping_model_of_host(model, &request->internal.address) >= request->ports_limit)
		return answer->reason == REASON_SOURCE_QUOTA ? NULL : "over the quota";
	if (model->count >= model->capacity) {
		bool held = false;

		for (size_t i = 0; i < model->mapping_end; i++)
			held |= model->mappings[i].live && model->mappings[i].held;
		return answer->reason == (held ? REASON_HOLD_DOWN : REASON_TABLE_FULL) ? NULL : "the table is full";
	}
	wrong = judge_new(model, request, answer);
	if (wrong || answer->index == MAPPING_NONE)
		return wrong;
	return note_new(model, request, clash, answer, session);
}

static void remove_mapping(struct mapping_model *model, size_t i)
{
	model->mappings[i].live = false;
	model->count--;
}

void mapping_model_release(struct mapping_model *model, size_t session, struct mono now)
{
	struct model_mapping *mapping = &model->mappings[model->sessions[session].mapping];

	model->sessions[session].live = false;
	if (--mapping->sessions)
		return;
	mapping->held = true;
	mapping->due_ms = now.ns / NS_PER_MS + model->hold_ms;
	if (!model->hold_ms || mapping->gone)
		remove_mapping(model, model->sessions[session].mapping);
}

void mapping_model_cancel(struct mapping_model *model, size_t session, struct mono now)
{
	struct model_mapping *mapping = &model->mappings[model->sessions[session].mapping];

	if (mapping->fresh && mapping->sessions == 1)
		mapping->gone = true;
	mapping_model_release(model, session, now);
}

void mapping_model_tick(struct mapping_model *model, struct mono now)
{
	for (size_t i = 0; i < model->mapping_end; i++)
		if (model->mappings[i].live && model->mappings[i].held &&
		    now.ns / NS_PER_MS >= model->mappings[i].due_ms)
			remove_mapping(model, i);
}

void mapping_model_end_address(struct mapping_model *model, const struct address *external)
{
	for (size_t i = 0; i < model->mapping_end; i++) {
		struct model_mapping *mapping = &model->mappings[i];

		if (!mapping->live || !address_equal(&mapping->external.address, external))
			continue;
		mapping->gone = true;
		if (mapping->held)
			remove_mapping(model, i);
	}
}

/* ----------------------------------------------------------------------- asking */

/* Narrowest binding first; within one, any that fits. */
static bool found(const struct mapping_model *model, uint8_t protocol, const struct endpoint *end, bool external,
		  const struct endpoint *peer, uint32_t index)
{
	for (int behaviour = BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT; behaviour >= 0; behaviour--) {
		struct endpoint part = part_of((enum behaviour)behaviour, peer);
		bool any = false;

		for (size_t i = 0; i < model->mapping_end; i++) {
			const struct model_mapping *mapping = &model->mappings[i];

			if (!mapping->live || mapping->held || mapping->protocol != protocol ||
			    mapping->behaviour != (enum behaviour)behaviour || !endpoint_equal(&mapping->peer, &part) ||
			    !endpoint_equal(external ? &mapping->external : &mapping->internal, end))
				continue;
			if (mapping->index == index)
				return true;
			any = true;
		}
		if (any)
			return false;
	}
	return index == MAPPING_NONE;
}

bool mapping_model_found_external(const struct mapping_model *model, uint8_t protocol, const struct endpoint *external,
				  const struct endpoint *peer, uint32_t index)
{
	return found(model, protocol, external, true, peer, index);
}

bool mapping_model_found_internal(const struct mapping_model *model, uint8_t protocol, const struct endpoint *internal,
				  const struct endpoint *peer, uint32_t index)
{
	return found(model, protocol, internal, false, peer, index);
}

uint32_t mapping_model_of_host(const struct mapping_model *model, const struct address *internal)
{
	uint32_t count = 0;

	for (size_t i = 0; i < model->mapping_end; i++)
		count += model->mappings[i].live && address_equal(&model->mappings[i].internal.address, internal);
	return count;
}

uint32_t mapping_model_ports(const struct mapping_model *model, uint8_t protocol, const struct address *external)
{
	uint32_t count = 0;

	for (size_t i = 0; i < model->mapping_end; i++) {
		const struct model_mapping *mapping = &model->mappings[i];
		bool first = true;

		if (!mapping->live || mapping->one_to_one || mapping->protocol != protocol ||
		    !address_equal(&mapping->external.address, external))
			continue;
		for (size_t j = 0; j < i; j++)
			first &= !(model->mappings[j].live && !model->mappings[j].one_to_one &&
				   model->mappings[j].protocol == protocol &&
				   endpoint_equal(&model->mappings[j].external, &mapping->external));
		count += first;
	}
	return count;
}
