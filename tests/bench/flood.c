/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sender that outruns a router: one UDP datagram with a correct checksum, again and again,
 * from a packet socket that skips the queueing discipline.
 *
 *	flood INTERFACE NEXT-HOP-MAC SOURCE SPORT DESTINATION DPORT SECONDS RATE [PAYLOAD [FLOWS]]
 *
 * RATE is in packets a second, 0 without limit. With FLOWS each datagram is of another flow,
 * that many in turn: PORTS source ports from SPORT on, then those of the next source address.
 * Prints how many were sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define PORTS 40000u
#define NS_PER_S 1000000000ull

struct frame {
	struct ether_header ethernet;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[1400];
} __attribute__((packed));

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint32_t sum_words(const void *bytes, size_t length, uint32_t sum)
{
	const uint8_t *at = bytes;

	for (; length > 1; length -= 2, at += 2)
		sum += (uint32_t)at[0] << 8 | at[1];
	return length ? sum + ((uint32_t)at[0] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Return: the length of the frame, 0 when an argument makes no sense. */
static size_t frame_build(struct frame *frame, char **argument, size_t payload)
{
	uint16_t udp_length = (uint16_t)(sizeof(struct udphdr) + payload);
	unsigned int mac[6];
	uint32_t sum;

	memset(frame, 0, sizeof(*frame));
	if (sscanf(argument[2], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		return 0;
	for (int i = 0; i < 6; i++)
		frame->ethernet.ether_dhost[i] = (uint8_t)mac[i];
	frame->ethernet.ether_shost[0] = 2;
	frame->ethernet.ether_type = htons(ETHERTYPE_IP);
	frame->ip.version = 4;
	frame->ip.ihl = 5;
	frame->ip.ttl = 64;
	frame->ip.protocol = IPPROTO_UDP;
	frame->ip.tot_len = htons((uint16_t)(sizeof(struct iphdr) + udp_length));
	frame->ip.frag_off = htons(IP_DF);
	if (inet_pton(AF_INET, argument[3], &frame->ip.saddr) != 1 ||
	    inet_pton(AF_INET, argument[5], &frame->ip.daddr) != 1)
		return 0;
	frame->ip.check = fold(sum_words(&frame->ip, sizeof(frame->ip), 0));
	frame->udp.source = htons((uint16_t)atoi(argument[4]));
	frame->udp.dest = htons((uint16_t)atoi(argument[6]));
	frame->udp.len = htons(udp_length);
	sum = sum_words(&frame->ip.saddr, 8, IPPROTO_UDP + udp_length);
	frame->udp.check = fold(sum_words(&frame->udp, udp_length, sum));
	return sizeof(struct ether_header) + sizeof(struct iphdr) + udp_length;
}

/* Makes @frame, a copy of @first, the datagram of that flow; without a UDP checksum. */
static void frame_vary(struct frame *frame, const struct frame *first, uint64_t flow)
{
	frame->ip.saddr = htonl(ntohl(first->ip.saddr) + (uint32_t)(flow / PORTS));
	frame->udp.source = htons((uint16_t)(ntohs(first->udp.source) + flow % PORTS));
	frame->udp.check = 0;
	frame->ip.check = 0;
	frame->ip.check = fold(sum_words(&frame->ip, sizeof(frame->ip), 0));
}

static uint64_t flood(int fd, const struct frame *frame, size_t length, double seconds, uint64_t rate, uint64_t flows)
{
	static struct frame frames[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr batch[BATCH] = { 0 };
	uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), sent = 0, now;

	for (int i = 0; i < BATCH; i++) {
		frames[i] = *frame;
		parts[i] = (struct iovec){ .iov_base = &frames[i], .iov_len = length };
		batch[i].msg_hdr.msg_iov = &parts[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	while ((now = now_ns()) < end) {
		int done;

		/* Spinning keeps the pace even; sleeping would send bursts. */
		if (rate && sent > (now - start) * rate / NS_PER_S)
			continue;
		for (unsigned int i = 0; flows && i < (rate ? 16 : BATCH); i++)
			frame_vary(&frames[i], frame, (sent + i) % flows);
		done = sendmmsg(fd, batch, rate ? 16 : BATCH, 0);
		if (done > 0)
			sent += (uint64_t)done;
		else if (errno != ENOBUFS && errno != EAGAIN)
			break;
	}
	return sent;
}

int main(int argc, char **argv)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IP) };
	static struct frame frame;
	size_t length, payload;
	int fd, one = 1;

	if (argc < 9) {
		fprintf(stderr,
			"usage: flood INTERFACE MAC SOURCE SPORT DESTINATION DPORT SECONDS RATE [PAYLOAD [FLOWS]]\n");
		return 2;
	}
	payload = argc > 9 ? (size_t)strtoul(argv[9], NULL, 10) : 18;
	length = payload <= sizeof(frame.payload) ? frame_build(&frame, argv, payload) : 0;
	if (!length) {
		fprintf(stderr, "flood: an address, a port or the payload's size makes no sense\n");
		return 2;
	}
	/* Protocol 0: this socket receives nothing. */
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	address.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror("flood");
		return 1;
	}
	printf("%llu\n", (unsigned long long)flood(fd, &frame, length, atof(argv[7]), strtoull(argv[8], NULL, 10),
						   argc > 10 ? strtoull(argv[10], NULL, 10) : 0));
	close(fd);
	return 0;
}
