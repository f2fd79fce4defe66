/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/scrape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/local_socket.h"

/* One scraper is usual; whoever holds connections open must not use up descriptors. */
#define SCRAPE_CLIENT_LIMIT 16u
#define SCRAPE_HEADER_LIMIT 64u
#define SCRAPE_PATIENCE_MS 10000u

struct visitor {
	struct scrape *scrape;
	struct loop_stream *stream;
	struct visitor *next;
	unsigned int lines;
	enum { ASKS_NOTHING_YET, ASKS_METRICS, ASKS_ELSEWHERE, ASKS_WRONGLY } asks;
};

struct scrape {
	struct loop *loop;
	struct loop_listener *listener;
	int fd;
	char *(*page)(void *context);
	void *context;
	struct visitor *visitors;
	unsigned int visitor_count;
};

static void visitor_forget(struct visitor *visitor)
{
	struct visitor **link = &visitor->scrape->visitors;

	while (*link != visitor)
		link = &(*link)->next;
	*link = visitor->next;
	visitor->scrape->visitor_count--;
	free(visitor);
}

static void visitor_answer(struct visitor *visitor)
{
	static const char *const states[] = { "400 Bad Request", "200 OK", "404 Not Found", "405 Method Not Allowed" };
	char *page = visitor->asks == ASKS_METRICS ? visitor->scrape->page(visitor->scrape->context) : NULL;
	const char *state = visitor->asks == ASKS_METRICS && !page ? "503 Service Unavailable" : states[visitor->asks];
	char head[256];
	int length;

	length = snprintf(head, sizeof(head),
			  "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
			  "Content-Length: %zu\r\nConnection: close\r\n\r\n",
			  state, page ? strlen(page) : 0);
	(void)loop_stream_write(visitor->stream, head, (size_t)length);
	if (page)
		(void)loop_stream_write(visitor->stream, page, strlen(page));
	free(page);
	loop_stream_close(visitor->stream);
	visitor_forget(visitor);
}

static void visitor_line(void *context, char *line, size_t length)
{
	struct visitor *visitor = context;

	if (visitor->asks == ASKS_NOTHING_YET) {
		if (strncmp(line, "GET ", 4) != 0)
			visitor->asks = ASKS_WRONGLY;
		else if (strncmp(line, "GET /metrics ", 13) == 0 || strncmp(line, "GET /metrics?", 13) == 0)
			visitor->asks = ASKS_METRICS;
		else
			visitor->asks = ASKS_ELSEWHERE;
		return;
	}
	if (length == 0) {
		visitor_answer(visitor);
	} else if (++visitor->lines > SCRAPE_HEADER_LIMIT) {
		loop_stream_destroy(visitor->stream);
		visitor_forget(visitor);
	}
}

static void visitor_closed(void *context, int error)
{
	(void)error;
	visitor_forget(context);
}

static void scrape_accepted(void *context, int connection)
{
	static const struct loop_stream_callbacks callbacks = { .line = visitor_line, .closed = visitor_closed };
	struct scrape *scrape = context;
	struct visitor *visitor;

	if (scrape->visitor_count >= SCRAPE_CLIENT_LIMIT) {
		close(connection);
		return;
	}
	visitor = calloc(1, sizeof(*visitor));
	if (!visitor) {
		close(connection);
		return;
	}
	visitor->scrape = scrape;
	visitor->stream = loop_stream_create(scrape->loop, connection, &callbacks, visitor);
	if (!visitor->stream) {
		free(visitor);
		return;
	}
	loop_stream_set_timeout(visitor->stream, SCRAPE_PATIENCE_MS, SCRAPE_PATIENCE_MS);
	visitor->next = scrape->visitors;
	scrape->visitors = visitor;
	scrape->visitor_count++;
}

int scrape_start(struct loop *loop, const struct endpoint *endpoint, char *(*page)(void *context), void *context,
		 struct scrape **started)
{
	struct scrape *scrape = calloc(1, sizeof(*scrape));

	if (!scrape)
		return -ENOMEM;
	*scrape = (struct scrape){ .loop = loop, .page = page, .context = context };
	scrape->fd = local_socket_open_port(endpoint);
	if (scrape->fd < 0) {
		int failed = scrape->fd;

		free(scrape);
		return failed;
	}
	scrape->listener = loop_listener_create(loop, scrape->fd, scrape_accepted, scrape);
	if (!scrape->listener) {
		scrape_stop(scrape);
		return -ENOMEM;
	}
	*started = scrape;
	return 0;
}

void scrape_stop(struct scrape *scrape)
{
	if (!scrape)
		return;
	while (scrape->visitors) {
		loop_stream_destroy(scrape->visitors->stream);
		visitor_forget(scrape->visitors);
	}
	loop_listener_destroy(scrape->listener);
	close(scrape->fd);
	free(scrape);
}
