/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine as a whole: made, given rules and interfaces, and let age.
 */
#include <errno.h>
#include <stdlib.h>

#include "conntrack/follow.h"
#include "conntrack/locality.h"

/* Seconds after which a packet that passed prerouting is no longer waited for. */
#define UNCONFIRMED_S 2
/* pf's adaptive timeouts: from where on they shrink, and to what when the table is full. */
#define ADAPTIVE_START_PERCENT 65
#define ADAPTIVE_LEAST_S UINT64_C(30)
/*
 * What need not be there for each session: sources and destinations counted one by one and
 * inside addresses with mappings, a sixteenth; external and peers' addresses of
 * mappings, an eighth; at least so many of each.
 */
#define PARTIES_SHARE 16
#define ADDRESSES_SHARE 8
#define SHARE_LEAST 4096
/* Sessions on an address that is gone which end with the call that says so; engine_tick() ends the rest. */
#define DEPARTING_AT_ONCE 128
/* How often growth rates are sampled. */
#define SAMPLE_MS 1000

uint64_t engine_random(struct engine *engine)
{
	/* xoshiro256** (Blackman and Vigna, 2018): every bit of its state came from the shell. */
	uint64_t *s = engine->random;
	uint64_t product = s[1] * 5, result = (product << 7 | product >> 57) * 9, shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = s[3] << 45 | s[3] >> 19;
	return result;
}

/* In a small table each session may have a source of its own; one entry more is for the rest. */
static uint32_t share_of(uint32_t capacity, uint32_t share)
{
	uint32_t least = capacity < SHARE_LEAST - 2 ? capacity + 2 : SHARE_LEAST;

	return capacity / share > least ? capacity / share : least;
}

struct engine *engine_create(const struct settings *settings, const struct engine_secrets *secrets, struct mono now)
{
	uint32_t parties = share_of(settings->capacity, PARTIES_SHARE);
	struct mappings_limits limits = {
		.capacity = settings->capacity,
		.block = settings->port_block,
		.hosts = share_of(settings->capacity, PARTIES_SHARE),
		.addresses = share_of(settings->capacity, ADDRESSES_SHARE),
	};
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->settings = *settings;
	engine->now = now;
	engine->sessions_watched = true;
	engine_set_oracle(engine, &engine->oracle);
	memcpy(engine->random, secrets->seed, sizeof(engine->random));
	engine->random[0] |= 1; /* the generator's one dead state is all zeros */
	untracked_init(&engine->untracked, secrets->hash_key);
	identifications_init(&engine->identifications, secrets->hash_key);
	engine->mappings = mappings_create(&limits, secrets->hash_key, settings->port_hold_ms);
	engine->witness = witness_create(settings->capacity, secrets->hash_key);
	engine->path_mtus = path_mtus_create(PATH_MTU_ENTRIES, secrets->hash_key);
	engine->pathwatch = pathwatch_create(secrets->hash_key);
	if (!engine->mappings || !engine->witness || !engine->path_mtus || !engine->pathwatch ||
	    table_init(&engine->table, settings->capacity, secrets->hash_key, now) < 0 ||
	    tally_init(&engine->sources, parties, settings->capacity, secrets->hash_key) < 0 ||
	    tally_init(&engine->destinations, parties, settings->capacity, secrets->hash_key) < 0 ||
	    quota_init(&engine->quota, parties, secrets->hash_key) < 0 || outbox_init(&engine->outbox) < 0 ||
	    held_syns_init(&engine->held_syns, secrets->hash_key) < 0 || recent_init(&engine->recent) < 0) {
		engine_destroy(engine);
		return NULL;
	}
	return engine;
}

void engine_destroy(struct engine *engine)
{
	if (!engine)
		return;
	mappings_destroy(engine->mappings);
	table_fini(&engine->table);
	tally_fini(&engine->sources);
	tally_fini(&engine->destinations);
	quota_fini(&engine->quota);
	witness_destroy(engine->witness);
	outbox_fini(&engine->outbox);
	held_syns_fini(&engine->held_syns);
	followers_fini(&engine->followers);
	path_mtus_destroy(engine->path_mtus);
	pathwatch_destroy(engine->pathwatch);
	recent_fini(&engine->recent);
	free(engine->links);
	martians_fini(&engine->martians);
	free(engine->listeners);
	free(engine);
}

int engine_apply(struct engine *engine, struct configuration *configuration, struct mono now)
{
	int error = follow_prepare(engine, configuration->ruleset);

	if (!error)
		error = reservations_apply(engine, ruleset_prefilter(configuration->ruleset));
	if (error)
		return error;
	engine_recall_all(engine, now);
	ruleset_seed(configuration->ruleset, engine_random(engine));
	if (engine->configuration)
		ruleset_inherit(configuration->ruleset, engine->configuration->ruleset);
	engine->now = now;
	engine->configuration = configuration;
	engine->settings = configuration->settings;
	engine->settings.capacity = engine->table.capacity;
	engine->settings.port_block = mappings_block(engine->mappings);
	mapping_effects_choose(engine);
	mappings_set_port_sets(engine->mappings, engine->settings.port_sets, engine->settings.port_set_count);
	mappings_set_hold(engine->mappings, engine->settings.port_hold_ms);
	engine->generation++;
	return 0;
}

const struct configuration *engine_configuration(const struct engine *engine)
{
	return engine->configuration;
}

/* --------------------------------------------------------- what rules may ask */

/*
 * The shell knows the routes; where it does not answer, the interfaces and the
 * session table say what they can.
 */
static enum address_type ask_address_type(void *context, const struct address *address, const struct link *link)
{
	const struct engine *engine = context;

	if (engine->oracle.address_type)
		return engine->oracle.address_type(engine->oracle.context, address, link);
	return locality_of(&engine->link_table, address, link);
}

static const struct link *ask_link(void *context, uint32_t index)
{
	const struct engine *engine = context;

	return link_lookup(&engine->link_table, index);
}

static bool ask_session_alive(void *context, const struct tuple *original)
{
	const struct engine *engine = context;
	enum direction direction;

	return table_lookup(&engine->table, original, &direction) != SESSION_NONE;
}

static uint32_t ask_route_interface(void *context, const struct address *address, uint32_t via_interface, uint32_t mark)
{
	const struct engine *engine = context;

	return engine->oracle.route_interface(engine->oracle.context, address, via_interface, mark);
}

static uint32_t ask_path_mtu(void *context, const struct address *address)
{
	const struct engine *engine = context;

	return engine->oracle.path_mtu(engine->oracle.context, address);
}

void engine_set_oracle(struct engine *engine, const struct oracle *oracle)
{
	engine->oracle = *oracle;
	engine->rule_oracle = (struct oracle){
		.context = engine,
		.address_type = ask_address_type,
		.route_interface = oracle->route_interface ? ask_route_interface : NULL,
		.link = ask_link,
		.session_alive = ask_session_alive,
		.path_mtu = oracle->path_mtu ? ask_path_mtu : NULL,
	};
}

bool engine_next_effect(struct engine *engine, struct effect *effect)
{
	return outbox_take(&engine->outbox, effect);
}

uint64_t engine_sessions_opened(const struct engine *engine)
{
	return engine->counters.created;
}

uint64_t engine_effects_lost(const struct engine *engine)
{
	return engine->outbox.lost;
}

bool engine_delete_session(struct engine *engine, struct session_handle handle, struct mono now)
{
	uint32_t index = table_resolve(&engine->table, handle);

	if (index == SESSION_NONE)
		return false;
	engine->now = now;
	engine_end_session(engine, index);
	return true;
}

/* -------------------------------------------------------------------- links */

static bool table_has_address(const struct link_table *links, const struct address *address)
{
	for (size_t i = 0; i < links->count; i++)
		for (unsigned int j = 0; j < links->links[i].address_count; j++)
			if (address_equal(&links->links[i].addresses[j].address, address))
				return true;
	return false;
}

/* Sessions on an external address that the machine no longer has cannot go on. */
static void end_address(struct engine *engine, const struct address *address)
{
	departures_begin(engine, address);
	follow_end_address(engine, address);
	mappings_end_address(engine->mappings, address);
}

/* What the old addresses had must be over before one of them is used anew. */
static void end_returned(struct engine *engine, const struct link_table *links)
{
	for (size_t i = 0; engine->departures.count && i < links->count; i++)
		for (unsigned int j = 0; j < links->links[i].address_count; j++)
			departures_finish(engine, &links->links[i].addresses[j].address);
}

int engine_set_links(struct engine *engine, const struct link_table *links, struct mono now)
{
	struct link_table old = engine->link_table;
	struct link *copy = malloc((links->count ? links->count : 1) * sizeof(*copy));
	unsigned int budget = DEPARTING_AT_ONCE;
	struct martians martians;

	if (!copy || martians_init(&martians, links) < 0) {
		free(copy);
		return -ENOMEM;
	}
	engine->now = now;
	engine_recall_all(engine, now);
	memcpy(copy, links->links, links->count * sizeof(*copy));
	end_returned(engine, links);
	for (size_t i = 0; i < old.count; i++)
		for (unsigned int j = 0; j < old.links[i].address_count; j++)
			if (!table_has_address(links, &old.links[i].addresses[j].address))
				end_address(engine, &old.links[i].addresses[j].address);
	(void)departures_step(engine, &budget);
	free(engine->links);
	engine->links = copy;
	martians_fini(&engine->martians);
	engine->martians = martians;
	engine->link_table = (struct link_table){ links->count, copy };
	return 0;
}

/* --------------------------------------------------------------------- time */

/* Established and answered sessions keep their time whatever the pressure. */
static bool is_adaptive(unsigned int list)
{
	switch (list) {
	case TIMEOUT_TCP_ESTABLISHED:
	case TIMEOUT_TCP_UNACKNOWLEDGED:
	case TIMEOUT_TCP_RETRANSMITTING:
	case TIMEOUT_UDP_STREAM:
	case TIMEOUT_DCCP_OPEN:
	case TIMEOUT_GENERIC:
		return false;
	default:
		return true;
	}
}

uint32_t engine_timeout_ticks(const struct engine *engine, unsigned int list)
{
	const uint32_t a_second = 1000 / TABLE_TICK_MS;
	uint64_t least = ADAPTIVE_LEAST_S * a_second, full, used, start, ticks;

	if (list == LIST_UNCONFIRMED)
		return UNCONFIRMED_S * a_second;
	ticks = (uint64_t)engine->settings.timeout_s[list] * a_second;
	if (!is_adaptive(list) || engine->pressure.level == PRESSURE_NORMAL || ticks <= least)
		return (uint32_t)ticks;
	full = admit_room(engine);
	start = full * ADAPTIVE_START_PERCENT / 100;
	used = engine->table.confirmed < start ? start : engine->table.confirmed;
	used = used > full ? full : used;
	return (uint32_t)(least + (ticks - least) * (full - used) / (full - start + 1));
}

static bool is_due(const struct engine *engine, unsigned int list, uint32_t ticks)
{
	uint32_t head = engine->table.lists[list].head;

	return head != SESSION_NONE &&
	       ticks - table_session(&engine->table, head)->refreshed >= engine_timeout_ticks(engine, list);
}

/* Has the fast path seen it since? Then it is no longer at the head of its list, or not due. */
static bool is_in_use(struct engine *engine, uint32_t index, uint32_t ticks)
{
	const struct session *session = table_session(&engine->table, index);

	if (!(session->flags & SESSION_LENT))
		return false;
	fastpath_regain(engine, index);
	return ticks - session->refreshed < engine_timeout_ticks(engine, session->list);
}

bool engine_tick(struct engine *engine, struct mono now, unsigned int budget)
{
	uint32_t ticks = table_ticks(&engine->table, now);
	bool more = false;

	engine->now = now;
	more |= departures_step(engine, &budget);
	for (unsigned int list = 0; list < LIST_COUNT; list++) {
		while (budget && is_due(engine, list, ticks)) {
			budget--;
			if (is_in_use(engine, engine->table.lists[list].head, ticks))
				continue;
			if (list != LIST_UNCONFIRMED) {
				engine->counters.expired++;
				witness_expired(engine, engine->table.lists[list].head);
			}
			engine_end_session(engine, engine->table.lists[list].head);
		}
		more |= is_due(engine, list, ticks);
	}
	more |= follow_tick(engine, now, &budget);
	fastpath_sweep(engine);
	more |= mappings_tick(engine->mappings, now, budget);
	enter_answer_held(engine, now);
	witness_tick(engine, budget);
	pathwatch_search(engine, now);
	pressure_update(&engine->pressure, engine->table.confirmed, admit_room(engine));
	if (mono_ms_between(engine->pressure.sampled_at, now) >= SAMPLE_MS) {
		pressure_sample(&engine->pressure, engine->table.confirmed, now);
		pools_sample(mappings_pools(engine->mappings), now);
		alerts_update(engine, now);
		pathwatch_tick(engine, now);
	}
	return more;
}
