/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's fast path: established sessions that a BPF program at the ingress of
 * the interfaces forwards (daemon/fastpath/fastpath.bpf.c). Only fastpath.c knows
 * libbpf; a build with FASTPATH=0 has fastpath_none.c instead.
 */
#ifndef SLUICE_DAEMON_FASTPATH_H
#define SLUICE_DAEMON_FASTPATH_H

#include "sluice/engine.h"

struct fastpath;
struct links;
struct routes;

/**
 * fastpath_clear() - detach what a daemon that was killed may have left behind
 *
 * To be called first, also when there is to be no fast path.
 */
void fastpath_clear(const struct link_table *links);

/**
 * fastpath_create() - load the program, with room for @capacity sessions
 * @message: receives why there is none, in words
 *
 * Needs CAP_BPF, CAP_NET_ADMIN and, for a kernel that distrusts BPF, CAP_PERFMON.
 * Return: 0, or negative errno: then every packet takes the queue.
 */
int fastpath_create(uint32_t capacity, struct fastpath **fastpath, const char **message);

/* Detaches everything; packets take the queue from now on. */
void fastpath_destroy(struct fastpath *fastpath);

/* What the engine needs; its context is @fastpath. */
struct engine_fastpath fastpath_for_engine(struct fastpath *fastpath);

/**
 * fastpath_install() - carry out an EFFECT_INSTALL
 *
 * A session that cannot be installed is counted and goes on in the queue.
 */
void fastpath_install(struct fastpath *fastpath, struct engine *engine, struct routes *routes,
		      const struct link_table *links, const struct effect *effect);

/* An interface is gone or has changed: its program is attached anew when needed. */
void fastpath_forget_interfaces(struct fastpath *fastpath);

/* How it is attached: "tcx", "clsact", or "off" for a NULL @fastpath. */
const char *fastpath_mode(const struct fastpath *fastpath);
/* Sessions that could not be installed. */
uint64_t fastpath_failed(const struct fastpath *fastpath);

#endif
