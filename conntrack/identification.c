/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/identification.h"
#include "conntrack/checksum.h"
#include "conntrack/hash.h"

#define IPV4_IDENTIFICATION 4
#define IPV4_CHECKSUM 10
/* What every host takes: no TCP sends less at a time when it has more (RFC 9293 section 3.7.1). */
#define SEGMENT_LEAST 536

void identifications_init(struct identifications *identifications, const uint64_t key[2])
{
	identifications->key[0] = key[0];
	identifications->key[1] = key[1];
	identifications->next = identifications->own;
	for (uint16_t i = 0; i < FASTPATH_IDENTIFICATIONS; i++)
		identifications->own[i] = (uint16_t)hash_bytes(key, &i, sizeof(i));
}

void identifications_share(struct identifications *identifications, uint64_t *shared)
{
	uint64_t *next = shared ? shared : identifications->own;

	if (next == identifications->next)
		return;
	memcpy(next, identifications->next, sizeof(identifications->own));
	identifications->next = next;
}

uint32_t identification_counter(const struct identifications *identifications, const struct tuple *tuple)
{
	struct tuple key = *tuple;

	key.source.port = key.destination.port = (struct be16){ 0 };
	return (uint32_t)(hash_tuple(identifications->key, &key) % FASTPATH_IDENTIFICATIONS);
}

bool identification_renew(struct identifications *identifications, struct packet *packet)
{
	struct be16 before, after;
	uint32_t packets = 1;
	uint64_t *next;

	if (packet->family != FAMILY_IPV4 || packet->dont_fragment || packet->fragment)
		return false;
	next = &identifications->next[identification_counter(identifications, &packet->tuple)];
	if (packet_is_tcp(packet))
		packets += packet->payload_length / SEGMENT_LEAST;
	memcpy(&before.raw, packet->bytes + IPV4_IDENTIFICATION, sizeof(before.raw));
	after = be16_from_host((uint16_t)__atomic_fetch_add(next, packets, __ATOMIC_RELAXED));
	memcpy(packet->bytes + IPV4_IDENTIFICATION, &after.raw, sizeof(after.raw));
	checksum_update(packet->bytes + IPV4_CHECKSUM, checksum_delta16(before, after));
	return true;
}
