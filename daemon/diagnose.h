/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is counted of sources and destinations, and what is found wrong, as lines.
 */
#ifndef SLUICE_DAEMON_DIAGNOSE_H
#define SLUICE_DAEMON_DIAGNOSE_H

#include "sluice/diagnosis.h"
#include "daemon/report.h"

/** diagnose_answer() - the answer to `diagnose`; malloc()ed, NULL without memory */
char *diagnose_answer(const struct engine *engine, const struct request *request, struct mono now);

/** diagnose_put_statistics() - all that is counted, as members of @party; what is not known is null */
void diagnose_put_statistics(struct report *party, const struct snapshot_statistics *statistics);

#endif
