/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `status` and the metrics look at: the engine's numbers, the kernel's queue
 * counters, the alerts that stand, and where the counters were at the last reset.
 */
#ifndef SLUICE_DAEMON_VIEW_H
#define SLUICE_DAEMON_VIEW_H

#include "daemon/answer.h"

/* Alerts that can stand at once; more are in the event stream and the log only. */
#define VIEW_ALERT_LIMIT 128

/** struct view - @baseline: the counters at the last reset */
struct view {
	struct snapshot_status baseline;
	size_t alert_count;
	struct answer_alert alerts[VIEW_ALERT_LIMIT];
};

/** view_note_alert() - remember @effect, an EFFECT_ALERT, until it is cleared */
void view_note_alert(struct view *view, const struct effect *effect);

/** view_reset() - let the counters that `status` shows begin at zero again */
void view_reset(struct view *view, const struct engine *engine);

/**
 * view_gather() - look at everything
 * @queues: NULL: no counters of the kernel's
 * @report: receives it; give back with view_release()
 */
void view_gather(const struct view *view, const struct engine *engine, const struct queues *queues, struct mono started,
		 struct mono now, struct answer_view *report);
void view_release(struct answer_view *report);

#endif
