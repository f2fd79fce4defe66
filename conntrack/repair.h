/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the gateway says because of a black hole: to the receiver, and to the sender. */
#ifndef CONNTRACK_REPAIR_H
#define CONNTRACK_REPAIR_H

#include "conntrack/pathwatch.h"

/* Asks the receiver of the packet at hand whether it lives. */
void repair_ask(struct passage *passage, struct watch *watch);

/* The sender of the packet at hand repeats itself into @hole. */
void repair_repeated(struct passage *passage, struct watch *watch, struct black_hole *hole);

/* Sends the sender of @search's segment the error that the path should have sent. */
void repair_tell(struct engine *engine, struct size_search *search, uint16_t mtu);

#endif
