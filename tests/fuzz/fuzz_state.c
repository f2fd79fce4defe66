/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes in the memory that sessions outlive the process in: the input is a play on the engine
 * (tests/model/engine_play.h), and what becomes of its memory before the next engine
 * reads it. The seals are made to fit, so that what they protect is doubted too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/model/engine_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=16";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play play = { .survive = true, .damage = true };
	const char *wrong;

	/* The last bit: with seals that fit, or as they are. */
	play.forged = size > 0 && data[size - 1] & 1;
	wrong = play_run(&play, data, size);
	if (wrong) {
		fprintf(stderr, "step %llu: %s\n", (unsigned long long)play.steps, wrong);
		abort();
	}
	return 0;
}
