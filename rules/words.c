/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words and units inside statements, as the grammar's actions read them. */
#include <stdio.h>
#include <stdlib.h>

#include "rules/names.h"
#include "rules/parse_tokens.h"

bool expect_word(struct parser *parser, struct place place, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) == 0)
		return true;
	if (nft_knows(got))
		report_error(parser->diagnostics, place, "not supported: %s", got);
	else
		report_error(parser->diagnostics, place, "unexpected \"%.80s\", expected %s", got, wanted);
	return false;
}

uint32_t number_32(struct parser *parser, struct place place, uint64_t number)
{
	if (number <= UINT32_MAX)
		return (uint32_t)number;
	report_error(parser->diagnostics, place, "%llu does not fit 32 bits", (unsigned long long)number);
	return UINT32_MAX;
}

const char *number_text(struct parser *parser, uint64_t number)
{
	return arena_printf(parser->arena, "%llu", (unsigned long long)number);
}

const char *two_words(struct parser *parser, const char *one, const char *other)
{
	return arena_printf(parser->arena, "%s %s", one, other);
}

const char *text_of(const struct expression *expression)
{
	return expression->text ? expression->text : "?";
}

/* ------------------------------------------------------------------- units */

bool parse_duration(const char *text, uint64_t *ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "ms", 1 },	{ "w", 604800000 }, { "d", 86400000 },
		      { "h", 3600000 }, { "m", 60000 },	    { "s", 1000 } };
	const uint64_t limit = UINT64_C(1000) * 86400 * 36500;

	*ms = 0;
	if (!*text)
		return false;
	while (*text) {
		uint64_t number = 0;
		size_t unit = 0;

		if (*text < '0' || *text > '9')
			return false;
		for (; *text >= '0' && *text <= '9'; text++) {
			number = number * 10 + (uint64_t)(*text - '0');
			if (number > limit)
				return false;
		}
		if (!*text) {
			*ms += number * 1000;
			break;
		}
		while (unit < 6 && strncmp(text, units[unit].name, strlen(units[unit].name)) != 0)
			unit++;
		if (unit == 6)
			return false;
		text += strlen(units[unit].name);
		if (number > limit / units[unit].ms)
			return false;
		*ms += number * units[unit].ms;
	}
	return *ms <= limit;
}

uint64_t duration_of(struct parser *parser, struct place place, const char *text)
{
	uint64_t ms = 0;

	if (!parse_duration(text, &ms)) {
		report_error(parser->diagnostics, place, "\"%.80s\" is no duration: expected one like 1d2h3m4s5ms",
			     text);
		return 0;
	}
	return ms;
}

const char *duration_text(struct parser *parser, const struct expression *written)
{
	return written->text ? written->text
			     : arena_printf(parser->arena, "%llus", (unsigned long long)written->number);
}

static bool time_unit(struct parser *parser, struct place place, const char *text, uint32_t *seconds)
{
	static const struct symbol units[] = { { "second", 1 },	 { "minute", 60 },   { "hour", 3600 },
					       { "day", 86400 }, { "week", 604800 }, { NULL, 0 } };

	if (symbol_find(units, text, seconds))
		return true;
	report_error(parser->diagnostics, place, "\"%.80s\" is no unit: expected second, minute, hour, day or week",
		     text);
	*seconds = 1;
	return false;
}

static bool byte_factor(const char *text, size_t length, uint64_t *factor)
{
	static const struct symbol units[] = { { "bytes", 1 },
					       { "kbytes", 1024 },
					       { "mbytes", 1024 * 1024 },
					       { "byte", 1 },
					       { "gbytes", 1024U * 1024 * 1024 },
					       { NULL, 0 } };

	for (const struct symbol *unit = units; unit->name; unit++) {
		if (strlen(unit->name) == length && memcmp(unit->name, text, length) == 0) {
			*factor = unit->value;
			return true;
		}
	}
	*factor = 1;
	return false;
}

uint64_t bytes_of(struct parser *parser, struct place place, uint64_t amount, const char *unit)
{
	uint64_t factor;

	if (!byte_factor(unit, strlen(unit), &factor))
		report_error(parser->diagnostics, place, "\"%.80s\" is no unit: expected bytes, kbytes or mbytes",
			     unit);
	return amount > UINT64_MAX / factor ? UINT64_MAX : amount * factor;
}

struct counter_values counter_of(struct parser *parser, struct place packets_place, const char *packets_word,
				 uint64_t packets, struct place bytes_place, const char *bytes_word, uint64_t bytes)
{
	if (!expect_word(parser, packets_place, packets_word, "packets") ||
	    !expect_word(parser, bytes_place, bytes_word, "bytes"))
		return (struct counter_values){ 0, 0 };
	return (struct counter_values){ packets, bytes };
}

static void check_rate(struct parser *parser, struct limit_values *limit, struct place place)
{
	if (limit->rate == 0 || limit->rate > UINT32_MAX * UINT64_C(1024)) {
		report_error(parser->diagnostics, place, "a rate must be more than 0 and below 4 terabytes");
		limit->rate = 1;
	}
}

struct limit_values limit_packets(struct parser *parser, struct place place, bool over, uint64_t rate, const char *unit)
{
	/* The burst is the kernel's. */
	struct limit_values limit = { .rate = rate, .burst = 5, .over = over };

	time_unit(parser, place, unit, &limit.seconds);
	check_rate(parser, &limit, place);
	return limit;
}

struct limit_values limit_bytes(struct parser *parser, struct place place, bool over, uint64_t rate, const char *unit)
{
	struct limit_values limit = { .bytes = true, .over = over };
	const char *slash = strchr(unit, '/');
	uint64_t factor = 1;

	if (!slash || !byte_factor(unit, (size_t)(slash - unit), &factor))
		report_error(parser->diagnostics, place, "\"%.80s\" is no unit: expected one like kbytes/second", unit);
	time_unit(parser, place, slash ? slash + 1 : "second", &limit.seconds);
	limit.rate = rate > UINT64_MAX / factor ? UINT64_MAX : rate * factor;
	check_rate(parser, &limit, place);
	return limit;
}

void limit_burst(struct parser *parser, struct limit_values *limit, struct place place, uint64_t burst,
		 const char *unit)
{
	uint64_t factor = 1;

	if (!limit->bytes)
		expect_word(parser, place, unit, "packets");
	else
		factor = bytes_of(parser, place, 1, unit);
	if (burst > UINT32_MAX || (burst == 0 && !limit->bytes))
		report_error(parser->diagnostics, place, "a burst must be more than 0 and below 4294967296");
	limit->burst = (burst & UINT32_MAX) * factor;
	limit->has_burst = true;
}

/* -------------------------------------------------------------- statements */

void log_flags(struct parser *parser, struct statement *log, const char *protocol, const struct expression *words)
{
	static const char *const known[] = {
		"all", "skuid", "ether", "tcp sequence", "tcp options", "ip options", NULL
	};
	struct text text = { .arena = parser->arena };

	if (log->log.flags)
		text_append(&text, "%s flags ", log->log.flags);
	for (const struct expression *word = words->items; word; word = word->next) {
		const char *flag = protocol ? arena_printf(parser->arena, "%s %s", protocol, word->text) : word->text;
		size_t i = 0;

		while (known[i] && strcmp(known[i], flag) != 0)
			i++;
		if (!known[i])
			report_error(parser->diagnostics, word->place, "unknown log flag %s", flag);
		text_append(&text, "%s", word == words->items ? flag : ",");
		if (word != words->items)
			text_append(&text, "%s", word->text);
	}
	log->log.flags = text.bytes;
}

void log_option(struct parser *parser, struct statement *log, struct place place, const char *option,
		struct expression *value)
{
	uint32_t level;

	if (strcmp(option, "prefix") == 0 && value->text) {
		log->log.prefix = value->text;
		if (strlen(value->text) > 127)
			report_error(parser->diagnostics, value->place, "a log prefix has 127 bytes at most");
	} else if (strcmp(option, "level") == 0 && value->text && symbol_find(log_levels, value->text, &level)) {
		log->log.level = (uint8_t)level;
		log->log.has_level = true;
	} else if (strcmp(option, "level") == 0 && value->text && strcmp(value->text, "audit") == 0) {
		report_error(parser->diagnostics, place, "not supported: log level audit");
	} else if (strcmp(option, "group") == 0 && !value->text) {
		log->log.group = number_32(parser, place, value->number);
		log->log.has_group = true;
	} else if (strcmp(option, "snaplen") == 0 && !value->text) {
		log->log.snaplen = number_32(parser, place, value->number);
		log->log.has_snaplen = true;
	} else if (strcmp(option, "queue-threshold") == 0 && !value->text) {
		log->log.threshold = number_32(parser, place, value->number);
		log->log.has_threshold = true;
	} else {
		report_error(parser->diagnostics, place, "a log statement has no %s like this", option);
	}
}

void nat_qualifier(struct parser *parser, struct statement *nat, struct place place, const char *word)
{
	if (strcmp(word, "ip") == 0)
		nat->nat.family = FAMILY_IPV4;
	else if (strcmp(word, "ip6") == 0)
		nat->nat.family = FAMILY_IPV6;
	else if (strcmp(word, "prefix") == 0)
		nat->nat.prefix = true;
	else if (strcmp(word, "interval") == 0)
		nat->nat.interval = true;
	else if (strcmp(word, "port") == 0)
		nat->nat.address_and_port = true;
	else if (strcmp(word, "addr") != 0)
		report_error(parser->diagnostics, place, "unexpected \"%s\", expected ip, ip6 or to", word);
}

void nat_flag(struct parser *parser, struct statement *nat, struct place place, const char *word)
{
	if (strcmp(word, "random") == 0)
		nat->nat.random = true;
	else if (strcmp(word, "fully-random") == 0)
		nat->nat.fully_random = true;
	else if (strcmp(word, "persistent") == 0)
		nat->nat.persistent = true;
	else
		report_error(parser->diagnostics, place,
			     "unexpected \"%s\", expected random, fully-random or persistent", word);
}

void nat_behaviour(struct parser *parser, struct statement *nat, struct place place, const char *name, const char *word)
{
	bool mapping = strcmp(name, "mapping") == 0;
	uint32_t behaviour;

	if (!mapping && strcmp(name, "filtering") != 0)
		report_error(parser->diagnostics, place, "unexpected \"%s\", expected mapping or filtering", name);
	else if (nat->nat.kind != NAT_SNAT && nat->nat.kind != NAT_MASQUERADE)
		report_error(parser->diagnostics, place, "%s belongs to snat and masquerade", name);
	else if (!symbol_find(behaviour_words, word, &behaviour))
		report_error(parser->diagnostics, place,
			     "%s: expected endpoint-independent, address-dependent or address-and-port-dependent",
			     name);
	else if (mapping)
		nat->nat.mapping = (uint8_t)(behaviour + 1);
	else
		nat->nat.filtering = (uint8_t)(behaviour + 1);
}

void reject_with(struct parser *parser, struct statement *reject, struct place place, const char *kind,
		 const char *code)
{
	static const struct {
		const char *name;
		enum reject_kind kind;
		const struct symbol *codes;
	} kinds[] = { { "icmp", REJECT_KIND_ICMP, icmp_codes },
		      { "icmpv6", REJECT_KIND_ICMPV6, icmpv6_codes },
		      { "icmpx", REJECT_KIND_ICMPX, icmpx_codes } };
	uint32_t number = 0;
	char *end;

	if (strcmp(kind, "tcp") == 0) {
		expect_word(parser, place, code, "reset");
		reject->reject.kind = REJECT_KIND_TCP_RESET;
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].name) != 0)
			continue;
		reject->reject.kind = kinds[i].kind;
		if (!symbol_find(kinds[i].codes, code, &number)) {
			number = (uint32_t)strtoul(code, &end, 0);
			if (*end || number > 255)
				report_error(parser->diagnostics, place, "\"%s\" is no %s code", code, kind);
		}
		reject->reject.code = (uint8_t)number;
		return;
	}
	report_error(parser->diagnostics, place, "reject with %s: expected tcp reset, icmp, icmpv6 or icmpx", kind);
}
