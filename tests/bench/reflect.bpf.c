/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The far end of the benchmark's floods, at the server's interface: sends datagrams that bear the
 * mark straight back, with addresses and ports exchanged, and throws all others of the flood away.
 * Neither costs a socket or a process. Exchanging leaves every checksum right.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PORT_FLOOD 9
#define MARK_ECHO 'E'

struct datagram {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
	__u8 mark;
} __attribute__((packed));

SEC("xdp")
int reflect(struct xdp_md *context)
{
	struct datagram *datagram = (void *)(long)context->data;
	struct datagram was;

	if ((void *)(datagram + 1) > (void *)(long)context->data_end ||
	    datagram->ethernet.h_proto != bpf_htons(ETH_P_IP) || datagram->ip.protocol != IPPROTO_UDP ||
	    datagram->udp.dest != bpf_htons(PORT_FLOOD))
		return XDP_PASS;
	if (datagram->mark != MARK_ECHO)
		return XDP_DROP;
	was = *datagram;
	__builtin_memcpy(datagram->ethernet.h_dest, was.ethernet.h_source, ETH_ALEN);
	__builtin_memcpy(datagram->ethernet.h_source, was.ethernet.h_dest, ETH_ALEN);
	datagram->ip.saddr = was.ip.daddr;
	datagram->ip.daddr = was.ip.saddr;
	datagram->udp.source = was.udp.dest;
	datagram->udp.dest = was.udp.source;
	return XDP_TX;
}

char program_license[] SEC("license") = "GPL";
