/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/status_words.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/model/packet_words.h"

bool status_words_counter(char *const *words, size_t count, const struct snapshot_status *status, uint64_t *value)
{
	const struct {
		const char *word;
		uint64_t value;
	} plain[] = {
		{ "created", status->sessions.created },   { "expired", status->sessions.expired },
		{ "evicted", status->sessions.evicted },   { "peak", status->sessions.peak },
		{ "received", status->packets.received },  { "accepted", status->packets.accepted },
		{ "dropped", status->packets.dropped },	   { "rewritten", status->packets.rewritten },
		{ "translated", status->icmp.translated }, { "unmatched", status->icmp.unmatched },
		{ "icmp_invalid", status->icmp.invalid },  { "frag_needed", status->icmp.frag_needed },
		{ "clamped", status->mss_clamped },
	};

	for (size_t i = 0; count == 1 && i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(words[0], plain[i].word) == 0) {
			*value = plain[i].value;
			return true;
		}
	}
	for (int i = 0; count == 2 && strcmp(words[0], "drops") == 0 && i < REASON_COUNT; i++) {
		if (strcmp(words[1], reason_key((enum reason)i)) == 0) {
			*value = status->drops[i];
			return true;
		}
	}
	for (int i = 0; count == 2 && strcmp(words[0], "refusals") == 0 && i < REFUSAL_COUNT; i++) {
		if (strcmp(words[1], refusal_name((enum refusal)i)) == 0) {
			*value = status->refusals[i];
			return true;
		}
	}
	return false;
}

bool status_words_pool(const struct engine *engine, char **words, size_t count, char *why, size_t size)
{
	struct snapshot_cursor cursor = { 0 };
	struct snapshot_pool pool;
	struct address address;
	bool found = false;
	uint8_t protocol;
	uint32_t value;

	snprintf(why, size, "pool ADDRESS PROTOCOL WHAT [N]");
	if (count < 3 || !packet_words_protocol(words[1], &protocol))
		return false;
	address = wire_address(words[0]);
	while (!found && snapshot_next_pool(engine, &cursor, &pool) == 1)
		found = pool.protocol == protocol && address_equal(&pool.address, &address);
	snprintf(why, size, "there is %s such pool", found ? "a" : "no");
	if (!found || strcmp(words[2], "none") == 0)
		return found == (strcmp(words[2], "none") != 0);
	value = strcmp(words[2], "ports") == 0 ? pool.ports : pool.used;
	snprintf(why, size, "%s is %u", words[2], value);
	return count == 3 ? value != 0 : value == (uint32_t)atoi(words[3]);
}
