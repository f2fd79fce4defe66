/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The picture of `top`: from what is known to what stands on the screen.
 */
#ifndef SLUICE_CTL_TOP_DRAW_H
#define SLUICE_CTL_TOP_DRAW_H

#include "daemon/ctl/sample.h"

enum top_view {
	TOP_BOTH,
	TOP_SOURCES,
	TOP_DESTINATIONS,
	TOP_POOLS,
	TOP_VIEW_COUNT,
};

/**
 * struct top - what is shown, and how the user wants it
 * @failed: why there is no fresh picture; 0: there is one
 * @editing: keys go into @filter
 * @stale: what is shown is not what the user has just asked for
 */
struct top {
	const char *path;
	struct client *client;
	struct sample sample;
	int failed;
	enum sample_order order;
	enum top_view view;
	bool reversed, editing, help, paused, stale;
	char filter[40];
};

/** top_arrange() - order and filter both lists */
void top_arrange(struct top *top);

/** top_draw() - draw it all */
void top_draw(const struct top *top);

#endif
