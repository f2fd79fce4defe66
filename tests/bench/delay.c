/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a datagram is under way: from the call that sends it in one network namespace to the
 * kernel's timestamp when it arrives in another. No process has to wake up for that, and both
 * ends read one clock.
 *
 *	delay SENDER-NAMESPACE RECEIVER-NAMESPACE ADDRESS PORT FLOWS WARM LATER
 *
 * Each of FLOWS new flows sends a first datagram and is answered; WARM more go both ways, so that
 * a fast path may take the flow over; LATER more are measured. Prints one JSON object: median and
 * 99th percentile of first and later datagrams in us, and how many were lost.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 100
#define PAUSE_NS 200000 /* between two datagrams: the gateway is idle again */

struct series {
	double *us;
	size_t count, lost;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now); /* what the timestamps are of */
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Return: a socket of that namespace, or -1. */
static int socket_in(const char *namespace)
{
	int fd = open(namespace, O_RDONLY | O_CLOEXEC), made;

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return -1;
	close(fd);
	made = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return made;
}

/* Takes datagrams until number @wanted is there. Return: ns at which it arrived, or 0. */
static int64_t receive(int fd, uint64_t wanted, struct sockaddr_in *from)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t number;

	while (poll(&ready, 1, PATIENCE_MS) == 1) {
		char control[256];
		struct iovec part = { .iov_base = &number, .iov_len = sizeof(number) };
		struct msghdr message = { .msg_name = from,
					  .msg_namelen = sizeof(*from),
					  .msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		struct timespec stamp;

		if (recvmsg(fd, &message, 0) != sizeof(number) || number != wanted)
			continue;
		for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
			if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_TIMESTAMPNS)
				continue;
			memcpy(&stamp, CMSG_DATA(at), sizeof(stamp));
			return (int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
		}
	}
	return 0;
}

/* One datagram, and its answer when @answered. */
static void measure(int sender, int receiver, bool answered, struct series *series)
{
	static uint64_t number;
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct sockaddr_in from = { 0 };
	int64_t begin, end;

	nanosleep(&pause, NULL);
	number++;
	begin = now_ns();
	if (send(sender, &number, sizeof(number), 0) != sizeof(number)) {
		series->lost++;
		return;
	}
	end = receive(receiver, number, &from);
	if (!end) {
		series->lost++;
		return;
	}
	series->us[series->count++] = (double)(end - begin) / 1e3;
	if (answered) {
		struct pollfd ready = { .fd = sender, .events = POLLIN };
		char answer[16];

		(void)sendto(receiver, &number, sizeof(number), 0, (struct sockaddr *)&from, sizeof(from));
		if (poll(&ready, 1, PATIENCE_MS) == 1)
			(void)recv(sender, answer, sizeof(answer), 0);
	}
}

static int order_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *name, struct series *series)
{
	size_t count = series->count;

	qsort(series->us, count, sizeof(*series->us), order_double);
	printf("\"%s\":{\"count\":%zu,\"lost\":%zu,\"median\":%.1f,\"p99\":%.1f}", name, count, series->lost,
	       count ? series->us[count / 2] : 0, count ? series->us[count * 99 / 100] : 0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct series first = { 0 }, warming = { 0 }, later = { 0 };
	unsigned int flows, warm, more;
	int receiver, home, one = 1;

	if (argc != 8 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: delay SENDER-NAMESPACE RECEIVER-NAMESPACE ADDRESS PORT FLOWS WARM LATER\n");
		return 2;
	}
	to.sin_port = htons((uint16_t)atoi(argv[4]));
	flows = (unsigned int)atoi(argv[5]);
	warm = (unsigned int)atoi(argv[6]);
	more = (unsigned int)atoi(argv[7]);
	first.us = calloc(flows, sizeof(double));
	warming.us = calloc((size_t)flows * warm + 1, sizeof(double));
	later.us = calloc((size_t)flows * more + 1, sizeof(double));
	receiver = socket_in(argv[2]);
	if (!first.us || !warming.us || !later.us || receiver < 0 ||
	    setsockopt(receiver, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) ||
	    bind(receiver, (struct sockaddr *)&(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = to.sin_port },
		 sizeof(to))) {
		perror("delay: receiver");
		return 1;
	}
	for (unsigned int flow = 0; flow < flows; flow++) {
		home = socket_in(argv[1]);
		if (home < 0 || connect(home, (struct sockaddr *)&to, sizeof(to))) {
			perror("delay: sender");
			return 1;
		}
		measure(home, receiver, true, &first);
		for (unsigned int i = 0; i < warm; i++)
			measure(home, receiver, true, &warming);
		for (unsigned int i = 0; i < more; i++)
			measure(home, receiver, false, &later);
		close(home);
	}
	printf("{");
	print("first", &first);
	printf(",");
	print("later", &later);
	printf("}\n");
	return 0;
}
