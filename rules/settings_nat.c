/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/settings_nat.h"

#include <stdlib.h>

#include "rules/address_text.h"
#include "rules/names.h"

/* Smaller blocks cost more in log lines and lists than they bring; larger ones are ranges. */
#define BLOCK_LEAST 16
#define BLOCK_MOST 32768

/* nft's units of a rate; the first name is the one printed. */
static const struct symbol rate_units[] = {
	{ "second", 1 }, { "minute", 60 }, { "hour", 3600 }, { "day", 86400 }, { "week", 604800 }, { NULL, 0 },
};

static bool is_number(const char *text, uint32_t most, uint32_t *number)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9' || strlen(text) > 10)
		return false;
	value = strtoul(text, &end, 10);
	*number = (uint32_t)value;
	return *end == '\0' && value <= most;
}

/* --------------------------------------------------------------------- rates */

/* nft's notation: 100/second burst 200. Without a burst, as much as a period allows at once. */
static void parse_rate(struct parser *parser, struct settings *settings, const struct setting_word *word)
{
	struct settings_rate rate = { 0 };
	const char *slash = strchr(word->text, '/');
	const char *count = slash ? arena_copy(parser->arena, word->text, (size_t)(slash - word->text)) : "";
	const struct setting_word *burst = word->next;

	if (strcmp(word->text, "none") == 0 && !burst) {
		settings->new_per_source = rate;
		return;
	}
	if (!is_number(count, 1000000000, &rate.count) || !rate.count ||
	    !symbol_find(rate_units, slash + 1, &rate.period_s)) {
		report_error(parser->diagnostics, word->place,
			     "new-per-source: expected a rate like 100/second burst 200, or none");
		return;
	}
	rate.burst = rate.count;
	if (burst && (strcmp(burst->text, "burst") != 0 || !burst->next || burst->next->next ||
		      !is_number(burst->next->text, 1000000000, &rate.burst) || !rate.burst)) {
		report_error(parser->diagnostics, burst->place, "new-per-source: expected burst and a number");
		return;
	}
	settings->new_per_source = rate;
}

/* ----------------------------------------------------------------- addresses */

static bool parse_address(const char *text, struct address *address)
{
	uint8_t bytes[16];

	if (address_text_parse_ipv4(text, bytes))
		*address = address_from_ipv4(bytes);
	else if (address_text_parse_ipv6(text, bytes))
		*address = address_from_ipv6(bytes);
	else
		return false;
	return true;
}

static bool has_host_bits(const struct settings_network *network)
{
	for (unsigned int bit = network->length; bit < 128; bit++)
		if (network->address.bytes[bit / 8] & 0x80U >> bit % 8)
			return true;
	return false;
}

static bool parse_network(struct parser *parser, const char *text, struct settings_network *network)
{
	const char *slash = strchr(text, '/');
	uint32_t bits = 128, most = 128;

	if (slash)
		text = arena_copy(parser->arena, text, (size_t)(slash - text));
	if (!parse_address(text, &network->address))
		return false;
	if (address_is_ipv4(&network->address))
		bits = most = 32;
	if (slash && !is_number(slash + 1, most, &bits))
		return false;
	network->length = (uint8_t)(128 - most + bits);
	return !has_host_bits(network);
}

static void parse_exempt(struct parser *parser, struct settings *settings, const struct setting_word *word)
{
	struct settings_network network;

	settings->exempt_count = 0;
	for (; word; word = word->next) {
		if (settings->exempt_count == SETTINGS_EXEMPT_LIMIT) {
			report_error(parser->diagnostics, word->place, "quota-exempt: %d networks at most",
				     SETTINGS_EXEMPT_LIMIT);
			return;
		}
		if (parse_network(parser, word->text, &network))
			settings->exempt[settings->exempt_count++] = network;
		else
			report_error(parser->diagnostics, word->place,
				     "quota-exempt: expected addresses and networks, like 10.0.0.5 or 10.1.0.0/24");
	}
}

/* ----------------------------------------------------------------- port sets */

/* offset A length K id N, in any order, each once. */
static bool parse_members(const struct setting_word *word, struct settings_port_set *set)
{
	static const char *const names[] = { "offset", "length", "id" };
	static const uint32_t most[] = { 15, 16, UINT16_MAX };
	uint32_t values[3];
	unsigned int seen = 0;

	for (; word && word->next; word = word->next->next) {
		unsigned int i = 0;

		while (i < 3 && strcmp(word->text, names[i]) != 0)
			i++;
		if (i == 3 || seen & 1U << i || !is_number(word->next->text, most[i], &values[i]))
			return false;
		seen |= 1U << i;
	}
	if (word || seen != 7)
		return false;
	set->offset = (uint8_t)values[0];
	set->length = (uint8_t)values[1];
	set->id = (uint16_t)values[2];
	return set->offset + set->length <= 16 && values[2] >> set->length == 0;
}

static void parse_port_set(struct parser *parser, struct settings *settings, const struct setting_word *word)
{
	struct settings_port_set set = { 0 };
	const struct setting_word *members = word;

	if (parse_address(word->text, &set.address)) {
		members = word->next;
		if (!address_is_ipv4(&set.address)) {
			report_error(parser->diagnostics, word->place,
				     "port-set: only IPv4 addresses are shared by port");
			return;
		}
	}
	if (!members || !parse_members(members, &set)) {
		report_error(
		    parser->diagnostics, word->place,
		    "port-set: expected [ADDRESS] offset A length K id N, with A + K at most 16 and N below 2^K");
		return;
	}
	for (unsigned int i = 0; i < settings->port_set_count; i++) {
		if (address_equal(&settings->port_sets[i].address, &set.address)) {
			report_error(parser->diagnostics, word->place, "port-set: this address has one already");
			return;
		}
	}
	if (settings->port_set_count == SETTINGS_PORT_SET_LIMIT)
		report_error(parser->diagnostics, word->place, "port-set: %d at most", SETTINGS_PORT_SET_LIMIT);
	else
		settings->port_sets[settings->port_set_count++] = set;
}

/* -------------------------------------------------------------------- blocks */

static void parse_block(struct parser *parser, struct settings *settings, const struct setting_word *word)
{
	uint32_t ports;

	if (!is_number(word->text, BLOCK_MOST, &ports) || (ports && ports < BLOCK_LEAST))
		report_error(parser->diagnostics, word->place, "port-block: expected 0 or a number from %d to %d",
			     BLOCK_LEAST, BLOCK_MOST);
	else
		settings->port_block = ports;
}

bool settings_nat_parse(struct parser *parser, struct settings *settings, const char *name,
			const struct setting_word *word)
{
	if (strcmp(name, "new-per-source") == 0)
		parse_rate(parser, settings, word);
	else if (strcmp(name, "quota-exempt") == 0)
		parse_exempt(parser, settings, word);
	else if (strcmp(name, "port-set") == 0)
		parse_port_set(parser, settings, word);
	else if (strcmp(name, "port-block") == 0)
		parse_block(parser, settings, word);
	else
		return false;
	return true;
}

bool settings_nat_takes_words(const char *name)
{
	return strcmp(name, "new-per-source") == 0 || strcmp(name, "quota-exempt") == 0 ||
	       strcmp(name, "port-set") == 0;
}

/* ------------------------------------------------------------------ printing */

static void append_address(struct text *text, const struct address *address)
{
	char host[ADDRESS_TEXT_SIZE];

	if (address_is_ipv4(address))
		address_text_print_ipv4(address->bytes + 12, host);
	else
		address_text_print_ipv6(address->bytes, host);
	text_append(text, "%s", host);
}

static void print_rate(struct text *text, const struct settings_rate *rate)
{
	if (!rate->count)
		text_append(text, "\tnew-per-source none\n");
	else
		text_append(text, "\tnew-per-source %u/%s burst %u\n", rate->count,
			    symbol_name(rate_units, rate->period_s), rate->burst);
}

static void print_exempt(struct text *text, const struct settings *settings)
{
	if (!settings->exempt_count)
		return;
	text_append(text, "\tquota-exempt { ");
	for (unsigned int i = 0; i < settings->exempt_count; i++) {
		const struct settings_network *network = &settings->exempt[i];

		text_append(text, "%s", i ? ", " : "");
		append_address(text, &network->address);
		if (network->length < 128)
			text_append(text, "/%u", network->length - (address_is_ipv4(&network->address) ? 96 : 0));
	}
	text_append(text, " }\n");
}

static void print_port_sets(struct text *text, const struct settings *settings)
{
	for (unsigned int i = 0; i < settings->port_set_count; i++) {
		const struct settings_port_set *set = &settings->port_sets[i];

		text_append(text, "\tport-set ");
		if (!address_is_unspecified(&set->address)) {
			append_address(text, &set->address);
			text_append(text, " ");
		}
		text_append(text, "offset %u length %u id %u\n", set->offset, set->length, set->id);
	}
}

bool settings_nat_print(struct text *text, const struct settings *settings, const char *name)
{
	if (strcmp(name, "new-per-source") == 0)
		print_rate(text, &settings->new_per_source);
	else if (strcmp(name, "quota-exempt") == 0)
		print_exempt(text, settings);
	else if (strcmp(name, "port-set") == 0)
		print_port_sets(text, settings);
	else if (strcmp(name, "port-block") == 0)
		text_append(text, "\tport-block %u\n", settings->port_block);
	else
		return false;
	return true;
}
