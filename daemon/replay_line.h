/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a replay prints of a packet. One line, words separated by single spaces:
 *
 *   TIME PROTOCOL SOURCE DESTINATION VERDICT REASON RULE SOURCE DESTINATION [more]
 *
 * "-" stands where there is nothing to say. The second pair of addresses is what left
 * instead. An ICMP error adds `quoting PROTOCOL SOURCE DESTINATION`, as it left.
 */
#ifndef SLUICE_DAEMON_REPLAY_LINE_H
#define SLUICE_DAEMON_REPLAY_LINE_H

#include <stdio.h>

#include "sluice/packet.h"
#include "sluice/ruleset.h"

/**
 * replay_line_packet() - protocol, source and destination of a packet
 * @packet: NULL: it could not be read
 *
 * ICMP is icmp/TYPE/CODE; a query has its identifier in place of a port.
 */
void replay_line_packet(FILE *out, const struct packet *packet);

/**
 * replay_line_verdict() - from the verdict to the end
 * @rule: that decided, or RULE_NONE
 * @left: the packet as it left; NULL: it did not
 * @rewritten: it left otherwise than it came
 */
void replay_line_verdict(FILE *out, const char *verdict, const char *reason, const struct ruleset *ruleset,
			 uint32_t rule, const struct packet *left, bool rewritten);

#endif
