/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event stream: of which kind an effect is, and how it reads. */
#ifndef SLUICE_DAEMON_EVENTS_H
#define SLUICE_DAEMON_EVENTS_H

#include "sluice/engine.h"

/* What a listener can ask for; a sum of these. */
enum event_kind {
	EVENT_KIND_SESSION = 1,
	EVENT_KIND_ALERT = 2,
	EVENT_KIND_MAPPING = 4, /* mappings and blocks of ports */
};

#define EVENT_KINDS_DEFAULT (EVENT_KIND_SESSION | EVENT_KIND_ALERT)

/* The kind of @effect; 0: it is no event. */
unsigned int events_kind(const struct effect *effect);

/* Its line, as JSON; returns the length. */
size_t events_line(char *line, size_t size, const struct engine *engine, const struct effect *effect);

/* The line that says that @count of them are missing, as JSON; returns the length. */
size_t events_lost_line(char *line, size_t size, uint64_t count);

/* One line for the log: `mapping add udp 10.0.0.2 4000 198.51.100.1 4000`. @effect is of kind mapping. */
void events_describe_mapping(const struct effect *effect, char *text, size_t size);

#endif
