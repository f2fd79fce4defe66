/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/mapping_judge.h"

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
	if (!mapping_within(&mapping->external.address, &request->address_first, &request->address_last))
		return false;
	return !mapping_has_ports(request->protocol) ||
	       (port >= request->port_first && port <= request->port_last && port >= least);
}

static bool shareable(struct mapping_model *model, size_t i, const struct mapping_request *request,
		      enum behaviour behaviour, bool *clash)
{
	const struct model_mapping *mapping = &model->mappings[i];
	struct endpoint part = mapping_part_of(behaviour, &request->peer);

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

/* One of the mappings that fit must have been shared; says so in @shared. */
static const char *judge_sharing(struct mapping_model *model, const struct mapping_request *request, uint32_t index,
				 bool *clash, size_t *shared)
{
	enum behaviour order[2] = { request->behaviour, BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT };

	if (!mapping_has_ports(request->protocol))
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
	struct mapping_view view = mapping_view_of(model, request, &answer->external);
	bool taken_alike = false;

	for (size_t i = 0; i < model->mapping_end; i++) {
		const struct model_mapping *other = &model->mappings[i];
		struct endpoint part = mapping_part_of(wanted, &request->peer);

		taken_alike |= other->live && other->protocol == request->protocol && other->behaviour == wanted &&
			       endpoint_equal(&other->peer, &part) &&
			       endpoint_equal(&other->external, &answer->external);
	}
	if (!mapping_has_ports(request->protocol) || (request->static_nat ? taken_alike : view.taken))
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
		.peer = mapping_part_of(answer->behaviour, &request->peer),
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
	wrong = mapping_judge_new(model, request, answer);
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

void mapping_model_end_holds(struct mapping_model *model)
{
	for (size_t i = 0; i < model->mapping_end; i++)
		if (model->mappings[i].live && model->mappings[i].held)
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
		struct endpoint part = mapping_part_of((enum behaviour)behaviour, peer);
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
