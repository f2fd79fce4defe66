/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sluicectl: asks the daemon and shows what it says.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/client.h"
#include "daemon/ctl/document.h"
#include "daemon/ctl/findings.h"
#include "daemon/ctl/flow.h"
#include "daemon/ctl/help.h"
#include "daemon/ctl/screen.h"
#include "daemon/ctl/top.h"
#include "daemon/ctl/why.h"

/* What the exit code says. */
enum outcome {
	OUTCOME_GOOD = 0,
	OUTCOME_REFUSED = 1,
	OUTCOME_USAGE = 2,
	OUTCOME_NO_DAEMON = 3,
};

#define WORD_LIMIT 16
#define TUPLE_SIZE 256

struct options {
	const char *socket;
	bool json;
	bool timestamps;
	bool mappings; /* of events: only those of mappings */
	bool accounting;
	unsigned int limit;   /* 0: not given */
	const char *argument; /* NULL: not given */
	char tuple[TUPLE_SIZE];
	size_t word_count;
	struct document_word words[WORD_LIMIT];
};

struct verb {
	const char *word;
	const char *argument; /* what its argument is called on the socket; NULL: it takes none */
	bool words;	      /* the rest of the line is one argument */
	bool filter;	      /* takes conntrack's filter words */
	bool timestamps;      /* takes -t */
	bool limit;	      /* takes -n */
	/*
	 * A listing has a line printer and may have a head; other answers are shown
	 * whole. Sessions and events, whose options say how, have neither.
	 */
	void (*head)(FILE *out);
	void (*line)(FILE *out, const struct document *line);
	void (*whole)(FILE *out, const struct document *answer);
};

static void show_nothing(FILE *out, const struct document *answer)
{
	(void)out;
	if (*document_text(answer, "message"))
		fputs(document_text(answer, "message"), stderr);
}

static void show_text(FILE *out, const struct document *answer)
{
	fputs(document_text(answer, "text"), out);
}

static void show_deleted(FILE *out, const struct document *answer)
{
	fprintf(out, "%lld flow entries have been deleted.\n", (long long)document_integer(answer, "deleted"));
}

static const struct verb verbs[] = {
	{ .word = "status", .whole = screen_status },
	{ .word = "sessions", .filter = true },
	{ .word = "mappings", .head = screen_mapping_head, .line = screen_mapping },
	{ .word = "pools", .head = screen_pool_head, .line = screen_pool },
	{ .word = "sources", .limit = true, .head = screen_source_head, .line = screen_source },
	{ .word = "destinations", .limit = true, .head = screen_destination_head, .line = screen_destination },
	{ .word = "top" },
	{ .word = "rules", .line = screen_rule },
	{ .word = "events", .timestamps = true },
	{ .word = "diagnose", .argument = "address", .whole = screen_diagnosis },
	{ .word = "why", .argument = "tuple", .words = true, .whole = why_print },
	{ .word = "metrics", .whole = show_text },
	{ .word = "check", .whole = show_nothing },
	{ .word = "reload", .whole = show_nothing },
	{ .word = "delete", .filter = true, .whole = show_deleted },
	{ .word = "reset", .whole = show_nothing },
};

static enum outcome usage(const char *format, const char *what)
{
	fputs("sluicectl: ", stderr);
	fprintf(stderr, format, what);
	fputs("\nTry 'sluicectl --help'.\n", stderr);
	return OUTCOME_USAGE;
}

/* ----------------------------------------------------------------- options */

enum {
	OPTION_SPORT = 256,
	OPTION_DPORT,
	OPTION_REPLY_SPORT,
	OPTION_REPLY_DPORT,
	OPTION_STATE,
	OPTION_HELP,
	OPTION_VERSION,
};

/* conntrack's options, its long names included, and what the daemon calls them. */
static const struct option filter_options[] = {
	{ "protonum", required_argument, NULL, 'p' },
	{ "proto", required_argument, NULL, 'p' },
	{ "family", required_argument, NULL, 'f' },
	{ "src", required_argument, NULL, 's' },
	{ "orig-src", required_argument, NULL, 's' },
	{ "dst", required_argument, NULL, 'd' },
	{ "orig-dst", required_argument, NULL, 'd' },
	{ "reply-src", required_argument, NULL, 'r' },
	{ "reply-dst", required_argument, NULL, 'q' },
	{ "status", required_argument, NULL, 'u' },
	{ "sport", required_argument, NULL, OPTION_SPORT },
	{ "orig-port-src", required_argument, NULL, OPTION_SPORT },
	{ "dport", required_argument, NULL, OPTION_DPORT },
	{ "orig-port-dst", required_argument, NULL, OPTION_DPORT },
	{ "reply-port-src", required_argument, NULL, OPTION_REPLY_SPORT },
	{ "reply-port-dst", required_argument, NULL, OPTION_REPLY_DPORT },
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "accounting", no_argument, NULL, 'a' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct option stream_options[] = {
	{ "timestamp", no_argument, NULL, 't' },
	{ "mappings", no_argument, NULL, 'm' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct option limit_options[] = {
	{ "lines", required_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static const struct option first_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char *filter_word(int option)
{
	switch (option) {
	case 'p':
		return "protocol";
	case 'f':
		return "family";
	case 's':
		return "src";
	case 'd':
		return "dst";
	case 'r':
		return "reply_src";
	case 'q':
		return "reply_dst";
	case 'u':
		return "status";
	case OPTION_SPORT:
		return "sport";
	case OPTION_DPORT:
		return "dport";
	case OPTION_REPLY_SPORT:
		return "reply_sport";
	case OPTION_REPLY_DPORT:
		return "reply_dport";
	default:
		return "state";
	}
}

static int show_help(void)
{
	fputs(ctl_help, stdout);
	return OUTCOME_GOOD;
}

/* Options that stand before the verb. Return: an outcome to end with, or -1. */
static int parse_first(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt_long(argc, argv, "+s:j", first_options, NULL)) != -1) {
		switch (option) {
		case 's':
			options->socket = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case OPTION_HELP:
			return show_help();
		case OPTION_VERSION:
			puts("sluicectl " SLUICE_VERSION);
			return OUTCOME_GOOD;
		default:
			fputs("Try 'sluicectl --help'.\n", stderr);
			return OUTCOME_USAGE;
		}
	}
	return -1;
}

static bool parse_limit(const char *text, unsigned int *limit)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*limit = (unsigned int)value;
	return *text >= '0' && *text <= '9' && !*end && value && value <= UINT_MAX;
}

/* The letters and the long names that @verb takes. */
static const char *options_of(const struct verb *verb, const struct option **names)
{
	*names = filter_options;
	if (verb->filter)
		return "p:f:s:d:r:q:u:aj";
	*names = limit_options;
	if (verb->limit)
		return "n:j";
	*names = verb->timestamps ? stream_options : stream_options + 2;
	return verb->timestamps ? "tmj" : "j";
}

/* The words of a tuple, which may as well come as one. Return: as parse_first(). */
static int collect_tuple(int count, char **words, struct options *options)
{
	size_t length = 0;

	for (int i = 0; i < count; i++) {
		int added =
		    snprintf(options->tuple + length, sizeof(options->tuple) - length, "%s%s", i ? " " : "", words[i]);

		length += (size_t)added;
		if (length >= sizeof(options->tuple))
			return usage("too long: %s", words[i]);
	}
	options->argument = options->tuple;
	return length ? -1 : (int)usage("%s", "why needs a packet: tcp 10.0.0.2:40000 198.51.100.2:443");
}

/* Options that stand after it, @argv[0] being the verb. Return: as parse_first(). */
static int parse_verb(int argc, char **argv, const struct verb *verb, struct options *options)
{
	const struct option *names;
	const char *letters = options_of(verb, &names);
	int option;

	optind = 0; /* begin anew: glibc's word for it */
	while ((option = getopt_long(argc, argv, letters, names, NULL)) != -1) {
		if (option == OPTION_HELP)
			return show_help();
		if (option == '?') {
			fputs("Try 'sluicectl --help'.\n", stderr);
			return OUTCOME_USAGE;
		}
		if (option == 'j') {
			options->json = true;
		} else if (option == 'a') {
			options->accounting = true;
		} else if (option == 't') {
			options->timestamps = true;
		} else if (option == 'm') {
			options->mappings = true;
		} else if (option == 'n') {
			if (!parse_limit(optarg, &options->limit))
				return usage("not a number of lines: %s", optarg);
		} else {
			if (options->word_count == WORD_LIMIT)
				return usage("too many options for %s", verb->word);
			options->words[options->word_count++] = (struct document_word){ filter_word(option), optarg };
		}
	}
	if (verb->words)
		return collect_tuple(argc - optind, argv + optind, options);
	if (verb->argument && optind < argc)
		options->argument = argv[optind++];
	if (optind < argc)
		return usage("unexpected argument: %s", argv[optind]);
	if (strcmp(verb->word, "delete") == 0 && !options->word_count)
		return usage("%s needs a filter", verb->word);
	return -1;
}

/* ------------------------------------------------------------------ asking */

static enum outcome no_daemon(const struct options *options, int error)
{
	if (error == -EACCES || error == -EPERM) {
		fprintf(stderr, "sluicectl: %s: %s\n", options->socket, strerror(-error));
		return OUTCOME_REFUSED;
	}
	if (error == 0)
		fputs("sluicectl: the daemon closed the connection\n", stderr);
	else if (error == -EAGAIN)
		fputs("sluicectl: the daemon does not answer\n", stderr);
	else
		fprintf(stderr, "sluicectl: no daemon at %s: %s\n", options->socket, strerror(-error));
	return OUTCOME_NO_DAEMON;
}

/* The daemon says no, and why. */
static enum outcome refused(const struct document *answer)
{
	const char *text = document_text(answer, "error");
	size_t length = strlen(text);

	/* Diagnostics are whole lines that begin with their place; anything else gets our name. */
	if (length && text[length - 1] == '\n')
		fputs(text, stderr);
	else
		fprintf(stderr, "sluicectl: %s\n", text);
	return strcmp(document_text(answer, "kind"), "usage") == 0 ? OUTCOME_USAGE : OUTCOME_REFUSED;
}

static void show_line(const struct document *line, const struct verb *verb, const struct options *options)
{
	if (verb->timestamps)
		flow_print_event(stdout, line, options->timestamps);
	else if (verb->filter)
		flow_print_session(stdout, line, options->accounting);
	else
		verb->line(stdout, line);
}

static void show_summary(const char *what, long long count)
{
	fprintf(stderr, "sluicectl v" SLUICE_VERSION " (sluice): %lld flow %s have been shown.\n", count, what);
}

/* The lines of a listing or of a stream, up to its end. */
static enum outcome show_lines(struct client *client, const struct verb *verb, const struct options *options)
{
	struct document *document;
	long long shown = 0;
	bool end = false;
	ssize_t length;
	char *line;

	if (verb->head && !options->json)
		verb->head(stdout);
	while ((length = client_receive(client, &line)) > 0) {
		end = strncmp(line, "{\"end\":", 7) == 0;
		if (end)
			break;
		shown++;
		document = options->json ? NULL : document_parse(line, (size_t)length);
		if (document)
			show_line(document, verb, options);
		else if (options->json)
			puts(line);
		document_destroy(document);
	}
	fflush(stdout);
	if (!end && length != -EINTR)
		return no_daemon(options, (int)length);
	if (verb->filter || verb->timestamps)
		show_summary(verb->timestamps ? "events" : "entries", shown);
	return OUTCOME_GOOD;
}

static enum outcome show_answer(struct client *client, const struct verb *verb, const struct options *options)
{
	enum outcome outcome = OUTCOME_GOOD;
	struct document *answer;
	ssize_t length;
	char *line;

	length = client_receive(client, &line);
	if (length <= 0)
		return no_daemon(options, (int)length);
	answer = document_parse(line, (size_t)length);
	if (!answer) {
		fputs("sluicectl: what answers is not sluiced\n", stderr);
		return OUTCOME_NO_DAEMON;
	}
	if (!document_flag(answer, "ok")) {
		outcome = refused(answer);
	} else if (document_has(answer, "stream")) {
		if (verb->timestamps) {
			client_follow(client);
			setvbuf(stdout, NULL, _IOLBF, 0);
		}
		outcome = show_lines(client, verb, options);
	} else if (options->json) {
		puts(line);
	} else {
		verb->whole(stdout, answer);
	}
	document_destroy(answer);
	return outcome;
}

static enum outcome ask(const struct verb *verb, const struct options *options)
{
	struct document_word kinds = { "kinds", "mapping" }, named = { verb->argument, options->argument };
	struct document_word argument = options->mappings ? kinds : named;
	char *request = document_request(verb->word, argument, options->limit, options->words, options->word_count);
	enum outcome outcome;
	struct client *client;
	int failed;

	if (!request)
		return usage("%s: a filter that is no text", verb->word);
	failed = client_open(options->socket, &client);
	if (failed) {
		free(request);
		return no_daemon(options, failed);
	}
	failed = client_send(client, request);
	/* A daemon that hangs up at once may have said why. */
	if (failed && failed != -EPIPE && failed != -ECONNRESET)
		outcome = no_daemon(options, failed);
	else
		outcome = show_answer(client, verb, options);
	free(request);
	client_close(client);
	return outcome;
}

static int show_top(const struct options *options)
{
	int failed;

	if (options->json)
		return usage("%s", "top is for people; programs ask status, sources and destinations");
	failed = top_run(options->socket);
	return failed < 0 ? (int)no_daemon(options, failed) : failed ? OUTCOME_REFUSED : OUTCOME_GOOD;
}

int main(int argc, char **argv)
{
	struct options options = { .socket = CTL_DEFAULT_SOCKET };
	const struct verb *verb = NULL;
	int outcome;

	outcome = parse_first(argc, argv, &options);
	if (outcome >= 0)
		return outcome;
	if (optind == argc)
		return usage("%s", "what shall I ask?");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].word, argv[optind]) == 0)
			verb = &verbs[i];
	if (!verb)
		return usage("unknown verb: %s", argv[optind]);
	outcome = parse_verb(argc - optind, argv + optind, verb, &options);
	if (outcome >= 0)
		return outcome;
	if (strcmp(verb->word, "top") == 0)
		return show_top(&options);
	screen_init(stdout);
	outcome = (int)ask(verb, &options);
	if (fflush(stdout) == EOF && outcome == OUTCOME_GOOD) {
		perror("sluicectl: standard output");
		return OUTCOME_REFUSED;
	}
	return outcome;
}
