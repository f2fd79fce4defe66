/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine finds wrong, for scenarios:
 *
 *   findings N [about ADDRESS]               so many there are
 *   finding NAME SUBJECT COUNT [TEXT...]     one of them, whose text contains TEXT;
 *                                            `*` for any subject
 */
#ifndef SLUICE_FINDING_WORDS_H
#define SLUICE_FINDING_WORDS_H

#include "sluice/diagnosis.h"

/* False, and what there is instead in @why, when it is not as @words say. */
bool finding_words_hold(const struct engine *engine, struct mono now, char *const *words, size_t count, char *why,
			size_t size);

#endif
