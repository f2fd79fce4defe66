/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gateway that fuzzers send packets and questions to: a lan that may go out, masqueraded. */
#ifndef TESTS_FUZZ_TWO_LINKS_H
#define TESTS_FUZZ_TWO_LINKS_H

#include <stdlib.h>

#include "tests/model/gateway.h"

/* two_links_start() - @gateway is all zeros; there is no way on without it */
static inline void two_links_start(struct gateway *gateway)
{
	static const char rules[] =
	    "gateway { capacity 64 }\n"
	    "table inet gateway {\n"
	    "	chain forward { type filter hook forward priority filter; policy drop;\n"
	    "		ct state established,related accept\n"
	    "		iifname \"lan\" accept\n"
	    "	}\n"
	    "	chain postrouting { type nat hook postrouting priority srcnat; oifname \"wan\" masquerade; }\n"
	    "}\n";
	char why[256];

	if (!gateway_add_link(gateway, "lan=10.0.0.1/24,fd00::1/64") ||
	    !gateway_add_link(gateway, "wan=198.51.100.1/24,2001:db8::1/64") ||
	    !gateway_start(gateway, "fuzz", rules, why, sizeof(why)))
		abort();
}

#endif
