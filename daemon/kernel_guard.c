/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A kernel without the flag "persist" (before Linux 6.9) would
 * remove a table that has an owner as soon as that owner is killed, and packets would leave
 * untranslated. There the table has no owner, so that it outlives us, and `nft flush
 * ruleset` takes it away: a firewall that is loaded again does just that.
 *
 * The kernel tells of every change, and by whom. A change of our table that is not our own
 * is answered by the whole table, made anew, at once; a second one within a second waits, so that
 * two who insist do not spin. When news were lost, all that can be seen is whether the table is there.
 */
#include "daemon/kernel_guard.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "daemon/kernel_table.h"
#include "daemon/links.h"
#include "daemon/log.h"
#include "daemon/shell.h"

#define REST_MS 1000u
#define NEWS_BUFFER (1 << 20)
#define NEWS_ROUNDS 64
/* Of tables, chains and rules the name of the table is the first attribute. */
_Static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1, "the table's name");

struct kernel_guard {
	struct shell *shell;
	struct mnl_socket *news;
	struct loop_watch *watch;
	struct loop_timer *rest;
	bool resting; /* a table was put back less than a second ago */
	bool broken;  /* and is not whole again */
};

/* Something happened to our table, or to what is in it. */
static bool concerns_table(const struct nlmsghdr *message)
{
	const struct nfgenmsg *netfilter = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;

	switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
		break;
	default:
		return false;
	}
	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES || netfilter->nfgen_family != NFPROTO_INET)
		return false;
	mnl_attr_for_each(attribute, message, sizeof(*netfilter))
	{
		if (mnl_attr_get_type(attribute) == NFTA_TABLE_NAME &&
		    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
			return strcmp(mnl_attr_get_str(attribute), KERNEL_TABLE_NAME) == 0;
	}
	return false;
}

static bool changed_by_another(const struct kernel_guard *guard, const char *news, size_t length)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)news;
	int left = (int)length;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_pid != kernel_table_port(guard->shell->kernel_table) &&
		    mnl_nlmsg_get_payload_len(message) >= sizeof(struct nfgenmsg) && concerns_table(message))
			return true;
	}
	return false;
}

static void put_back(struct kernel_guard *guard)
{
	struct shell *shell = guard->shell;
	const char *message;

	guard->resting = true;
	loop_timer_start(guard->rest, REST_MS);
	kernel_table_forget(shell->kernel_table);
	guard->broken =
	    kernel_table_apply(shell->kernel_table, shell->configuration, links_table(shell->links), &message) < 0;
	if (guard->broken)
		log_write(LOG_LEVEL_ERROR, "another process has changed table inet sluice, and %s", message);
	else
		log_write(LOG_LEVEL_WARNING, "another process has changed table inet sluice: put back");
}

static void rested(void *context)
{
	struct kernel_guard *guard = context;

	guard->resting = false;
	if (guard->broken)
		put_back(guard);
}

static void news_arrive(void *context, unsigned int events)
{
	struct kernel_guard *guard = context;
	char news[32768];

	(void)events;
	for (unsigned int round = 0; round < NEWS_ROUNDS; round++) {
		ssize_t length = recv(mnl_socket_get_fd(guard->news), news, sizeof(news), MSG_DONTWAIT);

		if (length < 0 && errno == ENOBUFS)
			guard->broken |= !kernel_table_present(guard->shell->kernel_table);
		else if (length < 0 && errno != EINTR)
			break;
		else if (length > 0)
			guard->broken |= changed_by_another(guard, news, (size_t)length);
	}
	if (guard->broken && !guard->resting)
		put_back(guard);
}

int kernel_guard_create(struct shell *shell, struct kernel_guard **guard)
{
	int size = NEWS_BUFFER, group = NFNLGRP_NFTABLES, error = -ENOMEM;
	struct kernel_guard *made;

	*guard = NULL;
	if (kernel_table_protected(shell->kernel_table))
		return 0;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->shell = shell;
	made->news = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!made->news || mnl_socket_bind(made->news, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(made->news, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		error = -errno;
		goto cleanup;
	}
	/* Without the right to it, news are lost more easily. */
	(void)setsockopt(mnl_socket_get_fd(made->news), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	made->rest = loop_timer_create(shell->loop, rested, made);
	made->watch = loop_watch_create(shell->loop, mnl_socket_get_fd(made->news), LOOP_READ, news_arrive, made);
	if (!made->rest || !made->watch)
		goto cleanup;
	*guard = made;
	return 0;
cleanup:
	kernel_guard_destroy(made);
	errno = -error;
	log_write(LOG_LEVEL_ERROR, "cannot start: watching table inet sluice: %m");
	return error;
}

void kernel_guard_destroy(struct kernel_guard *guard)
{
	if (!guard)
		return;
	loop_watch_destroy(guard->watch);
	loop_timer_destroy(guard->rest);
	if (guard->news)
		mnl_socket_close(guard->news);
	free(guard);
}
