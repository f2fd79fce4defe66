/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The number of policies is all that matters: which packets they are for is not worth
 * knowing, since whoever uses IPsec on a gateway has the kernel forward by it.
 */
#include "daemon/ipsec.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/xfrm.h>

#include "daemon/loop.h"

struct ipsec {
	struct mnl_socket *news;
	struct loop_watch *watch;
	bool in_use;
	void (*changed)(void *context);
	void *context;
};

static int note_count(const struct nlattr *attribute, void *data)
{
	const struct xfrmu_spdinfo *info = mnl_attr_get_payload(attribute);

	if (mnl_attr_get_type(attribute) == XFRMA_SPD_INFO && mnl_attr_get_payload_len(attribute) >= sizeof(*info))
		*(bool *)data = info->outcnt || info->fwdcnt;
	return MNL_CB_OK;
}

/* One question, one answer. */
static int count_policies(bool *any)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC);
	char buffer[1024] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	ssize_t length = -1;
	int error = 0;

	if (!socket)
		return -errno;
	message->nlmsg_type = XFRM_MSG_GETSPDINFO;
	message->nlmsg_flags = NLM_F_REQUEST;
	*(uint32_t *)mnl_nlmsg_put_extra_header(message, sizeof(uint32_t)) = UINT32_MAX;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_sendto(socket, message, message->nlmsg_len) >= 0)
		length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (length < 0)
		error = -errno;
	else if (mnl_nlmsg_ok(message, (int)length) && message->nlmsg_type == XFRM_MSG_NEWSPDINFO)
		mnl_attr_parse(message, sizeof(uint32_t), note_count, any);
	else
		error = -EPROTO;
	mnl_socket_close(socket);
	return error;
}

static void policy_news(void *context, unsigned int events)
{
	struct ipsec *ipsec = context;
	bool before = ipsec->in_use;
	char buffer[8192];

	(void)events;
	while (recv(mnl_socket_get_fd(ipsec->news), buffer, sizeof(buffer), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
	/* When nobody can tell, nothing is left to chance. */
	if (count_policies(&ipsec->in_use) < 0)
		ipsec->in_use = true;
	if (ipsec->in_use != before)
		ipsec->changed(ipsec->context);
}

int ipsec_create(struct loop *loop, void (*changed)(void *context), void *context, struct ipsec **ipsec)
{
	struct ipsec *made = calloc(1, sizeof(*made));
	int error;

	if (!made)
		return -ENOMEM;
	made->changed = changed;
	made->context = context;
	*ipsec = made;
	made->news = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!made->news) /* a kernel without it */
		return errno == EPROTONOSUPPORT ? 0 : -errno;
	if (mnl_socket_bind(made->news, 1u << (XFRMNLGRP_POLICY - 1), MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	made->watch = loop_watch_create(loop, mnl_socket_get_fd(made->news), LOOP_READ, policy_news, made);
	if (!made->watch)
		return -ENOMEM;
	/* After the socket listens: nothing is missed between. */
	error = count_policies(&made->in_use);
	return error;
}

void ipsec_destroy(struct ipsec *ipsec)
{
	if (!ipsec)
		return;
	loop_watch_destroy(ipsec->watch);
	if (ipsec->news)
		mnl_socket_close(ipsec->news);
	free(ipsec);
}

bool ipsec_in_use(const struct ipsec *ipsec)
{
	return ipsec && ipsec->in_use;
}
