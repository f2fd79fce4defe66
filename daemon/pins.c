/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The directory is opened while the process is root, since the BPF
 * file system often lets nobody else in; later everything goes by the open directory. The kernel
 * takes names of objects as paths: /proc/self/fd says the directory in one.
 *
 * What lies here moves packets: the directory is as much of a secret as the state file,
 * belongs to the same user, and is held by one process at a time.
 */
#include "daemon/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "daemon/privileges.h"

#define MOUNT "/sys/fs/bpf"
#define ABOVE "sluice"
#define LINK_PREFIX "link-"

struct pins {
	int above, directory;
	char name[PINS_NAME_SIZE];
};

static const char *const names[] = { "flows4", "flows6", "slots", "identifications", "head", "program" };

static int open_mount(const char **message)
{
	struct statfs status;
	int fd = open(MOUNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*message = "there is no BPF file system at " MOUNT;
	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &status) == 0 && (unsigned long)status.f_type == BPF_FS_MAGIC)
		return fd;
	close(fd);
	return -ENOENT;
}

/* Is the open directory one that only we could have made? */
static int judge(int fd, const char **message)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	*message = MOUNT "/" ABOVE " is somebody else's";
	if (status.st_uid != geteuid() && !privileges_is_daemon(status.st_uid))
		return -EPERM;
	*message = "others may write to " MOUNT "/" ABOVE;
	if (status.st_mode & 022)
		return -EPERM;
	*message = MOUNT "/" ABOVE " cannot be handed to the daemon's user";
	return privileges_hand_over(fd);
}

static int open_directory(int above, const char *name, const char **message)
{
	int fd, error;

	*message = MOUNT "/" ABOVE " cannot be used";
	if (mkdirat(above, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = judge(fd, message);
	if (!error)
		return fd;
	close(fd);
	return error;
}

static int open_all(struct pins *pins, const char **message)
{
	struct stat namespace;
	int mount;

	*message = "this network namespace cannot be told from others";
	if (stat("/proc/self/ns/net", &namespace) < 0)
		return -errno;
	snprintf(pins->name, sizeof(pins->name), "netns-%llu", (unsigned long long)namespace.st_ino);
	mount = open_mount(message);
	if (mount < 0)
		return mount;
	pins->above = open_directory(mount, ABOVE, message);
	close(mount);
	if (pins->above < 0)
		return pins->above;
	pins->directory = open_directory(pins->above, pins->name, message);
	if (pins->directory < 0)
		return pins->directory;
	*message = "another process holds " MOUNT "/" ABOVE;
	return flock(pins->directory, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

int pins_open(struct pins **pins, const char **message)
{
	struct pins *made = calloc(1, sizeof(*made));
	int error;

	*pins = NULL;
	*message = "no memory";
	if (!made)
		return -ENOMEM;
	made->above = made->directory = -1;
	error = open_all(made, message);
	if (error) {
		pins_close(made);
		return error;
	}
	*pins = made;
	*message = NULL;
	return 0;
}

void pins_path(const struct pins *pins, const char *name, char path[PINS_PATH_SIZE])
{
	snprintf(path, PINS_PATH_SIZE, "/proc/self/fd/%d/%s", pins->directory, name);
}

void pins_link_name(uint32_t interface, char name[PINS_NAME_SIZE])
{
	snprintf(name, PINS_NAME_SIZE, LINK_PREFIX "%u", interface);
}

size_t pins_links(const struct pins *pins, uint32_t *interfaces, size_t limit)
{
	int fd = openat(pins->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t count = 0;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (count < limit && (entry = readdir(directory))) {
		char name[PINS_NAME_SIZE];
		uint32_t interface;

		if (sscanf(entry->d_name, LINK_PREFIX "%u", &interface) != 1)
			continue;
		pins_link_name(interface, name);
		if (strcmp(name, entry->d_name) == 0)
			interfaces[count++] = interface;
	}
	closedir(directory);
	return count;
}

void pins_remove(const struct pins *pins, const char *name)
{
	unlinkat(pins->directory, name, 0);
}

void pins_clear(const struct pins *pins)
{
	uint32_t interfaces[64];
	char name[PINS_NAME_SIZE];
	size_t count;

	/* Those that cannot be removed come again: end with a round that removes nothing new. */
	for (unsigned int round = 0; round < 16 && (count = pins_links(pins, interfaces, 64)) > 0; round++) {
		for (size_t i = 0; i < count; i++) {
			pins_link_name(interfaces[i], name);
			pins_remove(pins, name);
		}
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		pins_remove(pins, names[i]);
}

void pins_close(struct pins *pins)
{
	if (!pins)
		return;
	if (pins->directory >= 0)
		close(pins->directory);
	if (pins->above >= 0)
		close(pins->above);
	free(pins);
}

void pins_end(struct pins *pins)
{
	if (pins)
		unlinkat(pins->above, pins->name, AT_REMOVEDIR);
	pins_close(pins);
}
