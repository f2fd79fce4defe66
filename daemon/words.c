/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/words.h"

#include <arpa/inet.h>
#include <strings.h>

static const struct {
	uint8_t number;
	const char *word;
} protocols[] = {
	{ PROTOCOL_TCP, "tcp" },       { PROTOCOL_UDP, "udp" },		{ PROTOCOL_ICMP, "icmp" },
	{ PROTOCOL_ICMPV6, "icmpv6" }, { PROTOCOL_UDPLITE, "udplite" }, { PROTOCOL_SCTP, "sctp" },
	{ PROTOCOL_DCCP, "dccp" },     { PROTOCOL_GRE, "gre" },
};

/* What conntrack prints for TCP and SCTP. */
static const char *const conntrack_states[] = {
	"NONE",		 "SYN_SENT",	  "SYN_RECV",	   "ESTABLISHED",	"FIN_WAIT",	  "CLOSE_WAIT",
	"LAST_ACK",	 "TIME_WAIT",	  "CLOSE",	   "SYN_SENT2",		"CLOSED",	  "COOKIE_WAIT",
	"COOKIE_ECHOED", "SHUTDOWN_SENT", "SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED",
};

static const char *const timeout_states[TIMEOUT_COUNT] = {
#define WORDS_TIMEOUT_STATE(name, protocol, state, seconds) state,
	SLUICE_TIMEOUTS(WORDS_TIMEOUT_STATE)
#undef WORDS_TIMEOUT_STATE
};

const char *words_address(const struct address *address, char text[WORDS_ADDRESS_SIZE])
{
	if (address_is_ipv4(address))
		return inet_ntop(AF_INET, address->bytes + 12, text, WORDS_ADDRESS_SIZE);
	return inet_ntop(AF_INET6, address->bytes, text, WORDS_ADDRESS_SIZE);
}

const char *words_protocol(uint8_t protocol)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].number == protocol)
			return protocols[i].word;
	return "unknown";
}

bool words_find_protocol(const char *word, uint8_t *protocol)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcasecmp(protocols[i].word, word) == 0) {
			*protocol = protocols[i].number;
			return true;
		}
	}
	return false;
}

bool words_has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE ||
	       protocol == PROTOCOL_SCTP || protocol == PROTOCOL_DCCP;
}

const char *words_timeout_state(enum timeout timeout)
{
	return timeout < TIMEOUT_COUNT ? timeout_states[timeout] : "unknown";
}

const char *words_conntrack_state(enum timeout timeout)
{
	switch (timeout) {
	case TIMEOUT_TCP_SYN_SENT:
		return "SYN_SENT";
	case TIMEOUT_TCP_SYN_RECEIVED:
		return "SYN_RECV";
	case TIMEOUT_TCP_ESTABLISHED:
	case TIMEOUT_TCP_UNACKNOWLEDGED:
	case TIMEOUT_TCP_RETRANSMITTING:
		return "ESTABLISHED";
	case TIMEOUT_TCP_FIN_WAIT:
		return "FIN_WAIT";
	case TIMEOUT_TCP_CLOSE_WAIT:
		return "CLOSE_WAIT";
	case TIMEOUT_TCP_LAST_ACK:
		return "LAST_ACK";
	case TIMEOUT_TCP_TIME_WAIT:
		return "TIME_WAIT";
	case TIMEOUT_TCP_CLOSE:
		return "CLOSE";
	default:
		return "";
	}
}

bool words_is_state(const char *word)
{
	for (size_t i = 0; i < sizeof(conntrack_states) / sizeof(conntrack_states[0]); i++)
		if (strcasecmp(conntrack_states[i], word) == 0)
			return true;
	for (size_t i = 0; i < TIMEOUT_COUNT; i++)
		if (strcasecmp(timeout_states[i], word) == 0)
			return true;
	return false;
}

const char *words_nat(enum session_nat nat)
{
	static const char *const words[] = { "none", "snat", "dnat", "both" };

	return nat <= SESSION_NAT_BOTH ? words[nat] : "unknown";
}

int words_icmp_reply(uint8_t protocol, int type)
{
	if (protocol == PROTOCOL_ICMPV6)
		return type == 128 ? 129 : type;
	switch (type) {
	case 8:
		return 0;
	case 13:
	case 15:
	case 17:
		return type + 1;
	default:
		return type;
	}
}
