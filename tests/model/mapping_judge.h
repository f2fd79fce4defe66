/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The judging part of the mapping model: which external endpoints would have been right? */
#ifndef SLUICE_MAPPING_JUDGE_H
#define SLUICE_MAPPING_JUDGE_H

#include "tests/model/mapping_model.h"

/* What there is to know of one port of a range, or of one address for protocols without ports. */
struct mapping_view {
	bool reserved;
	bool taken;	/* some mapping has it for certain */
	bool maybe;	/* a one-to-one mapping bound to a peer has it: the pool may not know */
	bool here;	/* in use, or mapped, towards this very peer */
	bool blocked;	/* in quarantine, as far as this peer is concerned */
	bool any_held;	/* some mapping of it is in quarantine */
	bool sole_held; /* its only mapping is in quarantine */
	uint32_t mappings;
};

struct mapping_view mapping_view_of(const struct mapping_model *model, const struct mapping_request *request,
				    const struct endpoint *external);

bool mapping_has_ports(uint8_t protocol);
bool mapping_within(const struct address *address, const struct address *first, const struct address *last);
struct endpoint mapping_part_of(enum behaviour behaviour, const struct endpoint *peer);

/* What is wrong with @answer, given that nothing can be shared; NULL: nothing. */
const char *mapping_judge_new(const struct mapping_model *model, const struct mapping_request *request,
			      const struct model_answer *answer);

#endif
