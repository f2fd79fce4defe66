/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/answer.h"
#include "daemon/diagnose.h"
#include "daemon/effects.h"
#include "daemon/events.h"
#include "daemon/fastpath.h"
#include "daemon/links.h"
#include "daemon/listing.h"
#include "daemon/local_socket.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/report.h"
#include "daemon/scrape.h"
#include "daemon/shell.h"
#include "daemon/view.h"
#include "daemon/why.h"

/* The last few places are root's, so that the group cannot lock the admin out. */
#define CLIENT_LIMIT 256u
#define CLIENT_RESERVE 8u

/* A listing pauses above the high mark and goes on below the low one. */
#define OUTPUT_HIGH (256u * 1024)
#define OUTPUT_LOW (64u * 1024)
/* A listener of events cannot be paused: this far behind, it is dropped. */
#define OUTPUT_LIMIT (4u * 1024 * 1024)

#define IDLE_MS 300000u
#define STALL_MS 30000u

enum occupation {
	CLIENT_IDLE,	/* its next line is a request */
	CLIENT_LISTING, /* gets a long answer; its lines wait */
	CLIENT_EVENTS,	/* gets what happens; it has no more to say */
};

struct client {
	struct control *control;
	struct loop_stream *stream;
	struct client *previous, *next;
	uid_t uid;
	bool known; /* @uid is true */
	enum occupation occupation;
	unsigned int kinds; /* of events that it gets */
	struct listing listing;
};

struct control {
	struct shell *shell;
	struct local_socket socket;
	struct loop_listener *listener;
	struct loop_timer *pump;
	struct scrape *scrape;
	struct client *clients, *last; /* the one at the front is served next */
	unsigned int client_count, listener_count, mapping_listener_count;
	struct view view;
};

/* ----------------------------------------------------------------- clients */

static void client_link(struct client *client)
{
	struct control *control = client->control;

	client->previous = control->last;
	client->next = NULL;
	*(control->last ? &control->last->next : &control->clients) = client;
	control->last = client;
}

static void client_unlink(struct client *client)
{
	struct control *control = client->control;

	*(client->previous ? &client->previous->next : &control->clients) = client->next;
	*(client->next ? &client->next->previous : &control->last) = client->previous;
}

/* The engine tells of sessions and mappings only while somebody listens. */
static void control_count_listener(struct control *control, unsigned int kinds, int change)
{
	control->listener_count += (unsigned int)change;
	engine_watch_sessions(control->shell->engine, control->listener_count > 0);
	if (!(kinds & EVENT_KIND_MAPPING))
		return;
	control->mapping_listener_count += (unsigned int)change;
	engine_watch_mappings(control->shell->engine, control->mapping_listener_count > 0);
}

/* What remains when its stream is gone or on its way out. */
static void client_forget(struct client *client)
{
	if (client->occupation == CLIENT_LISTING)
		listing_fini(&client->listing);
	if (client->occupation == CLIENT_EVENTS)
		control_count_listener(client->control, client->kinds, -1);
	client->control->client_count--;
	client_unlink(client);
	free(client);
}

static void client_drop(struct client *client)
{
	loop_stream_destroy(client->stream);
	client_forget(client);
}

/* Send a malloc()ed line; false: there was none, or no memory to send it. */
static bool client_send(struct client *client, char *line)
{
	bool sent = line && loop_stream_write(client->stream, line, strlen(line)) == 0;

	free(line);
	return sent;
}

static void client_emit(void *context, const char *line, size_t length)
{
	struct client *client = context;

	(void)loop_stream_write(client->stream, line, length);
}

/* Who asks faster than he reads waits until he has read. */
static void client_pace(struct client *client)
{
	if (client->occupation == CLIENT_IDLE)
		loop_stream_set_reading(client->stream, loop_stream_pending(client->stream) <= OUTPUT_HIGH);
}

/* ---------------------------------------------------------------- listings */

static bool client_wants_step(const struct client *client)
{
	return client->occupation == CLIENT_LISTING && loop_stream_pending(client->stream) <= OUTPUT_HIGH;
}

static void client_end_listing(struct client *client, int result)
{
	uint64_t count = client->listing.count;
	bool deleted = client->listing.verb == REQUEST_DELETE;

	listing_fini(&client->listing);
	client->occupation = CLIENT_IDLE;
	if (result < 0 || !client_send(client, deleted ? answer_ok_number("deleted", count) : answer_stream_end(count)))
		client_drop(client);
	else
		client_pace(client);
}

/* One step for one client in each turn of the loop: packets go in between. */
static void control_pump(void *context)
{
	struct control *control = context;
	struct client *client = control->clients;
	int result;

	while (client && !client_wants_step(client))
		client = client->next;
	if (!client)
		return;
	client_unlink(client);
	client_link(client);
	loop_timer_start(control->pump, 0);
	result = listing_step(&client->listing, control->shell->engine, loop_now(), client_emit, client);
	/* Each session ended leaves effects, and the engine has room for so many. */
	if (client->listing.verb == REQUEST_DELETE)
		effects_drain(control->shell);
	if (result <= 0)
		client_end_listing(client, result);
}

static bool client_begin_listing(struct client *client, const struct request *request)
{
	if (listing_begin(&client->listing, request, client->control->shell->engine))
		return false;
	client->occupation = CLIENT_LISTING;
	loop_stream_set_reading(client->stream, false);
	loop_timer_start(client->control->pump, 0);
	/* How many were ended is known at the end only, and is the whole answer. */
	return request->verb == REQUEST_DELETE ||
	       client_send(client, answer_stream_begin(request_verb_word(request->verb)));
}

/* ----------------------------------------------------------------- answers */

static void control_gather(struct control *control, struct answer_view *report)
{
	const struct shell *shell = control->shell;

	view_gather(&control->view, shell->engine, shell->queues, shell->started, loop_now(), report);
	report->fastpath_mode = fastpath_mode(shell->fastpath);
	report->fastpath_failures = offers_failures(shell);
}

static char *make_status(struct control *control)
{
	struct answer_view report;
	char *line;

	control_gather(control, &report);
	line = answer_status(&report);
	view_release(&report);
	return line;
}

static char *metrics_page(void *context)
{
	struct answer_view report;
	char *text;

	control_gather(context, &report);
	text = metrics_text(&report);
	view_release(&report);
	return text;
}

static char *make_metrics(struct control *control)
{
	char *text = metrics_page(control), *line = text ? answer_ok_text("text", text) : NULL;

	free(text);
	return line;
}

/* The answer to reload and check: what the shell has to say goes to who asked. */
static char *make_message(int failed, char *message)
{
	char *line;

	if (failed)
		line = answer_error("refused", message && *message ? message : strerror(-failed));
	else
		line = answer_ok_text("message", message ? message : "");
	free(message);
	return line;
}

static char *make_configuration(struct control *control, enum request_verb verb)
{
	char *message = NULL;
	int failed =
	    verb == REQUEST_RELOAD ? shell_reload(control->shell, &message) : shell_check(control->shell, &message);

	return make_message(failed, message);
}

static char *make_reset(struct control *control)
{
	view_reset(&control->view, control->shell->engine);
	ruleset_reset_counters(control->shell->configuration->ruleset);
	return answer_ok_text("message", "");
}

static char *make_events(struct client *client, unsigned int kinds)
{
	client->occupation = CLIENT_EVENTS;
	client->kinds = kinds;
	control_count_listener(client->control, kinds, 1);
	/* Quiet for hours is normal here. */
	loop_stream_set_timeout(client->stream, 0, STALL_MS);
	return answer_stream_begin("events");
}

/* false: the client is to be dropped. */
static bool client_answer(struct client *client, const struct request *request)
{
	struct control *control = client->control;

	if (listing_serves(request->verb))
		return client_begin_listing(client, request);
	switch (request->verb) {
	case REQUEST_STATUS:
		return client_send(client, make_status(control));
	case REQUEST_DIAGNOSE:
		return client_send(client, diagnose_answer(control->shell->engine, request, loop_now()));
	case REQUEST_WHY:
		return client_send(
		    client, why_answer(control->shell->engine, links_table(control->shell->links), request->tuple));
	case REQUEST_METRICS:
		return client_send(client, make_metrics(control));
	case REQUEST_EVENTS:
		return client_send(client, make_events(client, request->kinds));
	case REQUEST_CHECK:
	case REQUEST_RELOAD:
		return client_send(client, make_configuration(control, request->verb));
	case REQUEST_RESET:
		return client_send(client, make_reset(control));
	default:
		return false;
	}
}

static bool client_may(const struct client *client, enum request_verb verb)
{
	return !request_is_privileged(verb) || (client->known && (client->uid == 0 || client->uid == geteuid()));
}

/* Say why, then hang up: what this client sends next cannot be trusted to be a request. */
static void client_reject(struct client *client, const char *why)
{
	char *line = answer_error("protocol", why);

	if (line)
		(void)loop_stream_write(client->stream, line, strlen(line));
	free(line);
	loop_stream_close(client->stream);
	client_forget(client);
}

static void client_line(void *context, char *line, size_t length)
{
	struct client *client = context;
	struct request_text text;
	struct request request;
	char error[256];
	int failed;

	if (client->occupation == CLIENT_EVENTS) {
		client_reject(client, "a stream of events takes no requests");
		return;
	}
	failed = report_parse_request(line, length, &text, error, sizeof(error));
	if (!failed)
		failed = request_parse(&text, &request, error, sizeof(error));
	if (failed == -EBADMSG || failed == -ENOSYS) {
		client_reject(client, error);
		return;
	}
	if (!failed && !client_may(client, request.verb)) {
		failed = -EPERM;
		snprintf(error, sizeof(error), "%s needs root", request_verb_word(request.verb));
	}
	if (failed ? !client_send(client, answer_error(failed == -EPERM ? "denied" : "usage", error))
		   : !client_answer(client, &request))
		client_drop(client);
	else
		client_pace(client);
}

static void client_drained(void *context)
{
	struct client *client = context;

	client_pace(client);
	if (client->occupation == CLIENT_LISTING)
		loop_timer_start(client->control->pump, 0);
}

static void client_closed(void *context, int error)
{
	if (error)
		log_write(LOG_LEVEL_DEBUG, "control: a client is dropped: %s", strerror(-error));
	client_forget(context);
}

static void control_accepted(void *context, int connection)
{
	static const struct loop_stream_callbacks callbacks = {
		.line = client_line,
		.drained = client_drained,
		.closed = client_closed,
	};
	struct control *control = context;
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		close(connection);
		return;
	}
	client->control = control;
	client->known = local_socket_peer(connection, &client->uid);
	client->stream = loop_stream_create(control->shell->loop, connection, &callbacks, client);
	if (!client->stream) {
		free(client);
		return;
	}
	client_link(client);
	control->client_count++;
	if (control->client_count > CLIENT_LIMIT - (client->known && client->uid == 0 ? 0 : CLIENT_RESERVE)) {
		client_reject(client, "too many clients");
		return;
	}
	loop_stream_set_low_watermark(client->stream, OUTPUT_LOW);
	loop_stream_set_timeout(client->stream, IDLE_MS, STALL_MS);
}

/* ------------------------------------------------------------------ events */

/* To all who asked for one of @kinds. */
static void control_tell(struct control *control, unsigned int kinds, const char *line, size_t length)
{
	struct client *next;

	for (struct client *client = control->clients; client; client = next) {
		next = client->next;
		if (client->occupation != CLIENT_EVENTS || !(client->kinds & kinds))
			continue;
		if (loop_stream_pending(client->stream) + length > OUTPUT_LIMIT ||
		    loop_stream_write(client->stream, line, length)) {
			log_write(LOG_LEVEL_INFO, "control: a listener of events does not keep up and is dropped");
			client_drop(client);
		}
	}
}

void control_publish(struct control *control, const struct effect *effect)
{
	char line[ANSWER_LINE_SIZE];

	if (!control || !events_kind(effect))
		return;
	if (effect->kind == EFFECT_ALERT)
		view_note_alert(&control->view, effect);
	if (control->listener_count)
		control_tell(control, events_kind(effect), line,
			     events_line(line, sizeof(line), control->shell->engine, effect));
}

void control_publish_lost(struct control *control, uint64_t count)
{
	char line[ANSWER_LINE_SIZE];

	if (control && control->listener_count)
		control_tell(control, ~0u, line, events_lost_line(line, sizeof(line), count));
}

/* ----------------------------------------------------------- start and stop */

static int start_metrics(struct control *control, const struct settings *settings, char **message)
{
	int failed;

	if (!settings->metrics)
		return 0;
	failed = scrape_start(control->shell->loop, &settings->metrics_listen, metrics_page, control, &control->scrape);
	if (failed && asprintf(message, "metrics listener: %s", strerror(-failed)) < 0)
		*message = NULL;
	return failed;
}

int control_start(struct shell *shell, struct control **started, char **message)
{
	const struct settings *settings = &shell->configuration->settings;
	struct control *control = calloc(1, sizeof(*control));
	bool group_given = true;
	const char *what = "no memory";
	int failed;

	*message = NULL;
	if (!control)
		return -ENOMEM;
	control->shell = shell;
	failed =
	    local_socket_open(&control->socket, settings->socket_path, settings->socket_group, &group_given, &what);
	if (failed) {
		if (asprintf(message, "control socket %s: %s (%s)", settings->socket_path, what, strerror(-failed)) < 0)
			*message = NULL;
		goto cleanup;
	}
	if (!group_given)
		log_write(LOG_LEVEL_WARNING,
			  "control socket: group %s does not exist or cannot be given: only root may connect",
			  settings->socket_group);
	failed = start_metrics(control, settings, message);
	if (failed)
		goto cleanup;
	control->pump = loop_timer_create(shell->loop, control_pump, control);
	control->listener = loop_listener_create(shell->loop, control->socket.fd, control_accepted, control);
	if (control->pump && control->listener) {
		*started = control;
		return 0;
	}
	failed = -ENOMEM;
cleanup:
	control_stop(control);
	return failed;
}

void control_stop(struct control *control)
{
	if (!control)
		return;
	while (control->clients)
		client_drop(control->clients);
	scrape_stop(control->scrape);
	if (control->listener)
		loop_listener_destroy(control->listener);
	if (control->pump)
		loop_timer_destroy(control->pump);
	local_socket_close(&control->socket);
	free(control);
}
