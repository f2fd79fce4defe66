/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A batch of packets is received into fixed buffers, judged
 * one after another in place, and the verdicts go back in the same order before
 * the next batch. What the engine rewrote travels back from the very buffer it
 * was received in.
 *
 * The kernel hands over segments of up to 64 KiB (NFQA_CFG_F_GSO): bulk traffic
 * costs a tenth of what single packets would.
 */
#include "daemon/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <libnetfilter_queue/libnetfilter_queue.h>

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/verdicts.h"

#define BATCH VERDICTS_LIMIT
/*
 * Of large segments so few at a time that they stay in the second-level cache from
 * their arrival until they are sent back: 1.1 to 1.2 times the throughput of a full batch.
 */
#define BULK_BATCH 4u
#define BULK_BYTES (128u << 10)
/* Batches in one turn of the loop: control requests wait for 512 packets at most. */
#define BATCHES_PER_TURN 8
#define RETRY_MS 5u
/*
 * One message: 64 KiB and what surrounds them. Not a multiple of the page: the heads
 * of the buffers must not all compete for the same few lines of the cache.
 */
#define BUFFER_SIZE (65536u + 2048u + 320u)
#define SOCKET_BUFFER (32 << 20)
/* How much longer than it came a packet may go on. */
#define GROWTH 128u

struct queue {
	struct queue_options options;
	struct engine *engine;
	struct mnl_socket *socket;
	struct verdicts *verdicts;
	struct loop_watch *watch;
	struct loop_timer *retry;
	int proc; /* opened while we are root: the file is for root's eyes */
	uint64_t refused;
	struct log_limit complaints;
	unsigned int received, next; /* messages of this batch, and those judged */
	unsigned int wanted, asked;  /* messages that the next batch may have, and this one might */
	struct iovec vectors[BATCH];
	struct mmsghdr messages[BATCH];
	uint8_t buffers[BATCH][BUFFER_SIZE] __attribute__((aligned(64)));
};

/* What one message from the kernel says. */
struct queued_packet {
	struct be32 id;
	struct packet_meta meta;
	uint8_t *bytes;
	uint32_t length;
};

/* ------------------------------------------------------------------ binding */

/* Sends one configuration request and waits for the answer. No packets come yet. */
static int queue_request(struct queue *queue, struct nlmsghdr *message)
{
	uint8_t answer[1024];
	ssize_t length;

	message->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0)
		return -errno;
	length = mnl_socket_recvfrom(queue->socket, answer, sizeof(answer));
	if (length < 0)
		return -errno;
	return mnl_cb_run(answer, (size_t)length, 0, mnl_socket_get_portid(queue->socket), NULL, NULL) < 0 ? -errno : 0;
}

static int queue_bind(struct queue *queue)
{
	char buffer[256];
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->options.number);

	nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	return queue_request(queue, message);
}

static int queue_configure(struct queue *queue)
{
	char buffer[256];
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->options.number);
	uint32_t flags = queue->options.gso ? NFQA_CFG_F_GSO : 0;

	nfq_nlmsg_cfg_put_qmaxlen(message, queue->options.length);
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(flags));
	mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
	return queue_request(queue, message);
}

/* Bigger than net.core.*mem_max allows where we may, else as big as it does. Returns the send buffer. */
static size_t queue_size_buffers(int fd)
{
	int size = SOCKET_BUFFER, got = 0;
	socklen_t length = sizeof(got);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	size = SOCKET_BUFFER / 8;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &got, &length) < 0 || got < (int)BUFFER_SIZE)
		return BUFFER_SIZE;
	return (size_t)got - 64; /* netlink keeps 32 bytes of it for itself */
}

/* Is the queue in the kernel's list, whosever it is? */
static bool queue_is_bound(const struct queue *queue)
{
	struct queue_statistics statistics;

	return queue_statistics(queue, &statistics) == 0;
}

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

static int queue_open(struct queue *queue)
{
	int error, on = 1;

	queue->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!queue->socket || mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	error = queue_bind(queue);
	if (error == -EPERM && queue_is_bound(queue)) /* the kernel's word for a queue that is somebody else's */
		return -EBUSY;
	if (error == -EINVAL || error == -EOPNOTSUPP) /* what nfnetlink says of a subsystem it does not have */
		return -EPROTONOSUPPORT;
	if (error)
		return error;
	error = queue_configure(queue);
	if (error)
		return error;
	mnl_socket_setsockopt(queue->socket, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	queue->verdicts = verdicts_create(mnl_socket_get_fd(queue->socket), queue->options.number,
					  queue_size_buffers(mnl_socket_get_fd(queue->socket)));
	return queue->verdicts ? 0 : -ENOMEM;
}

int queue_create(const struct queue_options *options, struct engine *engine, struct queue **queue, const char **message)
{
	struct queue *made = aligned_alloc(64, sizeof(*made));
	int error = -ENOMEM;

	if (!made)
		goto cleanup;
	memset(made, 0, offsetof(struct queue, buffers));
	made->options = *options;
	made->engine = engine;
	made->complaints = (struct log_limit){ .burst = 1, .interval_ms = 10000 };
	made->proc = open("/proc/self/net/netfilter/nfnetlink_queue", O_RDONLY | O_CLOEXEC);
	made->wanted = BATCH;
	for (unsigned int i = 0; i < BATCH; i++) {
		made->vectors[i] = (struct iovec){ .iov_base = made->buffers[i], .iov_len = BUFFER_SIZE };
		made->messages[i].msg_hdr.msg_iov = &made->vectors[i];
		made->messages[i].msg_hdr.msg_iovlen = 1;
	}
	error = queue_open(made);
cleanup:
	if (error) {
		queue_destroy(made);
		*message = bind_error_text(error);
		return error;
	}
	*queue = made;
	return 0;
}

void queue_destroy(struct queue *queue)
{
	if (!queue)
		return;
	loop_watch_destroy(queue->watch);
	loop_timer_destroy(queue->retry);
	verdicts_destroy(queue->verdicts);
	if (queue->socket)
		mnl_socket_close(queue->socket);
	if (queue->proc >= 0)
		close(queue->proc);
	free(queue);
}

/* ---------------------------------------------------------------- receiving */

static uint32_t attribute_u32(const struct nlattr *attribute)
{
	return ntohl(mnl_attr_get_u32(attribute));
}

/* By hand and in one pass: this runs for every packet. */
static bool queued_packet_read(const struct nlmsghdr *message, struct queued_packet *packet)
{
	const struct nfqnl_msg_packet_hdr *header = NULL;
	const struct nlattr *attribute;
	uint32_t info = 0;

	*packet = (struct queued_packet){ 0 };
	mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg))
	{
		switch (mnl_attr_get_type(attribute)) {
		case NFQA_PACKET_HDR:
			header = mnl_attr_get_payload(attribute);
			break;
		case NFQA_MARK:
			packet->meta.mark = attribute_u32(attribute);
			break;
		case NFQA_IFINDEX_INDEV:
			packet->meta.iif = attribute_u32(attribute);
			break;
		case NFQA_IFINDEX_OUTDEV:
			packet->meta.oif = attribute_u32(attribute);
			break;
		case NFQA_CAP_LEN:
			packet->meta.truncated = true;
			break;
		case NFQA_SKB_INFO:
			info = attribute_u32(attribute);
			break;
		case NFQA_PAYLOAD:
			packet->bytes = mnl_attr_get_payload(attribute);
			packet->length = mnl_attr_get_payload_len(attribute);
			break;
		}
	}
	if (!header)
		return false;
	packet->id.raw = header->packet_id;
	packet->meta.hook = header->hook < HOOK_COUNT ? (enum hook)header->hook : HOOK_COUNT;
	packet->meta.checksum_unfinished = info & NFQA_SKB_CSUMNOTREADY;
	packet->meta.checksum_verified = !(info & (NFQA_SKB_CSUMNOTREADY | NFQA_SKB_CSUM_NOTVERIFIED));
	return true;
}

/* Once in a while: whatever is wrong here is wrong for many packets. */
static void queue_complain(struct queue *queue, const char *what, int error)
{
	uint64_t suppressed;

	if (!log_limit_pass(&queue->complaints, loop_now(), &suppressed))
		return;
	errno = -error;
	log_write(LOG_LEVEL_WARNING, "queue: %s: %m", what);
}

/* False: the kernel takes no verdicts just now, nothing may be received over them. */
static bool queue_flush(struct queue *queue)
{
	unsigned int pending = verdicts_pending(queue->verdicts);
	int error = verdicts_send(queue->verdicts);

	if (error == -EAGAIN) {
		queue_complain(queue, "verdicts wait", -ENOBUFS);
		loop_watch_set(queue->watch, 0);
		loop_timer_start(queue->retry, RETRY_MS);
		return false;
	}
	if (error) {
		queue->refused += pending;
		queue_complain(queue, "verdicts lost", error);
	}
	return true;
}

static struct verdict_message queue_judge(struct queue *queue, struct queued_packet *packet, struct mono now)
{
	uint32_t own = queue->options.mark, mark = packet->meta.mark;
	struct verdict_message message = { .id = packet->id };
	struct engine_verdict decided;

	packet->meta.mark &= ~own;
	decided = engine_process(queue->engine, &packet->meta, packet->bytes, packet->length, now);
	message.verdict = decided.verdict;
	if (decided.verdict == VERDICT_DROP)
		return message;
	if (decided.mark_changed)
		mark = decided.mark & ~own;
	if (decided.settled)
		mark |= own;
	message.has_mark = decided.mark_changed || decided.settled;
	message.mark = message.has_mark ? mark : 0;
	if (decided.rewritten && packet->meta.truncated) {
		/* Going back it would lose its tail, going on it would leave untranslated. */
		message = (struct verdict_message){ .id = packet->id, .verdict = VERDICT_DROP };
	} else if (decided.rewritten) {
		message.payload = packet->bytes;
		message.length = decided.length;
	}
	return message;
}

/* The payload is a message's last attribute: what is behind it in the buffer may be written. */
static uint32_t queue_room(const struct queue *queue, const struct queued_packet *packet)
{
	const uint8_t *end = queue->buffers[queue->next] + BUFFER_SIZE;
	size_t room = packet->bytes ? (size_t)(end - packet->bytes) - packet->length : 0;

	return room < GROWTH ? (uint32_t)room : GROWTH;
}

/* False when the kernel takes no verdicts: @message is to be taken again later. */
static bool queue_take(struct queue *queue, const struct nlmsghdr *message, struct mono now)
{
	struct queued_packet packet;
	struct verdict_message verdict;

	if (message->nlmsg_type == NLMSG_ERROR) {
		/* The packet is gone already: its interface disappeared. */
		queue->refused++;
		return true;
	}
	if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) || !queued_packet_read(message, &packet))
		return true;
	packet.meta.room = queue_room(queue, &packet);
	if (!verdicts_room(queue->verdicts, packet.length + packet.meta.room) && !queue_flush(queue))
		return false;
	verdict = queue_judge(queue, &packet, now);
	verdicts_add(queue->verdicts, &verdict);
	return true;
}

/* Judges what was received and not yet judged. False: the rest must wait. */
static bool queue_work(struct queue *queue)
{
	struct mono now = loop_now();

	for (; queue->next < queue->received; queue->next++) {
		const struct mmsghdr *received = &queue->messages[queue->next];
		const struct nlmsghdr *message = received->msg_hdr.msg_iov->iov_base;

		if (mnl_nlmsg_ok(message, (int)received->msg_len) && !queue_take(queue, message, now))
			return false;
	}
	if (!queue_flush(queue))
		return false;
	queue->options.batch_done(queue->options.context, queue->received < queue->asked);
	return true;
}

/* What came last tells what comes next. */
static unsigned int queue_next_batch(const struct queue *queue)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < queue->received && i < BULK_BATCH; i++)
		bytes += queue->messages[i].msg_len;
	return bytes > BULK_BYTES ? BULK_BATCH : BATCH;
}

static void queue_ready(void *context, unsigned int events)
{
	struct queue *queue = context;

	(void)events;
	for (unsigned int batch = 0; batch < BATCHES_PER_TURN; batch++) {
		int received =
		    recvmmsg(mnl_socket_get_fd(queue->socket), queue->messages, queue->wanted, MSG_DONTWAIT, NULL);

		if (received <= 0) {
			if (received < 0 && errno != EAGAIN && errno != EINTR)
				queue_complain(queue, "cannot receive", -errno);
			return;
		}
		queue->received = (unsigned int)received;
		queue->asked = queue->wanted;
		queue->next = 0;
		queue->wanted = queue_next_batch(queue);
		if (!queue_work(queue) || queue->received < queue->asked)
			return;
	}
}

static void queue_retry(void *context)
{
	struct queue *queue = context;

	if (queue_flush(queue) && queue_work(queue))
		loop_watch_set(queue->watch, LOOP_READ);
}

int queue_start(struct queue *queue, struct loop *loop)
{
	char buffer[256];
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->options.number);

	queue->watch = loop_watch_create(loop, mnl_socket_get_fd(queue->socket), LOOP_READ, queue_ready, queue);
	queue->retry = loop_timer_create(loop, queue_retry, queue);
	if (!queue->watch || !queue->retry)
		return -ENOMEM;
	/*
	 * Until it is told how much to copy the kernel queues nothing. No answer is asked
	 * for: it could come behind the first packets.
	 */
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, 0xffff);
	return mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

/* --------------------------------------------------------------- statistics */

int queue_statistics(const struct queue *queue, struct queue_statistics *statistics)
{
	char text[4096], *line, *rest = NULL;
	ssize_t length;

	*statistics = (struct queue_statistics){ .refused = queue->refused };
	if (queue->proc < 0)
		return -EACCES;
	length = pread(queue->proc, text, sizeof(text) - 1, 0);
	if (length < 0)
		return -errno;
	text[length] = '\0';
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned int number, waiting;
		unsigned long dropped, failed;

		/* queue, port, waiting, copy mode, copy range, dropped: queue full, dropped: socket full */
		if (sscanf(line, "%u %*u %u %*u %*u %lu %lu", &number, &waiting, &dropped, &failed) == 4 &&
		    number == queue->options.number) {
			statistics->waiting = waiting;
			statistics->dropped = dropped;
			statistics->failed = failed;
			return 0;
		}
	}
	return -ENOENT;
}
