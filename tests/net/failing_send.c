/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into a daemon for tests/net/overload.bats: the kernel has no memory for every
 * fifth batch of verdicts, and does not take every fiftieth at all. The linker puts this
 * before sendmsg() (--wrap); what is not a verdict passes.
 */
#include <errno.h>
#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#define NO_MEMORY_EVERY 5u
#define NOT_TAKEN_EVERY 50u

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

static int is_verdict(const struct msghdr *message)
{
	const struct sockaddr_nl *to = message->msg_name;
	const struct nlmsghdr *first = message->msg_iov->iov_base;
	unsigned int type;

	if (!to || message->msg_namelen != sizeof(*to) || to->nl_family != AF_NETLINK)
		return 0;
	type = first->nlmsg_type;
	return type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT) ||
	       type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	static unsigned int verdicts;

	if (is_verdict(message)) {
		verdicts++;
		if (verdicts % NOT_TAKEN_EVERY == 0) {
			errno = EMSGSIZE;
			return -1;
		}
		if (verdicts % NO_MEMORY_EVERY == 0) {
			errno = ENOBUFS;
			return -1;
		}
	}
	return __real_sendmsg(fd, message, flags);
}
