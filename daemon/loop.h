/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: descriptors, timers, signals, listeners and line-oriented
 * streams. Nobody but loop.c knows which library turns it.
 *
 * Everything runs in one thread, and every callback must return soon. A callback
 * may destroy any object, its own included.
 */
#ifndef SLUICE_DAEMON_LOOP_H
#define SLUICE_DAEMON_LOOP_H

#include "sluice/types.h"

struct loop;
struct loop_watch;
struct loop_timer;
struct loop_signal;
struct loop_listener;
struct loop_stream;

/** loop_create() - Return: NULL without memory or descriptors. */
struct loop *loop_create(void);

/** loop_destroy() - free @loop; everything made from it must be gone already */
void loop_destroy(struct loop *loop);

/**
 * loop_run() - dispatch until loop_stop()
 * Return: 0, or -EIO when the loop itself fails.
 */
int loop_run(struct loop *loop);

/** loop_stop() - let loop_run() return after the callbacks of this turn */
void loop_stop(struct loop *loop);

/** loop_now() - CLOCK_MONOTONIC, read afresh */
struct mono loop_now(void);

/* -------------------------------------------------------------- descriptors */

#define LOOP_READ 1u
#define LOOP_WRITE 2u

typedef void (*loop_watch_callback)(void *context, unsigned int events);

/**
 * loop_watch_create() - call @callback whenever @fd is ready for one of @events
 * @events: LOOP_READ, LOOP_WRITE, both, or 0 to begin paused
 *
 * Level-triggered. @fd stays the caller's: destroy the watch before closing it.
 * Return: NULL without memory.
 */
struct loop_watch *loop_watch_create(struct loop *loop, int fd, unsigned int events, loop_watch_callback callback,
				     void *context);

/** loop_watch_set() - wait for other @events from now on; 0 pauses */
int loop_watch_set(struct loop_watch *watch, unsigned int events);
void loop_watch_destroy(struct loop_watch *watch);

/* ------------------------------------------------------- timers and signals */

/**
 * loop_timer_create() - a timer, not yet running
 * Return: NULL without memory.
 */
struct loop_timer *loop_timer_create(struct loop *loop, void (*callback)(void *context), void *context);

/** loop_timer_start() - fire once, @ms milliseconds from now; an earlier start is forgotten */
int loop_timer_start(struct loop_timer *timer, uint32_t ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer *timer);

/** loop_signal_create() - call @callback from the loop, not from a signal handler */
struct loop_signal *loop_signal_create(struct loop *loop, int number, void (*callback)(void *context, int number),
				       void *context);
void loop_signal_destroy(struct loop_signal *watched);

/* ------------------------------------------------------------------ streams */

/**
 * loop_listener_create() - accept connections on @fd, a listening socket
 * @accepted: owns @connection, which is non-blocking and close-on-exec
 *
 * @fd stays the caller's. Without descriptors to accept with, the listener rests
 * for a second instead of spinning.
 * Return: NULL without memory.
 */
struct loop_listener *loop_listener_create(struct loop *loop, int fd, void (*accepted)(void *context, int connection),
					   void *context);
void loop_listener_destroy(struct loop_listener *listener);

/* The longest line a stream takes, newline included. */
#define LOOP_LINE_LIMIT 65536u

/**
 * struct loop_stream_callbacks - what a stream reports
 * @line: one line without its newline (nor a carriage return before it),
 *	NUL-terminated, valid during the call; a NUL inside shows in @length only
 * @drained: the output buffer fell to the low watermark or below: write on.
 *	Called after each such fall, also when little was written. May be NULL.
 * @closed: the peer is gone (0), or negative errno: -EMSGSIZE a line over
 *	LOOP_LINE_LIMIT, -ETIMEDOUT no progress for as long as
 *	loop_stream_set_timeout() allows, or the socket's own error. The stream is
 *	destroyed when this returns. Not called for loop_stream_close() and
 *	loop_stream_destroy(). The rest of a line without newline is not delivered.
 */
struct loop_stream_callbacks {
	void (*line)(void *context, char *line, size_t length);
	void (*drained)(void *context);
	void (*closed)(void *context, int error);
};

/**
 * loop_stream_create() - lines in, bytes out, over a connected socket
 * @fd: the stream's from now on, closed with it (also when creation fails)
 * @callbacks: must outlive the stream
 *
 * Return: NULL without memory.
 */
struct loop_stream *loop_stream_create(struct loop *loop, int fd, const struct loop_stream_callbacks *callbacks,
				       void *context);

/** loop_stream_destroy() - drop the connection now, with what was not yet written */
void loop_stream_destroy(struct loop_stream *stream);

/**
 * loop_stream_close() - drop the connection as soon as everything is written
 *
 * No callback follows, @context may be freed; a peer that does not read for ten
 * seconds loses the rest.
 */
void loop_stream_close(struct loop_stream *stream);

/**
 * loop_stream_write() - append to the output buffer
 * Return: 0, or -ENOMEM.
 */
int loop_stream_write(struct loop_stream *stream, const void *bytes, size_t length);

/** loop_stream_pending() - bytes written to the stream that the socket has not taken */
size_t loop_stream_pending(const struct loop_stream *stream);

/** loop_stream_set_low_watermark() - when @drained is called; 0, the default: when all is out */
void loop_stream_set_low_watermark(struct loop_stream *stream, size_t bytes);

/**
 * loop_stream_set_timeout() - give up after so many milliseconds without progress
 * @read_ms: nothing came in; 0: wait forever
 * @write_ms: there is output and the peer takes none of it; 0: wait forever
 */
void loop_stream_set_timeout(struct loop_stream *stream, uint32_t read_ms, uint32_t write_ms);

/** loop_stream_set_reading() - false: take no more lines until true again (they wait in the socket) */
void loop_stream_set_reading(struct loop_stream *stream, bool reading);

/** loop_stream_fd() - the socket, for SO_PEERCRED */
int loop_stream_fd(const struct loop_stream *stream);

#endif
