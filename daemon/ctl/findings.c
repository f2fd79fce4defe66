/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/findings.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/ctl/screen.h"

#define WIDTH 79u
#define INDENT 6u

/* Words of @text, in lines that begin at @indent; the first one goes on at @column. */
static void print_wrapped(FILE *out, const char *text, size_t column, size_t indent)
{
	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > indent && column + length + 1 > WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)length, text);
		column += length;
		text += length + strspn(text + length, " ");
	}
	fputc('\n', out);
}

static void print_finding(void *context, const char *name, const struct document *finding)
{
	FILE *out = context;

	(void)name;
	fprintf(out, "%5" PRId64 " %s%-20s%s %-38s %-7s ", document_integer(finding, "count"), screen_strong(),
		document_text(finding, "name"), screen_plain(), document_text(finding, "subject"),
		document_text(finding, "layer"));
	screen_duration(out, document_integer(finding, "since_s"));
	fprintf(out, "\n%*s", (int)INDENT, "");
	print_wrapped(out, document_text(finding, "text"), INDENT, INDENT);
	fprintf(out, "%*sdo: ", (int)INDENT, "");
	print_wrapped(out, document_text(finding, "cure"), INDENT + 4, INDENT + 4);
}

struct facts {
	FILE *out;
	size_t column;
	unsigned int shown;
};

static void print_fact(struct facts *facts, const char *text)
{
	size_t length = strlen(text);

	if (facts->shown && facts->column + length + 2 > WIDTH) {
		fprintf(facts->out, "\n%*s", (int)INDENT, "");
		facts->column = INDENT;
	} else if (facts->shown) {
		fputs("  ", facts->out);
		facts->column += 2;
	}
	fputs(text, facts->out);
	facts->column += length;
	facts->shown++;
}

/* `name value`; what never happened and what is not known is left out. */
static void visit_fact(void *context, const char *name, const struct document *value)
{
	struct facts *facts = context;
	char text[64];

	if (document_count(value, "") || document_real(value, "") == 0)
		return;
	if (document_integer(value, ""))
		snprintf(text, sizeof(text), "%s %" PRId64, name, document_integer(value, ""));
	else
		snprintf(text, sizeof(text), "%s %.1f", name, document_real(value, ""));
	print_fact(facts, text);
}

static void visit_code(void *context, const char *name, const struct document *value)
{
	char text[64];

	snprintf(text, sizeof(text), "icmp-unreachable code %s: %" PRId64, name, document_integer(value, ""));
	print_fact(context, text);
}

static void print_facts(FILE *out, const struct document *answer, const char *path, const char *title)
{
	struct facts facts = { .out = out, .column = INDENT };
	char codes[64];

	fprintf(out, "%s%s%s\n%*s", screen_strong(), title, screen_plain(), (int)INDENT, "");
	document_each(answer, path, visit_fact, &facts);
	snprintf(codes, sizeof(codes), "%s.icmp_unreachable", path);
	document_each(answer, codes, visit_code, &facts);
	fputs(facts.shown ? "\n" : "nothing counted\n", out);
}

void screen_diagnosis(FILE *out, const struct document *answer)
{
	const char *address = document_text(answer, "about.address");

	if (document_count(answer, "findings"))
		fprintf(out, "%s%5s %-20s %-38s %-7s %s%s\n", screen_strong(), "HURT", "FINDING", "SUBJECT", "LAYER",
			"SINCE", screen_plain());
	else if (*address)
		fprintf(out, "nothing wrong with %s\n", address);
	else
		fputs("nothing wrong\n", out);
	document_each(answer, "findings", print_finding, out);
	if (!*address)
		return;
	print_facts(out, answer, "about.source", "counted of it as a source");
	print_facts(out, answer, "about.destination", "counted of it as a destination");
}
