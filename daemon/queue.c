/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A batch of messages is received into fixed buffers, and stays
 * there until the verdicts on it are sent: what the engine rewrote travels back from
 * the very buffer it was received in.
 *
 * The kernel hands over segments of up to 64 KiB (NFQA_CFG_F_GSO): bulk traffic
 * costs a tenth of what single packets would.
 */
#include "daemon/queue.h"

#include <errno.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <libnetfilter_queue/libnetfilter_queue.h>

#define BATCH VERDICTS_LIMIT
/*
 * Of large segments so few at a time that they stay in the second-level cache from
 * their arrival until they are sent back: 1.1 to 1.2 times the throughput of a full batch.
 */
#define BULK_BATCH 4u
#define BULK_BYTES (128u << 10)
#define SOCKET_BUFFER (32 << 20)
/* How much longer than it came a packet may go on. */
#define GROWTH 128u

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
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->number);

	nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	return queue_request(queue, message);
}

static int queue_configure(struct queue *queue, uint32_t packets, bool gso)
{
	char buffer[256];
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->number);

	nfq_nlmsg_cfg_put_qmaxlen(message, packets);
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(gso ? NFQA_CFG_F_GSO : 0));
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
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &got, &length) < 0 || got < (int)QUEUE_BUFFER_SIZE)
		return QUEUE_BUFFER_SIZE;
	return (size_t)got - 64; /* netlink keeps 32 bytes of it for itself */
}

int queue_open(struct queue *queue, uint16_t number, uint32_t length, bool gso)
{
	int error, on = 1;

	*queue = (struct queue){ .number = number, .wanted = BATCH };
	queue->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!queue->socket || mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	error = queue_bind(queue);
	if (error == -EINVAL || error == -EOPNOTSUPP) /* what nfnetlink says of a subsystem it does not have */
		return -EPROTONOSUPPORT;
	if (error)
		return error;
	error = queue_configure(queue, length, gso);
	if (error)
		return error;
	mnl_socket_setsockopt(queue->socket, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	/* A verdict that is refused does not come back whole, with a packet of up to 64 KiB. */
	mnl_socket_setsockopt(queue->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	queue->send_buffer = queue_size_buffers(queue_fd(queue));
	return 0;
}

int queue_begin(struct queue *queue)
{
	char buffer[256] = { 0 };
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue->number);

	/*
	 * Until it is told how much to copy the kernel queues nothing. No answer is asked
	 * for: it could come behind the first packets.
	 */
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, 0xffff);
	return mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0 ? -errno : 0;
}

void queue_close(struct queue *queue)
{
	if (queue->socket)
		mnl_socket_close(queue->socket);
	queue->socket = NULL;
}

int queue_fd(const struct queue *queue)
{
	return mnl_socket_get_fd(queue->socket);
}

/* ---------------------------------------------------------------- receiving */

void queue_batch_init(struct queue_batch *batch)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		batch->vectors[i] = (struct iovec){ .iov_base = batch->buffers[i], .iov_len = QUEUE_BUFFER_SIZE };
		batch->messages[i].msg_hdr.msg_iov = &batch->vectors[i];
		batch->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

/* What came last tells what comes next. */
static unsigned int batch_successor(const struct queue_batch *batch)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < batch->received && i < BULK_BATCH; i++)
		bytes += batch->messages[i].msg_len;
	return bytes > BULK_BYTES ? BULK_BATCH : BATCH;
}

int queue_receive(struct queue *queue, struct queue_batch *batch)
{
	int received = recvmmsg(queue_fd(queue), batch->messages, queue->wanted, MSG_DONTWAIT, NULL);

	if (received < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	batch->received = (unsigned int)received;
	batch->asked = queue->wanted;
	batch->next = 0;
	queue->wanted = batch_successor(batch);
	return received;
}

static uint32_t attribute_u32(const struct nlattr *attribute)
{
	return ntohl(mnl_attr_get_u32(attribute));
}

/* By hand and in one pass: this runs for every packet. */
static bool message_read(const struct nlmsghdr *message, struct queue_packet *packet)
{
	const struct nfqnl_msg_packet_hdr *header = NULL;
	const struct nlattr *attribute;
	uint32_t info = 0;

	*packet = (struct queue_packet){ 0 };
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

/* The payload is a message's last attribute: what is behind it in the buffer may be written. */
static uint32_t packet_room(const struct queue_packet *packet, const uint8_t *end)
{
	size_t room = packet->bytes ? (size_t)(end - packet->bytes) - packet->length : 0;

	return room < GROWTH ? (uint32_t)room : GROWTH;
}

enum queue_message queue_batch_read(const struct queue_batch *batch, unsigned int at, struct queue_packet *packet)
{
	const struct mmsghdr *received = &batch->messages[at];
	const struct nlmsghdr *message = received->msg_hdr.msg_iov->iov_base;

	if (!mnl_nlmsg_ok(message, (int)received->msg_len))
		return QUEUE_MESSAGE_OTHER;
	if (message->nlmsg_type == NLMSG_ERROR)
		return QUEUE_MESSAGE_REFUSAL;
	if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) || !message_read(message, packet))
		return QUEUE_MESSAGE_OTHER;
	packet->meta.room = packet_room(packet, batch->buffers[at] + QUEUE_BUFFER_SIZE);
	return QUEUE_MESSAGE_PACKET;
}
