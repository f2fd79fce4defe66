/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "daemon/log.h"

/* Connections taken in one turn, so that a flood of them does not hold up packets. */
#define ACCEPT_BATCH 16
#define ACCEPT_REST_MS 1000u
#define CLOSE_PATIENCE_MS 10000u

struct loop {
	struct event_base *base;
};

struct loop_watch {
	struct loop *loop;
	struct event *event;
	loop_watch_callback callback;
	void *context;
};

struct loop_timer {
	struct event *event;
	void (*callback)(void *context);
	void *context;
};

struct loop_signal {
	struct event *event;
	void (*callback)(void *context, int number);
	void *context;
};

struct loop_listener {
	struct loop_watch *watch;
	struct loop_timer *rest;
	int fd;
	bool gone; /* destroyed by its own callback */
	bool busy;
	void (*accepted)(void *context, int connection);
	void *context;
};

/*
 * A stream may be destroyed by any of its own callbacks: @depth counts the
 * callbacks running, and the memory goes with the last of them.
 */
struct loop_stream {
	struct bufferevent *buffers;
	const struct loop_stream_callbacks *callbacks; /* NULL: closing, say nothing more */
	void *context;
	unsigned int depth;
	bool reading, ended, gone;
};

static void loop_log(int severity, const char *message)
{
	log_write(severity >= EVENT_LOG_ERR ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, "event loop: %s", message);
}

struct loop *loop_create(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	event_set_log_callback(loop_log);
	signal(SIGPIPE, SIG_IGN);
	loop->base = event_base_new();
	if (!loop->base) {
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	event_base_free(loop->base);
	free(loop);
}

int loop_run(struct loop *loop)
{
	return event_base_dispatch(loop->base) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *loop)
{
	event_base_loopexit(loop->base, NULL);
}

struct mono loop_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct mono){ (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec };
}

static struct timeval timeval_from_ms(uint32_t ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
}

/* -------------------------------------------------------------- descriptors */

static void watch_fired(evutil_socket_t fd, short what, void *argument)
{
	struct loop_watch *watch = argument;

	(void)fd;
	watch->callback(watch->context, (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0));
}

struct loop_watch *loop_watch_create(struct loop *loop, int fd, unsigned int events, loop_watch_callback callback,
				     void *context)
{
	struct loop_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	*watch = (struct loop_watch){ .loop = loop, .callback = callback, .context = context };
	watch->event = event_new(loop->base, fd, EV_READ | EV_PERSIST, watch_fired, watch);
	if (!watch->event || loop_watch_set(watch, events) < 0) {
		loop_watch_destroy(watch);
		return NULL;
	}
	return watch;
}

int loop_watch_set(struct loop_watch *watch, unsigned int events)
{
	short what = EV_PERSIST;

	event_del(watch->event);
	if (!events)
		return 0;
	if (events & LOOP_READ)
		what |= EV_READ;
	if (events & LOOP_WRITE)
		what |= EV_WRITE;
	if (event_assign(watch->event, watch->loop->base, event_get_fd(watch->event), what, watch_fired, watch) < 0)
		return -EINVAL;
	return event_add(watch->event, NULL) < 0 ? -ENOMEM : 0;
}

void loop_watch_destroy(struct loop_watch *watch)
{
	if (!watch)
		return;
	if (watch->event)
		event_free(watch->event);
	free(watch);
}

/* ------------------------------------------------------- timers and signals */

static void timer_fired(evutil_socket_t fd, short what, void *argument)
{
	struct loop_timer *timer = argument;

	(void)fd;
	(void)what;
	timer->callback(timer->context);
}

struct loop_timer *loop_timer_create(struct loop *loop, void (*callback)(void *context), void *context)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	*timer = (struct loop_timer){ .callback = callback, .context = context };
	timer->event = evtimer_new(loop->base, timer_fired, timer);
	if (!timer->event) {
		free(timer);
		return NULL;
	}
	return timer;
}

int loop_timer_start(struct loop_timer *timer, uint32_t ms)
{
	struct timeval delay = timeval_from_ms(ms);

	return evtimer_add(timer->event, &delay) < 0 ? -ENOMEM : 0;
}

void loop_timer_stop(struct loop_timer *timer)
{
	evtimer_del(timer->event);
}

void loop_timer_destroy(struct loop_timer *timer)
{
	if (!timer)
		return;
	event_free(timer->event);
	free(timer);
}

static void signal_fired(evutil_socket_t number, short what, void *argument)
{
	struct loop_signal *watched = argument;

	(void)what;
	watched->callback(watched->context, (int)number);
}

struct loop_signal *loop_signal_create(struct loop *loop, int number, void (*callback)(void *context, int number),
				       void *context)
{
	struct loop_signal *watched = calloc(1, sizeof(*watched));

	if (!watched)
		return NULL;
	*watched = (struct loop_signal){ .callback = callback, .context = context };
	watched->event = evsignal_new(loop->base, number, signal_fired, watched);
	if (!watched->event || evsignal_add(watched->event, NULL) < 0) {
		loop_signal_destroy(watched);
		return NULL;
	}
	return watched;
}

void loop_signal_destroy(struct loop_signal *watched)
{
	if (!watched)
		return;
	if (watched->event)
		event_free(watched->event);
	free(watched);
}

/* ---------------------------------------------------------------- listeners */

static void listener_rested(void *context)
{
	struct loop_listener *listener = context;

	loop_watch_set(listener->watch, LOOP_READ);
}

static void listener_free(struct loop_listener *listener)
{
	loop_watch_destroy(listener->watch);
	loop_timer_destroy(listener->rest);
	free(listener);
}

static void listener_ready(void *context, unsigned int events)
{
	struct loop_listener *listener = context;

	(void)events;
	listener->busy = true;
	for (unsigned int taken = 0; taken < ACCEPT_BATCH && !listener->gone; taken++) {
		int connection = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (connection >= 0) {
			listener->accepted(listener->context, connection);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN) {
			log_write(LOG_LEVEL_WARNING, "cannot accept a connection: %m");
			loop_watch_set(listener->watch, 0);
			loop_timer_start(listener->rest, ACCEPT_REST_MS);
		}
		break;
	}
	listener->busy = false;
	if (listener->gone)
		listener_free(listener);
}

struct loop_listener *loop_listener_create(struct loop *loop, int fd, void (*accepted)(void *context, int connection),
					   void *context)
{
	struct loop_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	*listener = (struct loop_listener){ .fd = fd, .accepted = accepted, .context = context };
	if (evutil_make_socket_nonblocking(fd) == 0)
		listener->watch = loop_watch_create(loop, fd, LOOP_READ, listener_ready, listener);
	listener->rest = loop_timer_create(loop, listener_rested, listener);
	if (!listener->watch || !listener->rest) {
		listener_free(listener);
		return NULL;
	}
	return listener;
}

void loop_listener_destroy(struct loop_listener *listener)
{
	if (!listener)
		return;
	if (listener->busy)
		listener->gone = true;
	else
		listener_free(listener);
}

/* ------------------------------------------------------------------ streams */

static void stream_leave(struct loop_stream *stream)
{
	if (--stream->depth || !stream->gone)
		return;
	bufferevent_free(stream->buffers);
	free(stream);
}

static void stream_report_closed(struct loop_stream *stream, int error)
{
	const struct loop_stream_callbacks *callbacks = stream->callbacks;

	if (stream->gone)
		return;
	stream->gone = true;
	stream->callbacks = NULL;
	if (callbacks)
		callbacks->closed(stream->context, error);
}

static void stream_deliver_lines(struct loop_stream *stream)
{
	struct evbuffer *input = bufferevent_get_input(stream->buffers);

	while (stream->callbacks && stream->reading && !stream->gone) {
		size_t length;
		char *line = evbuffer_readln(input, &length, EVBUFFER_EOL_CRLF);

		if (!line) {
			if (evbuffer_get_length(input) >= LOOP_LINE_LIMIT)
				stream_report_closed(stream, -EMSGSIZE);
			return;
		}
		stream->callbacks->line(stream->context, line, length);
		free(line);
	}
}

/* A peer that has said all it will say stays as long as there is something to tell it. */
static void stream_end_when_idle(struct loop_stream *stream)
{
	if (stream->ended && !stream->gone && !loop_stream_pending(stream))
		stream_report_closed(stream, 0);
}

static void stream_readable(struct bufferevent *buffers, void *argument)
{
	struct loop_stream *stream = argument;

	(void)buffers;
	stream->depth++;
	stream_deliver_lines(stream);
	stream_end_when_idle(stream);
	stream_leave(stream);
}

static void stream_drained(struct bufferevent *buffers, void *argument)
{
	struct loop_stream *stream = argument;

	(void)buffers;
	stream->depth++;
	if (!stream->callbacks) {
		if (!loop_stream_pending(stream))
			stream->gone = true;
	} else if (stream->callbacks->drained) {
		stream->callbacks->drained(stream->context);
	}
	if (stream->reading)
		stream_end_when_idle(stream);
	stream_leave(stream);
}

static void stream_event(struct bufferevent *buffers, short what, void *argument)
{
	struct loop_stream *stream = argument;
	int error = errno;

	stream->depth++;
	if (what & BEV_EVENT_EOF) {
		bufferevent_disable(buffers, EV_READ);
		stream->ended = true;
		stream_deliver_lines(stream);
		stream_end_when_idle(stream);
	} else if (what & BEV_EVENT_TIMEOUT) {
		stream_report_closed(stream, -ETIMEDOUT);
	} else if (what & BEV_EVENT_ERROR) {
		stream_report_closed(stream, error ? -error : -EIO);
	}
	stream_leave(stream);
}

struct loop_stream *loop_stream_create(struct loop *loop, int fd, const struct loop_stream_callbacks *callbacks,
				       void *context)
{
	struct loop_stream *stream = calloc(1, sizeof(*stream));

	if (stream && evutil_make_socket_nonblocking(fd) == 0)
		stream->buffers = bufferevent_socket_new(loop->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!stream || !stream->buffers) {
		free(stream);
		close(fd);
		return NULL;
	}
	stream->callbacks = callbacks;
	stream->context = context;
	stream->reading = true;
	bufferevent_setcb(stream->buffers, stream_readable, stream_drained, stream_event, stream);
	bufferevent_setwatermark(stream->buffers, EV_READ, 0, LOOP_LINE_LIMIT);
	bufferevent_enable(stream->buffers, EV_READ | EV_WRITE);
	return stream;
}

void loop_stream_destroy(struct loop_stream *stream)
{
	if (!stream)
		return;
	stream->depth++;
	stream->gone = true;
	stream->callbacks = NULL;
	stream_leave(stream);
}

void loop_stream_close(struct loop_stream *stream)
{
	if (!stream || stream->gone)
		return;
	if (!loop_stream_pending(stream)) {
		loop_stream_destroy(stream);
		return;
	}
	stream->callbacks = NULL;
	bufferevent_disable(stream->buffers, EV_READ);
	loop_stream_set_low_watermark(stream, 0);
	loop_stream_set_timeout(stream, 0, CLOSE_PATIENCE_MS);
}

int loop_stream_write(struct loop_stream *stream, const void *bytes, size_t length)
{
	return bufferevent_write(stream->buffers, bytes, length) < 0 ? -ENOMEM : 0;
}

size_t loop_stream_pending(const struct loop_stream *stream)
{
	return evbuffer_get_length(bufferevent_get_output(stream->buffers));
}

void loop_stream_set_low_watermark(struct loop_stream *stream, size_t bytes)
{
	bufferevent_setwatermark(stream->buffers, EV_WRITE, bytes, 0);
}

void loop_stream_set_timeout(struct loop_stream *stream, uint32_t read_ms, uint32_t write_ms)
{
	struct timeval reading = timeval_from_ms(read_ms), writing = timeval_from_ms(write_ms);

	bufferevent_set_timeouts(stream->buffers, read_ms ? &reading : NULL, write_ms ? &writing : NULL);
}

void loop_stream_set_reading(struct loop_stream *stream, bool reading)
{
	if (stream->reading == reading)
		return;
	stream->reading = reading;
	if (!reading) {
		bufferevent_disable(stream->buffers, EV_READ);
		return;
	}
	if (!stream->ended)
		bufferevent_enable(stream->buffers, EV_READ);
	/* Lines that came before the pause are in the buffer already: no event will tell of them. */
	bufferevent_trigger(stream->buffers, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

int loop_stream_fd(const struct loop_stream *stream)
{
	return bufferevent_getfd(stream->buffers);
}
