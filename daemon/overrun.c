/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/overrun.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/effects.h"
#include "daemon/kernel_table.h"
#include "daemon/log.h"
#include "daemon/shell.h"

#define LOOK_MS 1000
#define CALM_MS 10000

static uint64_t lost_in(const struct queue_statistics *statistics)
{
	return statistics->dropped + statistics->failed;
}

static void announce(struct overrun *overrun, struct shell *shell)
{
	char subject[32], text[160];

	snprintf(subject, sizeof(subject), "queue %u", shell->configuration->settings.queue);
	snprintf(text, sizeof(text), "%llu packets dropped since the queue was full, %llu since the socket was",
		 (unsigned long long)(overrun->latest.dropped - overrun->before.dropped),
		 (unsigned long long)(overrun->latest.failed - overrun->before.failed));
	log_write(overrun->raised ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "%squeue-overrun: %s: %s",
		  overrun->raised ? "" : "over: ", subject, text);
	effects_announce(shell, "queue-overrun", overrun->raised, subject, text);
}

/* Who shares a queue with a flood has lost packets, too: when they are sent again, let it be to another. */
static void scatter(struct shell *shell)
{
	int error = kernel_table_scatter(shell->kernel_table, shell->configuration);

	if (!error)
		return;
	errno = -error;
	log_write(LOG_LEVEL_WARNING, "cannot share the packets out to the queues anew: %m");
}

void overrun_watch(struct overrun *overrun, struct shell *shell, struct mono now)
{
	struct queue_statistics latest;

	if (mono_ms_between(overrun->looked, now) < LOOK_MS || queues_statistics(shell->queues, &latest) < 0)
		return;
	overrun->looked = now;
	if (lost_in(&latest) > lost_in(&overrun->latest)) {
		overrun->lost = now;
		scatter(shell);
		if (!overrun->raised)
			overrun->before = overrun->latest;
		overrun->latest = latest;
		if (!overrun->raised) {
			overrun->raised = true;
			announce(overrun, shell);
		}
	} else if (overrun->raised && mono_ms_between(overrun->lost, now) >= CALM_MS) {
		overrun->raised = false;
		announce(overrun, shell);
	}
	overrun->latest = latest;
}
