/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/flow.h"

#include <inttypes.h>
#include <string.h>

/* conntrack shows a state for these alone. */
static bool has_state(const char *protocol)
{
	return strcmp(protocol, "tcp") == 0 || strcmp(protocol, "sctp") == 0 || strcmp(protocol, "dccp") == 0;
}

static bool has_ports(const char *protocol)
{
	return has_state(protocol) || strcmp(protocol, "udp") == 0 || strcmp(protocol, "udplite") == 0;
}

/* A member of one direction: "original" or "reply". */
static int64_t number(const struct document *session, const char *direction, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "%s.%s", direction, name);
	return document_integer(session, path);
}

static const char *text(const struct document *session, const char *direction, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "%s.%s", direction, name);
	return document_text(session, path);
}

static void print_direction(FILE *out, const struct document *session, const char *direction, bool accounting)
{
	const char *protocol = document_text(session, "protocol");
	int64_t key = document_has(session, "key") ? document_integer(session, "key") : 0;
	char path[32];

	fprintf(out, " src=%s dst=%s", text(session, direction, "src"), text(session, direction, "dst"));
	snprintf(path, sizeof(path), "%s.type", direction);
	if (document_has(session, path))
		fprintf(out, " type=%" PRId64 " code=%" PRId64 " id=%" PRId64, number(session, direction, "type"),
			number(session, direction, "code"), number(session, direction, "id"));
	else if (has_ports(protocol))
		fprintf(out, " sport=%" PRId64 " dport=%" PRId64, number(session, direction, "sport"),
			number(session, direction, "dport"));
	else if (strcmp(protocol, "gre") == 0)
		fprintf(out, " srckey=0x%" PRIx64 " dstkey=0x%" PRIx64, (uint64_t)key, (uint64_t)key);
	if (accounting)
		fprintf(out, " packets=%" PRId64 " bytes=%" PRId64, number(session, direction, "packets"),
			number(session, direction, "bytes"));
}

static void print_flow(FILE *out, const struct document *session, bool with_timeout, bool accounting)
{
	const char *protocol = document_text(session, "protocol");

	fprintf(out, "%-8s %" PRId64, protocol, document_integer(session, "protocol_number"));
	if (with_timeout)
		fprintf(out, " %" PRId64, document_integer(session, "timeout_s"));
	if (has_state(protocol))
		fprintf(out, " %s", document_text(session, "state"));
	print_direction(out, session, "original", accounting);
	if (!document_flag(session, "seen_reply"))
		fputs(" [UNREPLIED]", out);
	print_direction(out, session, "reply", accounting);
	if (document_flag(session, "fastpath"))
		fputs(" [OFFLOAD]", out);
	else if (document_flag(session, "assured"))
		fputs(" [ASSURED]", out);
}

void flow_print_session(FILE *out, const struct document *session, bool accounting)
{
	print_flow(out, session, true, accounting);
	fprintf(out, " mark=%" PRId64 " use=1\n", document_integer(session, "mark"));
}

/* A start or a reload that went well is news, not the end of something bad. */
static void print_alert(FILE *out, const struct document *alert)
{
	const char *name = document_text(alert, "name"), *label = "[CLEAR]";

	if (document_flag(alert, "raised"))
		label = "[ALERT]";
	else if (strcmp(name, "start") == 0 || strcmp(name, "reload") == 0)
		label = "[NOTICE]";
	fprintf(out, "%9s %s %s: %s\n", label, name, document_text(alert, "subject"), document_text(alert, "text"));
}

/* As the log has it: `mapping add udp 10.0.0.2 4000 198.51.100.1 4000`. */
static void print_mapping(FILE *out, const struct document *event, const char *name)
{
	fprintf(out, "%s %s %s ", name, document_text(event, "change"), document_text(event, "protocol"));
	if (strcmp(name, "ports") == 0)
		fprintf(out, "%s %s %" PRId64 "-%" PRId64 "\n", document_text(event, "internal"),
			document_text(event, "external"), document_integer(event, "first"),
			document_integer(event, "last"));
	else
		fprintf(out, "%s %" PRId64 " %s %" PRId64 "\n", document_text(event, "internal.address"),
			document_integer(event, "internal.port"), document_text(event, "external.address"),
			document_integer(event, "external.port"));
}

void flow_print_event(FILE *out, const struct document *event, bool timestamp)
{
	const char *name = document_text(event, "event");

	if (timestamp)
		fprintf(out, "[%.6f]\t", document_real(event, "time"));
	if (strcmp(name, "alert") == 0) {
		print_alert(out, event);
		return;
	}
	if (strcmp(name, "lost") == 0) {
		fprintf(out, "   [LOST] %" PRId64 "\n", document_integer(event, "count"));
		return;
	}
	if (strcmp(name, "mapping") == 0 || strcmp(name, "ports") == 0) {
		print_mapping(out, event, name);
		return;
	}
	if (strcmp(name, "destroy") == 0)
		fputs("[DESTROY] ", out);
	else
		fputs(strcmp(name, "new") == 0 ? "    [NEW] " : " [UPDATE] ", out);
	print_flow(out, event, strcmp(name, "destroy") != 0, false);
	fputc('\n', out);
}
