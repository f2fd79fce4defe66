/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a rule can ask of a packet, one row each. */
#ifndef SLUICE_RULES_FIELDS_H
#define SLUICE_RULES_FIELDS_H

#include "rules/types.h"

enum load {
	LOAD_ABSENT, /* nft has it, sluice has not */
	LOAD_SOURCE,
	LOAD_DESTINATION,
	LOAD_SOURCE_PORT,
	LOAD_DESTINATION_PORT,
	LOAD_NETWORK,	/* bits of the IP header */
	LOAD_TRANSPORT, /* bits of the transport header */
	LOAD_TTL,
	LOAD_DSCP,
	LOAD_TCP_FLAGS,
	LOAD_ICMP_TYPE,
	LOAD_ICMP_CODE,
	LOAD_LENGTH,
	LOAD_PROTOCOL,
	LOAD_NFPROTO,
	LOAD_ETHERTYPE,
	LOAD_ETHER_TYPE, /* the same, on Ethernet only */
	LOAD_MARK,
	LOAD_IIF_NAME,
	LOAD_OIF_NAME,
	LOAD_IIF_GROUP,
	LOAD_OIF_GROUP,
	LOAD_IIF_TYPE,
	LOAD_OIF_TYPE,
	LOAD_PACKET_TYPE,
	LOAD_CT_STATE,
	LOAD_CT_STATUS,
	LOAD_CT_MARK,
	LOAD_CT_DIRECTION,
	LOAD_CT_PROTOCOL,
	LOAD_CT_L3PROTO,
	LOAD_CT_SOURCE,
	LOAD_CT_DESTINATION,
	LOAD_CT_SOURCE_PORT,
	LOAD_CT_DESTINATION_PORT,
	LOAD_TCP_OPTION,
	LOAD_ROUTING, /* bits of the IPv6 routing header */
};

/**
 * struct field
 * @family: 4 or 6 when only such packets have it, else 0
 * @transport: the transport protocol that has it, 0: any
 * @offset, @bits: of LOAD_NETWORK and LOAD_TRANSPORT; of LOAD_TCP_OPTION the
 *	option's kind and the byte in it
 */
struct field {
	const char *protocol, *name;
	const struct datatype *type;
	enum load load;
	uint8_t family, transport;
	uint16_t offset, bits;
};

/**
 * field_lookup() - the row of `PROTOCOL NAME`, or NULL
 * @family: decides for names that both families have (ct original saddr)
 */
const struct field *field_lookup(const char *protocol, const char *name, enum table_family family);

/** field_protocol_known() - is there any field of that protocol? */
bool field_protocol_known(const char *protocol);

#endif
