/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fast path in memory: as the program in the kernel, for an engine in a test. */
#ifndef TESTS_MODEL_FAKE_FASTPATH_H
#define TESTS_MODEL_FAKE_FASTPATH_H

#include "sluice/engine.h"
#include "sluice/fastpath.h"
#include "tests/model/wire_model.h"

#define FAKE_SLOTS 64

/**
 * struct fake_fastpath - start with zeros
 * @failure: the engine has asked for something odd; NULL while it has not
 */
struct fake_fastpath {
	struct engine *engine;
	struct fastpath_slot slots[FAKE_SLOTS];
	struct engine_flow flows[FAKE_SLOTS];
	bool installed[FAKE_SLOTS];
	uint64_t identifications[FASTPATH_IDENTIFICATIONS];
	unsigned long forwarded, installs, recalls;
	const char *failure;
};

/* For an engine of FAKE_SLOTS sessions at most. */
void fake_fastpath_attach(struct fake_fastpath *fake, struct engine *engine);

/* Return: false when the engine no longer lends it. */
bool fake_fastpath_install(struct fake_fastpath *fake, const struct effect *effect);

/**
 * fake_fastpath_forward() - translate one packet, as the kernel would
 * @wire: as it comes in, without options of IP; its TTL stays
 *
 * Return: false when the packet is the engine's to judge.
 */
bool fake_fastpath_forward(struct fake_fastpath *fake, struct wire *wire, struct mono now);

/* How many it has now. */
unsigned int fake_fastpath_installed(const struct fake_fastpath *fake);

#endif
