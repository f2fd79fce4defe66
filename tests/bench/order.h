/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a generator of datagrams is told to send, by the words of its command line, and how it
 * finds out what of it has arrived. Shared by flood.c and generate.c.
 *
 *	[-n COUNT] [-r] [-s] [-e] [-w NAMESPACE] INTERFACE NEXT-HOP-MAC SOURCE SPORT DESTINATION DPORT SECONDS
 *	RATE [PAYLOAD[,PAYLOAD...] [FLOWS]]
 *
 * RATE is in packets a second, 0 without limit; COUNT ends it before SECONDS have passed. Several
 * payloads take turns. With FLOWS each datagram is of another flow, that many in turn: ORDER_PORTS source
 * ports from SPORT on, then those of the next source address. -r takes one of them at random each
 * time, -s takes ORDER_HOSTS addresses in turn with the source port SPORT, then with the next one, -e
 * begins the payload with the mark that reflect.bpf.c answers. Prints how many were sent; with -w also
 * how many packets eth0 of that namespace received, and the us from the first that was sent until the last of them.
 */
#ifndef SLUICE_TESTS_BENCH_ORDER_H
#define SLUICE_TESTS_BENCH_ORDER_H

#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORDER_PORTS 40000u
#define ORDER_HOSTS 8192u
#define ORDER_SIZES 16
#define NS_PER_S 1000000000ull

struct frame {
	struct ether_header ethernet;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[1472];
} __attribute__((packed));

/**
 * struct order - the command line, read
 * @interface: to send from
 * @watched: path of the namespace where the datagrams arrive, or NULL
 * @frames, @lengths: the first flow's datagram, one for each size
 * @seconds, @rate, @count: how long, packets a second (0: no limit), how many at most
 * @flows: 0: all datagrams are of one flow
 */
struct order {
	const char *interface, *watched;
	struct frame frames[ORDER_SIZES];
	size_t lengths[ORDER_SIZES];
	unsigned int sizes;
	double seconds;
	uint64_t rate, count, flows;
	bool random, same_port, echo;
};

/** struct departure - what was sent: how many datagrams; CLOCK_MONOTONIC of the first of them and of the last */
struct departure {
	uint64_t sent, first_ns, last_ns;
};

/* Sends as @order says from what order_run() was given. */
typedef struct departure order_sender(void *context, const struct order *order);

/* Return: whether the command line makes sense; else how it is used has been printed. */
bool order_read(struct order *order, int count, char **argument);

/* Runs @send, watches what arrives and prints both. Return: the exit code. */
int order_run(const struct order *order, order_sender *send, void *context);

/* Not folded; @sum goes on from a sum of whole words. */
uint32_t order_sum(const void *bytes, size_t length, uint32_t sum);
/* Return: the checksum of that sum, big-endian. */
uint16_t order_fold(uint32_t sum);

/* CLOCK_MONOTONIC */
uint64_t order_now_ns(void);

#endif
