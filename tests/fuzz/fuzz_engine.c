/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a play on the whole engine (tests/model/engine_play.h). */
#include <stdio.h>
#include <stdlib.h>

#include "tests/model/engine_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* Each engine brings port pools for 512 addresses: keep few of them after their end. */
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play play;
	const char *wrong = play_run(&play, data, size);

	if (wrong) {
		fprintf(stderr, "step %llu: %s\n", (unsigned long long)play.steps, wrong);
		abort();
	}
	return 0;
}
