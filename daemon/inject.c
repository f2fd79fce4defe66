/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/inject.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u

struct inject {
	int ipv4, ipv6;
};

/* A raw socket of protocol IPPROTO_RAW takes the IP header as we write it, and receives nothing. */
static int inject_socket(int family, uint32_t mark)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
	int on = 1, error;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == 0 &&
	    (family == AF_INET || setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof(on)) == 0))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int inject_create(uint32_t mark, struct inject **inject)
{
	struct inject *made = malloc(sizeof(*made));
	int error;

	if (!made)
		return -ENOMEM;
	made->ipv4 = inject_socket(AF_INET, mark);
	made->ipv6 = inject_socket(AF_INET6, mark);
	error = made->ipv4 < 0 ? made->ipv4 : made->ipv6 < 0 && made->ipv6 != -EAFNOSUPPORT ? made->ipv6 : 0;
	if (error) {
		inject_destroy(made);
		return error;
	}
	*inject = made;
	return 0;
}

void inject_destroy(struct inject *inject)
{
	if (!inject)
		return;
	if (inject->ipv4 >= 0)
		close(inject->ipv4);
	if (inject->ipv6 >= 0)
		close(inject->ipv6);
	free(inject);
}

int inject_send(struct inject *inject, const uint8_t *bytes, size_t length)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
	ssize_t sent;

	if (length >= IPV4_HEADER && bytes[0] >> 4 == 4) {
		memcpy(&ipv4.sin_addr, bytes + 16, sizeof(ipv4.sin_addr));
		sent = sendto(inject->ipv4, bytes, length, MSG_DONTWAIT, (struct sockaddr *)&ipv4, sizeof(ipv4));
	} else if (length >= IPV6_HEADER && bytes[0] >> 4 == 6) {
		memcpy(&ipv6.sin6_addr, bytes + 24, sizeof(ipv6.sin6_addr));
		sent = sendto(inject->ipv6, bytes, length, MSG_DONTWAIT, (struct sockaddr *)&ipv6, sizeof(ipv6));
	} else {
		return -EINVAL;
	}
	return sent < 0 ? -errno : 0;
}
