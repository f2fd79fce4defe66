/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tracker's state that has lain in a file: may it be, and what of it still holds?
 */
#include "conntrack/track_protocol.h"

#define SCALE_LIMIT 14

static bool tcp_is_sound(const struct track_tcp *tcp, unsigned int list)
{
	return list <= TIMEOUT_TCP_RETRANSMITTING && tcp->state > TCP_STATE_NONE && tcp->state < TCP_STATE_COUNT &&
	       tcp->side[0].scale <= SCALE_LIMIT && tcp->side[1].scale <= SCALE_LIMIT && tcp->syn_scale <= SCALE_LIMIT;
}

bool track_is_sound(uint8_t protocol, const union track *track, unsigned int list)
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return tcp_is_sound(&track->tcp, list);
	case PROTOCOL_SCTP:
		return track->sctp.state > SCTP_STATE_NONE && track->sctp.state < SCTP_STATE_COUNT &&
		       track->sctp.known <= 3 && track->sctp.restart_known <= 3;
	case PROTOCOL_DCCP:
		return track->dccp.state > DCCP_STATE_NONE && track->dccp.state < DCCP_STATE_COUNT &&
		       track->dccp.known <= 3;
	case PROTOCOL_GRE:
		return track->gre.count <= TRACK_GRE_KEYS && list < TIMEOUT_COUNT;
	default:
		return list < TIMEOUT_COUNT;
	}
}

void track_forget_numbers(uint8_t protocol, union track *track)
{
	const uint8_t agreed = TCP_SIDE_SCALE | TCP_SIDE_SACK;
	struct track_tcp before = track->tcp;

	if (protocol != PROTOCOL_TCP || before.state < TCP_STATE_ESTABLISHED || before.state > TCP_STATE_LAST_ACK)
		return;
	track->tcp = (struct track_tcp){ .state = before.state };
	/* What the SYNs agreed on holds to the end. */
	for (unsigned int i = 0; i < 2; i++) {
		track->tcp.side[i].scale = before.side[i].scale;
		track->tcp.side[i].flags = before.side[i].flags & agreed;
	}
}

bool tcp_knows_nothing(const struct track_tcp *tcp)
{
	return !((tcp->side[0].flags | tcp->side[1].flags) & TCP_SIDE_SEEN) && tcp->state >= TCP_STATE_ESTABLISHED &&
	       tcp->state <= TCP_STATE_LAST_ACK;
}
