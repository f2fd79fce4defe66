/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is counted of each source and each destination: enum, JSON key and heading
 * from one list. All of them count connections (or queries), each once, but for
 * retransmissions and probes, which count packets.
 */
#ifndef SLUICE_STATISTICS_H
#define SLUICE_STATISTICS_H

#include "sluice/types.h"

/*        name             key                    what it counts                                              */
#define SLUICE_STATISTICS(X) \
	X(OPENED, "opened", "sessions opened") \
	X(ANSWERED, "answered", "of these, answered") \
	X(UNANSWERED, "unanswered", "TCP: a SYN, and no answer") \
	X(REFUSED, "refused", "a RST, or port unreachable, in answer to the first packet") \
	X(RESET, "reset", "TCP: reset midstream by the destination") \
	X(ABORTED, "aborted", "TCP: reset midstream by the source") \
	X(RETRANSMITTED, "retransmissions", "TCP segments that came by before") \
	X(UNREACHABLE, "unreachable", "ICMP: net, host or protocol unreachable, prohibited") \
	X(TTL_EXCEEDED, "ttl_exceeded", "ICMP: time exceeded for a packet with a usual TTL") \
	X(TTL_PROBES, "ttl_probes", "ICMP: time exceeded for a packet that left with a low TTL") \
	X(TOO_BIG, "fragmentation_needed", "ICMP: fragmentation needed, packet too big") \
	X(AFTER_EXPIRY, "after_expiry", "TCP: went on after its session had expired") \
	X(DNS_QUERIES, "dns_queries", "DNS queries over UDP") \
	X(DNS_UNANSWERED, "dns_unanswered", "of these, unanswered") \
	X(ONE_WAY, "one_way", "three packets or more, and none came back") \
	X(POLICY_DROPPED, "policy_dropped", "dropped or rejected by a rule or a policy") \
	X(NO_PORT, "port_exhausted", "refused: no external port was free") \
	X(TABLE_FULL, "table_full", "refused: no room in the session table") \
	X(OVER_QUOTA, "source_quota", "refused: the source holds all it may")

enum statistic {
#define SLUICE_STATISTIC_ENUM(name, key, text) STATISTIC_##name,
	SLUICE_STATISTICS(SLUICE_STATISTIC_ENUM)
#undef SLUICE_STATISTIC_ENUM
	    STATISTIC_COUNT,
};

/* The JSON key of @statistic; never NULL. */
static inline const char *statistic_key(enum statistic statistic)
{
	static const char *const keys[STATISTIC_COUNT] = {
#define SLUICE_STATISTIC_KEY(name, key, text) key,
		SLUICE_STATISTICS(SLUICE_STATISTIC_KEY)
#undef SLUICE_STATISTIC_KEY
	};

	return statistic < STATISTIC_COUNT ? keys[statistic] : "unknown";
}

/* Codes of ICMP unreachable that are told apart; higher ones count with the last. */
#define STATISTIC_CODES 16

/**
 * struct snapshot_statistics - everything counted of one party since it was first seen
 * @codes: ICMP unreachable messages by code, of the party's family
 * @rate: new sessions a second, over the last seconds
 * @rtt_ms: smoothed handshake time between the gateway and this party; negative: not known
 * @dns_ms: smoothed time to an answer; negative: not known
 */
struct snapshot_statistics {
	uint64_t counts[STATISTIC_COUNT];
	uint32_t codes[STATISTIC_CODES];
	double rate, rtt_ms, dns_ms;
};

#endif
