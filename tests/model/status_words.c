/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/status_words.h"

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
