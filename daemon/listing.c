/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/listing.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/answer.h"

struct sink {
	void (*emit)(void *context, const char *line, size_t length);
	void *context;
};

bool listing_serves(enum request_verb verb)
{
	return verb == REQUEST_SESSIONS || verb == REQUEST_MAPPINGS || verb == REQUEST_POOLS || verb == REQUEST_RULES ||
	       verb == REQUEST_SOURCES || verb == REQUEST_DESTINATIONS || verb == REQUEST_DELETE;
}

static int begin_parties(struct listing *listing, uint32_t limit, const struct engine *engine)
{
	listing->parties = calloc(limit, sizeof(*listing->parties));
	if (!listing->parties)
		return -ENOMEM;
	if (listing->verb == REQUEST_SOURCES)
		listing->party_count = snapshot_sources(engine, listing->parties, limit);
	else
		listing->party_count = snapshot_destinations(engine, listing->parties, limit);
	return 0;
}

static int begin_rules(struct listing *listing, const struct engine *engine)
{
	char *table;

	listing->configuration = engine_configuration(engine);
	if (!listing->configuration)
		return 0;
	listing->text = configuration_print(listing->configuration);
	if (!listing->text)
		return -ENOMEM;
	/* What comes before the first table are sluice's settings, not rules. */
	table = strncmp(listing->text, "table ", 6) == 0 ? listing->text : strstr(listing->text, "\ntable ");
	if (!table)
		listing->offset = strlen(listing->text);
	else if (table != listing->text)
		listing->offset = (size_t)(table + 1 - listing->text);
	return 0;
}

int listing_begin(struct listing *listing, const struct request *request, const struct engine *engine)
{
	*listing = (struct listing){ .verb = request->verb, .filter = request->filter };
	if (request->verb == REQUEST_SOURCES || request->verb == REQUEST_DESTINATIONS)
		return begin_parties(listing, request->limit, engine);
	return request->verb == REQUEST_RULES ? begin_rules(listing, engine) : 0;
}

static int sessions_step(struct listing *listing, struct engine *engine, struct mono now, const struct sink *sink)
{
	unsigned int steps = LISTING_SLOTS, lines = 0;
	struct snapshot_session session;
	char line[ANSWER_LINE_SIZE];

	while (lines < LISTING_LINES) {
		int found = snapshot_next_session(engine, &listing->cursor, now, &steps, &session);

		if (found <= 0)
			return found == -EAGAIN ? 1 : found;
		if (!filter_match(&listing->filter, &session))
			continue;
		lines++;
		if (listing->verb == REQUEST_DELETE) {
			if (engine_delete_session(engine, session.handle, now))
				listing->count++;
			continue;
		}
		sink->emit(sink->context, line, answer_session(line, sizeof(line), &session));
		listing->count++;
	}
	return 1;
}

static int mappings_step(struct listing *listing, const struct engine *engine, struct mono now, const struct sink *sink)
{
	unsigned int steps = LISTING_SLOTS;
	struct snapshot_mapping mapping;
	char line[ANSWER_LINE_SIZE];

	for (unsigned int lines = 0; lines < LISTING_LINES; lines++) {
		int found = snapshot_next_mapping(engine, &listing->cursor, now, &steps, &mapping);

		if (found <= 0)
			return found == -EAGAIN ? 1 : found;
		sink->emit(sink->context, line, answer_mapping(line, sizeof(line), &mapping));
		listing->count++;
	}
	return 1;
}

static int pools_step(struct listing *listing, const struct engine *engine, const struct sink *sink)
{
	struct snapshot_pool pool;
	char line[ANSWER_LINE_SIZE];

	for (unsigned int lines = 0; lines < LISTING_LINES; lines++) {
		if (snapshot_next_pool(engine, &listing->cursor, &pool) != 1)
			return 0;
		sink->emit(sink->context, line, answer_pool(line, sizeof(line), &pool));
		listing->count++;
	}
	return 1;
}

static int parties_step(struct listing *listing, const struct sink *sink)
{
	char line[ANSWER_LINE_SIZE];

	for (unsigned int lines = 0; lines < LISTING_LINES; lines++) {
		const struct snapshot_party *party = &listing->parties[listing->count];
		size_t length;

		if (listing->count == listing->party_count)
			return 0;
		length = listing->verb == REQUEST_SOURCES ? answer_source(line, sizeof(line), party)
							  : answer_destination(line, sizeof(line), party);
		sink->emit(sink->context, line, length);
		listing->count++;
	}
	return 1;
}

/*
 * The rule that @text shows. Rules are numbered in the order in which they are
 * printed, so it is the next one or none.
 */
static bool find_rule(struct listing *listing, const struct engine *engine, const char *text, size_t length,
		      struct rule_listing *rule)
{
	uint32_t position = listing->rule;

	if (!listing->configuration || listing->configuration != engine_configuration(engine) ||
	    !ruleset_next_rule(listing->configuration->ruleset, &position, rule) || !rule->place.text)
		return false;
	if (strlen(rule->place.text) != length || memcmp(rule->place.text, text, length) != 0)
		return false;
	listing->rule = position;
	return true;
}

static int rules_step(struct listing *listing, const struct engine *engine, const struct sink *sink)
{
	if (!listing->text)
		return 0;
	for (unsigned int lines = 0; lines < LISTING_LINES; lines++) {
		const char *text = listing->text + listing->offset;
		size_t length = strcspn(text, "\n"), indent = strspn(text, "\t ");
		struct rule_listing rule;
		bool found;
		char *line;

		if (!*text)
			return 0;
		found = indent < length && find_rule(listing, engine, text + indent, length - indent, &rule);
		line = answer_rule(text, length, found ? &rule : NULL);
		if (!line)
			return -ENOMEM;
		sink->emit(sink->context, line, strlen(line));
		free(line);
		listing->offset += length + (text[length] == '\n');
		listing->count++;
	}
	return 1;
}

int listing_step(struct listing *listing, struct engine *engine, struct mono now,
		 void (*emit)(void *context, const char *line, size_t length), void *context)
{
	const struct sink sink = { emit, context };

	switch (listing->verb) {
	case REQUEST_SESSIONS:
	case REQUEST_DELETE:
		return sessions_step(listing, engine, now, &sink);
	case REQUEST_MAPPINGS:
		return mappings_step(listing, engine, now, &sink);
	case REQUEST_POOLS:
		return pools_step(listing, engine, &sink);
	case REQUEST_SOURCES:
	case REQUEST_DESTINATIONS:
		return parties_step(listing, &sink);
	case REQUEST_RULES:
		return rules_step(listing, engine, &sink);
	default:
		return 0;
	}
}

void listing_fini(struct listing *listing)
{
	free(listing->text);
	free(listing->parties);
	listing->text = NULL;
	listing->parties = NULL;
}
