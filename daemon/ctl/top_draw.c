/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/top_draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl/canvas.h"
#include "daemon/ctl/screen.h"

/* So much of each stands above the lists; the pools have a view of their own. */
#define HEAD_POOLS 2
#define HEAD_ALERTS 3
#define INDENT 11

static const char *const orders[SAMPLE_ORDER_COUNT] = { "sessions", "expendable", "ports", "address" };

void top_arrange(struct top *top)
{
	sample_arrange(&top->sample.sources, top->filter, top->order, top->reversed);
	/* A destination holds no ports of ours. */
	sample_arrange(&top->sample.destinations, top->filter,
		       top->order == SAMPLE_BY_PORTS ? SAMPLE_BY_SESSIONS : top->order, top->reversed);
}

static enum canvas_style level_style(const char *level)
{
	if (strcmp(level, "elevated") == 0)
		return CANVAS_WARNING;
	return strcmp(level, "high") == 0 || strcmp(level, "full") == 0 ? CANVAS_ALARM : CANVAS_PLAIN;
}

/* --------------------------------------------------------------------- head */

static void duration_text(int64_t seconds, char *text, size_t size)
{
	if (seconds >= 86400)
		snprintf(text, size, "%" PRId64 "d %" PRId64 "h", seconds / 86400, seconds % 86400 / 3600);
	else if (seconds >= 3600)
		snprintf(text, size, "%" PRId64 "h %" PRId64 "m", seconds / 3600, seconds % 3600 / 60);
	else
		snprintf(text, size, "%" PRId64 "m %" PRId64 "s", seconds / 60, seconds % 60);
}

static void draw_title(const struct top *top)
{
	const struct document *status = top->sample.status;
	char up[32];
	int rows, columns;

	duration_text(document_integer(status, "uptime_s"), up, sizeof(up));
	canvas_size(&rows, &columns);
	canvas_bar(0);
	canvas_print(0, 0, CANVAS_BAR, "sluice %s  up %s  ruleset %" PRId64 "%s", document_text(status, "version"), up,
		     document_integer(status, "generation"), top->paused ? "  PAUSED" : "");
	canvas_print(0, columns > 60 ? columns - 28 : 50, CANVAS_BAR, "by %s%s%s%s", orders[top->order],
		     top->reversed ? ", reversed" : "", *top->filter ? "  /" : "", top->filter);
}

struct counters {
	const struct sample *sample;
	int row, column;
};

static void draw_rate(struct counters *counters, const char *name, const char *path)
{
	double rate = sample_rate(counters->sample, path);
	char text[64];

	if (rate < 0)
		snprintf(text, sizeof(text), "%s -", name);
	else
		snprintf(text, sizeof(text), rate < 10 ? "%s %.1f/s" : "%s %.0f/s", name, rate);
	canvas_print(counters->row, counters->column, CANVAS_PLAIN, "%s", text);
	counters->column += (int)strlen(text) + 2;
}

static void draw_value(void *context, const char *name, const struct document *value)
{
	struct counters *counters = context;
	char text[64];

	snprintf(text, sizeof(text), "%s %" PRId64, name, document_integer(value, ""));
	canvas_print(counters->row, counters->column, CANVAS_PLAIN, "%s", text);
	counters->column += (int)strlen(text) + 2;
}

static int draw_sessions(const struct sample *sample)
{
	const struct document *status = sample->status;
	const char *level = document_text(status, "pressure.level");
	struct counters protocols = { .sample = sample, .row = 2, .column = INDENT };
	char fill[128];

	canvas_print(1, 0, CANVAS_BOLD, "sessions");
	screen_fill(status, fill, sizeof(fill));
	canvas_print(1, INDENT, CANVAS_PLAIN, "%s", fill);
	canvas_print(1, 72, level_style(level), "%s", level);
	canvas_print(2, 0, CANVAS_BOLD, "protocols");
	document_each(status, "sessions.by_protocol", draw_value, &protocols);
	return 3;
}

static int draw_rates(const struct sample *sample, int row)
{
	struct counters rates = { .sample = sample, .row = row, .column = INDENT };

	canvas_print(row, 0, CANVAS_BOLD, "rates");
	draw_rate(&rates, "new", "sessions.created");
	draw_rate(&rates, "expired", "sessions.expired");
	draw_rate(&rates, "evicted", "sessions.evicted");
	draw_rate(&rates, "refused", "refusals");
	row++;
	rates.row = row;
	rates.column = INDENT;
	canvas_print(row, 0, CANVAS_BOLD, "packets");
	draw_rate(&rates, "received", "packets.received");
	draw_rate(&rates, "rewritten", "packets.rewritten");
	draw_rate(&rates, "dropped", "packets.dropped");
	draw_rate(&rates, "lost", "queue.dropped");
	return row + 1;
}

/* -------------------------------------------------------------------- pools */

struct pool_lines {
	int row, last;
};

static void draw_pool(void *context, const char *name, const struct document *pool)
{
	struct pool_lines *lines = context;
	const char *level = document_text(pool, "level");
	int row = lines->row++;

	(void)name;
	if (row > lines->last)
		return;
	canvas_print(row, INDENT, CANVAS_PLAIN, "%-24.24s %-8s %7" PRId64 " %7" PRId64 " %5.1f%% %7" PRId64,
		     document_text(pool, "address"), document_text(pool, "protocol"), document_integer(pool, "ports"),
		     document_integer(pool, "used"), document_real(pool, "fill") * 100,
		     document_integer(pool, "refused"));
	canvas_print(row, INDENT + 60, level_style(level), "%s", level);
}

/* The fullest ones, fullest first. */
struct fullest {
	const struct document *pools[HEAD_POOLS];
	int count;
};

static void note_pool(void *context, const char *name, const struct document *pool)
{
	struct fullest *fullest = context;
	double fill = document_real(pool, "fill");
	int place = fullest->count;

	(void)name;
	while (place > 0 && document_real(fullest->pools[place - 1], "fill") < fill)
		place--;
	if (place == HEAD_POOLS)
		return;
	if (fullest->count < HEAD_POOLS)
		fullest->count++;
	for (int i = fullest->count - 1; i > place; i--)
		fullest->pools[i] = fullest->pools[i - 1];
	fullest->pools[place] = pool;
}

static int draw_fullest(const struct document *status, int row)
{
	struct pool_lines lines = { .row = row, .last = row + HEAD_POOLS };
	struct fullest fullest = { .count = 0 };

	canvas_print(row, 0, CANVAS_BOLD, "pools");
	document_each(status, "pools", note_pool, &fullest);
	if (!fullest.count)
		canvas_print(lines.row++, INDENT, CANVAS_PLAIN, "none");
	for (int i = 0; i < fullest.count; i++)
		draw_pool(&lines, "", fullest.pools[i]);
	return lines.row;
}

/* ------------------------------------------------------------------- alerts */

struct alert_lines {
	int row, last;
	size_t hidden;
};

static void draw_alert(void *context, const char *name, const struct document *alert)
{
	struct alert_lines *lines = context;

	(void)name;
	if (lines->row > lines->last) {
		lines->hidden++;
		return;
	}
	canvas_print(lines->row++, INDENT, CANVAS_ALARM, "%s %s: %s", document_text(alert, "name"),
		     document_text(alert, "subject"), document_text(alert, "text"));
}

static int draw_alerts(const struct document *status, int row)
{
	struct alert_lines lines = { .row = row, .last = row + HEAD_ALERTS - 1 };

	canvas_print(row, 0, CANVAS_BOLD, "alerts");
	document_each(status, "alerts", draw_alert, &lines);
	if (lines.row == row)
		canvas_print(lines.row++, INDENT, CANVAS_PLAIN, "none");
	if (lines.hidden)
		canvas_print(lines.last, 0, CANVAS_ALARM, "and %zu more", lines.hidden);
	return lines.row;
}

/* -------------------------------------------------------------------- lists */

static void draw_list(const struct sample_list *list, bool sources, int row, int last)
{
	canvas_bar(row);
	canvas_print(row, 0, CANVAS_BAR, "%-43s %10s %10s %10s", sources ? "SOURCE" : "DESTINATION", "SESSIONS",
		     "EXPENDABLE", sources ? "PORTS" : "");
	row++;
	for (size_t i = 0; i < list->count && row <= last; i++, row++) {
		const struct sample_party *party = &list->parties[i];

		canvas_print(row, 0, CANVAS_PLAIN, "%-43s %10" PRId64 " %10" PRId64, party->address, party->sessions,
			     party->expendable);
		if (sources && party->ports >= 0)
			canvas_print(row, 66, CANVAS_PLAIN, "%9" PRId64, party->ports);
	}
}

static void draw_all_pools(const struct document *status, int row, int last)
{
	struct pool_lines lines = { .row = row + 1, .last = last };

	canvas_bar(row);
	canvas_print(row, INDENT, CANVAS_BAR, "%-24s %-8s %7s %7s %6s %7s %s", "POOL", "PROTOCOL", "PORTS", "USED",
		     "FILL", "REFUSED", "LEVEL");
	document_each(status, "pools", draw_pool, &lines);
}

static void draw_lists(const struct top *top, int row, int last)
{
	int middle = row + (last - row + 1) / 2;

	switch (top->view) {
	case TOP_SOURCES:
		draw_list(&top->sample.sources, true, row, last);
		break;
	case TOP_DESTINATIONS:
		draw_list(&top->sample.destinations, false, row, last);
		break;
	case TOP_POOLS:
		draw_all_pools(top->sample.status, row, last);
		break;
	default:
		draw_list(&top->sample.sources, true, row, middle - 1);
		draw_list(&top->sample.destinations, false, middle, last);
	}
}

/* ---------------------------------------------------------------- all of it */

static void draw_help(void)
{
	static const char *const lines[] = {
		"q      quit",
		"Tab    next view: both lists, sources, destinations, pools",
		"s      next order: sessions, expendable, ports, address",
		"r      the other way round",
		"/      show only addresses with this in them; Enter keeps it, Escape ends it",
		"Space  hold the picture, and go on",
		"h, ?   this help; any key leaves it",
		"",
		"EXPENDABLE sessions are unanswered or closing: the first to go when the",
		"table is full. PORTS are external ports that a source's mappings hold.",
		"Rates are those of the last second; \"lost\" are packets for which the",
		"kernel's queue had no room. An IPv6 address stands for its /64.",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		canvas_print((int)i + 2, 2, CANVAS_PLAIN, "%s", lines[i]);
}

static void draw_foot(const struct top *top, int row)
{
	if (top->editing)
		canvas_print(row, 0, CANVAS_BOLD, "addresses with: %s_", top->filter);
	else
		canvas_print(row, 0, CANVAS_BOLD, "q quit  h help  Tab view  s sort  r reverse  / filter  Space hold");
}

void top_draw(const struct top *top)
{
	const struct document *status = top->sample.status;
	int rows, columns, row;

	canvas_size(&rows, &columns);
	canvas_begin();
	draw_title(top);
	if (top->help) {
		draw_help();
	} else if (!status) {
		canvas_print(2, 0, CANVAS_ALARM, "no daemon at %s: %s; waiting for it", top->path,
			     strerror(-top->failed));
	} else {
		row = draw_sessions(&top->sample);
		row = draw_rates(&top->sample, row);
		row = draw_fullest(status, row);
		row = draw_alerts(status, row);
		draw_lists(top, row + 1, rows - 2);
	}
	draw_foot(top, rows - 1);
	canvas_end();
}
