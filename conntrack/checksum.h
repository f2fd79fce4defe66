/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internet checksums (RFC 1071, RFC 1624) and CRC32c.
 *
 * A *partial sum* is any integer congruent, modulo 0xffff, to the sum of the
 * 16-bit words as they lie in memory. The one's complement sum does not care about
 * byte order, so nothing is swapped: words are loaded natively, and a folded sum is
 * stored natively. Partial sums are added with plain +; each term stays far below
 * 2^40, hence thousands of them fit in 64 bits.
 *
 * A *delta* is the partial sum of what has to be added when bytes change: the
 * complement of the old words plus the new words (RFC 1624, equation 3).
 */
#ifndef SLUICE_CHECKSUM_H
#define SLUICE_CHECKSUM_H

#include "sluice/packet.h"

static inline uint16_t checksum_load16(const void *at)
{
	uint16_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint32_t checksum_load32(const void *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline void checksum_store16(void *at, uint16_t word)
{
	memcpy(at, &word, sizeof(word));
}

/**
 * checksum_fold() - a partial sum in 16 bits
 *
 * Never 0 unless @sum is 0: of the two zeros of one's complement it yields 0xffff.
 * Over bytes that include a correct checksum field it is 0xffff.
 */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* What stands in a checksum field over bytes whose partial sum is @sum. */
static inline uint16_t checksum_finish(uint64_t sum)
{
	return (uint16_t)~checksum_fold(sum);
}

/**
 * checksum_add() - add @length bytes to a partial sum
 * @bytes: any alignment; they start at an even offset of what is summed
 * @length: an odd one counts as if a zero byte followed
 */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t length);

/* The delta for @count bytes, a multiple of 4, at an even offset. */
static inline uint64_t checksum_delta(const void *before, const void *after, size_t count)
{
	const uint8_t *old = before, *new = after;
	uint64_t delta = 0;

	for (size_t i = 0; i < count; i += 4)
		delta += (uint64_t)(uint32_t)~checksum_load32(old + i) + checksum_load32(new + i);
	return delta;
}

/* The delta for one 16-bit word at an even offset. */
static inline uint64_t checksum_delta16(struct be16 before, struct be16 after)
{
	return (uint64_t)(uint16_t)~before.raw + after.raw;
}

/*
 * The delta for one 16-bit word at an odd offset: its two bytes belong to two
 * neighbouring words, which amounts to swapping them (RFC 1071 section 2 (B)).
 */
static inline uint64_t checksum_delta16_odd(struct be16 before, struct be16 after)
{
	return (uint64_t)(uint16_t)~__builtin_bswap16(before.raw) + __builtin_bswap16(after.raw);
}

/* Change the checksum field at @field by a delta. */
static inline void checksum_update(uint8_t *field, uint64_t delta)
{
	checksum_store16(field, checksum_finish((uint16_t)~checksum_load16(field) + delta));
}

/*
 * As checksum_update(), for a UDP header: zero means "none" and stays, and a
 * result of zero is sent as 0xffff (RFC 768).
 */
static inline void checksum_update_udp(uint8_t *field, uint64_t delta)
{
	uint16_t check = checksum_load16(field);

	if (check == 0)
		return;
	check = checksum_finish((uint16_t)~check + delta);
	checksum_store16(field, check ? check : 0xffff);
}

/**
 * checksum_pseudo() - the partial sum of a pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1)
 * @source, @destination: in the packet, 4 bytes (IPv4) or 16 (IPv6)
 * @length: of the transport header and payload, host order
 */
static inline uint64_t checksum_pseudo(enum family family, const uint8_t *source, const uint8_t *destination,
				       uint8_t protocol, uint32_t length)
{
	uint64_t sum = ((uint64_t)protocol << 8) + be32_from_host(length).raw;
	size_t count = family == FAMILY_IPV4 ? 4 : 16;

	for (size_t i = 0; i < count; i += 4)
		sum += (uint64_t)checksum_load32(source + i) + checksum_load32(destination + i);
	return sum;
}

/* Where the checksum field is in the transport header; -1: the protocol has none. SCTP's is a CRC of 4 bytes. */
static inline int checksum_field_offset(uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return 16;
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_DCCP:
		return 6;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return 2;
	case PROTOCOL_SCTP:
		return 8;
	default:
		return -1;
	}
}

/**
 * checksum_transport() - the partial sum that the transport checksum is made of
 *
 * Pseudo-header and covered bytes, the checksum field as it stands. Not for SCTP,
 * not for fragments.
 */
uint64_t checksum_transport(const struct packet *packet);

/**
 * checksum_crc32c() - Castagnoli's CRC over SCTP's common header and chunks (RFC 9260 appendix A)
 * @bytes: from the common header on, 12 bytes at least; its checksum field counts as zeros
 *
 * Return: the value to store little-endian.
 */
uint32_t checksum_crc32c(const uint8_t *bytes, size_t length);

#endif
