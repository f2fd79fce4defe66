/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ------------------------------------------------------------------- asking */

static double monotonic_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int ask(struct client *client, const char *command, unsigned int limit)
{
	char *request = document_request(command, (struct document_word){ NULL, NULL }, limit, NULL, 0);
	int failed = request ? client_send(client, request) : -ENOMEM;

	free(request);
	return failed;
}

/* The next line as a document. Return: 0 or negative errno. */
static int receive(struct client *client, struct document **document)
{
	char *line;
	ssize_t length = client_receive(client, &line);

	if (length <= 0)
		return length < 0 ? (int)length : -ECONNRESET;
	*document = document_parse(line, (size_t)length);
	return *document ? 0 : -ECONNRESET;
}

static void add_party(struct sample_list *list, const struct document *line)
{
	const char *address = document_text(line, "address");
	struct sample_party *party = &list->parties[list->count];

	if (list->count == SAMPLE_PARTIES)
		return;
	list->count++;
	snprintf(party->address, sizeof(party->address), "%s", *address ? address : "(all others)");
	party->sessions = document_integer(line, "sessions");
	party->expendable = document_integer(line, "expendable");
	party->ports = document_has(line, "ports") ? document_integer(line, "ports") : -1;
}

static int take_list(struct client *client, const char *command, unsigned int limit, struct sample_list *list)
{
	struct document *line = NULL;
	int failed = ask(client, command, limit);
	bool end = false;

	if (!failed)
		failed = receive(client, &line);
	if (!failed && !document_has(line, "stream"))
		failed = -ECONNRESET;
	list->count = 0;
	while (!failed && !end) {
		document_destroy(line);
		line = NULL;
		failed = receive(client, &line);
		end = !failed && document_has(line, "end");
		if (!failed && !end)
			add_party(list, line);
	}
	document_destroy(line);
	return failed;
}

int sample_take(struct sample *sample, struct client *client, unsigned int limit)
{
	struct document *status = NULL;
	double now;
	int failed = ask(client, "status", 0);

	if (!failed)
		failed = receive(client, &status);
	if (!failed && !document_flag(status, "ok"))
		failed = -ECONNRESET;
	now = monotonic_s();
	if (!failed)
		failed = take_list(client, "sources", limit, &sample->sources);
	if (!failed)
		failed = take_list(client, "destinations", limit, &sample->destinations);
	if (failed) {
		document_destroy(status);
		return failed;
	}
	document_destroy(sample->before);
	sample->before = sample->status;
	sample->status = status;
	sample->elapsed_s = now - sample->taken_s;
	sample->taken_s = now;
	return 0;
}

void sample_forget(struct sample *sample)
{
	document_destroy(sample->before);
	document_destroy(sample->status);
	sample->before = sample->status = NULL;
}

void sample_fini(struct sample *sample)
{
	sample_forget(sample);
}

/* -------------------------------------------------------------------- rates */

static void add_up(void *context, const char *name, const struct document *value)
{
	(void)name;
	*(int64_t *)context += document_integer(value, "");
}

static int64_t counter(const struct document *status, const char *path)
{
	int64_t sum = 0;

	document_each(status, path, add_up, &sum);
	return sum + document_integer(status, path);
}

double sample_rate(const struct sample *sample, const char *path)
{
	int64_t grown;

	if (!sample->before || sample->elapsed_s <= 0)
		return -1;
	grown = counter(sample->status, path) - counter(sample->before, path);
	/* Somebody has reset them. */
	return grown < 0 ? -1 : (double)grown / sample->elapsed_s;
}

/* -------------------------------------------------------------------- order */

struct arrangement {
	enum sample_order order;
	bool reversed;
};

static int64_t key_of(const struct sample_party *party, enum sample_order order)
{
	switch (order) {
	case SAMPLE_BY_EXPENDABLE:
		return party->expendable;
	case SAMPLE_BY_PORTS:
		return party->ports;
	default:
		return party->sessions;
	}
}

/* Equals stand by their address, so that lines do not dance. */
static int compare(const void *one, const void *other, void *context)
{
	const struct sample_party *a = one, *b = other;
	const struct arrangement *arrangement = context;
	int64_t left = key_of(a, arrangement->order), right = key_of(b, arrangement->order);
	int result = (left < right) - (left > right);

	if (arrangement->order == SAMPLE_BY_ADDRESS)
		result = strverscmp(a->address, b->address);
	if (!result)
		return strverscmp(a->address, b->address);
	return arrangement->reversed ? -result : result;
}

void sample_arrange(struct sample_list *list, const char *filter, enum sample_order order, bool reversed)
{
	struct arrangement arrangement = { order, reversed };
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (strstr(list->parties[i].address, filter))
			list->parties[kept++] = list->parties[i];
	list->count = kept;
	qsort_r(list->parties, kept, sizeof(list->parties[0]), compare, &arrangement);
}
