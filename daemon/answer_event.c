/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of the event stream. */
#include "daemon/answer.h"
#include "daemon/answer_parts.h"
#include "daemon/words.h"

static void put_session_event(struct report *object, const struct effect *effect, uint32_t timeout_s)
{
	const uint8_t protocol = effect->session.original.protocol;
	const enum timeout state = (enum timeout)effect->session.state;
	const char *word = words_conntrack_state(state);

	answer_put_id(object, effect->session.handle);
	answer_put_protocol(object, protocol);
	report_put_text(object, "state", *word ? word : words_timeout_state(state));
	report_put_number(object, "timeout_s", timeout_s);
	report_put_flag(object, "assured", effect->session.assured);
	report_put_flag(object, "seen_reply", effect->session.seen_reply);
	if (effect->session.keyed)
		report_put_number(object, "key", effect->session.key);
	for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++) {
		const struct tuple *tuple =
		    way == DIRECTION_ORIGINAL ? &effect->session.original : &effect->session.reply;
		struct report *direction = answer_put_direction(object, tuple, way);

		/* Before the end they are on their way up: `sessions` has them. */
		if (effect->session.event != SESSION_DESTROY)
			continue;
		report_put_number(direction, "packets", effect->session.packets[way]);
		report_put_number(direction, "bytes", effect->session.bytes[way]);
	}
}

/* The refusal behind an alert: one cause, the pool if one is to blame, from where to where. */
static void put_refusal(struct report *refusal, const struct effect *effect)
{
	char address[WORDS_ADDRESS_SIZE];

	report_put_text(refusal, "cause", refusal_name((enum refusal)effect->alert.cause));
	if (address_is_unspecified(&effect->alert.pool))
		report_put_null(refusal, "pool");
	else
		report_put_text(refusal, "pool", words_address(&effect->alert.pool, address));
	answer_put_protocol(refusal, effect->alert.tuple.protocol);
	answer_put_endpoint(refusal, "source", &effect->alert.tuple.source);
	answer_put_endpoint(refusal, "destination", &effect->alert.tuple.destination);
}

/* RFC 6888 REQ-12: who had what outside, and nothing of whom he talked to. */
static void put_mapping_event(struct report *event, const struct effect *effect)
{
	char address[WORDS_ADDRESS_SIZE];

	answer_put_protocol(event, effect->mapping.protocol);
	if (!effect->mapping.is_block) {
		answer_put_endpoint(event, "internal", &effect->mapping.internal);
		answer_put_endpoint(event, "external", &effect->mapping.external);
		return;
	}
	report_put_text(event, "internal", words_address(&effect->mapping.internal.address, address));
	report_put_text(event, "external", words_address(&effect->mapping.external.address, address));
	report_put_number(event, "first", effect->mapping.first);
	report_put_number(event, "last", effect->mapping.last);
}

size_t answer_lost(char *line, size_t size, uint64_t wall_us, uint64_t count)
{
	struct report *event = report_object();

	report_put_text(event, "event", "lost");
	report_put_real(event, "time", (double)wall_us / 1e6);
	report_put_number(event, "count", count);
	return report_line_into(event, line, size);
}

size_t answer_event(char *line, size_t size, const struct effect *effect, uint64_t wall_us, uint32_t timeout_s)
{
	static const char *const names[] = { "new", "update", "destroy" };
	struct report *event = report_object();

	if (effect->kind == EFFECT_SESSION_EVENT) {
		report_put_text(event, "event", names[effect->session.event]);
		report_put_real(event, "time", (double)wall_us / 1e6);
		put_session_event(event, effect, timeout_s);
	} else if (effect->kind == EFFECT_ALERT) {
		report_put_text(event, "event", "alert");
		report_put_real(event, "time", (double)wall_us / 1e6);
		report_put_flag(event, "raised", effect->alert.raised);
		report_put_text(event, "name", effect->alert.name);
		report_put_text(event, "subject", effect->alert.subject);
		report_put_text(event, "text", effect->alert.text);
		if (effect->alert.refused)
			put_refusal(report_put_object(event, "refusal"), effect);
	} else if (effect->kind == EFFECT_MAPPING_EVENT) {
		report_put_text(event, "event", effect->mapping.is_block ? "ports" : "mapping");
		report_put_real(event, "time", (double)wall_us / 1e6);
		report_put_text(event, "change", effect->mapping.made ? "add" : "del");
		put_mapping_event(event, effect);
	}
	return report_line_into(event, line, size);
}
