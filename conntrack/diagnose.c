/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From counters to findings: what of all that was counted is worth an admin's time?
 *
 * A failure counts for as long as it is recent (statistics.h). One failure is enough
 * where somebody had few; a source that fails with many services, as one does that
 * scans, must fail often with the same before that is the service's fault. A
 * service that mostly works is let alone. When nothing at all is answered, that is
 * one finding and not a thousand.
 */
#include "conntrack/diagnose.h"

/* Of a service's recent sessions, one in so many must fail. */
#define FAILING_SHARE 50
/* Of all recent sessions, one in so many. */
#define NOTABLE_SHARE 2000
/* A source that fails with more than that is no witness for a single failure. */
#define FEW_PEERS 3
/* Failures with one service that even a scanner does not make. */
#define CERTAIN 5
/* So many addresses must be silent, and nobody speak, before it is the way to all of them. */
#define BLACKOUT_ADDRESSES 6
/* A TTL that ends on the way, that often and always at the same router, is no trace of hops. */
#define PROBES_CERTAIN 5
/* Services under one rule, beyond which the rule is what they have in common. */
#define SERVICES_APART 3
#define GROUPS 32

const char *finding_name(enum finding_name name)
{
	static const char *const words[] = {
#define SLUICE_FINDING_WORD(name, word, layer) word,
		SLUICE_FINDINGS(SLUICE_FINDING_WORD)
#undef SLUICE_FINDING_WORD
	};

	return name < FINDING_COUNT ? words[name] : "unknown";
}

const char *finding_layer(enum finding_name name)
{
	static const char *const layers[] = {
#define SLUICE_FINDING_LAYER(name, word, layer) layer,
		SLUICE_FINDINGS(SLUICE_FINDING_LAYER)
#undef SLUICE_FINDING_LAYER
	};

	return name < FINDING_COUNT ? layers[name] : "unknown";
}

/* ------------------------------------------------------------------ suspects */

static uint32_t recent(const struct inquiry *inquiry, const struct statistics_entry *entry, enum statistic statistic)
{
	return statistics_recent(entry, statistic, inquiry->now);
}

/* Keeps those that hurt most, in order. */
static void suspect(struct inquiry *inquiry, struct suspect suspect)
{
	size_t place = inquiry->count;

	while (place > 0 && inquiry->suspects[place - 1].count < suspect.count)
		place--;
	if (place == inquiry->limit)
		return;
	if (inquiry->count < inquiry->limit)
		inquiry->count++;
	memmove(&inquiry->suspects[place + 1], &inquiry->suspects[place],
		(inquiry->count - place - 1) * sizeof(suspect));
	inquiry->suspects[place] = suspect;
}

static struct suspect suspect_of(const struct inquiry *inquiry, enum finding_name name,
				 const struct statistics_entry *entry, enum statistic statistic)
{
	return (struct suspect){
		.name = name,
		.statistic = statistic,
		.count = recent(inquiry, entry, statistic),
		.since_s = (uint32_t)(inquiry->now.ns / NS_PER_S) - entry->counters[statistic].since,
		.services = 1,
		.entry = entry,
		.place = entry->place,
		.hook = entry->hook,
	};
}

static bool concerns(const struct inquiry *inquiry, const struct statistics_entry *entry)
{
	return !inquiry->about || address_equal(&entry->who.address, inquiry->about) ||
	       statistics_knows_peer(entry, inquiry->about, 0);
}

/* How many failures with one service make a finding, for the one source that had them. */
static uint32_t required_of(const struct inquiry *inquiry, const struct address *source)
{
	struct endpoint who = { .address = tally_key(source) };
	const struct statistics_entry *entry = statistics_find(&inquiry->engine->witness->sources, &who, 0);

	if (!entry || entry->peer_count <= FEW_PEERS)
		return 1;
	return entry->peer_count < STATISTICS_PEERS ? 2 : CERTAIN;
}

static bool is_enough(const struct inquiry *inquiry, const struct statistics_entry *entry, uint32_t count)
{
	uint32_t required = inquiry->opened / NOTABLE_SHARE + 1;

	if (!count || inquiry->about)
		return count;
	if (entry->peer_count <= 1 && required < CERTAIN) {
		uint32_t of_source = required_of(inquiry, &entry->peer);

		required = required < of_source ? of_source : required;
	}
	return count >= required;
}

static bool is_failing(const struct inquiry *inquiry, const struct statistics_entry *entry, uint32_t count)
{
	return inquiry->about || (uint64_t)count * FAILING_SHARE >= recent(inquiry, entry, STATISTIC_OPENED);
}

/* ------------------------------------------------------------------ services */

static const struct {
	enum statistic statistic;
	enum finding_name name;
	bool share; /* must concern a share of the service's sessions */
} of_services[] = {
	{ STATISTIC_REFUSED, FINDING_REFUSED, true },
	{ STATISTIC_UNANSWERED, FINDING_TIMED_OUT, true },
	{ STATISTIC_RESET, FINDING_RESET_MIDSTREAM, true },
	{ STATISTIC_AFTER_EXPIRY, FINDING_IDLE_EXPIRED, false },
	{ STATISTIC_TOO_BIG, FINDING_FRAGMENTATION_NEEDED, false },
	{ STATISTIC_UNREACHABLE, FINDING_UNREACHABLE, false },
	{ STATISTIC_TTL_EXCEEDED, FINDING_TTL_EXCEEDED, false },
	{ STATISTIC_ONE_WAY, FINDING_ONE_WAY, true },
};

static void judge_service(struct inquiry *inquiry, const struct statistics_entry *entry)
{
	for (size_t i = 0; i < sizeof(of_services) / sizeof(of_services[0]); i++) {
		uint32_t count = recent(inquiry, entry, of_services[i].statistic);

		if (!is_enough(inquiry, entry, count) || (of_services[i].share && !is_failing(inquiry, entry, count)) ||
		    (inquiry->blackout && of_services[i].name == FINDING_TIMED_OUT))
			continue;
		suspect(inquiry, suspect_of(inquiry, of_services[i].name, entry, of_services[i].statistic));
	}
}

/* Of a resolver's queries a tenth must fail: single ones are lost everywhere. */
static void judge_dns(struct inquiry *inquiry, const struct statistics_entry *entry)
{
	uint32_t count = recent(inquiry, entry, STATISTIC_DNS_UNANSWERED);

	if (count && !inquiry->blackout &&
	    (inquiry->about || count * 10 >= recent(inquiry, entry, STATISTIC_DNS_QUERIES)))
		suspect(inquiry, suspect_of(inquiry, FINDING_DNS_UNANSWERED, entry, STATISTIC_DNS_UNANSWERED));
}

/* The TTL ends at one router, again and again, and nothing is ever answered: no trace of hops. */
static void judge_probes(struct inquiry *inquiry, const struct statistics_entry *entry)
{
	uint32_t count = recent(inquiry, entry, STATISTIC_TTL_PROBES);

	if (count >= PROBES_CERTAIN && entry->reporters == 1 && !recent(inquiry, entry, STATISTIC_TTL_EXCEEDED) &&
	    !recent(inquiry, entry, STATISTIC_ANSWERED))
		suspect(inquiry, suspect_of(inquiry, FINDING_TTL_EXCEEDED, entry, STATISTIC_TTL_PROBES));
}

static void judge_ports(struct inquiry *inquiry, const struct statistics_entry *entry)
{
	/* With an empty pool it is not this destination's matter. */
	if (recent(inquiry, entry, STATISTIC_NO_PORT) &&
	    (inquiry->about || !recent(inquiry, &inquiry->engine->witness->gateway, STATISTIC_NO_PORT)))
		suspect(inquiry, suspect_of(inquiry, FINDING_PORT_EXHAUSTED, entry, STATISTIC_NO_PORT));
}

static void judge_services(struct inquiry *inquiry)
{
	const struct statistics_entry *entry;
	uint32_t position = 0;

	while ((entry = statistics_next(&inquiry->engine->witness->services, &position))) {
		if (!concerns(inquiry, entry))
			continue;
		judge_service(inquiry, entry);
		judge_dns(inquiry, entry);
		judge_probes(inquiry, entry);
		judge_ports(inquiry, entry);
	}
}

/* -------------------------------------------------------------------- policy */

/* Dropped by one rule for many services: the rule is the finding. */
static void judge_policy(struct inquiry *inquiry)
{
	const struct statistics_entry *entry;
	struct suspect groups[GROUPS];
	uint32_t position = 0;
	size_t count = 0, group;

	while ((entry = statistics_next(&inquiry->engine->witness->services, &position))) {
		if (!concerns(inquiry, entry) ||
		    !is_enough(inquiry, entry, recent(inquiry, entry, STATISTIC_POLICY_DROPPED)))
			continue;
		for (group = 0; group < count; group++)
			if (groups[group].place == entry->place && groups[group].hook == entry->hook)
				break;
		if (group < count) {
			struct suspect more = suspect_of(inquiry, FINDING_POLICY_DROP, entry, STATISTIC_POLICY_DROPPED);

			if (groups[group].services < SERVICES_APART)
				suspect(inquiry, more);
			groups[group].services++;
			groups[group].count += more.count;
			if (more.since_s > groups[group].since_s)
				groups[group].since_s = more.since_s;
		} else if (count < GROUPS) {
			groups[count] = suspect_of(inquiry, FINDING_POLICY_DROP, entry, STATISTIC_POLICY_DROPPED);
			suspect(inquiry, groups[count++]);
		}
	}
	for (group = 0; group < count; group++) {
		size_t kept = 0;

		if (groups[group].services <= SERVICES_APART)
			continue;
		/* The group takes the place of its services. */
		for (size_t i = 0; i < inquiry->count; i++)
			if (inquiry->suspects[i].name != FINDING_POLICY_DROP ||
			    inquiry->suspects[i].place != groups[group].place ||
			    inquiry->suspects[i].hook != groups[group].hook)
				inquiry->suspects[kept++] = inquiry->suspects[i];
		inquiry->count = kept;
		groups[group].entry = NULL;
		suspect(inquiry, groups[group]);
	}
}

/* --------------------------------------------------------------- the gateway */

static void judge_gateway(struct inquiry *inquiry)
{
	const struct witness *witness = inquiry->engine->witness;
	const struct statistics_entry *entry = &witness->gateway;
	uint32_t position = 0;

	if (recent(inquiry, entry, STATISTIC_TABLE_FULL) && concerns(inquiry, entry))
		suspect(inquiry, suspect_of(inquiry, FINDING_TABLE_FULL, entry, STATISTIC_TABLE_FULL));
	if (recent(inquiry, entry, STATISTIC_NO_PORT) &&
	    (concerns(inquiry, entry) || address_equal(&entry->reporter, inquiry->about)))
		suspect(inquiry, suspect_of(inquiry, FINDING_PORT_EXHAUSTED, entry, STATISTIC_NO_PORT));
	while ((entry = statistics_next(&witness->sources, &position))) {
		struct address key = inquiry->about ? tally_key(inquiry->about) : entry->who.address;

		if (address_equal(&entry->who.address, &key) && recent(inquiry, entry, STATISTIC_OVER_QUOTA))
			suspect(inquiry, suspect_of(inquiry, FINDING_SOURCE_QUOTA, entry, STATISTIC_OVER_QUOTA));
	}
}

/* What the watch has found. It hurts whoever has sessions there. */
static void judge_holes(struct inquiry *inquiry)
{
	const struct engine *engine = inquiry->engine;

	inquiry->hole_count = snapshot_black_holes(engine, inquiry->holes, FINDING_LIMIT);
	for (size_t i = 0; i < inquiry->hole_count; i++) {
		const struct address *destination = &inquiry->holes[i].destination;
		uint32_t held = tally_held(&engine->destinations, tally_lookup(&engine->destinations, destination));

		if (!inquiry->about || address_equal(destination, inquiry->about))
			suspect(
			    inquiry,
			    (struct suspect){
				.name = FINDING_MTU_BLACK_HOLE,
				.count = held ? held : 1,
				.since_s = (uint32_t)(mono_ms_between(inquiry->holes[i].since, inquiry->now) / 1000),
				.services = 1,
				.hole = (uint16_t)i,
			    });
	}
}

/* ---------------------------------------------------------------------- all */

static bool is_hurt(const struct inquiry *inquiry, const struct statistics_entry *entry)
{
	for (size_t i = 0; i < sizeof(of_services) / sizeof(of_services[0]); i++)
		if (recent(inquiry, entry, of_services[i].statistic))
			return true;
	return false;
}

/* What everybody else experiences, against which one service is judged. */
static void look_around(struct inquiry *inquiry)
{
	const struct witness *witness = inquiry->engine->witness;
	const struct statistics_entry *entry;
	uint32_t position = 0;

	while ((entry = statistics_next(&witness->services, &position))) {
		inquiry->opened += recent(inquiry, entry, STATISTIC_OPENED);
		inquiry->answering += recent(inquiry, entry, STATISTIC_ANSWERED) && !is_hurt(inquiry, entry);
	}
	inquiry->blackout = !inquiry->about && witness->silence.peer_count >= BLACKOUT_ADDRESSES &&
			    recent(inquiry, &witness->silence, STATISTIC_UNANSWERED);
}

size_t engine_diagnose(const struct engine *engine, const struct address *about, struct mono now, struct finding *list,
		       size_t limit)
{
	struct inquiry inquiry = {
		.engine = engine,
		.about = about,
		.now = now,
		.limit = limit < FINDING_LIMIT ? limit : FINDING_LIMIT,
	};

	if (!engine->witness || !inquiry.limit)
		return 0;
	look_around(&inquiry);
	judge_services(&inquiry);
	judge_policy(&inquiry);
	judge_gateway(&inquiry);
	judge_holes(&inquiry);
	if (inquiry.blackout)
		suspect(&inquiry,
			suspect_of(&inquiry, FINDING_TIMED_OUT, &engine->witness->silence, STATISTIC_UNANSWERED));
	for (size_t i = 0; i < inquiry.count; i++)
		diagnose_describe(&inquiry, &inquiry.suspects[i], &list[i]);
	return inquiry.count;
}
