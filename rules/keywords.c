/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reserved words. Fewer than nft has: whatever the grammar can tell from its
 * place stays an ordinary name, so a chain or an interface may be called so.
 */
#include <stdlib.h>

#include "rules/parse.h"
#include "grammar.tab.h"

struct keyword {
	const char *word;
	int token;
};

/* clang-format off */
static const struct keyword keywords[] = { /* sorted */
	{ "accept", ACCEPT }, { "add", ADD }, { "ah", PROTO }, { "and", '&' }, { "arp", PROTO },
	{ "auto-merge", AUTO_MERGE }, { "bridge", FAMILY }, { "burst", BURST }, { "chain", CHAIN },
	{ "chunk", CHUNK }, { "comment", COMMENT }, { "comp", PROTO }, { "continue", CONTINUE }, { "count", COUNT },
	{ "counter", COUNTER }, { "create", CREATE }, { "ct", CT }, { "dccp", PROTO }, { "define", DEFINE },
	{ "delete", DELETE }, { "destroy", DESTROY }, { "dnat", DNAT }, { "drop", DROP }, { "element", ELEMENT },
	{ "elements", ELEMENTS }, { "eq", EQ }, { "esp", PROTO }, { "ether", ETHER }, { "exists", EXISTS },
	{ "expires", EXPIRES }, { "fib", FIB }, { "flags", FLAGS }, { "flush", FLUSH },
	{ "gc-interval", GC_INTERVAL }, { "ge", GE }, { "goto", GOTO }, { "gt", '>' }, { "helper", HELPER },
	{ "hook", HOOK }, { "icmp", PROTO }, { "icmpv6", PROTO }, { "igmp", PROTO }, { "iif", META_KEY },
	{ "iifgroup", META_KEY }, { "iifname", META_KEY }, { "iiftype", META_KEY }, { "inet", FAMILY },
	{ "insert", INSERT }, { "ip", PROTO }, { "ip6", PROTO }, { "jhash", JHASH }, { "jump", JUMP }, { "le", LE },
	{ "limit", LIMIT }, { "log", LOG }, { "lshift", SHIFT_LEFT }, { "lt", '<' }, { "map", MAP },
	{ "mark", META_KEY }, { "masquerade", MASQUERADE }, { "meta", META }, { "meter", METER },
	{ "missing", EXISTS }, { "mod", MOD }, { "ne", NE }, { "netdev", FAMILY }, { "notrack", NOTRACK },
	{ "numgen", NUMGEN }, { "offset", OFFSET }, { "oif", META_KEY }, { "oifgroup", META_KEY },
	{ "oifname", META_KEY }, { "oiftype", META_KEY }, { "option", OPTION }, { "or", '|' },
	{ "original", ORIGINAL }, { "over", OVER }, { "pkttype", META_KEY }, { "policy", POLICY },
	{ "priority", PRIORITY }, { "quota", QUOTA }, { "rate", RATE }, { "redefine", REDEFINE },
	{ "redirect", REDIRECT }, { "reject", REJECT }, { "rename", RENAME }, { "reply", REPLY },
	{ "return", RETURN }, { "rshift", SHIFT_RIGHT }, { "rt", RT }, { "rule", RULE }, { "ruleset", RULESET },
	{ "sctp", PROTO }, { "seed", SEED }, { "set", SET }, { "size", SIZE }, { "skgid", META_KEY },
	{ "skuid", META_KEY }, { "snat", SNAT }, { "symhash", SYMHASH }, { "table", TABLE }, { "tcp", PROTO },
	{ "th", PROTO }, { "timeout", TIMEOUT }, { "to", TO }, { "type", TYPE }, { "typeof", TYPEOF },
	{ "udp", PROTO }, { "udplite", PROTO }, { "undefine", UNDEFINE }, { "until", UNTIL }, { "update", UPDATE },
	{ "vlan", PROTO }, { "vmap", VMAP }, { "with", WITH }, { "xor", '^' },
};

/* What nft has and sluice has not, so that a message can say so. */
static const char *const foreign[] = {
	"dup", "fwd", "tproxy", "synproxy", "queue", "flow", "offload", "secmark", "xt", "osf", "socket", "ipsec",
	"exthdr", "rt0", "rt2", "rt4", "hbh", "frag", "dst", "mh", "srh", "flowtable", "nftrace", "cgroup",
	"rtclassid", "ibrname", "obrname", "ibrport", "geneve", "vxlan", "gre", "gretap", "last", "list", "monitor",
	"reset", "replace", "export", "import", "describe", "get", "iifkind", "oifkind", "cpu", "time", "day",
	"hour", "tunnel", "xfrm", "ibriport", "obriport", "pkt", "bridge", "priority", "handle", "position", "index",
};
/* clang-format on */

static int keyword_compare(const void *key, const void *entry)
{
	return strcmp(key, ((const struct keyword *)entry)->word);
}

int keyword_lookup(const char *word, size_t length)
{
	char name[16];
	const struct keyword *found;

	if (length >= sizeof(name))
		return 0;
	memcpy(name, word, length);
	name[length] = '\0';
	found = bsearch(name, keywords, sizeof(keywords) / sizeof(keywords[0]), sizeof(keywords[0]), keyword_compare);
	return found ? found->token : 0;
}

bool is_foreign_command(const char *word)
{
	static const char *const commands[] = { "list",	  "reset",  "replace",	"monitor",
						"export", "import", "describe", "get" };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(word, commands[i]) == 0)
			return true;
	}
	return false;
}

bool nft_knows(const char *word)
{
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		if (strcmp(word, foreign[i]) == 0)
			return true;
	}
	return false;
}
