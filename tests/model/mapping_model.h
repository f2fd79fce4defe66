/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings as one would explain them: a list of mappings, a list of sessions, and the
 * rules of RFC 4787 asked of every port of the range in turn. Where the real table
 * may choose, the model says whether the choice was a right one.
 */
#ifndef SLUICE_MAPPING_MODEL_H
#define SLUICE_MAPPING_MODEL_H

#include "conntrack/mapping.h"

#define MODEL_MAPPINGS 1024
#define MODEL_SESSIONS 2048
#define MODEL_ADDRESSES 8
#define MODEL_PORTS 64

struct model_mapping {
	bool live; /* the entry is taken */
	bool held, one_to_one, paired, gone;
	uint8_t protocol;
	enum behaviour behaviour;
	struct endpoint internal, external, peer; /* @peer: the part that @behaviour looks at */
	uint32_t sessions;
	uint64_t due_ms;
	bool fresh;	/* has never had a session that stayed */
	uint32_t index; /* in the real table */
};

struct model_session {
	bool live;
	size_t mapping; /* in the model's list */
	struct endpoint peer;
};

struct mapping_model {
	struct model_mapping mappings[MODEL_MAPPINGS];
	struct model_session sessions[MODEL_SESSIONS];
	size_t mapping_end, session_end; /* entries from there on were never taken */
	uint32_t count, capacity, hold_ms;
	bool shared_ports; /* ports may have had several mappings: which of them rest is then not told apart */
	const struct pool_reservation *reservations;
	size_t reservation_count;
	struct settings_port_set port_set; /* of every address, while @port_sets is 1 */
	unsigned int port_sets;
};

/* The session table's answer, for mapping_request.in_use; the context is the model. */
bool mapping_model_in_use(void *context, uint8_t protocol, const struct endpoint *external,
			  const struct endpoint *peer);

/** struct model_answer - what mapping_acquire() answered, and what it made */
struct model_answer {
	uint32_t index;
	enum reason reason;
	struct endpoint external;
	enum behaviour behaviour;
};

/**
 * mapping_model_acquire() - judge what mapping_acquire() answered, and take note of it
 * @session: receives the new session's place, for mapping_model_release()
 *
 * Return: NULL, or what is wrong with it.
 */
const char *mapping_model_acquire(struct mapping_model *model, const struct mapping_request *request,
				  const struct model_answer *answer, size_t *session);

void mapping_model_release(struct mapping_model *model, size_t session, struct mono now);
/* The session was never there; a mapping that it took out of quarantine goes back there. */
void mapping_model_cancel(struct mapping_model *model, size_t session, struct mono now);
void mapping_model_tick(struct mapping_model *model, struct mono now);
void mapping_model_end_holds(struct mapping_model *model);
void mapping_model_end_address(struct mapping_model *model, const struct address *external);

/* Is @index what a lookup from outside, or inside, may answer? */
bool mapping_model_found_external(const struct mapping_model *model, uint8_t protocol, const struct endpoint *external,
				  const struct endpoint *peer, uint32_t index);
bool mapping_model_found_internal(const struct mapping_model *model, uint8_t protocol, const struct endpoint *internal,
				  const struct endpoint *peer, uint32_t index);

uint32_t mapping_model_of_host(const struct mapping_model *model, const struct address *internal);

/* External ports of an address that mappings (other than one-to-one) have. */
uint32_t mapping_model_ports(const struct mapping_model *model, uint8_t protocol, const struct address *external);

#endif
