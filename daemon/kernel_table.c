/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of the daemon's own table: which packets go to the queue.
 *
 *   prerouting  what could be translated before routing: packets to an external
 *               address, and what a rule of that hook could match
 *   input, forward, output
 *               everything but loopback and what carries our mark: it was settled
 *               in an earlier hook, or we sent it ourselves. Of the loopback only
 *               what the kernel says to itself about a packet that we translated:
 *               it had our external address by then, and means a host inside
 *   source      where all of them end: which of the queues? Those share the packets by a hash
 *               of the source, an IPv6 source being its /64, so that who sends more than the
 *               daemon can judge fills a queue of his own (queues.c says the rest). The kernel
 *               draws the hash's seed whenever the rule is made: nobody can choose a queue.
 *               A map leads from the hash to a chain for each queue. The native statement
 *               could take the number from a register, but the xtables target cannot, and its
 *               own balancing hashes both addresses: a flood to many destinations would reach
 *               every queue. So both kinds of kernel get the same chains.
 *   defrag      never reached. Its tproxy rule makes the kernel reassemble fragments
 *               before our first chain, without waking connection tracking.
 */
#include "daemon/kernel_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/if_arp.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>

/* --------------------------------------------------------------------- rules */

static void rule_begin(struct kernel_plan *plan, const char *chain)
{
	plan->rule = nftnl_rule_alloc();
	if (!plan->rule) {
		plan->batch.error = -ENOMEM;
		return;
	}
	nftnl_rule_set_u32(plan->rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	nftnl_rule_set_str(plan->rule, NFTNL_RULE_TABLE, KERNEL_TABLE_NAME);
	nftnl_rule_set_str(plan->rule, NFTNL_RULE_CHAIN, chain);
}

/* Puts the rule behind those its chain has. */
static void rule_end(struct kernel_plan *plan, enum kernel_feature needs)
{
	struct nlmsghdr *message = NULL;

	if (plan->rule && !plan->lacks[needs])
		message = kernel_batch_add(&plan->batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, (uint8_t)needs);
	if (message) {
		nftnl_rule_nlmsg_build_payload(message, plan->rule);
		kernel_batch_end(&plan->batch, message);
	}
	nftnl_rule_free(plan->rule);
	plan->rule = NULL;
}

/* A new expression at the end of the rule; NULL without memory, which is remembered. */
static struct nftnl_expr *rule_expression(struct kernel_plan *plan, const char *name)
{
	struct nftnl_expr *expression = plan->rule ? nftnl_expr_alloc(name) : NULL;

	if (!expression) {
		plan->batch.error = -ENOMEM;
		return NULL;
	}
	nftnl_rule_add_expr(plan->rule, expression);
	return expression;
}

static void rule_load_meta(struct kernel_plan *plan, uint32_t key)
{
	struct nftnl_expr *meta = rule_expression(plan, "meta");

	if (!meta)
		return;
	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void rule_load_payload(struct kernel_plan *plan, uint32_t base, uint32_t offset, uint32_t length)
{
	struct nftnl_expr *payload = rule_expression(plan, "payload");

	if (!payload)
		return;
	nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_LEN, length);
	nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

static void rule_compare(struct kernel_plan *plan, uint32_t operator, const void * value, uint32_t length)
{
	struct nftnl_expr *compare = rule_expression(plan, "cmp");

	if (!compare)
		return;
	nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, operator);
	nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, value, length);
}

static void rule_compare_range(struct kernel_plan *plan, const void *first, const void *last, uint32_t length)
{
	if (memcmp(first, last, length) == 0) {
		rule_compare(plan, NFT_CMP_EQ, first, length);
		return;
	}
	rule_compare(plan, NFT_CMP_GTE, first, length);
	rule_compare(plan, NFT_CMP_LTE, last, length);
}

static void rule_match_family(struct kernel_plan *plan, bool ipv4)
{
	uint8_t protocol = ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6;

	rule_load_meta(plan, NFT_META_NFPROTO);
	rule_compare(plan, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

/* The source or destination address, in register 1; matches its family first. */
static void rule_load_address(struct kernel_plan *plan, bool ipv4, bool destination)
{
	rule_match_family(plan, ipv4);
	if (ipv4)
		rule_load_payload(plan, NFT_PAYLOAD_NETWORK_HEADER, destination ? 16 : 12, 4);
	else
		rule_load_payload(plan, NFT_PAYLOAD_NETWORK_HEADER, destination ? 24 : 8, 16);
}

static void rule_match_set(struct kernel_plan *plan, enum kernel_set set, bool destination)
{
	struct nftnl_expr *lookup;

	rule_load_address(plan, set == KERNEL_SET_EXTERNAL4 || set == KERNEL_SET_LOCAL4, destination);
	lookup = rule_expression(plan, "lookup");
	if (!lookup)
		return;
	nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, kernel_set_name(set));
	nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SET_ID, set + 1u);
}

static void rule_match_interface(struct kernel_plan *plan, uint32_t key, const char *pattern)
{
	char name[INTERFACE_NAME_SIZE] = { 0 };
	size_t length = strnlen(pattern, sizeof(name) - 1);

	memcpy(name, pattern, length);
	if (length && name[length - 1] == '*') {
		if (length == 1)
			return;
		rule_load_meta(plan, key);
		rule_compare(plan, NFT_CMP_EQ, name, (uint32_t)length - 1);
		return;
	}
	rule_load_meta(plan, key);
	rule_compare(plan, NFT_CMP_EQ, name, sizeof(name));
}

static void rule_verdict(struct kernel_plan *plan, int verdict, const char *chain)
{
	struct nftnl_expr *immediate = rule_expression(plan, "immediate");

	if (!immediate)
		return;
	nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain)
		nftnl_expr_set_str(immediate, NFTNL_EXPR_IMM_CHAIN, chain);
}

/* The xtables target, for kernels without nft's own statement. */
static void rule_queue_target(struct kernel_plan *plan, uint16_t number, bool bypass)
{
	struct nftnl_expr *target = rule_expression(plan, "target");
	/* As long as the kernel's XT_ALIGN() makes it; the expression frees it. */
	struct xt_NFQ_info_v3 *info = target ? calloc(1, 8) : NULL;

	if (!info) {
		plan->batch.error = -ENOMEM;
		return;
	}
	info->queuenum = number;
	info->queues_total = 1;
	info->flags = bypass ? NFQ_FLAG_BYPASS : 0;
	nftnl_expr_set_str(target, NFTNL_EXPR_TG_NAME, "NFQUEUE");
	nftnl_expr_set_u32(target, NFTNL_EXPR_TG_REV, 3);
	nftnl_expr_set(target, NFTNL_EXPR_TG_INFO, info, 8);
}

/* @index: counted from the first queue */
static void rule_queue(struct kernel_plan *plan, unsigned int index, bool bypass)
{
	uint16_t number = (uint16_t)(plan->settings->queue + index);
	struct nftnl_expr *queue;

	bypass = bypass || plan->settings->bypass_when_down;
	if (plan->lacks[KERNEL_FEATURE_NATIVE_QUEUE]) {
		rule_queue_target(plan, number, bypass);
		rule_end(plan, KERNEL_FEATURE_NONE);
		return;
	}
	queue = rule_expression(plan, "queue");
	if (queue) {
		nftnl_expr_set_u16(queue, NFTNL_EXPR_QUEUE_NUM, number);
		nftnl_expr_set_u16(queue, NFTNL_EXPR_QUEUE_TOTAL, 1);
		nftnl_expr_set_u16(queue, NFTNL_EXPR_QUEUE_FLAGS, bypass ? NFT_QUEUE_FLAG_BYPASS : 0);
	}
	rule_end(plan, KERNEL_FEATURE_NATIVE_QUEUE);
}

static void rule_accept(struct kernel_plan *plan)
{
	rule_verdict(plan, NF_ACCEPT, NULL);
	rule_end(plan, KERNEL_FEATURE_NONE);
}

static void rule_take(struct kernel_plan *plan)
{
	rule_verdict(plan, NFT_GOTO, "take");
	rule_end(plan, KERNEL_FEATURE_NONE);
}

static void rule_notrack(struct kernel_plan *plan)
{
	rule_expression(plan, "notrack");
	rule_end(plan, KERNEL_FEATURE_NOTRACK);
}

static void rule_accept_loopback(struct kernel_plan *plan, uint32_t key)
{
	uint16_t type = ARPHRD_LOOPBACK;

	rule_load_meta(plan, key);
	rule_compare(plan, NFT_CMP_EQ, &type, sizeof(type));
	rule_accept(plan);
}

/* An earlier hook has settled it, or we sent it ourselves. */
static void rule_match_marked(struct kernel_plan *plan)
{
	const uint32_t mask = plan->settings->mark, zero = 0;
	struct nftnl_expr *bitwise;

	rule_load_meta(plan, NFT_META_MARK);
	bitwise = rule_expression(plan, "bitwise");
	if (bitwise) {
		nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
		nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
		nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
		nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask));
		nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
	}
	rule_compare(plan, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void rule_accept_marked(struct kernel_plan *plan)
{
	rule_match_marked(plan);
	rule_accept(plan);
}

/* --------------------------------------------------------------------- chains */

static void plan_prefilter_match(struct kernel_plan *plan, const struct prefilter_match *match)
{
	bool ipv4 = address_is_ipv4(&match->destination_first);
	unsigned int skip = ipv4 ? 12 : 0;

	rule_begin(plan, "prerouting");
	if (match->has_interface)
		rule_match_interface(plan, NFT_META_IIFNAME, match->interface);
	if (match->has_destination) {
		rule_load_address(plan, ipv4, true);
		rule_compare_range(plan, match->destination_first.bytes + skip, match->destination_last.bytes + skip,
				   16 - skip);
	} else if (match->has_family) {
		rule_match_family(plan, match->family == FAMILY_IPV4);
	}
	if (match->has_protocol) {
		rule_load_meta(plan, NFT_META_L4PROTO);
		rule_compare(plan, NFT_CMP_EQ, &match->protocol, sizeof(match->protocol));
	}
	if (match->port_first || match->port_last) {
		uint16_t first = htons(match->port_first), last = htons(match->port_last);

		rule_load_payload(plan, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(first));
		rule_compare_range(plan, &first, &last, sizeof(first));
	}
	rule_take(plan);
}

static void plan_set_rule(struct kernel_plan *plan, const char *chain, enum kernel_set set, bool destination,
			  void (*action)(struct kernel_plan *plan))
{
	rule_begin(plan, chain);
	rule_match_set(plan, set, destination);
	action(plan);
}

const char *kernel_queue_chain(unsigned int index, char name[KERNEL_QUEUE_CHAIN_SIZE])
{
	snprintf(name, KERNEL_QUEUE_CHAIN_SIZE, "queue-%u", index);
	return name;
}

static void plan_hash(struct kernel_plan *plan, bool ipv4)
{
	const uint32_t length = ipv4 ? 4 : 8; /* of the address; IPv6: the network of a host, which has all of it */
	struct nftnl_expr *hash, *lookup;

	rule_begin(plan, KERNEL_SOURCE_CHAIN);
	rule_match_family(plan, ipv4);
	rule_load_payload(plan, NFT_PAYLOAD_NETWORK_HEADER, ipv4 ? 12 : 8, length);
	hash = rule_expression(plan, "hash");
	lookup = rule_expression(plan, "lookup");
	if (!hash || !lookup)
		return;
	nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_TYPE, NFT_HASH_JENKINS);
	nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_SREG, NFT_REG_1);
	nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_DREG, NFT_REG_1);
	nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_LEN, length);
	nftnl_expr_set_u32(hash, NFTNL_EXPR_HASH_MODULUS, SETTINGS_QUEUES_BY_SOURCE);
	nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, KERNEL_QUEUE_MAP);
	nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SET_ID, KERNEL_QUEUE_MAP_ID);
	rule_end(plan, KERNEL_FEATURE_HASH);
}

void kernel_plan_source(struct kernel_plan *plan)
{
	char name[KERNEL_QUEUE_CHAIN_SIZE];

	plan_hash(plan, true);
	plan_hash(plan, false);
	rule_begin(plan, KERNEL_SOURCE_CHAIN);
	rule_verdict(plan, NFT_GOTO, kernel_queue_chain(0, name));
	rule_end(plan, KERNEL_FEATURE_NONE);
}

static void plan_prerouting(struct kernel_plan *plan)
{
	rule_begin(plan, "prerouting");
	rule_accept_loopback(plan, NFT_META_IIFTYPE);
	rule_begin(plan, "prerouting");
	rule_accept_marked(plan);
	if (plan->prefilter->everything) {
		rule_begin(plan, "prerouting");
		rule_take(plan);
		return;
	}
	plan_set_rule(plan, "prerouting", KERNEL_SET_EXTERNAL4, true, rule_take);
	plan_set_rule(plan, "prerouting", KERNEL_SET_EXTERNAL6, true, rule_take);
	for (size_t i = 0; i < plan->prefilter->match_count; i++)
		plan_prefilter_match(plan, &plan->prefilter->matches[i]);
	/*
	 * What is left and not for this machine will be forwarded, and the engine tracks it.
	 * Were the kernel to track it too, its table would fill with half-seen connections,
	 * and a full table drops.
	 */
	plan_set_rule(plan, "prerouting", KERNEL_SET_LOCAL4, true, rule_accept);
	plan_set_rule(plan, "prerouting", KERNEL_SET_LOCAL6, true, rule_accept);
	rule_begin(plan, "prerouting");
	rule_notrack(plan);
}

/* To the engine, whether or not it is there for packets of a management interface. */
static void plan_queue(struct kernel_plan *plan, const char *chain, uint32_t interface_key)
{
	for (unsigned int i = 0; interface_key && i < plan->settings->management_count; i++) {
		rule_begin(plan, chain);
		rule_match_interface(plan, interface_key, plan->settings->management[i]);
		rule_queue(plan, SETTINGS_QUEUES_BY_SOURCE, true);
	}
	rule_begin(plan, chain);
	rule_verdict(plan, NFT_GOTO, KERNEL_SOURCE_CHAIN);
	rule_end(plan, KERNEL_FEATURE_NONE);
}

/*
 * A neighbour that does not answer, a tunnel that is narrower: the kernel says so to who
 * sent the packet, which by then is one of the machine's own addresses.
 */
static void plan_own_error(struct kernel_plan *plan, enum kernel_set set, uint8_t protocol, uint8_t last_type)
{
	const uint16_t loopback = ARPHRD_LOOPBACK;
	const uint8_t first_type = protocol == IPPROTO_ICMP ? last_type : 1;

	rule_begin(plan, "output");
	rule_load_meta(plan, NFT_META_OIFTYPE);
	rule_compare(plan, NFT_CMP_EQ, &loopback, sizeof(loopback));
	rule_load_meta(plan, NFT_META_L4PROTO);
	rule_compare(plan, NFT_CMP_EQ, &protocol, sizeof(protocol));
	rule_load_payload(plan, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(first_type));
	rule_compare_range(plan, &first_type, &last_type, sizeof(first_type));
	rule_match_set(plan, set, true);
	/* Between the machine's own programs it must arrive without the engine, too. */
	rule_queue(plan, SETTINGS_QUEUES_BY_SOURCE, true);
}

void kernel_plan_rules(struct kernel_plan *plan)
{
	const uint16_t port = htons(1);
	struct nftnl_expr *expression;

	rule_begin(plan, "defrag");
	expression = rule_expression(plan, "immediate");
	if (expression) {
		nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
		nftnl_expr_set(expression, NFTNL_EXPR_IMM_DATA, &port, sizeof(port));
	}
	expression = rule_expression(plan, "tproxy");
	if (expression) {
		nftnl_expr_set_u32(expression, NFTNL_EXPR_TPROXY_FAMILY, NFPROTO_UNSPEC);
		nftnl_expr_set_u32(expression, NFTNL_EXPR_TPROXY_REG_PORT, NFT_REG_1);
	}
	rule_end(plan, KERNEL_FEATURE_DEFRAG);

	for (unsigned int i = 0; i < SETTINGS_QUEUES_BY_SOURCE; i++) {
		char name[KERNEL_QUEUE_CHAIN_SIZE];

		rule_begin(plan, kernel_queue_chain(i, name));
		rule_queue(plan, i, false);
	}
	kernel_plan_source(plan);
	rule_begin(plan, "take");
	rule_notrack(plan);
	plan_queue(plan, "take", NFT_META_IIFNAME);
	plan_prerouting(plan);
	/* Answers to the router's own packets come back untracked: so must these leave; and so what we sent. */
	rule_begin(plan, "output-raw");
	rule_match_marked(plan);
	rule_notrack(plan);
	plan_set_rule(plan, "output-raw", KERNEL_SET_EXTERNAL4, false, rule_notrack);
	plan_set_rule(plan, "output-raw", KERNEL_SET_EXTERNAL6, false, rule_notrack);
	for (const char *const *chain = (const char *const[]){ "input", "forward", "output", NULL }; *chain; chain++) {
		bool input = **chain == 'i', output = **chain == 'o';

		rule_begin(plan, *chain);
		rule_accept_marked(plan);
		if (output) {
			/* Unreachable; of IPv6 also too big. */
			plan_own_error(plan, KERNEL_SET_EXTERNAL4, IPPROTO_ICMP, 3);
			plan_own_error(plan, KERNEL_SET_EXTERNAL6, IPPROTO_ICMPV6, 2);
		}
		if (input || output) {
			rule_begin(plan, *chain);
			rule_accept_loopback(plan, input ? NFT_META_IIFTYPE : NFT_META_OIFTYPE);
		}
		/* Forwarding never goes on without the engine: it would leave untranslated. */
		plan_queue(plan, *chain, input ? NFT_META_IIFNAME : output ? NFT_META_OIFNAME : 0);
	}
}
