/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/configuration_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/model/wire_model.h"

static char *give_text(void *context, const char *path, size_t *length)
{
	(void)path;
	*length = strlen(context);
	return strdup(context);
}

static int expand_nothing(void *context, const char *pattern, void (*each)(void *, const char *), void *each_context)
{
	(void)context;
	(void)pattern;
	(void)each;
	(void)each_context;
	return 0;
}

struct configuration *configuration_from_text(const char *file, const char *text, struct diagnostics *diagnostics)
{
	const struct loader loader = { (void *)(uintptr_t)text, give_text, expand_nothing };

	return configuration_load(&loader, file, diagnostics);
}

struct link link_with_address(uint32_t index, const char *name, const char *address, uint8_t prefix_length)
{
	struct link link = { .index = index, .mtu = 1500, .up = true, .address_count = 1 };

	snprintf(link.name, sizeof(link.name), "%s", name);
	link.addresses[0] = (struct link_address){
		.address = wire_address(address),
		.prefix_length = prefix_length,
		.global = true,
		.usable = true,
	};
	return link;
}
