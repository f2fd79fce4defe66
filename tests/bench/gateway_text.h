/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration of the benchmarks of the whole engine: a lan that may go out, and is translated. */
#ifndef SLUICE_GATEWAY_TEXT_H
#define SLUICE_GATEWAY_TEXT_H

/* Both are string literals: what stands in the gateway block, and lines of the postrouting chain. */
#define GATEWAY_TEXT(settings, translations) \
	"gateway { " settings " }\n" \
	"table inet gateway {\n" \
	"	chain forward {\n" \
	"		type filter hook forward priority filter; policy drop;\n" \
	"		ct state vmap { established : accept, related : accept, invalid : drop }\n" \
	"		iifname \"lan\" oifname \"wan\" accept\n" \
	"	}\n" \
	"	chain postrouting {\n" \
	"		type nat hook postrouting priority srcnat;\n" translations "	}\n" \
	"}\n"

#endif
