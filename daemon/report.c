/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

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

static const char *address_text(const struct address *address, char text[INET6_ADDRSTRLEN])
{
	if (address_is_ipv4(address))
		return inet_ntop(AF_INET, address->bytes + 12, text, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, address->bytes, text, INET6_ADDRSTRLEN);
}

static const char *protocol_text(uint8_t protocol)
{
	const char *name = filter_protocol_name(protocol);

	return name ? name : "unknown";
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

static json_t *string_from(const char *text)
{
	return string_value(text, strlen(text));
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* What never happens at this rate is null, not a number that sorts first. */
static json_t *seconds_to_full(const struct snapshot_pressure *pressure)
{
	return pressure->seconds_to_full < 0 ? json_null() : json_real(pressure->seconds_to_full);
}

static uint64_t seconds_between(struct mono earlier, struct mono later)
{
	return mono_ms_between(earlier, later) / 1000;
}

/* ------------------------------------------------------------------ status */

static json_t *sessions_object(const struct snapshot_status *total, const struct snapshot_status *counted)
{
	static const char *const names[] = {
#define REPORT_STATE_NAME(name, protocol, state, seconds) protocol "-" state,
		SLUICE_TIMEOUTS(REPORT_STATE_NAME)
#undef REPORT_STATE_NAME
	};
	json_t *by_state = json_object();

	for (int i = 0; i < TIMEOUT_COUNT; i++)
		json_object_set_new(by_state, names[i], number(total->sessions.by_state[i]));
	return json_pack(
	    "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:{s:I,s:I,s:I,s:I},s:o}", "current", (json_int_t)total->sessions.current,
	    "capacity", (json_int_t)total->sessions.capacity, "peak", (json_int_t)total->sessions.peak, "created",
	    (json_int_t)counted->sessions.created, "expired", (json_int_t)counted->sessions.expired, "evicted",
	    (json_int_t)counted->sessions.evicted, "bytes_each", (json_int_t)total->sessions.bytes_each, "by_protocol",
	    "tcp", (json_int_t)total->sessions.tcp, "udp", (json_int_t)total->sessions.udp, "icmp",
	    (json_int_t)total->sessions.icmp, "other", (json_int_t)total->sessions.other, "by_state", by_state);
}

static json_t *pool_object(const struct snapshot_pool *pool)
{
	char address[INET6_ADDRSTRLEN];

	return json_pack("{s:s,s:s,s:I,s:I,s:I,s:f,s:s,s:o,s:I}", "address", address_text(&pool->address, address),
			 "protocol", protocol_text(pool->protocol), "ports", (json_int_t)pool->ports, "used",
			 (json_int_t)pool->used, "peak", (json_int_t)pool->peak, "fill", pool->pressure.fill, "level",
			 pressure_level_name(pool->pressure.level), "seconds_to_full", seconds_to_full(&pool->pressure),
			 "refused", (json_int_t)pool->refused);
}

static json_t *pools_array(const struct report_view *view)
{
	json_t *pools = json_array();

	for (size_t i = 0; i < view->pool_count; i++)
		json_array_append_new(pools, pool_object(&view->pools[i]));
	return pools;
}

static json_t *refusals_object(const struct snapshot_status *counted)
{
	json_t *refusals = json_object();

	for (int i = 0; i < REFUSAL_COUNT; i++)
		json_object_set_new(refusals, refusal_name((enum refusal)i), number(counted->refusals[i]));
	return refusals;
}

static json_t *drops_object(const struct snapshot_status *counted)
{
	json_t *drops = json_object();

	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		json_object_set_new(drops, reason_key((enum reason)i), number(counted->drops[i]));
	return drops;
}

static json_t *packets_object(const struct snapshot_status *counted)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "received", (json_int_t)counted->packets.received, "accepted",
			 (json_int_t)counted->packets.accepted, "dropped", (json_int_t)counted->packets.dropped,
			 "rewritten", (json_int_t)counted->packets.rewritten, "truncated",
			 (json_int_t)counted->packets.truncated);
}

static json_t *alerts_array(const struct report_view *view)
{
	json_t *alerts = json_array();

	for (size_t i = 0; i < view->alert_count; i++) {
		const struct report_alert *alert = &view->alerts[i];

		json_array_append_new(alerts, json_pack("{s:s,s:o,s:I,s:o}", "name", alert->name, "subject",
							string_from(alert->subject), "since_s",
							(json_int_t)seconds_between(alert->since, view->now), "text",
							string_from(alert->text)));
	}
	return alerts;
}

char *report_status(const struct report_view *view)
{
	const struct snapshot_status *total = &view->total, *counted = &view->counted;
	json_t *status = json_pack("{s:b,s:s,s:I,s:I}", "ok", 1, "version", SLUICE_VERSION, "uptime_s",
				   (json_int_t)seconds_between(view->started, view->now), "generation",
				   (json_int_t)total->generation);

	if (!status)
		return NULL;
	json_object_set_new(status, "sessions", sessions_object(total, counted));
	json_object_set_new(status, "pressure",
			    json_pack("{s:s,s:f,s:f,s:o}", "level", pressure_level_name(total->pressure.level), "fill",
				      total->pressure.fill, "rate", total->pressure.rate, "seconds_to_full",
				      seconds_to_full(&total->pressure)));
	json_object_set_new(status, "pools", pools_array(view));
	json_object_set_new(status, "refusals", refusals_object(counted));
	json_object_set_new(status, "drops", drops_object(counted));
	json_object_set_new(status, "packets", packets_object(counted));
	json_object_set_new(status, "queue",
			    json_pack("{s:I,s:I,s:I,s:I}", "length", (json_int_t)view->queue.waiting, "dropped",
				      (json_int_t)view->queue.dropped, "failed", (json_int_t)view->queue.failed,
				      "refused", (json_int_t)view->queue.refused));
	json_object_set_new(status, "icmp",
			    json_pack("{s:I,s:I,s:I,s:I}", "translated", (json_int_t)counted->icmp.translated,
				      "unmatched", (json_int_t)counted->icmp.unmatched, "invalid",
				      (json_int_t)counted->icmp.invalid, "frag_needed",
				      (json_int_t)counted->icmp.frag_needed));
	json_object_set_new(status, "mss", json_pack("{s:I}", "clamped", (json_int_t)counted->mss_clamped));
	/* Nothing watches for black holes and nothing is offloaded: that is the state of things. */
	json_object_set_new(status, "black_holes", json_array());
	json_object_set_new(status, "fastpath",
			    json_pack("{s:s,s:i,s:i,s:i}", "mode", "off", "installed", 0, "hits", 0, "failed", 0));
	json_object_set_new(status, "effects_lost", number(counted->effects_lost));
	json_object_set_new(status, "alerts", alerts_array(view));
	return line_from(status);
}

/* ---------------------------------------------------------------- listings */

/* The type of the answer to an ICMP query of type @type. */
static int reply_type(uint8_t protocol, int type)
{
	if (protocol == PROTOCOL_ICMPV6)
		return type == 128 ? 129 : type;
	switch (type) {
	case 8:
		return 0;
	case 13:
	case 15:
	case 17:
		return type + 1;
	}
	return type;
}

/* One direction: ICMP's type, code and identifier stand where others have ports (sluice/tuple.h). */
static json_t *tuple_object(const struct tuple *tuple, enum direction direction)
{
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	int source_port = be16_to_host(tuple->source.port);
	int destination_port = be16_to_host(tuple->destination.port);

	address_text(&tuple->source.address, source);
	address_text(&tuple->destination.address, destination);
	if (tuple->protocol != PROTOCOL_ICMP && tuple->protocol != PROTOCOL_ICMPV6)
		return json_pack("{s:s,s:s,s:i,s:i}", "src", source, "dst", destination, "sport", source_port, "dport",
				 destination_port);
	if (direction == DIRECTION_ORIGINAL)
		return json_pack("{s:s,s:s,s:i,s:i,s:i}", "src", source, "dst", destination, "type", destination_port,
				 "code", 0, "id", source_port);
	return json_pack("{s:s,s:s,s:i,s:i,s:i}", "src", source, "dst", destination, "type",
			 reply_type(tuple->protocol, source_port), "code", 0, "id", destination_port);
}

static json_t *counted_tuple(const struct snapshot_session *session, enum direction direction)
{
	json_t *object = tuple_object(&session->tuples[direction], direction);

	json_object_set_new(object, "packets", number(session->packets[direction]));
	json_object_set_new(object, "bytes", number(session->bytes[direction]));
	return object;
}

static const char *timeout_state(enum timeout timeout)
{
	static const char *const states[] = {
#define REPORT_TIMEOUT_STATE(name, protocol, state, seconds) state,
		SLUICE_TIMEOUTS(REPORT_TIMEOUT_STATE)
#undef REPORT_TIMEOUT_STATE
	};

	return timeout < TIMEOUT_COUNT ? states[timeout] : "unknown";
}

static const char *nat_name(enum session_nat nat)
{
	static const char *const names[] = { "none", "snat", "dnat", "both" };

	return nat <= SESSION_NAT_BOTH ? names[nat] : "unknown";
}

/* A handle as text: a number of 64 bits does not survive most JSON readers. */
static void handle_text(struct session_handle handle, char text[24])
{
	snprintf(text, 24, "%u.%u", handle.index, handle.generation);
}

size_t report_session(char *line, size_t size, const struct snapshot_session *session)
{
	json_t *rule = json_null();
	char id[24];

	handle_text(session->handle, id);
	if (session->rule_file)
		rule = json_pack("{s:o,s:I}", "file", string_from(session->rule_file), "line",
				 (json_int_t)session->rule_line);
	return line_into(
	    line, size,
	    json_pack("{s:s,s:s,s:i,s:s,s:I,s:b,s:b,s:o,s:o,s:s,s:o,s:b,s:o,s:I}", "id", id, "protocol",
		      protocol_text(session->tuples[0].protocol), "protocol_number", (int)session->tuples[0].protocol,
		      "state",
		      session->state_name && *session->state_name ? session->state_name : timeout_state(session->state),
		      "timeout_s", (json_int_t)session->timeout_s, "assured", (int)session->assured, "seen_reply",
		      (int)session->seen_reply, "original", counted_tuple(session, DIRECTION_ORIGINAL), "reply",
		      counted_tuple(session, DIRECTION_REPLY), "nat", nat_name(session->nat), "rule", rule, "fastpath",
		      (int)session->fastpath, "path_mtu",
		      session->path_mtu ? json_integer(session->path_mtu) : json_null(), "mark",
		      (json_int_t)session->mark));
}

static json_t *endpoint_object(const struct endpoint *endpoint)
{
	char address[INET6_ADDRSTRLEN];

	return json_pack("{s:s,s:i}", "address", address_text(&endpoint->address, address), "port",
			 (int)be16_to_host(endpoint->port));
}

size_t report_mapping(char *line, size_t size, const struct snapshot_mapping *mapping)
{
	bool any = address_is_unspecified(&mapping->peer.address);

	return line_into(line, size,
			 json_pack("{s:s,s:i,s:o,s:o,s:o,s:I,s:I}", "protocol", protocol_text(mapping->protocol),
				   "protocol_number", (int)mapping->protocol, "internal",
				   endpoint_object(&mapping->internal), "external", endpoint_object(&mapping->external),
				   "peer", any ? json_null() : endpoint_object(&mapping->peer), "sessions",
				   (json_int_t)mapping->sessions, "hold_s", (json_int_t)mapping->hold_s));
}

size_t report_pool(char *line, size_t size, const struct snapshot_pool *pool)
{
	return line_into(line, size, pool_object(pool));
}

/* ------------------------------------------------------------------ events */

static json_t *session_event(const struct effect *effect, double wall, uint32_t timeout_s)
{
	static const char *const names[] = { "new", "update", "destroy" };
	/* conntrack's words, by timeout class; "": protocols it shows without one */
	static const char *const words[TIMEOUT_COUNT] = {
		[TIMEOUT_TCP_SYN_SENT] = "SYN_SENT",	      [TIMEOUT_TCP_SYN_RECEIVED] = "SYN_RECV",
		[TIMEOUT_TCP_ESTABLISHED] = "ESTABLISHED",    [TIMEOUT_TCP_FIN_WAIT] = "FIN_WAIT",
		[TIMEOUT_TCP_CLOSE_WAIT] = "CLOSE_WAIT",      [TIMEOUT_TCP_LAST_ACK] = "LAST_ACK",
		[TIMEOUT_TCP_TIME_WAIT] = "TIME_WAIT",	      [TIMEOUT_TCP_CLOSE] = "CLOSE",
		[TIMEOUT_TCP_UNACKNOWLEDGED] = "ESTABLISHED", [TIMEOUT_TCP_RETRANSMITTING] = "ESTABLISHED",
	};
	const uint8_t protocol = effect->session.original.protocol;
	const uint8_t state = effect->session.state;
	bool unreplied =
	    state == TIMEOUT_TCP_SYN_SENT || state == TIMEOUT_UDP_UNREPLIED || effect->session.event == SESSION_NEW;
	bool assured = !unreplied &&
		       (state == TIMEOUT_UDP_STREAM || (protocol == PROTOCOL_TCP && state != TIMEOUT_TCP_SYN_RECEIVED));
	const char *word = state < TIMEOUT_COUNT ? words[state] : NULL;
	char id[24];

	handle_text(effect->session.handle, id);
	return json_pack("{s:s,s:f,s:s,s:s,s:i,s:s,s:I,s:b,s:b,s:o,s:o}", "event",
			 effect->session.event <= SESSION_DESTROY ? names[effect->session.event] : "unknown", "time",
			 wall, "id", id, "protocol", protocol_text(protocol), "protocol_number", (int)protocol, "state",
			 word ? word : timeout_state((enum timeout)state), "timeout_s", (json_int_t)timeout_s,
			 "assured", (int)assured, "seen_reply", (int)!unreplied, "original",
			 tuple_object(&effect->session.original, DIRECTION_ORIGINAL), "reply",
			 tuple_object(&effect->session.reply, DIRECTION_REPLY));
}

size_t report_event(char *line, size_t size, const struct effect *effect, uint64_t wall_us, uint32_t timeout_s)
{
	double wall = (double)wall_us / 1e6;

	if (effect->kind == EFFECT_SESSION_EVENT)
		return line_into(line, size, session_event(effect, wall, timeout_s));
	if (effect->kind != EFFECT_ALERT)
		return 0;
	return line_into(line, size,
			 json_pack("{s:s,s:f,s:b,s:s,s:o,s:o}", "event", "alert", "time", wall, "raised",
				   (int)effect->alert.raised, "name", effect->alert.name, "subject",
				   string_from(effect->alert.subject), "text", string_from(effect->alert.text)));
}

/* ------------------------------------------------------------- other lines */

char *report_rule(const char *text, size_t length, const struct rule_place *place)
{
	json_t *line = json_pack("{s:o}", "text", string_value(text, length));

	if (line && place && place->file)
		json_object_update_new(
		    line, json_pack("{s:o,s:I}", "file", string_from(place->file), "line", (json_int_t)place->line));
	return line_from(line);
}

char *report_ok_text(const char *name, const char *value)
{
	return line_from(json_pack("{s:b,s:o}", "ok", 1, name, string_from(value)));
}

char *report_ok_number(const char *name, uint64_t value)
{
	return line_from(json_pack("{s:b,s:I}", "ok", 1, name, (json_int_t)value));
}

char *report_error(const char *text)
{
	return line_from(json_pack("{s:b,s:o}", "ok", 0, "error", string_from(text)));
}

char *report_stream_begin(const char *name)
{
	return report_ok_text("stream", name);
}

char *report_stream_end(uint64_t count)
{
	return line_from(json_pack("{s:b,s:I}", "end", 1, "count", (json_int_t)count));
}
