/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What several answers are put together from; answer.c makes them. */
#ifndef SLUICE_DAEMON_ANSWER_PARTS_H
#define SLUICE_DAEMON_ANSWER_PARTS_H

#include "sluice/snapshot.h"
#include "daemon/report.h"

/* `protocol` and `protocol_number`. */
void answer_put_protocol(struct report *object, uint8_t protocol);

/* The session's handle as `id`. */
void answer_put_id(struct report *session, struct session_handle handle);

/* An object `original` or `reply` of answer_put_tuple(), to which more can be added. */
struct report *answer_put_direction(struct report *session, const struct tuple *tuple, enum direction direction);

/* `file` and `line` of a rule. */
void answer_put_place(struct report *object, const char *file, unsigned int line);

/* An endpoint with `address` and `port`. */
void answer_put_endpoint(struct report *object, const char *name, const struct endpoint *values);

/**
 * answer_put_tuple() - `src`, `dst` and ports, or ICMP's `type`, `code` and `id`
 * @direction: of a query and its answer, which of them
 */
void answer_put_tuple(struct report *object, const struct tuple *tuple, enum direction direction);

/* A session as `sessions` shows it; @with_rule: with the rule that accepted it. */
struct report *answer_session_object(const struct snapshot_session *session, bool with_rule);

#endif
