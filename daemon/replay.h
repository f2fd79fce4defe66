/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture through the engine, offline: no root, no kernel, no clock. The same
 * capture, configuration and interfaces print the same lines every time.
 */
#ifndef SLUICE_DAEMON_REPLAY_H
#define SLUICE_DAEMON_REPLAY_H

#include "sluice/ruleset.h"

#define REPLAY_LINK_LIMIT 64

/**
 * struct replay_options
 * @capture: a pcap or pcapng file; "-": standard input; NULL: no replay is wanted
 * @out: where to write what would have left, as pcap; NULL: nowhere
 * @links, @link_count: see replay_links_parse(); none: this machine's interfaces
 */
struct replay_options {
	const char *capture, *out;
	char *links[REPLAY_LINK_LIMIT];
	size_t link_count;
};

/**
 * replay_run() - print a line for each packet of the capture, and a summary on stderr
 *
 * Return: EXIT_SUCCESS; EXIT_FAILURE when a file cannot be read or written, after
 * saying so on stderr.
 */
int replay_run(struct configuration *configuration, const struct replay_options *options);

#endif
