/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/answer.h"

#include <stdio.h>

#include "daemon/answer_parts.h"
#include "daemon/diagnose.h"
#include "daemon/session_line.h"
#include "daemon/words.h"

/* What never happens at this rate is null, not a number that sorts first. */
static void put_seconds_to_full(struct report *object, const struct snapshot_pressure *pressure)
{
	if (pressure->seconds_to_full < 0)
		report_put_null(object, "seconds_to_full");
	else
		report_put_real(object, "seconds_to_full", pressure->seconds_to_full);
}

static uint64_t seconds_between(struct mono earlier, struct mono later)
{
	return mono_ms_between(earlier, later) / 1000;
}

/* ------------------------------------------------------------------ status */

static void put_sessions(struct report *status, const struct snapshot_status *total,
			 const struct snapshot_status *counted)
{
	static const char *const names[] = {
#define REPORT_STATE_NAME(name, protocol, state, seconds) protocol "-" state,
		SLUICE_TIMEOUTS(REPORT_STATE_NAME)
#undef REPORT_STATE_NAME
	};
	struct report *sessions = report_put_object(status, "sessions"), *by;

	report_put_number(sessions, "current", total->sessions.current);
	report_put_number(sessions, "capacity", total->sessions.capacity);
	report_put_number(sessions, "reserve", total->sessions.reserve);
	report_put_number(sessions, "peak", total->sessions.peak);
	report_put_number(sessions, "created", counted->sessions.created);
	report_put_number(sessions, "expired", counted->sessions.expired);
	report_put_number(sessions, "evicted", counted->sessions.evicted);
	report_put_number(sessions, "bytes_each", total->sessions.bytes_each);
	by = report_put_object(sessions, "by_protocol");
	report_put_number(by, "tcp", total->sessions.tcp);
	report_put_number(by, "udp", total->sessions.udp);
	report_put_number(by, "icmp", total->sessions.icmp);
	report_put_number(by, "other", total->sessions.other);
	by = report_put_object(sessions, "by_state");
	for (int i = 0; i < TIMEOUT_COUNT; i++)
		report_put_number(by, names[i], total->sessions.by_state[i]);
}

static void put_pressure(struct report *status, const struct snapshot_pressure *values)
{
	struct report *pressure = report_put_object(status, "pressure");

	report_put_text(pressure, "level", pressure_level_name(values->level));
	report_put_real(pressure, "fill", values->fill);
	report_put_real(pressure, "rate", values->rate);
	put_seconds_to_full(pressure, values);
}

/* Only the causes that are a pool's. */
static void put_pool_refusals(struct report *pool, const struct snapshot_pool *values)
{
	static const enum refusal causes[] = { REFUSAL_POOL_EXHAUSTED, REFUSAL_DESTINATION_EXHAUSTED,
					       REFUSAL_HOLD_DOWN };
	struct report *refusals = report_put_object(pool, "refusals");

	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		report_put_number(refusals, refusal_name(causes[i]), values->refusals[causes[i]]);
}

static struct report *pool_object(const struct snapshot_pool *values)
{
	char address[WORDS_ADDRESS_SIZE];
	struct report *pool = report_object();

	report_put_text(pool, "address", words_address(&values->address, address));
	report_put_text(pool, "protocol", words_protocol(values->protocol));
	report_put_number(pool, "ports", values->ports);
	report_put_number(pool, "used", values->used);
	report_put_number(pool, "peak", values->peak);
	report_put_real(pool, "fill", values->pressure.fill);
	report_put_text(pool, "level", pressure_level_name(values->pressure.level));
	put_seconds_to_full(pool, &values->pressure);
	report_put_number(pool, "refused", values->refused);
	put_pool_refusals(pool, values);
	return pool;
}

static void put_pools(struct report *status, const struct answer_view *view)
{
	struct report *pools = report_put_list(status, "pools");

	for (size_t i = 0; i < view->pool_count; i++)
		report_append(pools, pool_object(&view->pools[i]));
}

/* Everything that was counted, zeros too: what is missing is not zero, it is unknown. */
static void put_counters(struct report *status, const struct snapshot_status *counted)
{
	struct report *refusals = report_put_object(status, "refusals");
	struct report *drops = report_put_object(status, "drops");
	struct report *packets = report_put_object(status, "packets");
	struct report *icmp = report_put_object(status, "icmp");

	for (int i = 0; i < REFUSAL_COUNT; i++)
		report_put_number(refusals, refusal_name((enum refusal)i), counted->refusals[i]);
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		report_put_number(drops, reason_key((enum reason)i), counted->drops[i]);
	report_put_number(packets, "received", counted->packets.received);
	report_put_number(packets, "accepted", counted->packets.accepted);
	report_put_number(packets, "dropped", counted->packets.dropped);
	report_put_number(packets, "rewritten", counted->packets.rewritten);
	report_put_number(packets, "truncated", counted->packets.truncated);
	report_put_number(icmp, "translated", counted->icmp.translated);
	report_put_number(icmp, "unmatched", counted->icmp.unmatched);
	report_put_number(icmp, "invalid", counted->icmp.invalid);
	report_put_number(icmp, "frag_needed", counted->icmp.frag_needed);
	report_put_number(report_put_object(status, "mss"), "clamped", counted->mss_clamped);
	report_put_number(status, "effects_lost", counted->effects_lost);
}

static void put_queue(struct report *status, const struct queue_statistics *values)
{
	struct report *queue = report_put_object(status, "queue");

	report_put_number(queue, "length", values->waiting);
	report_put_number(queue, "dropped", values->dropped);
	report_put_number(queue, "failed", values->failed);
	report_put_number(queue, "refused", values->refused);
}

static void put_fastpath(struct report *status, const struct answer_view *view)
{
	struct report *fastpath = report_put_object(status, "fastpath");
	const struct fastpath_failures *failures = &view->fastpath_failures;

	report_put_text(fastpath, "mode", view->fastpath_mode ? view->fastpath_mode : "off");
	report_put_number(fastpath, "installed", view->total.fastpath.installed);
	report_put_number(fastpath, "hits", view->counted.fastpath.hits);
	report_put_number(fastpath, "failed", failures->no_route + failures->no_interface + failures->no_room);
	report_put_number(fastpath, "no_route", failures->no_route);
	report_put_number(fastpath, "no_interface", failures->no_interface);
	report_put_number(fastpath, "no_room", failures->no_room);
	report_put_number(fastpath, "postponed", failures->postponed);
}

static void put_alerts(struct report *status, const struct answer_view *view)
{
	struct report *alerts = report_put_list(status, "alerts");

	for (size_t i = 0; i < view->alert_count; i++) {
		struct report *alert = report_object();

		report_put_text(alert, "name", view->alerts[i].name);
		report_put_text(alert, "subject", view->alerts[i].subject);
		report_put_number(alert, "since_s", seconds_between(view->alerts[i].since, view->now));
		report_put_text(alert, "text", view->alerts[i].text);
		report_append(alerts, alert);
	}
}

static void put_black_holes(struct report *status, const struct answer_view *view)
{
	struct report *holes = report_put_list(status, "black_holes");
	char address[WORDS_ADDRESS_SIZE];

	for (size_t i = 0; i < view->black_hole_count; i++) {
		const struct snapshot_black_hole *values = &view->black_holes[i];
		struct report *hole = report_object();

		report_put_text(hole, "destination", words_address(&values->destination, address));
		report_put_number(hole, "works", values->works);
		report_put_number(hole, "fails", values->fails);
		report_put_number(hole, "since_s", seconds_between(values->since, view->now));
		report_put_text(hole, "action", values->action);
		report_put_text(hole, "seen_with", values->datagrams ? "udp" : "tcp");
		report_append(holes, hole);
	}
}

char *answer_status(const struct answer_view *view)
{
	struct report *status = report_object();

	report_put_flag(status, "ok", true);
	report_put_text(status, "version", SLUICE_VERSION);
	report_put_number(status, "uptime_s", seconds_between(view->started, view->now));
	report_put_number(status, "generation", view->total.generation);
	put_sessions(status, &view->total, &view->counted);
	put_pressure(status, &view->total.pressure);
	put_pools(status, view);
	put_counters(status, &view->counted);
	put_queue(status, &view->queue);
	put_black_holes(status, view);
	put_fastpath(status, view);
	put_alerts(status, view);
	return report_line(status);
}

/* ---------------------------------------------------------------- listings */

/* One direction: ICMP's type, code and identifier stand where others have ports (sluice/tuple.h). */
void answer_put_tuple(struct report *object, const struct tuple *tuple, enum direction direction)
{
	int source_port = be16_to_host(tuple->source.port), destination_port = be16_to_host(tuple->destination.port);
	char address[WORDS_ADDRESS_SIZE];

	report_put_text(object, "src", words_address(&tuple->source.address, address));
	report_put_text(object, "dst", words_address(&tuple->destination.address, address));
	if (tuple->protocol != PROTOCOL_ICMP && tuple->protocol != PROTOCOL_ICMPV6) {
		report_put_number(object, "sport", (uint64_t)source_port);
		report_put_number(object, "dport", (uint64_t)destination_port);
	} else if (direction == DIRECTION_ORIGINAL) {
		report_put_number(object, "type", (uint64_t)destination_port);
		report_put_number(object, "code", 0);
		report_put_number(object, "id", (uint64_t)source_port);
	} else {
		report_put_number(object, "type", (uint64_t)words_icmp_reply(tuple->protocol, source_port));
		report_put_number(object, "code", 0);
		report_put_number(object, "id", (uint64_t)destination_port);
	}
}

struct report *answer_put_direction(struct report *session, const struct tuple *tuple, enum direction direction)
{
	struct report *object = report_put_object(session, direction == DIRECTION_ORIGINAL ? "original" : "reply");

	answer_put_tuple(object, tuple, direction);
	return object;
}

/* A handle as text: a number of 64 bits does not survive most JSON readers. */
void answer_put_id(struct report *session, struct session_handle handle)
{
	char text[24];

	snprintf(text, sizeof(text), "%u.%u", handle.index, handle.generation);
	report_put_text(session, "id", text);
}

void answer_put_protocol(struct report *object, uint8_t protocol)
{
	report_put_text(object, "protocol", words_protocol(protocol));
	report_put_number(object, "protocol_number", protocol);
}

void answer_put_place(struct report *object, const char *file, unsigned int line)
{
	report_put_text(object, "file", file);
	report_put_number(object, "line", line);
}

struct report *answer_session_object(const struct snapshot_session *values, bool with_rule)
{
	struct report *session = report_object();

	answer_put_id(session, values->handle);
	answer_put_protocol(session, values->tuples[0].protocol);
	report_put_text(session, "state",
			values->state_name && *values->state_name ? values->state_name
								  : words_timeout_state(values->state));
	report_put_number(session, "timeout_s", values->timeout_s);
	report_put_flag(session, "assured", values->assured);
	report_put_flag(session, "seen_reply", values->seen_reply);
	for (enum direction way = DIRECTION_ORIGINAL; way <= DIRECTION_REPLY; way++) {
		struct report *direction = answer_put_direction(session, &values->tuples[way], way);

		report_put_number(direction, "packets", values->packets[way]);
		report_put_number(direction, "bytes", values->bytes[way]);
	}
	report_put_text(session, "nat", words_nat(values->nat));
	if (with_rule && values->rule_file)
		answer_put_place(report_put_object(session, "rule"), values->rule_file, values->rule_line);
	else
		report_put_null(session, "rule");
	report_put_flag(session, "fastpath", values->fastpath);
	if (values->path_mtu)
		report_put_number(session, "path_mtu", values->path_mtu);
	else
		report_put_null(session, "path_mtu");
	report_put_number(session, "mark", values->mark);
	if (values->keyed)
		report_put_number(session, "key", values->key);
	return session;
}

size_t answer_session(char *line, size_t size, const struct snapshot_session *session)
{
	size_t length = session_line(line, size, session);

	if (!length)
		length = report_line_into(answer_session_object(session, true), line, size);
	/* A file name too long for the line must not hide the session. */
	return length ? length : report_line_into(answer_session_object(session, false), line, size);
}

void answer_put_endpoint(struct report *mapping, const char *name, const struct endpoint *values)
{
	struct report *endpoint = report_put_object(mapping, name);
	char address[WORDS_ADDRESS_SIZE];

	report_put_text(endpoint, "address", words_address(&values->address, address));
	report_put_number(endpoint, "port", be16_to_host(values->port));
}

size_t answer_mapping(char *line, size_t size, const struct snapshot_mapping *values)
{
	struct report *mapping = report_object();

	answer_put_protocol(mapping, values->protocol);
	answer_put_endpoint(mapping, "internal", &values->internal);
	answer_put_endpoint(mapping, "external", &values->external);
	if (address_is_unspecified(&values->peer.address))
		report_put_null(mapping, "peer");
	else
		answer_put_endpoint(mapping, "peer", &values->peer);
	report_put_number(mapping, "sessions", values->sessions);
	report_put_number(mapping, "hold_s", values->hold_s);
	return report_line_into(mapping, line, size);
}

size_t answer_pool(char *line, size_t size, const struct snapshot_pool *pool)
{
	return report_line_into(pool_object(pool), line, size);
}

/* An IPv6 address stands for its /64, and none for all those that are not counted one by one. */
static struct report *party_object(const struct snapshot_party *values)
{
	struct report *party = report_object();
	char address[WORDS_ADDRESS_SIZE], network[WORDS_ADDRESS_SIZE + 4];

	words_address(&values->address, address);
	snprintf(network, sizeof(network), "%s/64", address);
	if (address_is_unspecified(&values->address))
		report_put_null(party, "address");
	else
		report_put_text(party, "address", address_is_ipv4(&values->address) ? address : network);
	report_put_number(party, "sessions", values->sessions);
	report_put_number(party, "expendable", values->expendable);
	diagnose_put_statistics(party, &values->statistics);
	return party;
}

size_t answer_source(char *line, size_t size, const struct snapshot_party *values)
{
	struct report *source = party_object(values);

	if (address_is_unspecified(&values->address))
		report_put_null(source, "ports");
	else
		report_put_number(source, "ports", values->ports);
	return report_line_into(source, line, size);
}

size_t answer_destination(char *line, size_t size, const struct snapshot_party *values)
{
	struct report *destination = party_object(values);

	if (values->path_mtu)
		report_put_number(destination, "path_mtu", values->path_mtu);
	else
		report_put_null(destination, "path_mtu");
	return report_line_into(destination, line, size);
}

/* ------------------------------------------------------------- other lines */

char *answer_rule(const char *text, size_t length, const struct rule_listing *rule)
{
	struct report *line = report_object();

	report_put_bytes(line, "text", text, length);
	if (rule) {
		report_put_text(line, "family", rule->family);
		report_put_text(line, "table", rule->table);
		report_put_text(line, "chain", rule->chain);
		answer_put_place(line, rule->place.file, rule->place.line);
	}
	if (rule && rule->has_counter) {
		report_put_number(line, "packets", rule->packets);
		report_put_number(line, "bytes", rule->bytes);
	}
	return report_line(line);
}

char *answer_ok_text(const char *name, const char *value)
{
	struct report *answer = report_object();

	report_put_flag(answer, "ok", true);
	report_put_text(answer, name, value);
	return report_line(answer);
}

char *answer_ok_number(const char *name, uint64_t value)
{
	struct report *answer = report_object();

	report_put_flag(answer, "ok", true);
	report_put_number(answer, name, value);
	return report_line(answer);
}

char *answer_error(const char *kind, const char *text)
{
	struct report *answer = report_object();

	report_put_flag(answer, "ok", false);
	report_put_text(answer, "kind", kind);
	report_put_text(answer, "error", text);
	return report_line(answer);
}

char *answer_stream_begin(const char *name)
{
	return answer_ok_text("stream", name);
}

char *answer_stream_end(uint64_t count)
{
	struct report *end = report_object();

	report_put_flag(end, "end", true);
	report_put_number(end, "count", count);
	return report_line(end);
}
