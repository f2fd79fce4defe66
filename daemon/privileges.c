/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/privileges.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cap-ng.h>

#include "daemon/log.h"

#define USER_NAME "sluice"

bool privileges_sufficient(void)
{
	return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) &&
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW);
}

int privileges_make_directory(const char *path)
{
	const struct passwd *user = getpwnam(USER_NAME);
	const char *slash = strrchr(path, '/');
	char directory[4096];
	int length = slash ? (int)(slash - path) : 0;

	if (length <= 0 || length >= (int)sizeof(directory))
		return 0;
	snprintf(directory, sizeof(directory), "%.*s", length, path);
	if (mkdir(directory, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* Clients pass through it, whatever the umask. */
	if (chmod(directory, 0755) < 0)
		return -errno;
	if (geteuid() == 0 && user && chown(directory, user->pw_uid, user->pw_gid) < 0)
		return -errno;
	return 0;
}

bool privileges_is_daemon(uid_t uid)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam(USER_NAME) : NULL;

	return user && user->pw_uid == uid;
}

int privileges_hand_over(int fd)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam(USER_NAME) : NULL;

	return user && fchown(fd, user->pw_uid, user->pw_gid) < 0 ? -errno : 0;
}

/* systemd.exec(5): directories made for us, and handed to us as root's: @variable lists them. */
static void take_directories(const char *variable, const struct passwd *user)
{
	const char *list = getenv(variable);
	char *copy = list ? strdup(list) : NULL, *rest = NULL;

	for (char *path = copy ? strtok_r(copy, ":", &rest) : NULL; path; path = strtok_r(NULL, ":", &rest)) {
		if (chown(path, user->pw_uid, user->pw_gid) < 0)
			log_write(LOG_LEVEL_WARNING, "cannot hand %s over to " USER_NAME ": %m", path);
	}
	free(copy);
}

int privileges_drop(bool bpf)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam(USER_NAME) : NULL;
	/* For the elements of the fast path's maps. */
	bool has_bpf = bpf && capng_have_capability(CAPNG_PERMITTED, CAP_BPF);
	int result;

	capng_clear(CAPNG_SELECT_BOTH);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN, CAP_NET_RAW, has_bpf ? CAP_BPF : -1,
		      -1);
	if (user) {
		take_directories("RUNTIME_DIRECTORY", user);
		take_directories("STATE_DIRECTORY", user);
		result =
		    capng_change_id((int)user->pw_uid, (int)user->pw_gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	} else {
		/* Emptying the bounding set takes a capability that a service started with two does not have. */
		result = capng_apply(geteuid() == 0 ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
	}
	if (result != 0) {
		log_write(LOG_LEVEL_ERROR, "cannot give up privileges (libcap-ng says %d)", result);
		return -EPERM;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	log_write(LOG_LEVEL_INFO, "running as %s with CAP_NET_ADMIN and CAP_NET_RAW",
		  user ? USER_NAME : "the user that started it");
	return 0;
}
