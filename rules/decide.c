/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements whose result goes beyond match or no match: nat, reject, fib, generators. */
#include "rules/evaluate.h"

/* --------------------------------------------------------------------- nat */

static struct address address_at(const struct machine *machine, uint16_t at, enum family family)
{
	if (family == FAMILY_IPV4)
		return address_from_ipv4(machine->registers + at);
	return address_from_ipv6(machine->registers + at);
}

static uint16_t port_at(const struct machine *machine, uint16_t at)
{
	return (uint16_t)(machine->registers[at] << 8 | machine->registers[at + 1]);
}

/* Bits that both ends of a network have in common. */
static uint8_t common_prefix(const struct address *first, const struct address *last, enum family family)
{
	unsigned int from = family == FAMILY_IPV4 ? 96 : 0, bit = from;

	while (bit < 128 && !((first->bytes[bit / 8] ^ last->bytes[bit / 8]) & (0x80U >> bit % 8)))
		bit++;
	return (uint8_t)(bit - from);
}

bool nat_decide_rule(struct machine *machine, const struct instruction *instruction)
{
	const struct nat_plan *plan = &machine->ruleset->nats[instruction->operand];
	struct nat_request *nat = &machine->outcome->nat;

	if (plan->family && plan->family != machine->context->packet->family)
		return false;
	nat->kind = plan->kind;
	nat->random = plan->random;
	nat->fully_random = plan->fully_random;
	nat->persistent = plan->persistent;
	nat->mapping = plan->mapping;
	nat->filtering = plan->filtering;
	if (plan->address_first != REGISTER_UNUSED) {
		nat->has_address = true;
		nat->address_first = address_at(machine, plan->address_first, plan->family);
		nat->address_last = address_at(machine, plan->address_last, plan->family);
		nat->prefix = plan->prefix;
		if (plan->prefix)
			nat->prefix_length = common_prefix(&nat->address_first, &nat->address_last, plan->family);
	}
	if (plan->port_first != REGISTER_UNUSED) {
		nat->port_first = port_at(machine, plan->port_first);
		nat->port_last = port_at(machine, plan->port_last);
	}
	machine->outcome->action = RULE_NAT;
	return true;
}

/* ------------------------------------------------------------------ reject */

bool reject_decide(struct machine *machine, const struct instruction *instruction)
{
	/* The kernel's icmpx codes: no-route, port-unreachable, host-unreachable, admin-prohibited. */
	static const uint8_t icmpx[4][2] = { { 0, 0 }, { 3, 4 }, { 1, 3 }, { 13, 1 } };
	const struct packet *packet = machine->context->packet;
	struct rule_outcome *outcome = machine->outcome;
	bool ipv6 = packet->family == FAMILY_IPV6;

	switch ((enum reject_kind)instruction->flags) {
	case REJECT_KIND_TCP_RESET:
		if (!packet_is_tcp(packet))
			return false;
		outcome->reject_with = REJECT_TCP_RESET;
		break;
	case REJECT_KIND_ICMP:
	case REJECT_KIND_ICMPV6:
		if (ipv6 != (instruction->flags == REJECT_KIND_ICMPV6))
			return false;
		outcome->reject_with = REJECT_ICMP;
		outcome->reject_code = (uint8_t)instruction->operand;
		break;
	case REJECT_KIND_ICMPX:
		outcome->reject_with = REJECT_ICMP;
		outcome->reject_code = icmpx[instruction->operand & 3][ipv6];
		break;
	case REJECT_KIND_DEFAULT:
		outcome->reject_with = REJECT_ICMP;
		outcome->reject_code = icmpx[1][ipv6];
		break;
	}
	outcome->action = RULE_REJECT;
	return true;
}

/* --------------------------------------------------------------------- fib */

static uint32_t kernel_type(enum address_type type)
{
	switch (type) {
	case ADDRESS_TYPE_UNICAST:
		return 1;
	case ADDRESS_TYPE_LOCAL:
		return 2;
	case ADDRESS_TYPE_BROADCAST:
		return 3;
	case ADDRESS_TYPE_MULTICAST:
		return 5;
	case ADDRESS_TYPE_BLACKHOLE:
		return 6;
	case ADDRESS_TYPE_UNREACHABLE:
		return 7;
	}
	return 0;
}

static bool fib_interface(const struct rule_context *context, const struct address *address, uint32_t flags,
			  const struct link *via, uint8_t *at)
{
	const struct oracle *oracle = context->oracle;
	const struct link *found = NULL;
	uint32_t index;

	if (!oracle->route_interface)
		return false;
	index = oracle->route_interface(oracle->context, address, via ? via->index : 0,
					flags & FIB_MARK ? context->mark : 0);
	memset(at, 0, INTERFACE_NAME_SIZE);
	/* With an interface in the question, an answer by another is none. */
	if (!index || (via && via->index != index))
		return true;
	if (context->iif && context->iif->index == index)
		found = context->iif;
	else if (context->oif && context->oif->index == index)
		found = context->oif;
	else if (oracle->link)
		found = oracle->link(oracle->context, index);
	if (found)
		memcpy(at, found->name, INTERFACE_NAME_SIZE);
	else
		at[0] = '?'; /* some interface; no name equals this */
	return true;
}

bool fib_load(const struct machine *machine, const struct instruction *instruction, uint8_t *at)
{
	const struct rule_context *context = machine->context;
	uint32_t flags = instruction->operand, type;
	const struct endpoint *end = flags & FIB_SADDR ? &context->view.source : &context->view.destination;
	const struct link *via = flags & FIB_IIF ? context->iif : flags & FIB_OIF ? context->oif : NULL;

	if (!context->oracle || ((flags & (FIB_IIF | FIB_OIF)) && !via))
		return false;
	if (instruction->flags != FIB_TYPE)
		return fib_interface(context, &end->address, flags, via, at);
	if (!context->oracle->address_type)
		return false;
	type = kernel_type(context->oracle->address_type(context->oracle->context, &end->address, via));
	memset(at, 0, 4);
	at[3] = (uint8_t)type;
	return true;
}

/* -------------------------------------------------------------- generators */

/* Bob Jenkins' lookup3 over bytes, as the kernel's jhash() has it, so equal seeds agree for one value. */
static uint32_t rotate(uint32_t word, unsigned int bits)
{
	return word << bits | word >> (32 - bits);
}

static uint32_t word_at(const uint8_t *bytes, size_t length)
{
	uint32_t word = 0;

	for (size_t i = 0; i < length && i < 4; i++)
		word |= (uint32_t)bytes[i] << (8 * i);
	return word;
}

static uint32_t jenkins(const uint8_t *bytes, size_t length, uint32_t seed)
{
	uint32_t a, b, c;

	a = b = c = 0xdeadbeef + (uint32_t)length + seed;
	while (length > 12) {
		a += word_at(bytes, 4);
		b += word_at(bytes + 4, 4);
		c += word_at(bytes + 8, 4);
		a -= c, a ^= rotate(c, 4), c += b;
		b -= a, b ^= rotate(a, 6), a += c;
		c -= b, c ^= rotate(b, 8), b += a;
		a -= c, a ^= rotate(c, 16), c += b;
		b -= a, b ^= rotate(a, 19), a += c;
		c -= b, c ^= rotate(b, 4), b += a;
		bytes += 12;
		length -= 12;
	}
	if (length == 0)
		return c;
	a += word_at(bytes, length);
	b += length > 4 ? word_at(bytes + 4, length - 4) : 0;
	c += length > 8 ? word_at(bytes + 8, length - 8) : 0;
	c ^= b, c -= rotate(b, 14);
	a ^= c, a -= rotate(c, 11);
	b ^= a, b -= rotate(a, 25);
	c ^= b, c -= rotate(b, 16);
	a ^= c, a -= rotate(c, 4);
	b ^= a, b -= rotate(a, 14);
	c ^= b, c -= rotate(b, 24);
	return c;
}

/* The same for both directions of a flow: ends in order of their bytes. */
static uint32_t symmetric_hash(const struct tuple *tuple)
{
	struct endpoint ends[2] = { tuple->source, tuple->destination };
	uint8_t bytes[2 * sizeof(struct endpoint) + 1];
	bool swap = memcmp(&ends[0], &ends[1], sizeof(ends[0])) > 0;

	memcpy(bytes, &ends[swap], sizeof(ends[0]));
	memcpy(bytes + sizeof(ends[0]), &ends[!swap], sizeof(ends[0]));
	bytes[sizeof(bytes) - 1] = tuple->protocol;
	return jenkins(bytes, sizeof(bytes), 0);
}

void generator_load(struct machine *machine, const struct instruction *instruction, uint8_t *at)
{
	struct generator *generator = &machine->ruleset->generators[instruction->operand];
	uint32_t number;

	if (instruction->operation == OPERATION_NUMGEN && !generator->random) {
		generator->counter = generator->counter + 1 < generator->modulus ? generator->counter + 1 : 0;
		number = generator->counter;
	} else {
		if (instruction->operation == OPERATION_NUMGEN)
			number = jenkins((const uint8_t *)&machine->context->random, 8, instruction->operand + 1);
		else if (instruction->operation == OPERATION_HASH)
			number = jenkins(machine->registers + REGISTER_VALUE, instruction->size, generator->seed);
		else
			number = symmetric_hash(&machine->context->view);
		number = (uint32_t)((uint64_t)number * generator->modulus >> 32);
	}
	number += generator->offset;
	for (int i = 3; i >= 0; i--, number >>= 8)
		at[i] = (uint8_t)number;
}
