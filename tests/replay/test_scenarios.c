/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plays every tests/replay/NAME.scenario through the real engine. A file holds what
 * its scenarios share, then the scenarios; each begins with a fresh gateway.
 *
 *   links NAME=ADDRESS/LENGTH[,...]...   interfaces; the last has the default route
 *   config ... end                       configuration, as sluiced reads it
 *   let NAME WORD                        $NAME stands for WORD from here on
 *   scenario TITLE                       begins one; in it, besides all the above:
 *
 *   IIF PACKET => drop REASON            a packet (packet_words.h) arrives on IIF, or is
 *   IIF PACKET => OIF [SRC > DST ...]    the gateway's own (IIF self); it leaves by OIF, or
 *                                        stays (OIF self), with these endpoints, or as it
 *                                        came; then `quoting SRC > DST`, or of TCP `mss N`,
 *                                        `seq N`, `ack N`, `sack LEFT-RIGHT`, `len N`, `says TEXT`
 *   by TEXT                              the rule that decided contains TEXT
 *   answer PROTOCOL SRC > DST [WHAT]     the gateway itself sent that; WHAT is the flags
 *                                        of TCP, or the type and code of ICMP; then `seq N`,
 *                                        `size N` (of the IP packet), `mtu N`, `quoting SRC > DST`
 *   pass DURATION                        2h4m, 119s, 500ms
 *   sessions N                           that many there are
 *   session PROTOCOL SRC > DST STATE [SECONDS]
 *                                        the session that began with it is in STATE (the
 *                                        configuration's word), with SECONDS left; or `gone`
 *   pool ADDRESS PROTOCOL WHAT [N]       of that external address: `ports N`, `used N`, `used`:
 *                                        some are, `none`: it has given no port yet
 *   alert NAME TEXT                      one of the latest alerts of that name contains TEXT
 *   count WHAT... N                      a counter of `status`: created, expired, evicted,
 *                                        `drops REASON`, `refusals CAUSE`, translated, ...
 *   finding..., findings...              what is wrong, see finding_words.h
 *   path_mtu ADDRESS N                   learned for that destination; 0: nothing
 *   hole ADDRESS WORKS FAILS ACTION      a black hole; or `hole none`
 *   alerts N                             so many were raised or cleared up to now
 *   for NAME FIRST LAST LINE             the line, for each number
 *
 * In what is expected, `*` stands for anything, and a $NAME not yet known for a port
 * to be remembered. Comments begin with #.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/model/finding_words.h"
#include "tests/model/gateway.h"
#include "tests/model/packet_words.h"
#include "tests/model/scenario_path.h"
#include "tests/model/scenario_text.h"
#include "tests/model/status_words.h"

#define WORD_LIMIT 48
#define TEXT_LIMIT 65536

struct play {
	const struct scenario *scenario;
	size_t line; /* from 0 */
	struct gateway gateway;
	struct variables variables;
	char config[TEXT_LIMIT];
	struct gateway_verdict verdict;
	char why[400];
};

static struct play play;

#define FAIL(...) \
	do { \
		char message[512]; \
		snprintf(message, sizeof(message), __VA_ARGS__); \
		fail_msg("%s:%zu: %s", play.scenario->script->path, play.line + 1, message); \
	} while (0)

/* ------------------------------------------------------------------- set-up */

static void read_config(void)
{
	const struct script *script = play.scenario->script;
	size_t used = 0;

	/* Lines keep their numbers, so that diagnostics and rules name the scenario's own. */
	for (; used < play.line + 1; used++)
		play.config[used] = '\n';
	for (play.line++; play.line < script->count; play.line++) {
		const char *line = script->lines[play.line];

		if (strncmp(line, "end", 3) == 0 && strspn(line + 3, " \t") == strlen(line + 3))
			break;
		if (used + strlen(line) + 2 > sizeof(play.config))
			FAIL("configuration too long");
		used += (size_t)sprintf(play.config + used, "%s\n", line);
	}
	play.config[used] = '\0';
}

static void start(void)
{
	char why[400];

	if (!play.gateway.engine &&
	    !gateway_start(&play.gateway, play.scenario->script->path, play.config, why, sizeof(why)))
		FAIL("%s", why);
}

static void set_links(char **words, size_t count)
{
	play.gateway.link_count = 0;
	for (size_t i = 1; i < count; i++)
		if (!gateway_add_link(&play.gateway, words[i]))
			FAIL("not an interface: %s", words[i]);
	if (play.gateway.engine && !gateway_links_changed(&play.gateway))
		FAIL("no memory");
}

/* ------------------------------------------------------------------- packets */

static const char *link_name(uint32_t index)
{
	return index ? play.gateway.links[index - 2].name : "self";
}

static void expect_endpoints(char **words, size_t count, const char *source, const char *destination)
{
	if (count < 3 || strcmp(words[1], ">") != 0)
		FAIL("expected endpoints are SRC > DST");
	if (!variables_match(&play.variables, words[0], source) ||
	    !variables_match(&play.variables, words[2], destination))
		FAIL("expected %s > %s, got %s > %s", words[0], words[2], source, destination);
}

/* What left: endpoints, the quoted ones, the MSS; without a word, as it came. */
static void expect_packet(char **words, size_t count, struct wire *wire, const struct wire *before)
{
	char source[PACKET_WORDS_ENDPOINT], destination[PACKET_WORDS_ENDPOINT];
	struct packet packet;

	if (packet_parse(&packet, wire->bytes, wire->length) != REASON_NONE)
		FAIL("what left cannot be read");
	if (!wire_checksums_right(&packet))
		FAIL("what left has a wrong checksum");
	if (!count && memcmp(wire->bytes, before->bytes, before->length) != 0) {
		packet_words_describe(&packet, source, destination);
		FAIL("expected as it came, got %s > %s", source, destination);
	}
	for (; count; words += 3, count -= 3) {
		char detail[200];

		while (count >= 2 && packet_words_detail(&packet, words[0], detail, sizeof(detail))) {
			if (!variables_match(&play.variables, words[1], detail))
				FAIL("expected %s %s, it is %s", words[0], words[1], detail);
			words += 2;
			count -= 2;
		}
		if (!count)
			return;
		if (strcmp(words[0], "quoting") == 0) {
			packet_words_describe_quote(&packet.icmp.quote, source, destination);
			words++, count--;
		} else {
			packet_words_describe(&packet, source, destination);
		}
		expect_endpoints(words, count, source, destination);
	}
}

static void play_packet(char **words, size_t count)
{
	static struct wire wire, before;
	const struct link *iif = gateway_find_link(&play.gateway, words[0]);
	const char *reason;
	size_t arrow = 1;

	while (arrow < count && strcmp(words[arrow], "=>") != 0)
		arrow++;
	if (arrow + 1 >= count)
		FAIL("a packet needs => and what becomes of it");
	if (play.gateway.answer_count)
		FAIL("the gateway sent a packet that nobody expected");
	if (!packet_words_build(&wire, words + 1, arrow - 1, play.why, sizeof(play.why)))
		FAIL("%s", play.why);
	before = wire;
	play.verdict = gateway_send(&play.gateway, iif ? iif->index : 0, &wire);
	words += arrow + 1;
	count -= arrow + 1;
	reason = play.verdict.expired ? "ttl-exceeded" : reason_key(play.verdict.reason);
	if (strcmp(words[0], "drop") == 0) {
		if (count != 2 || strcmp(words[1], reason) != 0)
			FAIL("expected drop %s, got %s", count > 1 ? words[1] : "", reason);
		return;
	}
	if (play.verdict.reason != REASON_NONE || play.verdict.expired)
		FAIL("dropped: %s", reason);
	if (strcmp(words[0], link_name(play.verdict.oif)) != 0)
		FAIL("leaves by %s", link_name(play.verdict.oif));
	expect_packet(words + 1, count - 1, &wire, &before);
}

static void play_answer(char **words, size_t count)
{
	char source[PACKET_WORDS_ENDPOINT], destination[PACKET_WORDS_ENDPOINT];
	struct gateway *gateway = &play.gateway;
	struct packet packet;
	uint8_t protocol;

	if (!gateway->answer_count)
		FAIL("the gateway sent nothing");
	if (packet_parse(&packet, gateway->answers[0].bytes, gateway->answers[0].length) != REASON_NONE ||
	    !wire_checksums_right(&packet))
		FAIL("the answer cannot be read");
	packet_words_describe(&packet, source, destination);
	if (count < 5 || !packet_words_protocol(words[1], &protocol) || protocol != packet.tuple.protocol)
		FAIL("the answer is of protocol %u", packet.tuple.protocol);
	expect_endpoints(words + 2, count - 2, source, destination);
	if (protocol == PROTOCOL_TCP && count > 5 && (strchr(words[5], 'R') != NULL) != !!(packet.tcp.flags & TCP_RST))
		FAIL("the answer's flags are %#x", packet.tcp.flags);
	if (packet_is_icmp(&packet) && count > 6 &&
	    (packet.icmp.type != atoi(words[5]) || packet.icmp.code != atoi(words[6])))
		FAIL("the answer is type %u code %u", packet.icmp.type, packet.icmp.code);
	for (size_t i = 5; i + 1 < count; i++) {
		if (strcmp(words[i], "quoting") == 0) {
			packet_words_describe_quote(&packet.icmp.quote, source, destination);
			expect_endpoints(words + i + 1, count - i - 1, source, destination);
		} else if (!scenario_path_answer(&packet, words[i], words[i + 1], play.why, sizeof(play.why))) {
			FAIL("%s", play.why);
		}
	}
	gateway->answer_count--;
	memmove(gateway->answers, gateway->answers + 1, gateway->answer_count * sizeof(gateway->answers[0]));
}

static void play_by(char **words, size_t count)
{
	struct rule_place place = { 0 };
	char text[256];

	scenario_text_join(words + 1, count - 1, text, sizeof(text));
	if (play.verdict.rule != RULE_NONE)
		place = ruleset_rule_place(play.gateway.configuration->ruleset, play.verdict.rule);
	if (!place.text || !strstr(place.text, text))
		FAIL("decided by %s", place.text ? place.text : "no rule");
}

/* --------------------------------------------------------------- expectations */

static void pass_time(const char *duration)
{
	uint64_t ms;

	if (!scenario_text_duration(duration, &ms))
		FAIL("not a duration: %s", duration);
	gateway_pass(&play.gateway, ms);
}

static bool find_session(const struct tuple *tuple, struct snapshot_session *session)
{
	struct snapshot_cursor cursor = { 0 };
	unsigned int steps = UINT32_MAX;

	while (snapshot_next_session(play.gateway.engine, &cursor, play.gateway.now, &steps, session) == 1)
		if (tuple_equal(&session->tuples[DIRECTION_ORIGINAL], tuple))
			return true;
	return false;
}

static void play_session(char **words, size_t count)
{
	static const char *const states[] = {
#define STATE_WORD(name, protocol, state, seconds) state,
		SLUICE_TIMEOUTS(STATE_WORD)
#undef STATE_WORD
	};
	struct snapshot_session session;
	struct tuple tuple = { 0 };
	bool found;

	if (count < 6 || !packet_words_protocol(words[1], &tuple.protocol) ||
	    !packet_words_endpoint(words[2], &tuple.source) || !packet_words_endpoint(words[4], &tuple.destination))
		FAIL("session PROTOCOL SRC > DST STATE [SECONDS]");
	if (tuple.protocol == PROTOCOL_ICMP || tuple.protocol == PROTOCOL_ICMPV6)
		tuple.destination.port = be16_from_host(tuple.protocol == PROTOCOL_ICMP ? 8 : 128);
	found = find_session(&tuple, &session);
	if (strcmp(words[5], "gone") == 0) {
		if (found)
			FAIL("it is there, %s", states[session.state]);
		return;
	}
	if (!found)
		FAIL("there is no such session");
	if (strcmp(words[5], states[session.state]) != 0)
		FAIL("expected %s, it is %s", words[5], states[session.state]);
	if (count > 6 && session.timeout_s != (uint32_t)atoi(words[6]))
		FAIL("it has %u s left", session.timeout_s);
}

static void play_count(char **words, size_t count)
{
	struct snapshot_status status;
	uint64_t value;

	if (count < 3)
		FAIL("count WHAT N");
	snapshot_status(play.gateway.engine, &status);
	if (!status_words_counter(words + 1, count - 2, &status, &value))
		FAIL("no such counter");
	if (value != strtoull(words[count - 1], NULL, 10))
		FAIL("it is %llu", (unsigned long long)value);
}

static void play_pool(char **words, size_t count)
{
	if (!status_words_pool(play.gateway.engine, words + 1, count - 1, play.why, sizeof(play.why)))
		FAIL("%s", play.why);
}

static void play_alert(char **words, size_t count)
{
	const struct gateway *gateway = &play.gateway;
	size_t kept = gateway->alert_count < GATEWAY_ALERTS ? gateway->alert_count : GATEWAY_ALERTS;
	const char *latest = "none";
	char text[256];

	scenario_text_join(words + 2, count - 2, text, sizeof(text));
	for (size_t i = 1; i <= kept; i++) {
		const struct effect *effect = &gateway->alerts[(gateway->alert_count - i) % GATEWAY_ALERTS];

		if (strcmp(effect->alert.name, words[1]) != 0)
			continue;
		if (strstr(effect->alert.text, text))
			return;
		latest = effect->alert.text;
	}
	FAIL("no such alert; the earliest of that name: %s", latest);
}

static void play_alerts(const char *number)
{
	if (play.gateway.alert_count != (size_t)atoi(number))
		FAIL("there were %zu", play.gateway.alert_count);
}

static void play_path(char **words, size_t count)
{
	const struct engine *engine = play.gateway.engine;
	bool found =
	    strcmp(words[0], "hole") == 0
		? scenario_path_hole(engine, words + 1, count - 1, play.why, sizeof(play.why))
		: scenario_path_mtu(engine, play.gateway.now, words + 1, count - 1, play.why, sizeof(play.why));

	if (!found)
		FAIL("%s", play.why);
}

static void play_sessions(const char *number)
{
	struct snapshot_status status;

	snapshot_status(play.gateway.engine, &status);
	if (status.sessions.current != (uint32_t)atoi(number))
		FAIL("there are %u", status.sessions.current);
}

/* -------------------------------------------------------------------- lines */

static void play_line(const char *line);

static void let(const char *name, const char *value)
{
	if (!variables_set(&play.variables, name, value))
		FAIL("no room for $%s", name);
}

/* The line is expanded anew for each number. */
static void play_for(const char *line)
{
	char name[24], number[16];
	int first, last, rest = 0;

	if (sscanf(line, " for %23s %d %d %n", name, &first, &last, &rest) != 3 || !rest)
		FAIL("for NAME FIRST LAST LINE");
	for (int i = first; i <= last; i++) {
		snprintf(number, sizeof(number), "%d", i);
		let(name, number);
		play_line(line + rest);
	}
}

static void play_finding(char *const *words, size_t count)
{
	static char why[4000];

	if (!finding_words_hold(play.gateway.engine, play.gateway.now, words, count, why, sizeof(why)))
		fail_msg("%s:%zu: %s", play.scenario->script->path, play.line + 1, why);
}

static void play_words(char **words, size_t count)
{
	if (strcmp(words[0], "links") == 0) {
		set_links(words, count);
		return;
	}
	if (strcmp(words[0], "let") == 0 && count == 3) {
		let(words[1], words[2]);
		return;
	}
	start();
	if (strcmp(words[0], "self") == 0 || gateway_find_link(&play.gateway, words[0]))
		play_packet(words, count);
	else if (strcmp(words[0], "answer") == 0)
		play_answer(words, count);
	else if (strcmp(words[0], "by") == 0)
		play_by(words, count);
	else if (strcmp(words[0], "pass") == 0 && count == 2)
		pass_time(words[1]);
	else if (strcmp(words[0], "sessions") == 0 && count == 2)
		play_sessions(words[1]);
	else if (strcmp(words[0], "session") == 0)
		play_session(words, count);
	else if (strcmp(words[0], "pool") == 0)
		play_pool(words, count);
	else if (strcmp(words[0], "alert") == 0 && count > 2)
		play_alert(words, count);
	else if (strcmp(words[0], "hole") == 0 || strcmp(words[0], "path_mtu") == 0)
		play_path(words, count);
	else if (strcmp(words[0], "alerts") == 0 && count == 2)
		play_alerts(words[1]);
	else if (strcmp(words[0], "count") == 0)
		play_count(words, count);
	else if (strncmp(words[0], "finding", 7) == 0)
		play_finding(words, count);
	else
		FAIL("what is '%s'?", words[0]);
}

static void play_line(const char *line)
{
	char text[1024], *words[WORD_LIMIT], *rest = NULL;
	size_t count = 0;

	line += strspn(line, " \t");
	if (strncmp(line, "for ", 4) == 0) {
		play_for(line);
		return;
	}
	variables_expand(&play.variables, line, text, sizeof(text));
	for (char *word = strtok_r(text, " \t", &rest); word && word[0] != '#'; word = strtok_r(NULL, " \t", &rest))
		if (count < WORD_LIMIT)
			words[count++] = word;
	if (count == 1 && strcmp(words[0], "config") == 0)
		read_config();
	else if (count)
		play_words(words, count);
}

static void play_lines(size_t first, size_t end)
{
	for (play.line = first; play.line < end; play.line++)
		play_line(play.scenario->script->lines[play.line]);
}

static void test_scenario(void **state)
{
	const struct scenario *scenario = *state;

	play = (struct play){ .scenario = scenario };
	play_lines(0, scenario->shared);
	play_lines(scenario->first, scenario->end);
	if (play.gateway.answer_count)
		FAIL("the gateway sent a packet that nobody expected");
}

static int end_scenario(void **state)
{
	(void)state;
	gateway_stop(&play.gateway);
	return 0;
}

int main(int argc, char **argv)
{
	const char *pattern = argc > 1 ? argv[1] : "tests/replay/*.scenario";
	/* Until the process ends. */
	static struct scenario *list;
	static struct CMUnitTest *tests;
	size_t count = scenario_text_read(pattern, &list);

	if (!count) {
		printf("no scenarios: %s\n", pattern);
		return 1;
	}
	tests = calloc(count + 1, sizeof(*tests));
	for (size_t i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){ list[i].title, test_scenario, NULL, end_scenario, &list[i] };
	return _cmocka_run_group_tests("scenarios", tests, count, NULL, NULL);
}
