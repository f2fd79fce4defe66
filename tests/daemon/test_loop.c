/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop's streams with peers that behave and peers that do not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/loop.h"

#define PATIENCE_MS 30000u

struct scene {
	struct loop *loop;
	struct loop_timer *limit;
	struct loop_stream *stream;
	int peer;
	unsigned int lines, drained, closed;
	size_t last_length;
	char last[64];
	int error;
	/* what to do when a line comes */
	enum { ACT_NONE, ACT_ECHO, ACT_DESTROY, ACT_CLOSE, ACT_PAUSE, ACT_STOP } act;
};

static void patience_over(void *context)
{
	(void)context;
	fail_msg("nothing happened for %u ms", PATIENCE_MS);
}

static void scene_line(void *context, char *line, size_t length)
{
	struct scene *scene = context;

	scene->lines++;
	scene->last_length = length;
	snprintf(scene->last, sizeof(scene->last), "%s", line);
	assert_int_equal(line[length], '\0');
	switch (scene->act) {
	case ACT_ECHO:
		assert_int_equal(loop_stream_write(scene->stream, line, length), 0);
		break;
	case ACT_DESTROY:
		loop_stream_destroy(scene->stream);
		loop_stop(scene->loop);
		break;
	case ACT_CLOSE:
		assert_int_equal(loop_stream_write(scene->stream, "bye", 3), 0);
		loop_stream_close(scene->stream);
		loop_stop(scene->loop);
		break;
	case ACT_PAUSE:
		loop_stream_set_reading(scene->stream, false);
		loop_stop(scene->loop);
		break;
	case ACT_STOP:
		loop_stop(scene->loop);
		break;
	case ACT_NONE:
		break;
	}
}

static void scene_drained(void *context)
{
	struct scene *scene = context;

	scene->drained++;
}

static void scene_closed(void *context, int error)
{
	struct scene *scene = context;

	scene->closed++;
	scene->error = error;
	loop_stop(scene->loop);
}

static const struct loop_stream_callbacks callbacks = {
	.line = scene_line,
	.drained = scene_drained,
	.closed = scene_closed,
};

static int scene_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	int pair[2];

	if (!scene || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	scene->loop = loop_create();
	scene->limit = loop_timer_create(scene->loop, patience_over, scene);
	scene->stream = loop_stream_create(scene->loop, pair[0], &callbacks, scene);
	scene->peer = pair[1];
	loop_timer_start(scene->limit, PATIENCE_MS);
	*state = scene;
	return scene->stream ? 0 : -1;
}

static int scene_down(void **state)
{
	struct scene *scene = *state;

	loop_timer_destroy(scene->limit);
	loop_destroy(scene->loop);
	if (scene->peer >= 0)
		close(scene->peer);
	free(scene);
	return 0;
}

static void say(const struct scene *scene, const char *text)
{
	assert_int_equal(write(scene->peer, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_lines(void **state)
{
	struct scene *scene = *state;

	say(scene, "one\r\ntwo\n\nfour\nhalf");
	shutdown(scene->peer, SHUT_WR);
	assert_int_equal(loop_run(scene->loop), 0);
	assert_int_equal(scene->lines, 4);
	assert_string_equal(scene->last, "four");
	assert_int_equal(scene->last_length, 4);
	assert_int_equal(scene->closed, 1);
	assert_int_equal(scene->error, 0);
}

/* `printf ... | nc` ends its side at once and still wants the answer. */
static void test_answer_after_half_close(void **state)
{
	struct scene *scene = *state;
	char answer[16] = { 0 };

	scene->act = ACT_ECHO;
	say(scene, "question\n");
	shutdown(scene->peer, SHUT_WR);
	assert_int_equal(loop_run(scene->loop), 0);
	assert_int_equal(scene->closed, 1);
	assert_int_equal(read(scene->peer, answer, sizeof(answer)), 8);
	assert_string_equal(answer, "question");
}

struct writer {
	struct scene *scene;
	struct loop_watch *watch;
	const char *text;
	size_t left;
};

static void writer_ready(void *context, unsigned int events)
{
	struct writer *writer = context;
	ssize_t written = send(writer->scene->peer, writer->text, writer->left, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)events;
	if (written > 0) {
		writer->text += written;
		writer->left -= (size_t)written;
	}
	if (!writer->left || (written < 0 && errno != EAGAIN))
		loop_watch_set(writer->watch, 0);
}

/* A line of @length bytes, its newline included, through a socket that takes less at once. */
static void say_long(struct scene *scene, size_t length)
{
	char *text = malloc(length);
	struct writer writer = { .scene = scene, .text = text, .left = length };

	assert_non_null(text);
	memset(text, 'x', length);
	text[length - 1] = '\n';
	writer.watch = loop_watch_create(scene->loop, scene->peer, LOOP_WRITE, writer_ready, &writer);
	assert_int_equal(loop_run(scene->loop), 0);
	loop_watch_destroy(writer.watch);
	free(text);
}

static void test_longest_line(void **state)
{
	struct scene *scene = *state;

	scene->act = ACT_DESTROY;
	say_long(scene, LOOP_LINE_LIMIT);
	assert_int_equal(scene->lines, 1);
	assert_int_equal(scene->last_length, LOOP_LINE_LIMIT - 1);
}

static void test_line_too_long(void **state)
{
	struct scene *scene = *state;

	say_long(scene, LOOP_LINE_LIMIT + 1);
	assert_int_equal(scene->lines, 0);
	assert_int_equal(scene->closed, 1);
	assert_int_equal(scene->error, -EMSGSIZE);
}

static void test_peer_that_does_not_read(void **state)
{
	struct scene *scene = *state;
	static const char block[65536];

	loop_stream_set_timeout(scene->stream, 0, 100);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(loop_stream_write(scene->stream, block, sizeof(block)), 0);
	assert_int_equal(loop_run(scene->loop), 0);
	assert_int_equal(scene->closed, 1);
	assert_int_equal(scene->error, -ETIMEDOUT);
}

static void test_peer_that_says_nothing(void **state)
{
	struct scene *scene = *state;

	loop_stream_set_timeout(scene->stream, 50, 0);
	assert_int_equal(loop_run(scene->loop), 0);
	assert_int_equal(scene->error, -ETIMEDOUT);
}

static void test_destroy_from_its_own_line(void **state)
{
	struct scene *scene = *state;
	char byte;

	scene->act = ACT_DESTROY;
	say(scene, "one\ntwo\n");
	assert_int_equal(loop_run(scene->loop), 0);
	assert_int_equal(scene->lines, 1);
	assert_int_equal(scene->closed, 0);
	assert_int_equal(read(scene->peer, &byte, 1), 0);
}

static void run_out(void *context)
{
	loop_stop(context);
}

static void loop_run_for(struct loop *loop, uint32_t ms)
{
	struct loop_timer *timer = loop_timer_create(loop, run_out, loop);

	loop_timer_start(timer, ms);
	assert_int_equal(loop_run(loop), 0);
	loop_timer_destroy(timer);
}

static void test_close_sends_the_rest(void **state)
{
	struct scene *scene = *state;
	char answer[16] = { 0 };

	scene->act = ACT_CLOSE;
	say(scene, "one\ntwo\n");
	assert_int_equal(loop_run(scene->loop), 0);
	loop_run_for(scene->loop, 20);
	assert_int_equal(scene->lines, 1);
	assert_int_equal(scene->closed, 0);
	assert_int_equal(read(scene->peer, answer, sizeof(answer)), 3);
	assert_int_equal(read(scene->peer, answer, sizeof(answer)), 0);
}

/* Lines that came before the pause are in the buffer, no event will tell of them. */
static void test_pause(void **state)
{
	struct scene *scene = *state;

	scene->act = ACT_PAUSE;
	say(scene, "one\ntwo\n");
	assert_int_equal(loop_run(scene->loop), 0);
	loop_run_for(scene->loop, 20);
	assert_int_equal(scene->lines, 1);
	scene->act = ACT_STOP;
	loop_stream_set_reading(scene->stream, true);
	assert_int_equal(loop_run(scene->loop), 0);
	assert_int_equal(scene->lines, 2);
	loop_stream_destroy(scene->stream);
}

static void test_peer_gone(void **state)
{
	struct scene *scene = *state;

	close(scene->peer);
	scene->peer = -1;
	assert_int_equal(loop_run(scene->loop), 0);
	assert_int_equal(scene->closed, 1);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_up, scene_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_lines),
		IN_SCENE(test_answer_after_half_close),
		IN_SCENE(test_longest_line),
		IN_SCENE(test_line_too_long),
		IN_SCENE(test_peer_that_does_not_read),
		IN_SCENE(test_peer_that_says_nothing),
		IN_SCENE(test_destroy_from_its_own_line),
		IN_SCENE(test_close_sends_the_rest),
		IN_SCENE(test_pause),
		IN_SCENE(test_peer_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
