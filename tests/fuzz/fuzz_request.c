/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a line on the control socket, up to the point where an answer would be looked for: JSON, the
 * command and its arguments, filters tried on a session, and for `why` the tuple, which an engine explains.
 */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/question.h"
#include "daemon/report.h"
#include "daemon/request.h"
#include "tests/fuzz/two_links.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void explain(struct gateway *gateway, const char *text)
{
	const struct link_table links = { gateway->link_count, gateway->links };
	static struct explanation explanation;
	struct question question;
	char error[256];

	if (question_parse(text, &links, &question, error, sizeof(error)) == 0)
		(void)engine_explain(gateway->engine, &question, gateway->now, &explanation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct snapshot_session session = { .state_name = "ESTABLISHED" };
	static struct gateway gateway;
	struct request_text text;
	struct request request;
	char error[256] = "", *line = malloc(size + 1);

	if (!line)
		return 0;
	if (!gateway.engine)
		two_links_start(&gateway);
	memcpy(line, data, size);
	line[size] = '\0';
	if (report_parse_request(line, size, &text, error, sizeof(error)) == 0 &&
	    request_parse(&text, &request, error, sizeof(error)) == 0) {
		filter_match(&request.filter, &session);
		if (request.verb == REQUEST_WHY)
			explain(&gateway, request.tuple);
	} else if (!*error || !memchr(error, '\0', sizeof(error))) {
		/* Whoever is refused is told why. */
		abort();
	}
	free(line);
	return 0;
}
