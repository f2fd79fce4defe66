/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The program is attached to an interface when the first session
 * comes in by it: with tcx where the kernel has it (6.6), else with a classifier under
 * clsact.
 *
 * With pins (pins.h) its maps and links outlive the process. The next one takes them over when
 * the maps are as it would make them and the program is the same, by the kernel's own tag of it;
 * every interface then gets the program that it has loaded itself.
 */
#include "daemon/program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "daemon/fastpath/fastpath.skel.h"
#include "daemon/log.h"
#include "daemon/pins.h"

/* Our place among an interface's classifiers, where nobody else should be: what stands there is ours. */
#define CLSACT_PRIORITY 29548
#define CLSACT_HANDLE 0x736c
#define IDENTIFICATIONS_SIZE (FASTPATH_IDENTIFICATIONS * sizeof(uint64_t))
/* enum bpf_attach_type and bpf_link_type; headers before Linux 6.6 do not name them. */
#define ATTACH_TCX_INGRESS 46
#define LINK_TYPE_TCX 11
#define PROGRAM_PIN "program"

_Static_assert(sizeof(struct fastpath_slot) == 128, "two lines of the cache");

/* ------------------------------------------------------------------- attaching */

static int program_fd(const struct program *program)
{
	return bpf_program__fd(program->skeleton->progs.sluice_fastpath);
}

static int attach_clsact(const struct program *program, uint32_t interface, uint32_t flags)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)interface, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY, .flags = flags,
		    .prog_fd = program_fd(program));
	int error = bpf_tc_hook_create(&hook);

	if (error && error != -EEXIST)
		return error;
	return bpf_tc_attach(&hook, &options);
}

static void detach_clsact(uint32_t interface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)interface, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);

	/* The qdisc stays: others may use it. */
	bpf_tc_detach(&hook, &options);
}

/* Without a name it ends with the process: a pity, no more. */
static void pin_link(const struct program *program, uint32_t interface, int link)
{
	char name[PINS_NAME_SIZE], path[PINS_PATH_SIZE];

	if (!program->pins)
		return;
	pins_link_name(interface, name);
	pins_path(program->pins, name, path);
	pins_remove(program->pins, name);
	if (bpf_obj_pin(link, path) < 0)
		log_write(LOG_LEVEL_INFO, "sessions from interface %u will rest while no daemon runs", interface);
}

static void unpin_link(const struct program *program, uint32_t interface)
{
	char name[PINS_NAME_SIZE];

	if (!program->pins)
		return;
	pins_link_name(interface, name);
	pins_remove(program->pins, name);
}

static int attach_new(struct program *program, uint32_t interface)
{
	int link = -1, error;

	if (program->attached == PROGRAM_INTERFACES)
		return -ENOSPC;
	if (program->clsact) {
		error = attach_clsact(program, interface, 0);
		if (error)
			return error;
	} else {
		link = bpf_link_create(program_fd(program), (int)interface, (enum bpf_attach_type)ATTACH_TCX_INGRESS,
				       NULL);
		if (link < 0)
			return link;
		pin_link(program, interface, link);
	}
	program->attachments[program->attached++] = (struct program_attachment){ interface, link };
	return 0;
}

int program_attach(struct program *program, uint32_t interface)
{
	for (size_t i = 0; i < program->attached; i++) {
		if (program->attachments[i].interface == interface)
			return 0;
	}
	return attach_new(program, interface);
}

/* The name goes first: a link ends at once when the last who holds it lets it go. */
void program_forget_interfaces(struct program *program)
{
	for (size_t i = 0; i < program->attached; i++) {
		const struct program_attachment *attachment = &program->attachments[i];

		if (attachment->link >= 0) {
			unpin_link(program, attachment->interface);
			close(attachment->link);
		} else {
			detach_clsact(attachment->interface);
		}
	}
	program->attached = 0;
}

/* ---------------------------------------------------- what an earlier process left */

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char line[512];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, arguments);
	log_write(LOG_LEVEL_DEBUG, "libbpf: %.*s", (int)strcspn(line, "\n"), line);
	return 0;
}

static int open_pin(const struct pins *pins, const char *name)
{
	char path[PINS_PATH_SIZE];

	pins_path(pins, name, path);
	return bpf_obj_get(path);
}

static void clear_links(const struct pins *pins)
{
	uint32_t interfaces[PROGRAM_INTERFACES];
	size_t count = pins_links(pins, interfaces, PROGRAM_INTERFACES);

	for (size_t i = 0; i < count; i++) {
		char name[PINS_NAME_SIZE];
		int link;

		pins_link_name(interfaces[i], name);
		link = open_pin(pins, name);
		pins_remove(pins, name);
		/* Held here last, it is detached when this returns, and not some time later. */
		if (link >= 0)
			close(link);
	}
}

void program_clear(const struct pins *pins, const struct link_table *links)
{
	libbpf_set_print(print_libbpf);
	for (size_t i = 0; i < links->count; i++) {
		if (!links->links[i].loopback)
			detach_clsact(links->links[i].index);
	}
	if (!pins)
		return;
	clear_links(pins);
	pins_clear(pins);
}

static int take_map(struct bpf_map *map, const struct pins *pins)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = open_pin(pins, bpf_map__name(map)), error;

	if (fd < 0)
		return fd;
	error = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (!error && (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
		       info.value_size != bpf_map__value_size(map) || info.max_entries != bpf_map__max_entries(map) ||
		       info.map_flags != bpf_map__map_flags(map)))
		error = -EINVAL;
	if (!error)
		error = bpf_map__reuse_fd(map, fd);
	close(fd);
	return error;
}

static int tag_of(int program, uint8_t tag[BPF_TAG_SIZE])
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	int error = bpf_obj_get_info_by_fd(program, &info, &size);

	memcpy(tag, info.tag, BPF_TAG_SIZE);
	return error;
}

/* The tag covers every instruction, and with them what they take the maps' values for. */
static bool is_same_program(const struct program *program)
{
	uint8_t before[BPF_TAG_SIZE], now[BPF_TAG_SIZE];
	int pinned = open_pin(program->pins, PROGRAM_PIN);
	bool same = pinned >= 0 && !tag_of(pinned, before) && !tag_of(program_fd(program), now) &&
		    memcmp(before, now, BPF_TAG_SIZE) == 0;

	if (pinned >= 0)
		close(pinned);
	return same;
}

static bool has_digest(const struct program *program, uint64_t digest)
{
	uint64_t found = 0;

	return bpf_map_lookup_elem(bpf_map__fd(program->skeleton->maps.head), &(uint32_t){ 0 }, &found) == 0 &&
	       found == digest;
}

static bool is_link_to(int link, uint32_t interface)
{
	struct bpf_link_info info = { 0 };
	uint32_t size = sizeof(info);

	/* The index stands first in the part that depends on the type. */
	return bpf_obj_get_info_by_fd(link, &info, &size) == 0 && info.type == LINK_TYPE_TCX &&
	       info.xdp.ifindex == interface;
}

static void take_link(struct program *program, uint32_t interface)
{
	char name[PINS_NAME_SIZE];
	int link;

	pins_link_name(interface, name);
	link = open_pin(program->pins, name);
	if (link >= 0 && program->attached < PROGRAM_INTERFACES && is_link_to(link, interface) &&
	    bpf_link_update(link, program_fd(program), NULL) == 0) {
		program->attachments[program->attached++] = (struct program_attachment){ interface, link };
		return;
	}
	pins_remove(program->pins, name);
	if (link >= 0)
		close(link);
}

static void take_classifier(struct program *program, uint32_t interface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)interface, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);

	if (bpf_tc_query(&hook, &options) < 0)
		return;
	if (program->attached == PROGRAM_INTERFACES || attach_clsact(program, interface, BPF_TC_F_REPLACE) < 0) {
		detach_clsact(interface);
		return;
	}
	program->attachments[program->attached++] = (struct program_attachment){ interface, -1 };
}

static void take_attachments(struct program *program, const struct link_table *links)
{
	uint32_t interfaces[PROGRAM_INTERFACES];
	size_t count = pins_links(program->pins, interfaces, PROGRAM_INTERFACES);

	for (size_t i = 0; i < count; i++)
		take_link(program, interfaces[i]);
	for (size_t i = 0; i < links->count; i++) {
		if (!links->links[i].loopback)
			take_classifier(program, links->links[i].index);
	}
}

/* --------------------------------------------------------------- start and stop */

static const char *error_text(int error)
{
	switch (error) {
	case -EPERM: /* before Linux 5.11 also for want of locked memory */
	case -EACCES:
		return "no right to use BPF: needs Linux 5.15, CAP_BPF and CAP_PERFMON";
	case -ENOMEM:
		return "no memory for its tables";
	default:
		return "this kernel does not take the program: needs Linux 5.15";
	}
}

static int open_skeleton(struct program *program)
{
	struct fastpath_bpf *skeleton = fastpath_bpf__open();
	uint32_t capacity = program->capacity;
	int error;

	/* The object is a part of this program: nothing but memory can be missing. */
	if (!skeleton)
		return -ENOMEM;
	program->skeleton = skeleton;
	if ((error = bpf_map__set_max_entries(skeleton->maps.flows4, capacity * 2)) ||
	    (error = bpf_map__set_max_entries(skeleton->maps.flows6, capacity * 2)) ||
	    (error = bpf_map__set_max_entries(skeleton->maps.slots, capacity)))
		return error;
	return 0;
}

static int map_memory(struct program *program)
{
	int slots = bpf_map__fd(program->skeleton->maps.slots);
	int identifications = bpf_map__fd(program->skeleton->maps.identifications);

	program->slots_size = (size_t)program->capacity * sizeof(*program->slots);
	program->slots = mmap(NULL, program->slots_size, PROT_READ | PROT_WRITE, MAP_SHARED, slots, 0);
	if (program->slots == MAP_FAILED)
		return -errno;
	program->identifications =
	    mmap(NULL, IDENTIFICATIONS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, identifications, 0);
	return program->identifications == MAP_FAILED ? -errno : 0;
}

static void unload(struct program *program)
{
	if (program->slots != MAP_FAILED)
		munmap(program->slots, program->slots_size);
	if (program->identifications != MAP_FAILED)
		munmap(program->identifications, IDENTIFICATIONS_SIZE);
	program->slots = MAP_FAILED;
	program->identifications = MAP_FAILED;
	fastpath_bpf__destroy(program->skeleton);
	program->skeleton = NULL;
}

/* With the maps of an earlier process, all or nothing. */
static int adopt(struct program *program, uint64_t digest)
{
	struct bpf_map *map;
	int error = open_skeleton(program);

	if (error)
		return error;
	bpf_object__for_each_map(map, program->skeleton->obj)
	{
		/* Constants are the program's own. */
		error = bpf_map__is_internal(map) ? 0 : take_map(map, program->pins);
		if (error)
			return error;
	}
	error = fastpath_bpf__load(program->skeleton);
	if (error)
		return error;
	if (!has_digest(program, digest) || !is_same_program(program))
		return -ESTALE;
	return map_memory(program);
}

static int pin_all(const struct program *program)
{
	char path[PINS_PATH_SIZE];
	struct bpf_map *map;

	bpf_object__for_each_map(map, program->skeleton->obj)
	{
		if (bpf_map__is_internal(map))
			continue;
		pins_path(program->pins, bpf_map__name(map), path);
		if (bpf_obj_pin(bpf_map__fd(map), path) < 0)
			return -errno;
	}
	pins_path(program->pins, PROGRAM_PIN, path);
	return bpf_obj_pin(program_fd(program), path);
}

static int begin(struct program *program)
{
	int error = open_skeleton(program);

	if (!error)
		error = fastpath_bpf__load(program->skeleton);
	if (!error)
		error = map_memory(program);
	if (error || !program->pins || pin_all(program) == 0)
		return error;
	pins_clear(program->pins);
	program->pins = NULL;
	return 0;
}

int program_create(const struct fastpath_options *options, struct program **program, const char **message)
{
	struct program *made = calloc(1, sizeof(*made));
	int error = 0;

	*program = NULL;
	*message = error_text(-ENOMEM);
	if (!made)
		return -ENOMEM;
	libbpf_set_print(print_libbpf);
	made->slots = MAP_FAILED;
	made->identifications = MAP_FAILED;
	made->pins = options->pins;
	made->capacity = options->capacity;
	made->adopted = options->pins && options->digest && adopt(made, options->digest) == 0;
	if (made->adopted) {
		take_attachments(made, options->links);
	} else {
		unload(made);
		program_clear(options->pins, options->links);
		error = begin(made);
	}
	/* No interface has the number 0: a kernel with tcx misses it, one without does not know what is meant. */
	made->clsact =
	    !error && bpf_link_create(program_fd(made), 0, (enum bpf_attach_type)ATTACH_TCX_INGRESS, NULL) == -EINVAL;
	if (error) {
		*message = error_text(error);
		program_destroy(made, false);
		return error;
	}
	*program = made;
	return 0;
}

void program_destroy(struct program *program, bool go_on)
{
	if (!program)
		return;
	if (!go_on) {
		program_forget_interfaces(program);
		if (program->pins)
			program_clear(program->pins, &(struct link_table){ 0 });
	}
	for (size_t i = 0; i < program->attached; i++) {
		if (program->attachments[i].link >= 0)
			close(program->attachments[i].link);
	}
	unload(program);
	free(program);
}

void program_note(struct program *program, uint64_t digest)
{
	bpf_map_update_elem(bpf_map__fd(program->skeleton->maps.head), &(uint32_t){ 0 }, &digest, BPF_ANY);
}

/* -------------------------------------------------------------------- elements */

static int map_of(const struct program *program, enum family family)
{
	const struct fastpath_bpf *skeleton = program->skeleton;

	return bpf_map__fd(family == FAMILY_IPV4 ? skeleton->maps.flows4 : skeleton->maps.flows6);
}

int program_put(const struct program *program, enum family family, const void *key, const void *value)
{
	return bpf_map_update_elem(map_of(program, family), key, value, BPF_ANY);
}

void program_remove(const struct program *program, enum family family, const void *key)
{
	bpf_map_delete_elem(map_of(program, family), key);
}

int program_read(const struct program *program, enum family family, struct program_batch *batch)
{
	uint32_t *from = batch->begun ? &batch->place : NULL;
	int error;

	batch->begun = true;
	batch->count = PROGRAM_BATCH;
	error = bpf_map_lookup_batch(map_of(program, family), from, &batch->place, batch->keys, batch->values,
				     &batch->count, NULL);
	batch->last = error == -ENOENT;
	return batch->last ? 0 : error;
}
