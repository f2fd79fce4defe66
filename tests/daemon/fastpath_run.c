/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/daemon/fastpath_run.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "daemon/fastpath/fastpath.skel.h"
#include "daemon/fastpath/maps.h"

#define WAY_OUT 77 /* an interface that nobody looks up */

static struct fastpath_bpf *program;
static struct fastpath_slot *slots = MAP_FAILED;

static int print_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static const char *load(void)
{
	static char why[128];
	int error;

	if (bpf_map__set_max_entries(program->maps.flows4, 2 * RUN_SLOTS) ||
	    bpf_map__set_max_entries(program->maps.flows6, 2 * RUN_SLOTS) ||
	    bpf_map__set_max_entries(program->maps.slots, RUN_SLOTS))
		return "libbpf takes no sizes";
	error = fastpath_bpf__load(program);
	if (error) {
		snprintf(why, sizeof(why), "the program cannot be loaded: %s", strerror(-error));
		return why;
	}
	slots = mmap(NULL, RUN_SLOTS * sizeof(*slots), PROT_READ | PROT_WRITE, MAP_SHARED,
		     bpf_map__fd(program->maps.slots), 0);
	return slots == MAP_FAILED ? "the slots cannot be mapped" : NULL;
}

const char *run_open(void)
{
	libbpf_set_print(print_nothing);
	program = fastpath_bpf__open();
	return program ? load() : "no memory";
}

void run_close(void)
{
	if (slots != MAP_FAILED)
		munmap(slots, RUN_SLOTS * sizeof(*slots));
	slots = MAP_FAILED;
	fastpath_bpf__destroy(program);
	program = NULL;
}

struct fastpath_slot *run_slots(void)
{
	return slots;
}

/* ------------------------------------------------------------------------ maps */

static void key4(struct flow_key4 *key, const struct run_flow *flow)
{
	memcpy(&key->source, flow->arrives.source.address.bytes + 12, 4);
	memcpy(&key->destination, flow->arrives.destination.address.bytes + 12, 4);
	memcpy(&key->source_port, &flow->arrives.source.port, 2);
	memcpy(&key->destination_port, &flow->arrives.destination.port, 2);
	key->interface_protocol = flow->interface * 256 + flow->arrives.protocol;
}

static void key6(struct flow_key6 *key, const struct run_flow *flow)
{
	memcpy(key->source, flow->arrives.source.address.bytes, 16);
	memcpy(key->destination, flow->arrives.destination.address.bytes, 16);
	memcpy(&key->source_port, &flow->arrives.source.port, 2);
	memcpy(&key->destination_port, &flow->arrives.destination.port, 2);
	key->interface_protocol = flow->interface * 256 + flow->arrives.protocol;
}

/* The sum of the words in the machine's order: what the kernel's helper takes. */
static uint32_t native_sum(uint32_t sum, const void *bytes, size_t length, bool negative)
{
	for (size_t i = 0; i < length; i += 2) {
		uint16_t word;

		memcpy(&word, (const uint8_t *)bytes + i, 2);
		sum += negative ? 0xffffu - word : word;
	}
	return sum;
}

static uint32_t difference(const void *old[2], const void *new[2], size_t length)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < 2; i++)
		sum = native_sum(native_sum(sum, old[i], length, true), new[i], length, false);
	return sum;
}

static struct flow value_of(const struct run_flow *flow)
{
	const struct endpoint *from = &flow->arrives.source, *to = &flow->arrives.destination;
	const struct endpoint *from_after = &flow->leaves.source, *to_after = &flow->leaves.destination;
	struct flow value = { .slot = flow->slot, .interface = WAY_OUT, .mtu = flow->mtu };

	value.direction = (uint8_t)flow->direction;
	value.address_difference =
	    difference((const void *[]){ from->address.bytes, to->address.bytes },
		       (const void *[]){ from_after->address.bytes, to_after->address.bytes }, 16);
	value.port_difference = difference((const void *[]){ &from->port, &to->port },
					   (const void *[]){ &from_after->port, &to_after->port }, 2);
	value.moved =
	    !address_equal(&from->address, &from_after->address) || !address_equal(&to->address, &to_after->address);
	value.moved_ports =
	    memcmp(&from->port, &from_after->port, 2) != 0 || memcmp(&to->port, &to_after->port, 2) != 0;
	memcpy(&value.source_port, &from_after->port, 2);
	memcpy(&value.destination_port, &to_after->port, 2);
	return value;
}

void run_install(const struct run_flow *flow)
{
	struct flow4 value4 = { .flow = value_of(flow) };
	struct flow6 value6 = { .flow = value_of(flow) };
	struct flow_key4 at4;
	struct flow_key6 at6;
	int error;

	value4.identification = flow->counter ? flow->counter : FASTPATH_IDENTIFICATION_KEPT;
	if (address_is_ipv4(&flow->arrives.source.address)) {
		key4(&at4, flow);
		memcpy(&value4.source, flow->leaves.source.address.bytes + 12, 4);
		memcpy(&value4.destination, flow->leaves.destination.address.bytes + 12, 4);
		error = bpf_map_update_elem(bpf_map__fd(program->maps.flows4), &at4, &value4, BPF_ANY);
	} else {
		key6(&at6, flow);
		memcpy(value6.source, flow->leaves.source.address.bytes, 16);
		memcpy(value6.destination, flow->leaves.destination.address.bytes, 16);
		error = bpf_map_update_elem(bpf_map__fd(program->maps.flows6), &at6, &value6, BPF_ANY);
	}
	assert(error == 0);
	(void)error;
}

void run_count_from(uint32_t counter, uint64_t next)
{
	int error = bpf_map_update_elem(bpf_map__fd(program->maps.identifications), &counter, &next, BPF_ANY);

	assert(error == 0);
	(void)error;
}

uint64_t run_counted(uint32_t counter)
{
	uint64_t next = 0;

	bpf_map_lookup_elem(bpf_map__fd(program->maps.identifications), &counter, &next);
	return next;
}

void run_remove(const struct run_flow *flow)
{
	struct flow_key4 at4;
	struct flow_key6 at6;

	if (address_is_ipv4(&flow->arrives.source.address)) {
		key4(&at4, flow);
		bpf_map_delete_elem(bpf_map__fd(program->maps.flows4), &at4);
	} else {
		key6(&at6, flow);
		bpf_map_delete_elem(bpf_map__fd(program->maps.flows6), &at6);
	}
}

/* ---------------------------------------------------------------------- frames */

void run_frame_make(struct run_frame *frame, const struct wire *wire, uint32_t interface)
{
	assert(RUN_ETHERNET + wire->length <= RUN_FRAME);
	frame->interface = interface;
	frame->segment_size = frame->segments = 0;
	frame->length = RUN_ETHERNET + wire->length;
	/* The loopback of a test run has the address of zeros. */
	memset(frame->bytes, 0, RUN_ETHERNET);
	frame->bytes[6] = 2;
	memcpy(frame->bytes + 12, wire->family == FAMILY_IPV4 ? "\x08\x00" : "\x86\xdd", 2);
	memcpy(frame->bytes + RUN_ETHERNET, wire->bytes, wire->length);
}

int run_frame_pass(struct run_frame *frame)
{
	static uint8_t output[RUN_FRAME];
	struct __sk_buff context = { .ingress_ifindex = frame->interface,
				     .gso_size = frame->segment_size,
				     .gso_segs = frame->segments };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->bytes, .data_size_in = (uint32_t)frame->length,
		    .data_out = output, .data_size_out = sizeof(output), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1);
	int error = bpf_prog_test_run_opts(bpf_program__fd(program->progs.sluice_fastpath), &options);

	if (error) {
		printf("# the kernel runs no frame of %zu bytes: %s\n", frame->length, strerror(-error));
		return error * 1000;
	}
	frame->length = options.data_size_out;
	memcpy(frame->bytes, output, frame->length);
	return (int)options.retval;
}
