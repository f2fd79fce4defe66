/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/names.h"

#include <string.h>

#include "sluice/ruleset.h"

/* clang-format off */
/* The first names are those nft itself prints whatever /etc/protocols says. */
const struct symbol protocols[] = {
	{ "icmp", 1 }, { "igmp", 2 }, { "tcp", 6 }, { "udp", 17 }, { "dccp", 33 }, { "gre", 47 }, { "esp", 50 },
	{ "ah", 51 }, { "ipv6-icmp", 58 }, { "comp", 108 }, { "sctp", 132 }, { "udplite", 136 }, { "icmpv6", 58 },
	{ "ipip", 4 }, { "ip", 0 }, { "hopopt", 0 }, { "ggp", 3 }, { "ipencap", 4 }, { "st", 5 }, { "egp", 8 },
	{ "igp", 9 }, { "pup", 12 }, { "hmp", 20 }, { "xns-idp", 22 }, { "rdp", 27 }, { "iso-tp4", 29 },
	{ "xtp", 36 }, { "ddp", 37 }, { "idpr-cmtp", 38 }, { "ipv6", 41 }, { "ipv6-route", 43 }, { "ipv6-frag", 44 },
	{ "idrp", 45 }, { "rsvp", 46 }, { "skip", 57 }, { "ipv6-nonxt", 59 }, { "ipv6-opts", 60 }, { "rspf", 73 },
	{ "vmtp", 81 }, { "eigrp", 88 }, { "ospf", 89 }, { "ax.25", 93 }, { "etherip", 97 }, { "encap", 98 },
	{ "pim", 103 }, { "ipcomp", 108 }, { "vrrp", 112 }, { "l2tp", 115 }, { "isis", 124 }, { "fc", 133 },
	{ "mobility-header", 135 }, { "mpls-in-ip", 137 }, { "manet", 138 }, { "hip", 139 }, { "shim6", 140 },
	{ "wesp", 141 }, { "rohc", 142 }, { NULL, 0 },
};

const struct symbol dccp_types[] = {
	{ "request", 0 }, { "response", 1 }, { "data", 2 }, { "ack", 3 }, { "dataack", 4 }, { "closereq", 5 },
	{ "close", 6 }, { "reset", 7 }, { "sync", 8 }, { "syncack", 9 }, { NULL, 0 },
};

const struct symbol device_groups[] = { { "default", 0 }, { NULL, 0 } };

const struct symbol icmp_types[] = {
	{ "echo-reply", 0 }, { "destination-unreachable", 3 }, { "source-quench", 4 }, { "redirect", 5 },
	{ "echo-request", 8 }, { "router-advertisement", 9 }, { "router-solicitation", 10 }, { "time-exceeded", 11 },
	{ "parameter-problem", 12 }, { "timestamp-request", 13 }, { "timestamp-reply", 14 }, { "info-request", 15 },
	{ "info-reply", 16 }, { "address-mask-request", 17 }, { "address-mask-reply", 18 }, { NULL, 0 },
};

const struct symbol icmpv6_types[] = {
	{ "destination-unreachable", 1 }, { "packet-too-big", 2 }, { "time-exceeded", 3 }, { "parameter-problem", 4 },
	{ "echo-request", 128 }, { "echo-reply", 129 }, { "mld-listener-query", 130 }, { "mld-listener-report", 131 },
	{ "mld-listener-done", 132 }, { "mld-listener-reduction", 132 }, { "nd-router-solicit", 133 },
	{ "nd-router-advert", 134 }, { "nd-neighbor-solicit", 135 }, { "nd-neighbor-advert", 136 },
	{ "nd-redirect", 137 },
	{ "router-renumbering", 138 }, { "ind-neighbor-solicit", 141 }, { "ind-neighbor-advert", 142 },
	{ "mld2-listener-report", 143 }, { NULL, 0 },
};

const struct symbol igmp_types[] = {
	{ "membership-query", 0x11 }, { "membership-report-v1", 0x12 }, { "membership-report-v2", 0x16 },
	{ "membership-report-v3", 0x22 }, { "leave-group", 0x17 }, { NULL, 0 },
};

const struct symbol icmp_codes[] = {
	{ "net-unreachable", 0 }, { "host-unreachable", 1 }, { "prot-unreachable", 2 }, { "port-unreachable", 3 },
	{ "frag-needed", 4 }, { "net-prohibited", 9 }, { "host-prohibited", 10 }, { "admin-prohibited", 13 },
	{ NULL, 0 },
};

const struct symbol icmpv6_codes[] = {
	{ "no-route", 0 }, { "admin-prohibited", 1 }, { "addr-unreachable", 3 }, { "port-unreachable", 4 },
	{ "policy-fail", 5 }, { "reject-route", 6 }, { NULL, 0 },
};

const struct symbol icmpx_codes[] = {
	{ "no-route", 0 }, { "port-unreachable", 1 }, { "host-unreachable", 2 }, { "admin-prohibited", 3 }, { NULL, 0 },
};

const struct symbol dscp_names[] = {
	{ "cs0", 0x00 }, { "cs1", 0x08 }, { "cs2", 0x10 }, { "cs3", 0x18 }, { "cs4", 0x20 }, { "cs5", 0x28 },
	{ "cs6", 0x30 }, { "cs7", 0x38 }, { "df", 0x00 }, { "be", 0x00 }, { "lephb", 0x01 }, { "af11", 0x0a },
	{ "af12", 0x0c }, { "af13", 0x0e }, { "af21", 0x12 }, { "af22", 0x14 }, { "af23", 0x16 }, { "af31", 0x1a },
	{ "af32", 0x1c }, { "af33", 0x1e }, { "af41", 0x22 }, { "af42", 0x24 }, { "af43", 0x26 }, { "va", 0x2c },
	{ "ef", 0x2e }, { NULL, 0 },
};

const struct symbol ecn_names[] = {
	{ "not-ect", 0 }, { "ect1", 1 }, { "ect0", 2 }, { "ce", 3 }, { NULL, 0 },
};

const struct symbol ct_states[] = {
	{ "invalid", CT_STATE_INVALID }, { "established", CT_STATE_ESTABLISHED }, { "related", CT_STATE_RELATED },
	{ "new", CT_STATE_NEW }, { "untracked", CT_STATE_UNTRACKED }, { NULL, 0 },
};

const struct symbol ct_statuses[] = {
	{ "expected", 1 }, { "seen-reply", CT_STATUS_SEEN_REPLY }, { "assured", CT_STATUS_ASSURED },
	{ "confirmed", CT_STATUS_CONFIRMED }, { "snat", CT_STATUS_SNAT }, { "dnat", CT_STATUS_DNAT },
	{ "dying", 1U << 9 }, { NULL, 0 },
};

const struct symbol ct_directions[] = { { "original", 0 }, { "reply", 1 }, { NULL, 0 } };

const struct symbol tcp_flags[] = {
	{ "fin", 0x01 }, { "syn", 0x02 }, { "rst", 0x04 }, { "psh", 0x08 }, { "ack", 0x10 }, { "urg", 0x20 },
	{ "ecn", 0x40 }, { "cwr", 0x80 }, { NULL, 0 },
};

const struct symbol nfprotos[] = { { "ipv4", 2 }, { "ipv6", 10 }, { NULL, 0 } };

const struct symbol ethertypes[] = {
	{ "ip", 0x0800 }, { "arp", 0x0806 }, { "ip6", 0x86dd }, { "8021q", 0x8100 }, { "8021ad", 0x88a8 },
	{ "vlan", 0x8100 }, { NULL, 0 },
};

/* The kernel's RTN_* numbers, which nft's types have. */
const struct symbol address_types[] = {
	{ "unspec", 0 }, { "unicast", 1 }, { "local", 2 }, { "broadcast", 3 }, { "anycast", 4 }, { "multicast", 5 },
	{ "blackhole", 6 }, { "unreachable", 7 }, { "prohibit", 8 }, { NULL, 0 },
};

const struct symbol packet_types[] = {
	{ "host", 0 }, { "unicast", 0 }, { "broadcast", 1 }, { "multicast", 2 }, { "other", 3 }, { NULL, 0 },
};

const struct symbol boolean_names[] = { { "exists", 1 }, { "missing", 0 }, { NULL, 0 } };

const struct symbol log_levels[] = {
	{ "emerg", 0 }, { "alert", 1 }, { "crit", 2 }, { "err", 3 }, { "warn", 4 }, { "notice", 5 }, { "info", 6 },
	{ "debug", 7 }, { "panic", 0 }, { "error", 3 }, { "warning", 4 }, { NULL, 0 },
};

const struct symbol device_types[] = {
	{ "ether", 1 }, { "ppp", 512 }, { "ipip", 768 }, { "ipip6", 769 }, { "loopback", 772 }, { "sit", 776 },
	{ "ipgre", 778 }, { "none", 0xfffe }, { NULL, 0 },
};

const struct symbol hook_names[] = {
	{ "prerouting", HOOK_PREROUTING }, { "input", HOOK_INPUT }, { "forward", HOOK_FORWARD },
	{ "output", HOOK_OUTPUT }, { "postrouting", HOOK_POSTROUTING }, { NULL, 0 },
};

const struct symbol chain_types[] = {
	{ "filter", CHAIN_FILTER }, { "nat", CHAIN_NAT }, { "route", CHAIN_ROUTE }, { NULL, 0 },
};
/* clang-format on */

bool symbol_find(const struct symbol *table, const char *name, uint32_t *value)
{
	for (; table->name; table++) {
		if (strcmp(table->name, name) == 0) {
			*value = table->value;
			return true;
		}
	}
	return false;
}

const char *symbol_name(const struct symbol *table, uint32_t value)
{
	for (; table->name; table++) {
		if (table->value == value)
			return table->name;
	}
	return NULL;
}
