/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session's line in a listing, written at once. Listings have one for each of perhaps a
 * million sessions, and putting each together member by member takes three times as long.
 */
#ifndef SLUICE_DAEMON_SESSION_LINE_H
#define SLUICE_DAEMON_SESSION_LINE_H

#include "sluice/snapshot.h"

/**
 * session_line() - the same bytes that answer_session_object() leads to
 *
 * Return: the length, newline included; 0 when the rule's file name is not plain or the
 * line does not fit: then it has to be put together.
 */
size_t session_line(char *line, size_t size, const struct snapshot_session *session);

#endif
