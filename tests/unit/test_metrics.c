/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Prometheus text, and the alerts and the reset that `status` knows of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* These rooms of the daemon need no library, so the test brings them in whole. */
#include "daemon/metrics.c"
#include "daemon/view.c"
#include "daemon/words.c"

/* What the queue would say; the engine's part is set by each test. */
static const struct queue_statistics said = { .dropped = 3, .failed = 4, .refused = 6 };

int queues_statistics(const struct queues *queues, struct queue_statistics *statistics)
{
	(void)queues;
	*statistics = said;
	return 0;
}

static bool has_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[length] == '\n')
			return true;
	return false;
}

static void test_names_of_the_contract(void **state)
{
	struct snapshot_pool pool = { .protocol = PROTOCOL_UDP, .ports = 64512, .used = 12 };
	struct answer_view view = { .pools = &pool, .pool_count = 1, .queue = said };
	char *text;

	(void)state;
	pool.address = address_from_ipv4((const uint8_t[]){ 198, 51, 100, 1 });
	view.total.sessions.current = 5;
	view.total.sessions.capacity = 100;
	view.total.sessions.created = 9;
	view.total.sessions.expired = 2;
	view.total.sessions.evicted = 1;
	view.total.drops[REASON_POLICY] = 77;
	view.total.refusals[REFUSAL_TABLE_FULL] = 8;
	view.total.pressure.level = PRESSURE_HIGH;
	text = metrics_text(&view);
	assert_non_null(text);
	assert_true(has_line(text, "sluice_sessions 5"));
	assert_true(has_line(text, "sluice_sessions_limit 100"));
	assert_true(has_line(text, "sluice_sessions_created_total 9"));
	assert_true(has_line(text, "sluice_sessions_expired_total 2"));
	assert_true(has_line(text, "sluice_sessions_evicted_total 1"));
	assert_true(has_line(text, "sluice_drops_total{reason=\"policy\"} 77"));
	assert_true(has_line(text, "sluice_drops_total{reason=\"wrong-hook\"} 0"));
	assert_true(has_line(text, "sluice_refusals_total{cause=\"table-full\"} 8"));
	assert_true(has_line(text, "sluice_pool_ports{address=\"198.51.100.1\",protocol=\"udp\"} 64512"));
	assert_true(has_line(text, "sluice_pool_ports_used{address=\"198.51.100.1\",protocol=\"udp\"} 12"));
	assert_true(has_line(text, "sluice_pressure_level 2"));
	assert_true(has_line(text, "sluice_queue_dropped_total 7"));
	assert_true(has_line(text, "sluice_verdicts_refused_total 6"));
	assert_true(has_line(text, "sluice_black_holes 0"));
	/* An accepted packet is no drop. */
	assert_null(strstr(text, "reason=\"none\""));
	free(text);
}

/* Each sample follows the TYPE line of its own metric, and each metric has one. */
static void test_every_sample_is_declared(void **state)
{
	struct answer_view view = { .pool_count = 0 };
	char declared[128] = "", *text = metrics_text(&view), *line, *rest = text;

	(void)state;
	assert_non_null(text);
	while ((line = strsep(&rest, "\n")) && *line) {
		if (sscanf(line, "# TYPE %127s", declared) == 1 || *line == '#')
			continue;
		assert_int_equal(strncmp(line, declared, strlen(declared)), 0);
		assert_true(line[strlen(declared)] == ' ' || line[strlen(declared)] == '{');
	}
	free(text);
}

static struct effect alert_of(bool raised, const char *name, const char *subject, const char *text, uint64_t ms)
{
	struct effect effect = { .kind = EFFECT_ALERT, .at = mono_from_ms(ms) };

	effect.alert.raised = raised;
	effect.alert.name = name;
	snprintf(effect.alert.subject, sizeof(effect.alert.subject), "%s", subject);
	snprintf(effect.alert.text, sizeof(effect.alert.text), "%s", text);
	return effect;
}

static void note(struct view *view, bool raised, const char *subject, const char *text, uint64_t ms)
{
	struct effect effect = alert_of(raised, "pool-pressure", subject, text, ms);

	view_note_alert(view, &effect);
}

static void test_alerts_stand_until_cleared(void **state)
{
	static struct view view;

	(void)state;
	note(&view, true, "a", "first", 1000);
	note(&view, true, "b", "second", 2000);
	note(&view, true, "c", "third", 3000);
	/* Raised again: the same alert, with news, as old as it was. */
	note(&view, true, "b", "worse", 4000);
	assert_int_equal(view.alert_count, 3);
	assert_string_equal(view.alerts[1].text, "worse");
	assert_int_equal(view.alerts[1].since.ns, mono_from_ms(2000).ns);
	note(&view, false, "a", "", 5000);
	assert_int_equal(view.alert_count, 2);
	assert_string_equal(view.alerts[0].subject, "b");
	assert_string_equal(view.alerts[1].subject, "c");
	note(&view, false, "nobody", "", 6000);
	assert_int_equal(view.alert_count, 2);
	note(&view, false, "c", "", 7000);
	note(&view, false, "b", "", 8000);
	assert_int_equal(view.alert_count, 0);
}

static void test_alerts_are_bounded(void **state)
{
	static struct view view;
	char subject[32];

	(void)state;
	for (int i = 0; i < VIEW_ALERT_LIMIT + 10; i++) {
		snprintf(subject, sizeof(subject), "pool %d", i);
		note(&view, true, subject, "full", 1000);
	}
	assert_int_equal(view.alert_count, VIEW_ALERT_LIMIT);
}

static void test_reset_subtracts_every_counter(void **state)
{
	struct snapshot_status status, baseline;
	const struct snapshot_status zero = { .generation = 0 };

	(void)state;
	/* Counters at one value, then less themselves: whatever is not subtracted stays. */
	memset(&status, 0x11, sizeof(status));
	baseline = status;
	subtract_baseline(&status, &baseline);
	assert_int_equal(status.sessions.created, 0);
	assert_int_equal(status.sessions.expired, 0);
	assert_int_equal(status.sessions.evicted, 0);
	assert_memory_equal(status.refusals, zero.refusals, sizeof(zero.refusals));
	assert_memory_equal(status.drops, zero.drops, sizeof(zero.drops));
	assert_memory_equal(&status.packets, &zero.packets, sizeof(zero.packets));
	assert_memory_equal(&status.icmp, &zero.icmp, sizeof(zero.icmp));
	assert_int_equal(status.mss_clamped, 0);
	assert_int_equal(status.effects_lost, 0);
	/* What is there now is no counter. */
	assert_int_equal(status.sessions.current, 0x11111111);
	assert_int_equal(status.generation, 0x11111111);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_the_contract),	      cmocka_unit_test(test_every_sample_is_declared),
		cmocka_unit_test(test_alerts_stand_until_cleared),    cmocka_unit_test(test_alerts_are_bounded),
		cmocka_unit_test(test_reset_subtracts_every_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
