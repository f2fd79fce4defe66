/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GRE tunnels between the same addresses: no key is two of them's, and every answer finds its own. */
#include "conntrack/gre.h"
#include "tests/model/invariants.h"

static const struct session *tunnel(const struct engine *engine, uint32_t index)
{
	const struct session *session = table_session(&engine->table, index);

	return session->list < TIMEOUT_COUNT && session->protocol == PROTOCOL_GRE &&
		       !(session->flags & (SESSION_HOLE | SESSION_ENTERED))
		   ? session
		   : NULL;
}

static bool has_used(const struct track_gre *gre, uint32_t key)
{
	for (unsigned int i = 0; i < gre->count; i++)
		if (gre->keys[i] == key)
			return true;
	return gre->answered && gre->answer == key;
}

/* How a session is answered, with no regard to keys. */
static struct tuple answer_of(const struct engine *engine, const struct session *session)
{
	struct tuple reply = table_tuple(&engine->table, session, DIRECTION_REPLY);

	return gre_plain(&reply);
}

static const char *check_tunnel(const struct engine *engine, const struct session *keyed)
{
	struct tuple answer = answer_of(engine, keyed);
	uint32_t key = keyed->track.gre.keys[0];

	INVARIANT(keyed->track.gre.count == 1, "a tunnel told by its key has another number of keys");
	INVARIANT(keyed->source.port.raw == gre_number(key).raw && keyed->destination.port.raw == gre_number(key).raw &&
		      keyed->source_port_after.raw == gre_number(key).raw &&
		      keyed->destination_port_after.raw == gre_number(key).raw,
		  "a tunnel stands under another number than its key's");
	for (uint32_t i = 0; i < engine->table.untouched; i++) {
		const struct session *other = tunnel(engine, i);
		struct tuple others;

		if (!other || other == keyed)
			continue;
		others = answer_of(engine, other);
		INVARIANT(!tuple_equal(&answer, &others) || !has_used(&other->track.gre, key),
			  "two tunnels have one key");
	}
	return NULL;
}

const char *invariants_check_tunnels(const struct engine *engine)
{
	const char *wrong = NULL;

	for (uint32_t i = 0; !wrong && i < engine->table.untouched; i++) {
		const struct session *session = tunnel(engine, i);

		if (session && gre_is_keyed(session))
			wrong = check_tunnel(engine, session);
	}
	return wrong;
}

const char *invariants_check_delivery(const struct engine *engine, const struct packet *came, const struct tuple *left)
{
	if (!packet_is_keyed(came) || tuple_equal(&came->tuple, left))
		return NULL;
	for (uint32_t i = 0; i < engine->table.untouched; i++) {
		const struct session *session = tunnel(engine, i);
		struct tuple answer, expected;

		if (!session || !gre_is_of(session, came->gre.key))
			continue;
		answer = answer_of(engine, session);
		if (!tuple_equal(&answer, &came->tuple))
			continue;
		expected = table_translated(&engine->table, session, DIRECTION_REPLY);
		expected = gre_plain(&expected);
		INVARIANT(tuple_equal(&expected, left), "an answer with a tunnel's key went to another host");
	}
	return NULL;
}
