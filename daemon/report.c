/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/words.h"

/* ---------------------------------------------------------------- requests */

static int parse_filter_word(const char *name, json_t *value, struct request_field *field)
{
	char number[24];
	const char *text = json_string_value(value);

	if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		text = number;
	}
	if (!text || strlen(text) >= sizeof(field->value) || strlen(name) >= sizeof(field->name))
		return -EINVAL;
	snprintf(field->name, sizeof(field->name), "%s", name);
	snprintf(field->value, sizeof(field->value), "%s", text);
	return 0;
}

static int parse_filter(json_t *filter, struct request_text *text, char *error, size_t size)
{
	const char *name;
	json_t *value;

	if (!json_is_object(filter)) {
		snprintf(error, size, "filter is not an object");
		return -EINVAL;
	}
	json_object_foreach(filter, name, value)
	{
		if (text->field_count == REQUEST_FIELD_LIMIT ||
		    parse_filter_word(name, value, &text->fields[text->field_count])) {
			snprintf(error, size, "bad filter word: %.40s", name);
			return -EINVAL;
		}
		text->field_count++;
	}
	return 0;
}

int report_parse_request(const char *line, size_t length, struct request_text *text, char *error, size_t size)
{
	const char *name, *command;
	json_error_t why;
	json_t *document, *value;
	int failed = 0;

	*text = (struct request_text){ .field_count = 0 };
	document = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	if (!document) {
		snprintf(error, size, "broken JSON: %.120s", why.text);
		return -EBADMSG;
	}
	command = json_string_value(json_object_get(document, "command"));
	if (!command) {
		snprintf(error, size, "no command");
		failed = -EBADMSG;
		goto cleanup;
	}
	/* A word cut short is still no verb's word. */
	snprintf(text->command, sizeof(text->command), "%s", command);
	json_object_foreach(document, name, value)
	{
		if (strcmp(name, "filter") == 0) {
			failed = parse_filter(value, text, error, size);
		} else if (strcmp(name, "command") != 0) {
			snprintf(error, size, "unknown member: %.40s", name);
			failed = -EINVAL;
		}
		if (failed)
			break;
	}
cleanup:
	json_decref(document);
	return failed;
}

/* ------------------------------------------------------------------ pieces */

static char *line_from(json_t *document)
{
	size_t length;
	char *line = NULL;

	if (!document)
		return NULL;
	length = json_dumpb(document, NULL, 0, JSON_COMPACT);
	if (length)
		line = malloc(length + 2);
	if (line) {
		json_dumpb(document, line, length, JSON_COMPACT);
		line[length] = '\n';
		line[length + 1] = '\0';
	}
	json_decref(document);
	return line;
}

static size_t line_into(char *line, size_t size, json_t *document)
{
	size_t length;

	if (!document)
		return 0;
	length = json_dumpb(document, line, size, JSON_COMPACT);
	json_decref(document);
	if (length == 0 || length + 1 >= size)
		return 0;
	line[length] = '\n';
	line[length + 1] = '\0';
	return length + 1;
}

/* File names and source lines may be in any encoding; JSON is UTF-8 or nothing. */
static json_t *string_value(const char *text, size_t length)
{
	json_t *value = json_stringn(text, length);
	char *plain;

	if (value)
		return value;
	plain = malloc(length + 1);
	if (!plain)
		return NULL;
	for (size_t i = 0; i < length; i++)
		plain[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	value = json_stringn(plain, length);
	free(plain);
	return value;
}

static void put_text(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, string_value(text, strlen(text)));
}

static void put_number(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void put_real(json_t *object, const char *name, double value)
{
	json_object_set_new(object, name, json_real(value));
}

static void put_flag(json_t *object, const char *name, bool value)
{
	json_object_set_new(object, name, json_boolean(value));
}

static json_t *put_object(json_t *object, const char *name)
{
	json_t *child = json_object();

	/* Without memory the child is gone already; the library takes NULL for it from here on. */
	return json_object_set_new(object, name, child) ? NULL : child;
}

/* What never happens at this rate is null, not a number that sorts first. */
static void put_seconds_to_full(json_t *object, const struct snapshot_pressure *pressure)
{
	if (pressure->seconds_to_full < 0)
		json_object_set_new(object, "seconds_to_full", json_null());
	else
		put_real(object, "seconds_to_full", pressure->seconds_to_full);
}

static uint64_t seconds_between(struct mono earlier, struct mono later)
{
	return mono_ms_between(earlier, later) / 1000;
}

/* ------------------------------------------------------------------ status */

static void put_sessions(json_t *status, const struct snapshot_status *total, const struct snapshot_status *counted)
{
	static const char *const names[] = {
#define REPORT_STATE_NAME(name, protocol, state, seconds) protocol "-" state,
		SLUICE_TIMEOUTS(REPORT_STATE_NAME)
#undef REPORT_STATE_NAME
	};
	json_t *sessions = put_object(status, "sessions"), *by;

	put_number(sessions, "current", total->sessions.current);
	put_number(sessions, "capacity", total->sessions.capacity);
	put_number(sessions, "peak", total->sessions.peak);
	put_number(sessions, "created", counted->sessions.created);
	put_number(sessions, "expired", counted->sessions.expired);
	put_number(sessions, "evicted", counted->sessions.evicted);
	put_number(sessions, "bytes_each", total->sessions.bytes_each);
	by = put_object(sessions, "by_protocol");
	put_number(by, "tcp", total->sessions.tcp);
	put_number(by, "udp", total->sessions.udp);
	put_number(by, "icmp", total->sessions.icmp);
	put_number(by, "other", total->sessions.other);
	by = put_object(sessions, "by_state");
	for (int i = 0; i < TIMEOUT_COUNT; i++)
		put_number(by, names[i], total->sessions.by_state[i]);
}

static void put_pressure(json_t *status, const struct snapshot_pressure *values)
{
	json_t *pressure = put_object(status, "pressure");

	put_text(pressure, "level", pressure_level_name(values->level));
	put_real(pressure, "fill", values->fill);
	put_real(pressure, "rate", values->rate);
	put_seconds_to_full(pressure, values);
}

static json_t *pool_object(const struct snapshot_pool *values)
{
	char address[WORDS_ADDRESS_SIZE];
	json_t *pool = json_object();

	put_text(pool, "address", words_address(&values->address, address));
	put_text(pool, "protocol", words_protocol(values->protocol));
	put_number(pool, "ports", values->ports);
	put_number(pool, "used", values->used);
	put_number(pool, "peak", values->peak);
	put_real(pool, "fill", values->pressure.fill);
	put_text(pool, "level", pressure_level_name(values->pressure.level));
	put_seconds_to_full(pool, &values->pressure);
	put_number(pool, "refused", values->refused);
	return pool;
}

static void put_pools(json_t *status, const struct report_view *view)
{
	json_t *pools = json_array();

	for (size_t i = 0; i < view->pool_count; i++)
		json_array_append_new(pools, pool_object(&view->pools[i]));
	json_object_set_new(status, "pools", pools);
}

/* Everything that was counted, zeros too: what is missing is not zero, it is unknown. */
static void put_counters(json_t *status, const struct snapshot_status *counted)
{
	json_t *refusals = put_object(status, "refusals");
	json_t *drops = put_object(status, "drops");
	json_t *packets = put_object(status, "packets");
	json_t *icmp = put_object(status, "icmp");

	for (int i = 0; i < REFUSAL_COUNT; i++)
		put_number(refusals, refusal_name((enum refusal)i), counted->refusals[i]);
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		put_number(drops, reason_key((enum reason)i), counted->drops[i]);
	put_number(packets, "received", counted->packets.received);
	put_number(packets, "accepted", counted->packets.accepted);
	put_number(packets, "dropped", counted->packets.dropped);
	put_number(packets, "rewritten", counted->packets.rewritten);
	put_number(packets, "truncated", counted->packets.truncated);
	put_number(icmp, "translated", counted->icmp.translated);
	put_number(icmp, "unmatched", counted->icmp.unmatched);
	put_number(icmp, "invalid", counted->icmp.invalid);
	put_number(icmp, "frag_needed", counted->icmp.frag_needed);
	put_number(put_object(status, "mss"), "clamped", counted->mss_clamped);
	put_number(status, "effects_lost", counted->effects_lost);
}

static void put_queue(json_t *status, const struct queue_statistics *values)
{
	json_t *queue = put_object(status, "queue");

	put_number(queue, "length", values->waiting);
	put_number(queue, "dropped", values->dropped);
	put_number(queue, "failed", values->failed);
	put_number(queue, "refused", values->refused);
}

/* No session is ever handed to the kernel: these are the true values. */
static void put_fastpath(json_t *status)
{
	json_t *fastpath = put_object(status, "fastpath");

	put_text(fastpath, "mode", "off");
	put_number(fastpath, "installed", 0);
	put_number(fastpath, "hits", 0);
	put_number(fastpath, "failed", 0);
}

static void put_alerts(json_t *status, const struct report_view *view)
{
	json_t *alerts = json_array();

	for (size_t i = 0; i < view->alert_count; i++) {
		json_t *alert = json_object();

		put_text(alert, "name", view->alerts[i].name);
		put_text(alert, "subject", view->alerts[i].subject);
		put_number(alert, "since_s", seconds_between(view->alerts[i].since, view->now));
		put_text(alert, "text", view->alerts[i].text);
		json_array_append_new(alerts, alert);
	}
	json_object_set_new(status, "alerts", alerts);
}

char *report_status(const struct report_view *view)
{
	json_t *status = json_object();

	put_flag(status, "ok", true);
	put_text(status, "version", SLUICE_VERSION);
	put_number(status, "uptime_s", seconds_between(view->started, view->now));
	put_number(status, "generation", view->total.generation);
	put_sessions(status, &view->total, &view->counted);
	put_pressure(status, &view->total.pressure);
	put_pools(status, view);
	put_counters(status, &view->counted);
	put_queue(status, &view->queue);
	/* Nothing looks for black holes, so none is known. */
	json_object_set_new(status, "black_holes", json_array());
	put_fastpath(status);
	put_alerts(status, view);
	return line_from(status);
}

/* ---------------------------------------------------------------- listings */

/* One direction: ICMP's type, code and identifier stand where others have ports (sluice/tuple.h). */
static json_t *put_direction(json_t *session, const struct tuple *tuple, enum direction direction)
{
	json_t *object = put_object(session, direction == DIRECTION_ORIGINAL ? "original" : "reply");
	int source_port = be16_to_host(tuple->source.port), destination_port = be16_to_host(tuple->destination.port);
	char address[WORDS_ADDRESS_SIZE];

	put_text(object, "src", words_address(&tuple->source.address, address));
	put_text(object, "dst", words_address(&tuple->destination.address, address));
	if (tuple->protocol != PROTOCOL_ICMP && tuple->protocol != PROTOCOL_ICMPV6) {
		put_number(object, "sport", (uint64_t)source_port);
		put_number(object, "dport", (uint64_t)destination_port);
	} else if (direction == DIRECTION_ORIGINAL) {
		put_number(object, "type", (uint64_t)destination_port);
		put_number(object, "code", 0);
		put_number(object, "id", (uint64_t)source_port);
	} else {
		put_number(object, "type", (uint64_t)words_icmp_reply(tuple->protocol, source_port));
		put_number(object, "code", 0);
		put_number(object, "id", (uint64_t)destination_port);
	}
	return object;
}

/* A handle as text: a number of 64 bits does not survive most JSON readers. */
static void put_id(json_t *session, struct session_handle handle)
{
	char text[24];

	snprintf(text, sizeof(text), "%u.%u", handle.index, handle.generation);
	put_text(session, "id", text);
}

static void put_protocol(json_t *object, uint8_t protocol)
{
	put_text(object, "protocol", words_protocol(protocol));
	put_number(object, "protocol_number", protocol);
}

static void put_place(json_t *object, const char *file, unsigned int line)
{
	put_text(object, "file", file);
	put_number(object, "line", line);
}

static json_t *session_object(const struct snapshot_session *values, bool with_rule)
{
	json_t *session = json_object();

	put_id(session, values->handle);
	put_protocol(session, values->tuples[0].protocol);
	put_text(session, "state",
		 values->state_name && *values->state_name ? values->state_name : words_timeout_state(values->state));
	put_number(session, "timeout_s", values->timeout_s);
	put_flag(session, "assured", values->assured);
	put_flag(session, "seen_reply", values->seen_reply);
	for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++) {
		json_t *direction = put_direction(session, &values->tuples[way], way);

		put_number(direction, "packets", values->packets[way]);
		put_number(direction, "bytes", values->bytes[way]);
	}
	put_text(session, "nat", words_nat(values->nat));
	if (with_rule && values->rule_file)
		put_place(put_object(session, "rule"), values->rule_file, values->rule_line);
	else
		json_object_set_new(session, "rule", json_null());
	put_flag(session, "fastpath", values->fastpath);
	json_object_set_new(session, "path_mtu", values->path_mtu ? json_integer(values->path_mtu) : json_null());
	put_number(session, "mark", values->mark);
	return session;
}

size_t report_session(char *line, size_t size, const struct snapshot_session *session)
{
	size_t length = line_into(line, size, session_object(session, true));

	/* A file name too long for the line must not hide the session. */
	return length ? length : line_into(line, size, session_object(session, false));
}

static void put_endpoint(json_t *mapping, const char *name, const struct endpoint *values)
{
	json_t *endpoint = put_object(mapping, name);
	char address[WORDS_ADDRESS_SIZE];

	put_text(endpoint, "address", words_address(&values->address, address));
	put_number(endpoint, "port", be16_to_host(values->port));
}

size_t report_mapping(char *line, size_t size, const struct snapshot_mapping *values)
{
	json_t *mapping = json_object();

	put_protocol(mapping, values->protocol);
	put_endpoint(mapping, "internal", &values->internal);
	put_endpoint(mapping, "external", &values->external);
	if (address_is_unspecified(&values->peer.address))
		json_object_set_new(mapping, "peer", json_null());
	else
		put_endpoint(mapping, "peer", &values->peer);
	put_number(mapping, "sessions", values->sessions);
	put_number(mapping, "hold_s", values->hold_s);
	return line_into(line, size, mapping);
}

size_t report_pool(char *line, size_t size, const struct snapshot_pool *pool)
{
	return line_into(line, size, pool_object(pool));
}

/* ------------------------------------------------------------------ events */

/*
 * An event carries the session's class and tuples only. Whether it was answered
 * follows from the class, but for protocols with a single one: those are taken to
 * be answered once they change.
 */
static void put_session_event(json_t *object, const struct effect *effect, uint32_t timeout_s)
{
	const uint8_t protocol = effect->session.original.protocol;
	const enum timeout state = (enum timeout)effect->session.state;
	const char *word = words_conntrack_state(state);
	bool replied =
	    state != TIMEOUT_TCP_SYN_SENT && state != TIMEOUT_UDP_UNREPLIED && effect->session.event != SESSION_NEW;
	bool lasting = state == TIMEOUT_UDP_STREAM || (protocol == PROTOCOL_TCP && state != TIMEOUT_TCP_SYN_RECEIVED);

	put_id(object, effect->session.handle);
	put_protocol(object, protocol);
	put_text(object, "state", *word ? word : words_timeout_state(state));
	put_number(object, "timeout_s", timeout_s);
	put_flag(object, "assured", replied && lasting);
	put_flag(object, "seen_reply", replied);
	put_direction(object, &effect->session.original, DIRECTION_ORIGINAL);
	put_direction(object, &effect->session.reply, DIRECTION_REPLY);
}

size_t report_event(char *line, size_t size, const struct effect *effect, uint64_t wall_us, uint32_t timeout_s)
{
	static const char *const names[] = { "new", "update", "destroy" };
	json_t *event = json_object();

	if (effect->kind == EFFECT_SESSION_EVENT) {
		put_text(event, "event", names[effect->session.event]);
		put_real(event, "time", (double)wall_us / 1e6);
		put_session_event(event, effect, timeout_s);
	} else if (effect->kind == EFFECT_ALERT) {
		put_text(event, "event", "alert");
		put_real(event, "time", (double)wall_us / 1e6);
		put_flag(event, "raised", effect->alert.raised);
		put_text(event, "name", effect->alert.name);
		put_text(event, "subject", effect->alert.subject);
		put_text(event, "text", effect->alert.text);
	}
	return line_into(line, size, event);
}

/* ------------------------------------------------------------- other lines */

char *report_rule(const char *text, size_t length, const struct rule_place *place)
{
	json_t *line = json_object();

	json_object_set_new(line, "text", string_value(text, length));
	if (place && place->file)
		put_place(line, place->file, place->line);
	return line_from(line);
}

char *report_ok_text(const char *name, const char *value)
{
	json_t *answer = json_object();

	put_flag(answer, "ok", true);
	put_text(answer, name, value);
	return line_from(answer);
}

char *report_ok_number(const char *name, uint64_t value)
{
	json_t *answer = json_object();

	put_flag(answer, "ok", true);
	put_number(answer, name, value);
	return line_from(answer);
}

char *report_error(const char *kind, const char *text)
{
	json_t *answer = json_object();

	put_flag(answer, "ok", false);
	put_text(answer, "kind", kind);
	put_text(answer, "error", text);
	return line_from(answer);
}

char *report_stream_begin(const char *name)
{
	return report_ok_text("stream", name);
}

char *report_stream_end(uint64_t count)
{
	json_t *end = json_object();

	put_flag(end, "end", true);
	put_number(end, "count", count);
	return line_from(end);
}
