/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Fair queueing by source: the kernel's table (kernel_table.c)
 * shares the packets out by a hash of their source, and each queue that has any gets
 * one batch in each turn of the loop. Who sends more than the daemon can judge fills
 * his own queue, which overflows; a queue that is shorter than a batch waits for one
 * batch of each other at most. Round robin by batches is fair enough by itself: of
 * large segments a batch holds so few that it takes as long as one of small packets.
 * Requests and timers have their chance between the turns.
 *
 * A batch is read whole, and the engine has fetched what it will need for it
 * (engine_preview()). Then its packets are judged one after another in place, and the
 * verdicts go back in the same order before the next batch is received. Packets of one flow keep
 * their order: in a given hook the packets of one direction have one source, so they
 * take one queue. Between hooks there is no order to keep, since a packet is in one
 * hook at a time. The two directions may be judged in another order than they came,
 * as if one had been on its way a little longer.
 *
 * Answers are queued by their source too, before translation, when nothing tells yet
 * whom inside they are for: those to a flood share a queue with others from the same
 * server. There is about one answer for each packet of the flood that was let through; so
 * with as many turns as the flood their queue could just keep up, and once it is behind, the
 * answers find their sessions evicted, are seen twice, before routing and at the input, and it
 * never recovers. So a packet that opens a session counts as TURN_OPENING_WEIGHT while
 * other queues have more than a batch waiting: who opens sessions goes without a turn for
 * them. Then answers wait for a few turns, not for seconds. Were they shared out by the external
 * port as well, whoever sends to all ports from outside would fill every queue.
 *
 * Sixteen queues are enough for one source to be alone in most of them, not in all.
 * So, while packets are lost, the sources are dealt out anew every second (overrun.c):
 * who shared the flood's queue is out of it before a lost SYN is sent again.
 */
#include "daemon/queues.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/queue.h"
#include "daemon/turn.h"
#include "daemon/verdicts.h"

#define RETRY_MS 5u
/*
 * The part of options.length that one queue may hold. A flood from everywhere fills
 * them all, and then everybody waits for twice that length; but a burst from one
 * source finds room.
 */
#define LENGTH_SHARE 8u
#define LENGTH_LEAST 16u
/* Before the table is put in place: how long at most, and how long for an answer to what was let through. */
#define DRAIN_MS 200u
#define DRAIN_ANSWER_MS 20

/* One queue and its place among the others. @more: than the last batch took */
struct seat {
	struct queues *queues;
	struct queue queue;
	struct loop_watch *watch;
	struct turn turn;
	bool more;
};

/* What one message of the batch says. */
struct message {
	enum queue_message kind;
	struct queue_packet packet;
};

/*
 * @busy: seats that have more
 * @proc: opened while we are root: the file is for root's eyes
 * @batch: one for all, so that it stays in the cache
 * @messages, @previews: of that batch; an engine's preview of each packet, one after another
 */
struct queues {
	struct queues_options options;
	struct engine *engine;
	struct verdicts *verdicts;
	struct loop_timer *retry;
	struct seat *seats;
	unsigned int busy;
	int proc;
	uint64_t refused;
	struct log_limit complaints;
	struct message messages[VERDICTS_LIMIT];
	struct engine_preview previews[VERDICTS_LIMIT];
	struct queue_batch batch;
};

/* ------------------------------------------------------------------ binding */

static const char *bind_error_text(int error)
{
	switch (error) {
	case -EPERM:
		return "no right to use NFQUEUE: start as root or with CAP_NET_ADMIN";
	case -EBUSY:
		return "another program holds this NFQUEUE number";
	case -EPROTONOSUPPORT:
		return "this kernel has no NFQUEUE (CONFIG_NETFILTER_NETLINK_QUEUE)";
	case -ENOMEM:
		return "no memory for the packet buffers";
	default:
		return "cannot bind the NFQUEUE";
	}
}

/*
 * Adds up the kernel's lines about queues @first to @last.
 * Return: how many there are, or negative errno.
 */
static int statistics_sum(const struct queues *queues, unsigned int first, unsigned int last,
			  struct queue_statistics *statistics)
{
	char text[16384], *line, *rest = NULL;
	ssize_t length;
	int found = 0;

	if (queues->proc < 0)
		return -EACCES;
	length = pread(queues->proc, text, sizeof(text) - 1, 0);
	if (length < 0)
		return -errno;
	text[length] = '\0';
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned int number, waiting;
		unsigned long dropped, failed;

		/* queue, port, waiting, copy mode, copy range, dropped: queue full, dropped: socket full */
		if (sscanf(line, "%u %*u %u %*u %*u %lu %lu", &number, &waiting, &dropped, &failed) != 4 ||
		    number < first || number > last)
			continue;
		statistics->waiting += waiting;
		statistics->dropped += dropped;
		statistics->failed += failed;
		found++;
	}
	return found;
}

static int seats_open(struct queues *queues, uint16_t *number)
{
	const struct queues_options *options = &queues->options;
	uint32_t length = options->length / LENGTH_SHARE;

	for (unsigned int i = 0; i < options->count; i++) {
		struct seat *seat = &queues->seats[i];
		int error;

		*number = (uint16_t)(options->first + i);
		seat->queues = queues;
		error = queue_open(&seat->queue, *number, length < LENGTH_LEAST ? LENGTH_LEAST : length, options->gso);
		/* EPERM is also the kernel's word for a queue that is somebody else's. */
		if (error == -EPERM && statistics_sum(queues, *number, *number, &(struct queue_statistics){ 0 }) > 0)
			return -EBUSY;
		if (error)
			return error;
	}
	return 0;
}

/* When all are bound: a start that fails for one of them holds no packets. */
static int seats_begin(struct queues *queues)
{
	int error = 0;

	for (unsigned int i = 0; !error && i < queues->options.count; i++)
		error = queue_begin(&queues->seats[i].queue);
	return error;
}

int queues_create(const struct queues_options *options, struct engine *engine, struct queues **queues, uint16_t *number,
		  const char **message)
{
	struct queues *made = aligned_alloc(64, sizeof(*made));
	int error = -ENOMEM;

	*number = options->first;
	if (!made)
		goto cleanup;
	memset(made, 0, offsetof(struct queues, batch.buffers));
	made->options = *options;
	made->engine = engine;
	made->complaints = (struct log_limit){ .burst = 1, .interval_ms = 10000 };
	made->proc = open("/proc/self/net/netfilter/nfnetlink_queue", O_RDONLY | O_CLOEXEC);
	queue_batch_init(&made->batch);
	made->verdicts = verdicts_create();
	made->seats = calloc(options->count, sizeof(*made->seats));
	if (made->verdicts && made->seats)
		error = seats_open(made, number);
	if (!error)
		error = seats_begin(made);
cleanup:
	if (error) {
		queues_destroy(made);
		*message = bind_error_text(error);
		return error;
	}
	*queues = made;
	return 0;
}

void queues_destroy(struct queues *queues)
{
	if (!queues)
		return;
	for (unsigned int i = 0; queues->seats && i < queues->options.count; i++) {
		loop_watch_destroy(queues->seats[i].watch);
		queue_close(&queues->seats[i].queue);
	}
	loop_timer_destroy(queues->retry);
	verdicts_destroy(queues->verdicts);
	if (queues->proc >= 0)
		close(queues->proc);
	free(queues->seats);
	free(queues);
}

/* ------------------------------------------------------------------ serving */

/* Once in a while: whatever is wrong here is wrong for many packets. */
static void queues_complain(struct queues *queues, const char *what, int error)
{
	uint64_t suppressed;

	if (!log_limit_pass(&queues->complaints, loop_now(), &suppressed))
		return;
	errno = -error;
	log_write(LOG_LEVEL_WARNING, "queue: %s: %m", what);
}

static void queues_watch(struct queues *queues, unsigned int events)
{
	for (unsigned int i = 0; i < queues->options.count; i++)
		loop_watch_set(queues->seats[i].watch, events);
}

/* False: the kernel takes no verdicts just now, nothing may be received over them. */
static bool queues_flush(struct queues *queues)
{
	unsigned int pending = verdicts_pending(queues->verdicts);
	int error = verdicts_send(queues->verdicts);

	if (error && error != -EAGAIN) {
		queues->refused += pending;
		queues_complain(queues, "verdicts lost, their packets are dropped", error);
		error = verdicts_send(queues->verdicts);
	}
	if (error) {
		queues_complain(queues, "verdicts wait", -ENOBUFS);
		queues_watch(queues, 0);
		loop_timer_start(queues->retry, RETRY_MS);
		return false;
	}
	return true;
}

/* Reads the whole batch, so that the engine can have fetched what it will need for it. */
static void queues_read(struct queues *queues)
{
	struct queue_batch *batch = &queues->batch;
	unsigned int count = 0;

	for (unsigned int at = 0; at < batch->received; at++) {
		struct message *message = &queues->messages[at];
		struct queue_packet *packet = &message->packet;

		message->kind = queue_batch_read(batch, at, packet);
		if (message->kind != QUEUE_MESSAGE_PACKET || !packet->bytes)
			continue;
		packet->meta.preview = &queues->previews[count];
		queues->previews[count++] = (struct engine_preview){
			.bytes = packet->bytes,
			.length = packet->length,
			.hook = packet->meta.hook,
		};
	}
	engine_preview(queues->engine, queues->previews, count);
}

static struct verdict_message queues_judge(struct queues *queues, struct queue_packet *packet, struct mono now)
{
	uint32_t own = queues->options.mark, mark = packet->meta.mark;
	struct verdict_message message = { .id = packet->id };
	struct engine_verdict decided;

	packet->meta.mark &= ~own;
	decided = engine_process(queues->engine, &packet->meta, packet->bytes, packet->length, now);
	message.verdict = decided.verdict;
	if (decided.verdict == VERDICT_DROP)
		return message;
	if (decided.mark_changed)
		mark = decided.mark & ~own;
	if (decided.settled)
		mark |= own;
	message.has_mark = decided.mark_changed || decided.settled;
	message.mark = message.has_mark ? mark : 0;
	if (decided.rewritten) {
		message.payload = packet->bytes;
		message.length = decided.length;
	}
	return message;
}

/* False when the kernel takes no verdicts: the message is to be taken again later. */
static bool queues_take(struct queues *queues, struct mono now)
{
	struct message *message = &queues->messages[queues->batch.next];
	struct queue_packet *packet = &message->packet;
	struct verdict_message verdict;

	if (message->kind == QUEUE_MESSAGE_REFUSAL)
		queues->refused++;
	if (message->kind != QUEUE_MESSAGE_PACKET)
		return true;
	if (!verdicts_room(queues->verdicts, packet->length + packet->meta.room) && !queues_flush(queues))
		return false;
	verdict = queues_judge(queues, packet, now);
	verdicts_add(queues->verdicts, &verdict);
	return true;
}

/* Judges what was received and not yet judged. False: the rest must wait. */
static bool queues_work(struct queues *queues)
{
	struct queue_batch *batch = &queues->batch;
	struct mono now = loop_now();

	for (; batch->next < batch->received; batch->next++)
		if (!queues_take(queues, now))
			return false;
	if (!queues_flush(queues))
		return false;
	queues->options.batch_done(queues->options.context, !queues->busy);
	return true;
}

static void seat_note(struct seat *seat, bool more)
{
	seat->queues->busy += (unsigned int)more - (unsigned int)seat->more;
	seat->more = more;
}

/* One batch. False: nothing was there, or no verdict is taken just now. */
static bool seat_serve(struct seat *seat)
{
	struct queues *queues = seat->queues;
	uint64_t opened = engine_sessions_opened(queues->engine);
	int received = queue_receive(&seat->queue, &queues->batch);
	bool done;

	seat_note(seat, received > 0 && queues->batch.received == queues->batch.asked);
	if (received < 0)
		queues_complain(queues, "cannot receive", received);
	if (received <= 0)
		return false;
	verdicts_begin(queues->verdicts, queue_fd(&seat->queue), seat->queue.number, seat->queue.send_buffer);
	queues_read(queues);
	done = queues_work(queues);
	turn_taken(&seat->turn, (unsigned int)(engine_sessions_opened(queues->engine) - opened));
	return done;
}

static void seat_ready(void *context, unsigned int events)
{
	struct seat *seat = context;

	(void)events;
	if (!turn_is_let_pass(&seat->turn, seat->queues->busy > seat->more, VERDICTS_LIMIT))
		seat_serve(seat);
}

static void queues_retry(void *context)
{
	struct queues *queues = context;

	if (queues_flush(queues) && queues_work(queues))
		queues_watch(queues, LOOP_READ);
}

int queues_start(struct queues *queues, struct loop *loop)
{
	int error = 0;

	queues->retry = loop_timer_create(loop, queues_retry, queues);
	if (!queues->retry)
		return -ENOMEM;
	for (unsigned int i = 0; !error && i < queues->options.count; i++) {
		struct seat *seat = &queues->seats[i];

		seat->watch = loop_watch_create(loop, queue_fd(&seat->queue), LOOP_READ, seat_ready, seat);
		error = seat->watch ? 0 : -ENOMEM;
	}
	return error;
}

/* One batch of each. False: nothing was there. */
static bool queues_turn(struct queues *queues)
{
	bool any = false;

	for (unsigned int i = 0; i < queues->options.count && !verdicts_pending(queues->verdicts); i++)
		any |= seat_serve(&queues->seats[i]);
	return any;
}

/* False: nothing came in time. */
static bool queues_wait(struct queues *queues, int ms)
{
	struct pollfd descriptors[SETTINGS_QUEUES];
	nfds_t count = 0;

	for (; count < queues->options.count && count < SETTINGS_QUEUES; count++)
		descriptors[count] = (struct pollfd){ .fd = queue_fd(&queues->seats[count].queue), .events = POLLIN };
	return poll(descriptors, count, ms) > 0;
}

void queues_drain(struct queues *queues)
{
	struct mono began = loop_now();
	bool any = queues_turn(queues);

	/* What leaves one queue may come back by another, as an answer. */
	while (any && mono_ms_between(began, loop_now()) < DRAIN_MS && !verdicts_pending(queues->verdicts))
		any = queues_turn(queues) || queues_wait(queues, DRAIN_ANSWER_MS);
}

/* --------------------------------------------------------------- statistics */

int queues_statistics(const struct queues *queues, struct queue_statistics *statistics)
{
	unsigned int first = queues->options.first;
	int found;

	*statistics = (struct queue_statistics){ .refused = queues->refused };
	found = statistics_sum(queues, first, first + queues->options.count - 1, statistics);
	return found > 0 ? 0 : found < 0 ? found : -ENOENT;
}
