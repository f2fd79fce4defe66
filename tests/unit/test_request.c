/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests and session filters: words in, values out, and which sessions fit.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* These rooms of the daemon need no library, so the test brings them in whole. */
#include "daemon/filter.c"
#include "daemon/request.c"
#include "daemon/words.c"

#include "tests/model/wire_model.h"

static struct snapshot_session session_of(uint8_t protocol, const char *source, uint16_t sport, const char *destination,
					  uint16_t dport)
{
	struct snapshot_session session = { .state = TIMEOUT_TCP_ESTABLISHED, .state_name = "ESTABLISHED" };

	session.tuples[0] = (struct tuple){
		.source = { wire_address(source), be16_from_host(sport) },
		.destination = { wire_address(destination), be16_from_host(dport) },
		.protocol = protocol,
	};
	session.tuples[1] = tuple_invert(&session.tuples[0]);
	session.assured = session.seen_reply = true;
	return session;
}

static struct request_text text_of(const char *command)
{
	struct request_text text = { .field_count = 0 };

	snprintf(text.command, sizeof(text.command), "%s", command);
	return text;
}

static void add_field(struct request_text *text, const char *name, const char *value)
{
	struct request_field *field = &text->fields[text->field_count++];

	snprintf(field->name, sizeof(field->name), "%s", name);
	snprintf(field->value, sizeof(field->value), "%s", value);
}

static char why[128]; /* why the latest request was refused */

static int parse(const struct request_text *text, struct request *request)
{
	return request_parse(text, request, why, sizeof(why));
}

/* 1: the one word fits @session, 0: it does not, -1: it is refused. */
static int fits(const struct snapshot_session *session, const char *name, const char *value)
{
	struct filter filter = { .has_protocol = false };
	char error[128] = "";

	if (filter_add(&filter, name, value, error, sizeof(error))) {
		assert_true(*error);
		assert_true(filter_is_empty(&filter));
		return -1;
	}
	assert_false(filter_is_empty(&filter));
	return filter_match(&filter, session);
}

/* What fits() says of a word and a session. */
struct fit {
	const struct snapshot_session *session;
	const char *name, *value;
	int expected;
};

static void assert_fits(const struct fit *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int said = fits(rows[i].session, rows[i].name, rows[i].value);

		if (said != rows[i].expected)
			fail_msg("%s \"%s\": %d instead of %d", rows[i].name, rows[i].value, said, rows[i].expected);
	}
}

static void test_every_verb_is_understood(void **state)
{
	(void)state;
	for (enum request_verb verb = 0; verb < REQUEST_VERB_COUNT; verb++) {
		struct request_text text = text_of(request_verb_word(verb));
		struct request request;

		if (verb == REQUEST_DELETE)
			add_field(&text, "protocol", "udp");
		if (verb == REQUEST_WHY)
			strcpy(text.tuple, "udp 10.0.0.2:5353 198.51.100.2:53");
		assert_int_equal(parse(&text, &request), 0);
		assert_int_equal(request.verb, verb);
	}
}

static void test_why_alone_takes_a_tuple(void **state)
{
	struct request_text text = text_of("why");
	struct request request;

	(void)state;
	assert_int_equal(parse(&text, &request), -EINVAL);
	assert_string_equal(why, "why needs a tuple");
	text = text_of("status");
	strcpy(text.tuple, "tcp");
	assert_int_equal(parse(&text, &request), -EINVAL);
	assert_string_equal(why, "status takes no tuple");
}

static void test_only_what_changes_something_is_privileged(void **state)
{
	(void)state;
	for (enum request_verb verb = 0; verb < REQUEST_VERB_COUNT; verb++)
		assert_int_equal(request_is_privileged(verb),
				 verb == REQUEST_RELOAD || verb == REQUEST_DELETE || verb == REQUEST_RESET);
	/* What is no verb must not pass for a harmless one. */
	assert_true(request_is_privileged(REQUEST_VERB_COUNT));
}

static void test_unknown_command_is_told_from_a_bad_filter(void **state)
{
	struct request_text text = text_of("statu");
	struct request request = { .verb = REQUEST_RELOAD };

	(void)state;
	assert_int_equal(parse(&text, &request), -ENOSYS);
	text = text_of("");
	assert_int_equal(parse(&text, &request), -ENOSYS);
	text = text_of("status");
	add_field(&text, "protocol", "tcp");
	assert_int_equal(parse(&text, &request), -EINVAL);
	text = text_of("sessions");
	add_field(&text, "colour", "red");
	assert_int_equal(parse(&text, &request), -EINVAL);
	assert_non_null(strstr(why, "colour"));
	/* A request that fails leaves what was there. */
	assert_int_equal(request.verb, REQUEST_RELOAD);
}

static void test_delete_without_filter_is_refused(void **state)
{
	struct request_text text = text_of("delete");
	struct request request;

	(void)state;
	assert_int_equal(parse(&text, &request), -EINVAL);
	add_field(&text, "src", "10.0.0.2");
	assert_int_equal(parse(&text, &request), 0);
}

static void test_limits(void **state)
{
	static const struct {
		const char *command;
		int64_t limit;
		int result;
	} rows[] = {
		{ "sources", 1, 0 },	    { "destinations", REQUEST_LIMIT_MOST, 0 },
		{ "sources", 0, -EINVAL },  { "sources", REQUEST_LIMIT_MOST + 1, -EINVAL },
		{ "sources", -1, -EINVAL }, { "sources", INT64_C(1) << 32 | 1, -EINVAL },
		{ "pools", 1, -EINVAL },    { "sessions", 1, -EINVAL },
	};
	struct request_text text = text_of("sources");
	struct request request;

	(void)state;
	assert_int_equal(parse(&text, &request), 0);
	assert_int_equal(request.limit, REQUEST_LIMIT_DEFAULT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		text = text_of(rows[i].command);
		text.limited = true;
		text.limit = rows[i].limit;
		assert_int_equal(parse(&text, &request), rows[i].result);
		if (!rows[i].result)
			assert_int_equal(request.limit, rows[i].limit);
	}
}

static void test_addresses(void **state)
{
	static const struct {
		const char *command, *address;
		int result;
	} rows[] = {
		{ "diagnose", "", 0 },
		{ "diagnose", "10.0.0.2", 0 },
		{ "diagnose", "2001:db8::2", 0 },
		{ "diagnose", "10.0.0", -EINVAL },
		{ "diagnose", "10.0.0.0/8", -EINVAL },
		{ "diagnose", "example", -EINVAL },
		{ "status", "10.0.0.2", -EINVAL },
	};
	struct request request;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request_text text = text_of(rows[i].command);
		struct address expected;

		snprintf(text.address, sizeof(text.address), "%s", rows[i].address);
		assert_int_equal(parse(&text, &request), rows[i].result);
		if (rows[i].result)
			continue;
		assert_int_equal(request.has_address, *rows[i].address != '\0');
		if (!request.has_address)
			continue;
		expected = wire_address(rows[i].address);
		assert_true(address_equal(&request.address, &expected));
	}
}

static void test_empty_filter_fits_everything(void **state)
{
	struct snapshot_session tcp = session_of(PROTOCOL_TCP, "10.0.0.2", 40000, "198.51.100.2", 443);
	struct snapshot_session esp = session_of(PROTOCOL_ESP, "fd00::1", 0, "2001:db8::2", 0);
	struct filter filter = { .has_protocol = false };

	(void)state;
	assert_true(filter_is_empty(&filter));
	assert_true(filter_match(&filter, &tcp));
	assert_true(filter_match(&filter, &esp));
}

static void test_protocol_and_family(void **state)
{
	struct snapshot_session tcp = session_of(PROTOCOL_TCP, "10.0.0.2", 40000, "198.51.100.2", 443);
	struct snapshot_session esp = session_of(PROTOCOL_ESP, "fd00::1", 0, "2001:db8::2", 0);
	const struct fit rows[] = {
		{ &tcp, "protocol", "tcp", 1 },	  { &tcp, "protocol", "TCP", 1 }, { &tcp, "protocol", "6", 1 },
		{ &tcp, "protocol", "udp", 0 },	  { &esp, "protocol", "50", 1 },  { &tcp, "protocol", "256", -1 },
		{ &tcp, "protocol", "tcpp", -1 }, { &tcp, "protocol", "-6", -1 }, { &tcp, "protocol", "", -1 },
		{ &tcp, "family", "ipv4", 1 },	  { &esp, "family", "ipv4", 0 },  { &esp, "family", "ipv6", 1 },
		{ &esp, "family", "inet", -1 },
	};

	(void)state;
	assert_fits(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_addresses_by_direction(void **state)
{
	struct snapshot_session session = session_of(PROTOCOL_UDP, "10.0.0.2", 5353, "198.51.100.2", 53);
	const struct fit rows[] = {
		{ &session, "src", "10.0.0.2", 1 },
		{ &session, "dst", "10.0.0.2", 0 },
		{ &session, "dst", "198.51.100.2", 1 },
		{ &session, "reply_src", "198.51.100.2", 1 },
		{ &session, "reply_dst", "198.51.100.1", 1 },
		{ &session, "reply_dst", "10.0.0.2", 0 },
		{ &session, "reply_dport", "61000", 1 },
		{ &session, "reply_sport", "53", 1 },
		{ &session, "sport", "61000", 0 },
	};

	(void)state;
	session.tuples[1].destination = (struct endpoint){ wire_address("198.51.100.1"), be16_from_host(61000) };
	assert_fits(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_prefixes_stay_in_their_family(void **state)
{
	struct snapshot_session four = session_of(PROTOCOL_TCP, "10.1.2.3", 1, "198.51.100.2", 2);
	struct snapshot_session six = session_of(PROTOCOL_TCP, "2001:db8:1:2::3", 1, "2001:db8::2", 2);
	const struct fit rows[] = {
		{ &four, "src", "10.1.0.0/16", 1 },
		{ &four, "src", "10.1.2.2/31", 1 },
		{ &four, "src", "10.1.2.2/32", 0 },
		{ &four, "src", "10.0.0.0/15", 1 },
		{ &four, "src", "0.0.0.0/0", 1 },
		{ &six, "src", "0.0.0.0/0", 0 },
		/* IPv4 is held mapped into IPv6: ::/0 must not cover it. */
		{ &four, "src", "::/0", 0 },
		{ &six, "src", "::/0", 1 },
		{ &six, "src", "2001:db8:1::/48", 1 },
		{ &six, "src", "2001:db8:1:2::3/127", 1 },
		{ &four, "src", "10.0.0.0/33", -1 },
		{ &four, "src", "2001:db8::/129", -1 },
		{ &four, "src", "10.0.0.0/", -1 },
		{ &four, "src", "10.0.0.0/+8", -1 },
		{ &four, "src", "10.0.0", -1 },
		{ &four, "src", "host.example", -1 },
		{ &four, "src", "2001:0db8:0000:0000:0000:0000:0000:0001/128 and far too much more", -1 },
	};

	(void)state;
	assert_fits(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_ports_are_not_icmp_identifiers(void **state)
{
	struct snapshot_session tcp = session_of(PROTOCOL_TCP, "10.0.0.2", 40000, "198.51.100.2", 443);
	struct snapshot_session ping = session_of(PROTOCOL_ICMP, "10.0.0.2", 443, "198.51.100.2", 8);
	const struct fit rows[] = {
		{ &tcp, "dport", "443", 1 },   { &tcp, "sport", "40000", 1 },
		{ &tcp, "sport", "443", 0 },   { &ping, "sport", "443", 0 },
		{ &ping, "dport", "8", 0 },    { &tcp, "dport", "65536", -1 },
		{ &tcp, "dport", "443 ", -1 }, { &tcp, "dport", "99999999999999999999", -1 },
	};

	(void)state;
	assert_fits(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_states_in_both_tongues(void **state)
{
	struct snapshot_session tcp = session_of(PROTOCOL_TCP, "10.0.0.2", 40000, "198.51.100.2", 443);
	struct snapshot_session udp = session_of(PROTOCOL_UDP, "10.0.0.2", 40000, "198.51.100.2", 443);
	const struct fit rows[] = {
		{ &tcp, "state", "ESTABLISHED", 1 }, { &tcp, "state", "established", 1 },
		{ &tcp, "state", "SYN_SENT", 0 },    { &udp, "state", "unreplied", 1 },
		{ &udp, "state", "stream", 0 },	     { &udp, "state", "ESTABLISHED", 0 },
		{ &tcp, "state", "HALF_OPEN", -1 },  { &tcp, "status", "ASSURED", 1 },
		{ &udp, "status", "ASSURED", 0 },    { &udp, "status", "UNREPLIED", 1 },
		{ &tcp, "status", "seen_reply", 1 }, { &tcp, "status", "confirmed", -1 },
	};

	(void)state;
	udp.state = TIMEOUT_UDP_UNREPLIED;
	udp.state_name = "";
	udp.assured = udp.seen_reply = false;
	assert_fits(rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_all_words_must_fit(void **state)
{
	struct snapshot_session tcp = session_of(PROTOCOL_TCP, "10.0.0.2", 40000, "198.51.100.2", 443);
	struct request_text text = text_of("sessions");
	struct request request;

	(void)state;
	add_field(&text, "protocol", "tcp");
	add_field(&text, "dport", "443");
	assert_int_equal(parse(&text, &request), 0);
	assert_true(filter_match(&request.filter, &tcp));
	add_field(&text, "src", "10.0.0.3");
	assert_int_equal(parse(&text, &request), 0);
	assert_false(filter_match(&request.filter, &tcp));
}

/* Prefixes against the obvious: compare bit by bit. */
static void test_prefix_against_bit_by_bit(void **state)
{
	uint64_t random = wire_seed();

	(void)state;
	for (int round = 0; round < 200000; round++) {
		struct filter_prefix prefix = { .set = true, .bits = (uint8_t)wire_below(&random, 129) };
		struct address address;
		bool same = true;

		for (int i = 0; i < 16; i++)
			prefix.address.bytes[i] = (uint8_t)wire_random(&random);
		address = prefix.address;
		for (int flips = (int)wire_below(&random, 3); flips > 0; flips--) {
			unsigned int bit = wire_below(&random, 128);

			address.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		}
		for (unsigned int bit = 0; bit < prefix.bits; bit++)
			if ((prefix.address.bytes[bit / 8] ^ address.bytes[bit / 8]) & (0x80 >> bit % 8))
				same = false;
		assert_int_equal(prefix_match(&prefix, &address), same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_verb_is_understood),
		cmocka_unit_test(test_why_alone_takes_a_tuple),
		cmocka_unit_test(test_only_what_changes_something_is_privileged),
		cmocka_unit_test(test_unknown_command_is_told_from_a_bad_filter),
		cmocka_unit_test(test_delete_without_filter_is_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_empty_filter_fits_everything),
		cmocka_unit_test(test_protocol_and_family),
		cmocka_unit_test(test_addresses_by_direction),
		cmocka_unit_test(test_prefixes_stay_in_their_family),
		cmocka_unit_test(test_ports_are_not_icmp_identifiers),
		cmocka_unit_test(test_states_in_both_tongues),
		cmocka_unit_test(test_all_words_must_fit),
		cmocka_unit_test(test_prefix_against_bit_by_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
