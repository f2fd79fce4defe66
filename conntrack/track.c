/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which protocol has which state machine. */
#include "conntrack/track_protocol.h"

static const struct track_protocol *protocol_of(uint8_t number)
{
	switch (number) {
	case PROTOCOL_TCP:
		return &track_tcp_protocol;
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
		return &track_udp_protocol;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return &track_icmp_protocol;
	case PROTOCOL_SCTP:
		return &track_sctp_protocol;
	case PROTOCOL_DCCP:
		return &track_dccp_protocol;
	case PROTOCOL_GRE:
		return &track_gre_protocol;
	default:
		return &track_generic_protocol;
	}
}

struct track_result track_open(union track *track, const struct packet *packet, const struct settings *settings)
{
	/* The first fragment says what the others belong to; alone they open nothing. */
	if (packet->later_fragment)
		return track_invalid(REASON_INVALID, TIMEOUT_GENERIC);
	memset(track, 0, sizeof(*track));
	return protocol_of(packet->tuple.protocol)->open(track, packet, settings);
}

struct track_result track_packet(union track *track, enum timeout current, const struct packet *packet,
				 enum direction direction, bool seen_reply, const struct settings *settings)
{
	const struct track_protocol *protocol = protocol_of(packet->tuple.protocol);

	/* No transport header to judge by. */
	if (packet->later_fragment)
		return track_unchanged(current);
	return protocol->packet(track, current, packet, direction, seen_reply, settings);
}

bool track_quote_valid(uint8_t protocol, const union track *track, enum direction direction, uint32_t sequence)
{
	return protocol != PROTOCOL_TCP || tcp_window_quote_valid(&track->tcp, direction, sequence);
}

const char *track_state_name(uint8_t protocol, const union track *track, enum timeout timeout)
{
	const struct track_protocol *machine = protocol_of(protocol);

	(void)timeout;
	return machine->state_name ? machine->state_name(track) : "";
}
