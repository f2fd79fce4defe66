/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's fast path: established sessions that a BPF program at the ingress of
 * the interfaces forwards (daemon/fastpath/fastpath.bpf.c, loaded by program.c). A build
 * with FASTPATH=0 has fastpath_none.c instead.
 */
#ifndef SLUICE_DAEMON_FASTPATH_H
#define SLUICE_DAEMON_FASTPATH_H

#include "sluice/engine.h"

struct fastpath;
struct links;
struct offer;
struct pins;
struct routes;

/**
 * fastpath_clear() - detach and remove what an earlier process may have left behind
 * @pins: NULL: only what is left without them
 *
 * When it returns nothing is forwarded by it any more.
 */
void fastpath_clear(const struct pins *pins, const struct link_table *links);

/**
 * struct fastpath_options
 * @capacity: sessions there is room for
 * @pins: where it is to outlive the process; NULL: it ends with it. Kept
 * @digest: of all that what an earlier process left must have been made for; 0: it is not to be taken over
 */
struct fastpath_options {
	uint32_t capacity;
	const struct link_table *links;
	const struct pins *pins;
	uint64_t digest;
};

/**
 * fastpath_create() - load the program
 * @message: receives why there is none, in words
 *
 * What an earlier process left is taken over, or cleared. Needs CAP_BPF, CAP_NET_ADMIN and, for a kernel that distrusts
 * BPF, CAP_PERFMON. Return: 0, or negative errno: then every packet takes the queue.
 */
int fastpath_create(const struct fastpath_options *options, struct fastpath **fastpath, const char **message);

/* Detaches and removes everything, and packets take the queue; or @go_on, for the next process. */
void fastpath_destroy(struct fastpath *fastpath, bool go_on);

/* What it is made for has changed. NULL is allowed, here and below. */
void fastpath_note(struct fastpath *fastpath, uint64_t digest);
/* Does it go on when the process is killed? */
bool fastpath_outlives(const struct fastpath *fastpath);
/* Was it an earlier process's? Then fastpath_reconcile() is due. */
bool fastpath_is_adopted(const struct fastpath *fastpath);

/* What the engine needs; its context is @fastpath. */
struct engine_fastpath fastpath_for_engine(struct fastpath *fastpath);

/**
 * fastpath_install() - take up an offer of the engine's
 *
 * A session that cannot be installed is counted and goes on in the queue.
 */
void fastpath_install(struct fastpath *fastpath, struct engine *engine, struct routes *routes,
		      const struct link_table *links, const struct offer *offer, struct mono now);

/**
 * fastpath_reconcile() - remove what no session of @engine has asked for
 * @removed: elements, receives how many; two are a session
 *
 * Return: 0, or negative errno: then nobody knows what is forwarded.
 */
int fastpath_reconcile(struct fastpath *fastpath, const struct engine *engine, uint32_t *removed);

/**
 * fastpath_renew() - put sessions that were taken over by the routes of today, or recall them
 * @budget: so many
 *
 * Return: false when all are done.
 */
bool fastpath_renew(struct fastpath *fastpath, struct engine *engine, struct routes *routes,
		    const struct link_table *links, uint32_t budget);

/* An interface is gone or has changed: its program is attached anew when needed. */
void fastpath_forget_interfaces(struct fastpath *fastpath);

/* How it is attached: "tcx", "clsact", or "off" for a NULL @fastpath. */
const char *fastpath_mode(const struct fastpath *fastpath);
/**
 * struct fastpath_failures - sessions that could not be installed
 * @no_route: the kernel would not forward them, or by several ways at once
 * @no_interface: they come or go by one that the program does not understand or cannot be attached to
 * @no_room: the kernel's maps did not take them
 * @postponed: not now: see offers.h, which counts them
 */
struct fastpath_failures {
	uint64_t no_route, no_interface, no_room, postponed;
};
struct fastpath_failures fastpath_failures(const struct fastpath *fastpath);

#endif
