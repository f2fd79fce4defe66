/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer to `why`: a packet in words, the engine's explanation, a line of JSON. */
#ifndef SLUICE_DAEMON_WHY_H
#define SLUICE_DAEMON_WHY_H

#include "sluice/link.h"

struct engine;

/**
 * why_answer() - what would become of the packet that @text describes
 * @links: the machine's interfaces
 *
 * Return: the answer's line or that of an error, malloc()ed; NULL without memory.
 */
char *why_answer(struct engine *engine, const struct link_table *links, const char *text);

#endif
