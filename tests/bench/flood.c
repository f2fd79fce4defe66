/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sender that outruns a router: UDP datagrams with a correct checksum, again and again,
 * from a packet socket that skips the queueing discipline.
 *
 *	flood [-n COUNT] [-r] [-s] [-e] [-w NAMESPACE] INTERFACE NEXT-HOP-MAC SOURCE SPORT DESTINATION DPORT SECONDS
 *RATE [PAYLOAD[,PAYLOAD...] [FLOWS]]
 *
 * RATE is in packets a second, 0 without limit; COUNT ends it before SECONDS have passed. Several
 * payloads take turns. With FLOWS each datagram is of another flow, that many in turn: PORTS source
 * ports from SPORT on, then those of the next source address. -r takes one of them at random each
 * time, -s takes HOSTS addresses in turn with the source port SPORT, then with the next one, -e begins the payload
 * with the mark that reflect.bpf.c answers. Prints how many were sent; with -w also how many packets
 * eth0 of that namespace received, and the us until the last of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define PORTS 40000u
#define HOSTS 8192u
#define SIZES 16
#define MARK_ECHO 'E'	  /* known to reflect.bpf.c */
#define QUIET_NS 50000000 /* after that nothing waits in a queue any more */
#define NS_PER_S 1000000000ull

struct frame {
	struct ether_header ethernet;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[1472];
} __attribute__((packed));

struct order {
	struct frame frames[SIZES]; /* one for each size */
	size_t lengths[SIZES];
	unsigned int sizes;
	double seconds;
	uint64_t rate, count, flows;
	bool random, same_port, echo;
};

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
static size_t frame_build(struct frame *frame, char **argument, size_t payload, bool echo)
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
	if (echo && payload)
		frame->payload[0] = MARK_ECHO;
	sum = sum_words(&frame->ip.saddr, 8, IPPROTO_UDP + udp_length);
	frame->udp.check = fold(sum_words(&frame->udp, udp_length, sum));
	return sizeof(struct ether_header) + sizeof(struct iphdr) + udp_length;
}

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
	uint64_t host = order->same_port ? flow % HOSTS : flow / PORTS;
	uint64_t port = order->same_port ? flow / HOSTS : flow % PORTS;

	frame->ip.saddr = htonl(ntohl(first->ip.saddr) + (uint32_t)host);
	frame->udp.source = htons((uint16_t)(ntohs(first->udp.source) + port));
	frame->ip.check = 0;
	frame->ip.check = fold(sum_words(&frame->ip, sizeof(frame->ip), 0));
	frame->udp.check = 0;
	frame->udp.check = fold(sum_words(&frame->udp, length, sum_words(&frame->ip.saddr, 8, IPPROTO_UDP + length)));
}

static uint64_t flood(int fd, const struct order *order)
{
	static struct frame frames[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr batch[BATCH] = { 0 };
	uint64_t start = now_ns(), end = start + (uint64_t)(order->seconds * 1e9), sent = 0, now,
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
	while ((now = now_ns()) < end && sent < order->count) {
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
	return sent;
}

/* Return: packets that eth0 of the namespace this process is in has received. */
static uint64_t received(void)
{
	FILE *devices = fopen("/proc/self/net/dev", "re");
	unsigned long long packets = 0;
	char line[512];

	while (devices && fgets(line, sizeof(line), devices))
		if (sscanf(line, " eth0: %*u %llu", &packets) == 1)
			break;
	if (devices)
		fclose(devices);
	return packets;
}

/* Floods, and waits in the receiver's namespace until nothing more comes. Return: how many were sent. */
static uint64_t flood_watched(int fd, const struct order *order, uint64_t *came, uint64_t *took_ns)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t before = received(), start = now_ns(), last, now, sent;

	sent = flood(fd, order);
	*took_ns = now_ns() - start;
	last = received();
	for (uint64_t quiet = now_ns(); now_ns() - quiet < QUIET_NS;) {
		nanosleep(&pause, NULL);
		now = received();
		if (now == last)
			continue;
		last = now;
		quiet = now_ns();
		*took_ns = quiet - start;
	}
	*came = last - before;
	return sent;
}

/* Return: whether the arguments from @argument on make sense. */
static bool order_read(struct order *order, int count, char **argument)
{
	const char *sizes = count > 9 ? argument[9] : "18";

	if (count < 9)
		return false;
	order->seconds = atof(argument[7]);
	order->rate = strtoull(argument[8], NULL, 10);
	order->flows = count > 10 ? strtoull(argument[10], NULL, 10) : 0;
	for (char *end; *sizes && order->sizes < SIZES; sizes = *end ? end + 1 : end) {
		size_t payload = (size_t)strtoul(sizes, &end, 10), length;

		if (end == sizes || payload > sizeof(order->frames[0].payload))
			return false;
		length = frame_build(&order->frames[order->sizes], argument, payload, order->echo);
		if (!length)
			return false;
		order->lengths[order->sizes++] = length;
	}
	return order->sizes && !*sizes;
}

int main(int argc, char **argv)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IP) };
	static struct order order = { .count = UINT64_MAX };
	const char *watched = NULL;
	uint64_t sent, came, took;
	int fd, one = 1;

	for (int option; (option = getopt(argc, argv, "+n:w:rse")) != -1;) {
		if (option == 'n')
			order.count = strtoull(optarg, NULL, 10);
		if (option == 'w')
			watched = optarg;
		order.random |= option == 'r';
		order.same_port |= option == 's';
		order.echo |= option == 'e';
	}
	argv += optind - 1;
	if (!order_read(&order, argc - optind + 1, argv)) {
		fprintf(stderr, "usage: flood [-n COUNT] [-w NAMESPACE] [-rse] INTERFACE MAC SOURCE SPORT DESTINATION "
				"DPORT SECONDS RATE "
				"[PAYLOAD[,PAYLOAD...] [FLOWS]]\n");
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
	if (watched) {
		int namespace = open(watched, O_RDONLY | O_CLOEXEC);

		if (namespace < 0 || setns(namespace, CLONE_NEWNET)) {
			perror(watched);
			return 1;
		}
		close(namespace);
		sent = flood_watched(fd, &order, &came, &took);
		printf("%llu %llu %llu\n", (unsigned long long)sent, (unsigned long long)came,
		       (unsigned long long)(took / 1000));
	} else {
		printf("%llu\n", (unsigned long long)flood(fd, &order));
	}
	close(fd);
	return 0;
}
