/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A generator of UDP datagrams with correct checksums: made by a BPF program in the kernel, as live
 * frames of a test run (Linux 5.18). A frame costs a tenth of what a packet socket needs, so that what is
 * measured is the gateway. How it is called: order.h. The other end of INTERFACE, a veth, must poll: GRO on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/generate.h"
#include "tests/bench/generate.skel.h"
#include "tests/bench/order.h"

/*
 * Frames of one call. Before each call and after it the kernel waits for all processors to have passed a quiet
 * state, some ms in which nothing is sent: so as few calls as can be. Those left over when all is done are thrown
 * away, 30 ms at most, which is not measured.
 */
#define REPEAT (1u << 20)

_Static_assert(GENERATE_SIZES >= ORDER_SIZES, "room for every size");

static void size_fill(struct generate_size *size, const struct order *order, unsigned int number)
{
	struct frame frame = order->frames[number];
	uint32_t udp_length = ntohs(frame.udp.len);

	frame.ip.saddr = 0;
	frame.ip.check = 0;
	frame.udp.source = 0;
	frame.udp.check = 0;
	size->length = (uint32_t)order->lengths[number];
	size->ip_sum = order_sum(&frame.ip, sizeof(frame.ip), 0);
	size->udp_sum = order_sum(&frame.udp, udp_length, order_sum(&frame.ip.saddr, 8, IPPROTO_UDP + udp_length));
	memcpy(size->head, &frame, sizeof(size->head));
}

static void order_fill(struct generate_order *to, const struct order *order)
{
	to->interface = if_nametoindex(order->interface);
	to->sizes = order->sizes;
	for (unsigned int i = 0; i < order->sizes; i++) {
		size_fill(&to->size[i], order, i);
		if (to->longest < to->size[i].length)
			to->longest = to->size[i].length;
	}
	to->source = ntohl(order->frames[0].ip.saddr);
	to->source_port = ntohs(order->frames[0].udp.source);
	to->ports = ORDER_PORTS;
	to->hosts = order->same_port ? ORDER_HOSTS : 0;
	to->random = order->random;
	to->flows = order->flows;
	to->rate = order->rate;
	to->count = order->count;
	to->duration_ns = (uint64_t)(order->seconds * 1e9);
}

static struct departure generate(void *context, const struct order *order)
{
	struct generate_bpf *program = context;
	static struct frame frame;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &frame, .repeat = REPEAT,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	order_fill(&program->bss->order, order);
	options.data_size_in = program->bss->order.longest;
	while (!program->bss->done) {
		int error = bpf_prog_test_run_opts(bpf_program__fd(program->progs.generate), &options);

		if (!error)
			continue;
		fprintf(stderr, "generate: %s\n", strerror(-error));
		break;
	}
	return (struct departure){ program->bss->sent, program->bss->start_ns, program->bss->last_ns };
}

int main(int argc, char **argv)
{
	static struct order order;
	struct generate_bpf *program;
	int code;

	if (!order_read(&order, argc, argv))
		return 2;
	program = generate_bpf__open_and_load();
	if (!program) {
		fprintf(stderr, "generate: this kernel does not take the program: %s\n", strerror(errno));
		return 1;
	}
	code = order_run(&order, generate, program);
	generate_bpf__destroy(program);
	return code;
}
