/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The engine's sessions lie in the state file, what the kernel forwards by
 * in pinned maps (pins.h): both outlive the process, so that established sessions flow on
 * while there is none. Packets that open, close or reset one wait or drop, as all others.
 *
 * The next process takes the maps over if the configuration and the interfaces are what
 * they were, by a digest that the maps carry. Then the two are made to agree. The engine believes
 * a slot that bears its session's generation; an element of the maps that no lent session
 * has asked for is removed before the first packet is judged; and for each lent session its elements are put
 * anew, by the routes of today.
 */
#include "daemon/lending.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "conntrack/hash.h"
#include "daemon/effects.h"
#include "daemon/fastpath.h"
#include "daemon/ipsec.h"
#include "daemon/links.h"
#include "daemon/log.h"
#include "daemon/pins.h"
#include "daemon/routes.h"
#include "daemon/shell.h"
#include "daemon/survival.h"

/* Sessions whose elements are put anew in one go, a few microseconds each: at the start, and with each tick. */
#define RENEW_FIRST 4096u
#define RENEW_TICK 1024u

/* Whatever goes by the old ways comes back and asks for the new ones. */
static void ways_changed(void *context)
{
	struct shell *shell = context;

	engine_recall_all(shell->engine, loop_now());
	effects_drain(shell);
}

static void write_link(FILE *out, const struct link *link)
{
	fprintf(out, "%u %s %u %u %u %d %d\n", link->index, link->name, link->mtu, link->type, link->group, link->up,
		link->alias);
	for (unsigned int i = 0; i < link->address_count; i++) {
		const struct link_address *address = &link->addresses[i];

		fwrite(&address->address, sizeof(address->address), 1, out);
		fwrite(&address->peer, sizeof(address->peer), 1, out);
		fprintf(out, "/%u %d %d %d\n", address->prefix_length, address->secondary, address->global,
			address->usable);
	}
}

/* Of the configuration in force and the interfaces. 0: it cannot be told. */
static uint64_t digest(const struct shell *shell)
{
	static const uint64_t key[2] = { 0x6c656e64, 1 };
	const struct link_table *links = links_table(shell->links);
	char *configuration = configuration_print(shell->configuration), *text = NULL;
	size_t size = 0;
	FILE *out = configuration ? open_memstream(&text, &size) : NULL;
	uint64_t result = 0;

	if (out) {
		fputs(configuration, out);
		for (size_t i = 0; i < links->count; i++)
			write_link(out, &links->links[i]);
		if (fclose(out) == 0)
			result = hash_bytes(key, text, size) | 1;
	}
	free(configuration);
	free(text);
	return result;
}

void lending_note(struct shell *shell)
{
	if (shell->pins)
		fastpath_note(shell->fastpath, digest(shell));
}

/* ----------------------------------------------------------------------- start */

/* Sessions that end with the process leave nothing behind in the kernel. */
static void open_pins(struct shell *shell, const char **obstacle)
{
	*obstacle = NULL;
	if (pins_open(&shell->pins, obstacle) < 0 || (shell->state && shell->configuration->settings.fastpath))
		return;
	fastpath_clear(shell->pins, links_table(shell->links));
	pins_end(shell->pins);
	shell->pins = NULL;
}

static int create(struct shell *shell, const char **message)
{
	int error;

	*message = "routes and policies cannot be followed";
	if ((error = routes_follow(shell->routes, shell->loop, ways_changed, shell)) ||
	    (error = ipsec_create(shell->loop, ways_changed, shell, &shell->ipsec)))
		return error;
	return fastpath_create(
	    &(struct fastpath_options){
		.capacity = shell->configuration->settings.capacity,
		.links = links_table(shell->links),
		.pins = shell->pins,
		/* What is to be encrypted must not go on there. */
		.digest = shell->pins && !ipsec_in_use(shell->ipsec) ? digest(shell) : 0,
	    },
	    &shell->fastpath, message);
}

void lending_start(struct shell *shell)
{
	struct engine_fastpath fastpath;
	const char *message, *obstacle;

	open_pins(shell, &obstacle);
	if (!shell->configuration->settings.fastpath) {
		fastpath_clear(NULL, links_table(shell->links));
		return;
	}
	if (create(shell, &message) < 0) {
		log_write(LOG_LEVEL_NOTICE, "no fast path, every packet takes the queue: %s", message);
		fastpath_clear(shell->pins, links_table(shell->links));
		pins_end(shell->pins);
		shell->pins = NULL;
		return;
	}
	if (shell->state && !fastpath_outlives(shell->fastpath))
		log_write(LOG_LEVEL_NOTICE, "established sessions rest while no daemon runs: %s",
			  obstacle ? obstacle : "nothing can be pinned");
	lending_note(shell);
	fastpath = fastpath_for_engine(shell->fastpath);
	engine_set_fastpath(shell->engine, &fastpath);
}

/* Without knowing what the kernel holds, better nothing. */
static void give_up(struct shell *shell)
{
	engine_recall_all(shell->engine, loop_now());
	engine_set_fastpath(shell->engine, NULL);
	fastpath_destroy(shell->fastpath, false);
	shell->fastpath = NULL;
	log_write(LOG_LEVEL_NOTICE, "no fast path, every packet takes the queue: its maps cannot be read");
}

void lending_reconcile(struct shell *shell)
{
	uint32_t removed;
	int error;

	if (!fastpath_is_adopted(shell->fastpath))
		return;
	error = fastpath_reconcile(shell->fastpath, shell->engine, &removed);
	if (error) {
		give_up(shell);
		return;
	}
	log_write(LOG_LEVEL_NOTICE, "sessions went on in the kernel; %u of its entries were nobody's", removed);
	shell->renewing =
	    fastpath_renew(shell->fastpath, shell->engine, shell->routes, links_table(shell->links), RENEW_FIRST);
}

void lending_tick(struct shell *shell)
{
	if (shell->renewing)
		shell->renewing = fastpath_renew(shell->fastpath, shell->engine, shell->routes,
						 links_table(shell->links), RENEW_TICK);
}

void lending_stop(struct shell *shell)
{
	bool go_on = shell->replaced && fastpath_outlives(shell->fastpath);

	if (!go_on)
		survival_leave(shell);
	fastpath_destroy(shell->fastpath, go_on);
	if (go_on)
		pins_close(shell->pins);
	else
		pins_end(shell->pins);
}
