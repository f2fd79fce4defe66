/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events.h"

#include <stdio.h>
#include <time.h>

#include "daemon/answer.h"
#include "daemon/loop.h"
#include "daemon/words.h"

unsigned int events_kind(const struct effect *effect)
{
	switch (effect->kind) {
	case EFFECT_SESSION_EVENT:
		return EVENT_KIND_SESSION;
	case EFFECT_ALERT:
		return EVENT_KIND_ALERT;
	case EFFECT_MAPPING_EVENT:
		return EVENT_KIND_MAPPING;
	default:
		return 0;
	}
}

/* The instant @at on the wall clock, in microseconds. */
static uint64_t wall_us(struct mono at)
{
	struct timespec wall;
	uint64_t now_us, age_us = mono_ms_between(at, loop_now()) * 1000;

	clock_gettime(CLOCK_REALTIME, &wall);
	now_us = (uint64_t)wall.tv_sec * 1000000 + (uint64_t)wall.tv_nsec / 1000;
	return now_us > age_us ? now_us - age_us : 0;
}

static uint32_t timeout_of(const struct engine *engine, const struct effect *effect)
{
	const struct configuration *configuration = engine_configuration(engine);

	if (effect->kind != EFFECT_SESSION_EVENT || !configuration || effect->session.state >= TIMEOUT_COUNT)
		return 0;
	return configuration->settings.timeout_s[effect->session.state];
}

size_t events_line(char *line, size_t size, const struct engine *engine, const struct effect *effect)
{
	return answer_event(line, size, effect, wall_us(effect->at), timeout_of(engine, effect));
}

size_t events_lost_line(char *line, size_t size, uint64_t count)
{
	return answer_lost(line, size, wall_us(loop_now()), count);
}

void events_describe_mapping(const struct effect *effect, char *text, size_t size)
{
	char internal[WORDS_ADDRESS_SIZE], external[WORDS_ADDRESS_SIZE];
	const char *change = effect->mapping.made ? "add" : "del", *protocol = words_protocol(effect->mapping.protocol);

	words_address(&effect->mapping.internal.address, internal);
	words_address(&effect->mapping.external.address, external);
	if (effect->mapping.is_block)
		snprintf(text, size, "ports %s %s %s %s %u-%u", change, protocol, internal, external,
			 effect->mapping.first, effect->mapping.last);
	else
		snprintf(text, size, "mapping %s %s %s %u %s %u", change, protocol, internal,
			 be16_to_host(effect->mapping.internal.port), external,
			 be16_to_host(effect->mapping.external.port));
}
