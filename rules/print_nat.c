/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The canonical text of a translation. */
#include "rules/names.h"
#include "rules/print.h"

static void print_nat_address(struct text *text, const struct nat_values *nat)
{
	const struct expression *address = nat->address;
	bool brackets = nat->port && nat->family == FAMILY_IPV6 && address->kind == EXPRESSION_VALUE;

	if (!brackets) {
		print_expression(text, address);
		return;
	}
	text_append(text, "[");
	value_print(text, address->type, &address->first);
	text_append(text, "]");
	if (address->form != FORM_SINGLE) {
		text_append(text, "-[");
		value_print(text, address->type, &address->last);
		text_append(text, "]");
	}
}

/* One after another, behind commas; what nft does not know comes last. */
static void print_flags(struct text *text, const struct nat_values *nat)
{
	const char *mapping = nat->mapping ? symbol_name(behaviour_words, nat->mapping - 1U) : NULL;
	const char *filtering = nat->filtering ? symbol_name(behaviour_words, nat->filtering - 1U) : NULL;
	const char *const flags[][2] = {
		{ nat->random ? "random" : NULL, "" },		{ nat->fully_random ? "fully-random" : NULL, "" },
		{ nat->persistent ? "persistent" : NULL, "" },	{ mapping ? "mapping " : NULL, mapping },
		{ filtering ? "filtering " : NULL, filtering },
	};
	const char *separator = " ";

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!flags[i][0])
			continue;
		text_append(text, "%s%s%s", separator, flags[i][0], flags[i][1]);
		separator = ",";
	}
}

void print_nat(struct text *text, const struct nat_values *nat, enum table_family family)
{
	static const char *const kinds[] = { "snat", "masquerade", "dnat", "redirect" };

	text_append(text, "%s", kinds[nat->kind]);
	if (nat->family && (family == TABLE_INET || nat->address_and_port))
		text_append(text, nat->family == FAMILY_IPV4 ? " ip" : " ip6");
	if (nat->address_and_port)
		text_append(text, " addr . port");
	if (nat->prefix)
		text_append(text, " prefix");
	if (nat->address || nat->port)
		text_append(text, " to ");
	if (nat->address)
		print_nat_address(text, nat);
	if (nat->port) {
		text_append(text, ":");
		print_expression(text, nat->port);
	}
	print_flags(text, nat);
}
