/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a base chain stands: its type, hook, priority and policy. */
#include "rules/names.h"
#include "rules/parse_tokens.h"

static bool priority_by_name(const char *name, int64_t *priority)
{
	static const struct {
		const char *name;
		int32_t priority;
	} names[] = { { "raw", -300 }, { "mangle", -150 }, { "dstnat", -100 },
		      { "filter", 0 }, { "security", 50 }, { "srcnat", 100 } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name) == 0) {
			*priority = names[i].priority;
			return true;
		}
	}
	return false;
}

static bool priority_value(struct parser *parser, const struct expression *base, int64_t *priority)
{
	*priority = 0;
	if (!base)
		return true;
	if (base->kind == EXPRESSION_NUMBER) {
		*priority = base->number > INT32_MAX ? INT32_MAX : (int64_t)base->number;
		if (base->flags)
			*priority = -*priority;
		return true;
	}
	if (base->text && priority_by_name(base->text, priority))
		return true;
	report_error(parser->diagnostics, base->place, "\"%s\" is no priority", base->text ? base->text : "this");
	return false;
}

struct expression *build_priority(struct parser *parser, struct place place, struct expression *base, int sign,
				  uint64_t number)
{
	struct expression *result = build_number(parser, place, 0);
	int64_t priority;

	if (!priority_value(parser, base, &priority))
		return result;
	priority += sign * (int64_t)(number > INT32_MAX ? INT32_MAX : number);
	result->flags = priority < 0;
	result->number = (uint64_t)(priority < 0 ? -priority : priority);
	return result;
}

void chain_set_hook(struct parser *parser, struct place place, const char *type, const char *hook,
		    struct expression *priority)
{
	struct chain *chain = parser->chain;
	uint32_t type_number = 0, hook_number = 0;
	int64_t number;

	if (!symbol_find(chain_types, type, &type_number))
		report_error(parser->diagnostics, place, "unknown chain type %s", type);
	if (!symbol_find(hook_names, hook, &hook_number))
		report_error(parser->diagnostics, place,
			     strcmp(hook, "ingress") == 0 || strcmp(hook, "egress") == 0 ? "not supported: hook %s"
											 : "unknown hook %s",
			     hook);
	if (!priority_value(parser, priority, &number))
		number = 0;
	if (number < INT32_MIN || number > INT32_MAX)
		report_error(parser->diagnostics, priority->place, "the priority does not fit 32 bits");
	chain->base = true;
	chain->type = (enum chain_type)type_number;
	chain->hook = (enum hook)hook_number;
	chain->priority = (int32_t)number;
	if (chain->type == CHAIN_NAT && chain->hook == HOOK_FORWARD)
		report_error(parser->diagnostics, place, "a nat chain cannot be on the forward hook");
	if (chain->type == CHAIN_ROUTE && chain->hook != HOOK_OUTPUT)
		report_error(parser->diagnostics, place, "a route chain can only be on the output hook");
	if (chain->type == CHAIN_NAT && number <= -200)
		report_error(parser->diagnostics, priority->place, "a nat chain's priority must be above -200");
}

void chain_set_policy(struct parser *parser, struct place place, const char *policy)
{
	parser->chain->policy_drop = strcmp(policy, "drop") == 0;
	if (!parser->chain->policy_drop && strcmp(policy, "accept") != 0)
		report_error(parser->diagnostics, place, "a policy is accept or drop, not %s", policy);
	parser->chain->has_policy = true;
}
