/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Findings in words: whom it concerns, what was seen, and what to do about it.
 */
#include "conntrack/diagnose.h"

#include <stdarg.h>
#include <stdio.h>

#include "rules/address_text.h"

/* "connection", "connections" */
#define PLURAL(count, word) (count), (count) == 1 ? word : word "s"

struct words {
	char *text;
	size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *words, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(words->text + words->length, words->size - words->length, format, arguments);
	va_end(arguments);
	if (length > 0)
		words->length += (size_t)length;
	if (words->length >= words->size)
		words->length = words->size - 1;
}

static const char *address_words(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	if (address_is_ipv4(address))
		address_text_print_ipv4(address->bytes + 12, text);
	else
		address_text_print_ipv6(address->bytes, text);
	return text;
}

/* ADDRESS:PORT, [ADDRESS]:PORT, ADDRESS */
static void say_service(struct words *words, const struct statistics_entry *entry)
{
	char text[ADDRESS_TEXT_SIZE];
	uint16_t port = be16_to_host(entry->who.port);

	address_words(&entry->who.address, text);
	if (!port)
		say(words, "%s", text);
	else
		say(words, address_is_ipv4(&entry->who.address) ? "%s:%u" : "[%s]:%u", text, port);
}

static void say_sources(struct words *words, const struct statistics_entry *entry)
{
	char text[ADDRESS_TEXT_SIZE];

	if (entry->peer_count == 1)
		say(words, " from %s", address_words(&entry->peer, text));
	else if (entry->peer_count == STATISTICS_PEERS)
		say(words, " from %u sources or more", STATISTICS_PEERS);
	else if (entry->peer_count)
		say(words, " from %u sources", entry->peer_count);
}

/* Has another port of that address, or a query to it, been answered lately, be it by a refusal? */
static bool host_answers(const struct inquiry *inquiry, const struct statistics_entry *entry)
{
	const struct statistics_entry *other;
	uint32_t position = 0;

	while ((other = statistics_next(&inquiry->engine->witness->services, &position)))
		if (other != entry && address_equal(&other->who.address, &entry->who.address) &&
		    (statistics_recent(other, STATISTIC_ANSWERED, inquiry->now) ||
		     statistics_recent(other, STATISTIC_REFUSED, inquiry->now)))
			return true;
	return false;
}

static void say_others(struct words *words, const struct inquiry *inquiry)
{
	if (inquiry->answering == 1)
		say(words, "; the other destination answers");
	else if (inquiry->answering)
		say(words, "; the other %u destinations answer", inquiry->answering);
	else
		say(words, "; nothing else has answered lately either");
}

/* What the last ICMP error about it said (RFC 792, RFC 4443). */
static const char *report_words(const struct statistics_entry *entry)
{
	static const char *const four[] = {
		"net unreachable",
		"host unreachable",
		"protocol unreachable",
		"port unreachable",
		"fragmentation needed",
		"source route failed",
		"net unknown",
		"host unknown",
		"source isolated",
		"net prohibited",
		"host prohibited",
		"net unreachable for that TOS",
		"host unreachable for TOS",
		"administratively prohibited",
		"precedence violation",
		"precedence cutoff",
	};
	static const char *const six[] = {
		"no route",
		"administratively prohibited",
		"beyond the scope of the source",
		"address unreachable",
		"port unreachable",
		"source address failed policy",
		"route rejected",
	};
	uint8_t code = entry->icmp_code;

	if (address_is_ipv4(&entry->who.address))
		return code < sizeof(four) / sizeof(four[0]) ? four[code] : "unreachable";
	return code < sizeof(six) / sizeof(six[0]) ? six[code] : "unreachable";
}

/* --------------------------------------------------------- what others do wrong */

static void describe_refused(const struct suspect *suspect, struct words *text, struct words *cure)
{
	char reporter[ADDRESS_TEXT_SIZE];

	say(text, "%u %s refused", PLURAL(suspect->count, "connection"));
	say_sources(text, suspect->entry);
	if (suspect->entry->reporters)
		say(text, ", with %s by %s", report_words(suspect->entry),
		    address_words(&suspect->entry->reporter, reporter));
	else
		say(text, ", with a RST in answer to the SYN");
	say(cure, "the host is up and nothing listens on that port, or a firewall there rejects: look at the service "
		  "there, not at this gateway");
}

static void describe_timed_out(const struct inquiry *inquiry, const struct suspect *suspect, struct words *text,
			       struct words *cure)
{
	if (suspect->entry == &inquiry->engine->witness->silence) {
		say(text, "%u SYNs and queries to %u addresses%s, and nothing answers", suspect->count,
		    suspect->entry->peer_count, suspect->entry->peer_count == STATISTICS_PEERS ? " or more" : "");
		say(cure, "not a single server but the way to all of them: look at the uplink and its router");
		return;
	}
	say(text, "%u %s, no answer,", PLURAL(suspect->count, "SYN"));
	say_sources(text, suspect->entry);
	if (host_answers(inquiry, suspect->entry)) {
		say(text, "; the host answers otherwise");
		say(cure, "a firewall there drops that port, or the service hangs: not this gateway");
		return;
	}
	say_others(text, inquiry);
	if (inquiry->answering)
		say(cure, "a firewall there or a dead host, not this gateway");
	else
		say(cure, "a firewall there, a dead host or the way to it: ping it, then look at the uplink");
}

static void describe_reset(const struct suspect *suspect, struct words *text, struct words *cure)
{
	say(text, "%u established %s reset by it,", PLURAL(suspect->count, "connection"));
	say_sources(text, suspect->entry);
	say(cure, "the service ended or broke off, or a middlebox near it did: look at its log, not at this gateway");
}

static void describe_unreachable(const struct suspect *suspect, struct words *text, struct words *cure)
{
	char reporter[ADDRESS_TEXT_SIZE];

	say(text, "%u failed %s", PLURAL(suspect->count, "connection"));
	say_sources(text, suspect->entry);
	say(text, ": %s says \"%s\"", address_words(&suspect->entry->reporter, reporter), report_words(suspect->entry));
	say(cure, "a dead host, a missing route or a filter: look at %s", reporter);
}

static void describe_ttl(const struct suspect *suspect, struct words *text, struct words *cure)
{
	char reporter[ADDRESS_TEXT_SIZE];

	address_words(&suspect->entry->reporter, reporter);
	if (suspect->statistic == STATISTIC_TTL_PROBES) {
		say(text, "%u %s ran out of TTL at %s and nothing is ever answered", PLURAL(suspect->count, "packet"),
		    reporter);
		say(cure, "a TTL set too low by the sender (ping -t, an application's option)");
		return;
	}
	say(text, "%u %s", PLURAL(suspect->count, "connection"));
	say_sources(text, suspect->entry);
	say(text, " ran out of TTL at %s, with a usual TTL at the start", reporter);
	say(cure, "a routing loop beyond this gateway: traceroute shows where it turns, %s is in it", reporter);
}

static void describe_too_big(const struct suspect *suspect, struct words *text, struct words *cure)
{
	char reporter[ADDRESS_TEXT_SIZE];

	say(text, "%u %s", PLURAL(suspect->count, "connection"));
	say_sources(text, suspect->entry);
	say(text, " told to send smaller packets by %s", address_words(&suspect->entry->reporter, reporter));
	if (suspect->entry->mtu)
		say(text, ": at most %u bytes pass", suspect->entry->mtu);
	say(cure, "senders that get this message adapt; to spare them the detour: tcp option maxseg size set rt mtu");
}

static void describe_dns(const struct inquiry *inquiry, const struct suspect *suspect, struct words *text,
			 struct words *cure)
{
	char reporter[ADDRESS_TEXT_SIZE];

	say(text, "%u of %u DNS queries without answer", suspect->count,
	    statistics_recent(suspect->entry, STATISTIC_DNS_QUERIES, inquiry->now));
	say_sources(text, suspect->entry);
	if (suspect->entry->reporters)
		say(text, "; %s says \"%s\"", address_words(&suspect->entry->reporter, reporter),
		    report_words(suspect->entry));
	if (host_answers(inquiry, suspect->entry))
		say(text, "; the host answers otherwise");
	else
		say_others(text, inquiry);
	say(cure, "names do not resolve%s: look at that resolver, or name another one to the clients",
	    inquiry->answering ? ", addresses are still reached" : "");
}

static void describe_one_way(const struct suspect *suspect, struct words *text, struct words *cure)
{
	say(text, "%u %s", PLURAL(suspect->count, "flow"));
	say_sources(text, suspect->entry);
	if (suspect->entry->protocol == PROTOCOL_TCP) {
		say(text, ": packets go out by this gateway and their answers do not come back by it");
		say(cure, "asymmetric routing: the way back must lead by this gateway too");
		return;
	}
	say(text, " of three packets or more, and none came back");
	say(cure, "a service that is gone, or a firewall before it; harmless where the protocol has no answers");
}

static void describe_hole(const struct inquiry *inquiry, const struct suspect *suspect, struct words *text,
			  struct words *cure)
{
	const struct snapshot_black_hole *hole = &inquiry->holes[suspect->hole];

	say(text, "%s of %u bytes vanish on the way, without an ICMP error", hole->datagrams ? "datagrams" : "packets",
	    hole->fails);
	if (hole->works)
		say(text, "; those of %u bytes arrive", hole->works);
	say(text, "; %u %s there now", PLURAL(suspect->count, "session"));
	if (hole->datagrams)
		say(cure, "let ICMP fragmentation-needed pass on that path, or send smaller datagrams");
	else if (strcmp(hole->action, "report") == 0)
		say(cure, "let ICMP fragmentation-needed pass on that path; here: `black-holes clamp` or `repair`, or "
			  "tcp option maxseg size set");
	else
		say(cure,
		    "this gateway works around it (black-holes %s); let ICMP fragmentation-needed pass on that path",
		    hole->action);
}

/* ----------------------------------------------------- what this gateway refuses */

static void describe_expired(const struct suspect *suspect, struct words *text, struct words *cure)
{
	say(text, "%u %s", PLURAL(suspect->count, "connection"));
	say_sources(text, suspect->entry);
	say(text, " went on after more than %u s of silence, when the session had expired here; %s",
	    suspect->entry->idle_s, suspect->entry->dropped_late ? "the packets were dropped" : "picked up again");
	say(cure, "TCP keepalive below %u s at either end, or a longer `timeout tcp established`",
	    suspect->entry->idle_s);
}

static void say_place(const struct inquiry *inquiry, const struct suspect *suspect, struct words *words)
{
	const char *file = place_file(inquiry->engine, suspect->place);

	if (file)
		say(words, "%s:%u", file, place_line(suspect->place));
	else
		say(words, "a policy");
}

/* The text of the rule there, if it still is. */
static const char *rule_text(const struct inquiry *inquiry, const struct suspect *suspect)
{
	const struct ruleset *ruleset = inquiry->engine->configuration ? inquiry->engine->configuration->ruleset : NULL;
	const char *file = place_file(inquiry->engine, suspect->place);
	struct rule_listing rule;
	uint32_t position = 0;

	while (file && ruleset && ruleset_next_rule(ruleset, &position, &rule))
		if (rule.place.line == place_line(suspect->place) && rule.place.file && rule.place.text &&
		    strcmp(rule.place.file, file) == 0)
			return rule.place.text;
	return NULL;
}

static void describe_policy(const struct inquiry *inquiry, const struct suspect *suspect, struct words *text,
			    struct words *cure)
{
	static const char *const hooks[HOOK_COUNT] = { "prerouting", "input", "forward", "output", "postrouting" };
	const char *rule = suspect->hook & WITNESS_POLICY ? NULL : rule_text(inquiry, suspect);
	uint8_t hook = suspect->hook & (uint8_t)~WITNESS_POLICY;

	say(text, "%u %s", PLURAL(suspect->count, "connection"));
	if (suspect->entry)
		say_sources(text, suspect->entry);
	else
		say(text, " to %u services", suspect->services);
	if (suspect->hook & WITNESS_POLICY)
		say(text, " dropped by the policy of the %s chain at ", hook < HOOK_COUNT ? hooks[hook] : "base");
	else
		say(text, " dropped by the rule at ");
	say_place(inquiry, suspect, text);
	if (rule)
		say(text, ": %s", rule);
	say(cure, suspect->hook & WITNESS_POLICY
		      ? "if they shall pass, a rule must accept them before the policy does not"
		      : "if they shall pass, change that rule");
}

static void describe_ports(const struct inquiry *inquiry, const struct suspect *suspect, struct words *text,
			   struct words *cure)
{
	const struct statistics_entry *entry = suspect->entry;
	struct snapshot_cursor cursor = { 0 };
	struct snapshot_pool pool;

	say(text, "%u %s", PLURAL(suspect->count, "connection"));
	say_sources(text, entry);
	say(text, " refused: no external port is free");
	if (entry != &inquiry->engine->witness->gateway)
		say(text, " towards that destination");
	while (snapshot_next_pool(inquiry->engine, &cursor, &pool))
		if (address_equal(&pool.address, &entry->reporter) && pool.protocol == entry->protocol)
			say(text, "; %u of %u are in use", pool.used, pool.ports);
	say(cure, "another external address or a wider port range in the nat rule, port-overloading, ports-per-source, "
		  "or shorter timeouts: see `sluicectl pools` and `sluicectl sources`");
}

static void describe_table(const struct inquiry *inquiry, const struct suspect *suspect, struct words *text,
			   struct words *cure)
{
	struct snapshot_party heaviest;
	char address[ADDRESS_TEXT_SIZE];

	say(text, "%u %s", PLURAL(suspect->count, "connection"));
	say_sources(text, suspect->entry);
	say(text, " refused: all %u sessions are in use", inquiry->engine->table.capacity);
	if (snapshot_sources(inquiry->engine, &heaviest, 1) && !address_is_unspecified(&heaviest.address))
		say(text, "; %s holds %u of them", address_words(&heaviest.address, address), heaviest.sessions);
	say(cure, "a larger `capacity`, a quota (`sessions-per-source`), or `table-full evict`");
}

static void describe_quota(const struct inquiry *inquiry, const struct suspect *suspect, struct words *text,
			   struct words *cure)
{
	bool rate = inquiry->engine->refused[REFUSAL_SOURCE_QUOTA].rate;

	say(text, "%u %s refused: it %s", PLURAL(suspect->count, "connection"),
	    rate ? "opens more sessions a second than it may" : "holds all the sessions or ports it may");
	say(cure, "look what it does (`sluicectl sessions -s`); if it shall: a larger `sessions-per-source`, "
		  "`ports-per-source` or `new-per-source`");
}

/* ----------------------------------------------------------------------- all */

static void say_subject(const struct inquiry *inquiry, const struct suspect *suspect, struct words *words)
{
	char address[ADDRESS_TEXT_SIZE];

	if (suspect->name == FINDING_TABLE_FULL)
		say(words, "sessions");
	else if (suspect->name == FINDING_MTU_BLACK_HOLE)
		say(words, "%s", address_words(&inquiry->holes[suspect->hole].destination, address));
	else if (suspect->entry == &inquiry->engine->witness->silence)
		say(words, "all destinations");
	else if (suspect->entry == &inquiry->engine->witness->gateway)
		say(words, "%s", address_words(&suspect->entry->reporter, address));
	else if (suspect->entry)
		say_service(words, suspect->entry);
	else
		say_place(inquiry, suspect, words);
	if (suspect->name == FINDING_SOURCE_QUOTA && !address_is_ipv4(&suspect->entry->who.address))
		say(words, "/64");
}

static void describe(const struct inquiry *inquiry, const struct suspect *suspect, struct words *text,
		     struct words *cure)
{
	switch (suspect->name) {
	case FINDING_REFUSED:
		describe_refused(suspect, text, cure);
		break;
	case FINDING_TIMED_OUT:
		describe_timed_out(inquiry, suspect, text, cure);
		break;
	case FINDING_RESET_MIDSTREAM:
		describe_reset(suspect, text, cure);
		break;
	case FINDING_IDLE_EXPIRED:
		describe_expired(suspect, text, cure);
		break;
	case FINDING_POLICY_DROP:
		describe_policy(inquiry, suspect, text, cure);
		break;
	case FINDING_PORT_EXHAUSTED:
		describe_ports(inquiry, suspect, text, cure);
		break;
	case FINDING_TABLE_FULL:
		describe_table(inquiry, suspect, text, cure);
		break;
	case FINDING_SOURCE_QUOTA:
		describe_quota(inquiry, suspect, text, cure);
		break;
	case FINDING_FRAGMENTATION_NEEDED:
		describe_too_big(suspect, text, cure);
		break;
	case FINDING_UNREACHABLE:
		describe_unreachable(suspect, text, cure);
		break;
	case FINDING_TTL_EXCEEDED:
		describe_ttl(suspect, text, cure);
		break;
	case FINDING_DNS_UNANSWERED:
		describe_dns(inquiry, suspect, text, cure);
		break;
	case FINDING_ONE_WAY:
		describe_one_way(suspect, text, cure);
		break;
	case FINDING_MTU_BLACK_HOLE:
		describe_hole(inquiry, suspect, text, cure);
		break;
	case FINDING_COUNT:
		break;
	}
}

void diagnose_describe(const struct inquiry *inquiry, const struct suspect *suspect, struct finding *finding)
{
	struct words subject = { finding->subject, sizeof(finding->subject), 0 };
	struct words text = { finding->text, sizeof(finding->text), 0 };
	struct words cure = { finding->cure, sizeof(finding->cure), 0 };

	*finding = (struct finding){ .name = suspect->name, .count = suspect->count, .since_s = suspect->since_s };
	say_subject(inquiry, suspect, &subject);
	describe(inquiry, suspect, &text, &cure);
}
