/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. One element of a hash map for each direction of an installed
 * session; what both share is in a slot of an array that is mapped into our memory,
 * so that reading a counter costs no system call. The program is attached to an
 * interface when the first session comes in by it: with tcx where the kernel has it
 * (6.6), else with a classifier under clsact.
 *
 * The way of a session is asked of the kernel when it is installed, for both
 * directions, as for packets that come in; neighbours are the kernel's business for
 * each packet. When routes, rules, links or addresses change, the engine recalls
 * everything and sessions come back as they flow.
 */
#include "daemon/fastpath.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if_arp.h>

#include "daemon/fastpath/fastpath.skel.h"
#include "daemon/fastpath/maps.h"
#include "daemon/log.h"
#include "daemon/routes.h"
#include "sluice/fastpath.h"

#define INTERFACE_LIMIT 256
/* Our place among an interface's classifiers, where nobody else should be: what stands there is ours. */
#define CLSACT_PRIORITY 29548
#define CLSACT_HANDLE 0x736c
#define IDENTIFICATIONS_SIZE (FASTPATH_IDENTIFICATIONS * sizeof(uint64_t))
/* enum bpf_attach_type; headers before Linux 6.6 do not name it. */
#define ATTACH_TCX_INGRESS 46

_Static_assert(sizeof(struct fastpath_slot) == 128, "two lines of the cache");
_Static_assert(sizeof(struct flow_key4) == 16 && sizeof(struct flow_key6) == 40, "no padding in a key");

struct attachment {
	uint32_t interface;
	int link; /* of tcx; -1: a classifier under clsact */
};

struct fastpath {
	struct fastpath_bpf *program;
	struct fastpath_slot *slots;
	size_t slots_size;
	uint64_t *identifications;
	bool clsact;
	uint64_t failed;
	size_t attached;
	struct attachment attachments[INTERFACE_LIMIT];
};

/* ------------------------------------------------------------------- attaching */

static int attach_clsact(const struct fastpath *fastpath, uint32_t interface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)interface, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY,
		    .prog_fd = bpf_program__fd(fastpath->program->progs.sluice_fastpath));
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

static int attach_new(struct fastpath *fastpath, uint32_t interface)
{
	int link = -1, error;

	if (fastpath->attached == INTERFACE_LIMIT)
		return -ENOSPC;
	if (!fastpath->clsact) {
		link = bpf_link_create(bpf_program__fd(fastpath->program->progs.sluice_fastpath), (int)interface,
				       (enum bpf_attach_type)ATTACH_TCX_INGRESS, NULL);
		fastpath->clsact = link == -EINVAL;
	}
	if (fastpath->clsact) {
		error = attach_clsact(fastpath, interface);
		if (error)
			return error;
	} else if (link < 0) {
		return link;
	}
	fastpath->attachments[fastpath->attached++] = (struct attachment){ interface, link };
	return 0;
}

static int attach(struct fastpath *fastpath, uint32_t interface)
{
	for (size_t i = 0; i < fastpath->attached; i++) {
		if (fastpath->attachments[i].interface == interface)
			return 0;
	}
	return attach_new(fastpath, interface);
}

void fastpath_forget_interfaces(struct fastpath *fastpath)
{
	for (size_t i = 0; fastpath && i < fastpath->attached; i++) {
		if (fastpath->attachments[i].link >= 0)
			close(fastpath->attachments[i].link);
		else
			detach_clsact(fastpath->attachments[i].interface);
	}
	if (fastpath)
		fastpath->attached = 0;
}

/* --------------------------------------------------------------- start and stop */

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char line[512];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, arguments);
	log_write(LOG_LEVEL_DEBUG, "libbpf: %.*s", (int)strcspn(line, "\n"), line);
	return 0;
}

/* A classifier outlives whoever made it; a link of tcx ends with the process. */
void fastpath_clear(const struct link_table *links)
{
	libbpf_set_print(print_libbpf);
	for (size_t i = 0; i < links->count; i++) {
		if (!links->links[i].loopback)
			detach_clsact(links->links[i].index);
	}
}

static const char *error_text(int error)
{
	switch (error) {
	case -EPERM:
	case -EACCES:
		return "no right to use BPF: needs CAP_BPF and CAP_PERFMON";
	case -ENOMEM:
		return "no memory for its tables";
	default:
		return "this kernel does not take the program";
	}
}

static int load(struct fastpath *fastpath, uint32_t capacity)
{
	struct fastpath_bpf *program = fastpath_bpf__open();
	int error;

	if (!program)
		return -errno;
	fastpath->program = program;
	if ((error = bpf_map__set_max_entries(program->maps.flows4, capacity * 2)) ||
	    (error = bpf_map__set_max_entries(program->maps.flows6, capacity * 2)) ||
	    (error = bpf_map__set_max_entries(program->maps.slots, capacity)) || (error = fastpath_bpf__load(program)))
		return error;
	fastpath->slots_size = (size_t)capacity * sizeof(*fastpath->slots);
	fastpath->slots =
	    mmap(NULL, fastpath->slots_size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(program->maps.slots), 0);
	if (fastpath->slots == MAP_FAILED)
		return -errno;
	fastpath->identifications = mmap(NULL, IDENTIFICATIONS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
					 bpf_map__fd(program->maps.identifications), 0);
	return fastpath->identifications == MAP_FAILED ? -errno : 0;
}

int fastpath_create(uint32_t capacity, struct fastpath **fastpath, const char **message)
{
	struct fastpath *made = calloc(1, sizeof(*made));
	int error;

	*fastpath = NULL;
	if (!made)
		return -ENOMEM;
	made->slots = MAP_FAILED;
	made->identifications = MAP_FAILED;
	error = load(made, capacity);
	if (error) {
		*message = error_text(error);
		fastpath_destroy(made);
		return error;
	}
	*fastpath = made;
	return 0;
}

void fastpath_destroy(struct fastpath *fastpath)
{
	if (!fastpath)
		return;
	fastpath_forget_interfaces(fastpath);
	if (fastpath->slots != MAP_FAILED)
		munmap(fastpath->slots, fastpath->slots_size);
	if (fastpath->identifications != MAP_FAILED)
		munmap(fastpath->identifications, IDENTIFICATIONS_SIZE);
	fastpath_bpf__destroy(fastpath->program);
	free(fastpath);
}

const char *fastpath_mode(const struct fastpath *fastpath)
{
	if (!fastpath)
		return "off";
	return fastpath->clsact ? "clsact" : "tcx";
}

uint64_t fastpath_failed(const struct fastpath *fastpath)
{
	return fastpath ? fastpath->failed : 0;
}

/* -------------------------------------------------------------------- elements */

static void key4(struct flow_key4 *key, const struct tuple *tuple, uint32_t interface)
{
	memcpy(&key->source, tuple->source.address.bytes + 12, 4);
	memcpy(&key->destination, tuple->destination.address.bytes + 12, 4);
	key->source_port = tuple->source.port.raw;
	key->destination_port = tuple->destination.port.raw;
	key->interface_protocol = interface << 8 | tuple->protocol;
}

static void key6(struct flow_key6 *key, const struct tuple *tuple, uint32_t interface)
{
	memcpy(key->source, tuple->source.address.bytes, 16);
	memcpy(key->destination, tuple->destination.address.bytes, 16);
	key->source_port = tuple->source.port.raw;
	key->destination_port = tuple->destination.port.raw;
	key->interface_protocol = interface << 8 | tuple->protocol;
}

/* What a checksum changes by when @old becomes @new (RFC 1624), not folded. */
static uint32_t difference(const void *old, const void *new, size_t bytes, uint32_t sum)
{
	const uint8_t *before = old, *after = new;

	for (size_t i = 0; i < bytes; i += 2) {
		uint16_t a, b;

		memcpy(&a, before + i, 2);
		memcpy(&b, after + i, 2);
		sum += (uint32_t)(uint16_t)~a + b;
	}
	return sum;
}

static struct flow flow_of(uint32_t slot, unsigned int way, const struct tuple *arrives, const struct tuple *leaves,
			   const struct route *route, uint32_t mtu)
{
	struct flow flow = {
		.slot = slot,
		.interface = route->interface,
		.mtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu),
		.direction = (uint8_t)way,
		.source_port = leaves->source.port.raw,
		.destination_port = leaves->destination.port.raw,
	};

	flow.address_difference = difference(&arrives->source.address, &leaves->source.address, 16, 0);
	flow.address_difference =
	    difference(&arrives->destination.address, &leaves->destination.address, 16, flow.address_difference);
	flow.port_difference = difference(&arrives->source.port, &leaves->source.port, 2, 0);
	flow.port_difference =
	    difference(&arrives->destination.port, &leaves->destination.port, 2, flow.port_difference);
	flow.moved = !address_equal(&arrives->source.address, &leaves->source.address) ||
		     !address_equal(&arrives->destination.address, &leaves->destination.address);
	flow.moved_ports = arrives->source.port.raw != leaves->source.port.raw ||
			   arrives->destination.port.raw != leaves->destination.port.raw;
	return flow;
}

static int put4(const struct fastpath *fastpath, const struct flow *flow, const struct tuple *arrives,
		const struct tuple *leaves, uint32_t interface, const struct address *next_hop, uint32_t identification)
{
	struct flow4 value = { .flow = *flow, .identification = identification };
	struct flow_key4 key;

	key4(&key, arrives, interface);
	memcpy(&value.source, leaves->source.address.bytes + 12, 4);
	memcpy(&value.destination, leaves->destination.address.bytes + 12, 4);
	memcpy(&value.next_hop, next_hop->bytes + 12, 4);
	return bpf_map_update_elem(bpf_map__fd(fastpath->program->maps.flows4), &key, &value, BPF_ANY);
}

static int put6(const struct fastpath *fastpath, const struct flow *flow, const struct tuple *arrives,
		const struct tuple *leaves, uint32_t interface, const struct address *next_hop)
{
	struct flow6 value = { .flow = *flow };
	struct flow_key6 key;

	key6(&key, arrives, interface);
	memcpy(value.source, leaves->source.address.bytes, 16);
	memcpy(value.destination, leaves->destination.address.bytes, 16);
	memcpy(value.next_hop, next_hop->bytes, 16);
	return bpf_map_update_elem(bpf_map__fd(fastpath->program->maps.flows6), &key, &value, BPF_ANY);
}

static void recall(void *context, uint32_t index, const struct tuple arrives[2])
{
	const struct fastpath *fastpath = context;

	for (unsigned int way = 0; way < 2; way++) {
		uint32_t interface = fastpath->slots[index].side[way].interface;
		struct flow_key4 ipv4;
		struct flow_key6 ipv6;

		if (!interface)
			continue;
		if (address_is_ipv4(&arrives[way].source.address)) {
			key4(&ipv4, &arrives[way], interface);
			bpf_map_delete_elem(bpf_map__fd(fastpath->program->maps.flows4), &ipv4);
		} else {
			key6(&ipv6, &arrives[way], interface);
			bpf_map_delete_elem(bpf_map__fd(fastpath->program->maps.flows6), &ipv6);
		}
	}
}

struct engine_fastpath fastpath_for_engine(struct fastpath *fastpath)
{
	return (struct engine_fastpath){
		.context = fastpath,
		.slots = fastpath->slots,
		.identifications = fastpath->identifications,
		.recall = recall,
	};
}

/* ------------------------------------------------------------------ installing */

/* An interface whose packets the program understands. */
static const struct link *usable_link(const struct link_table *links, uint32_t interface)
{
	const struct link *link = link_lookup(links, interface);

	return link && link->up && link->type == ARPHRD_ETHER && interface <= FLOW_INTERFACE_MOST ? link : NULL;
}

static bool put_direction(struct fastpath *fastpath, uint32_t slot, unsigned int way, const struct engine_flow *flow,
			  uint32_t interface, const struct route *route, const struct link_table *links)
{
	const struct tuple *arrives = &flow->arrives[way], *leaves = &flow->leaves[way];
	const struct link *in = usable_link(links, interface), *out = usable_link(links, route->interface);
	struct flow value;
	uint32_t mtu;

	if (!in || !out || attach(fastpath, interface) < 0)
		return false;
	mtu = route->mtu && route->mtu < out->mtu ? route->mtu : out->mtu;
	value = flow_of(slot, way, arrives, leaves, route, mtu);
	fastpath->slots[slot].side[way].interface = interface;
	if (address_is_ipv4(&arrives->source.address))
		return put4(fastpath, &value, arrives, leaves, interface, &route->next_hop,
			    flow->identification[way]) == 0;
	return put6(fastpath, &value, arrives, leaves, interface, &route->next_hop) == 0;
}

void fastpath_install(struct fastpath *fastpath, struct engine *engine, struct routes *routes,
		      const struct link_table *links, const struct effect *effect)
{
	enum direction way = effect->install.direction, back = direction_opposite(way);
	uint32_t slot = effect->install.handle.index;
	struct engine_flow flow;
	struct route forth, home;

	if (!engine_lend(engine, effect->install.handle, &flow))
		return;
	/* Both ways as the kernel routes them: after a destination, before a source is translated. */
	if (routes_forward(routes, &flow.arrives[way].source.address, &flow.leaves[way].destination.address,
			   effect->install.iif, effect->install.mark, &forth) &&
	    routes_forward(routes, &flow.arrives[back].source.address, &flow.leaves[back].destination.address,
			   forth.interface, effect->install.mark, &home) &&
	    put_direction(fastpath, slot, way, &flow, effect->install.iif, &forth, links) &&
	    put_direction(fastpath, slot, back, &flow, forth.interface, &home, links))
		return;
	fastpath->failed++;
	engine_recall(engine, effect->install.handle, effect->at);
}
