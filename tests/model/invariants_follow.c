/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Followed control connections and what they expect. */
#include "tests/model/invariants.h"

#include "conntrack/mapping_private.h"

static bool is_followed(const struct engine *engine, uint32_t index)
{
	const struct session *session = &engine->table.sessions[index];

	return session->list != LIST_FREE && session->flags & SESSION_CONFIRMED && session->flags & SESSION_FOLLOWED;
}

static const char *check_sessions(const struct engine *engine)
{
	const struct followers *followers = &engine->followers;
	uint32_t followed = 0;

	for (uint32_t index = 0; index < engine->table.untouched; index++) {
		const struct follower *follower = followers_lookup(followers, index);

		INVARIANT((follower != NULL) == is_followed(engine, index),
			  "a session says that it is followed and is not, or the other way round");
		INVARIANT(!follower || follower->session == index, "a follower follows another session");
		followed += follower != NULL;
	}
	INVARIANT(followed == followers->count, "the number of followers is wrong");
	return NULL;
}

static const char *check_expectation(const struct engine *engine, const struct follower *follower)
{
	const struct expectation *expected = &follower->expected;
	struct endpoint internal, external;

	INVARIANT(is_followed(engine, follower->session), "who follows nothing expects something");
	INVARIANT(followers_expecting(&engine->followers, &expected->connector, &expected->announced),
		  "an expectation is not found");
	if (expected->mapping == MAPPING_NONE) {
		INVARIANT(endpoint_equal(&expected->announced, &expected->listener),
			  "an announced endpoint is translated by no mapping");
		return NULL;
	}
	INVARIANT(engine->mappings->list[expected->mapping].host != HOST_NONE &&
		      !engine->mappings->list[expected->mapping].held,
		  "an expectation holds a mapping that is gone or at rest");
	internal = mapping_internal(engine->mappings, expected->mapping);
	external = mapping_external(engine->mappings, expected->mapping);
	INVARIANT(endpoint_equal(&internal, &expected->listener) && endpoint_equal(&external, &expected->announced),
		  "an expectation holds the mapping of other endpoints");
	return NULL;
}

static const char *check_edits(const struct edits *edits)
{
	uint32_t shift = edits->count ? edits->list[0].before : edits->shift;

	INVARIANT(edits->count <= EDITS_LIMIT, "too many edits");
	for (unsigned int i = 0; i < edits->count; i++) {
		INVARIANT(edits->list[i].before == shift, "edits disagree about how far numbers are shifted");
		shift += edits->list[i].new_length - (uint32_t)edits->list[i].old_length;
	}
	INVARIANT(shift == edits->shift, "numbers behind the last edit are shifted otherwise");
	return NULL;
}

const char *invariants_check_followers(const struct engine *engine)
{
	const struct followers *followers = &engine->followers;
	uint32_t expecting = 0, previous = FOLLOWER_NONE;
	const char *wrong;

	if (!followers->list)
		return NULL;
	wrong = check_sessions(engine);
	for (uint32_t index = followers->oldest; !wrong && index != FOLLOWER_NONE;
	     index = followers->list[index].younger) {
		const struct follower *follower = &followers->list[index];

		INVARIANT(index < followers->used && follower->expects && follower->older == previous,
			  "the list of expectations is broken");
		INVARIANT(++expecting <= followers->count, "the list of expectations is a ring");
		wrong = check_expectation(engine, follower);
		previous = index;
	}
	INVARIANT(wrong || followers->newest == previous, "the newest expectation is another");
	for (uint32_t index = 0; !wrong && index < engine->table.untouched; index++) {
		const struct follower *follower = followers_lookup(followers, index);

		for (int direction = 0; !wrong && follower && direction < 2; direction++)
			wrong = check_edits(&follower->edits[direction]);
		expecting -= follower && follower->expects;
	}
	INVARIANT(wrong || expecting == 0, "an expectation is in no list");
	return wrong;
}
