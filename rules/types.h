/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The data types of nft: how a value is written, how wide it is, and how it is
 * printed. In memory every value is big-endian and right-justified in as many
 * bytes as its type needs, so that comparing bytes compares values. An interface
 * name is its 16 bytes, zero padded; a wildcard is then simply a range of names.
 */
#ifndef SLUICE_RULES_TYPES_H
#define SLUICE_RULES_TYPES_H

#include "rules/ast.h"
#include "rules/names.h"

enum syntax {
	SYNTAX_NUMBER,
	SYNTAX_HEX,
	SYNTAX_IPV4,
	SYNTAX_IPV6,
	SYNTAX_INTERFACE,
	SYNTAX_VERDICT,
	SYNTAX_ABSENT, /* nft has the type; nothing here could fill it */
};

/**
 * struct datatype
 * @symbols: names of values, or NULL
 * @print_names: nft prints the names and reads them on any machine
 * @bitmask: a match without operator asks for any of the bits
 */
struct datatype {
	const char *name;
	enum syntax syntax;
	unsigned int bits;
	const struct symbol *symbols;
	bool print_names, bitmask;
};

extern const struct datatype type_ipv4, type_ipv6, type_service, type_protocol, type_mark, type_interface, type_index,
    type_ct_state, type_ct_status, type_ct_direction, type_icmp_type, type_icmpv6_type, type_icmp_code,
    type_icmpv6_code, type_dscp, type_ecn, type_tcp_flags, type_nfproto, type_ethertype, type_address_type,
    type_packet_type, type_boolean, type_group, type_device, type_verdict, type_igmp_type, type_dccp_packet,
    type_absent;

/** type_by_name() - a type as `type` declarations of sets name it, or NULL */
const struct datatype *type_by_name(const char *name);

/** type_integer() - an unnamed number of @bits (1 to 128) */
const struct datatype *type_integer(unsigned int bits);

static inline unsigned int type_bytes(const struct datatype *type)
{
	return (type->bits + 7) / 8;
}

/* Numbers in and out of a value of that many bytes. */
struct value value_from_number(uint64_t number, unsigned int bytes);
uint64_t value_to_number(const struct value *value, unsigned int bytes);

/**
 * value_parse() - one written leaf (word, string or number) to first and last value
 *
 * Sets expression->first, last, form and kind. Return: NULL, or what is wrong.
 */
const char *value_parse(struct expression *leaf, const struct datatype *type);

/** value_print() - one value as nft writes it */
void value_print(struct text *text, const struct datatype *type, const struct value *value);

/** value_expression_print() - a checked EXPRESSION_VALUE: range, prefix, wildcard or single */
void value_expression_print(struct text *text, const struct expression *expression);

#endif
