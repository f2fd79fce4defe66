/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Built without a fast path: every packet takes the queue. */
#include "daemon/fastpath.h"

#include <errno.h>

#include "daemon/pins.h"

/* What a build with a fast path left behind. */
void fastpath_clear(const struct pins *pins, const struct link_table *links)
{
	(void)links;
	if (pins)
		pins_clear(pins);
}

int fastpath_create(const struct fastpath_options *options, struct fastpath **fastpath, const char **message)
{
	(void)options;
	*fastpath = NULL;
	*message = "built without it";
	return -EOPNOTSUPP;
}

void fastpath_destroy(struct fastpath *fastpath, bool go_on)
{
	(void)fastpath;
	(void)go_on;
}

void fastpath_note(struct fastpath *fastpath, uint64_t digest)
{
	(void)fastpath;
	(void)digest;
}

bool fastpath_outlives(const struct fastpath *fastpath)
{
	(void)fastpath;
	return false;
}

bool fastpath_is_adopted(const struct fastpath *fastpath)
{
	(void)fastpath;
	return false;
}

int fastpath_reconcile(struct fastpath *fastpath, const struct engine *engine, uint32_t *removed)
{
	(void)fastpath;
	(void)engine;
	*removed = 0;
	return 0;
}

bool fastpath_renew(struct fastpath *fastpath, struct engine *engine, struct routes *routes,
		    const struct link_table *links, uint32_t budget)
{
	(void)fastpath;
	(void)engine;
	(void)routes;
	(void)links;
	(void)budget;
	return false;
}

struct engine_fastpath fastpath_for_engine(struct fastpath *fastpath)
{
	(void)fastpath;
	return (struct engine_fastpath){ 0 };
}

void fastpath_install(struct fastpath *fastpath, struct engine *engine, struct routes *routes,
		      const struct link_table *links, const struct offer *offer, struct mono now)
{
	(void)fastpath;
	(void)engine;
	(void)routes;
	(void)links;
	(void)offer;
	(void)now;
}

void fastpath_forget_interfaces(struct fastpath *fastpath)
{
	(void)fastpath;
}

const char *fastpath_mode(const struct fastpath *fastpath)
{
	(void)fastpath;
	return "off";
}

struct fastpath_failures fastpath_failures(const struct fastpath *fastpath)
{
	(void)fastpath;
	return (struct fastpath_failures){ 0 };
}
