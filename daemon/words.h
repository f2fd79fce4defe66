/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words for numbers: one place for what listings, reports and filters call
 * protocols, states and addresses.
 */
#ifndef SLUICE_DAEMON_WORDS_H
#define SLUICE_DAEMON_WORDS_H

#include "sluice/snapshot.h"

/* Enough for any address and its NUL. */
#define WORDS_ADDRESS_SIZE 46

/** words_address() - the usual text of @address; returns @text */
const char *words_address(const struct address *address, char text[WORDS_ADDRESS_SIZE]);

/** words_protocol() - conntrack's word for an IP protocol, "unknown" where it has none */
const char *words_protocol(uint8_t protocol);

/** words_find_protocol() - the number for a word; false: no such word */
bool words_find_protocol(const char *word, uint8_t *protocol);

/** words_has_ports() - has the protocol ports, and not ICMP's type and identifier? */
bool words_has_ports(uint8_t protocol);

/** words_timeout_state() - the state's word in `timeout PROTOCOL STATE` */
const char *words_timeout_state(enum timeout timeout);

/** words_conntrack_state() - conntrack's word for a TCP class, "" for other protocols */
const char *words_conntrack_state(enum timeout timeout);

/** words_is_state() - does conntrack or the configuration know such a state? */
bool words_is_state(const char *word);

/** words_nat() - none, snat, dnat or both */
const char *words_nat(enum session_nat nat);

/** words_icmp_reply() - the type of the answer to an ICMP or ICMPv6 query of @type */
int words_icmp_reply(uint8_t protocol, int type);

#endif
