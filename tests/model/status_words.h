/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters of `status` by their words, for scenarios. */
#ifndef SLUICE_STATUS_WORDS_H
#define SLUICE_STATUS_WORDS_H

#include "sluice/snapshot.h"

/* `created`, `drops REASON`, `refusals CAUSE` and so on; false: no such counter. */
bool status_words_counter(char *const *words, size_t count, const struct snapshot_status *status, uint64_t *value);

/* ADDRESS PROTOCOL WHAT [N]: `ports N`, `used N`, `used`, `none`. False, and what there is instead in @why. */
bool status_words_pool(const struct engine *engine, char **words, size_t count, char *why, size_t size);

#endif
