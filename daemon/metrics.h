/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Prometheus text format (exposition format 0.0.4).
 */
#ifndef SLUICE_DAEMON_METRICS_H
#define SLUICE_DAEMON_METRICS_H

#include "daemon/answer.h"

/**
 * metrics_text() - every metric of @view
 *
 * Counters run from the start of the daemon; a reset does not touch them, since a
 * counter that jumps back means a restart to who reads it.
 * Return: malloc()ed text, NULL without memory.
 */
char *metrics_text(const struct answer_view *view);

#endif
