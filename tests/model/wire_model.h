/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets for tests, built byte by byte, and the oracle for every checksum: all of
 * it computed anew, one byte after another, sharing no code with conntrack/.
 */
#ifndef SLUICE_WIRE_MODEL_H
#define SLUICE_WIRE_MODEL_H

#include "sluice/packet.h"

#define WIRE_SIZE 66000

/* A seed from the environment (SEED=...) or of the moment; printed, so that a failure can be repeated. */
uint64_t wire_seed(void);
uint64_t wire_random(uint64_t *state);
static inline uint32_t wire_below(uint64_t *state, uint32_t limit)
{
	return (uint32_t)(wire_random(state) % limit);
}
struct address wire_random_address(uint64_t *state, enum family family);
/* An address, ports or identifiers in their places (tuple.h), for a query of @protocol. */
struct tuple wire_random_tuple(uint64_t *state, enum family family, uint8_t protocol);
struct address wire_address(const char *text);

/**
 * struct wire - a packet and where its headers are
 * @no_checksum: UDP without a checksum
 */
struct wire {
	enum family family;
	uint8_t protocol;
	bool no_checksum;
	size_t l4, length;
	uint8_t bytes[WIRE_SIZE];
};

#define WIRE_GRE_CHECKSUM 0x80
#define WIRE_GRE_KEY 0x20
#define WIRE_GRE_SEQUENCE 0x10

/**
 * struct wire_shape - what a packet is to look like
 * @tuple: for ICMP, a query's; with @reply a reply's
 * @options: 32-bit words of IPv4 options, 0 to 10; or of IPv6 extension headers, 0 to 5
 * @tcp_options: length and bytes of them, a multiple of 4
 * @gre_flags: WIRE_GRE_*: which fields there are; @gre_version: 0, or 1 as PPTP has it
 */
struct wire_shape {
	struct tuple tuple;
	unsigned int options;
	size_t payload;
	bool reply, no_checksum;
	uint8_t coverage; /* UDP-Lite: bytes of payload covered; DCCP: CsCov */
	const uint8_t *tcp_options;
	size_t tcp_options_length;
	uint8_t tcp_flags;
	uint8_t gre_flags, gre_version;
	uint32_t gre_key;
};

/* Payload bytes are random, and biased towards 0 and 255, where checksums go wrong. */
void wire_build(struct wire *wire, const struct wire_shape *shape, uint64_t *state);
struct wire_shape wire_random_shape(uint64_t *state, size_t payload_limit);

/* Compute every checksum of @wire from scratch. */
void wire_seal(struct wire *wire);
/* Let the transport checksum be as the kernel leaves it to the hardware: the pseudo-header's sum. */
void wire_unfinish(struct wire *wire);
/* Write addresses and ports or identifier and seal. */
void wire_translate(struct wire *wire, const struct tuple *to);
/* One's complement sum of big-endian words, folded. */
uint16_t wire_sum(uint32_t sum, const uint8_t *bytes, size_t length);
/* Does a parsed packet hold the checksums that it must? For fuzzing: offsets are the parser's. */
bool wire_checksums_right(const struct packet *packet);
/* Make them so. */
void wire_correct(struct packet *packet);
/* The checksum of an IPv4 header, if @length bytes hold one. */
void wire_seal_ipv4(uint8_t *header, size_t length);

/**
 * wire_quote() - an ICMP error about @about
 * @quoted: bytes of it that are quoted
 * @padding: zeros that follow (RFC 4884)
 * @extension: bytes of extension that follow; 0: none
 */
void wire_quote(struct wire *error, const struct wire *about, const struct tuple *outer, uint8_t type, uint8_t code,
		size_t quoted, size_t padding, size_t extension);

#endif
