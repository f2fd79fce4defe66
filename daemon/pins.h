/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The directory under the BPF file system in which the fast path outlives the process:
 * /sys/fs/bpf/sluice/netns-INODE, one for each network namespace.
 */
#ifndef SLUICE_DAEMON_PINS_H
#define SLUICE_DAEMON_PINS_H

#include <stddef.h>
#include <stdint.h>

#define PINS_PATH_SIZE 64
#define PINS_NAME_SIZE 32

struct pins;

/**
 * pins_open() - the directory for this network namespace, made if need be
 * @message: receives why there is none, in words; NULL when there is one
 *
 * It and the one above it are handed to the daemon's user. A directory that others may write to, or
 * that another process holds, is left as it is.
 * Return: 0, or negative errno.
 */
int pins_open(struct pins **pins, const char **message);

/* Where an object of that name is, or is to be, for the kernel: valid in this process only. */
void pins_path(const struct pins *pins, const char *name, char path[PINS_PATH_SIZE]);

/* The name for what is attached to an interface. */
void pins_link_name(uint32_t interface, char name[PINS_NAME_SIZE]);

/* Interfaces for which there is a name, at most @limit. Return: how many. */
size_t pins_links(const struct pins *pins, uint32_t *interfaces, size_t limit);

void pins_remove(const struct pins *pins, const char *name);

/* Removes whatever bears a name of ours. */
void pins_clear(const struct pins *pins);

/* NULL is allowed. */
void pins_close(struct pins *pins);
/* As pins_close(), and the directory goes if it is empty. */
void pins_end(struct pins *pins);

#endif
