/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "daemon/loop.h"
#include "daemon/route_cache.h"

/* @cache: of what routes_forward() was answered, from routes_follow() on: before, nobody tells of a change */
struct routes {
	struct mnl_socket *socket;
	uint32_t sequence;
	struct mnl_socket *news;
	struct loop_watch *watch;
	void (*changed)(void *context);
	void *context;
	struct route_cache *cache;
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
	loop_watch_destroy(routes->watch);
	if (routes->news)
		mnl_socket_close(routes->news);
	if (routes->socket)
		mnl_socket_close(routes->socket);
	route_cache_destroy(routes->cache);
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
	mnl_attr_for_each(attribute, message, sizeof(*route))
	{
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

/* Sends @message, whose answer takes its place in the @size bytes of it; NULL without one. */
static struct nlmsghdr *ask(struct routes *routes, struct nlmsghdr *message, size_t size)
{
	ssize_t length;

	if (mnl_socket_sendto(routes->socket, message, message->nlmsg_len) < 0)
		return NULL;
	/* The kernel answers before sendto() returns: an answer to an earlier question is passed over. */
	while ((length = recv(mnl_socket_get_fd(routes->socket), message, size, MSG_DONTWAIT)) > 0) {
		if (mnl_nlmsg_ok(message, (int)length) && message->nlmsg_seq == routes->sequence)
			return message->nlmsg_type == RTM_NEWROUTE ? message : NULL;
	}
	return NULL;
}

uint32_t routes_interface(struct routes *routes, const struct address *address, uint32_t via_interface, uint32_t mark)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct nlmsghdr *answer = ask(routes, question(routes, buffer, address, via_interface, mark), sizeof(buffer));

	return answer ? answer_interface(answer, via_interface) : 0;
}

/* ------------------------------------------------------------------ forwarding */

static void put_address(struct nlmsghdr *message, uint16_t type, const struct address *address)
{
	if (address_is_ipv4(address))
		mnl_attr_put(message, type, 4, address->bytes + 12);
	else
		mnl_attr_put(message, type, 16, address->bytes);
}

static uint32_t metric_mtu(const struct nlattr *metrics)
{
	const struct nlattr *metric;

	mnl_attr_for_each_nested(metric, metrics)
	{
		if (mnl_attr_get_type(metric) == RTAX_MTU)
			return mnl_attr_get_u32(metric);
	}
	return 0;
}

/* False for what is not plain forwarding by one next hop of the same family. */
static bool answer_route(const struct nlmsghdr *message, struct route *route)
{
	const struct rtmsg *values = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;

	if (values->rtm_type != RTN_UNICAST)
		return false;
	mnl_attr_for_each(attribute, message, sizeof(*values))
	{
		switch (mnl_attr_get_type(attribute)) {
		case RTA_OIF:
			route->interface = mnl_attr_get_u32(attribute);
			break;
		case RTA_GATEWAY:
			if (values->rtm_family == AF_INET)
				memcpy(route->next_hop.bytes + 12, mnl_attr_get_payload(attribute), 4);
			else
				memcpy(route->next_hop.bytes, mnl_attr_get_payload(attribute), 16);
			break;
		case RTA_METRICS:
			route->mtu = metric_mtu(attribute);
			break;
		case RTA_VIA:
		case RTA_MULTIPATH:
		case RTA_ENCAP:
			return false;
		}
	}
	return route->interface != 0;
}

static bool ask_forward(struct routes *routes, const struct route_question *question, struct route *route)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	bool ipv4 = address_is_ipv4(&question->destination);
	struct rtmsg *values;

	*route = (struct route){ .next_hop = question->destination };
	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = ++routes->sequence;
	values = mnl_nlmsg_put_extra_header(message, sizeof(*values));
	values->rtm_family = ipv4 ? AF_INET : AF_INET6;
	values->rtm_src_len = values->rtm_dst_len = ipv4 ? 32 : 128;
	put_address(message, RTA_SRC, &question->source);
	put_address(message, RTA_DST, &question->destination);
	mnl_attr_put_u32(message, RTA_IIF, question->interface);
	if (question->mark)
		mnl_attr_put_u32(message, RTA_MARK, question->mark);
	message = ask(routes, message, sizeof(buffer));
	return message && answer_route(message, route);
}

bool routes_forward(struct routes *routes, const struct address *source, const struct address *destination,
		    uint32_t interface, uint32_t mark, struct route *route)
{
	const struct route_question question = { *source, *destination, interface, mark };
	const struct route_answer *known;
	struct route_answer answer;
	struct mono now;

	if (!routes->cache)
		return ask_forward(routes, &question, route);
	now = loop_now();
	known = route_cache_lookup(routes->cache, &question, now);
	if (!known) {
		answer.forwards = ask_forward(routes, &question, &answer.route);
		route_cache_store(routes->cache, &question, &answer, now);
		known = &answer;
	}
	*route = known->route;
	return known->forwards;
}

/* ------------------------------------------------------------------- following */

static void routes_news(void *context, unsigned int events)
{
	struct routes *routes = context;
	char buffer[8192];
	bool any = false;

	(void)events;
	/* What changed does not matter, and when some of it was lost neither. */
	while (recv(mnl_socket_get_fd(routes->news), buffer, sizeof(buffer), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		any = true;
	if (!any)
		return;
	routes_forget(routes);
	routes->changed(routes->context);
}

void routes_forget(struct routes *routes)
{
	if (routes->cache)
		route_cache_forget(routes->cache);
}

int routes_follow(struct routes *routes, struct loop *loop, void (*changed)(void *context), void *context)
{
	/* NETCONF tells when forwarding is switched off. */
	const unsigned int groups = 1u << (RTNLGRP_IPV4_ROUTE - 1) | 1u << (RTNLGRP_IPV6_ROUTE - 1) |
				    1u << (RTNLGRP_IPV4_RULE - 1) | 1u << (RTNLGRP_IPV6_RULE - 1) |
				    1u << (RTNLGRP_IPV4_NETCONF - 1) | 1u << (RTNLGRP_IPV6_NETCONF - 1);
	uint64_t secret[2];

	routes->changed = changed;
	routes->context = context;
	routes->news = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!routes->news || mnl_socket_bind(routes->news, groups, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	routes->watch = loop_watch_create(loop, mnl_socket_get_fd(routes->news), LOOP_READ, routes_news, routes);
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return -errno;
	routes->cache = route_cache_create(secret);
	return routes->watch && routes->cache ? 0 : -ENOMEM;
}
