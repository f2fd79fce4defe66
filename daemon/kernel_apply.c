/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Every change is one batch, built from the same pieces:
 * a fresh table (an orphan of a killed predecessor deleted in the same breath), or
 * new rules and set elements in the chains that stand. Chains are not remade while
 * running, because the kernel drops every queued packet when a hook goes.
 *
 * Kernels differ. Each message carries the feature that it needs; when the kernel
 * refuses such a message the batch is built again without that feature. There is
 * no probing: the answer to the real batch is the probe.
 *
 * A table has an owner only where it may outlive it (Linux 6.9): else the kernel would
 * remove it with a killed daemon, and packets would leave untranslated. See kernel_guard.c.
 */
#include "daemon/kernel_table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "daemon/kernel_plan.h"
#include "daemon/log.h"

#define PRIORITY_RAW (-300)
#define PRIORITY_FILTER 0
#define ELEMENTS_PER_MESSAGE 512u
#define SOCKET_BUFFER (4 << 20)
/* The kernel's and nft's numbers for the types of set keys. */
#define KEY_TYPE_IPV4 7u
#define KEY_TYPE_IPV6 8u

#ifndef NFT_TABLE_F_PERSIST /* Linux 6.9 */
#define NFT_TABLE_F_PERSIST 0x4
#endif

static const char *const feature_loss[KERNEL_FEATURE_COUNT] = {
	[KERNEL_FEATURE_OWNER] = "others can change the table (Linux before 6.9): it is put back when they do",
	[KERNEL_FEATURE_NATIVE_QUEUE] = "no nft queue statement, using the xtables target instead",
	[KERNEL_FEATURE_NOTRACK] = "no notrack statement: kernel connection tracking, if any, is not told",
	[KERNEL_FEATURE_DEFRAG] = "no tproxy statement: fragments are not reassembled",
	[KERNEL_FEATURE_HASH] = "no jhash expression: all sources share one queue",
};

struct kernel_table {
	struct mnl_socket *socket;
	bool installed;
	bool lacks[KERNEL_FEATURE_COUNT];
	struct kernel_sets sets; /* as installed */
	uint32_t sequence;
};

/* What a batch does, in that order. */
enum step {
	STEP_DELETE = 1, /* the table, whosever it was */
	STEP_CREATE = 2, /* table, sets and chains */
	STEP_SETS = 4,
	STEP_RULES = 8,
	STEP_SCATTER = 16, /* the rules of one chain, where STEP_RULES has been */
};

static const struct chain {
	const char *name;
	const char *type; /* NULL: not at a hook */
	uint32_t hook;
	int32_t priority;
} chains[] = {
	{ "take", NULL, 0, 0 },
	{ "defrag", NULL, 0, 0 },
	{ KERNEL_SOURCE_CHAIN, NULL, 0, 0 },
	{ "prerouting", "filter", NF_INET_PRE_ROUTING, PRIORITY_RAW },
	{ "output-raw", "filter", NF_INET_LOCAL_OUT, PRIORITY_RAW },
	{ "input", "filter", NF_INET_LOCAL_IN, PRIORITY_FILTER },
	{ "forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER },
	{ "output", "filter", NF_INET_LOCAL_OUT, PRIORITY_FILTER },
};

#define CHAIN_COUNT (sizeof(chains) / sizeof(chains[0]))

const char *kernel_set_name(enum kernel_set set)
{
	static const char *const names[KERNEL_SET_COUNT] = { "external4", "external6", "local4", "local6" };

	return names[set];
}

static bool set_is_ipv4(enum kernel_set set)
{
	return set == KERNEL_SET_EXTERNAL4 || set == KERNEL_SET_LOCAL4;
}

/* ------------------------------------------------------ table, chains and sets */

static void put_u32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
	mnl_attr_put_u32(message, type, htonl(value));
}

static void plan_delete(struct kernel_plan *plan)
{
	struct nlmsghdr *message = kernel_batch_add(&plan->batch, NFT_MSG_DELTABLE, 0, KERNEL_FEATURE_OLD_TABLE);

	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, KERNEL_TABLE_NAME);
	kernel_batch_end(&plan->batch, message);
}

static void plan_table(struct kernel_plan *plan)
{
	bool owned = !plan->lacks[KERNEL_FEATURE_OWNER];
	struct nlmsghdr *message =
	    kernel_batch_add(&plan->batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL,
			     owned ? (uint8_t)KERNEL_FEATURE_OWNER : (uint8_t)KERNEL_FEATURE_NONE);

	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, KERNEL_TABLE_NAME);
	put_u32(message, NFTA_TABLE_FLAGS, owned ? NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST : 0);
	kernel_batch_end(&plan->batch, message);
}

static void plan_set(struct kernel_plan *plan, enum kernel_set set)
{
	struct nlmsghdr *message = kernel_batch_add(&plan->batch, NFT_MSG_NEWSET, NLM_F_CREATE, KERNEL_FEATURE_NONE);

	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_SET_TABLE, KERNEL_TABLE_NAME);
	mnl_attr_put_strz(message, NFTA_SET_NAME, kernel_set_name(set));
	put_u32(message, NFTA_SET_FLAGS, NFT_SET_INTERVAL);
	put_u32(message, NFTA_SET_KEY_TYPE, set_is_ipv4(set) ? KEY_TYPE_IPV4 : KEY_TYPE_IPV6);
	put_u32(message, NFTA_SET_KEY_LEN, set_is_ipv4(set) ? 4 : 16);
	put_u32(message, NFTA_SET_ID, set + 1u);
	kernel_batch_end(&plan->batch, message);
}

static void plan_chain(struct kernel_plan *plan, const struct chain *chain)
{
	struct nlmsghdr *message = kernel_batch_add(&plan->batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, KERNEL_FEATURE_NONE);
	struct nlattr *hook;

	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, KERNEL_TABLE_NAME);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, chain->name);
	if (chain->type) {
		hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
		put_u32(message, NFTA_HOOK_HOOKNUM, chain->hook);
		put_u32(message, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
		mnl_attr_nest_end(message, hook);
		put_u32(message, NFTA_CHAIN_POLICY, NF_ACCEPT);
		mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, chain->type);
	}
	kernel_batch_end(&plan->batch, message);
}

/* Every rule of @chain. */
static void plan_flush_chain(struct kernel_plan *plan, const char *chain)
{
	struct nlmsghdr *message = kernel_batch_add(&plan->batch, NFT_MSG_DELRULE, 0, KERNEL_FEATURE_OLD_TABLE);

	if (!message)
		return;
	mnl_attr_put_strz(message, NFTA_RULE_TABLE, KERNEL_TABLE_NAME);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain);
	kernel_batch_end(&plan->batch, message);
}

static struct nlmsghdr *elements_message(struct kernel_plan *plan, uint16_t type, enum kernel_set set)
{
	struct nlmsghdr *message =
	    kernel_batch_add(&plan->batch, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
			     type == NFT_MSG_NEWSETELEM ? KERNEL_FEATURE_NONE : KERNEL_FEATURE_OLD_TABLE);

	if (!message)
		return NULL;
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, KERNEL_TABLE_NAME);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, kernel_set_name(set));
	return message;
}

static void put_element(struct nlmsghdr *message, const struct address *address, bool end)
{
	unsigned int skip = address_is_ipv4(address) ? 12 : 0;
	struct nlattr *element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	struct nlattr *key;

	if (end)
		put_u32(message, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
	mnl_attr_put(message, NFTA_DATA_VALUE, 16 - skip, address->bytes + skip);
	mnl_attr_nest_end(message, key);
	mnl_attr_nest_end(message, element);
}

static void plan_elements(struct kernel_plan *plan, enum kernel_set set)
{
	const struct kernel_set_ranges *ranges = &plan->sets->set[set];

	for (size_t i = 0; i < ranges->count;) {
		struct nlmsghdr *message = elements_message(plan, NFT_MSG_NEWSETELEM, set);
		size_t stop = i + ELEMENTS_PER_MESSAGE;
		struct nlattr *list;

		if (!message)
			return;
		list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (; i < ranges->count && i < stop; i++) {
			struct address after = ranges->list[i].last;

			put_element(message, &ranges->list[i].first, false);
			if (address_next(&after)) /* else the interval has no end */
				put_element(message, &after, true);
		}
		mnl_attr_nest_end(message, list);
		kernel_batch_end(&plan->batch, message);
	}
}

/* -------------------------------------------------------------------- the batch */

static void plan_build(struct kernel_plan *plan, unsigned int steps)
{
	char name[KERNEL_QUEUE_CHAIN_SIZE];
	bool fresh = steps & STEP_CREATE;

	if (steps & STEP_DELETE && !plan->lacks[KERNEL_FEATURE_OLD_TABLE])
		plan_delete(plan);
	if (fresh)
		plan_table(plan);
	for (unsigned int set = 0; set < KERNEL_SET_COUNT && steps & STEP_SETS; set++) {
		if (fresh)
			plan_set(plan, set);
		else
			kernel_batch_end(&plan->batch, elements_message(plan, NFT_MSG_DELSETELEM, set));
		plan_elements(plan, set);
	}
	for (unsigned int i = 0; i < CHAIN_COUNT && steps & STEP_RULES; i++) {
		if (fresh)
			plan_chain(plan, &chains[i]);
		else
			plan_flush_chain(plan, chains[i].name);
	}
	for (unsigned int i = 0; i < SETTINGS_QUEUES_BY_SOURCE && steps & STEP_RULES; i++) {
		if (fresh)
			plan_chain(plan, &(struct chain){ .name = kernel_queue_chain(i, name) });
		else
			plan_flush_chain(plan, kernel_queue_chain(i, name));
	}
	if (steps & STEP_RULES && fresh)
		kernel_plan_map(plan);
	if (steps & STEP_RULES)
		kernel_plan_rules(plan);
	if (steps & STEP_SCATTER) {
		plan_flush_chain(plan, KERNEL_SOURCE_CHAIN);
		kernel_plan_source(plan);
	}
}

static int table_try(struct kernel_table *table, unsigned int steps, const struct configuration *configuration,
		     const struct kernel_sets *sets, uint8_t *tag)
{
	struct kernel_plan plan = { .sets = sets, .lacks = table->lacks };
	int error;

	*tag = KERNEL_FEATURE_NONE;
	if (configuration) {
		plan.settings = &configuration->settings;
		plan.prefilter = ruleset_prefilter(configuration->ruleset);
	}
	kernel_batch_init(&plan.batch, NFNL_SUBSYS_NFTABLES, table->sequence);
	plan_build(&plan, steps);
	error = kernel_batch_send(&plan.batch, table->socket, tag);
	table->sequence = plan.batch.sequence;
	kernel_batch_fini(&plan.batch);
	return error;
}

/* Builds and sends until the kernel has everything it wants left out. */
static int table_commit(struct kernel_table *table, unsigned int steps, const struct configuration *configuration,
			const struct kernel_sets *sets)
{
	table->lacks[KERNEL_FEATURE_OLD_TABLE] = false;
	for (;;) {
		uint8_t tag;
		int error = table_try(table, steps, configuration, sets, &tag);

		if (!error || error == -EINTR || tag == KERNEL_FEATURE_NONE)
			return error;
		if (tag == KERNEL_FEATURE_OLD_TABLE) {
			if (error == -EPERM)
				return -EBUSY;
			if (error != -ENOENT)
				return error;
			/* Nobody's table is there: a new one then, if that is what this is about. */
			if (table->lacks[tag] || !(steps & STEP_RULES))
				return error;
			steps |= STEP_CREATE | STEP_SETS;
		}
		if (tag != KERNEL_FEATURE_OLD_TABLE && table->lacks[tag])
			return error;
		table->lacks[tag] = true;
		if (feature_loss[tag])
			log_write(LOG_LEVEL_INFO, "kernel: %s", feature_loss[tag]);
	}
}

static const char *error_text(int error)
{
	switch (error) {
	case -EPERM:
		return "no right to change nftables: start as root or with CAP_NET_ADMIN";
	case -EBUSY:
		return "table inet sluice belongs to another process: is sluiced running already?";
	case -ENOENT:
	case -EOPNOTSUPP:
		return "this kernel can neither queue from nftables nor by the NFQUEUE target";
	case -ENOMEM:
		return "no memory for the kernel's table";
	default:
		return "the kernel refused table inet sluice";
	}
}

int kernel_table_create(struct kernel_table **table)
{
	struct kernel_table *made = calloc(1, sizeof(*made));
	int size = SOCKET_BUFFER, error = -ENOMEM;

	if (!made)
		return -ENOMEM;
	made->sequence = 1;
	made->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!made->socket || mnl_socket_bind(made->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		kernel_table_destroy(made);
		return error;
	}
	/* A large set is a large batch. Without the right to it, small ones still work. */
	if (setsockopt(mnl_socket_get_fd(made->socket), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		log_write(LOG_LEVEL_DEBUG, "kernel: small send buffer: %m");
	*table = made;
	return 0;
}

int kernel_table_apply(struct kernel_table *table, const struct configuration *configuration,
		       const struct link_table *links, const char **message)
{
	unsigned int steps = STEP_SETS | STEP_RULES | (table->installed ? 0 : STEP_DELETE | STEP_CREATE);
	struct kernel_sets sets;
	int error = kernel_sets_init(&sets, ruleset_prefilter(configuration->ruleset), links);

	if (!error)
		error = table_commit(table, steps, configuration, &sets);
	if (error) {
		kernel_sets_fini(&sets);
		*message = error_text(error);
		return error;
	}
	kernel_sets_fini(&table->sets);
	table->sets = sets;
	table->installed = true;
	return 0;
}

int kernel_table_set_links(struct kernel_table *table, const struct configuration *configuration,
			   const struct link_table *links)
{
	struct kernel_sets sets;
	int error = kernel_sets_init(&sets, ruleset_prefilter(configuration->ruleset), links);

	if (!error && table->installed && !kernel_sets_equal(&sets, &table->sets))
		error = table_commit(table, STEP_SETS, NULL, &sets);
	if (error) {
		kernel_sets_fini(&sets);
		return error;
	}
	kernel_sets_fini(&table->sets);
	table->sets = sets;
	return 0;
}

bool kernel_table_protected(const struct kernel_table *table)
{
	return !table->lacks[KERNEL_FEATURE_OWNER];
}

uint32_t kernel_table_port(const struct kernel_table *table)
{
	return mnl_socket_get_portid(table->socket);
}

bool kernel_table_present(struct kernel_table *table)
{
	char buffer[4096];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *netfilter = mnl_nlmsg_put_extra_header(message, sizeof(*netfilter));
	ssize_t length;

	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = table->sequence++;
	*netfilter = (struct nfgenmsg){ .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, KERNEL_TABLE_NAME);
	if (mnl_socket_sendto(table->socket, message, message->nlmsg_len) < 0)
		return true;
	/* The kernel has answered by now. */
	length = recv(mnl_socket_get_fd(table->socket), buffer, sizeof(buffer), MSG_DONTWAIT);
	return length < (ssize_t)sizeof(*message) || message->nlmsg_type != NLMSG_ERROR;
}

void kernel_table_forget(struct kernel_table *table)
{
	table->installed = false;
}

int kernel_table_scatter(struct kernel_table *table, const struct configuration *configuration)
{
	if (!table->installed || table->lacks[KERNEL_FEATURE_HASH])
		return 0;
	return table_commit(table, STEP_SCATTER, configuration, NULL);
}

int kernel_table_remove(struct kernel_table *table)
{
	int error;

	if (!table->installed)
		return 0;
	error = table_commit(table, STEP_DELETE, NULL, NULL);
	if (!error || error == -ENOENT)
		table->installed = false;
	return table->installed ? error : 0;
}

void kernel_table_destroy(struct kernel_table *table)
{
	if (!table)
		return;
	if (table->socket)
		mnl_socket_close(table->socket);
	kernel_sets_fini(&table->sets);
	free(table);
}
