/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

struct routes {
	struct mnl_socket *socket;
	uint32_t sequence;
};

int routes_create(struct routes **routes)
{
	struct routes *made = calloc(1, sizeof(*made));
	int error;

	if (!made)
		return -ENOMEM;
	made->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!made->socket || mnl_socket_bind(made->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		routes_destroy(made);
		return error;
	}
	*routes = made;
	return 0;
}

void routes_destroy(struct routes *routes)
{
	if (!routes)
		return;
	if (routes->socket)
		mnl_socket_close(routes->socket);
	free(routes);
}

static struct nlmsghdr *question(struct routes *routes, void *buffer, const struct address *address,
				 uint32_t via_interface, uint32_t mark)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	bool ipv4 = address_is_ipv4(address);
	struct rtmsg *route;

	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = ++routes->sequence;
	route = mnl_nlmsg_put_extra_header(message, sizeof(*route));
	route->rtm_family = ipv4 ? AF_INET : AF_INET6;
	route->rtm_dst_len = ipv4 ? 32 : 128;
	/* What stands in the table, not what the kernel would make of it in want of a route. */
	route->rtm_flags = RTM_F_FIB_MATCH;
	mnl_attr_put(message, RTA_DST, ipv4 ? 4 : 16, ipv4 ? address->bytes + 12 : address->bytes);
	if (via_interface)
		mnl_attr_put_u32(message, RTA_OIF, via_interface);
	if (mark)
		mnl_attr_put_u32(message, RTA_MARK, mark);
	return message;
}

/* The interface in a route that came as an answer. */
static uint32_t answer_interface(const struct nlmsghdr *message, uint32_t via_interface)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;

	if (route->rtm_type != RTN_UNICAST && route->rtm_type != RTN_LOCAL)
		return 0;
	mnl_attr_for_each(attribute, message, sizeof(*route)) {
		if (mnl_attr_get_type(attribute) == RTA_OIF)
			return mnl_attr_get_u32(attribute);
		/* Several next hops: the kernel has matched the interface asked for among them. */
		if (mnl_attr_get_type(attribute) == RTA_MULTIPATH)
			return via_interface ? via_interface
					     : (uint32_t)((const struct rtnexthop *)mnl_attr_get_payload(attribute))
						       ->rtnh_ifindex;
	}
	return 0;
}

uint32_t routes_interface(struct routes *routes, const struct address *address, uint32_t via_interface, uint32_t mark)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct nlmsghdr *message = question(routes, buffer, address, via_interface, mark);
	ssize_t length;

	if (mnl_socket_sendto(routes->socket, message, message->nlmsg_len) < 0)
		return 0;
	/* The kernel answers before sendto() returns: an answer to an earlier question is passed over. */
	while ((length = recv(mnl_socket_get_fd(routes->socket), buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		message = (struct nlmsghdr *)(void *)buffer;
		if (!mnl_nlmsg_ok(message, (int)length) || message->nlmsg_seq != routes->sequence)
			continue;
		return message->nlmsg_type == RTM_NEWROUTE ? answer_interface(message, via_interface) : 0;
	}
	return 0;
}
