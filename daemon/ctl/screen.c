/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/screen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* So much of each list fits on the screen; the rest is a number. */
#define STATUS_POOLS 4u
#define STATUS_COUNTERS 8u
#define STATUS_ALERTS 4u
#define STATUS_WIDTH 79u
#define STATUS_INDENT 11u

static bool coloured;

void screen_init(FILE *out)
{
	const char *terminal = getenv("TERM"), *plain = getenv("NO_COLOR");

	coloured = isatty(fileno(out)) && !(plain && *plain) && terminal && strcmp(terminal, "dumb") != 0;
}

static const char *colour(const char *code)
{
	return coloured ? code : "";
}

const char *screen_strong(void)
{
	return colour("\033[1m");
}

const char *screen_plain(void)
{
	return colour("\033[0m");
}

static const char *level_colour(const char *level)
{
	if (strcmp(level, "elevated") == 0)
		return colour("\033[33m");
	if (strcmp(level, "high") == 0 || strcmp(level, "full") == 0)
		return colour("\033[31m");
	return "";
}

static const char *end_colour(void)
{
	return colour("\033[0m");
}

void screen_label(FILE *out, const char *text)
{
	fprintf(out, "%s%-*s%s", colour("\033[1m"), (int)STATUS_INDENT, text, end_colour());
}

void screen_duration(FILE *out, int64_t seconds)
{
	if (seconds >= 86400)
		fprintf(out, "%" PRId64 "d %" PRId64 "h", seconds / 86400, seconds % 86400 / 3600);
	else if (seconds >= 3600)
		fprintf(out, "%" PRId64 "h %" PRId64 "m", seconds / 3600, seconds % 3600 / 60);
	else if (seconds >= 60)
		fprintf(out, "%" PRId64 "m %" PRId64 "s", seconds / 60, seconds % 60);
	else
		fprintf(out, "%" PRId64 "s", seconds);
}

/* --------------------------------------------------------- lists of counters */

struct counters {
	FILE *out;
	unsigned int shown, hidden;
	size_t column;
	bool zeros;
};

/* `name value`, on a line of its own where it does not fit; zeros only when wanted. */
static void print_counter(void *context, const char *name, const struct document *value)
{
	struct counters *counters = context;
	int64_t number = document_integer(value, "");
	char text[96];
	size_t length;

	if (number == 0 && !counters->zeros)
		return;
	if (counters->shown == STATUS_COUNTERS) {
		counters->hidden++;
		return;
	}
	length = (size_t)snprintf(text, sizeof(text), "%s %" PRId64, name, number);
	if (counters->column + length + 2 > STATUS_WIDTH) {
		fprintf(counters->out, "\n%*s", (int)STATUS_INDENT, "");
		counters->column = STATUS_INDENT;
	} else if (counters->shown) {
		fputs("  ", counters->out);
		counters->column += 2;
	}
	fputs(text, counters->out);
	counters->column += length;
	counters->shown++;
}

static void print_counters(FILE *out, const struct document *status, const char *name, const char *path, bool zeros)
{
	struct counters counters = { .out = out, .column = STATUS_INDENT, .zeros = zeros };

	screen_label(out, name);
	document_each(status, path, print_counter, &counters);
	if (!counters.shown)
		fputs("none", out);
	if (counters.hidden)
		fprintf(out, "  and %u more", counters.hidden);
	fputc('\n', out);
}

/* ------------------------------------------------------------------ tables */

void screen_pool_head(FILE *out)
{
	fprintf(out, "%s%-24s %-8s %7s %7s %7s %6s  %-8s %9s%s\n", colour("\033[1m"), "ADDRESS", "PROTOCOL", "PORTS",
		"USED", "PEAK", "FILL", "LEVEL", "REFUSED", end_colour());
}

void screen_pool(FILE *out, const struct document *pool)
{
	const char *level = document_text(pool, "level");

	fprintf(out, "%-24s %-8s %7" PRId64 " %7" PRId64 " %7" PRId64 " %5.1f%%  %s%-8s%s %9" PRId64 "\n",
		document_text(pool, "address"), document_text(pool, "protocol"), document_integer(pool, "ports"),
		document_integer(pool, "used"), document_integer(pool, "peak"), document_real(pool, "fill") * 100,
		level_colour(level), level, *level_colour(level) ? end_colour() : "",
		document_integer(pool, "refused"));
}

void screen_mapping_head(FILE *out)
{
	fprintf(out, "%s%-8s %-28s %-28s %-28s %8s %6s%s\n", colour("\033[1m"), "PROTOCOL", "INTERNAL", "EXTERNAL",
		"PEER", "SESSIONS", "HOLD", end_colour());
}

/* What the daemon no longer counts one by one has no address. */
static const char *party_name(const struct document *party)
{
	const char *address = document_text(party, "address");

	return *address ? address : "(all others)";
}

/* What both tables show of what was counted; sums since the party was first seen. */
static const struct {
	const char *title, *member;
} party_columns[] = {
	{ "UNANSW", "unanswered" },   { "REFUSED", "refused" },		{ "RESET", "reset" },
	{ "UNREACH", "unreachable" }, { "RETRANS", "retransmissions" }, { "EXPIRED", "after_expiry" },
	{ "ONEWAY", "one_way" },
};

static void print_party_head(FILE *out, const char *title, const char *third)
{
	fprintf(out, "%s%-26s %8s %10s", screen_strong(), title, "SESSIONS", "EXPENDABLE");
	fprintf(out, " %8s %7s", third, "NEW/S");
	for (size_t i = 0; i < sizeof(party_columns) / sizeof(party_columns[0]); i++)
		fprintf(out, " %7s", party_columns[i].title);
	fprintf(out, " %11s %8s%s\n", "DNS-UNANSW", "RTT", screen_plain());
}

/* @third: a member that may not be known */
static void print_party(FILE *out, const struct document *party, const char *third)
{
	char dns[48];

	fprintf(out, "%-26s %8" PRId64 " %10" PRId64, party_name(party), document_integer(party, "sessions"),
		document_integer(party, "expendable"));
	if (document_has(party, third))
		fprintf(out, " %8" PRId64, document_integer(party, third));
	else
		fprintf(out, " %8s", "-");
	fprintf(out, " %7.1f", document_real(party, "new_per_s"));
	for (size_t i = 0; i < sizeof(party_columns) / sizeof(party_columns[0]); i++)
		fprintf(out, " %7" PRId64, document_integer(party, party_columns[i].member));
	snprintf(dns, sizeof(dns), "%" PRId64 "/%" PRId64, document_integer(party, "dns_unanswered"),
		 document_integer(party, "dns_queries"));
	fprintf(out, " %11s", dns);
	if (document_has(party, "rtt_ms"))
		fprintf(out, " %6.1fms\n", document_real(party, "rtt_ms"));
	else
		fprintf(out, " %8s\n", "-");
}

void screen_source_head(FILE *out)
{
	print_party_head(out, "SOURCE", "PORTS");
}

void screen_source(FILE *out, const struct document *source)
{
	print_party(out, source, "ports");
}

void screen_destination_head(FILE *out)
{
	print_party_head(out, "DESTINATION", "PATH-MTU");
}

void screen_destination(FILE *out, const struct document *destination)
{
	print_party(out, destination, "path_mtu");
}

/* ADDRESS:PORT, [ADDRESS]:PORT, ADDRESS alone for port 0, `any` where there is none. */
static void endpoint_text(const struct document *mapping, const char *name, char *text, size_t size)
{
	char address_path[32], port_path[32];
	const char *address;
	int64_t port;

	snprintf(address_path, sizeof(address_path), "%s.address", name);
	snprintf(port_path, sizeof(port_path), "%s.port", name);
	address = document_text(mapping, address_path);
	port = document_integer(mapping, port_path);
	if (!*address)
		snprintf(text, size, "any");
	else if (!port)
		snprintf(text, size, "%s", address);
	else
		snprintf(text, size, strchr(address, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64, address, port);
}

void screen_mapping(FILE *out, const struct document *mapping)
{
	char internal[64], external[64], peer[64];

	endpoint_text(mapping, "internal", internal, sizeof(internal));
	endpoint_text(mapping, "external", external, sizeof(external));
	endpoint_text(mapping, "peer", peer, sizeof(peer));
	fprintf(out, "%-8s %-28s %-28s %-28s %8" PRId64 " %5" PRId64 "s\n", document_text(mapping, "protocol"),
		internal, external, peer, document_integer(mapping, "sessions"), document_integer(mapping, "hold_s"));
}

void screen_rule(FILE *out, const struct document *rule)
{
	fputs(document_text(rule, "text"), out);
	if (document_has(rule, "line"))
		fprintf(out, "%s # %s:%" PRId64, colour("\033[2m"), document_text(rule, "file"),
			document_integer(rule, "line"));
	if (document_has(rule, "packets"))
		fprintf(out, " packets %" PRId64 " bytes %" PRId64, document_integer(rule, "packets"),
			document_integer(rule, "bytes"));
	if (document_has(rule, "line"))
		fputs(end_colour(), out);
	fputc('\n', out);
}

/* ------------------------------------------------------------------ status */

struct top_pools {
	const struct document *pools[STATUS_POOLS];
	size_t count;
};

/* Keep the fullest ones, fullest first. */
static void note_pool(void *context, const char *name, const struct document *pool)
{
	struct top_pools *top = context;
	double fill = document_real(pool, "fill");
	size_t place = top->count;

	(void)name;
	while (place > 0 && document_real(top->pools[place - 1], "fill") < fill)
		place--;
	if (place == STATUS_POOLS)
		return;
	if (top->count < STATUS_POOLS)
		top->count++;
	memmove(&top->pools[place + 1], &top->pools[place], (top->count - place - 1) * sizeof(top->pools[0]));
	top->pools[place] = pool;
}

static void print_pools(FILE *out, const struct document *status)
{
	struct top_pools top = { .count = 0 };
	size_t all = document_count(status, "pools");

	document_each(status, "pools", note_pool, &top);
	screen_label(out, "pools");
	if (!all)
		fputs("none\n", out);
	for (size_t i = 0; i < top.count; i++) {
		const struct document *pool = top.pools[i];
		const char *level = document_text(pool, "level");

		if (i)
			fprintf(out, "%*s", (int)STATUS_INDENT, "");
		fprintf(out, "%-22s %-5s %" PRId64 " of %" PRId64 " ports (%.1f%%)  %s%s%s",
			document_text(pool, "address"), document_text(pool, "protocol"), document_integer(pool, "used"),
			document_integer(pool, "ports"), document_real(pool, "fill") * 100, level_colour(level), level,
			*level_colour(level) ? end_colour() : "");
		if (document_integer(pool, "refused"))
			fprintf(out, "  refused %" PRId64, document_integer(pool, "refused"));
		fputc('\n', out);
	}
	if (all > top.count)
		fprintf(out, "%*sand %zu more: sluicectl pools\n", (int)STATUS_INDENT, "", all - top.count);
}

static void print_black_hole(void *context, const char *name, const struct document *hole)
{
	FILE *out = context;

	(void)name;
	screen_label(out, "black hole");
	fprintf(out, "%s  works %" PRId64 "  fails %" PRId64 "  %s  (", document_text(hole, "destination"),
		document_integer(hole, "works"), document_integer(hole, "fails"), document_text(hole, "action"));
	screen_duration(out, document_integer(hole, "since_s"));
	fputs(")\n", out);
}

struct alert_lines {
	FILE *out;
	size_t count;
};

static void print_alert(void *context, const char *name, const struct document *alert)
{
	struct alert_lines *lines = context;

	(void)name;
	if (lines->count++ >= STATUS_ALERTS)
		return;
	if (lines->count > 1)
		fprintf(lines->out, "%*s", (int)STATUS_INDENT, "");
	fprintf(lines->out, "%s%s%s %s: %s (", colour("\033[31m"), document_text(alert, "name"), end_colour(),
		document_text(alert, "subject"), document_text(alert, "text"));
	screen_duration(lines->out, document_integer(alert, "since_s"));
	fputs(")\n", lines->out);
}

static void print_alerts(FILE *out, const struct document *status)
{
	struct alert_lines lines = { .out = out };

	screen_label(out, "alerts");
	document_each(status, "alerts", print_alert, &lines);
	if (!lines.count)
		fputs("none\n", out);
	if (lines.count > STATUS_ALERTS)
		fprintf(out, "%*sand %zu more\n", (int)STATUS_INDENT, "", lines.count - STATUS_ALERTS);
}

void screen_fill(const struct document *status, char *text, size_t size)
{
	int64_t current = document_integer(status, "sessions.current");
	int64_t capacity = document_integer(status, "sessions.capacity");
	int64_t reserve = document_integer(status, "sessions.reserve");
	int length = snprintf(text, size, "%" PRId64 " of %" PRId64 " (%.1f%%)", current, capacity,
			      capacity ? (double)current * 100 / (double)capacity : 100.0);

	if (length < 0 || (size_t)length >= size)
		return;
	if (reserve)
		length += snprintf(text + length, size - (size_t)length, "  reserve %" PRId64, reserve);
	if ((size_t)length < size)
		snprintf(text + length, size - (size_t)length, "  peak %" PRId64,
			 document_integer(status, "sessions.peak"));
}

static void print_sessions(FILE *out, const struct document *status)
{
	const char *level = document_text(status, "pressure.level");
	char fill[128];

	screen_label(out, "sessions");
	screen_fill(status, fill, sizeof(fill));
	fprintf(out, "%s\n", fill);
	fprintf(out, "%*screated %" PRId64 "  expired %" PRId64 "  evicted %" PRId64, (int)STATUS_INDENT, "",
		document_integer(status, "sessions.created"), document_integer(status, "sessions.expired"),
		document_integer(status, "sessions.evicted"));
	fprintf(out, "  %" PRId64 " bytes each\n", document_integer(status, "sessions.bytes_each"));
	print_counters(out, status, "", "sessions.by_protocol", true);
	screen_label(out, "pressure");
	fprintf(out, "%s%s%s  %+.1f sessions/s", level_colour(level), level, *level_colour(level) ? end_colour() : "",
		document_real(status, "pressure.rate"));
	if (document_has(status, "pressure.seconds_to_full")) {
		fputs("  full in ", out);
		screen_duration(out, (int64_t)document_real(status, "pressure.seconds_to_full"));
	}
	fputc('\n', out);
}

void screen_status(FILE *out, const struct document *status)
{
	fprintf(out, "%ssluice %s%s  up ", colour("\033[1m"), document_text(status, "version"), end_colour());
	screen_duration(out, document_integer(status, "uptime_s"));
	fprintf(out, "  ruleset %" PRId64 "  fastpath %s\n", document_integer(status, "generation"),
		document_text(status, "fastpath.mode"));
	print_sessions(out, status);
	print_pools(out, status);
	print_counters(out, status, "packets", "packets", true);
	print_counters(out, status, "queue", "queue", true);
	print_counters(out, status, "icmp", "icmp", true);
	screen_label(out, "mss");
	fprintf(out, "clamped %" PRId64 "\n", document_integer(status, "mss.clamped"));
	print_counters(out, status, "refusals", "refusals", false);
	print_counters(out, status, "drops", "drops", false);
	document_each(status, "black_holes", print_black_hole, out);
	print_alerts(out, status);
}
