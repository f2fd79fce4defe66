/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast path's program in the kernel (daemon/fastpath/fastpath.bpf.c) and its maps:
 * loaded, attached, pinned, written and read. Only program.c knows libbpf.
 */
#ifndef SLUICE_DAEMON_PROGRAM_H
#define SLUICE_DAEMON_PROGRAM_H

#include "daemon/fastpath.h"
#include "sluice/fastpath.h"

/* Elements that are read in one go. */
#define PROGRAM_BATCH 1024u

#define PROGRAM_INTERFACES 256

/** struct program_attachment - @link: of tcx; -1: a classifier under clsact */
struct program_attachment {
	uint32_t interface;
	int link;
};

/**
 * struct program - for others to read
 * @pins: NULL: it ends with the process
 * @slots, @identifications: what it shares with us: one slot for each session, counters
 * @adopted: its maps are an earlier process's
 * @clsact: this is how it is attached, for want of tcx
 */
struct program {
	struct fastpath_bpf *skeleton;
	const struct pins *pins;
	uint32_t capacity;
	struct fastpath_slot *slots;
	size_t slots_size;
	uint64_t *identifications;
	bool adopted, clsact;
	size_t attached;
	struct program_attachment attachments[PROGRAM_INTERFACES];
};

/* These are fastpath.h's, for the part of the fast path that is here. */
void program_clear(const struct pins *pins, const struct link_table *links);
int program_create(const struct fastpath_options *options, struct program **program, const char **message);
void program_destroy(struct program *program, bool go_on);
void program_note(struct program *program, uint64_t digest);
void program_forget_interfaces(struct program *program);

/* Packets that come in by @interface are seen, if they are not already. Return: 0, or negative errno. */
int program_attach(struct program *program, uint32_t interface);

/* @key and @value: of the family's map, see fastpath/maps.h. Return: 0, or negative errno. */
int program_put(const struct program *program, enum family family, const void *key, const void *value);
void program_remove(const struct program *program, enum family family, const void *key);

/**
 * struct program_batch - elements of a map, read in turn; start with zeros, but for
 * @keys, @values: room for PROGRAM_BATCH of each
 * @count: of those read
 * @last: there are no more
 */
struct program_batch {
	void *keys, *values;
	uint32_t count;
	bool last;
	bool begun;
	uint32_t place;
};

/* Return: 0, or negative errno: then nothing was read. */
int program_read(const struct program *program, enum family family, struct program_batch *batch);

#endif
