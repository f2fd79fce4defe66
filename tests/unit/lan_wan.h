/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the engine: a gateway between many hosts inside and the network outside. Behind cmocka.h. */
#ifndef TESTS_UNIT_LAN_WAN_H
#define TESTS_UNIT_LAN_WAN_H

#include "tests/model/gateway.h"

#define LAN_INDEX(gateway) ((gateway)->links[0].index)
#define WAN_INDEX(gateway) ((gateway)->links[1].index)

/* lan_wan_start() - lan 10.0.0.1/8, wan 198.51.100.1/24, and that configuration; the test fails without */
static inline void lan_wan_start(struct gateway *gateway, const char *text)
{
	char why[400];

	assert_true(gateway_add_link(gateway, "lan=10.0.0.1/8"));
	assert_true(gateway_add_link(gateway, "wan=198.51.100.1/24"));
	if (!gateway_start(gateway, "test", text, why, sizeof(why)))
		fail_msg("%s", why);
}

#endif
