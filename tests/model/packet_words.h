/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets in words, for scenarios:
 *
 *   udp 10.0.0.2:4000 > 203.0.113.9:53 [len N] [query ID | response ID]
 *   tcp 10.0.0.2:4000 > 203.0.113.9:80 FLAGS SEQUENCE [ACKNOWLEDGEMENT] [len N] [win N]
 *                                      [wscale N] [mss N] [sackok] [ts VALUE ECHO] [sack LEFT RIGHT]
 *                                      [says TEXT] [part TEXT]
 *   icmp 10.0.0.2:7 > 203.0.113.9      an echo request with identifier 7
 *   icmp 203.0.113.9 > 10.0.0.2:7      its reply
 *   dccp 10.0.0.2:4000 > 203.0.113.9:5001 TYPE SEQUENCE [ACKNOWLEDGEMENT]   request, response, ...
 *   gre 10.0.0.2 > 203.0.113.9 [key N] [checked] [call N]   `checked`: with a checksum; `call`: PPTP's
 *   sctp, esp, ...: by number, `ip/50 10.0.0.2 > 203.0.113.9`
 *   error 192.0.2.7 > 198.51.100.1 TYPE CODE [mtu N] quoting PACKET
 *
 * IPv6 addresses before a port are bracketed. FLAGS are letters of S A F R P U, or `-`. All
 * packets take `ttl N`, `df` (IPv4: do not fragment) and `badsum`: the transport checksum is wrong;
 * IPv4 ones also `first` and `later`: a fragment that nobody put together.
 * TEXT is the payload, with _ for a space and ~ for a newline; `says` ends it with CR LF.
 */
#ifndef SLUICE_PACKET_WORDS_H
#define SLUICE_PACKET_WORDS_H

#include "tests/model/wire_model.h"

#define PACKET_WORDS_ENDPOINT 56

/* Builds what @words say. False, and what is wrong in @why. */
bool packet_words_build(struct wire *wire, char *const *words, size_t count, char *why, size_t size);

/* `tcp`, `udp`, `icmp` and so on; false: no such protocol. */
bool packet_words_protocol(const char *word, uint8_t *protocol);

/* ADDRESS or ADDRESS:PORT; false: neither. */
bool packet_words_endpoint(const char *text, struct endpoint *endpoint);

/* Both endpoints of a packet as the words above say them. */
void packet_words_describe(const struct packet *packet, char source[PACKET_WORDS_ENDPOINT],
			   char destination[PACKET_WORDS_ENDPOINT]);
/* The same of the packet that an ICMP error quotes. */
void packet_words_describe_quote(const struct packet_quote *quote, char source[PACKET_WORDS_ENDPOINT],
				 char destination[PACKET_WORDS_ENDPOINT]);

/* What a TCP packet has as `says`, `seq`, `ack`, `sack` (LEFT-RIGHT), `len` or `mss`; false: no such thing. */
bool packet_words_detail(const struct packet *packet, const char *what, char *text, size_t size);

/* The MSS option's value; 0: there is none. */
uint16_t packet_words_mss(const struct packet *packet);

#endif
