/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The map that leads from the hash of a packet's source to the chain of its queue.
 * It is made with the table and never changes.
 */
#include "daemon/kernel_plan.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

#define KEY_TYPE_MARK 19u /* nft's number for 32 bits in the machine's order */

static void put_u32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(message, type, htonl(value));
}

static void plan_empty_map(struct kernel_plan *plan)
{
	/* For nft, which shows it: a tag, a length, and a number in the machine's order that says 1, this order. */
	const uint8_t in_host_order[] = { 0, 4, 1, 0, 0, 0 };
	struct nlmsghdr *message = kernel_batch_add(&plan->batch, NFT_MSG_NEWSET, NLM_F_CREATE, KERNEL_FEATURE_NONE);
	struct nlattr *description;

	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_SET_TABLE, KERNEL_TABLE_NAME);
	mnl_attr_put_strz(message, NFTA_SET_NAME, KERNEL_QUEUE_MAP);
	put_u32(message, NFTA_SET_FLAGS, NFT_SET_MAP);
	put_u32(message, NFTA_SET_KEY_TYPE, KEY_TYPE_MARK);
	put_u32(message, NFTA_SET_KEY_LEN, sizeof(uint32_t));
	put_u32(message, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
	put_u32(message, NFTA_SET_ID, KERNEL_QUEUE_MAP_ID);
	description = mnl_attr_nest_start(message, NFTA_SET_DESC);
	put_u32(message, NFTA_SET_DESC_SIZE, SETTINGS_QUEUES_BY_SOURCE);
	mnl_attr_nest_end(message, description);
	mnl_attr_put(message, NFTA_SET_USERDATA, sizeof(in_host_order), in_host_order);
	kernel_batch_end(&plan->batch, message);
}

static void put_goto(struct nlmsghdr *message, const char *chain)
{
	struct nlattr *data = mnl_attr_nest_start(message, NFTA_SET_ELEM_DATA);
	struct nlattr *verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);

	put_u32(message, NFTA_VERDICT_CODE, (uint32_t)NFT_GOTO);
	mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(message, verdict);
	mnl_attr_nest_end(message, data);
}

void kernel_plan_map(struct kernel_plan *plan)
{
	char name[KERNEL_QUEUE_CHAIN_SIZE];
	struct nlmsghdr *message;
	struct nlattr *list;

	plan_empty_map(plan);
	message = kernel_batch_add(&plan->batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, KERNEL_FEATURE_NONE);
	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, KERNEL_TABLE_NAME);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, KERNEL_QUEUE_MAP);
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (uint32_t i = 0; i < SETTINGS_QUEUES_BY_SOURCE; i++) {
		struct nlattr *element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
		struct nlattr *key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);

		mnl_attr_put(message, NFTA_DATA_VALUE, sizeof(i), &i);
		mnl_attr_nest_end(message, key);
		put_goto(message, kernel_queue_chain(i, name));
		mnl_attr_nest_end(message, element);
	}
	mnl_attr_nest_end(message, list);
	kernel_batch_end(&plan->batch, message);
}
