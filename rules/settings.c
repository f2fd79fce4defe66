/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gateway block: words to settings and back, by one table of rows. */
#include <stdio.h>
#include <stdlib.h>

#include "rules/address_text.h"
#include "rules/names.h"
#include "rules/parse.h"
#include "rules/print.h"
#include "rules/settings_nat.h"

struct settings settings_default(void)
{
	struct settings settings = {
		.capacity = 262144,
		.sessions_per_source = 16384,
		.mapping = BEHAVIOUR_ENDPOINT_INDEPENDENT,
		.filtering = BEHAVIOUR_ADDRESS_DEPENDENT,
		.pooling = POOLING_PAIRED,
		.port_first = 1024,
		.port_last = 65535,
		.port_preservation = true,
		.port_overloading = true,
		.table_full = TABLE_FULL_EVICT,
		.refuse_with = REFUSE_WITH_NONE,
		.tcp_loose = true,
		.black_holes = BLACK_HOLES_REPORT,
		.fastpath = true,
		.queue_length = 65536,
		.mark = 0x40000000,
		.socket_path = "/run/sluice/control.sock",
		.socket_group = "adm",
		.state_path = "/run/sluice/sessions",
		.timeout_s = {
#define SETTINGS_TIMEOUT(name, protocol, state, seconds) [TIMEOUT_##name] = seconds,
			SLUICE_TIMEOUTS(SETTINGS_TIMEOUT)
#undef SETTINGS_TIMEOUT
		},
	};

	return settings;
}

/* How a setting is written. */
enum setting_kind {
	SETTING_NUMBER,
	SETTING_WORD, /* one of @words; a bool has its false word first */
	SETTING_DURATION,
	SETTING_SPECIAL,
};

struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset, size;
	uint64_t least, most;
	const struct symbol *words;
};

const struct symbol behaviour_words[] = { { "endpoint-independent", BEHAVIOUR_ENDPOINT_INDEPENDENT },
					  { "address-dependent", BEHAVIOUR_ADDRESS_DEPENDENT },
					  { "address-and-port-dependent", BEHAVIOUR_ADDRESS_AND_PORT_DEPENDENT },
					  { NULL, 0 } };
static const struct symbol yes_no[] = { { "no", 0 }, { "yes", 1 }, { NULL, 0 } };
static const struct symbol poolings[] = { { "arbitrary", POOLING_ARBITRARY },
					  { "paired", POOLING_PAIRED },
					  { "paired-then-any", POOLING_PAIRED_THEN_ANY },
					  { NULL, 0 } };
static const struct symbol table_fulls[] = { { "evict", TABLE_FULL_EVICT },
					     { "refuse", TABLE_FULL_REFUSE },
					     { NULL, 0 } };
static const struct symbol refusals[] = { { "none", REFUSE_WITH_NONE },
					  { "host-unreachable", REFUSE_WITH_HOST_UNREACHABLE },
					  { "admin-prohibited", REFUSE_WITH_ADMIN_PROHIBITED },
					  { NULL, 0 } };
static const struct symbol black_holes[] = {
	{ "report", BLACK_HOLES_REPORT }, { "clamp", BLACK_HOLES_CLAMP }, { "repair", BLACK_HOLES_REPAIR }, { NULL, 0 }
};
static const struct symbol fastpaths[] = { { "off", 0 }, { "auto", 1 }, { NULL, 0 } };
static const struct symbol martians[] = { { "drop", 0 }, { "pass", 1 }, { NULL, 0 } };
static const struct symbol when_downs[] = { { "drop", 0 }, { "bypass", 1 }, { NULL, 0 } };

#define MEMBER(member) offsetof(struct settings, member), sizeof(((struct settings *)0)->member)

/* In the order in which they are printed. */
static const struct setting rows[] = {
	{ "capacity", SETTING_NUMBER, MEMBER(capacity), 16, 16777216, NULL },
	{ "sessions-per-source", SETTING_NUMBER, MEMBER(sessions_per_source), 0, 16777216, NULL },
	{ "ports-per-source", SETTING_NUMBER, MEMBER(ports_per_source), 0, 16777216, NULL },
	{ "new-per-source", SETTING_SPECIAL, MEMBER(new_per_source), 0, 0, NULL },
	{ "quota-exempt", SETTING_SPECIAL, MEMBER(exempt), 0, 0, NULL },
	{ "mapping", SETTING_WORD, MEMBER(mapping), 0, 0, behaviour_words },
	{ "filtering", SETTING_WORD, MEMBER(filtering), 0, 0, behaviour_words },
	{ "pooling", SETTING_WORD, MEMBER(pooling), 0, 0, poolings },
	{ "port-range", SETTING_SPECIAL, MEMBER(port_first), 0, 0, NULL },
	{ "port-preservation", SETTING_WORD, MEMBER(port_preservation), 0, 0, yes_no },
	{ "port-hold", SETTING_DURATION, MEMBER(port_hold_ms), 0, 86400000, NULL },
	{ "port-overloading", SETTING_WORD, MEMBER(port_overloading), 0, 0, yes_no },
	{ "port-set", SETTING_SPECIAL, MEMBER(port_sets), 0, 0, NULL },
	{ "port-block", SETTING_SPECIAL, MEMBER(port_block), 0, 0, NULL },
	{ "log-mappings", SETTING_WORD, MEMBER(log_mappings), 0, 0, yes_no },
	{ "table-full", SETTING_WORD, MEMBER(table_full), 0, 0, table_fulls },
	{ "refuse-with", SETTING_WORD, MEMBER(refuse_with), 0, 0, refusals },
	{ "tcp-loose", SETTING_WORD, MEMBER(tcp_loose), 0, 0, yes_no },
	{ "tcp-liberal", SETTING_WORD, MEMBER(tcp_liberal), 0, 0, yes_no },
	{ "martians", SETTING_WORD, MEMBER(pass_martians), 0, 0, martians },
	{ "black-holes", SETTING_WORD, MEMBER(black_holes), 0, 0, black_holes },
	{ "fastpath", SETTING_WORD, MEMBER(fastpath), 0, 0, fastpaths },
	{ "queue", SETTING_NUMBER, MEMBER(queue), 0, 65536 - SETTINGS_QUEUES, NULL },
	{ "queue-length", SETTING_NUMBER, MEMBER(queue_length), 16, 1048576, NULL },
	{ "mark", SETTING_SPECIAL, MEMBER(mark), 0, 0, NULL },
	{ "when-down", SETTING_WORD, MEMBER(bypass_when_down), 0, 0, when_downs },
	{ "management", SETTING_SPECIAL, MEMBER(management), 0, 0, NULL },
	{ "socket", SETTING_SPECIAL, MEMBER(socket_path), 0, 0, NULL },
	{ "metrics", SETTING_SPECIAL, MEMBER(metrics), 0, 0, NULL },
	{ "state", SETTING_SPECIAL, MEMBER(state_path), 0, 0, NULL },
	{ "timeout", SETTING_SPECIAL, MEMBER(timeout_s), 0, 0, NULL },
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct {
	const char *protocol, *state;
} timeout_names[TIMEOUT_COUNT] = {
#define SETTINGS_TIMEOUT_NAME(name, protocol, state, seconds) { protocol, state },
	SLUICE_TIMEOUTS(SETTINGS_TIMEOUT_NAME)
#undef SETTINGS_TIMEOUT_NAME
};

static void store(struct settings *settings, const struct setting *row, uint64_t value)
{
	char *at = (char *)settings + row->offset;

	if (row->size == 1)
		*(uint8_t *)at = (uint8_t)value;
	else if (row->size == 2)
		*(uint16_t *)(void *)at = (uint16_t)value;
	else
		*(uint32_t *)(void *)at = (uint32_t)value;
}

static uint64_t fetch(const struct settings *settings, const struct setting *row)
{
	const char *at = (const char *)settings + row->offset;

	if (row->size == 1)
		return *(const uint8_t *)at;
	if (row->size == 2)
		return *(const uint16_t *)(const void *)at;
	return *(const uint32_t *)(const void *)at;
}

/* ----------------------------------------------------------------- reading */

static bool parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9' || strlen(text) > 18)
		return false;
	*number = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	return *end == '\0';
}

static void complain_words(struct parser *parser, const struct setting_word *word, const struct setting *row)
{
	struct text text = { .arena = parser->arena };

	for (const struct symbol *symbol = row->words; symbol->name; symbol++)
		text_append(&text, "%s%s", symbol == row->words ? "" : symbol[1].name ? ", " : " or ", symbol->name);
	report_error(parser->diagnostics, word->place, "%s: expected %s", row->name, text.bytes);
}

static void parse_port_range(struct parser *parser, struct settings *settings, const struct setting_word *word)
{
	unsigned int first, last;
	char after;

	if (sscanf(word->text, "%5u-%5u%c", &first, &last, &after) != 2 || first < 1 || first > last || last > 65535) {
		report_error(parser->diagnostics, word->place, "port-range: expected two ports, like 1024-65535");
		return;
	}
	settings->port_first = (uint16_t)first;
	settings->port_last = (uint16_t)last;
}

static void copy_path(struct parser *parser, const struct setting_word *word, char *path, size_t size)
{
	if (word->text[0] != '/')
		report_error(parser->diagnostics, word->place, "expected a path that begins with /");
	else if (strlen(word->text) >= size)
		report_error(parser->diagnostics, word->place, "the path is longer than %zu bytes", size - 1);
	else
		memcpy(path, word->text, strlen(word->text) + 1);
}

static void parse_socket(struct parser *parser, struct settings *settings, const struct setting_word *word)
{
	/* A UNIX socket's path has 107 bytes at most. */
	copy_path(parser, word, settings->socket_path, 108);
	settings->socket_group[0] = '\0';
	word = word->next;
	if (!word)
		return;
	if (strcmp(word->text, "group") != 0 || !word->next)
		report_error(parser->diagnostics, word->place, "socket: expected group and its name");
	else if (strlen(word->next->text) >= sizeof(settings->socket_group))
		report_error(parser->diagnostics, word->next->place, "socket: the group's name is too long");
	else
		memcpy(settings->socket_group, word->next->text, strlen(word->next->text) + 1);
	if (word->next && word->next->next)
		report_error(parser->diagnostics, word->next->next->place, "nothing can follow here");
}

static void parse_metrics(struct parser *parser, struct settings *settings, const struct setting_word *word)
{
	const char *colon = strrchr(word->text, ':');
	bool brackets = word->text[0] == '[';
	uint8_t bytes[16];
	uint64_t port;
	char *host;

	if (strcmp(word->text, "none") == 0) {
		settings->metrics = false;
		return;
	}
	if (colon && parse_number(colon + 1, &port) && port >= 1 && port <= 65535 &&
	    colon - word->text > (brackets ? 2 : 0) && (!brackets || colon[-1] == ']')) {
		host =
		    arena_copy(parser->arena, word->text + brackets, (size_t)(colon - word->text) - (brackets ? 2 : 0));
		if (brackets ? address_text_parse_ipv6(host, bytes) : address_text_parse_ipv4(host, bytes)) {
			settings->metrics = true;
			settings->metrics_listen.address =
			    brackets ? address_from_ipv6(bytes) : address_from_ipv4(bytes);
			settings->metrics_listen.port = be16_from_host((uint16_t)port);
			return;
		}
	}
	report_error(parser->diagnostics, word->place, "metrics: expected an address and port, like 127.0.0.1:9743");
}

static void parse_management(struct parser *parser, struct settings *settings, const struct setting_word *word)
{
	settings->management_count = 0;
	for (; word; word = word->next) {
		if (settings->management_count == SETTINGS_MANAGEMENT_LIMIT) {
			report_error(parser->diagnostics, word->place, "management: %d interfaces at most",
				     SETTINGS_MANAGEMENT_LIMIT);
			return;
		}
		if (!*word->text || strlen(word->text) >= INTERFACE_NAME_SIZE) {
			report_error(parser->diagnostics, word->place, "an interface name has 1 to 15 characters");
			continue;
		}
		memcpy(settings->management[settings->management_count++], word->text, strlen(word->text) + 1);
	}
}

static void parse_timeout(struct parser *parser, struct settings *settings, const struct setting_word *word)
{
	const struct setting_word *state = word->next, *last = word;
	unsigned int timeout = 0;
	uint64_t ms;

	while (last->next)
		last = last->next;
	/* icmp and generic have one state, which need not be named. */
	while (timeout < TIMEOUT_COUNT &&
	       (strcmp(word->text, timeout_names[timeout].protocol) != 0 ||
		(state && state != last && strcmp(state->text, timeout_names[timeout].state) != 0)))
		timeout++;
	if (timeout == TIMEOUT_COUNT || last == word || (state != last && state->next != last)) {
		report_error(parser->diagnostics, word->place, "timeout: expected protocol, state and duration");
		return;
	}
	if (state == last && timeout != TIMEOUT_ICMP && timeout != TIMEOUT_GENERIC) {
		report_error(parser->diagnostics, word->place, "timeout: %s needs a state and a duration", word->text);
		return;
	}
	if (!parse_duration(last->text, &ms) || ms < 1000 || ms / 1000 > 86400 * 365) {
		report_error(parser->diagnostics, last->place, "timeout: expected a duration of 1s to 365d");
		return;
	}
	settings->timeout_s[timeout] = (uint32_t)(ms / 1000);
}

static void parse_special(struct parser *parser, struct settings *settings, const struct setting *row,
			  const struct setting_word *word)
{
	uint64_t number;

	if (settings_nat_parse(parser, settings, row->name, word)) {
		return;
	} else if (strcmp(row->name, "port-range") == 0) {
		parse_port_range(parser, settings, word);
	} else if (strcmp(row->name, "mark") == 0) {
		if (!parse_number(word->text, &number) || number > UINT32_MAX || !number || (number & (number - 1)))
			report_error(parser->diagnostics, word->place, "mark: expected a number of exactly one bit");
		else
			settings->mark = (uint32_t)number;
	} else if (strcmp(row->name, "management") == 0) {
		parse_management(parser, settings, word);
	} else if (strcmp(row->name, "socket") == 0) {
		parse_socket(parser, settings, word);
	} else if (strcmp(row->name, "metrics") == 0) {
		parse_metrics(parser, settings, word);
	} else if (strcmp(row->name, "state") == 0) {
		if (strcmp(word->text, "none") == 0)
			settings->state_path[0] = '\0';
		else
			copy_path(parser, word, settings->state_path, sizeof(settings->state_path));
	} else {
		parse_timeout(parser, settings, word);
	}
}

/* Settings of several words, each of which says itself what may follow. */
static bool takes_words(const struct setting *row)
{
	return strcmp(row->name, "management") == 0 || strcmp(row->name, "socket") == 0 ||
	       strcmp(row->name, "timeout") == 0 || settings_nat_takes_words(row->name);
}

static void parse_setting(struct parser *parser, struct settings *settings, const struct setting *row,
			  const struct setting_word *word)
{
	uint64_t number;
	uint32_t value;

	if (!word) {
		report_error(parser->diagnostics, parser->setting->words->place, "%s: a value is missing", row->name);
		return;
	}
	if (row->kind == SETTING_SPECIAL) {
		parse_special(parser, settings, row, word);
	} else if (row->kind == SETTING_WORD) {
		if (symbol_find(row->words, word->text, &value))
			store(settings, row, value);
		else
			complain_words(parser, word, row);
	} else if (row->kind == SETTING_DURATION) {
		if (parse_duration(word->text, &number) && number <= row->most)
			store(settings, row, number);
		else
			report_error(parser->diagnostics, word->place, "%s: expected a duration of at most 1d",
				     row->name);
	} else if (parse_number(word->text, &number) && number >= row->least && number <= row->most) {
		store(settings, row, number);
	} else {
		report_error(parser->diagnostics, word->place, "%s: expected a number from %llu to %llu", row->name,
			     (unsigned long long)row->least, (unsigned long long)row->most);
	}
	if (word->next && !takes_words(row))
		report_error(parser->diagnostics, word->next->place, "nothing can follow here");
}

void parse_settings(struct parser *parser, struct settings *settings)
{
	for (struct setting_line *line = parser->document->settings; line; line = line->next) {
		size_t row = 0;

		while (row < ROW_COUNT && strcmp(rows[row].name, line->words->text) != 0)
			row++;
		parser->setting = line;
		if (row == ROW_COUNT)
			report_error(parser->diagnostics, line->words->place, "there is no setting %s",
				     line->words->text);
		else
			parse_setting(parser, settings, &rows[row], line->words->next);
	}
}

/* ---------------------------------------------------------------- printing */

static void print_special(struct text *text, const struct settings *settings, const char *name)
{
	char host[ADDRESS_TEXT_SIZE];
	const struct address *address = &settings->metrics_listen.address;
	bool ipv4 = address_is_ipv4(address);

	if (settings_nat_print(text, settings, name))
		return;
	if (strcmp(name, "port-range") == 0) {
		text_append(text, "\t%s %u-%u\n", name, settings->port_first, settings->port_last);
	} else if (strcmp(name, "mark") == 0) {
		text_append(text, "\t%s 0x%08x\n", name, settings->mark);
	} else if (strcmp(name, "management") == 0 && settings->management_count) {
		text_append(text, "\t%s { ", name);
		for (unsigned int i = 0; i < settings->management_count; i++)
			text_append(text, "%s\"%s\"", i ? ", " : "", settings->management[i]);
		text_append(text, " }\n");
	} else if (strcmp(name, "socket") == 0) {
		text_append(text, "\t%s \"%s\"", name, settings->socket_path);
		if (*settings->socket_group)
			text_append(text, " group \"%s\"", settings->socket_group);
		text_append(text, "\n");
	} else if (strcmp(name, "metrics") == 0 && settings->metrics) {
		if (ipv4)
			address_text_print_ipv4(address->bytes + 12, host);
		else
			address_text_print_ipv6(address->bytes, host);
		text_append(text, ipv4 ? "\t%s %s:%u\n" : "\t%s [%s]:%u\n", name, host,
			    be16_to_host(settings->metrics_listen.port));
	} else if (strcmp(name, "state") == 0) {
		text_append(text, *settings->state_path ? "\t%s \"%s\"\n" : "\t%s none\n", name, settings->state_path);
	} else if (strcmp(name, "timeout") == 0) {
		for (unsigned int i = 0; i < TIMEOUT_COUNT; i++) {
			bool only = i == TIMEOUT_ICMP || i == TIMEOUT_GENERIC;

			text_append(text, "\ttimeout %s%s%s ", timeout_names[i].protocol, only ? "" : " ",
				    only ? "" : timeout_names[i].state);
			print_duration(text, settings->timeout_s[i] * UINT64_C(1000));
			text_append(text, "\n");
		}
	}
}

void print_settings(struct text *text, const struct settings *settings)
{
	text_append(text, "gateway {\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		uint64_t value;

		if (rows[i].kind == SETTING_SPECIAL) {
			print_special(text, settings, rows[i].name);
			continue;
		}
		value = fetch(settings, &rows[i]);
		text_append(text, "\t%s ", rows[i].name);
		if (rows[i].kind == SETTING_WORD)
			text_append(text, "%s", symbol_name(rows[i].words, (uint32_t)value));
		else if (rows[i].kind == SETTING_DURATION)
			print_duration(text, value);
		else
			text_append(text, "%llu", (unsigned long long)value);
		text_append(text, "\n");
	}
	text_append(text, "}\n");
}
