/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/scenario_path.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/model/packet_words.h"

#define HOLES 8

bool scenario_path_hole(const struct engine *engine, char **words, size_t count, char *why, size_t size)
{
	struct snapshot_black_hole list[HOLES];
	size_t found = snapshot_black_holes(engine, list, HOLES), i = 0;
	struct endpoint at;

	if (count == 1 && strcmp(words[0], "none") == 0) {
		if (found)
			snprintf(why, size, "there are %zu, the first: works %u, fails %u", found, list[0].works,
				 list[0].fails);
		return !found;
	}
	snprintf(why, size, "hole ADDRESS WORKS FAILS ACTION");
	if (count != 4 || !packet_words_endpoint(words[0], &at))
		return false;
	while (i < found && !address_equal(&list[i].destination, &at.address))
		i++;
	snprintf(why, size, "there is no such black hole among %zu", found);
	if (i == found)
		return false;
	snprintf(why, size, "works %u, fails %u, %s", list[i].works, list[i].fails, list[i].action);
	return list[i].works == atoi(words[1]) && list[i].fails == atoi(words[2]) &&
	       strcmp(list[i].action, words[3]) == 0;
}

bool scenario_path_mtu(const struct engine *engine, struct mono now, char **words, size_t count, char *why, size_t size)
{
	struct snapshot_cursor cursor = { 0 };
	struct snapshot_session session;
	unsigned int steps = UINT32_MAX;
	struct endpoint at;
	uint16_t mtu = 0;

	snprintf(why, size, "path_mtu ADDRESS N");
	if (count != 2 || !packet_words_endpoint(words[0], &at))
		return false;
	while (snapshot_next_session(engine, &cursor, now, &steps, &session) == 1)
		if (address_equal(&session.tuples[DIRECTION_REPLY].source.address, &at.address))
			mtu = session.path_mtu;
	snprintf(why, size, "it is %u", mtu);
	return mtu == atoi(words[1]);
}

bool scenario_path_answer(const struct packet *packet, const char *word, const char *number, char *why, size_t size)
{
	uint32_t value;

	if (strcmp(word, "size") == 0)
		value = packet->length;
	else if (strcmp(word, "seq") == 0)
		value = packet->tcp.sequence;
	else if (strcmp(word, "mtu") == 0)
		value = packet->icmp.mtu;
	else
		return true;
	snprintf(why, size, "the answer's %s is %u", word, value);
	return value == (uint32_t)strtoul(number, NULL, 10);
}
