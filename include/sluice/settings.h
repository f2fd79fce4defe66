/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the `gateway` block of the configuration says, with the defaults where it
 * is silent. Plain values: whoever uses one of them reads it from here.
 */
#ifndef SLUICE_SETTINGS_H
#define SLUICE_SETTINGS_H

#include "sluice/tuple.h"

#define SETTINGS_PATH_SIZE 256
/* NFQUEUEs that share the packets by their source, and one more for what may pass without the daemon. */
#define SETTINGS_QUEUES_BY_SOURCE 16u
#define SETTINGS_QUEUES (SETTINGS_QUEUES_BY_SOURCE + 1u)
#define SETTINGS_MANAGEMENT_LIMIT 16
#define SETTINGS_EXEMPT_LIMIT 32
#define SETTINGS_PORT_SET_LIMIT 32

/* RFC 4787 section 4.1 (mapping) and section 5 (filtering): one set of words. */
enum behaviour {
	BEHAVIOUR_ENDPOINT_INDEPENDENT,
	BEHAVIOUR_ADDRESS_DEPENDENT,
	BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT,
};

/* Does an inside address keep to one external address (RFC 4787 section 4.1)? */
enum pooling {
	POOLING_ARBITRARY,
	POOLING_PAIRED,		 /* yes, and is refused when that is full */
	POOLING_PAIRED_THEN_ANY, /* until that is full */
};

/** struct settings_rate - @count each @period_s seconds, @burst at once; a @count of 0: no limit */
struct settings_rate {
	uint32_t count, period_s, burst;
};

/** struct settings_network - IPv4 is counted in the 16 bytes of struct address: /24 is 120 */
struct settings_network {
	struct address address;
	uint8_t length;
};

/**
 * struct settings_port_set - the ports of an address that are this gateway's (RFC 7597 section 5.1)
 * @address: unspecified: every external IPv4 address
 * @offset, @length: bits before the port set identifier (PSID offset a), and of it (PSID length k)
 * @id: the identifier (PSID)
 */
struct settings_port_set {
	struct address address;
	uint8_t offset, length;
	uint16_t id;
};

/*
 * Timeout classes: `timeout PROTOCOL STATE` of the configuration. Each session is
 * in exactly one; each class has one time-ordered list.
 *        name                  protocol   state              seconds
 */
#define SLUICE_TIMEOUTS(X) \
	X(TCP_SYN_SENT,         "tcp",     "syn-sent",        240)  \
	X(TCP_SYN_RECEIVED,     "tcp",     "syn-received",    240)  \
	X(TCP_ESTABLISHED,      "tcp",     "established",     7440) \
	X(TCP_FIN_WAIT,         "tcp",     "fin-wait",        240)  \
	X(TCP_CLOSE_WAIT,       "tcp",     "close-wait",      240)  \
	X(TCP_LAST_ACK,         "tcp",     "last-ack",        240)  \
	X(TCP_TIME_WAIT,        "tcp",     "time-wait",       120)  \
	X(TCP_CLOSE,            "tcp",     "close",           240)  \
	X(TCP_UNACKNOWLEDGED,   "tcp",     "unacknowledged",  300)  \
	X(TCP_RETRANSMITTING,   "tcp",     "retransmitting",  300)  \
	X(UDP_UNREPLIED,        "udp",     "unreplied",       120)  \
	X(UDP_STREAM,           "udp",     "stream",          300)  \
	X(ICMP,                 "icmp",    "query",           60)   \
	X(GENERIC,              "generic", "any",             600)  \
	X(DCCP_OPENING,         "dccp",    "opening",         240)  \
	X(DCCP_OPEN,            "dccp",    "open",            7440) \
	X(DCCP_CLOSING,         "dccp",    "closing",         240)

enum timeout {
#define SLUICE_TIMEOUT_ENUM(name, protocol, state, seconds) TIMEOUT_##name,
	SLUICE_TIMEOUTS(SLUICE_TIMEOUT_ENUM)
#undef SLUICE_TIMEOUT_ENUM
	TIMEOUT_COUNT,
};

struct settings {
	uint32_t capacity;		/* sessions */
	uint32_t sessions_per_source;	/* 0: no limit */
	uint32_t ports_per_source;	/* 0: no limit */
	struct settings_rate new_per_source;
	unsigned int exempt_count;
	struct settings_network exempt[SETTINGS_EXEMPT_LIMIT]; /* sources without quotas */
	enum behaviour mapping, filtering;
	enum pooling pooling;
	uint16_t port_first, port_last; /* where a rule names no ports; host order */
	bool port_preservation;
	bool port_overloading;
	uint32_t port_hold_ms;
	uint32_t port_block; /* ports that a source gets at a time; 0: one */
	unsigned int port_set_count;
	struct settings_port_set port_sets[SETTINGS_PORT_SET_LIMIT];
	bool log_mappings;
	enum { TABLE_FULL_EVICT, TABLE_FULL_REFUSE } table_full;
	enum { REFUSE_WITH_NONE, REFUSE_WITH_HOST_UNREACHABLE, REFUSE_WITH_ADMIN_PROHIBITED } refuse_with;
	bool tcp_loose, tcp_liberal;
	bool pass_martians; /* sources of a network that is connected to another interface */
	enum { BLACK_HOLES_REPORT, BLACK_HOLES_CLAMP, BLACK_HOLES_REPAIR } black_holes;
	bool fastpath; /* auto, not off */
	uint16_t queue; /* the first of SETTINGS_QUEUES */
	uint32_t queue_length;
	uint32_t mark; /* exactly one bit */
	bool bypass_when_down;
	unsigned int management_count;
	char management[SETTINGS_MANAGEMENT_LIMIT][INTERFACE_NAME_SIZE]; /* a trailing '*' matches a prefix */
	char socket_path[SETTINGS_PATH_SIZE];
	char socket_group[64]; /* "": none */
	bool metrics;
	struct endpoint metrics_listen;
	char state_path[SETTINGS_PATH_SIZE]; /* "": sessions end with the process */
	uint32_t timeout_s[TIMEOUT_COUNT];
};

/**
 * settings_default() - the values in force when the gateway block says nothing
 */
struct settings settings_default(void);

#endif
