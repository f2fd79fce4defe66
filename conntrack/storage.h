/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lies in memory that outlives the engine.
 *
 *   struct storage   when its times began, names of files
 *   addresses        translated ones, that sessions refer to by number
 *   seals            one of each session
 *   sessions         the slots of the table, in use where they lie
 *
 * Everything else can be told from these: a seal says that a session's identity (its
 * tuples, its generation, what it holds) is what was written when it was confirmed.
 * The rest of a slot changes with every packet and is checked for what it may be.
 */
#ifndef SLUICE_CONNTRACK_STORAGE_H
#define SLUICE_CONNTRACK_STORAGE_H

#include "conntrack/engine_private.h"
#include "sluice/storage.h"

struct storage {
	uint64_t epoch_ns; /* of the table; 0: never used */
	uint32_t capacity;
	char place_files[PLACE_FILES][PLACE_FILE_SIZE];
};

struct storage_parts {
	struct storage *head;
	struct addresses_entry *addresses;
	uint32_t *seals;
	struct session *sessions;
};

/* Where the parts lie in @memory; NULL gives distances from its start. */
struct storage_parts storage_parts(void *memory, uint32_t capacity);

#endif
