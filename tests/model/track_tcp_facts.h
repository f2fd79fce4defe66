/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the list of packets of struct track_tcp_model says, found anew at each question. */
#ifndef TESTS_MODEL_TRACK_TCP_FACTS_H
#define TESTS_MODEL_TRACK_TCP_FACTS_H

#include "tests/model/track_tcp_model.h"

#define BEHIND 66000
#define UNSEEN ((int64_t)1 << 26)
#define ANY ((int64_t)1 << 30)

int64_t facts_most(int64_t a, int64_t b);

/* Did a packet of that side come by, did one acknowledge anything, and up to where? */
bool facts_seen(const struct track_tcp_model *model, enum direction side);
bool facts_acked(const struct track_tcp_model *model, enum direction side);
int64_t facts_highest_ack(const struct track_tcp_model *model, enum direction side);

/* What @side has sent, as the first @count packets show it, or all of them. */
int64_t facts_sent_until(const struct track_tcp_model *model, enum direction side, unsigned int count);
int64_t facts_sent(const struct track_tcp_model *model, enum direction side);

/* Its FIN stands at the end of all it sent; and was acknowledged. */
bool facts_closed(const struct track_tcp_model *model, enum direction side);
bool facts_close_acked(const struct track_tcp_model *model, enum direction side);

/* The largest window @side offered; the right edge of what it may send; how late its packets may be. */
int64_t facts_largest_window(const struct track_tcp_model *model, enum direction side);
int64_t facts_right_edge(const struct track_tcp_model *model, enum direction side);
int64_t facts_behind(const struct track_tcp_model *model, enum direction side);

#endif
