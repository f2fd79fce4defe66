/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A forbidden system call ends the process; what serving takes goes on. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/sandbox.h"

#define EXIT_NO_FILTER 77

/* What becomes of a process that enters the sandbox and calls @action: its wait status. */
static int outcome_of(void (*action)(void))
{
	pid_t child = fork();
	int status, error;

	assert_true(child >= 0);
	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
			_exit(1);
		error = sandbox_enter();
		if (error)
			_exit(error == -EOPNOTSUPP ? EXIT_NO_FILTER : 1);
		action();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_FILTER) {
		print_message("skipped: no filter of system calls in this kernel, or beside a sanitizer\n");
		skip();
	}
	return status;
}

static void run_a_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

static void make_a_process(void)
{
	(void)fork();
}

static void listen_to_the_wire(void)
{
	(void)socket(AF_PACKET, SOCK_RAW, 0);
}

static void read_another_process(void)
{
	ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void make_code(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void turn_data_into_code(void)
{
	static char page[8192] __attribute__((aligned(4096)));

	mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void load_a_bpf_program(void)
{
	char attributes[128] = { 0 };

	syscall(SYS_bpf, 5, attributes, sizeof(attributes));
}

static void become_root(void)
{
	(void)!setuid(0);
}

static void mount_something(void)
{
	syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL);
}

static void load_a_module(void)
{
	syscall(SYS_finit_module, -1, "", 0);
}

static void rename_a_file(void)
{
	syscall(SYS_rename, "/nonexistent/a", "/nonexistent/b");
}

static void test_forbidden(void **state)
{
	static void (*const actions[])(void) = {
		run_a_program,	 make_a_process,      listen_to_the_wire, read_another_process,
		make_code,	 turn_data_into_code, load_a_bpf_program, become_root,
		mount_something, load_a_module,	      rename_a_file,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		int status = outcome_of(actions[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("action %zu of the list was not forbidden: wait status %#x", i, (unsigned int)status);
	}
}

/* What a reload, an answer, a question about a route and a log line take. */
static void serve(void)
{
	int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
	char text[64];

	if (fd >= 0) {
		(void)!read(fd, text, sizeof(text));
		close(fd);
	}
	close(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
	close(socket(AF_UNIX, SOCK_STREAM, 0));
	close(socket(AF_INET6, SOCK_STREAM, 0));
	munmap(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1 << 20);
	(void)!write(STDERR_FILENO, "", 0);
}

static void test_serving(void **state)
{
	int status = outcome_of(serve);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void fail_an_assertion(void)
{
	raise(SIGABRT);
}

/* A core dump and the exit code of systemd must tell the one from the other. */
static void test_assertions_still_abort(void **state)
{
	int status = outcome_of(fail_an_assertion);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_serving),
		cmocka_unit_test(test_assertions_still_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
