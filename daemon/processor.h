/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SLUICE_DAEMON_PROCESSOR_H
#define SLUICE_DAEMON_PROCESSOR_H

/**
 * processor_stay() - stay on the last processor this process may use
 *
 * The scheduler would put us next to whoever sends to us, on a processor that is
 * busy with the same packets, and move us back and forth: bulk TCP loses a fifth.
 * Interrupts tend to be on the first one. Who allows just one, with CPUAffinity= or
 * taskset, has chosen already.
 */
void processor_stay(void);

#endif
