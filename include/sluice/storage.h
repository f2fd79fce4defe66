/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions that outlive their engine: they live in memory that the caller brings, and
 * another engine on the same memory, in another process even, goes on with them.
 */
#ifndef SLUICE_STORAGE_H
#define SLUICE_STORAGE_H

#include "sluice/engine.h"

/* Bytes of memory for so many sessions. */
size_t storage_size(uint32_t capacity);

/*
 * What the memory's meaning depends on, as a number: two builds that differ in it must
 * not read each other's.
 */
uint64_t storage_layout(void);

/**
 * engine_create_in() - as engine_create(), with sessions in @memory
 * @memory: storage_size() bytes aligned to 64: zeros, or what an engine of the same layout
 *	and capacity left, which nobody else uses; it stays the caller's. Its times are
 *	those of the same clock
 *
 * Return: NULL without memory.
 */
struct engine *engine_create_in(const struct settings *settings, const struct engine_secrets *secrets, struct mono now,
				void *memory);

/** struct engine_recovery - @recovered: sessions that go on; @lost: that did not fit, or were damaged */
struct engine_recovery {
	uint32_t recovered, lost;
};

/**
 * engine_recover() - go on with the sessions that the memory holds
 *
 * Once, after a configuration was applied, the links and the fast path were set, before the first
 * packet. Whatever the memory says is checked. Sessions come back with their translation,
 * their port and the rest of their time; what only supports them (helpers, expectations, ports that
 * rest) does not.
 * Return: 0, or -ENOMEM: then no session has come back.
 */
int engine_recover(struct engine *engine, struct mono now, struct engine_recovery *recovery);

/*
 * This engine is about to be destroyed, and so is the fast path: takes back what is lent, so that the
 * memory says all there is to say. Where the fast path goes on without us, leave this out.
 */
void engine_leave(struct engine *engine, struct mono now);

#endif
