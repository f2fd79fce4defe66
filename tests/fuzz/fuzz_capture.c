/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a capture that `sluiced --replay` reads, and as what it writes again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/replay.h"
#include "tests/model/configuration_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char rules[] =
    "gateway { capacity 64 }\n"
    "table inet gateway {\n"
    "	ct helper ftp { type \"ftp\" protocol tcp; }\n"
    "	chain helpers { type filter hook prerouting priority filter; tcp dport 21 ct helper set \"ftp\"; }\n"
    "	chain forward { type filter hook forward priority filter; policy drop;\n"
    "		ct state established,related accept\n"
    "		iifname \"lan\" accept\n"
    "		ct status dnat accept\n"
    "	}\n"
    "	chain prerouting { type nat hook prerouting priority dstnat; iifname \"wan\" tcp dport 80 dnat ip to "
    "10.0.0.10; }\n"
    "	chain postrouting { type nat hook postrouting priority srcnat; oifname \"wan\" masquerade; }\n"
    "}\n";

/* A line for each packet is of no use here. The fuzzer speaks on standard error. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!freopen("/dev/null", "w", stdout))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char lan[] = "lan=10.0.0.1/24,fd00::1/64", wan[] = "wan=198.51.100.1/24,2001:db8::1/64,default";
	struct replay_options options = { .out = "/dev/null", .links = { lan, wan }, .link_count = 2 };
	struct diagnostics diagnostics = { 0 };
	struct configuration *configuration = configuration_from_text("fuzz", rules, &diagnostics);
	char path[64];
	int file = memfd_create("capture", MFD_CLOEXEC);

	if (!configuration || file < 0 || write(file, data, size) != (ssize_t)size)
		abort();
	diagnostics_fini(&diagnostics);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	options.capture = path;
	replay_run(configuration, &options);
	close(file);
	configuration_destroy(configuration);
	return 0;
}
