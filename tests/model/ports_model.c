/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/ports_model.h"

/* A free port from @first to @last of the right parity exists. */
static bool any(const struct ports_model *model, uint32_t first, uint32_t last, bool parity, uint16_t like)
{
	for (uint32_t port = first; port <= last; port++)
		if (ports_model_free(model, port) && (!parity || port % 2 == like % 2u))
			return true;
	return false;
}

bool ports_model_allows(const struct ports_model *model, const struct ports_wish *wish, int32_t taken)
{
	uint32_t first = wish->first, last = wish->last;
	bool parity = wish->parity;

	if (!any(model, first, last, false, 0))
		return taken == PORT_NONE;
	if (taken < wish->first || taken > wish->last || !ports_model_free(model, (uint32_t)taken))
		return false;
	if (wish->preserve && wish->port >= first && wish->port <= last && ports_model_free(model, wish->port))
		return taken == wish->port;
	if (wish->well_known && first < PORTS_WELL_KNOWN && last >= PORTS_WELL_KNOWN) {
		uint32_t low = wish->port < PORTS_WELL_KNOWN ? first : PORTS_WELL_KNOWN;
		uint32_t high = wish->port < PORTS_WELL_KNOWN ? PORTS_WELL_KNOWN - 1 : last;

		if (any(model, low, high, false, 0)) {
			first = low;
			last = high;
		}
	}
	if (taken < (int32_t)first || taken > (int32_t)last)
		return false;
	if (parity && any(model, first, last, true, wish->port))
		return taken % 2 == wish->port % 2;
	return true;
}

uint32_t ports_model_count_free(const struct ports_model *model, uint32_t first, uint32_t last)
{
	uint32_t count = 0;

	for (uint32_t port = first; port <= last; port++)
		count += ports_model_free(model, port);
	return count;
}

uint32_t ports_model_span(const struct ports_model *model, uint32_t first, uint32_t last)
{
	uint32_t count = 0;

	for (uint32_t port = first; port <= last; port++)
		count += !model->reserved[port];
	return count;
}

bool ports_model_any_held(const struct ports_model *model, uint32_t first, uint32_t last)
{
	for (uint32_t port = first; port <= last; port++)
		if (model->held[port] && !model->reserved[port])
			return true;
	return false;
}

bool ports_model_agrees(const struct ports_model *model, const struct ports *ports)
{
	uint32_t used = 0, held = 0;

	for (uint32_t port = 0; port < PORTS_COUNT; port++) {
		const struct ports_word *word = &ports->halves[port % 2].words[port / 2 / 64];
		unsigned int bit = port / 2 % 64;

		if ((word->used >> bit & 1) != model->used[port] || (word->held >> bit & 1) != model->held[port] ||
		    (word->reserved >> bit & 1) != model->reserved[port] ||
		    (word->free >> bit & 1) != ports_model_free(model, port))
			return false;
		used += model->used[port];
		held += model->held[port];
	}
	return used == ports->used && held == ports->held &&
	       ports->halves[0].free + ports->halves[1].free == ports_model_count_free(model, 0, PORTS_COUNT - 1);
}
