/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/storage.h"

#include <stddef.h>

#define ALIGNMENT 64u
/* To be raised when bits mean something else and no size tells: of track, of flags, of a seal. */
#define STORAGE_VERSION 1u

static size_t aligned(size_t size)
{
	return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

struct storage_parts storage_parts(void *memory, uint32_t capacity)
{
	uint8_t *at = memory;
	struct storage_parts parts = { .head = memory };

	at += aligned(sizeof(struct storage));
	parts.addresses = (struct addresses_entry *)(void *)at;
	at += aligned(((size_t)table_addresses(capacity) + 1) * sizeof(struct addresses_entry));
	parts.seals = (uint32_t *)(void *)at;
	at += aligned((size_t)capacity * sizeof(uint32_t));
	parts.sessions = (struct session *)(void *)at;
	return parts;
}

size_t storage_size(uint32_t capacity)
{
	return aligned(sizeof(struct storage)) +
	       aligned(((size_t)table_addresses(capacity) + 1) * sizeof(struct addresses_entry)) +
	       aligned((size_t)capacity * sizeof(uint32_t)) + aligned((size_t)capacity * sizeof(struct session));
}

uint64_t storage_layout(void)
{
	static const uint64_t key[2] = { 0, STORAGE_VERSION };
#define PLACE(member) (uint32_t) offsetof(struct session, member)
	static const uint32_t layout[] = {
		sizeof(struct session),
		sizeof(struct storage),
		sizeof(struct addresses_entry),
		sizeof(union track),
		sizeof(struct track_tcp),
		sizeof(struct track_sctp),
		sizeof(struct track_dccp),
		TABLE_TICK_MS,
		PLACE(source),
		PLACE(destination),
		PLACE(source_port_after),
		PLACE(destination_port_after),
		PLACE(source_after),
		PLACE(destination_after),
		PLACE(protocol),
		PLACE(list),
		PLACE(flags),
		PLACE(generation),
		PLACE(refreshed),
		PLACE(packets_low),
		PLACE(bytes_low),
		PLACE(bytes_high),
		PLACE(packets_high),
		PLACE(mapped_as),
		PLACE(mark),
		PLACE(track),
		PLACE(mapping),
		PLACE(rule),
		TCP_STATE_COUNT,
		SCTP_STATE_COUNT,
		DCCP_STATE_COUNT,
		0x01020304,
	};
#undef PLACE
	/* The lists by name: their order is that of the configuration's timeouts. */
	static const char lists[] =
#define LIST_NAME(name, protocol, state, seconds) #name ";"
	    SLUICE_TIMEOUTS(LIST_NAME);
#undef LIST_NAME

	return hash_bytes(key, layout, sizeof(layout)) ^ hash_bytes(key, lists, sizeof(lists));
}
