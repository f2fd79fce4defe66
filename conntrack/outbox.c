/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/outbox.h"

#include <errno.h>
#include <stdlib.h>

int outbox_init(struct outbox *outbox)
{
	*outbox = (struct outbox){ 0 };
	outbox->effects = calloc(OUTBOX_EFFECTS, sizeof(*outbox->effects));
	outbox->packets = calloc(OUTBOX_PACKETS, sizeof(*outbox->packets));
	if (outbox->effects && outbox->packets)
		return 0;
	outbox_fini(outbox);
	return -ENOMEM;
}

void outbox_fini(struct outbox *outbox)
{
	free(outbox->effects);
	free(outbox->packets);
	*outbox = (struct outbox){ 0 };
}

struct effect *outbox_add(struct outbox *outbox, enum effect_kind kind, struct mono now)
{
	struct effect *effect;

	if (outbox->count == OUTBOX_EFFECTS) {
		outbox->lost++;
		return NULL;
	}
	effect = &outbox->effects[(outbox->first + outbox->count++) % OUTBOX_EFFECTS];
	*effect = (struct effect){ .kind = kind, .at = now };
	return effect;
}

uint8_t *outbox_packet(struct outbox *outbox)
{
	/* Packets are handed out once each until the shell has taken every effect. */
	if (outbox->count == 0)
		outbox->packets_used = 0;
	if (outbox->packets_used == OUTBOX_PACKETS) {
		outbox->lost++;
		return NULL;
	}
	return outbox->packets[outbox->packets_used];
}

void outbox_inject(struct outbox *outbox, const uint8_t *bytes, size_t length, struct mono now)
{
	struct effect *effect = length ? outbox_add(outbox, EFFECT_INJECT, now) : NULL;

	if (!effect)
		return;
	outbox->packets_used++;
	effect->inject.bytes = bytes;
	effect->inject.length = (uint32_t)length;
}

bool outbox_take(struct outbox *outbox, struct effect *effect)
{
	if (!outbox->count)
		return false;
	*effect = outbox->effects[outbox->first];
	outbox->first = (outbox->first + 1) % OUTBOX_EFFECTS;
	/* Once empty it starts over: the few places that a batch needs stay in the cache. */
	if (--outbox->count == 0)
		outbox->first = 0;
	return true;
}
