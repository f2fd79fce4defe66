/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet that `why` is asked about, as people write it:
 *
 *   tcp 10.0.0.2:40000 198.51.100.2:443 [iif NAME] [oif NAME]
 *   udp [2001:db8::2]:5353 [2001:db8:1::1]:53
 *   icmp 10.0.0.2 198.51.100.2 [type echo-request] [id 7]
 *   gre 10.0.0.2 198.51.100.2 [key 7]
 */
#ifndef SLUICE_DAEMON_QUESTION_H
#define SLUICE_DAEMON_QUESTION_H

#include "sluice/explain.h"

/* Longest text of a question. */
#define QUESTION_SIZE 256

/**
 * question_parse() - make sense of @text
 * @links: knows the interfaces' names
 * @error: receives what is wrong, in words
 *
 * Return: 0 or -EINVAL.
 */
int question_parse(const char *text, const struct link_table *links, struct question *question, char *error,
		   size_t size);

#endif
