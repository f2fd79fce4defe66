/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes datagrams of the frames that the kernel's test run hands over, and sends them by an interface.
 *
 * The frames are used again as they come back, and what became of them stands in them still: each is
 * written anew. Those that come before the next datagram is due are given back, which is how the pace
 * is kept: nobody sleeps, and nothing goes out in bursts.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/bench/generate.h"

#define AT_IP_CHECK (ETH_HLEN + 10)
#define AT_IP_SOURCE (ETH_HLEN + 12)
#define AT_UDP_SOURCE (ETH_HLEN + 20)
#define AT_UDP_CHECK (ETH_HLEN + 26)
#define NS_PER_S 1000000000ull

struct generate_order order;
__u64 sent;
__u32 done;
__u64 start_ns, last_ns;
static __u64 state = 88172645463325252ull;

/* xorshift64: the same flows in each run. */
static __always_inline __u64 next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static __always_inline __u16 checksum(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return bpf_htons((__u16)~sum);
}

static __always_inline void put16(__u8 *at, __u16 value)
{
	at[0] = value & 0xff;
	at[1] = value >> 8;
}

/* Is the next one due? */
static __always_inline int is_due(void)
{
	__u64 now = bpf_ktime_get_ns();

	if (!start_ns)
		start_ns = now;
	now -= start_ns;
	if (sent >= order.count || now >= order.duration_ns) {
		last_ns = start_ns + now;
		done = 1;
		return 0;
	}
	return !order.rate || sent * NS_PER_S <= now * order.rate;
}

static __always_inline void write_source(__u8 *frame, const struct generate_size *size)
{
	__u64 flow = 0;
	__u32 source, port, words;

	if (order.flows)
		flow = (order.random ? next_random() : sent) % order.flows;
	source = order.source + (__u32)(order.hosts ? flow % order.hosts : flow / order.ports);
	port = (order.source_port + (__u32)(order.hosts ? flow / order.hosts : flow % order.ports)) & 0xffff;
	words = (source >> 16) + (source & 0xffff);
	put16(frame + AT_IP_SOURCE, bpf_htons(source >> 16));
	put16(frame + AT_IP_SOURCE + 2, bpf_htons(source & 0xffff));
	put16(frame + AT_IP_CHECK, checksum(size->ip_sum + words));
	put16(frame + AT_UDP_SOURCE, bpf_htons(port));
	words = checksum(size->udp_sum + words + port);
	put16(frame + AT_UDP_CHECK, words ? words : 0xffff);
}

SEC("xdp")
int generate(struct xdp_md *context)
{
	const struct generate_size *size;
	__u8 *frame;

	if (done || !is_due())
		return XDP_DROP;
	size = &order.size[(sent % (order.sizes ? order.sizes : 1)) & (GENERATE_SIZES - 1)];
	if (size->length != order.longest && bpf_xdp_adjust_tail(context, (int)size->length - (int)order.longest))
		return XDP_ABORTED;
	frame = (void *)(long)context->data;
	if (frame + GENERATE_HEAD > (__u8 *)(long)context->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(frame, size->head, GENERATE_HEAD);
	write_source(frame, size);
	sent++;
	return bpf_redirect(order.interface, 0);
}

/* Helpers are for programs under this licence. */
char program_license[] SEC("license") = "GPL";
