/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/alerts.h"

#include <stdarg.h>
#include <stdio.h>

#include "conntrack/engine_private.h"
#include "rules/address_text.h"

/* Refusals this long ago are over. */
#define REFUSAL_MS 30000

static struct effect *alert(struct engine *engine, bool raised, const char *name, const char *subject, struct mono now)
{
	struct effect *effect = outbox_add(&engine->outbox, EFFECT_ALERT, now);

	if (!effect)
		return NULL;
	effect->alert.raised = raised;
	effect->alert.name = name;
	snprintf(effect->alert.subject, sizeof(effect->alert.subject), "%s", subject);
	return effect;
}

static void print_address(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	if (address_is_ipv4(address))
		address_text_print_ipv4(address->bytes + 12, text);
	else
		address_text_print_ipv6(address->bytes, text);
}

/* ------------------------------------------------------------ who is behind it */

/* A text that grows; what finds no room is cut off. */
struct sentence {
	char *text;
	size_t size, length;
};

static void say(struct sentence *sentence, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct sentence *sentence, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(sentence->text + sentence->length, sentence->size - sentence->length, format, arguments);
	va_end(arguments);
	if (length > 0)
		sentence->length += (size_t)length;
	if (sentence->length >= sentence->size)
		sentence->length = sentence->size - 1;
}

static struct sentence sentence_of(struct effect *effect)
{
	return (struct sentence){ .text = effect->alert.text, .size = sizeof(effect->alert.text) };
}

static void say_address(struct sentence *sentence, const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];

	print_address(address, text);
	say(sentence, "%s", text);
}

/* "elevated: 73.4 % in use, 120 a second more, full in 14 s" */
static void say_pressure(struct sentence *sentence, const struct snapshot_pressure *pressure)
{
	say(sentence, "%s: %.1f %% in use", pressure_level_name(pressure->level), pressure->fill * 100);
	if (pressure->seconds_to_full >= 0 && pressure->level != PRESSURE_FULL)
		say(sentence, ", %.0f a second more, full in %.0f s", pressure->rate, pressure->seconds_to_full);
}

/*
 * The source with most ports of a pool is among those with most sessions: these are in order, and
 * the first few are asked. Nobody else is looked at, however many there are.
 */
#define SOURCES_ASKED 16

static void say_source(struct sentence *sentence, struct engine *engine, const struct address *external)
{
	const struct tally *sources = &engine->sources;
	uint32_t entry = rank_first(&sources->sessions), most = 0, best = RANK_NONE;

	for (unsigned int i = 0; i < SOURCES_ASKED && entry != RANK_NONE; i++) {
		uint32_t ports = mappings_of_host_on(engine->mappings, &sources->entries[entry].address, external);

		if (ports > most) {
			most = ports;
			best = entry;
		}
		entry = rank_next(&sources->sessions, entry);
	}
	if (best == RANK_NONE)
		return;
	say(sentence, "; most by ");
	say_address(sentence, &sources->entries[best].address);
	say(sentence, " (%u ports)", most);
}

static void say_destination(struct sentence *sentence, const struct engine *engine)
{
	const struct tally *destinations = &engine->destinations;
	uint32_t entry = rank_first(&destinations->sessions);

	if (entry == RANK_NONE || entry == TALLY_REST)
		return;
	say(sentence, "; most to ");
	say_address(sentence, &destinations->entries[entry].address);
	say(sentence, " (%u sessions)", rank_count(&destinations->sessions, entry));
}

static void say_refused(struct sentence *sentence, const struct refusal_note *note)
{
	bool ports = note->tuple.protocol != PROTOCOL_ICMP && note->tuple.protocol != PROTOCOL_ICMPV6;

	say_address(sentence, &note->tuple.source.address);
	if (ports)
		say(sentence, " port %u", be16_to_host(note->tuple.source.port));
	say(sentence, " to ");
	say_address(sentence, &note->tuple.destination.address);
	if (ports)
		say(sentence, " port %u", be16_to_host(note->tuple.destination.port));
}

static void attach(struct effect *effect, const struct refusal_note *note, enum refusal cause)
{
	effect->alert.refused = true;
	effect->alert.cause = (uint8_t)cause;
	effect->alert.pool = note->pool;
	effect->alert.tuple = note->tuple;
}

/* ----------------------------------------------------------------- the table */

static void update_table(struct engine *engine, struct mono now)
{
	struct snapshot_pressure pressure =
	    pressure_snapshot(&engine->pressure, engine->table.confirmed, admit_room(engine));
	uint32_t source = rank_first(&engine->sources.sessions);
	struct sentence sentence;
	struct effect *effect;

	if (pressure.level == engine->alerts.table_level)
		return;
	engine->alerts.table_level = pressure.level;
	effect = alert(engine, pressure.level != PRESSURE_NORMAL, "table-pressure", "sessions", now);
	if (!effect)
		return;
	sentence = sentence_of(effect);
	if (engine->table.confirmed >= admit_room(engine) && admit_reserve(engine->table.capacity))
		say(&sentence, "full: %u in use, the other %u of %u are the reserve", engine->table.confirmed,
		    engine->table.capacity - engine->table.confirmed, engine->table.capacity);
	else
		say_pressure(&sentence, &pressure);
	if (source != RANK_NONE && source != TALLY_REST) {
		say(&sentence, "; most by ");
		say_address(&sentence, &engine->sources.entries[source].address);
		say(&sentence, " (%u sessions)", rank_count(&engine->sources.sessions, source));
	}
	say_destination(&sentence, engine);
	if (engine->counters.refusals[REFUSAL_TABLE_FULL]) {
		say(&sentence, "; last refused: ");
		say_refused(&sentence, &engine->refused[REFUSAL_TABLE_FULL]);
		attach(effect, &engine->refused[REFUSAL_TABLE_FULL], REFUSAL_TABLE_FULL);
	}
}

/* --------------------------------------------------------------------- quotas */

static void update_quota(struct engine *engine, struct mono now)
{
	const struct refusal_note *note = &engine->refused[REFUSAL_SOURCE_QUOTA];
	struct alerts *alerts = &engine->alerts;
	uint64_t refused = engine->counters.refusals[REFUSAL_SOURCE_QUOTA];
	bool more = refused != alerts->quota_refused;
	struct sentence sentence;
	struct effect *effect;

	alerts->quota_refused = refused;
	if (more)
		alerts->quota_at = now;
	if (more == alerts->quota || (!more && mono_ms_between(alerts->quota_at, now) < REFUSAL_MS))
		return;
	alerts->quota = more;
	effect = alert(engine, more, "source-quota", "sources", now);
	if (!effect)
		return;
	sentence = sentence_of(effect);
	say_address(&sentence, &note->tuple.source.address);
	say(&sentence, note->rate ? " opens sessions faster than it may" : " holds all the sessions or ports it may");
	say(&sentence, "; last refused: ");
	say_refused(&sentence, note);
	attach(effect, note, REFUSAL_SOURCE_QUOTA);
}

/* ---------------------------------------------------------------------- pools */

/* The cause for which the pool refused last, of those that are a pool's. */
static enum refusal last_cause(const struct engine *engine, const struct snapshot_pool *pool)
{
	enum refusal latest = REFUSAL_POOL_EXHAUSTED;

	for (int cause = 0; cause < REFUSAL_COUNT; cause++)
		if (pool->refusals[cause] &&
		    (!pool->refusals[latest] || engine->refused[cause].at.ns >= engine->refused[latest].at.ns))
			latest = (enum refusal)cause;
	return latest;
}

static void say_pool(struct sentence *sentence, struct engine *engine, const struct snapshot_pool *pool)
{
	say_source(sentence, engine, &pool->address);
	say_destination(sentence, engine);
}

static void say_exhausted(struct effect *effect, struct engine *engine, const struct snapshot_pool *pool)
{
	enum refusal cause = last_cause(engine, pool);
	const struct refusal_note *note = &engine->refused[cause];
	struct sentence sentence = sentence_of(effect);

	say(&sentence, "%s: %u of %u ports in use, %llu sessions refused", refusal_name(cause), pool->used, pool->ports,
	    (unsigned long long)pool->refused);
	if (address_equal(&note->pool, &pool->address)) {
		say(&sentence, "; last refused: ");
		say_refused(&sentence, note);
		attach(effect, note, cause);
	}
	say_pool(&sentence, engine, pool);
}

static void update_pool(struct engine *engine, uint32_t index, const struct snapshot_pool *pool, struct mono now)
{
	struct alerts_pool *known = &engine->alerts.pools[index];
	bool more = pool->refused != known->refused;
	char address[ADDRESS_TEXT_SIZE], subject[64];
	struct sentence sentence;
	struct effect *effect;

	print_address(&pool->address, address);
	snprintf(subject, sizeof(subject), "%s protocol %u", address, pool->protocol);
	if (pool->pressure.level != known->level) {
		known->level = (uint8_t)pool->pressure.level;
		effect = alert(engine, known->level != PRESSURE_NORMAL, "pool-pressure", subject, now);
		if (effect) {
			sentence = sentence_of(effect);
			say_pressure(&sentence, &pool->pressure);
			say_pool(&sentence, engine, pool);
		}
	}
	known->refused = pool->refused;
	if (more)
		known->refused_at = now;
	if (more == known->exhausted || (!more && mono_ms_between(known->refused_at, now) < REFUSAL_MS))
		return;
	known->exhausted = more;
	effect = alert(engine, more, "port-exhaustion", subject, now);
	if (effect)
		say_exhausted(effect, engine, pool);
}

void alerts_update(struct engine *engine, struct mono now)
{
	struct snapshot_pool pool;
	uint32_t position = 0;

	update_table(engine, now);
	update_quota(engine, now);
	while (pools_next(mappings_pools_const(engine->mappings), &position, &pool))
		if (position <= ALERTS_POOLS)
			update_pool(engine, position - 1, &pool, now);
}
