/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A session costs some microseconds to install, and a packet of it about two in
 * the queue for as long as it is not. So a daemon that has nothing else to do installs for as long as packets
 * may wait unnoticed, and one that is busy spends as much time on it as on a batch of packets: each session
 * that it installs makes it less busy, but the others' packets must not wait much longer meanwhile.
 */
#include "daemon/offers.h"

#include "daemon/fastpath.h"
#include "daemon/ipsec.h"
#include "daemon/links.h"
#include "daemon/shell.h"

/* For one turn, in ns: without packets in the queue, and with them. */
#define TURN_NS 1000000u
#define TURN_BUSY_NS 250000u
/* A queue that is not drained for so long is busy, not just in the middle of something. */
#define PATIENCE_MS 10u

void offers_add(struct offers *offers, const struct effect *effect)
{
	if (offers->count == OFFERS) {
		offers->postponed++;
		return;
	}
	offers->list[(offers->first + offers->count++) % OFFERS] = (struct offer){
		.handle = effect->install.handle,
		.at = effect->at,
		.direction = effect->install.direction,
		.iif = effect->install.iif,
		.mark = effect->install.mark,
	};
}

static void offers_drop_all(struct offers *offers)
{
	offers->first = offers->count = 0;
}

void offers_take_up(struct shell *shell, bool drained)
{
	struct offers *offers = &shell->offers;
	const struct link_table *links = links_table(shell->links);
	struct mono began, now;

	if (!offers->count)
		return;
	if (ipsec_in_use(shell->ipsec) || !shell->fastpath) {
		offers_drop_all(offers);
		return;
	}
	began = now = loop_now();
	while (offers->count && now.ns - began.ns < (drained ? TURN_NS : TURN_BUSY_NS)) {
		const struct offer *offer = &offers->list[offers->first];

		if (!drained && mono_ms_between(offer->at, now) < PATIENCE_MS)
			break;
		fastpath_install(shell->fastpath, shell->engine, shell->routes, links, offer, now);
		offers->first = (offers->first + 1) % OFFERS;
		offers->count--;
		now = loop_now();
	}
}

struct fastpath_failures offers_failures(const struct shell *shell)
{
	struct fastpath_failures failures = fastpath_failures(shell->fastpath);

	failures.postponed = shell->offers.postponed;
	return failures;
}
