/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP and UDP-Lite: unreplied until the other side speaks, then a stream.
 *
 * Both directions refresh (RFC 4787 REQ-6 asks it of the inside and allows it of
 * the outside). A question and its answer are not yet worth keeping under
 * pressure: only a sender that goes on after a reply has proved that it hears.
 */
#include "conntrack/track_protocol.h"

static struct track_result udp_open(union track *track, const struct packet *packet, const struct settings *settings)
{
	(void)track;
	(void)packet;
	(void)settings;
	return (struct track_result){ .timeout = TIMEOUT_UDP_UNREPLIED, .refresh = true };
}

static struct track_result udp_packet(union track *track, enum timeout current, const struct packet *packet,
				      enum direction direction, bool seen_reply, const struct settings *settings)
{
	bool replied = seen_reply || direction == DIRECTION_REPLY;

	(void)track;
	(void)packet;
	(void)settings;
	(void)current;
	return (struct track_result){
		.timeout = replied ? TIMEOUT_UDP_STREAM : TIMEOUT_UDP_UNREPLIED,
		.refresh = true,
		.assured = seen_reply && direction == DIRECTION_ORIGINAL,
	};
}

const struct track_protocol track_udp_protocol = { .open = udp_open, .packet = udp_packet };
