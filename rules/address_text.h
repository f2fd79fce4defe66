/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses as text: dotted quads, and RFC 4291 section 2.2 with RFC 5952 for output. */
#ifndef SLUICE_RULES_ADDRESS_TEXT_H
#define SLUICE_RULES_ADDRESS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest is ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255. */
#define ADDRESS_TEXT_SIZE 46

/** address_text_parse_ipv4() - four decimal numbers without leading zeros to wire bytes */
bool address_text_parse_ipv4(const char *text, uint8_t wire[4]);

/** address_text_parse_ipv6() - with at most one `::`, and a dotted quad at the end allowed */
bool address_text_parse_ipv6(const char *text, uint8_t wire[16]);

void address_text_print_ipv4(const uint8_t wire[4], char text[ADDRESS_TEXT_SIZE]);

/** address_text_print_ipv6() - the one canonical form of RFC 5952 */
void address_text_print_ipv6(const uint8_t wire[16], char text[ADDRESS_TEXT_SIZE]);

#endif
