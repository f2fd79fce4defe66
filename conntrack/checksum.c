/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/checksum.h"

__extension__ typedef unsigned __int128 uint128_t;

static uint64_t load64(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* 64 bits to 33: a carry out of the top is worth 1, since 2^64 is 1 modulo 0xffff. */
static uint64_t halve(uint64_t word)
{
	return (word & 0xffffffff) + (word >> 32);
}

/*
 * Four 128-bit accumulators keep four add-with-carry pairs in flight: the sum of a
 * 64 KiB segment then runs as fast as the cache delivers it, without vector
 * instructions that older machines lack.
 */
static uint64_t add_blocks(const uint8_t *bytes, size_t count)
{
	uint128_t a = 0, b = 0, c = 0, d = 0;
	uint128_t sum;

	for (size_t i = 0; i < count; i++, bytes += 64) {
		a += load64(bytes);
		b += load64(bytes + 8);
		c += load64(bytes + 16);
		d += load64(bytes + 24);
		a += load64(bytes + 32);
		b += load64(bytes + 40);
		c += load64(bytes + 48);
		d += load64(bytes + 56);
	}
	sum = a + b + c + d;
	return halve((uint64_t)sum) + (uint64_t)(sum >> 64);
}

uint64_t checksum_add(uint64_t sum, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	if (length >= 64) {
		sum += add_blocks(at, length / 64);
		at += length & ~(size_t)63;
		length &= 63;
	}
	for (; length >= 8; at += 8, length -= 8)
		sum += halve(load64(at));
	if (length >= 4) {
		sum += checksum_load32(at);
		at += 4;
		length -= 4;
	}
	if (length >= 2) {
		sum += checksum_load16(at);
		at += 2;
		length -= 2;
	}
	if (length)
		sum += *at; /* little-endian: the missing byte is the high one */
	return sum;
}

/* Bytes of the transport header and payload that the checksum covers. */
static uint32_t covered_length(const struct packet *packet, const uint8_t *l4)
{
	uint32_t coverage;

	switch (packet->tuple.protocol) {
	case PROTOCOL_UDP: /* what follows its own length is not UDP's (RFC 9868) */
		return packet->payload_offset - packet->l4_offset + packet->payload_length;
	case PROTOCOL_UDPLITE: /* RFC 3828 section 3.1 */
		coverage = be16_to_host((struct be16){ checksum_load16(l4 + 4) });
		return coverage ? coverage : packet->l4_length;
	case PROTOCOL_DCCP: /* RFC 4340 section 9.2 */
		coverage = l4[5] & 0x0f;
		return coverage ? packet->payload_offset - packet->l4_offset + (coverage - 1) * 4 : packet->l4_length;
	default:
		return packet->l4_length;
	}
}

uint64_t checksum_transport(const struct packet *packet)
{
	const uint8_t *l4 = packet->bytes + packet->l4_offset;
	uint32_t covered = covered_length(packet, l4);
	uint64_t sum = 0;

	if (packet->tuple.protocol != PROTOCOL_ICMP) {
		uint32_t length = packet->tuple.protocol == PROTOCOL_UDP ? covered : packet->l4_length;

		sum = checksum_pseudo(packet->family, packet->bytes + packet->pseudo_source,
				      packet->bytes + packet->pseudo_destination, packet->tuple.protocol, length);
	}
	return checksum_add(sum, l4, covered);
}

/*
 * The reflected polynomial's table. A CRC is linear, so an entry is the exclusive
 * or of the entries of its bits.
 */
#define CRC_BIT(i, bit, value) (((i) >> (bit)&1) * UINT32_C(value))
#define CRC_1(i) \
	(CRC_BIT(i, 0, 0xf26b8303) ^ CRC_BIT(i, 1, 0xe13b70f7) ^ CRC_BIT(i, 2, 0xc79a971f) ^ \
	 CRC_BIT(i, 3, 0x8ad958cf) ^ CRC_BIT(i, 4, 0x105ec76f) ^ CRC_BIT(i, 5, 0x20bd8ede) ^ \
	 CRC_BIT(i, 6, 0x417b1dbc) ^ CRC_BIT(i, 7, 0x82f63b78))
#define CRC_4(i) CRC_1(i), CRC_1((i) + 1), CRC_1((i) + 2), CRC_1((i) + 3)
#define CRC_16(i) CRC_4(i), CRC_4((i) + 4), CRC_4((i) + 8), CRC_4((i) + 12)
#define CRC_64(i) CRC_16(i), CRC_16((i) + 16), CRC_16((i) + 32), CRC_16((i) + 48)

static const uint32_t crc_table[256] = { CRC_64(0), CRC_64(64), CRC_64(128), CRC_64(192) };

static uint32_t crc_bytes(uint32_t crc, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		crc = crc >> 8 ^ crc_table[(crc ^ bytes[i]) & 0xff];
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_words(uint32_t crc, const uint8_t *bytes, size_t count)
{
	uint64_t wide = crc;

	for (size_t i = 0; i < count; i++)
		wide = __builtin_ia32_crc32di(wide, load64(bytes + 8 * i));
	return (uint32_t)wide;
}
#endif

static uint32_t crc_any(uint32_t crc, const uint8_t *bytes, size_t length)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2")) {
		crc = crc_words(crc, bytes, length / 8);
		bytes += length & ~(size_t)7;
		length &= 7;
	}
#endif
	return crc_bytes(crc, bytes, length);
}

uint32_t checksum_crc32c(const uint8_t *bytes, size_t length)
{
	static const uint8_t zeros[4];
	uint32_t crc = UINT32_MAX;

	crc = crc_any(crc, bytes, 8);
	crc = crc_any(crc, zeros, sizeof(zeros));
	crc = crc_any(crc, bytes + 12, length - 12);
	return ~crc;
}
