/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What generate.c tells generate.bpf.c to send, and what it hears of it. Numbers in host order.
 */
#ifndef SLUICE_TESTS_BENCH_GENERATE_H
#define SLUICE_TESTS_BENCH_GENERATE_H

#include <linux/types.h>

#define GENERATE_SIZES 16
#define GENERATE_HEADERS 42 /* Ethernet, IPv4 and UDP without options */
#define GENERATE_HEAD (GENERATE_HEADERS + 1)

/**
 * struct generate_size - a datagram of one size
 * @length: of the frame
 * @ip_sum, @udp_sum: of all words but the source's address and port, not folded
 * @head: begins the frame; source address, source port and both checksums are 0
 */
struct generate_size {
	__u32 length, ip_sum, udp_sum;
	__u8 head[GENERATE_HEAD];
};

/**
 * struct generate_order - see struct order
 * @longest: bytes of the frames that the kernel is handed
 * @hosts: with them each host in turn sends from the first port, else each port of the first host
 * @duration_ns: from the first frame on
 */
struct generate_order {
	__u32 interface, sizes, longest;
	__u32 source, source_port;
	__u32 ports, hosts;
	__u32 random;
	__u64 flows, rate, count;
	__u64 duration_ns;
	struct generate_size size[GENERATE_SIZES];
};

#endif
