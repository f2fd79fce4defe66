/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A full table never locks out who could help: some slots are for management and for the router itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conntrack/engine_private.h"
#include "tests/model/gateway.h"
#include "tests/model/packet_words.h"

#define CAPACITY 2048u
#define RESERVE 64u

static const char *const configuration = "gateway { capacity 2048\n sessions-per-source 0\n table-full %s\n"
					 "management { \"adm\" }\n timeout udp stream 1h }\n"
					 "table inet t { chain f { type filter hook forward priority 0; } }\n";

static struct gateway gateway;

static void start(const char *policy)
{
	char text[512], why[256] = "";

	gateway = (struct gateway){ 0 };
	snprintf(text, sizeof(text), configuration, policy);
	assert_true(gateway_add_link(&gateway, "lan=10.0.0.1/16"));
	assert_true(gateway_add_link(&gateway, "adm=192.168.0.1/24"));
	assert_true(gateway_add_link(&gateway, "wan=198.51.100.1/24"));
	if (!gateway_start(&gateway, "test", text, why, sizeof(why)))
		fail_msg("%s", why);
}

/* One datagram of session @number; @from has no port yet. */
static enum reason send_datagram(const char *link, const char *from, const char *to, unsigned int number)
{
	char source[64], target[64], why[256] = "";
	char *words[] = { (char *)(uintptr_t) "udp", source, (char *)(uintptr_t) ">", target };
	struct wire wire;

	snprintf(source, sizeof(source), "%s:%u", from, 1024 + number);
	snprintf(target, sizeof(target), "%s:53", to);
	if (!packet_words_build(&wire, words, 4, why, sizeof(why)))
		fail_msg("%s", why);
	return gateway_send(&gateway, link ? gateway_find_link(&gateway, link)->index : 0, &wire).reason;
}

/* How many sessions get through, until one does not; answered or not makes no difference to `refuse`. */
static unsigned int fill(const char *link, const char *from, const char *to)
{
	unsigned int count = 0;

	while (count <= CAPACITY && send_datagram(link, from, to, count) == REASON_NONE)
		count++;
	return count;
}

static void test_refuse(void **unused)
{
	struct snapshot_status status;

	(void)unused;
	start("refuse");
	assert_int_equal(fill("lan", "10.0.0.2", "198.51.100.9"), CAPACITY - RESERVE);
	gateway_pass(&gateway, 100);
	snapshot_status(gateway.engine, &status);
	assert_int_equal(status.pressure.level, PRESSURE_FULL);
	assert_int_equal(send_datagram("lan", "10.0.0.3", "198.51.100.9", 1), REASON_TABLE_FULL);
	/* The router's own, and what anybody may send it, has half of the reserve. */
	assert_int_equal(fill(NULL, "198.51.100.1", "198.51.100.9"), RESERVE / 2);
	assert_int_equal(send_datagram("lan", "10.0.0.3", "10.0.0.1", 1), REASON_TABLE_FULL);
	assert_int_equal(fill("adm", "192.168.0.2", "198.51.100.9"), RESERVE / 2);
	gateway_stop(&gateway);
}

/* The flooding source gives up its own; management never waits for that. */
static void test_evict(void **unused)
{
	struct snapshot_status status;

	(void)unused;
	start("evict");
	for (unsigned int i = 0; i < CAPACITY * 2; i++)
		assert_int_equal(send_datagram("lan", "10.0.0.2", "198.51.100.9", i), REASON_NONE);
	snapshot_status(gateway.engine, &status);
	assert_int_equal(status.sessions.current, CAPACITY - RESERVE);
	assert_int_equal(status.sessions.evicted, CAPACITY + RESERVE);
	assert_int_equal(send_datagram("adm", "192.168.0.2", "198.51.100.9", 1), REASON_NONE);
	snapshot_status(gateway.engine, &status);
	assert_int_equal(status.sessions.current, CAPACITY - RESERVE + 1);
	assert_int_equal(status.sessions.evicted, CAPACITY + RESERVE);
	gateway_stop(&gateway);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_refuse), cmocka_unit_test(test_evict) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
