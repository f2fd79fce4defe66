/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running daemon: what its parts share. sluiced.c makes it in stages and
 * takes it apart in the opposite order.
 */
#ifndef SLUICE_DAEMON_SHELL_H
#define SLUICE_DAEMON_SHELL_H

#include "sluice/engine.h"
#include "daemon/loop.h"
#include "daemon/offers.h"
#include "daemon/overrun.h"
#include "daemon/queues.h"

/* Signals that stop the daemon or make it reload. */
#define SHELL_SIGNALS 4

struct control;
struct fastpath;
struct inject;
struct ipsec;
struct kernel_guard;
struct kernel_table;
struct links;
struct listeners;
struct pins;
struct routes;
struct state_file;

/**
 * struct shell
 * @configuration: in force, owned here; the engine points to it
 * @config_path: as given on the command line
 * @fastpath: NULL: every packet takes the queue
 * @pins: where the fast path outlives the process; NULL: it does not
 * @renewing: routes of sessions that stayed in the fast path are still being asked for
 * @guard: NULL: the kernel keeps others from the table
 * @state: NULL: sessions end with the process
 * @replaced: another process takes over: the kernel's table stays, and packets wait for it or drop
 * @started: for the uptime
 * @reloads: successful ones since the start
 */
struct shell {
	struct loop *loop;
	struct engine *engine;
	struct configuration *configuration;
	struct links *links;
	struct listeners *listeners;
	struct routes *routes;
	struct kernel_table *kernel_table;
	struct kernel_guard *guard;
	struct queues *queues;
	struct inject *inject;
	struct fastpath *fastpath;
	struct pins *pins;
	bool renewing;
	struct ipsec *ipsec;
	struct offers offers;
	uint64_t effects_lost; /* of those, listeners were told */
	struct control *control;
	struct state_file *state;
	struct overrun overrun;
	bool replaced;
	const char *config_path;
	struct mono started;
	uint32_t reloads;
	struct loop_timer *tick, *watchdog, *ask_listeners;
	struct loop_signal *signals[SHELL_SIGNALS];
	uint64_t watchdog_ms;
};

/**
 * shell_reload() - put the configuration file in force, all or nothing
 * @message: receives malloc()ed text: the diagnostics, warnings too, or why it
 *	failed; "" when there is nothing to say; NULL without memory
 *
 * Sessions stay. What cannot change while running (capacity, queue, socket, mark)
 * is refused by name.
 * Return: 0; -EINVAL: broken configuration; another negative errno. After an error
 * the old configuration is in force, whole.
 */
int shell_reload(struct shell *shell, char **message);

/**
 * shell_check() - read the configuration file and say what is wrong with it
 * @message: as for shell_reload()
 *
 * Return: 0 when a reload would take it, -EINVAL when not.
 */
int shell_check(const struct shell *shell, char **message);

/* Asks for the machine's own services; new mappings then leave their ports alone. */
void shell_read_listeners(struct shell *shell);

#endif
