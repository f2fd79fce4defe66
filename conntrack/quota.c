/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/quota.h"

#include <errno.h>
#include <stdlib.h>

#include "conntrack/hash.h"
#include "conntrack/tally.h"
#include "sluice/link.h"

int quota_init(struct quota *quota, uint32_t sources, const uint64_t key[2])
{
	uint32_t sets = 1;

	while (sets * QUOTA_WAYS < sources)
		sets *= 2;
	*quota = (struct quota){ .set_mask = sets - 1, .key = { key[0], key[1] } };
	quota->sets = calloc(sets, sizeof(*quota->sets));
	return quota->sets ? 0 : -ENOMEM;
}

uint64_t quota_bytes(const struct quota *quota)
{
	return ((uint64_t)quota->set_mask + 1) * sizeof(*quota->sets);
}

void quota_fini(struct quota *quota)
{
	free(quota->sets);
	quota->sets = NULL;
}

/* The source's entry, or the one that is missed least. */
static struct quota_entry *find_entry(struct quota *quota, const struct address *source)
{
	struct quota_entry *set = quota->sets[hash_bytes(quota->key, source, sizeof(*source)) & quota->set_mask];
	struct quota_entry *least = &set[0];

	for (unsigned int i = 0; i < QUOTA_WAYS; i++) {
		if (address_equal(&set[i].source, source))
			return &set[i];
		if (set[i].full.ns < least->full.ns)
			least = &set[i];
	}
	*least = (struct quota_entry){ .source = *source };
	return least;
}

/* When a source that has @full may open a whole burst again, after one session more; 0: not now. */
static uint64_t full_after(struct mono full, const struct settings_rate *rate, struct mono now)
{
	uint64_t token_ns = rate->period_s * NS_PER_S / rate->count;
	uint64_t most = UINT64_MAX / 4 / (token_ns + 1), burst = rate->burst < most ? rate->burst : most;
	uint64_t full_ns = (full.ns > now.ns ? full.ns : now.ns) + token_ns;

	return full_ns - now.ns > burst * token_ns ? 0 : full_ns;
}

bool quota_take(struct quota *quota, const struct address *source, const struct settings_rate *rate, struct mono now)
{
	struct address key = tally_key(source);
	struct quota_entry *entry = find_entry(quota, &key);
	uint64_t full_ns = full_after(entry->full, rate, now);

	if (!full_ns)
		return false;
	entry->full.ns = full_ns;
	return true;
}

bool quota_has_room(const struct quota *quota, const struct address *source, const struct settings_rate *rate,
		    struct mono now)
{
	struct address key = tally_key(source);
	const struct quota_entry *set = quota->sets[hash_bytes(quota->key, &key, sizeof(key)) & quota->set_mask];
	struct mono full = { 0 };

	for (unsigned int i = 0; i < QUOTA_WAYS; i++)
		if (address_equal(&set[i].source, &key))
			full = set[i].full;
	return full_after(full, rate, now) != 0;
}

static bool is_within(const struct settings_network *network, const struct address *address)
{
	unsigned int whole = network->length / 8U, rest = network->length % 8U;

	return memcmp(network->address.bytes, address->bytes, whole) == 0 &&
	       (!rest || (network->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest) == 0);
}

bool quota_is_exempt(const struct settings *settings, const char *interface, const struct address *source)
{
	for (unsigned int i = 0; i < settings->exempt_count; i++)
		if (is_within(&settings->exempt[i], source))
			return true;
	for (unsigned int i = 0; interface && i < settings->management_count; i++)
		if (link_name_matches(settings->management[i], interface))
			return true;
	return false;
}
