/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mappings and blocks that come and go, as effects: for who logs them (RFC 6888 section 4) or watches. */
#include "conntrack/engine_private.h"

static void tell(void *context, const struct mapping_news *news)
{
	struct engine *engine = context;
	struct effect *effect;

	/* Where blocks are logged, who had which port can be told from them. */
	if (!engine->mappings_watched && !news->is_block && engine->settings.port_block)
		return;
	effect = outbox_add(&engine->outbox, EFFECT_MAPPING_EVENT, engine->now);
	if (!effect)
		return;
	effect->mapping.made = news->made;
	effect->mapping.is_block = news->is_block;
	effect->mapping.protocol = news->protocol;
	effect->mapping.internal = news->internal;
	effect->mapping.external = news->external;
	if (news->protocol == PROTOCOL_GRE)
		effect->mapping.internal.port = effect->mapping.external.port = (struct be16){ 0 };
	effect->mapping.first = news->block_first;
	effect->mapping.last = news->block_last;
}

void mapping_effects_choose(struct engine *engine)
{
	const struct mappings_watcher nobody = { NULL, NULL }, us = { tell, engine };
	bool wanted = engine->mappings_watched || engine->settings.log_mappings;

	mappings_watch(engine->mappings, wanted ? &us : &nobody);
}

void engine_watch_mappings(struct engine *engine, bool wanted)
{
	engine->mappings_watched = wanted;
	mapping_effects_choose(engine);
}
