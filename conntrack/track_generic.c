/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protocols told apart by addresses alone: ESP, AH and whatever there is else.
 */
#include "conntrack/track_protocol.h"

static struct track_result generic_open(union track *track, const struct packet *packet,
					const struct settings *settings)
{
	(void)track;
	(void)packet;
	(void)settings;
	return (struct track_result){ .timeout = TIMEOUT_GENERIC, .refresh = true };
}

static struct track_result generic_packet(union track *track, enum timeout current, const struct packet *packet,
					  enum direction direction, bool seen_reply, const struct settings *settings)
{
	(void)track;
	(void)packet;
	(void)settings;
	(void)current;
	return (struct track_result){
		.timeout = TIMEOUT_GENERIC,
		.refresh = true,
		.assured = seen_reply && direction == DIRECTION_ORIGINAL,
	};
}

const struct track_protocol track_generic_protocol = { .open = generic_open, .packet = generic_packet };
