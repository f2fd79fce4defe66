/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets that the engine itself sends: resets and ICMP errors.
 */
#ifndef SLUICE_DAEMON_INJECT_H
#define SLUICE_DAEMON_INJECT_H

#include "sluice/types.h"

struct inject;

/**
 * inject_create() - open the raw sockets
 * @mark: set on every packet, so that our own rules let it pass
 *
 * Return: 0, or negative errno. A machine without IPv6 is not an error.
 */
int inject_create(uint32_t mark, struct inject **inject);
void inject_destroy(struct inject *inject);

/**
 * inject_send() - send one whole IP packet, routed by its destination
 * Return: 0, or negative errno.
 */
int inject_send(struct inject *inject, const uint8_t *bytes, size_t length);

#endif
