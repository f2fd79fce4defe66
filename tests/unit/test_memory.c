/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What README promises of memory: 256 bytes a session, whatever the capacity, a mapping for each included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "sluice/engine.h"
#include "sluice/snapshot.h"

#define PROMISED 256

static void test_bytes_each(void **unused)
{
	/* Powers of two, what lies just above one, and round numbers. */
	static const uint32_t capacities[] = { 65536, 65537, 100000, 262144, 1000000, 1048577, 4194304 };
	static const struct engine_secrets secrets = { { 1, 2 }, { 3, 4, 5, 6 } };

	(void)unused;
	for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		struct settings settings = settings_default();
		struct snapshot_status status;
		struct engine *engine;

		settings.capacity = capacities[i];
		engine = engine_create(&settings, &secrets, (struct mono){ 1 });
		assert_non_null(engine);
		snapshot_status(engine, &status);
		print_message("capacity %u: %u bytes a session\n", capacities[i], status.sessions.bytes_each);
		assert_true(status.sessions.bytes_each <= PROMISED);
		engine_destroy(engine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bytes_each) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
