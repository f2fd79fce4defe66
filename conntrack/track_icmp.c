/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICMP and ICMPv6 queries (RFC 5508 section 3): a request opens, requests go one
 * way and replies the other. The tuple already ties a reply's type to its request's.
 */
#include "conntrack/track_protocol.h"

static struct track_result icmp_open(union track *track, const struct packet *packet, const struct settings *settings)
{
	(void)track;
	(void)settings;
	if (!packet->icmp.query)
		return track_invalid(REASON_INVALID, TIMEOUT_ICMP);
	return (struct track_result){ .timeout = TIMEOUT_ICMP, .refresh = true };
}

static struct track_result icmp_packet(union track *track, enum timeout current, const struct packet *packet,
				       enum direction direction, bool seen_reply, const struct settings *settings)
{
	(void)track;
	(void)seen_reply;
	(void)settings;
	if (direction == DIRECTION_ORIGINAL ? !packet->icmp.query : !packet->icmp.reply)
		return track_invalid(REASON_INVALID, current);
	return (struct track_result){ .timeout = TIMEOUT_ICMP, .refresh = true };
}

const struct track_protocol track_icmp_protocol = { .open = icmp_open, .packet = icmp_packet };
