/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GRE: no states; which keys (RFC 2890) came by is kept, so that no other tunnel gets one of them.
 */
#include "conntrack/track_protocol.h"

static bool has_sent(const struct track_gre *gre, uint32_t key)
{
	for (unsigned int i = 0; i < gre->count && i < TRACK_GRE_KEYS; i++)
		if (gre->keys[i] == key)
			return true;
	return false;
}

bool track_gre_knows(const struct track_gre *gre, uint32_t key)
{
	return gre->many || has_sent(gre, key) || (gre->answered && gre->answer == key);
}

/*
 * A tunnel may have another key in each direction. Of the reply direction one is kept: anybody who forges
 * the far end's address could fill more.
 */
static void learn(struct track_gre *gre, uint32_t key, enum direction direction)
{
	if (has_sent(gre, key))
		return;
	if (direction == DIRECTION_REPLY) {
		if (!gre->answered)
			gre->answer = key;
		gre->answered = true;
	} else if (gre->count < TRACK_GRE_KEYS) {
		gre->keys[gre->count++] = key;
	} else {
		gre->many = true;
	}
}

static struct track_result gre_open(union track *track, const struct packet *packet, const struct settings *settings)
{
	(void)settings;
	if (packet_is_keyed(packet))
		learn(&track->gre, packet->gre.key, DIRECTION_ORIGINAL);
	return (struct track_result){ .timeout = TIMEOUT_GENERIC, .refresh = true };
}

static struct track_result gre_packet(union track *track, enum timeout current, const struct packet *packet,
				      enum direction direction, bool seen_reply, const struct settings *settings)
{
	(void)settings;
	(void)current;
	if (packet_is_keyed(packet))
		learn(&track->gre, packet->gre.key, direction);
	return (struct track_result){
		.timeout = TIMEOUT_GENERIC,
		.refresh = true,
		.assured = seen_reply && direction == DIRECTION_ORIGINAL,
	};
}

const struct track_protocol track_gre_protocol = { .open = gre_open, .packet = gre_packet };
