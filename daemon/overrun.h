/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets that the kernel dropped because they came faster than they were judged.
 */
#ifndef SLUICE_DAEMON_OVERRUN_H
#define SLUICE_DAEMON_OVERRUN_H

#include <stdbool.h>

#include "daemon/queues.h"

struct shell;

/**
 * struct overrun - start with zeros
 * @before: when nothing was lost yet of what @raised is about
 * @latest: as last looked at
 * @looked: when that was; @lost: when something was last lost
 */
struct overrun {
	struct queue_statistics before, latest;
	struct mono looked, lost;
	bool raised;
};

/*
 * Looks once a second, raises the alert queue-overrun, and ends it after ten seconds without a loss. With each
 * second of losses the sources are shared out among the queues anew.
 */
void overrun_watch(struct overrun *overrun, struct shell *shell, struct mono now);

#endif
