/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings and blocks that come and go, as others see it: a mapping is there when a
 * session stays with it, and gone when its quarantine is over.
 */
#include "conntrack/mapping_private.h"

void mappings_watch(struct mappings *mappings, const struct mappings_watcher *watcher)
{
	mappings->watcher = *watcher;
}

static struct mapping_news news_of(const struct mappings *mappings, uint32_t index, bool made)
{
	return (struct mapping_news){
		.made = made,
		.protocol = mappings->list[index].protocol,
		.internal = mapping_internal(mappings, index),
		.external = mapping_external(mappings, index),
	};
}

static void tell_block(const struct mappings *mappings, uint32_t index, bool made)
{
	struct mapping_news news = news_of(mappings, index, made);

	blocks_range(&mappings->blocks, be16_to_host(news.external.port) / mappings->blocks.size, &news.block_first,
		     &news.block_last);
	news.is_block = true;
	if (mappings->watcher.tell)
		mappings->watcher.tell(mappings->watcher.context, &news);
}

static void tell_mapping(const struct mappings *mappings, uint32_t index, bool made)
{
	struct mapping_news news = news_of(mappings, index, made);

	if (mappings->watcher.tell)
		mappings->watcher.tell(mappings->watcher.context, &news);
}

/* Does an external address keep its port, as the router's own do? */
static bool is_own(const struct mappings *mappings, uint32_t index)
{
	struct endpoint internal = mapping_internal(mappings, index), external = mapping_external(mappings, index);

	return endpoint_equal(&internal, &external);
}

/* Its pool, if its port is one of a block. */
static uint32_t block_pool(const struct mappings *mappings, uint32_t index)
{
	const struct mapping *mapping = &mappings->list[index];

	if (!mappings->blocks.size || !mapping->owns_port)
		return POOL_NONE;
	return pools_lookup(&mappings->pools, addresses_get(&mappings->addresses, mapping->external),
			    mapping->protocol);
}

static struct block *block_of(const struct mappings *mappings, uint32_t pool, uint16_t port)
{
	return blocks_at(&mappings->blocks, pool, port / mappings->blocks.size);
}

static void reckon_dealt(struct mappings *mappings, uint32_t pool)
{
	pools_set_dealt(&mappings->pools, pool, mappings->blocks.dealt[pool] * mappings->blocks.size);
}

void mapping_note_made(struct mappings *mappings, uint32_t index)
{
	const struct mapping *mapping = &mappings->list[index];
	const struct address *source = &mappings->hosts.list[mapping->host].internal;
	uint16_t port = be16_to_host(mapping->external_port);
	uint32_t pool = block_pool(mappings, index);
	const struct ports *ports;

	mappings->notes[index] = 0;
	if (pool == POOL_NONE)
		return;
	ports = &mappings->pools.ports[pool];
	/* One that chose no port may have it in anybody's block. */
	if (!mapping->one_to_one && !is_own(mappings, index) &&
	    blocks_join(&mappings->blocks, pool, ports, source, port))
		mappings->notes[index] = NOTE_DEALT;
	else
		blocks_settle(&mappings->blocks, pool, ports, port);
	reckon_dealt(mappings, pool);
}

void mapping_note_gone(struct mappings *mappings, uint32_t index)
{
	uint16_t port = be16_to_host(mappings->list[index].external_port);
	uint32_t pool = block_pool(mappings, index);
	const struct ports *ports;

	if (mappings->notes[index] & NOTE_TOLD)
		tell_mapping(mappings, index, false);
	if (pool == POOL_NONE)
		return;
	ports = &mappings->pools.ports[pool];
	if (!(mappings->notes[index] & NOTE_DEALT))
		blocks_settle(&mappings->blocks, pool, ports, port);
	else if (blocks_leave(&mappings->blocks, pool, ports, port) && block_of(mappings, pool, port)->announced)
		tell_block(mappings, index, false);
	reckon_dealt(mappings, pool);
}

void mapping_note_known(struct mappings *mappings, uint32_t index)
{
	uint32_t pool = block_pool(mappings, index);

	mappings->notes[index] |= NOTE_TOLD;
	if (mappings->notes[index] & NOTE_DEALT)
		block_of(mappings, pool, be16_to_host(mappings->list[index].external_port))->announced = true;
}

void mapping_announce(struct mappings *mappings, uint32_t index)
{
	bool dealt = mappings->notes[index] & NOTE_DEALT;

	if (mappings->notes[index] & NOTE_TOLD)
		return;
	if (dealt && !block_of(mappings, block_pool(mappings, index), be16_to_host(mappings->list[index].external_port))
			  ->announced)
		tell_block(mappings, index, true);
	mapping_note_known(mappings, index);
	tell_mapping(mappings, index, true);
}
