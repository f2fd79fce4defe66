/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A page of header, then memory that the engine uses as if it
 * were its own. It is shared with the page cache: what was written is there when the process
 * is killed between two instructions. It is not for power failures: times count from the
 * boot, whose identity stands in the header. Nothing is ever synced.
 *
 * The header says whose memory this is. It is written last when a file begins anew, so
 * that half a file is never taken for a whole one. What the memory itself says is for
 * the engine to doubt.
 */
#include "daemon/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/privileges.h"

#define HEADER_SIZE 4096
#define MAGIC UINT64_C(0x7461747365737573) /* also tells the byte order */
#define BOOT_SIZE 40

struct header {
	uint64_t magic, layout, size;
	uint32_t capacity;
	char boot[BOOT_SIZE];
};

struct state_file {
	int fd;
	uint8_t *map;
	size_t size;
};

static void read_boot(char boot[BOOT_SIZE])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(boot, 0, BOOT_SIZE);
	if (fd < 0)
		return;
	if (read(fd, boot, BOOT_SIZE - 1) < 0)
		boot[0] = '\0';
	close(fd);
}

/* Is the open file one that only we could have made? */
static int judge_file(int fd, const char **message)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	*message = "it is no plain file";
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	*message = "it is somebody else's";
	if (status.st_uid != geteuid() && !privileges_is_daemon(status.st_uid))
		return -EPERM;
	*message = "others may write to it";
	if (status.st_mode & 022 || status.st_nlink != 1)
		return -EPERM;
	*message = NULL;
	return 0;
}

static int open_file(const char *path, const char **message)
{
	/* Not to wait for the other end of a named pipe, nor to follow where somebody else points. */
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600), error;

	if (fd < 0) {
		*message = errno == ELOOP ? "it is a symbolic link" : strerror(errno);
		return -errno;
	}
	error = judge_file(fd, message);
	if (!error && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		*message = "another process uses it: is sluiced running already?";
		error = errno == EWOULDBLOCK ? -EBUSY : -errno;
	}
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

/* Why the file cannot be gone on with; NULL: it can. An empty one says nothing. */
static const char *judge_header(int fd, const struct header *wanted)
{
	struct header header;
	struct stat status;
	ssize_t got = pread(fd, &header, sizeof(header), 0);

	if (fstat(fd, &status) < 0)
		return "it cannot be read";
	if (status.st_size == 0)
		return "";
	if (got != (ssize_t)sizeof(header) || header.magic != wanted->magic)
		return "it is damaged, or was never finished";
	if (header.layout != wanted->layout)
		return "another version wrote it, whose sessions look different";
	if (header.capacity != wanted->capacity)
		return "it was written with another capacity";
	if (header.size != wanted->size || (uint64_t)status.st_size != HEADER_SIZE + wanted->size)
		return "its size is wrong";
	if (!*wanted->boot || memcmp(header.boot, wanted->boot, BOOT_SIZE) != 0)
		return "it is from before the machine was started";
	return NULL;
}

/* Zeros, with all the room there will ever be. */
static int begin_anew(int fd, size_t size)
{
	int error;

	if (ftruncate(fd, 0) < 0)
		return -errno;
	error = posix_fallocate(fd, 0, (off_t)(HEADER_SIZE + size));
	if (error && ftruncate(fd, 0) < 0)
		return -errno;
	return -error;
}

static int map_file(struct state_file *file)
{
	void *map =
	    mmap(NULL, HEADER_SIZE + file->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file->fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	file->map = map;
	return 0;
}

int state_file_open(struct state_file **opened, const char *path, size_t size, uint64_t layout, uint32_t capacity,
		    const char **message)
{
	struct header wanted = { .magic = MAGIC, .layout = layout, .size = size, .capacity = capacity };
	struct state_file *file = calloc(1, sizeof(*file));
	const char *anew;
	int error;

	*message = NULL;
	if (!file)
		return -ENOMEM;
	read_boot(wanted.boot);
	file->size = size;
	file->fd = open_file(path, message);
	if (file->fd < 0) {
		error = file->fd;
		goto cleanup;
	}
	anew = judge_header(file->fd, &wanted);
	/* A file with holes would fault when the disk is full: ask for all of it again. */
	error = anew ? begin_anew(file->fd, size) : -posix_fallocate(file->fd, 0, (off_t)(HEADER_SIZE + size));
	if (!error)
		error = privileges_hand_over(file->fd);
	if (!error)
		error = map_file(file);
	if (error) {
		*message = strerror(-error);
		goto cleanup;
	}
	if (anew)
		memcpy(file->map, &wanted, sizeof(wanted));
	*message = anew && *anew ? anew : NULL;
	*opened = file;
	return 0;
cleanup:
	state_file_close(file);
	return error;
}

void *state_file_memory(const struct state_file *file)
{
	return file->map + HEADER_SIZE;
}

void state_file_close(struct state_file *file)
{
	if (!file)
		return;
	if (file->map)
		munmap(file->map, HEADER_SIZE + file->size);
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}
