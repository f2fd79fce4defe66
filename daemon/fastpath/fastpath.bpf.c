/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast path: forwards the packets of sessions that the daemon has installed, at
 * the ingress of an interface, before the kernel routes or filters them.
 *
 * Theory of operation. A packet goes on from here only if nothing about it could
 * need a decision: an unfragmented packet without IP options, TTL to spare, that
 * fits the outgoing MTU, of an installed TCP or UDP flow, and for TCP neither SYN,
 * FIN nor RST and inside the window. Every other packet takes the way it would take
 * without this program: FORWARD_NOT changes nothing at all. The window is van
 * Rooij's, with the numbers that the daemon left in the session's slot; what is
 * learned goes back there, so that the daemon judges the next SYN, FIN, RST or ICMP
 * error as if it had seen every packet.
 *
 * The transport checksum is not looked at, only kept as right or wrong as it was:
 * most often the hardware or the sender's own kernel vouches for it, and nobody here
 * can ask which.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "daemon/fastpath/maps.h"
#include "sluice/fastpath.h"

#define FORWARD_NOT TC_ACT_UNSPEC /* on to the next program, then to the kernel */
#define FAMILY_IPV4 2		  /* AF_INET */
#define FAMILY_IPV6 10		  /* AF_INET6 */
#define OFFSET_IP ETH_HLEN
#define IP_DF 0x4000

/* The daemon sets all sizes before it loads the program. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow_key4);
	__type(value, struct flow4);
	__uint(max_entries, 1);
} flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow_key6);
	__type(value, struct flow6);
	__uint(max_entries, 1);
} flows6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, uint32_t);
	__type(value, struct fastpath_slot);
	__uint(max_entries, 1);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, uint32_t);
	__type(value, uint64_t);
	__uint(max_entries, FASTPATH_IDENTIFICATIONS);
} identifications SEC(".maps");

/* The daemon's own: what all of this was made for. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, uint32_t);
	__type(value, uint64_t);
	__uint(max_entries, 1);
} head SEC(".maps");

/* -------------------------------------------------------------------- window */

static __always_inline int after(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a) < 0;
}

/* Moves @at forward to @value, never back. Another processor may be faster; it then was right too. */
static __always_inline void advance(uint32_t *at, uint32_t value)
{
	uint32_t seen = *(volatile uint32_t *)at;

	if (after(value, seen))
		__sync_val_compare_and_swap(at, seen, value);
}

static __always_inline uint32_t lookback(const struct fastpath_side *side)
{
	uint32_t window = side->maxwin;

	if (window > FASTPATH_LOOKBACK_MOST)
		return FASTPATH_LOOKBACK_MOST;
	return window > FASTPATH_LOOKBACK_LEAST ? window : FASTPATH_LOOKBACK_LEAST;
}

struct segment {
	uint32_t sequence, end, acknowledgement, sack, window;
	uint32_t length;
};

static __always_inline int read_block(const uint8_t *block, const void *end, struct segment *segment)
{
	uint32_t right;

	if ((const void *)(block + 8) > end)
		return 0;
	right = bpf_ntohl(*(const uint32_t *)(block + 4));
	if (after(right, segment->sack))
		segment->sack = right;
	return 1;
}

/*
 * The highest number that @tcp acknowledges by SACK blocks. Options are looked at in
 * the two layouts that endpoints use: timestamps alone, or followed by SACK blocks.
 * Return: 0 when it is neither, and the daemon shall read them.
 */
static __always_inline int read_sack(const struct tcphdr *tcp, const void *end, struct segment *segment)
{
	const uint8_t *options = (const void *)(tcp + 1);
	uint32_t length = tcp->doff * 4 - sizeof(*tcp), blocks;

	if (length == 0)
		return 1;
	if (length < 12 || (void *)(options + 12) > end)
		return 0;
	if (options[0] != 1 || options[1] != 1 || options[2] != 8 || options[3] != 10)
		return 0;
	if (length == 12)
		return 1;
	options += 12;
	if (length < 12 + 12 || (void *)(options + 12) > end)
		return 0;
	if (options[0] != 1 || options[1] != 1 || options[2] != 5)
		return 0;
	blocks = (options[3] - 2u) / 8;
	if (!blocks || blocks > 3 || options[3] != 2 + 8 * blocks || length != 12 + 4 + 8 * blocks)
		return 0;
	/* Written out: the verifier follows no pointer that a loop has moved. */
	return read_block(options + 4, end, segment) && (blocks < 2 || read_block(options + 12, end, segment)) &&
	       (blocks < 3 || read_block(options + 20, end, segment));
}

static __always_inline int window_admits(const struct fastpath_slot *slot, uint32_t direction,
					 const struct segment *segment)
{
	const struct fastpath_side *sender = &slot->side[direction & 1];
	const struct fastpath_side *receiver = &slot->side[~direction & 1];
	uint32_t upper = sender->maxend, top = receiver->end;
	uint32_t sack = slot->flags & FASTPATH_SACK(direction & 1) ? segment->sack : segment->acknowledgement;

	if (segment->end == segment->sequence)
		upper = after(upper + 1, sender->end) ? upper + 1 : sender->end;
	if (after(segment->sequence, upper))
		return 0;
	if (after(receiver->maxack - lookback(receiver), segment->end))
		return 0;
	if (after(segment->acknowledgement, top) || after(sack, top))
		return 0;
	return !after(sender->maxack - lookback(sender), segment->acknowledgement);
}

static __always_inline void window_update(struct fastpath_slot *slot, uint32_t direction, const struct segment *segment)
{
	struct fastpath_side *sender = &slot->side[direction & 1];
	struct fastpath_side *receiver = &slot->side[~direction & 1];
	uint32_t window = segment->window << (sender->scale & 15);
	uint16_t digest;

	if (segment->length && !after(segment->end, sender->end) && after(segment->end, receiver->maxack))
		__sync_fetch_and_add(&sender->retransmissions, 1);
	advance(&sender->end, segment->end);
	advance(&sender->maxack, segment->acknowledgement);
	advance(&receiver->maxend, segment->acknowledgement + window);
	if (window > sender->maxwin)
		sender->maxwin = window;
	digest = fastpath_digest(segment->sequence, segment->end, segment->acknowledgement, segment->window);
	slot->last_packet = fastpath_repeated(slot->last_packet, digest, direction & 1);
	slot->last_window = (uint16_t)segment->window;
}

/* May this segment pass? @l4 bytes follow the IP header. */
static __always_inline int judge_tcp(struct fastpath_slot *slot, uint32_t direction, const struct tcphdr *tcp,
				     const void *end, uint32_t l4)
{
	struct segment segment;
	uint32_t header = tcp->doff * 4;

	if (!tcp->ack || tcp->syn || tcp->fin || tcp->rst || tcp->urg || header < sizeof(*tcp) || header > l4)
		return 0;
	segment.sequence = bpf_ntohl(tcp->seq);
	segment.length = l4 - header;
	segment.end = segment.sequence + segment.length;
	segment.acknowledgement = segment.sack = bpf_ntohl(tcp->ack_seq);
	segment.window = bpf_ntohs(tcp->window);
	if (!read_sack(tcp, end, &segment) || !window_admits(slot, direction, &segment))
		return 0;
	window_update(slot, direction, &segment);
	return 1;
}

/* ------------------------------------------------------------------- passing */

static __always_inline int fits(const struct __sk_buff *skb, const struct flow *flow, uint32_t length, uint32_t headers)
{
	if (skb->gso_size)
		return headers + skb->gso_size <= flow->mtu;
	return length <= flow->mtu;
}

/* @length: of the IP packet; @l4: of what follows its header. Counts it when it may pass. */
static __always_inline int judge(struct __sk_buff *skb, const struct flow *flow, uint32_t protocol,
				 const void *l4_header, const void *end, uint32_t length, uint32_t l4)
{
	struct fastpath_slot *slot = bpf_map_lookup_elem(&slots, &flow->slot);
	uint32_t direction = flow->direction & 1;
	struct fastpath_side *side;

	if (!slot)
		return 0;
	if (protocol == IPPROTO_TCP) {
		const struct tcphdr *tcp = l4_header;

		if ((void *)(tcp + 1) > end || !fits(skb, flow, length, length - l4 + tcp->doff * 4) ||
		    !judge_tcp(slot, direction, tcp, end, l4))
			return 0;
	} else {
		const struct udphdr *udp = l4_header;

		if ((void *)(udp + 1) > end || bpf_ntohs(udp->len) < sizeof(*udp) ||
		    !fits(skb, flow, length, length - l4 + sizeof(*udp)))
			return 0;
		if (!skb->gso_size && bpf_ntohs(udp->len) > l4)
			return 0;
	}
	side = &slot->side[direction];
	__sync_fetch_and_add(&side->packets, 1);
	__sync_fetch_and_add(&side->bytes, length);
	side->used_ns = bpf_ktime_get_coarse_ns();
	return 1;
}

/* The transport's checksum, by difference; a UDP checksum of zero stays zero. */
static __always_inline void fix_checksum(struct __sk_buff *skb, const struct flow *flow, uint32_t protocol,
					 uint32_t l4_offset)
{
	uint32_t at = l4_offset + (protocol == IPPROTO_TCP ? __builtin_offsetof(struct tcphdr, check)
							   : __builtin_offsetof(struct udphdr, check));
	uint64_t zero = protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (flow->moved)
		bpf_l4_csum_replace(skb, at, 0, flow->address_difference, BPF_F_PSEUDO_HDR | zero);
	if (flow->moved_ports)
		bpf_l4_csum_replace(skb, at, 0, flow->port_difference, zero);
}

static __always_inline uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Over a header without options, its checksum included: 0xffff when it is right. */
static __always_inline uint16_t header_sum(const struct iphdr *ip)
{
	const uint16_t *words = (const void *)ip;
	uint32_t sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += words[i];
	return fold(sum);
}

/* ---------------------------------------------------------------------- IPv4 */

/*
 * What may be fragmented and has another source now is numbered anew: see
 * conntrack/identification.h. Its header's checksum is made after this.
 */
static __always_inline void renew_identification(struct iphdr *ip, const struct flow4 *flow, uint32_t segments)
{
	uint32_t counter = flow->identification;
	uint64_t *next;

	if (counter == FASTPATH_IDENTIFICATION_KEPT || ip->frag_off & bpf_htons(IP_DF))
		return;
	next = bpf_map_lookup_elem(&identifications, &counter);
	if (next)
		ip->id = bpf_htons((uint16_t)__sync_fetch_and_add(next, segments));
}

static __always_inline int forward4(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + OFFSET_IP;
	struct flow_key4 key;
	const struct flow4 *found;
	struct bpf_redir_neigh neighbour = { .nh_family = FAMILY_IPV4 };
	uint32_t length, protocol, interface;
	uint16_t *ports;

	if ((void *)(ip + 1) + 8 > end)
		return FORWARD_NOT;
	protocol = ip->protocol;
	length = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff) || ip->ttl <= 1 ||
	    (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || length < sizeof(*ip) + 8 ||
	    length > skb->len - OFFSET_IP || header_sum(ip) != 0xffff)
		return FORWARD_NOT;
	ports = (void *)(ip + 1);
	key.source = ip->saddr;
	key.destination = ip->daddr;
	key.source_port = ports[0];
	key.destination_port = ports[1];
	key.interface_protocol = skb->ingress_ifindex << 8 | protocol;
	found = bpf_map_lookup_elem(&flows4, &key);
	if (!found || !judge(skb, &found->flow, protocol, ports, end, length, length - sizeof(*ip)))
		return FORWARD_NOT;
	fix_checksum(skb, &found->flow, protocol, OFFSET_IP + sizeof(*ip));
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	ip = data + OFFSET_IP;
	if ((void *)(ip + 1) + 4 > end)
		return TC_ACT_SHOT; /* was there a moment ago */
	renew_identification(ip, found, skb->gso_segs ? skb->gso_segs : 1);
	ip->ttl--;
	ip->saddr = found->source;
	ip->daddr = found->destination;
	ip->check = 0;
	ip->check = ~header_sum(ip);
	ports = (void *)(ip + 1);
	ports[0] = found->flow.source_port;
	ports[1] = found->flow.destination_port;
	interface = found->flow.interface;
	neighbour.ipv4_nh = found->next_hop;
	return bpf_redirect_neigh(interface, &neighbour, sizeof(neighbour), 0);
}

/* ---------------------------------------------------------------------- IPv6 */

static __always_inline int forward6(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip = data + OFFSET_IP;
	struct flow_key6 key;
	const struct flow6 *found;
	struct bpf_redir_neigh neighbour = { .nh_family = FAMILY_IPV6 };
	uint32_t l4, protocol, interface;
	uint16_t *ports;

	if ((void *)(ip + 1) + 8 > end)
		return FORWARD_NOT;
	protocol = ip->nexthdr;
	l4 = bpf_ntohs(ip->payload_len);
	if (ip->version != 6 || ip->hop_limit <= 1 || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || l4 < 8 ||
	    l4 + sizeof(*ip) > skb->len - OFFSET_IP)
		return FORWARD_NOT;
	ports = (void *)(ip + 1);
	__builtin_memcpy(key.source, &ip->saddr, 16);
	__builtin_memcpy(key.destination, &ip->daddr, 16);
	key.source_port = ports[0];
	key.destination_port = ports[1];
	key.interface_protocol = skb->ingress_ifindex << 8 | protocol;
	found = bpf_map_lookup_elem(&flows6, &key);
	if (!found || !judge(skb, &found->flow, protocol, ports, end, l4 + sizeof(*ip), l4))
		return FORWARD_NOT;
	fix_checksum(skb, &found->flow, protocol, OFFSET_IP + sizeof(*ip));
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	ip = data + OFFSET_IP;
	if ((void *)(ip + 1) + 4 > end)
		return TC_ACT_SHOT;
	ip->hop_limit--;
	__builtin_memcpy(&ip->saddr, found->source, 16);
	__builtin_memcpy(&ip->daddr, found->destination, 16);
	ports = (void *)(ip + 1);
	ports[0] = found->flow.source_port;
	ports[1] = found->flow.destination_port;
	interface = found->flow.interface;
	__builtin_memcpy(neighbour.ipv6_nh, found->next_hop, 16);
	return bpf_redirect_neigh(interface, &neighbour, sizeof(neighbour), 0);
}

SEC("tc")
int sluice_fastpath(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;

	/* What the switch flooded, or an inner tag: not for us, or not this simple. */
	if (skb->pkt_type != 0 /* PACKET_HOST */ || skb->vlan_present || (void *)(ethernet + 1) > end)
		return FORWARD_NOT;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP))
		return forward4(skb);
	if (ethernet->h_proto == bpf_htons(ETH_P_IPV6))
		return forward6(skb);
	return FORWARD_NOT;
}

/* Helpers such as bpf_redirect_neigh() are for programs under this licence. */
char program_license[] SEC("license") = "GPL";
