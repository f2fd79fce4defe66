/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/top.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/ctl/canvas.h"
#include "daemon/ctl/sample.h"
#include "daemon/ctl/top_draw.h"

#define REFRESH_MS 1000
/* As many as any screen shows; more only when a filter or an order looks further. */
#define USUAL_LIMIT 100u

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------- asking */

static void close_client(struct top *top)
{
	if (top->client)
		client_close(top->client);
	top->client = NULL;
}

/* A new picture, or the reason why there is none. -EINTR: a signal wants us to end. */
static int take(struct top *top)
{
	bool further = *top->filter || top->order != SAMPLE_BY_SESSIONS || top->reversed;
	int failed = top->client ? 0 : client_open(top->path, &top->client);

	if (!failed)
		failed = sample_take(&top->sample, top->client, further ? SAMPLE_PARTIES : USUAL_LIMIT);
	top->failed = failed;
	if (failed) {
		/* What answers next time may be another daemon, with other counters. */
		close_client(top);
		sample_forget(&top->sample);
		return failed;
	}
	top_arrange(top);
	return 0;
}

/* --------------------------------------------------------------------- keys */

static void edit_filter(struct top *top, int key)
{
	size_t length = strlen(top->filter);

	if (key == CANVAS_KEY_ENTER) {
		top->editing = false;
	} else if (key == CANVAS_KEY_ESCAPE) {
		top->editing = false;
		top->filter[0] = '\0';
	} else if (key == CANVAS_KEY_BACKSPACE && length) {
		top->filter[length - 1] = '\0';
	} else if (key < 128 && isgraph(key) && length + 1 < sizeof(top->filter)) {
		top->filter[length] = (char)key;
		top->filter[length + 1] = '\0';
	}
}

/* Return: false when the user has seen enough. */
static bool press(struct top *top, int key)
{
	if (key == CANVAS_KEY_QUIT)
		return false;
	if (key == CANVAS_KEY_RESIZE)
		return true;
	top->stale = true;
	if (top->editing) {
		edit_filter(top, key);
		return true;
	}
	if (top->help && key != 'q') {
		top->help = false;
		return true;
	}
	switch (key) {
	case 'q':
		return false;
	case 'h':
	case '?':
		top->help = true;
		break;
	case 's':
		top->order = (top->order + 1) % SAMPLE_ORDER_COUNT;
		break;
	case 'r':
		top->reversed = !top->reversed;
		break;
	case '/':
		top->editing = true;
		break;
	case CANVAS_KEY_ESCAPE:
		top->filter[0] = '\0';
		break;
	case '\t':
		top->view = (top->view + 1) % TOP_VIEW_COUNT;
		break;
	case ' ':
		top->paused = !top->paused;
		break;
	default:
		top->stale = false;
	}
	return true;
}

/* ---------------------------------------------------------------- the screen */

static void follow(struct top *top)
{
	int64_t due = now_ms() + REFRESH_MS;

	for (;;) {
		int64_t left = due - now_ms();
		int key;

		top_draw(top);
		key = canvas_key(left < 0 ? 0 : left > REFRESH_MS ? REFRESH_MS : (int)left);
		if (key != CANVAS_KEY_NONE && !press(top, key))
			return;
		/* Another order shows at once, a paused picture waits. */
		if ((now_ms() < due && !top->stale) || (top->paused && !top->stale))
			due = now_ms() < due ? due : now_ms() + REFRESH_MS;
		else if (take(top) == -EINTR)
			return;
		else
			due = now_ms() + REFRESH_MS;
		top->stale = false;
	}
}

int top_run(const char *path)
{
	struct top *top = calloc(1, sizeof(*top));
	int failed;

	if (!top)
		return -ENOMEM;
	top->path = path;
	failed = take(top);
	if (!failed) {
		int opened = canvas_open();

		if (opened == -ENOTTY)
			fputs("sluicectl: top needs a terminal; for programs there is status -j\n", stderr);
		else if (opened)
			fputs("sluicectl: top: ncurses does not know this terminal ($TERM)\n", stderr);
		failed = opened ? 1 : 0;
	}
	if (!failed) {
		follow(top);
		canvas_close();
	}
	close_client(top);
	sample_fini(&top->sample);
	free(top);
	return failed;
}
