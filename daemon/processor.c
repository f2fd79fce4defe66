/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/processor.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "daemon/log.h"

void processor_stay(void)
{
	cpu_set_t allowed, chosen;
	int last = -1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			last = cpu;
	if (last < 0)
		return;
	CPU_ZERO(&chosen);
	CPU_SET(last, &chosen);
	if (sched_setaffinity(0, sizeof(chosen), &chosen) < 0)
		log_write(LOG_LEVEL_INFO, "stays on no processor of its own: %s", strerror(errno));
}
