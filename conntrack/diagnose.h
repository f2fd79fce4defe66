/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between judging and wording. */
#ifndef SLUICE_CONNTRACK_DIAGNOSE_H
#define SLUICE_CONNTRACK_DIAGNOSE_H

#include "conntrack/engine_private.h"
#include "sluice/diagnosis.h"

/**
 * struct suspect - a finding that is not put into words yet
 * @entry: whom it concerns; NULL: many services
 * @services: how many it stands for
 * @place, @hook: of a policy-drop, as in struct statistics_entry
 */
struct suspect {
	enum finding_name name;
	enum statistic statistic;
	uint32_t count, since_s, services;
	const struct statistics_entry *entry;
	uint32_t place;
	uint8_t hook;
	uint16_t hole; /* of an mtu-black-hole: its place in the inquiry */
};

/**
 * struct inquiry
 * @answering: services that have answered lately and were not hurt
 * @opened: sessions opened lately, by all
 * @blackout: nothing at all is answered, whoever asks whom
 */
struct inquiry {
	const struct engine *engine;
	const struct address *about;
	struct mono now;
	uint32_t answering, opened;
	bool blackout;
	size_t count, limit, hole_count;
	struct snapshot_black_hole holes[FINDING_LIMIT];
	struct suspect suspects[FINDING_LIMIT];
};

/* Puts @suspect into words. */
void diagnose_describe(const struct inquiry *inquiry, const struct suspect *suspect, struct finding *finding);

#endif
