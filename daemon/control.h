/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: who may ask, how many may, and how a long answer leaves
 * piece by piece. docs/sluice-control.7 describes the protocol.
 */
#ifndef SLUICE_DAEMON_CONTROL_H
#define SLUICE_DAEMON_CONTROL_H

#include "sluice/effects.h"

struct control;
struct shell;

/**
 * control_start() - make the socket that the configuration names and serve it,
 *	and the metrics listener when there is one
 * @control: receives it
 * @message: receives one malloc()ed line about what failed, NULL without memory
 *
 * The socket gets mode 0660 and the configured group. A socket that nobody listens
 * on any more is replaced.
 * Return: 0; -EEXIST: the path is something else than a socket; -EADDRINUSE: a
 * live process serves it; or another negative errno.
 */
int control_start(struct shell *shell, struct control **control, char **message);

/** control_stop() - drop all clients and remove the socket; NULL is allowed */
void control_stop(struct control *control);

/**
 * control_publish() - hand a session event or an alert to those who listen
 *
 * Other kinds of effect are ignored. Alerts that are raised and not cleared are
 * kept for `status`. A listener that does not keep up is dropped.
 */
void control_publish(struct control *control, const struct effect *effect);

/** control_publish_lost() - tell those who listen that the engine had no room for @count effects */
void control_publish_lost(struct control *control, uint64_t count);

#endif
