/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked into a daemon for the tests, that takes this kernel for one before Linux 6.6: there is
 * no tcx, and it answers as such a kernel does. The linker puts this in the place of libbpf's
 * bpf_link_create() (--wrap).
 */
#include <errno.h>

struct bpf_link_create_opts;

int __wrap_bpf_link_create(int program, int target, int type, const struct bpf_link_create_opts *options);

int __wrap_bpf_link_create(int program, int target, int type, const struct bpf_link_create_opts *options)
{
	(void)program;
	(void)target;
	(void)type;
	(void)options;
	errno = EINVAL;
	return -EINVAL;
}
