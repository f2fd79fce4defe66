/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/order.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MARK_ECHO 'E'	   /* known to reflect.bpf.c */
#define QUIET_NS 100000000 /* after that nothing waits in a queue any more */

uint64_t order_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint32_t order_sum(const void *bytes, size_t length, uint32_t sum)
{
	const uint8_t *at = bytes;

	for (; length > 1; length -= 2, at += 2)
		sum += (uint32_t)at[0] << 8 | at[1];
	return length ? sum + ((uint32_t)at[0] << 8) : sum;
}

uint16_t order_fold(uint32_t sum)
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
	frame->ip.check = order_fold(order_sum(&frame->ip, sizeof(frame->ip), 0));
	frame->udp.source = htons((uint16_t)atoi(argument[4]));
	frame->udp.dest = htons((uint16_t)atoi(argument[6]));
	frame->udp.len = htons(udp_length);
	if (echo && payload)
		frame->payload[0] = MARK_ECHO;
	sum = order_sum(&frame->ip.saddr, 8, IPPROTO_UDP + udp_length);
	frame->udp.check = order_fold(order_sum(&frame->udp, udp_length, sum));
	return sizeof(struct ether_header) + sizeof(struct iphdr) + udp_length;
}

/* What follows the options. */
static bool read_words(struct order *order, int count, char **argument)
{
	const char *sizes = count > 9 ? argument[9] : "18";

	if (count < 9)
		return false;
	order->interface = argument[1];
	order->seconds = atof(argument[7]);
	order->rate = strtoull(argument[8], NULL, 10);
	order->flows = count > 10 ? strtoull(argument[10], NULL, 10) : 0;
	for (char *end; *sizes && order->sizes < ORDER_SIZES; sizes = *end ? end + 1 : end) {
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

bool order_read(struct order *order, int count, char **argument)
{
	order->count = UINT64_MAX;
	for (int option; (option = getopt(count, argument, "+n:w:rse")) != -1;) {
		if (option == 'n')
			order->count = strtoull(optarg, NULL, 10);
		if (option == 'w')
			order->watched = optarg;
		order->random |= option == 'r';
		order->same_port |= option == 's';
		order->echo |= option == 'e';
	}
	if (read_words(order, count - optind + 1, argument + optind - 1))
		return true;
	fprintf(stderr,
		"usage: %s [-n COUNT] [-w NAMESPACE] [-rse] INTERFACE MAC SOURCE SPORT DESTINATION DPORT "
		"SECONDS RATE [PAYLOAD[,PAYLOAD...] [FLOWS]]\n",
		argument[0]);
	return false;
}

/* Return: /proc/net/dev of that namespace, or -1; this process stays where it is. */
static int open_devices(const char *namespace)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = open(namespace, O_RDONLY | O_CLOEXEC);
	int devices = -1;

	if (home >= 0 && there >= 0 && !setns(there, CLONE_NEWNET)) {
		devices = open("/proc/self/net/dev", O_RDONLY | O_CLOEXEC);
		if (setns(home, CLONE_NEWNET)) {
			close(devices);
			devices = -1;
		}
	}
	if (devices < 0)
		perror(namespace);
	if (home >= 0)
		close(home);
	if (there >= 0)
		close(there);
	return devices;
}

/* Return: packets that eth0 there has received. */
static uint64_t received(int devices)
{
	unsigned long long packets = 0;
	char text[4096];
	const char *line;
	ssize_t length = pread(devices, text, sizeof(text) - 1, 0);

	if (length <= 0)
		return 0;
	text[length] = 0;
	line = strstr(text, " eth0: ");
	if (line)
		sscanf(line, " eth0: %*u %llu", &packets);
	return packets;
}

/*
 * Looks what arrives while the sender is at work: that may take a while to return after its last datagram.
 * @count, @last_ns: packets so far, and when that number was first seen
 */
struct arrivals {
	int devices;
	pthread_t thread;
	_Atomic uint64_t count, last_ns;
	atomic_bool over;
};

static void *arrivals_watch(void *context)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct arrivals *arrivals = context;
	cpu_set_t all;

	/* The sender fills the processor that it was bound to. */
	memset(&all, 0xff, sizeof(all));
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	while (!arrivals->over) {
		uint64_t now = received(arrivals->devices);

		if (now != arrivals->count) {
			arrivals->last_ns = order_now_ns();
			arrivals->count = now;
		}
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* Until nothing has come for a while. */
static void arrivals_end(struct arrivals *arrivals)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t since = order_now_ns();

	do {
		nanosleep(&pause, NULL);
		if (since < arrivals->last_ns)
			since = arrivals->last_ns;
	} while (order_now_ns() < since + QUIET_NS);
	arrivals->over = true;
	pthread_join(arrivals->thread, NULL);
}

int order_run(const struct order *order, order_sender *send, void *context)
{
	struct arrivals arrivals = { 0 };
	struct departure left;
	uint64_t before, last;

	if (!order->watched) {
		printf("%llu\n", (unsigned long long)send(context, order).sent);
		return 0;
	}
	arrivals.devices = open_devices(order->watched);
	if (arrivals.devices < 0)
		return 1;
	before = arrivals.count = received(arrivals.devices);
	if (pthread_create(&arrivals.thread, NULL, arrivals_watch, &arrivals)) {
		close(arrivals.devices);
		return 1;
	}
	left = send(context, order);
	arrivals_end(&arrivals);
	close(arrivals.devices);
	last = arrivals.last_ns > left.first_ns ? arrivals.last_ns : left.last_ns;
	printf("%llu %llu %llu\n", (unsigned long long)left.sent, (unsigned long long)(arrivals.count - before),
	       (unsigned long long)(last - left.first_ns) / 1000);
	return 0;
}
