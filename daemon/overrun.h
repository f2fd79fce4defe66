/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets that the kernel dropped because they came faster than they were judged, and
 * verdicts that it did not take.
 */
#ifndef SLUICE_DAEMON_OVERRUN_H
#define SLUICE_DAEMON_OVERRUN_H

#include <stdbool.h>

#include "daemon/queues.h"

struct shell;

enum loss {
	LOSS_PACKETS,  /* before they were judged: queue-overrun */
	LOSS_VERDICTS, /* verdict-failure */
	LOSS_COUNT,
};

/**
 * struct overrun - start with zeros
 * @before: for each alert, when nothing was lost yet of what it is about
 * @latest: as last looked at
 * @looked: when that was; @lost: when something was last lost
 * @raised: the alert stands
 * @begun: a second has passed since the first look
 */
struct overrun {
	struct queue_statistics before[LOSS_COUNT], latest;
	struct mono looked, lost[LOSS_COUNT];
	bool raised[LOSS_COUNT];
	bool begun;
};

/*
 * Looks once a second, raises the alerts queue-overrun and verdict-failure, and ends each after ten seconds without
 * a loss. With each second of lost packets the sources are shared out among the queues anew.
 */
void overrun_watch(struct overrun *overrun, struct shell *shell, struct mono now);

#endif
