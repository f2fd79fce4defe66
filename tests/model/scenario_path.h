/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What scenarios expect of paths: black holes and learned MTUs. */
#ifndef SLUICE_SCENARIO_PATH_H
#define SLUICE_SCENARIO_PATH_H

#include "sluice/packet.h"
#include "sluice/snapshot.h"

/* ADDRESS WORKS FAILS ACTION, or `none`. False, and what there is instead in @why. */
bool scenario_path_hole(const struct engine *engine, char **words, size_t count, char *why, size_t size);

/* ADDRESS N: what the latest session to that address says of its path. */
bool scenario_path_mtu(const struct engine *engine, struct mono now, char **words, size_t count, char *why,
		       size_t size);

/* `size N`, `seq N`, `mtu N` of a packet; other words are left alone. */
bool scenario_path_answer(const struct packet *packet, const char *word, const char *number, char *why, size_t size);

#endif
