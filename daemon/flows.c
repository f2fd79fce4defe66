/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/flows.h"

_Static_assert(sizeof(struct flow_key4) == 16 && sizeof(struct flow_key6) == 40, "no padding in a key");

void flow_key4(struct flow_key4 *key, const struct tuple *arrives, uint32_t interface)
{
	memcpy(&key->source, arrives->source.address.bytes + 12, 4);
	memcpy(&key->destination, arrives->destination.address.bytes + 12, 4);
	key->source_port = arrives->source.port.raw;
	key->destination_port = arrives->destination.port.raw;
	key->interface_protocol = interface << 8 | arrives->protocol;
}

void flow_key6(struct flow_key6 *key, const struct tuple *arrives, uint32_t interface)
{
	memcpy(key->source, arrives->source.address.bytes, 16);
	memcpy(key->destination, arrives->destination.address.bytes, 16);
	key->source_port = arrives->source.port.raw;
	key->destination_port = arrives->destination.port.raw;
	key->interface_protocol = interface << 8 | arrives->protocol;
}

/* What a checksum changes by when @old becomes @new (RFC 1624), not folded. */
static uint32_t difference(const void *old, const void *new, size_t bytes, uint32_t sum)
{
	const uint8_t *before = old, *after = new;

	for (size_t i = 0; i < bytes; i += 2) {
		uint16_t a, b;

		memcpy(&a, before + i, 2);
		memcpy(&b, after + i, 2);
		sum += (uint32_t)(uint16_t)~a + b;
	}
	return sum;
}

static struct flow flow_of(const struct flow_plan *plan)
{
	const struct tuple *arrives = &plan->flow->arrives[plan->way], *leaves = &plan->flow->leaves[plan->way];
	struct flow flow = {
		.slot = plan->slot,
		.interface = plan->route->interface,
		.mtu = (uint16_t)(plan->mtu > UINT16_MAX ? UINT16_MAX : plan->mtu),
		.direction = (uint8_t)plan->way,
		.source_port = leaves->source.port.raw,
		.destination_port = leaves->destination.port.raw,
	};

	flow.address_difference = difference(&arrives->source.address, &leaves->source.address, 16, 0);
	flow.address_difference =
	    difference(&arrives->destination.address, &leaves->destination.address, 16, flow.address_difference);
	flow.port_difference = difference(&arrives->source.port, &leaves->source.port, 2, 0);
	flow.port_difference =
	    difference(&arrives->destination.port, &leaves->destination.port, 2, flow.port_difference);
	flow.moved = !address_equal(&arrives->source.address, &leaves->source.address) ||
		     !address_equal(&arrives->destination.address, &leaves->destination.address);
	flow.moved_ports = arrives->source.port.raw != leaves->source.port.raw ||
			   arrives->destination.port.raw != leaves->destination.port.raw;
	return flow;
}

void flow_value4(struct flow4 *value, const struct flow_plan *plan)
{
	const struct tuple *leaves = &plan->flow->leaves[plan->way];

	*value = (struct flow4){ .flow = flow_of(plan), .identification = plan->flow->identification[plan->way] };
	memcpy(&value->source, leaves->source.address.bytes + 12, 4);
	memcpy(&value->destination, leaves->destination.address.bytes + 12, 4);
	memcpy(&value->next_hop, plan->route->next_hop.bytes + 12, 4);
}

void flow_value6(struct flow6 *value, const struct flow_plan *plan)
{
	const struct tuple *leaves = &plan->flow->leaves[plan->way];

	*value = (struct flow6){ .flow = flow_of(plan) };
	memcpy(value->source, leaves->source.address.bytes, 16);
	memcpy(value->destination, leaves->destination.address.bytes, 16);
	memcpy(value->next_hop, plan->route->next_hop.bytes, 16);
}

static bool ports_are(const struct flow *flow, const struct tuple *leaves)
{
	return flow->source_port == leaves->source.port.raw && flow->destination_port == leaves->destination.port.raw;
}

bool flow_leaves4(const struct flow4 *value, const struct tuple *leaves)
{
	return ports_are(&value->flow, leaves) && !memcmp(&value->source, leaves->source.address.bytes + 12, 4) &&
	       !memcmp(&value->destination, leaves->destination.address.bytes + 12, 4);
}

bool flow_leaves6(const struct flow6 *value, const struct tuple *leaves)
{
	return ports_are(&value->flow, leaves) && !memcmp(value->source, leaves->source.address.bytes, 16) &&
	       !memcmp(value->destination, leaves->destination.address.bytes, 16);
}
