/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/types.h"

#include <stdio.h>
#include <stdlib.h>

#include "rules/address_text.h"

/* clang-format off */
const struct datatype type_ipv4 = { "ipv4_addr", SYNTAX_IPV4, 32, NULL, false, false };
const struct datatype type_ipv6 = { "ipv6_addr", SYNTAX_IPV6, 128, NULL, false, false };
const struct datatype type_service = { "inet_service", SYNTAX_NUMBER, 16, services, false, false };
const struct datatype type_protocol = { "inet_proto", SYNTAX_NUMBER, 8, protocols, true, false };
const struct datatype type_mark = { "mark", SYNTAX_HEX, 32, NULL, false, false };
const struct datatype type_interface = { "ifname", SYNTAX_INTERFACE, 128, NULL, false, false };
const struct datatype type_index = { "iface_index", SYNTAX_INTERFACE, 128, NULL, false, false };
const struct datatype type_ct_state = { "ct_state", SYNTAX_HEX, 32, ct_states, true, true };
const struct datatype type_ct_status = { "ct_status", SYNTAX_HEX, 32, ct_statuses, true, true };
const struct datatype type_ct_direction = { "ct_dir", SYNTAX_NUMBER, 8, ct_directions, true, false };
const struct datatype type_icmp_type = { "icmp_type", SYNTAX_NUMBER, 8, icmp_types, true, false };
const struct datatype type_icmpv6_type = { "icmpv6_type", SYNTAX_NUMBER, 8, icmpv6_types, true, false };
const struct datatype type_icmp_code = { "icmp_code", SYNTAX_NUMBER, 8, icmp_codes, true, false };
const struct datatype type_icmpv6_code = { "icmpv6_code", SYNTAX_NUMBER, 8, icmpv6_codes, true, false };
const struct datatype type_igmp_type = { "igmp_type", SYNTAX_NUMBER, 8, igmp_types, true, false };
const struct datatype type_dccp_packet = { "dccp_pkttype", SYNTAX_NUMBER, 4, dccp_types, true, false };
const struct datatype type_dscp = { "dscp", SYNTAX_HEX, 6, dscp_names, true, false };
const struct datatype type_ecn = { "ecn", SYNTAX_NUMBER, 2, ecn_names, true, false };
const struct datatype type_tcp_flags = { "tcp_flag", SYNTAX_HEX, 8, tcp_flags, true, true };
const struct datatype type_nfproto = { "nf_proto", SYNTAX_NUMBER, 8, nfprotos, true, false };
const struct datatype type_ethertype = { "ether_type", SYNTAX_HEX, 16, ethertypes, true, false };
const struct datatype type_address_type = { "fib_addrtype", SYNTAX_NUMBER, 32, address_types, true, false };
const struct datatype type_packet_type = { "pkt_type", SYNTAX_NUMBER, 8, packet_types, true, false };
const struct datatype type_boolean = { "boolean", SYNTAX_NUMBER, 8, boolean_names, true, false };
const struct datatype type_group = { "devgroup", SYNTAX_NUMBER, 32, device_groups, true, false };
const struct datatype type_device = { "iface_type", SYNTAX_NUMBER, 16, device_types, true, false };
const struct datatype type_verdict = { "verdict", SYNTAX_VERDICT, 40, NULL, false, false };
const struct datatype type_absent = { "absent", SYNTAX_ABSENT, 8, NULL, false, false };

#define INTEGER(bits) { "integer", SYNTAX_NUMBER, bits, NULL, false, false }
#define INTEGER8(from) INTEGER(from), INTEGER(from + 1), INTEGER(from + 2), INTEGER(from + 3), INTEGER(from + 4), \
	INTEGER(from + 5), INTEGER(from + 6), INTEGER(from + 7)
static const struct datatype integers[] = {
	INTEGER8(1), INTEGER8(9), INTEGER8(17), INTEGER8(25), INTEGER8(33), INTEGER8(41), INTEGER8(49), INTEGER8(57),
	INTEGER8(65), INTEGER8(73), INTEGER8(81), INTEGER8(89), INTEGER8(97), INTEGER8(105), INTEGER8(113),
	INTEGER8(121),
};

static const struct datatype *const named[] = {
	&type_ipv4, &type_ipv6, &type_service, &type_protocol, &type_mark, &type_interface, &type_index, &type_ct_state,
	&type_ct_status, &type_ct_direction, &type_icmp_type, &type_icmpv6_type, &type_icmp_code, &type_icmpv6_code,
	&type_dscp, &type_ecn, &type_tcp_flags, &type_nfproto, &type_ethertype, &type_address_type, &type_packet_type,
	&type_boolean, &type_group, &type_device, &type_verdict, &type_igmp_type, &type_dccp_packet,
};
/* clang-format on */

const struct datatype *type_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (strcmp(named[i]->name, name) == 0)
			return named[i];
	}
	return NULL;
}

const struct datatype *type_integer(unsigned int bits)
{
	return &integers[bits < 1 || bits > 128 ? 31 : bits - 1];
}

struct value value_from_number(uint64_t number, unsigned int bytes)
{
	struct value value = { 0 };

	for (unsigned int i = bytes; i-- > 0; number >>= 8)
		value.bytes[i] = (uint8_t)number;
	return value;
}

uint64_t value_to_number(const struct value *value, unsigned int bytes)
{
	uint64_t number = 0;

	for (unsigned int i = 0; i < bytes; i++)
		number = number << 8 | value->bytes[i];
	return number;
}

/* ----------------------------------------------------------------- reading */

static const char *parse_interface(struct expression *leaf)
{
	size_t length = strlen(leaf->text);
	bool wildcard = false, literal = false;

	if (length && leaf->text[length - 1] == '*') {
		length--;
		/* `\*` is an asterisk in the name itself. */
		wildcard = !length || leaf->text[length - 1] != '\\';
		literal = !wildcard;
		length -= literal;
	}
	if (length + literal >= INTERFACE_NAME_SIZE)
		return "an interface name has 15 characters at most";
	if (!length && !wildcard && !literal)
		return "an interface name cannot be empty";
	memcpy(leaf->first.bytes, leaf->text, length);
	if (literal)
		leaf->first.bytes[length] = '*';
	leaf->last = leaf->first;
	if (wildcard) {
		memset(leaf->last.bytes + length, 0xff, VALUE_SIZE - length);
		leaf->form = FORM_WILDCARD;
	}
	return NULL;
}

static const char *parse_number(struct expression *leaf, const struct datatype *type, uint64_t number)
{
	if (type->bits < 64 && number >> type->bits)
		return "this number is too large here";
	leaf->first = leaf->last = value_from_number(number, type_bytes(type));
	return NULL;
}

static const char *parse_address(struct expression *leaf, bool ipv6)
{
	uint8_t other[16];

	if (ipv6 ? address_text_parse_ipv6(leaf->text, leaf->first.bytes)
		 : address_text_parse_ipv4(leaf->text, leaf->first.bytes)) {
		leaf->last = leaf->first;
		return NULL;
	}
	if (ipv6)
		return address_text_parse_ipv4(leaf->text, other) ? "an IPv4 address where an IPv6 address belongs"
								  : "this is no IPv6 address";
	return address_text_parse_ipv6(leaf->text, other) ? "an IPv6 address where an IPv4 address belongs"
							  : "this is no IPv4 address";
}

const char *value_parse(struct expression *leaf, const struct datatype *type)
{
	const char *wrong;
	uint32_t number;
	char *end;

	leaf->form = FORM_SINGLE;
	memset(&leaf->first, 0, sizeof(leaf->first));
	if (type->syntax == SYNTAX_INTERFACE)
		wrong = leaf->text ? parse_interface(leaf) : "an interface is named, not numbered, here";
	else if (type->syntax == SYNTAX_VERDICT)
		wrong = "expected a verdict";
	else if (type->syntax == SYNTAX_ABSENT)
		wrong = "nothing here has such a value";
	else if (!leaf->text && (type->syntax == SYNTAX_IPV4 || type->syntax == SYNTAX_IPV6))
		wrong = "expected an address";
	else if (!leaf->text)
		wrong = parse_number(leaf, type, leaf->number);
	else if (type->syntax == SYNTAX_IPV4 || type->syntax == SYNTAX_IPV6)
		wrong = parse_address(leaf, type->syntax == SYNTAX_IPV6);
	else if (type->symbols && symbol_find(type->symbols, leaf->text, &number))
		wrong = parse_number(leaf, type, number);
	else if (leaf->text[0] >= '0' && leaf->text[0] <= '9' &&
		 (number = (uint32_t)strtoul(leaf->text, &end, 0), !*end))
		wrong = parse_number(leaf, type, number);
	else
		wrong = type->symbols ? "unknown name" : "expected a number";
	if (!wrong) {
		leaf->kind = EXPRESSION_VALUE;
		leaf->type = type;
	}
	return wrong;
}

/* ---------------------------------------------------------------- printing */

static void print_bits(struct text *text, const struct datatype *type, uint32_t number)
{
	const char *separator = "";

	for (const struct symbol *symbol = type->symbols; symbol->name; symbol++) {
		if (number & symbol->value) {
			text_append(text, "%s%s", separator, symbol->name);
			separator = ",";
			number &= ~symbol->value;
		}
	}
	if (number || !*separator)
		text_append(text, "%s0x%x", separator, number);
}

static void print_interface(struct text *text, const char *name)
{
	size_t length = strnlen(name, INTERFACE_NAME_SIZE);
	bool literal = length && name[length - 1] == '*';

	text_append(text, "\"%.*s%s\"", (int)length - literal, name, literal ? "\\*" : "");
}

void value_print(struct text *text, const struct datatype *type, const struct value *value)
{
	unsigned int bytes = type_bytes(type);
	uint64_t number = value_to_number(value, bytes);
	char address[ADDRESS_TEXT_SIZE];
	const char *name;

	if (type->syntax == SYNTAX_IPV4 || type->syntax == SYNTAX_IPV6) {
		if (type->syntax == SYNTAX_IPV4)
			address_text_print_ipv4(value->bytes, address);
		else
			address_text_print_ipv6(value->bytes, address);
		text_append(text, "%s", address);
		return;
	}
	if (type->syntax == SYNTAX_INTERFACE) {
		print_interface(text, (const char *)value->bytes);
		return;
	}
	if (type->bitmask) {
		print_bits(text, type, (uint32_t)number);
		return;
	}
	name = type->print_names && number <= UINT32_MAX ? symbol_name(type->symbols, (uint32_t)number) : NULL;
	if (name)
		text_append(text, "%s", name);
	else if (bytes > 8) {
		text_append(text, "0x");
		for (unsigned int i = 0; i < bytes; i++)
			text_append(text, "%02x", value->bytes[i]);
	} else if (type->syntax == SYNTAX_HEX)
		text_append(text, "0x%0*llx", (int)bytes * 2, (unsigned long long)number);
	else
		text_append(text, "%llu", (unsigned long long)number);
}

void value_expression_print(struct text *text, const struct expression *expression)
{
	if (expression->form == FORM_WILDCARD) {
		text_append(text, "\"%.16s*\"", (const char *)expression->first.bytes);
		return;
	}
	if (expression->form == FORM_RANGE) {
		/* Names have dashes in them, so the ends of a range are numbers. */
		struct datatype plain = *expression->type;

		plain.print_names = plain.bitmask = false;
		value_print(text, &plain, &expression->first);
		text_append(text, "-");
		value_print(text, &plain, &expression->last);
		return;
	}
	value_print(text, expression->type, &expression->first);
	if (expression->form == FORM_PREFIX)
		text_append(text, "/%u", expression->prefix_length);
}
