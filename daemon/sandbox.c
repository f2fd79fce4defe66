/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The daemon gives up what it can do in three stages, each as
 * soon as nothing needs it any more:
 *
 *   1. root, or the capabilities that systemd hands over: interfaces, memory, the
 *      queue, raw sockets, the BPF program, the control socket and the state file
 *      are opened. No packet has been read, no client heard.
 *   2. privileges_drop(): a user of its own, CAP_NET_ADMIN and CAP_NET_RAW (CAP_BPF
 *      for the maps), an empty bounding set, no new privileges.
 *   3. sandbox_enter(), here: a list of what serving takes. It is in force before
 *      the kernel's table sends the first packet, and for good.
 *
 * Stage 3 is for the case that a packet or a request finds a hole in stage 1's work:
 * no program is run, no code is made, no process made or read, no file renamed, no
 * kind of socket opened that the daemon does not use. A reload must still read files
 * and swap the kernel's table, so files can be opened: by the daemon's user, which owns the
 * runtime directory and nothing else.
 *
 * The list names calls by what needs them. Whoever adds a call to the daemon adds it
 * here: a forbidden one kills the process at once (its sessions are in the state file, and
 * systemd starts it again), since an error it does not expect would only confuse it.
 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <seccomp.h>

#include "daemon/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* By number where the headers of libseccomp may be older than the call. */
static const int plain_calls[] = {
	/* memory; what could make code of it is below */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(msync),
	/* the event loop, timers, signals */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(futex),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	/* packets, verdicts, answers, questions to the kernel */
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	/* configuration files and what they include, statistics, the control socket's end */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(close),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(getdents64),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(flock),
	/* the process itself: also how it ends, and how an assertion ends it */
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrandom),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sysinfo),
	SCMP_SYS(uname),
	SCMP_SYS(rseq),
	SCMP_SYS(tgkill),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* What the fast path does to its maps and links while it runs; loading a program is over. */
static const unsigned int bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM,  BPF_MAP_UPDATE_ELEM,  BPF_MAP_DELETE_ELEM,  BPF_MAP_GET_NEXT_KEY,
	BPF_MAP_UPDATE_BATCH, BPF_MAP_DELETE_BATCH, BPF_MAP_LOOKUP_BATCH, BPF_OBJ_GET_INFO_BY_FD,
	BPF_LINK_CREATE,      BPF_OBJ_PIN,	    BPF_OBJ_GET,
};

static const int families[] = { AF_UNIX, AF_NETLINK, AF_INET, AF_INET6 };

static const unsigned long requests[] = { FIONREAD, FIONBIO, TCGETS };

static int allow(scmp_filter_ctx filter, int call)
{
	int error = seccomp_rule_add_exact(filter, SCMP_ACT_ALLOW, call, 0);

	/* A call that this machine does not have needs no permission. */
	return error == -EDOM ? 0 : error;
}

static int allow_with(scmp_filter_ctx filter, int call, struct scmp_arg_cmp argument)
{
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &argument);
}

static int allow_all(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; !error && i < COUNT(plain_calls); i++)
		error = allow(filter, plain_calls[i]);
	for (size_t i = 0; !error && i < COUNT(bpf_commands); i++)
		error = allow_with(filter, SCMP_SYS(bpf), SCMP_A0(SCMP_CMP_EQ, bpf_commands[i]));
	for (size_t i = 0; !error && i < COUNT(families); i++)
		error = allow_with(filter, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	for (size_t i = 0; !error && i < COUNT(requests); i++)
		error = allow_with(filter, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, requests[i]));
	/* Memory may be read and written, never run. */
	if (!error)
		error = allow_with(filter, SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!error)
		error = allow_with(filter, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return error;
}

#if defined(__SANITIZE_ADDRESS__)
/* The sanitizers make threads and read their own process when it ends. */
static const bool wanted = false;
#else
static const bool wanted = true;
#endif

int sandbox_enter(void)
{
	scmp_filter_ctx filter;
	int error;

	if (!wanted || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return -EOPNOTSUPP;
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return -ENOMEM;
	/* A search by halves: the filter runs for each call, and there are several a batch of packets. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* Older kernels would slow the process down for fear of what it might run. It runs nothing. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	error = allow_all(filter);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	if (error == -ECANCELED || error == -EINVAL)
		error = -EOPNOTSUPP; /* a kernel without CONFIG_SECCOMP_FILTER */
	if (!error)
		log_write(LOG_LEVEL_INFO, "system calls are limited to those that serving takes");
	return error;
}
