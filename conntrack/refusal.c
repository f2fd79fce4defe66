/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/refusal.h"

#include "conntrack/engine_private.h"

bool refusal_cause(enum reason reason, enum refusal *cause)
{
	static const struct {
		enum reason reason;
		enum refusal cause;
	} causes[] = {
		{ REASON_POOL_EXHAUSTED, REFUSAL_POOL_EXHAUSTED },
		{ REASON_DESTINATION_EXHAUSTED, REFUSAL_DESTINATION_EXHAUSTED },
		{ REASON_SOURCE_QUOTA, REFUSAL_SOURCE_QUOTA },
		{ REASON_HOLD_DOWN, REFUSAL_HOLD_DOWN },
		{ REASON_TABLE_FULL, REFUSAL_TABLE_FULL },
	};

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		if (causes[i].reason != reason)
			continue;
		*cause = causes[i].cause;
		return true;
	}
	return false;
}

/* Host unreachable, or administratively prohibited (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3.1). */
static void answer(struct passage *passage)
{
	bool ipv4 = passage->packet.family == FAMILY_IPV4;
	struct rule_outcome outcome = { .reject_with = REJECT_ICMP };

	switch (passage->engine->settings.refuse_with) {
	case REFUSE_WITH_NONE:
		return;
	case REFUSE_WITH_HOST_UNREACHABLE:
		outcome.reject_code = ipv4 ? 1 : 3;
		break;
	case REFUSE_WITH_ADMIN_PROHIBITED:
		outcome.reject_code = ipv4 ? 13 : 1;
		break;
	}
	judge_answer(passage, &outcome);
}

void refusal_take_note(struct passage *passage, enum reason reason)
{
	struct engine *engine = passage->engine;
	enum refusal cause;

	if (!refusal_cause(reason, &cause))
		return;
	engine->counters.refusals[cause]++;
	engine->refused[cause] = (struct refusal_note){
		.at = passage->now,
		.tuple = passage->original,
		.rate = passage->too_fast,
	};
	if (cause != REFUSAL_SOURCE_QUOTA && cause != REFUSAL_TABLE_FULL)
		engine->refused[cause].pool = mappings_refused(engine->mappings);
	answer(passage);
}
