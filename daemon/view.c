/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/view.h"

#include <stdio.h>
#include <stdlib.h>

void view_note_alert(struct view *view, const struct effect *effect)
{
	struct answer_alert *alert = NULL;

	for (size_t i = 0; i < view->alert_count && !alert; i++)
		if (strcmp(view->alerts[i].name, effect->alert.name) == 0 &&
		    strcmp(view->alerts[i].subject, effect->alert.subject) == 0)
			alert = &view->alerts[i];
	if (!effect->alert.raised) {
		size_t after;

		if (!alert)
			return;
		after = (size_t)(view->alerts + view->alert_count - (alert + 1));
		memmove(alert, alert + 1, after * sizeof(*alert));
		view->alert_count--;
		return;
	}
	if (!alert) {
		if (view->alert_count == VIEW_ALERT_LIMIT)
			return;
		alert = &view->alerts[view->alert_count++];
		*alert = (struct answer_alert){ .name = effect->alert.name, .since = effect->at };
		snprintf(alert->subject, sizeof(alert->subject), "%s", effect->alert.subject);
	}
	/* Raised again with another text: news of the same alert. */
	snprintf(alert->text, sizeof(alert->text), "%s", effect->alert.text);
}

void view_reset(struct view *view, const struct engine *engine)
{
	snapshot_status(engine, &view->baseline);
}

static void subtract(uint64_t *counters, const uint64_t *baseline, size_t count)
{
	for (size_t i = 0; i < count; i++)
		counters[i] -= baseline[i];
}

static void subtract_baseline(struct snapshot_status *status, const struct snapshot_status *baseline)
{
	status->sessions.created -= baseline->sessions.created;
	status->sessions.expired -= baseline->sessions.expired;
	status->sessions.evicted -= baseline->sessions.evicted;
	subtract(status->refusals, baseline->refusals, REFUSAL_COUNT);
	subtract(status->drops, baseline->drops, REASON_COUNT);
	status->packets.received -= baseline->packets.received;
	status->packets.accepted -= baseline->packets.accepted;
	status->packets.dropped -= baseline->packets.dropped;
	status->packets.rewritten -= baseline->packets.rewritten;
	status->packets.truncated -= baseline->packets.truncated;
	status->icmp.translated -= baseline->icmp.translated;
	status->icmp.unmatched -= baseline->icmp.unmatched;
	status->icmp.invalid -= baseline->icmp.invalid;
	status->icmp.frag_needed -= baseline->icmp.frag_needed;
	status->mss_clamped -= baseline->mss_clamped;
	status->fastpath.hits -= baseline->fastpath.hits;
	status->effects_lost -= baseline->effects_lost;
}

/* All pools there are; what memory does not hold is left out, a status must always come. */
static struct snapshot_pool *gather_pools(const struct engine *engine, size_t *count)
{
	struct snapshot_pool *pools = NULL;
	struct snapshot_cursor cursor = { 0 };
	struct snapshot_pool pool;
	size_t capacity = 0;

	*count = 0;
	while (snapshot_next_pool(engine, &cursor, &pool) == 1) {
		if (*count == capacity) {
			size_t wanted = capacity ? capacity * 2 : 16;
			struct snapshot_pool *grown = reallocarray(pools, wanted, sizeof(*pools));

			if (!grown)
				break;
			pools = grown;
			capacity = wanted;
		}
		pools[(*count)++] = pool;
	}
	return pools;
}

static struct snapshot_black_hole *gather_black_holes(const struct engine *engine, size_t *count)
{
	struct snapshot_black_hole *holes = calloc(SNAPSHOT_BLACK_HOLES, sizeof(*holes));

	*count = holes ? snapshot_black_holes(engine, holes, SNAPSHOT_BLACK_HOLES) : 0;
	return holes;
}

void view_gather(const struct view *view, const struct engine *engine, const struct queues *queues, struct mono started,
		 struct mono now, struct answer_view *report)
{
	*report = (struct answer_view){
		.alerts = view->alerts,
		.alert_count = view->alert_count,
		.started = started,
		.now = now,
	};
	snapshot_status(engine, &report->total);
	report->counted = report->total;
	subtract_baseline(&report->counted, &view->baseline);
	report->pools = gather_pools(engine, &report->pool_count);
	report->black_holes = gather_black_holes(engine, &report->black_hole_count);
	if (queues)
		(void)queues_statistics(queues, &report->queue);
}

void view_release(struct answer_view *report)
{
	free((void *)report->pools);
	free((void *)report->black_holes);
	*report = (struct answer_view){ .pool_count = 0 };
}
