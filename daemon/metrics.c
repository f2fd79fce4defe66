/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/words.h"

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_value(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	put_head(out, name, type, help);
	fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void put_sessions(FILE *out, const struct snapshot_status *status)
{
	put_value(out, "sluice_sessions", "gauge", "Sessions tracked now.", status->sessions.current);
	put_value(out, "sluice_sessions_limit", "gauge", "Sessions the table can hold.", status->sessions.capacity);
	put_value(out, "sluice_sessions_created_total", "counter", "Sessions opened.", status->sessions.created);
	put_value(out, "sluice_sessions_expired_total", "counter", "Sessions ended by their timeout.",
		  status->sessions.expired);
	put_value(out, "sluice_sessions_evicted_total", "counter", "Sessions ended to make room.",
		  status->sessions.evicted);
}

static void put_drops(FILE *out, const struct snapshot_status *status)
{
	put_head(out, "sluice_drops_total", "counter", "Packets dropped, by reason.");
	for (int i = REASON_NONE + 1; i < REASON_COUNT; i++)
		fprintf(out, "sluice_drops_total{reason=\"%s\"} %" PRIu64 "\n", reason_key((enum reason)i),
			status->drops[i]);
	put_head(out, "sluice_refusals_total", "counter", "New sessions refused, by cause.");
	for (int i = 0; i < REFUSAL_COUNT; i++)
		fprintf(out, "sluice_refusals_total{cause=\"%s\"} %" PRIu64 "\n", refusal_name((enum refusal)i),
			status->refusals[i]);
}

static void put_pool(FILE *out, const char *name, const struct snapshot_pool *pool, uint32_t value)
{
	char address[WORDS_ADDRESS_SIZE];

	fprintf(out, "%s{address=\"%s\",protocol=\"%s\"} %" PRIu32 "\n", name, words_address(&pool->address, address),
		words_protocol(pool->protocol), value);
}

static void put_pools(FILE *out, const struct answer_view *view)
{
	put_head(out, "sluice_pool_ports", "gauge", "External ports of a pool.");
	for (size_t i = 0; i < view->pool_count; i++)
		put_pool(out, "sluice_pool_ports", &view->pools[i], view->pools[i].ports);
	put_head(out, "sluice_pool_ports_used", "gauge", "External ports of a pool in use.");
	for (size_t i = 0; i < view->pool_count; i++)
		put_pool(out, "sluice_pool_ports_used", &view->pools[i], view->pools[i].used);
}

char *metrics_text(const struct answer_view *view)
{
	const struct snapshot_status *status = &view->total;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	bool failed;

	if (!out)
		return NULL;
	put_sessions(out, status);
	put_drops(out, status);
	put_pools(out, view);
	put_value(out, "sluice_pressure_level", "gauge", "Session table: 0 normal, 1 elevated, 2 high, 3 full.",
		  (uint64_t)status->pressure.level);
	put_value(out, "sluice_queue_dropped_total", "counter", "Packets the kernel dropped before they were judged.",
		  view->queue.dropped + view->queue.failed);
	put_value(out, "sluice_verdicts_refused_total", "counter",
		  "Verdicts the kernel did not take: their packets were gone.", view->queue.refused);
	put_value(out, "sluice_packets_received_total", "counter", "Packets judged.", status->packets.received);
	put_value(out, "sluice_packets_accepted_total", "counter", "Packets accepted.", status->packets.accepted);
	put_value(out, "sluice_packets_dropped_total", "counter", "Packets dropped.", status->packets.dropped);
	put_value(out, "sluice_black_holes", "gauge", "Destinations with a known MTU black hole.",
		  view->black_hole_count);
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
