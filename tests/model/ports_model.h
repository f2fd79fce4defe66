/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The port allocator as one would explain it: an array of 65,536 ports and a walk
 * over it for each question. Which of several equally good ports comes out is the
 * real one's choice; the model says which would have been right.
 */
#ifndef SLUICE_PORTS_MODEL_H
#define SLUICE_PORTS_MODEL_H

#include "conntrack/ports.h"

struct ports_model {
	bool used[PORTS_COUNT], reserved[PORTS_COUNT], held[PORTS_COUNT];
};

static inline bool ports_model_free(const struct ports_model *model, uint32_t port)
{
	return !model->used[port] && !model->reserved[port];
}

/* Is @taken an answer that ports_take() may give, PORT_NONE included? */
bool ports_model_allows(const struct ports_model *model, const struct ports_wish *wish, int32_t taken);

uint32_t ports_model_count_free(const struct ports_model *model, uint32_t first, uint32_t last);
uint32_t ports_model_span(const struct ports_model *model, uint32_t first, uint32_t last);
bool ports_model_any_held(const struct ports_model *model, uint32_t first, uint32_t last);

/* Do both agree on every port and every sum? */
bool ports_model_agrees(const struct ports_model *model, const struct ports *ports);

#endif
