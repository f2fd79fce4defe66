/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A generator of UDP datagrams with correct checksums: from a packet socket that skips the queueing
 * discipline. How it is called: order.h.
 */
#include "tests/bench/order.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64

/* xorshift64: the same flows in each run. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Makes @frame, a copy of @first, the datagram of that flow. */
static void frame_vary(struct frame *frame, const struct frame *first, const struct order *order, uint64_t flow)
{
	uint16_t length = ntohs(frame->udp.len);
	uint64_t host = order->same_port ? flow % ORDER_HOSTS : flow / ORDER_PORTS;
	uint64_t port = order->same_port ? flow / ORDER_HOSTS : flow % ORDER_PORTS;

	frame->ip.saddr = htonl(ntohl(first->ip.saddr) + (uint32_t)host);
	frame->udp.source = htons((uint16_t)(ntohs(first->udp.source) + port));
	frame->ip.check = 0;
	frame->ip.check = order_fold(order_sum(&frame->ip, sizeof(frame->ip), 0));
	frame->udp.check = 0;
	frame->udp.check =
	    order_fold(order_sum(&frame->udp, length, order_sum(&frame->ip.saddr, 8, IPPROTO_UDP + length)));
}

static struct departure flood(void *context, const struct order *order)
{
	static struct frame frames[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr batch[BATCH] = { 0 };
	int fd = *(int *)context;
	uint64_t start = order_now_ns(), end = start + (uint64_t)(order->seconds * 1e9), sent = 0, now = start,
		 state = 88172645463325252;
	unsigned int each = order->rate ? 16 : BATCH;

	/* Whole turns of the sizes. */
	each -= each % order->sizes;
	for (unsigned int i = 0; i < each; i++) {
		frames[i] = order->frames[i % order->sizes];
		parts[i] = (struct iovec){ .iov_base = &frames[i], .iov_len = order->lengths[i % order->sizes] };
		batch[i].msg_hdr.msg_iov = &parts[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	while ((now = order_now_ns()) < end && sent < order->count) {
		unsigned int wanted = order->count - sent < each ? (unsigned int)(order->count - sent) : each;
		int done;

		/* Spinning keeps the pace even; sleeping would send bursts. */
		if (order->rate && sent > (now - start) * order->rate / NS_PER_S)
			continue;
		for (unsigned int i = 0; order->flows && i < wanted; i++)
			frame_vary(&frames[i], &order->frames[0], order,
				   (order->random ? next_random(&state) : sent + i) % order->flows);
		done = sendmmsg(fd, batch, wanted, 0);
		if (done > 0)
			sent += (uint64_t)done;
		else if (errno != ENOBUFS && errno != EAGAIN)
			break;
	}
	return (struct departure){ sent, start, now };
}

int main(int argc, char **argv)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IP) };
	static struct order order;
	int fd, one = 1, code;

	if (!order_read(&order, argc, argv))
		return 2;
	/* Protocol 0: this socket receives nothing. */
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	address.sll_ifindex = (int)if_nametoindex(order.interface);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror("flood");
		return 1;
	}
	code = order_run(&order, flood, &fd);
	close(fd);
	return code;
}
