/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the kernel encrypt anything? Packets that a policy of IPsec is meant for must
 * not take the fast path, which would send them in the clear.
 */
#ifndef SLUICE_DAEMON_IPSEC_H
#define SLUICE_DAEMON_IPSEC_H

#include <stdbool.h>

struct ipsec;
struct loop;

/**
 * ipsec_create() - look for policies, and follow their changes
 * @changed: called soon after the first policy came or the last one went
 *
 * Return: 0, also where the kernel has no IPsec, or negative errno.
 */
int ipsec_create(struct loop *loop, void (*changed)(void *context), void *context, struct ipsec **ipsec);
void ipsec_destroy(struct ipsec *ipsec);

/* Is there any policy for packets that go out or are forwarded? False for NULL. */
bool ipsec_in_use(const struct ipsec *ipsec);

#endif
