/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers that have names in the rule language. The tables are built in: what a
 * configuration means must not depend on the machine's /etc/services.
 */
#ifndef SLUICE_RULES_NAMES_H
#define SLUICE_RULES_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct symbol - one name; a table ends with a NULL name */
struct symbol {
	const char *name;
	uint32_t value;
};

extern const struct symbol services[], protocols[], icmp_types[], icmpv6_types[], icmp_codes[], icmpv6_codes[],
    icmpx_codes[], dscp_names[], ecn_names[], ct_states[], ct_statuses[], ct_directions[], tcp_flags[], nfprotos[],
    ethertypes[], address_types[], packet_types[], boolean_names[], log_levels[], device_types[], hook_names[],
    chain_types[], igmp_types[], dccp_types[], device_groups[];

/* endpoint-independent, ...: enum behaviour */
extern const struct symbol behaviour_words[];

/** symbol_find() - look a name up; names before an alias come first */
bool symbol_find(const struct symbol *table, const char *name, uint32_t *value);

/** symbol_name() - the first name of @value, or NULL */
const char *symbol_name(const struct symbol *table, uint32_t value);

#endif
