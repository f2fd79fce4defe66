/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/diagnose.h"

#include <stdio.h>

#include "daemon/words.h"

static void put_time(struct report *party, const char *name, double ms)
{
	if (ms < 0)
		report_put_null(party, name);
	else
		report_put_real(party, name, ms);
}

void diagnose_put_statistics(struct report *party, const struct snapshot_statistics *statistics)
{
	struct report *codes;

	for (int i = 0; i < STATISTIC_COUNT; i++)
		report_put_number(party, statistic_key((enum statistic)i), statistics->counts[i]);
	codes = report_put_object(party, "icmp_unreachable");
	for (int i = 0; i < STATISTIC_CODES; i++) {
		char code[8];

		snprintf(code, sizeof(code), "%d", i);
		if (statistics->codes[i])
			report_put_number(codes, code, statistics->codes[i]);
	}
	report_put_real(party, "new_per_s", statistics->rate);
	put_time(party, "rtt_ms", statistics->rtt_ms);
	put_time(party, "dns_ms", statistics->dns_ms);
}

static struct report *finding_object(const struct finding *values)
{
	struct report *finding = report_object();

	report_put_text(finding, "name", finding_name(values->name));
	report_put_text(finding, "subject", values->subject);
	report_put_number(finding, "count", values->count);
	report_put_number(finding, "since_s", values->since_s);
	report_put_text(finding, "layer", finding_layer(values->name));
	report_put_text(finding, "text", values->text);
	report_put_text(finding, "cure", values->cure);
	return finding;
}

static void put_about(struct report *answer, const struct engine *engine, const struct address *address)
{
	struct report *about = report_put_object(answer, "about");
	struct snapshot_statistics source, destination;
	char text[WORDS_ADDRESS_SIZE];

	snapshot_statistics_of(engine, address, &source, &destination);
	report_put_text(about, "address", words_address(address, text));
	diagnose_put_statistics(report_put_object(about, "source"), &source);
	diagnose_put_statistics(report_put_object(about, "destination"), &destination);
}

char *diagnose_answer(const struct engine *engine, const struct request *request, struct mono now)
{
	const struct address *address = request->has_address ? &request->address : NULL;
	struct report *answer = report_object(), *findings;
	/* One thread asks, one question at a time: some 80 KiB need not lie on its stack. */
	static struct finding list[FINDING_LIMIT];
	size_t count = engine_diagnose(engine, address, now, list, FINDING_LIMIT);

	report_put_flag(answer, "ok", true);
	findings = report_put_list(answer, "findings");
	for (size_t i = 0; i < count; i++)
		report_append(findings, finding_object(&list[i]));
	if (address)
		put_about(answer, engine, address);
	else
		report_put_null(answer, "about");
	return report_line(answer);
}
