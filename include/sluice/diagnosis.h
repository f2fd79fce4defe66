/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong, by name: findings that rest on what was seen in the last minutes.
 */
#ifndef SLUICE_DIAGNOSIS_H
#define SLUICE_DIAGNOSIS_H

#include "sluice/snapshot.h"

/*        name                   word                    layer                                     */
#define SLUICE_FINDINGS(X) \
	X(REFUSED, "refused", "L4")			      /* somebody is there and says no */ \
	X(TIMED_OUT, "timed-out", "L4")			      /* nobody says anything */ \
	X(RESET_MIDSTREAM, "reset-midstream", "L4")	      /* the destination broke it off */ \
	X(IDLE_EXPIRED, "idle-expired", "gateway")	      /* quiet for longer than we wait */ \
	X(POLICY_DROP, "policy-drop", "policy")		      /* a rule, or a chain's policy */ \
	X(PORT_EXHAUSTED, "port-exhausted", "gateway")	      /* no external port is free */ \
	X(TABLE_FULL, "table-full", "gateway")		      /* no room for a session */ \
	X(SOURCE_QUOTA, "source-quota", "gateway")	      /* the source holds all it may */ \
	X(MTU_BLACK_HOLE, "mtu-black-hole", "L3")	      /* large packets vanish */ \
	X(FRAGMENTATION_NEEDED, "fragmentation-needed", "L3") /* large packets are refused */ \
	X(UNREACHABLE, "unreachable", "L3")		      /* a router says so */ \
	X(TTL_EXCEEDED, "ttl-exceeded", "L3")		      /* a routing loop */ \
	X(DNS_UNANSWERED, "dns-unanswered", "L7")	      /* names do not resolve */ \
	X(ONE_WAY, "one-way", "L4")			      /* packets go and none comes back */

enum finding_name {
#define SLUICE_FINDING_ENUM(name, word, layer) FINDING_##name,
	SLUICE_FINDINGS(SLUICE_FINDING_ENUM)
#undef SLUICE_FINDING_ENUM
	    FINDING_COUNT,
};

#define FINDING_SUBJECT_SIZE 256
#define FINDING_TEXT_SIZE 512
#define FINDING_LIMIT 64

/**
 * struct finding
 * @subject: a service, an address, a rule's place, or what of the gateway
 * @count: connections hurt; DNS: queries
 * @since_s: seconds since the first of them
 * @text: the evidence; @cure: what to do, or where to look
 */
struct finding {
	enum finding_name name;
	uint32_t count, since_s;
	char subject[FINDING_SUBJECT_SIZE];
	char text[FINDING_TEXT_SIZE];
	char cure[FINDING_TEXT_SIZE];
};

/* The words of DESIGN for both; never NULL. */
const char *finding_name(enum finding_name name);
const char *finding_layer(enum finding_name name);

/**
 * engine_diagnose() - what is wrong, those that hurt most first
 * @about: only what concerns that address, be it once; NULL: everything, once it is more
 *	than the odd connection
 * @list: room for @limit findings, FINDING_LIMIT at most
 *
 * Looks at what is counted of sources and services, some thousand entries.
 * Return: how many were filled in; 0: nothing is wrong.
 */
size_t engine_diagnose(const struct engine *engine, const struct address *about, struct mono now, struct finding *list,
		       size_t limit);

#endif
