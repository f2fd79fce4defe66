/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/fields.h"

/* clang-format off */
static const struct datatype integer4 = { "integer", SYNTAX_NUMBER, 4, NULL, false, false };
static const struct datatype integer8 = { "integer", SYNTAX_NUMBER, 8, NULL, false, false };
static const struct datatype integer16 = { "integer", SYNTAX_NUMBER, 16, NULL, false, false };
static const struct datatype integer20 = { "integer", SYNTAX_NUMBER, 20, NULL, false, false };
static const struct datatype integer32 = { "integer", SYNTAX_NUMBER, 32, NULL, false, false };

static const struct field fields[] = {
	/* protocol, name, type, load, family, transport, bit offset, bits */
	{ "ip", "saddr", &type_ipv4, LOAD_SOURCE, 4, 0, 0, 0 },
	{ "ip", "daddr", &type_ipv4, LOAD_DESTINATION, 4, 0, 0, 0 },
	{ "ip", "protocol", &type_protocol, LOAD_PROTOCOL, 4, 0, 0, 0 },
	{ "ip", "ttl", &integer8, LOAD_TTL, 4, 0, 0, 0 },
	{ "ip", "dscp", &type_dscp, LOAD_DSCP, 4, 0, 0, 0 },
	{ "ip", "ecn", &type_ecn, LOAD_NETWORK, 4, 0, 14, 2 },
	{ "ip", "length", &integer16, LOAD_LENGTH, 4, 0, 0, 0 },
	{ "ip", "version", &integer4, LOAD_NETWORK, 4, 0, 0, 4 },
	{ "ip", "hdrlength", &integer4, LOAD_NETWORK, 4, 0, 4, 4 },
	{ "ip", "id", &integer16, LOAD_NETWORK, 4, 0, 32, 16 },
	{ "ip", "frag-off", &integer16, LOAD_NETWORK, 4, 0, 48, 16 },
	{ "ip", "checksum", &integer16, LOAD_NETWORK, 4, 0, 80, 16 },
	{ "ip6", "saddr", &type_ipv6, LOAD_SOURCE, 6, 0, 0, 0 },
	{ "ip6", "daddr", &type_ipv6, LOAD_DESTINATION, 6, 0, 0, 0 },
	{ "ip6", "nexthdr", &type_protocol, LOAD_NETWORK, 6, 0, 48, 8 },
	{ "ip6", "hoplimit", &integer8, LOAD_TTL, 6, 0, 0, 0 },
	{ "ip6", "dscp", &type_dscp, LOAD_DSCP, 6, 0, 0, 0 },
	{ "ip6", "ecn", &type_ecn, LOAD_NETWORK, 6, 0, 10, 2 },
	{ "ip6", "flowlabel", &integer20, LOAD_NETWORK, 6, 0, 12, 20 },
	{ "ip6", "length", &integer16, LOAD_NETWORK, 6, 0, 32, 16 },
	{ "ip6", "version", &integer4, LOAD_NETWORK, 6, 0, 0, 4 },
	{ "tcp", "sport", &type_service, LOAD_SOURCE_PORT, 0, 6, 0, 16 },
	{ "tcp", "dport", &type_service, LOAD_DESTINATION_PORT, 0, 6, 16, 16 },
	{ "tcp", "flags", &type_tcp_flags, LOAD_TCP_FLAGS, 0, 6, 0, 0 },
	{ "tcp", "sequence", &integer32, LOAD_TRANSPORT, 0, 6, 32, 32 },
	{ "tcp", "ackseq", &integer32, LOAD_TRANSPORT, 0, 6, 64, 32 },
	{ "tcp", "doff", &integer4, LOAD_TRANSPORT, 0, 6, 96, 4 },
	{ "tcp", "reserved", &integer4, LOAD_TRANSPORT, 0, 6, 100, 4 },
	{ "tcp", "window", &integer16, LOAD_TRANSPORT, 0, 6, 112, 16 },
	{ "tcp", "checksum", &integer16, LOAD_TRANSPORT, 0, 6, 128, 16 },
	{ "tcp", "urgptr", &integer16, LOAD_TRANSPORT, 0, 6, 144, 16 },
	{ "tcp option", "maxseg size", &integer16, LOAD_TCP_OPTION, 0, 6, 2, 16 },
	{ "tcp option", "window count", &integer8, LOAD_TCP_OPTION, 0, 6, 3, 8 },
	{ "udp", "sport", &type_service, LOAD_SOURCE_PORT, 0, 17, 0, 16 },
	{ "udp", "dport", &type_service, LOAD_DESTINATION_PORT, 0, 17, 16, 16 },
	{ "udp", "length", &integer16, LOAD_TRANSPORT, 0, 17, 32, 16 },
	{ "udp", "checksum", &integer16, LOAD_TRANSPORT, 0, 17, 48, 16 },
	{ "udplite", "sport", &type_service, LOAD_SOURCE_PORT, 0, 136, 0, 16 },
	{ "udplite", "dport", &type_service, LOAD_DESTINATION_PORT, 0, 136, 16, 16 },
	{ "udplite", "csumcov", &integer16, LOAD_TRANSPORT, 0, 136, 32, 16 },
	{ "udplite", "checksum", &integer16, LOAD_TRANSPORT, 0, 136, 48, 16 },
	{ "sctp", "sport", &type_service, LOAD_SOURCE_PORT, 0, 132, 0, 16 },
	{ "sctp", "dport", &type_service, LOAD_DESTINATION_PORT, 0, 132, 16, 16 },
	{ "sctp", "vtag", &integer32, LOAD_TRANSPORT, 0, 132, 32, 32 },
	{ "sctp", "checksum", &integer32, LOAD_TRANSPORT, 0, 132, 64, 32 },
	{ "dccp", "sport", &type_service, LOAD_SOURCE_PORT, 0, 33, 0, 16 },
	{ "dccp", "dport", &type_service, LOAD_DESTINATION_PORT, 0, 33, 16, 16 },
	{ "dccp", "type", &type_dccp_packet, LOAD_TRANSPORT, 0, 33, 67, 4 },
	{ "th", "sport", &type_service, LOAD_SOURCE_PORT, 0, 0, 0, 16 },
	{ "th", "dport", &type_service, LOAD_DESTINATION_PORT, 0, 0, 16, 16 },
	{ "icmp", "type", &type_icmp_type, LOAD_ICMP_TYPE, 0, 1, 0, 8 },
	{ "icmp", "code", &type_icmp_code, LOAD_ICMP_CODE, 0, 1, 8, 8 },
	{ "icmp", "checksum", &integer16, LOAD_TRANSPORT, 0, 1, 16, 16 },
	{ "icmp", "id", &integer16, LOAD_TRANSPORT, 0, 1, 32, 16 },
	{ "icmp", "sequence", &integer16, LOAD_TRANSPORT, 0, 1, 48, 16 },
	{ "icmp", "gateway", &integer32, LOAD_TRANSPORT, 0, 1, 32, 32 },
	{ "icmp", "mtu", &integer16, LOAD_TRANSPORT, 0, 1, 48, 16 },
	{ "icmpv6", "type", &type_icmpv6_type, LOAD_ICMP_TYPE, 0, 58, 0, 8 },
	{ "icmpv6", "code", &type_icmpv6_code, LOAD_ICMP_CODE, 0, 58, 8, 8 },
	{ "icmpv6", "checksum", &integer16, LOAD_TRANSPORT, 0, 58, 16, 16 },
	{ "icmpv6", "parameter-problem", &integer32, LOAD_TRANSPORT, 0, 58, 32, 32 },
	{ "icmpv6", "packet-too-big", &integer32, LOAD_TRANSPORT, 0, 58, 32, 32 },
	{ "icmpv6", "mtu", &integer32, LOAD_TRANSPORT, 0, 58, 32, 32 },
	{ "icmpv6", "id", &integer16, LOAD_TRANSPORT, 0, 58, 32, 16 },
	{ "icmpv6", "sequence", &integer16, LOAD_TRANSPORT, 0, 58, 48, 16 },
	{ "icmpv6", "max-delay", &integer16, LOAD_TRANSPORT, 0, 58, 32, 16 },
	{ "igmp", "type", &type_igmp_type, LOAD_TRANSPORT, 0, 2, 0, 8 },
	{ "igmp", "mrt", &integer8, LOAD_TRANSPORT, 0, 2, 8, 8 },
	{ "igmp", "checksum", &integer16, LOAD_TRANSPORT, 0, 2, 16, 16 },
	{ "igmp", "group", &type_ipv4, LOAD_TRANSPORT, 0, 2, 32, 32 },
	{ "esp", "spi", &integer32, LOAD_TRANSPORT, 0, 50, 0, 32 },
	{ "esp", "sequence", &integer32, LOAD_TRANSPORT, 0, 50, 32, 32 },
	{ "ah", "nexthdr", &type_protocol, LOAD_TRANSPORT, 0, 51, 0, 8 },
	{ "ah", "hdrlength", &integer8, LOAD_TRANSPORT, 0, 51, 8, 8 },
	{ "ah", "reserved", &integer16, LOAD_TRANSPORT, 0, 51, 16, 16 },
	{ "ah", "spi", &integer32, LOAD_TRANSPORT, 0, 51, 32, 32 },
	{ "ah", "sequence", &integer32, LOAD_TRANSPORT, 0, 51, 64, 32 },
	{ "comp", "nexthdr", &type_protocol, LOAD_TRANSPORT, 0, 108, 0, 8 },
	{ "comp", "flags", &integer8, LOAD_TRANSPORT, 0, 108, 8, 8 },
	{ "comp", "cpi", &integer16, LOAD_TRANSPORT, 0, 108, 16, 16 },
	{ "rt", "nexthdr", &type_protocol, LOAD_ROUTING, 6, 0, 0, 8 },
	{ "rt", "hdrlength", &integer8, LOAD_ROUTING, 6, 0, 8, 8 },
	{ "rt", "type", &integer8, LOAD_ROUTING, 6, 0, 16, 8 },
	{ "rt", "seg-left", &integer8, LOAD_ROUTING, 6, 0, 24, 8 },
	{ "ether", "type", &type_ethertype, LOAD_ETHER_TYPE, 0, 0, 0, 0 },
	{ "meta", "length", &integer32, LOAD_LENGTH, 0, 0, 0, 0 },
	{ "meta", "protocol", &type_ethertype, LOAD_ETHERTYPE, 0, 0, 0, 0 },
	{ "meta", "nfproto", &type_nfproto, LOAD_NFPROTO, 0, 0, 0, 0 },
	{ "meta", "l4proto", &type_protocol, LOAD_PROTOCOL, 0, 0, 0, 0 },
	{ "meta", "mark", &type_mark, LOAD_MARK, 0, 0, 0, 0 },
	{ "meta", "iif", &type_index, LOAD_IIF_NAME, 0, 0, 0, 0 },
	{ "meta", "oif", &type_index, LOAD_OIF_NAME, 0, 0, 0, 0 },
	{ "meta", "iifname", &type_interface, LOAD_IIF_NAME, 0, 0, 0, 0 },
	{ "meta", "oifname", &type_interface, LOAD_OIF_NAME, 0, 0, 0, 0 },
	{ "meta", "iifgroup", &type_group, LOAD_IIF_GROUP, 0, 0, 0, 0 },
	{ "meta", "oifgroup", &type_group, LOAD_OIF_GROUP, 0, 0, 0, 0 },
	{ "meta", "iiftype", &type_device, LOAD_IIF_TYPE, 0, 0, 0, 0 },
	{ "meta", "oiftype", &type_device, LOAD_OIF_TYPE, 0, 0, 0, 0 },
	{ "meta", "pkttype", &type_packet_type, LOAD_PACKET_TYPE, 0, 0, 0, 0 },
	{ "ct", "state", &type_ct_state, LOAD_CT_STATE, 0, 0, 0, 0 },
	{ "ct", "status", &type_ct_status, LOAD_CT_STATUS, 0, 0, 0, 0 },
	{ "ct", "mark", &type_mark, LOAD_CT_MARK, 0, 0, 0, 0 },
	{ "ct", "direction", &type_ct_direction, LOAD_CT_DIRECTION, 0, 0, 0, 0 },
	{ "ct", "protocol", &type_protocol, LOAD_CT_PROTOCOL, 0, 0, 0, 0 },
	{ "ct", "l3proto", &type_nfproto, LOAD_CT_L3PROTO, 0, 0, 0, 0 },
	{ "ct original", "ip saddr", &type_ipv4, LOAD_CT_SOURCE, 4, 0, 0, 0 },
	{ "ct original", "ip daddr", &type_ipv4, LOAD_CT_DESTINATION, 4, 0, 0, 0 },
	{ "ct original", "ip6 saddr", &type_ipv6, LOAD_CT_SOURCE, 6, 0, 0, 0 },
	{ "ct original", "ip6 daddr", &type_ipv6, LOAD_CT_DESTINATION, 6, 0, 0, 0 },
	{ "ct original", "protocol", &type_protocol, LOAD_CT_PROTOCOL, 0, 0, 0, 0 },
	{ "ct original", "l3proto", &type_nfproto, LOAD_CT_L3PROTO, 0, 0, 0, 0 },
	{ "ct original", "proto-src", &type_service, LOAD_CT_SOURCE_PORT, 0, 0, 0, 0 },
	{ "ct original", "proto-dst", &type_service, LOAD_CT_DESTINATION_PORT, 0, 0, 0, 0 },
};
/* clang-format on */

const struct field *field_lookup(const char *protocol, const char *name, enum table_family family)
{
	bool ct = strncmp(protocol, "ct ", 3) == 0;

	if (ct) {
		protocol = "ct original"; /* of either direction */
		if (strcmp(name, "saddr") == 0)
			name = family == TABLE_IP6 ? "ip6 saddr" : "ip saddr";
		if (strcmp(name, "daddr") == 0)
			name = family == TABLE_IP6 ? "ip6 daddr" : "ip daddr";
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(fields[i].protocol, protocol) == 0 && strcmp(fields[i].name, name) == 0)
			return fields[i].load == LOAD_ABSENT ? NULL : &fields[i];
	}
	return NULL;
}

bool field_protocol_known(const char *protocol)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(fields[i].protocol, protocol) == 0)
			return true;
	}
	return false;
}
