/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire formats' share of a packet's time: ns to parse and to translate a small
 * packet, GB/s of a large segment's checksum.
 */
#include <stdio.h>
#include <time.h>

#include "conntrack/checksum.h"
#include "conntrack/rewrite.h"
#include "tests/model/wire_model.h"

#define ROUNDS 5000000
#define LARGE_ROUNDS 60000

static struct wire wire;
/* Results go here, so that the compiler cannot leave work out. */
static volatile uint64_t sink;

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static struct tuple build(enum family family, uint8_t protocol, size_t payload, struct tuple *other)
{
	uint64_t state = 1;
	struct wire_shape shape = {
		.tuple = wire_random_tuple(&state, family, protocol),
		.payload = payload,
		.tcp_flags = TCP_ACK,
	};

	*other = wire_random_tuple(&state, family, protocol);
	wire_build(&wire, &shape, &state);
	return shape.tuple;
}

static void bench_small(const char *name, enum family family, uint8_t protocol, size_t payload)
{
	struct tuple there, back = build(family, protocol, payload, &there);
	struct packet packet;
	double start, parsed, rewritten, checked;

	start = now_ns();
	for (int i = 0; i < ROUNDS; i++) {
		packet_parse(&packet, wire.bytes, wire.length);
		sink += packet.l4_length;
	}
	parsed = now_ns();
	for (int i = 0; i < ROUNDS; i++)
		rewrite_tuple(&packet, i % 2 ? &back : &there, false);
	rewritten = now_ns();
	for (int i = 0; i < ROUNDS; i++)
		sink += packet_checksum_valid(&packet);
	checked = now_ns();
	printf("%-22s parse %5.1f ns   translate %5.1f ns   check %5.1f ns\n", name, (parsed - start) / ROUNDS,
	       (rewritten - parsed) / ROUNDS, (checked - rewritten) / ROUNDS);
}

static void bench_large(const char *name, size_t offset, uint8_t protocol)
{
	static uint8_t bytes[65536 + 64];
	double start = now_ns(), elapsed;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	start = now_ns();
	for (int i = 0; i < LARGE_ROUNDS; i++)
		sink += protocol == PROTOCOL_SCTP ? checksum_crc32c(bytes + offset, 65536)
						  : checksum_add(0, bytes + offset, 65536);
	elapsed = now_ns() - start;
	printf("%-22s %5.1f GB/s   %7.0f ns for 64 KiB\n", name, 65536.0 * LARGE_ROUNDS / elapsed,
	       elapsed / LARGE_ROUNDS);
}

int main(void)
{
	bench_small("UDP/IPv4, 60 bytes", FAMILY_IPV4, PROTOCOL_UDP, 32);
	bench_small("UDP/IPv6, 60 bytes", FAMILY_IPV6, PROTOCOL_UDP, 12);
	bench_small("TCP/IPv4, 40 bytes", FAMILY_IPV4, PROTOCOL_TCP, 0);
	bench_small("TCP/IPv4, 1500 bytes", FAMILY_IPV4, PROTOCOL_TCP, 1460);
	bench_small("ICMP echo, 84 bytes", FAMILY_IPV4, PROTOCOL_ICMP, 56);
	bench_large("sum, aligned", 0, PROTOCOL_TCP);
	bench_large("sum, 4 bytes off", 20, PROTOCOL_TCP);
	bench_large("sum, odd", 1, PROTOCOL_TCP);
	bench_large("CRC32c", 0, PROTOCOL_SCTP);
	return 0;
}
