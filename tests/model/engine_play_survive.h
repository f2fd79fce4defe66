/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLUICE_ENGINE_PLAY_SURVIVE_H
#define SLUICE_ENGINE_PLAY_SURVIVE_H

#include "tests/model/engine_play.h"

/* An engine for these settings; with @survive of the play its sessions are in the play's storage. */
struct engine *play_create_engine(struct play *play, const struct settings *settings);

/* Everything ends, in order or not, and another engine goes on with each session. */
void play_survive(struct play *play, bool in_order);

#endif
