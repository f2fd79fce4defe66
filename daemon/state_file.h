/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file in which sessions outlive the process.
 */
#ifndef SLUICE_DAEMON_STATE_FILE_H
#define SLUICE_DAEMON_STATE_FILE_H

#include <stddef.h>
#include <stdint.h>

struct state_file;

/**
 * state_file_open() - map the file at @path, made if need be
 * @size: bytes of memory wanted
 * @layout, @capacity: a file that says something else of these begins anew
 * @message: why there is none, or why a file begins anew; NULL: nothing to say.
 *	Constant, or valid until the next call
 *
 * All of its room is taken at once: a full disk is told here, not by a fault later.
 * A file that may not be ours (a symbolic link, another owner's, no plain file) is left as it is.
 * The file is handed to the daemon's user.
 * Return: 0; -EBUSY: another process has it open; another negative errno.
 */
int state_file_open(struct state_file **file, const char *path, size_t size, uint64_t layout, uint32_t capacity,
		    const char **message);

/* @size bytes, aligned to a page: zeros, or what an earlier process left in this boot. */
void *state_file_memory(const struct state_file *file);

/* The file stays. */
void state_file_close(struct state_file *file);

#endif
