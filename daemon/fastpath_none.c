/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Built without a fast path: every packet takes the queue. */
#include "daemon/fastpath.h"

#include <errno.h>

void fastpath_clear(const struct link_table *links)
{
	(void)links;
}

int fastpath_create(uint32_t capacity, struct fastpath **fastpath, const char **message)
{
	(void)capacity;
	*fastpath = NULL;
	*message = "built without it";
	return -EOPNOTSUPP;
}

void fastpath_destroy(struct fastpath *fastpath)
{
	(void)fastpath;
}

struct engine_fastpath fastpath_for_engine(struct fastpath *fastpath)
{
	(void)fastpath;
	return (struct engine_fastpath){ 0 };
}

void fastpath_install(struct fastpath *fastpath, struct engine *engine, struct routes *routes,
		      const struct link_table *links, const struct effect *effect)
{
	(void)fastpath;
	(void)engine;
	(void)routes;
	(void)links;
	(void)effect;
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

uint64_t fastpath_failed(const struct fastpath *fastpath)
{
	(void)fastpath;
	return 0;
}
