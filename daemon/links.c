/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A notification says only that something is different: soon
 * after it everything is read anew. Nothing can be missed that way, not even when
 * the socket overflowed, and a burst of notifications costs one reading. One that does
 * not end costs ten readings a second, and is no reason to wait for ever.
 */
#include "daemon/links.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "daemon/log.h"
#include "daemon/loop.h"

#define SETTLE_MS 10u
#define UNREAD_MS 100u
#define RETRY_MS 200u
#define DUMP_ATTEMPTS 5

struct reading {
	struct link *list;
	size_t count, capacity;
	size_t lost; /* addresses that found no room */
	bool failed; /* no memory */
};

struct links {
	struct link_table table;
	struct link *list;
	struct mnl_socket *news;
	struct loop_watch *watch;
	struct loop_timer *settle;
	bool unread;	   /* there was news since everything was read */
	struct mono since; /* and when the first of it was */
	uint32_t sequence;
	size_t lost;
	void (*changed)(void *context);
	void *context;
};

/* ------------------------------------------------------------------- messages */

/* Of these kinds, packets come in that belong to the interface below. */
static bool is_alias_kind(const struct nlattr *information)
{
	static const char *const kinds[] = { "macvlan", "macvtap", "ipvlan", "ipvtap", "vrf" };
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, information)
	{
		if (mnl_attr_get_type(attribute) != IFLA_INFO_KIND ||
		    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
			continue;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (strcmp(mnl_attr_get_str(attribute), kinds[i]) == 0)
				return true;
	}
	return false;
}

static int read_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct reading *reading = data;
	const struct nlattr *attribute;
	struct link *link;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	if (reading->count == reading->capacity) {
		size_t capacity = reading->capacity ? 2 * reading->capacity : 16;
		struct link *list = realloc(reading->list, capacity * sizeof(*list));

		if (!list) {
			reading->failed = true;
			return MNL_CB_OK;
		}
		reading->list = list;
		reading->capacity = capacity;
	}
	link = &reading->list[reading->count++];
	memset(link, 0, sizeof(*link)); /* padding too: tables are compared as bytes */
	link->index = (uint32_t)info->ifi_index;
	link->type = info->ifi_type;
	link->up = info->ifi_flags & IFF_UP;
	link->loopback = info->ifi_flags & IFF_LOOPBACK;
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
				strncpy(link->name, mnl_attr_get_str(attribute), sizeof(link->name) - 1);
			break;
		case IFLA_MTU:
			link->mtu = mnl_attr_get_u32(attribute);
			break;
		case IFLA_GROUP:
			link->group = mnl_attr_get_u32(attribute);
			break;
		case IFLA_LINKINFO:
			link->alias = is_alias_kind(attribute);
			break;
		}
	}
	return MNL_CB_OK;
}

static bool read_address_bytes(const struct nlattr *attribute, uint8_t family, struct address *address)
{
	size_t length = mnl_attr_get_payload_len(attribute);

	if (family == AF_INET && length == 4)
		*address = address_from_ipv4(mnl_attr_get_payload(attribute));
	else if (family == AF_INET6 && length == 16)
		*address = address_from_ipv6(mnl_attr_get_payload(attribute));
	else
		return false;
	return true;
}

static struct link *reading_link(struct reading *reading, uint32_t index)
{
	struct link_table table = { .count = reading->count, .links = reading->list };

	return (struct link *)(uintptr_t)link_lookup(&table, index);
}

/* IFA_LOCAL is the machine's own address; without it, or for lack of a peer, IFA_ADDRESS is. */
static int read_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(message);
	struct reading *reading = data;
	struct link *link = reading_link(reading, info->ifa_index);
	struct address local = { { 0 } }, address = { { 0 } };
	bool has_local = false, has_address = false;
	uint32_t flags = info->ifa_flags;
	const struct nlattr *attribute;
	struct link_address *entry;

	if (message->nlmsg_type != RTM_NEWADDR || !link)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*info))
	{
		switch (mnl_attr_get_type(attribute)) {
		case IFA_LOCAL:
			has_local = read_address_bytes(attribute, info->ifa_family, &local);
			break;
		case IFA_ADDRESS:
			has_address = read_address_bytes(attribute, info->ifa_family, &address);
			break;
		case IFA_FLAGS:
			flags = mnl_attr_get_u32(attribute);
			break;
		}
	}
	if (!has_local && !has_address)
		return MNL_CB_OK;
	if (link->address_count == LINK_ADDRESS_LIMIT) {
		reading->lost++;
		return MNL_CB_OK;
	}
	entry = &link->addresses[link->address_count++];
	entry->address = has_local ? local : address;
	if (has_local && has_address && !address_equal(&local, &address))
		entry->peer = address;
	entry->prefix_length = info->ifa_prefixlen;
	entry->secondary = flags & IFA_F_SECONDARY;
	entry->global = info->ifa_scope < RT_SCOPE_LINK;
	entry->usable =
	    !(flags & (IFA_F_DEPRECATED | IFA_F_DADFAILED)) && (!(flags & IFA_F_TENTATIVE) || flags & IFA_F_OPTIMISTIC);
	return MNL_CB_OK;
}

/* -------------------------------------------------------------------- reading */

static int dump_receive(struct mnl_socket *socket, uint32_t sequence, mnl_cb_t each, struct reading *reading)
{
	char buffer[32768];
	int result = MNL_CB_OK;

	while (result > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (length < 0)
			return -errno;
		result = mnl_cb_run(buffer, (size_t)length, sequence, mnl_socket_get_portid(socket), each, reading);
	}
	return result < 0 ? -errno : 0;
}

static int dump(struct links *links, struct mnl_socket *socket, uint16_t type, mnl_cb_t each, struct reading *reading)
{
	char buffer[128];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++links->sequence;
	if (type == RTM_GETLINK) {
		mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
		mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	} else {
		mnl_nlmsg_put_extra_header(message, sizeof(struct ifaddrmsg));
	}
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -errno;
	return dump_receive(socket, links->sequence, each, reading);
}

static int link_compare(const void *a, const void *b)
{
	uint32_t left = ((const struct link *)a)->index, right = ((const struct link *)b)->index;

	return (left > right) - (left < right);
}

static int read_once(struct links *links, struct reading *reading)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int error;

	*reading = (struct reading){ 0 };
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		goto cleanup;
	}
	error = dump(links, socket, RTM_GETLINK, read_link, reading);
	if (error)
		goto cleanup;
	if (reading->count)
		qsort(reading->list, reading->count, sizeof(*reading->list), link_compare);
	error = dump(links, socket, RTM_GETADDR, read_address, reading);
	if (!error && reading->failed)
		error = -ENOMEM;
cleanup:
	if (socket)
		mnl_socket_close(socket);
	if (error)
		free(reading->list);
	return error;
}

/* Returns 1 when the table has changed, 0 when not, or negative errno. */
static int links_read(struct links *links)
{
	struct reading reading;
	int error = -EINTR;

	/* -EINTR: something changed while the kernel was listing it. */
	for (int attempt = 0; attempt < DUMP_ATTEMPTS && error == -EINTR; attempt++)
		error = read_once(links, &reading);
	if (error)
		return error;
	if (reading.lost && reading.lost != links->lost)
		log_write(LOG_LEVEL_WARNING, "links: %zu addresses are ignored: an interface has more than %d",
			  reading.lost, LINK_ADDRESS_LIMIT);
	links->lost = reading.lost;
	if (reading.count == links->table.count &&
	    (!reading.count || memcmp(reading.list, links->list, reading.count * sizeof(*reading.list)) == 0)) {
		free(reading.list);
		return 0;
	}
	free(links->list);
	links->list = reading.list;
	links->table = (struct link_table){ .count = reading.count, .links = reading.list };
	return 1;
}

static void links_settled(void *context)
{
	struct links *links = context;
	int result;

	links->unread = false;
	result = links_read(links);
	if (result > 0) {
		links->changed(links->context);
	} else if (result < 0) {
		errno = -result;
		log_write(LOG_LEVEL_WARNING, "links: cannot read interfaces, trying again: %m");
		loop_timer_start(links->settle, RETRY_MS);
	}
}

static void links_news(void *context, unsigned int events)
{
	struct links *links = context;
	char buffer[16384];
	ssize_t length;

	(void)events;
	do
		length = recv(mnl_socket_get_fd(links->news), buffer, sizeof(buffer), MSG_DONTWAIT);
	while (length > 0 || (length < 0 && errno == EINTR));
	if (!links->unread)
		links->since = loop_now();
	/* The timer stands since the last news. */
	if (!links->unread || mono_ms_between(links->since, loop_now()) < UNREAD_MS)
		loop_timer_start(links->settle, SETTLE_MS);
	links->unread = true;
}

int links_create(struct loop *loop, void (*changed)(void *context), void *context, struct links **links)
{
	struct links *made = calloc(1, sizeof(*made));
	int error = -ENOMEM;

	if (!made)
		return -ENOMEM;
	made->changed = changed;
	made->context = context;
	made->news = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!made->news || mnl_socket_bind(made->news, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
					   MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		goto cleanup;
	}
	made->watch = loop_watch_create(loop, mnl_socket_get_fd(made->news), LOOP_READ, links_news, made);
	made->settle = loop_timer_create(loop, links_settled, made);
	if (!made->watch || !made->settle)
		goto cleanup;
	error = links_read(made);
	if (error < 0)
		goto cleanup;
	*links = made;
	return 0;
cleanup:
	links_destroy(made);
	return error;
}

void links_destroy(struct links *links)
{
	if (!links)
		return;
	loop_watch_destroy(links->watch);
	loop_timer_destroy(links->settle);
	if (links->news)
		mnl_socket_close(links->news);
	free(links->list);
	free(links);
}

const struct link_table *links_table(const struct links *links)
{
	return &links->table;
}
