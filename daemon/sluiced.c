/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: options, and a start and a stop in stages. Whatever fails at the
 * start is told in one line and leaves nothing behind: the kernel's table comes
 * last, when packets can be answered, and goes first.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "daemon/control.h"
#include "daemon/effects.h"
#include "daemon/fastpath.h"
#include "daemon/files.h"
#include "daemon/inject.h"
#include "daemon/ipsec.h"
#include "daemon/kernel_guard.h"
#include "daemon/kernel_table.h"
#include "daemon/lending.h"
#include "daemon/links.h"
#include "daemon/listeners.h"
#include "daemon/log.h"
#include "daemon/privileges.h"
#include "daemon/processor.h"
#include "daemon/reload.h"
#include "daemon/replay.h"
#include "daemon/routes.h"
#include "daemon/sandbox.h"
#include "daemon/shell.h"
#include "daemon/state_file.h"
#include "daemon/survival.h"

#define DEFAULT_CONFIG "/etc/sluice/sluice.conf"
#define EXIT_USAGE 2
#define TICK_MS 100u
#define LISTENERS_MS 2000u /* so long may a new service wait until its port is its own */
/* Sessions ended in one go: what that leaves to tell finds room. And how often before packets are served. */
#define TICK_BUDGET 256u
#define TICK_ROUNDS 2

struct options {
	const char *config;
	enum { MODE_RUN, MODE_CHECK, MODE_PRINT, MODE_REPLAY } mode;
	unsigned int verbosity;
	bool no_gso;
	struct replay_options replay;
};

static const char usage_text[] = "Usage: sluiced [OPTION]...\n"
				 "NAT gateway and stateful firewall.\n"
				 "\n"
				 "  -f, --config FILE  configuration file (default " DEFAULT_CONFIG ")\n"
				 "  -c, --check        check the configuration and exit\n"
				 "  -p, --print        print the configuration in canonical form and exit\n"
				 "      --replay FILE  run a capture through the engine, print a line a packet, exit\n"
				 "      --replay-out FILE\n"
				 "                     write what would have left\n"
				 "      --replay-link NAME=ADDRESS/LENGTH[,ADDRESS/LENGTH...][,mtu=N][,default]\n"
				 "                     an interface of the replay's gateway; repeat for each\n"
				 "                     (default: this machine's interfaces)\n"
				 "  -v, --verbose      log more; twice: log everything\n"
				 "      --no-gso       take single packets from the kernel, not segments of 64 KiB\n"
				 "      --version      print the version and exit\n"
				 "      --help         print this and exit\n";

enum {
	OPTION_VERSION = 256,
	OPTION_HELP,
	OPTION_NO_GSO,
	OPTION_REPLAY,
	OPTION_REPLAY_OUT,
	OPTION_REPLAY_LINK,
};

static const struct option option_list[] = {
	{ "config", required_argument, NULL, 'f' },
	{ "check", no_argument, NULL, 'c' },
	{ "print", no_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "no-gso", no_argument, NULL, OPTION_NO_GSO },
	{ "replay", required_argument, NULL, OPTION_REPLAY },
	{ "replay-out", required_argument, NULL, OPTION_REPLAY_OUT },
	{ "replay-link", required_argument, NULL, OPTION_REPLAY_LINK },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

/* Returns -1 to go on, else the exit code. */
static int options_read(int argc, char **argv, struct options *options)
{
	int option;

	*options = (struct options){ .config = DEFAULT_CONFIG };
	while ((option = getopt_long(argc, argv, "f:cpv", option_list, NULL)) != -1) {
		switch (option) {
		case 'f':
			options->config = optarg;
			break;
		case 'c':
			options->mode = MODE_CHECK;
			break;
		case 'p':
			options->mode = MODE_PRINT;
			break;
		case 'v':
			options->verbosity++;
			break;
		case OPTION_NO_GSO:
			options->no_gso = true;
			break;
		case OPTION_REPLAY:
			options->mode = MODE_REPLAY;
			options->replay.capture = optarg;
			break;
		case OPTION_REPLAY_OUT:
			options->replay.out = optarg;
			break;
		case OPTION_REPLAY_LINK:
			if (options->replay.link_count == REPLAY_LINK_LIMIT) {
				fputs("sluiced: too many --replay-link\n", stderr);
				return EXIT_USAGE;
			}
			options->replay.links[options->replay.link_count++] = optarg;
			break;
		case OPTION_VERSION:
			puts("sluiced " SLUICE_VERSION);
			return EXIT_SUCCESS;
		case OPTION_HELP:
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		default:
			fputs("Try 'sluiced --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "sluiced: unexpected argument '%s'\nTry 'sluiced --help'.\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

/* For -c and -p: needs no right and touches nothing. */
static int print_configuration(const struct configuration *configuration)
{
	char *text = configuration_print(configuration);
	int result = EXIT_SUCCESS;

	if (!text || fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
		fprintf(stderr, "sluiced: cannot print: %s\n", strerror(errno));
		result = EXIT_FAILURE;
	}
	free(text);
	return result;
}

/* --------------------------------------------------------------------- running */

static void shell_tick(void *context)
{
	struct shell *shell = context;
	bool more = true;

	for (unsigned int round = 0; more && round < TICK_ROUNDS; round++) {
		more = engine_tick(shell->engine, loop_now(), TICK_BUDGET);
		effects_drain(shell);
	}
	offers_take_up(shell, false);
	lending_tick(shell);
	overrun_watch(&shell->overrun, shell, loop_now());
	loop_timer_start(shell->tick, more ? 1 : TICK_MS);
}

static void shell_ask_listeners(void *context)
{
	struct shell *shell = context;

	shell_read_listeners(shell);
	loop_timer_start(shell->ask_listeners, LISTENERS_MS);
}

static void shell_watchdog(void *context)
{
	struct shell *shell = context;

	sd_notify(0, "WATCHDOG=1");
	loop_timer_start(shell->watchdog, (uint32_t)shell->watchdog_ms);
}

static void shell_batch_done(void *context, bool drained)
{
	effects_drain(context);
	offers_take_up(context, drained);
}

static void shell_links_changed(void *context)
{
	struct shell *shell = context;
	const struct link_table *links = links_table(shell->links);
	int error;

	if (!shell->engine)
		return;
	error = engine_set_links(shell->engine, links, loop_now());
	routes_forget(shell->routes);
	fastpath_forget_interfaces(shell->fastpath);
	lending_note(shell);
	if (!error)
		error = kernel_table_set_links(shell->kernel_table, shell->configuration, links);
	effects_drain(shell);
	if (!error)
		return;
	errno = -error;
	log_write(LOG_LEVEL_ERROR, "cannot follow a change of interfaces or addresses: %m");
}

static void shell_signal(void *context, int number)
{
	struct shell *shell = context;

	if (number == SIGHUP) {
		reload_by_signal(shell);
		return;
	}
	log_write(LOG_LEVEL_INFO, "stopping: %s", strsignal(number));
	shell->replaced = number == SIGUSR1;
	loop_stop(shell->loop);
}

/* -------------------------------------------------------------- start and stop */

/* One line about what could not be started. @error is negative errno. */
static int start_failed(const char *what, int error)
{
	errno = -error;
	log_write(LOG_LEVEL_ERROR, "cannot start: %s: %m", what);
	return error;
}

static uint32_t ask_route(void *context, const struct address *address, uint32_t via_interface, uint32_t mark)
{
	const struct shell *shell = context;

	return routes_interface(shell->routes, address, via_interface, mark);
}

static int start_engine(struct shell *shell)
{
	struct engine_secrets secrets;
	struct mono now = loop_now();
	int error;

	if (getrandom(&secrets, sizeof(secrets), 0) != (ssize_t)sizeof(secrets))
		return start_failed("random numbers", -errno);
	error = survival_create_engine(shell, &secrets, now);
	explicit_bzero(&secrets, sizeof(secrets));
	if (error)
		return error;
	if ((error = routes_create(&shell->routes)))
		return start_failed("routes", error);
	if ((error = listeners_create(&shell->listeners)))
		return start_failed("questions about sockets", error);
	engine_set_oracle(shell->engine, &(struct oracle){ .context = shell, .route_interface = ask_route });
	error = engine_apply(shell->engine, shell->configuration, now);
	if (!error)
		error = engine_set_links(shell->engine, links_table(shell->links), now);
	return error ? start_failed("rules", error) : 0;
}

/* From here on the packets that the table of an earlier process sends us wait, and are not lost: see start_table(). */
static int start_queues(struct shell *shell, bool gso)
{
	const struct settings *settings = &shell->configuration->settings;
	const struct queues_options options = {
		.first = settings->queue,
		.count = SETTINGS_QUEUES,
		.length = settings->queue_length,
		.mark = settings->mark,
		.gso = gso,
		.batch_done = shell_batch_done,
		.context = shell,
	};
	const char *message;
	uint16_t number;
	int error = queues_create(&options, shell->engine, &shell->queues, &number, &message);

	if (!error)
		return 0;
	log_write(LOG_LEVEL_ERROR, "cannot start: queue %u: %s", number, message);
	return error;
}

static int start_recovery(struct shell *shell)
{
	int error;

	lending_start(shell);
	error = survival_recover(shell);
	if (!error)
		lending_reconcile(shell);
	return error;
}

static int start_loop(struct shell *shell)
{
	uint64_t watchdog_us = 0;
	int error;

	shell->loop = loop_create();
	if (!shell->loop)
		return start_failed("event loop", -ENOMEM);
	error = links_create(shell->loop, shell_links_changed, shell, &shell->links);
	if (error)
		return start_failed("interfaces", error);
	shell->tick = loop_timer_create(shell->loop, shell_tick, shell);
	shell->watchdog = loop_timer_create(shell->loop, shell_watchdog, shell);
	shell->ask_listeners = loop_timer_create(shell->loop, shell_ask_listeners, shell);
	for (unsigned int i = 0; i < SHELL_SIGNALS; i++)
		shell->signals[i] = loop_signal_create(
		    shell->loop, (const int[]){ SIGTERM, SIGINT, SIGHUP, SIGUSR1 }[i], shell_signal, shell);
	if (!shell->tick || !shell->watchdog || !shell->ask_listeners || !shell->signals[SHELL_SIGNALS - 1])
		return start_failed("event loop", -ENOMEM);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		shell->watchdog_ms = watchdog_us / 2000 + 1;
	return 0;
}

static int start_control(struct shell *shell)
{
	const char *path = shell->configuration->settings.socket_path;
	char *message = NULL;
	int error = privileges_make_directory(path);

	if (error)
		return start_failed(path, error);
	error = control_start(shell, &shell->control, &message);
	if (error)
		log_write(LOG_LEVEL_ERROR, "cannot start: %s", message ? message : "control socket");
	free(message);
	return error;
}

static int start_packets(struct shell *shell)
{
	int error;

	processor_stay();
	error = inject_create(shell->configuration->settings.mark, &shell->inject);
	if (error)
		return start_failed("raw sockets", error);
	error = kernel_table_create(&shell->kernel_table);
	return error ? start_failed("netfilter", error) : 0;
}

/* From here on packets are judged. */
static int start_table(struct shell *shell)
{
	const char *message;
	int error = queues_start(shell->queues, shell->loop);

	if (error)
		return start_failed("queue", error);
	queues_drain(shell->queues);
	error = kernel_table_apply(shell->kernel_table, shell->configuration, links_table(shell->links), &message);
	if (error)
		log_write(LOG_LEVEL_ERROR, "cannot start: %s", message);
	return error ? error : kernel_guard_create(shell, &shell->guard);
}

/* The stages in which rights are given up: see sandbox.c. */
static int start_unprivileged(const struct shell *shell)
{
	int error = privileges_drop(shell->fastpath);

	if (error)
		return start_failed("giving up privileges", error);
	error = sandbox_enter();
	if (error == -EOPNOTSUPP) {
		log_write(LOG_LEVEL_NOTICE, "system calls are not limited: no seccomp filter here");
		return 0;
	}
	return error ? start_failed("seccomp filter", error) : 0;
}

static int shell_start(struct shell *shell, const struct options *options)
{
	int error;

	if (!privileges_sufficient()) {
		log_write(LOG_LEVEL_ERROR, "cannot start: needs CAP_NET_ADMIN and CAP_NET_RAW: start as root");
		return -EPERM;
	}
	if ((error = start_loop(shell)) || (error = start_engine(shell)) ||
	    (error = start_queues(shell, !options->no_gso)) || (error = start_recovery(shell)) ||
	    (error = start_packets(shell)) || (error = start_control(shell)) || (error = start_unprivileged(shell)) ||
	    (error = start_table(shell)))
		return error;
	if (access(shell->config_path, R_OK) < 0)
		log_write(LOG_LEVEL_WARNING, "reloads will fail: the daemon's user cannot read %s: %m",
			  shell->config_path);
	shell_tick(shell);
	shell_ask_listeners(shell);
	if (shell->watchdog_ms)
		shell_watchdog(shell);
	effects_announce(shell, "start", false, shell->config_path, "sluiced " SLUICE_VERSION);
	log_write(LOG_LEVEL_NOTICE, "sluiced " SLUICE_VERSION " started with %s", shell->config_path);
	sd_notify(0, "READY=1");
	return 0;
}

/* Takes apart whatever was made, so that it also ends a start that failed half-way. */
static void shell_stop(struct shell *shell)
{
	int error = shell->kernel_table && !shell->replaced ? kernel_table_remove(shell->kernel_table) : 0;

	if (error) {
		errno = -error;
		log_write(LOG_LEVEL_ERROR, "table inet sluice stays in the kernel: %m");
	}
	kernel_guard_destroy(shell->guard);
	kernel_table_destroy(shell->kernel_table);
	queues_destroy(shell->queues);
	control_stop(shell->control);
	lending_stop(shell);
	ipsec_destroy(shell->ipsec);
	inject_destroy(shell->inject);
	engine_destroy(shell->engine);
	state_file_close(shell->state);
	routes_destroy(shell->routes);
	listeners_destroy(shell->listeners);
	links_destroy(shell->links);
	for (unsigned int i = 0; i < SHELL_SIGNALS; i++)
		loop_signal_destroy(shell->signals[i]);
	loop_timer_destroy(shell->watchdog);
	loop_timer_destroy(shell->ask_listeners);
	loop_timer_destroy(shell->tick);
	loop_destroy(shell->loop);
	configuration_destroy(shell->configuration);
}

static int shell_run(struct shell *shell, const struct options *options)
{
	int result = EXIT_FAILURE;

	if (shell_start(shell, options) == 0) {
		if (loop_run(shell->loop) == 0)
			result = EXIT_SUCCESS;
		sd_notify(0, "STOPPING=1");
	}
	shell_stop(shell);
	return result;
}

int main(int argc, char **argv)
{
	struct options options;
	struct shell shell = { .started = loop_now() };
	char *message = NULL;
	int result = options_read(argc, argv, &options);

	if (result >= 0)
		return result;
	log_init(options.verbosity);
	shell.config_path = options.config;
	shell.configuration = files_load(options.config, &message);
	if (message && options.mode == MODE_RUN)
		log_lines(shell.configuration ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, message);
	else if (message)
		fputs(message, stderr);
	free(message);
	if (!shell.configuration)
		return EXIT_FAILURE;
	if (options.mode == MODE_RUN)
		return shell_run(&shell, &options);
	if (options.mode == MODE_PRINT)
		result = print_configuration(shell.configuration);
	else if (options.mode == MODE_REPLAY)
		result = replay_run(shell.configuration, &options.replay);
	else
		result = EXIT_SUCCESS;
	configuration_destroy(shell.configuration);
	return result;
}
