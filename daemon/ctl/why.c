/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/why.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/ctl/flow.h"
#include "daemon/ctl/screen.h"

struct rules {
	FILE *out;
	const char *hook;  /* whose rules are shown */
	const char *chain; /* the one named last */
	const char *table;
	unsigned int shown;
};

static void print_endpoint(FILE *out, const char *address, int64_t port, bool with_port)
{
	if (!with_port)
		fputs(address, out);
	else
		fprintf(out, strchr(address, ':') ? "[%s]:%" PRId64 : "%s:%" PRId64, address, port);
}

/* An object with src, dst, and ports or what ICMP has for them. */
static void print_tuple(FILE *out, const struct document *tuple)
{
	bool ports = document_integer(tuple, "sport") || document_integer(tuple, "dport");

	print_endpoint(out, document_text(tuple, "src"), document_integer(tuple, "sport"), ports);
	fputs(" -> ", out);
	print_endpoint(out, document_text(tuple, "dst"), document_integer(tuple, "dport"), ports);
	if (document_has(tuple, "type"))
		fprintf(out, " type %" PRId64 " id %" PRId64, document_integer(tuple, "type"),
			document_integer(tuple, "id"));
}

static void print_member(void *context, const char *name, const struct document *child)
{
	(void)name;
	print_tuple(context, child);
}

/* The tuple at @path of @answer. */
static void print_tuple_at(FILE *out, const struct document *answer, const char *path)
{
	document_with(answer, path, print_member, out);
}

static void print_place(FILE *out, const struct document *object, const char *path)
{
	char member[48];

	if (!document_has(object, path))
		return;
	snprintf(member, sizeof(member), "%s.file", path);
	fprintf(out, "%s:", document_text(object, member));
	snprintf(member, sizeof(member), "%s.line", path);
	fprintf(out, "%" PRId64, document_integer(object, member));
}

/* ------------------------------------------------------------------ the rules */

static void print_rule(void *context, const char *name, const struct document *rule)
{
	struct rules *rules = context;
	const char *chain = document_text(rule, "chain"), *table = document_text(rule, "table");
	const char *action = document_text(rule, "action");

	(void)name;
	if (strcmp(document_text(rule, "hook"), rules->hook) != 0)
		return;
	if (strcmp(chain, rules->chain) != 0 || strcmp(table, rules->table) != 0)
		fprintf(rules->out, "  table %s %s, chain %s\n", document_text(rule, "family"), table, chain);
	rules->chain = chain;
	rules->table = table;
	rules->shown++;
	fprintf(rules->out, "    %s", document_text(rule, "text"));
	if (document_has(rule, "rule")) {
		fputs("    # ", rules->out);
		print_place(rules->out, rule, "rule");
	}
	if (strcmp(action, "drop") == 0 || strcmp(action, "reject") == 0)
		fprintf(rules->out, "    <- %s", action);
	fputc('\n', rules->out);
}

struct way {
	FILE *out;
	const struct document *answer;
};

static void print_hook(void *context, const char *name, const struct document *hook)
{
	const struct way *way = context;
	struct rules rules = { .out = way->out, .hook = document_text(hook, ""), .chain = "", .table = "" };

	(void)name;
	fprintf(way->out, "%s\n", rules.hook);
	document_each(way->answer, "rules", print_rule, &rules);
	if (!rules.shown)
		fputs("    no rule matched\n", way->out);
}

/* ----------------------------------------------------------------- the verdict */

static void print_verdict(FILE *out, const struct document *answer)
{
	const char *verdict = document_text(answer, "verdict");

	screen_label(out, "verdict");
	fputs(verdict, out);
	if (strcmp(verdict, "accept") != 0)
		fprintf(out, ", %s: %s", document_text(answer, "reason"), document_text(answer, "reason_text"));
	else if (strcmp(document_text(answer, "reason_text"), "not dropped") != 0)
		fprintf(out, ": %s", document_text(answer, "reason_text"));
	if (document_has(answer, "rule")) {
		fputs(" (", out);
		print_place(out, answer, "rule");
		fputc(')', out);
	}
	fputc('\n', out);
	if (document_flag(answer, "evicts")) {
		screen_label(out, "table");
		fputs("full: a session that is unanswered or closing would be given up for this one\n", out);
	}
	if (document_flag(answer, "untracked")) {
		screen_label(out, "session");
		fputs("would not get one: untracked\n", out);
	}
}

static void print_refusal(FILE *out, const struct document *answer)
{
	if (!document_has(answer, "refusal"))
		return;
	screen_label(out, "refused");
	fputs(document_text(answer, "refusal.cause"), out);
	if (document_has(answer, "refusal.pool"))
		fprintf(out, ", pool %s", document_text(answer, "refusal.pool"));
	fprintf(out, ", source %s, destination ", document_text(answer, "refusal.source.address"));
	print_endpoint(out, document_text(answer, "refusal.destination.address"),
		       document_integer(answer, "refusal.destination.port"), true);
	fputc('\n', out);
}

static void print_outcome(FILE *out, const struct document *answer)
{
	if (document_has(answer, "leaves")) {
		screen_label(out, "leaves");
		fputs("as ", out);
		print_tuple_at(out, answer, "leaves");
		if (strcmp(document_text(answer, "nat"), "none") != 0)
			fprintf(out, " (%s)", document_text(answer, "nat"));
		fputc('\n', out);
	}
	if (document_has(answer, "mapping")) {
		screen_label(out, "mapping");
		print_endpoint(out, document_text(answer, "mapping.external.address"),
			       document_integer(answer, "mapping.external.port"), true);
		fprintf(out, ", %s\n",
			document_flag(answer, "mapping.shared") ? "shared with other sessions" : "a new one");
	}
	print_refusal(out, answer);
}

/* -------------------------------------------------------------------- the past */

static void print_session(void *context, const char *name, const struct document *session)
{
	(void)name;
	flow_print_session(context, session, true);
}

static void print_drop(FILE *out, const struct document *answer, const char *path, const char *what)
{
	char member[48];

	if (!document_has(answer, path))
		return;
	screen_label(out, what);
	snprintf(member, sizeof(member), "%s.age_s", path);
	fprintf(out, "%.1f s ago", document_real(answer, member));
	snprintf(member, sizeof(member), "%s.hook", path);
	fprintf(out, " in %s: ", document_text(answer, member));
	snprintf(member, sizeof(member), "%s.reason", path);
	fprintf(out, "%s: ", document_text(answer, member));
	snprintf(member, sizeof(member), "%s.reason_text", path);
	fputs(document_text(answer, member), out);
	snprintf(member, sizeof(member), "%s.rule", path);
	if (document_has(answer, member)) {
		fputs(" (", out);
		print_place(out, answer, member);
		fputc(')', out);
	}
	fputc('\n', out);
}

static void print_past(FILE *out, const struct document *answer)
{
	screen_label(out, "live");
	if (document_has(answer, "session"))
		document_with(answer, "session", print_session, out);
	else
		fputs("no session\n", out);
	print_drop(out, answer, "last_drop", "last drop");
	print_drop(out, answer, "last_drop_back", "coming back");
	if (!document_has(answer, "last_drop") && !document_has(answer, "last_drop_back")) {
		screen_label(out, "last drop");
		fputs("none remembered\n", out);
	}
}

void why_print(FILE *out, const struct document *answer)
{
	struct way way = { out, answer };

	fprintf(out, "%s ", document_text(answer, "protocol"));
	print_tuple_at(out, answer, "tuple");
	if (document_has(answer, "iif"))
		fprintf(out, ", in by %s", document_text(answer, "iif"));
	if (document_has(answer, "oif"))
		fprintf(out, ", out by %s", document_text(answer, "oif"));
	fputc('\n', out);
	document_each(answer, "path", print_hook, &way);
	print_verdict(out, answer);
	print_outcome(out, answer);
	print_past(out, answer);
}
