/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One change of the kernel's table while it is put together: shared by
 * kernel_apply.c, which knows tables, chains and sets, kernel_table.c, which knows
 * rules, and kernel_map.c, which knows the way to the queues.
 */
#ifndef SLUICE_DAEMON_KERNEL_PLAN_H
#define SLUICE_DAEMON_KERNEL_PLAN_H

#include "daemon/kernel_batch.h"
#include "daemon/kernel_sets.h"
#include "daemon/kernel_table.h"

/* What a kernel may be without. Each message of a batch says which of them it needs. */
enum kernel_feature {
	KERNEL_FEATURE_NONE,	  /* a message that every kernel takes */
	KERNEL_FEATURE_OLD_TABLE, /* something that a predecessor left behind */
	KERNEL_FEATURE_OWNER,	  /* and that the table outlives its owner */
	KERNEL_FEATURE_NATIVE_QUEUE,
	KERNEL_FEATURE_NOTRACK,
	KERNEL_FEATURE_DEFRAG,
	KERNEL_FEATURE_HASH,
	KERNEL_FEATURE_COUNT,
};

struct nftnl_rule;

/**
 * struct kernel_plan
 * @lacks: what the kernel has turned out to be without
 * @rule: the one being built
 */
struct kernel_plan {
	struct kernel_batch batch;
	const struct settings *settings;
	const struct prefilter *prefilter;
	const struct kernel_sets *sets;
	const bool *lacks;
	struct nftnl_rule *rule;
};

/* The name of @set in the kernel. */
const char *kernel_set_name(enum kernel_set set);

/* The map from the hash of a source to the chain of its queue. */
#define KERNEL_QUEUE_MAP "queues"
#define KERNEL_QUEUE_MAP_ID (KERNEL_SET_COUNT + 1u)
/* The chain that looks it up. */
#define KERNEL_SOURCE_CHAIN "source"

#define KERNEL_QUEUE_CHAIN_SIZE 16

/** kernel_queue_chain() - the name of the chain that hands over to queue @index, counted from the first */
const char *kernel_queue_chain(unsigned int index, char name[KERNEL_QUEUE_CHAIN_SIZE]);

/** kernel_plan_map() - add KERNEL_QUEUE_MAP; the chains of the queues are there */
void kernel_plan_map(struct kernel_plan *plan);

/** kernel_plan_source() - add the rules of KERNEL_SOURCE_CHAIN, which is there and empty */
void kernel_plan_source(struct kernel_plan *plan);

/** kernel_plan_rules() - add every rule of every chain to the batch; the chains are there and empty */
void kernel_plan_rules(struct kernel_plan *plan);

#endif
