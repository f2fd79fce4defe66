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

static const char *const names[LOSS_COUNT] = {
	[LOSS_PACKETS] = "queue-overrun",
	[LOSS_VERDICTS] = "verdict-failure",
};

static uint64_t lost_in(const struct queue_statistics *statistics, enum loss loss)
{
	return loss == LOSS_PACKETS ? statistics->dropped + statistics->failed : statistics->refused;
}

static void describe(const struct overrun *overrun, enum loss loss, char *text, size_t size)
{
	const struct queue_statistics *before = &overrun->before[loss], *latest = &overrun->latest;

	if (loss == LOSS_PACKETS)
		snprintf(text, size, "%llu packets dropped since the queue was full, %llu since the socket was",
			 (unsigned long long)(latest->dropped - before->dropped),
			 (unsigned long long)(latest->failed - before->failed));
	else
		snprintf(text, size, "%llu verdicts not taken by the kernel: their packets were gone, or are dropped",
			 (unsigned long long)(latest->refused - before->refused));
}

static void announce(const struct overrun *overrun, enum loss loss, struct shell *shell)
{
	bool raised = overrun->raised[loss];
	char subject[32], text[160];

	snprintf(subject, sizeof(subject), "queue %u", shell->configuration->settings.queue);
	describe(overrun, loss, text, sizeof(text));
	log_write(raised ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "%s%s: %s: %s", raised ? "" : "over: ", names[loss],
		  subject, text);
	effects_announce(shell, names[loss], raised, subject, text);
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

/* @before: as it was when last looked at. Return: more was lost since. */
static bool watch(struct overrun *overrun, enum loss loss, const struct queue_statistics *before, struct shell *shell)
{
	bool more = lost_in(&overrun->latest, loss) > lost_in(before, loss);

	if (more)
		overrun->lost[loss] = overrun->looked;
	if (more && !overrun->raised[loss]) {
		overrun->before[loss] = *before;
		overrun->raised[loss] = true;
		announce(overrun, loss, shell);
	} else if (overrun->raised[loss] && mono_ms_between(overrun->lost[loss], overrun->looked) >= CALM_MS) {
		overrun->raised[loss] = false;
		announce(overrun, loss, shell);
	}
	return more;
}

void overrun_watch(struct overrun *overrun, struct shell *shell, struct mono now)
{
	struct queue_statistics before = overrun->latest, latest;

	if (!overrun->looked.ns)
		overrun->looked = now;
	if (mono_ms_between(overrun->looked, now) < LOOK_MS || queues_statistics(shell->queues, &latest) < 0)
		return;
	overrun->looked = now;
	overrun->latest = latest;
	/* With the table of before went what waited at its hooks. */
	if (!overrun->begun)
		before.refused = latest.refused;
	overrun->begun = true;
	if (watch(overrun, LOSS_PACKETS, &before, shell))
		scatter(shell);
	watch(overrun, LOSS_VERDICTS, &before, shell);
}
