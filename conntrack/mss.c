/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/checksum.h"
#include "conntrack/mss.h"

#define TCP_CHECKSUM 16
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_MSS_LENGTH 4

/* Return: true when the option at @option announced more than @mss. */
static bool lower_option(struct packet *packet, uint32_t offset, uint16_t mss, bool checksum_unfinished)
{
	uint8_t *value = packet->bytes + offset + 2;
	struct be16 before = { checksum_load16(value) }, after = be16_from_host(mss);
	bool odd = (offset + 2 - packet->l4_offset) & 1;

	if (be16_to_host(before) <= mss)
		return false;
	checksum_store16(value, after.raw);
	if (!checksum_unfinished)
		checksum_update(packet->bytes + packet->l4_offset + TCP_CHECKSUM,
				odd ? checksum_delta16_odd(before, after) : checksum_delta16(before, after));
	return true;
}

bool mss_clamp(struct packet *packet, uint16_t mss, bool checksum_unfinished)
{
	uint32_t offset, end;
	bool changed = false;

	if (!packet_is_tcp(packet) || !(packet->tcp.flags & TCP_SYN) || mss == 0)
		return false;
	offset = packet->tcp.options_offset;
	end = offset + packet->tcp.options_length;
	while (offset < end) {
		const uint8_t *option = packet->bytes + offset;

		if (option[0] == OPTION_END)
			break;
		if (option[0] == OPTION_NOP) {
			offset++;
			continue;
		}
		if (end - offset < 2 || option[1] < 2 || option[1] > end - offset)
			break;
		if (option[0] == OPTION_MSS && option[1] == OPTION_MSS_LENGTH)
			changed |= lower_option(packet, offset, mss, checksum_unfinished);
		offset += option[1];
	}
	return changed;
}

uint16_t mss_for_mtu(enum family family, uint32_t mtu)
{
	uint32_t headers = family == FAMILY_IPV4 ? 20 + 20 : 40 + 20;

	if (mtu <= headers)
		return 0;
	return mtu - headers > UINT16_MAX ? UINT16_MAX : (uint16_t)(mtu - headers);
}
