/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/local_socket.h"

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un name_of(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return name;
}

/* Clear away what a dead process left; anything else stays. */
static int make_way(const struct sockaddr_un *name, const char **message)
{
	struct stat what;
	int fd, failed;

	if (lstat(name->sun_path, &what) < 0) {
		if (errno == ENOENT)
			return 0;
		*message = "cannot look at it";
		return -errno;
	}
	if (!S_ISSOCK(what.st_mode)) {
		*message = "there is something else than a socket";
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		*message = "no socket";
		return -errno;
	}
	failed = connect(fd, (const struct sockaddr *)name, sizeof(*name)) < 0 ? errno : 0;
	close(fd);
	/* Only this error says that nobody listens. EAGAIN, for one, is a live daemon with much to do. */
	if (failed != ECONNREFUSED) {
		*message = failed == 0 || failed == EAGAIN ? "another process serves it" : "cannot tell whose it is";
		return failed == 0 || failed == EAGAIN ? -EADDRINUSE : -failed;
	}
	if (unlink(name->sun_path) < 0 && errno != ENOENT) {
		*message = "cannot remove what a dead process left";
		return -errno;
	}
	return 0;
}

/*
 * Mode 0660 and the group, as long as nobody can connect yet. Who is not root can
 * give a file to his own groups only; the socket then serves as if there were none.
 */
static int set_access(const char *path, const char *group, bool *group_given)
{
	const struct group *entry = *group ? getgrnam(group) : NULL;

	*group_given = !*group;
	if (entry && lchown(path, (uid_t)-1, entry->gr_gid) == 0)
		*group_given = true;
	else if (entry && errno != EPERM)
		return -errno;
	return chmod(path, 0660) < 0 ? -errno : 0;
}

int local_socket_open(struct local_socket *opened, const char *path, const char *group, bool *group_given,
		      const char **message)
{
	struct sockaddr_un name = name_of(path);
	struct stat made;
	mode_t before;
	int failed;

	*opened = (struct local_socket){ .fd = -1 };
	*message = "its path is too long";
	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	failed = make_way(&name, message);
	if (failed)
		return failed;
	*message = "cannot make it";
	opened->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (opened->fd < 0)
		return -errno;
	before = umask(0177);
	failed = bind(opened->fd, (const struct sockaddr *)&name, sizeof(name)) < 0 ? -errno : 0;
	umask(before);
	if (failed)
		goto cleanup;
	snprintf(opened->path, sizeof(opened->path), "%s", path);
	if (lstat(path, &made) < 0) {
		failed = -errno;
		goto cleanup;
	}
	opened->device = made.st_dev;
	opened->inode = made.st_ino;
	failed = set_access(path, group, group_given);
	if (failed) {
		*message = "cannot set its group and mode";
		goto cleanup;
	}
	if (listen(opened->fd, 256) < 0) {
		failed = -errno;
		goto cleanup;
	}
	return 0;
cleanup:
	local_socket_close(opened);
	return failed;
}

void local_socket_close(struct local_socket *opened)
{
	struct stat now;

	if (opened->fd < 0)
		return;
	if (*opened->path && lstat(opened->path, &now) == 0 && now.st_dev == opened->device &&
	    now.st_ino == opened->inode)
		(void)unlink(opened->path);
	close(opened->fd);
	opened->fd = -1;
}

bool local_socket_peer(int fd, uid_t *uid)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || length != sizeof(peer))
		return false;
	*uid = peer.uid;
	return true;
}

int local_socket_open_port(const struct endpoint *endpoint)
{
	bool ipv4 = address_is_ipv4(&endpoint->address);
	struct sockaddr_in6 name6 = { .sin6_family = AF_INET6, .sin6_port = endpoint->port.raw };
	struct sockaddr_in name4 = { .sin_family = AF_INET, .sin_port = endpoint->port.raw };
	const struct sockaddr *name = ipv4 ? (const struct sockaddr *)&name4 : (const struct sockaddr *)&name6;
	socklen_t length = ipv4 ? sizeof(name4) : sizeof(name6);
	int fd, failed, on = 1;

	memcpy(&name4.sin_addr, endpoint->address.bytes + 12, 4);
	memcpy(&name6.sin6_addr, endpoint->address.bytes, 16);
	fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, name, length) < 0 || listen(fd, 16) < 0) {
		failed = -errno;
		close(fd);
		return failed;
	}
	return fd;
}
